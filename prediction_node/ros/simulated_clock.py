"""Simulated time between the ticks of /clock."""

from __future__ import annotations

import time

_MAX_AHEAD = 1.0  # never further than one tick ahead of the newest


class SimulatedClock:
    """The newest /clock, carried forward by the wall time since it came, at the rate ticks come.

    A player's ticks are 10 ms apart: without this, every message would seem to arrive at a tick.
    """

    def __init__(self) -> None:
        self._tick_ns: int | None = None
        self._tick_wall_ns = 0
        self._tick_length_ns = 0
        self._rate = 1.0  # simulated per wall time

    def tick(self, clock_ns: int, wall_ns: int | None = None) -> bool:
        """Take a /clock message. True if time went backwards."""
        wall_ns = time.monotonic_ns() if wall_ns is None else wall_ns
        previous, self._tick_ns = self._tick_ns, clock_ns
        wall_step, self._tick_wall_ns = wall_ns - self._tick_wall_ns, wall_ns
        if previous is None:
            return False
        step = clock_ns - previous
        if step < 0:
            self._tick_length_ns = 0
            return True
        self._tick_length_ns = step
        if wall_step > 0 and 0.01 < step / wall_step < 100.0:
            self._rate += 0.05 * (step / wall_step - self._rate)
        return False

    def now_ns(self, wall_ns: int | None = None) -> int:
        """Simulated time now; 0 before the first tick."""
        if self._tick_ns is None:
            return 0
        wall_ns = time.monotonic_ns() if wall_ns is None else wall_ns
        ahead = (wall_ns - self._tick_wall_ns) * self._rate
        return self._tick_ns + int(min(ahead, self._tick_length_ns * _MAX_AHEAD))
