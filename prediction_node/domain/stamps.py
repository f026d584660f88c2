"""Instants are integer nanoseconds; only differences between instants become seconds."""

from __future__ import annotations

NS_PER_S = 1_000_000_000
STEP_NS = 100_000_000  # one release, one history step, one prediction step


def from_sec_nanosec(sec: int, nanosec: int) -> int:
    """Nanoseconds since the epoch from the two fields of a builtin_interfaces/Time."""
    return int(sec) * NS_PER_S + int(nanosec)


def to_sec_nanosec(stamp_ns: int) -> tuple[int, int]:
    """The two fields of a builtin_interfaces/Time."""
    sec, nanosec = divmod(int(stamp_ns), NS_PER_S)
    return sec, nanosec


def seconds(duration_ns: int) -> float:
    """A difference of two stamps in seconds. Never pass an absolute stamp: a double cannot hold
    it.
    """
    return duration_ns / NS_PER_S


def nanoseconds(duration_s: float) -> int:
    """A duration in whole nanoseconds."""
    return round(duration_s * NS_PER_S)
