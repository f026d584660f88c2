"""A recording between its instants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.recording import Recording


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The M road users of a recording that are there at `stamp_ns`, in the map frame."""

    stamp_ns: int
    row: np.ndarray  # (M,) int64 into the recording
    position_m: np.ndarray  # (M, 3)
    yaw_rad: np.ndarray  # (M,)
    velocity_mps: np.ndarray  # (M, 2)
    yaw_rate_radps: np.ndarray  # (M,) 0 where a single instant is all there is
    attributes: np.ndarray  # (M, ATTRIBUTE_COUNT) of the instant before
    has_attribute: np.ndarray  # (M, ATTRIBUTE_COUNT)


def snapshot(recording: Recording, stamp_ns: int) -> Snapshot:
    """Linear between the instants around `stamp_ns`; yaw along the shorter arc.

    A road user is there if it is valid at both instants (at the one, when `stamp_ns` is an
    instant).
    Raises ValueError outside of the recording.
    """
    stamps = recording.stamp_ns
    if not len(stamps) or not stamps[0] <= stamp_ns <= stamps[-1]:
        raise ValueError(f'{stamp_ns} lies outside of recording {recording.name}')
    before = int(np.searchsorted(stamps, stamp_ns, side='right')) - 1
    exact = int(stamps[before]) == stamp_ns
    after = before if exact else before + 1
    row = np.flatnonzero(recording.valid[:, before] & recording.valid[:, after])
    share = 0.0 if exact else (stamp_ns - int(stamps[before])) / int(stamps[after] - stamps[before])

    def blend(values: np.ndarray) -> np.ndarray:
        return np.asarray((1.0 - share) * values[row, before] + share * values[row, after])

    turn_rad = wrap_angle(recording.yaw_rad[row, after] - recording.yaw_rad[row, before])
    return Snapshot(
        stamp_ns=stamp_ns,
        row=row,
        position_m=blend(recording.position_m),
        yaw_rad=wrap_angle(recording.yaw_rad[row, before] + share * turn_rad),
        velocity_mps=blend(recording.velocity_mps),
        yaw_rate_radps=_yaw_rate(recording, row, before, exact),
        attributes=recording.attributes[row, before],
        has_attribute=recording.has_attribute[row, before],
    )


def _yaw_rate(recording: Recording, row: np.ndarray, before: int, exact: bool) -> np.ndarray:
    """(M,) over the step that the instant lies in; at an instant, over the step that led to it."""
    rate = np.zeros(len(row))
    known = np.zeros(len(row), dtype=bool)
    for first in (before - 1, before) if exact else (before,):
        if not 0 <= first < len(recording.stamp_ns) - 1:
            continue
        both = ~known & recording.valid[row, first] & recording.valid[row, first + 1]
        turn = wrap_angle(recording.yaw_rad[row, first + 1] - recording.yaw_rad[row, first])
        step_s = int(recording.stamp_ns[first + 1] - recording.stamp_ns[first]) * 1e-9
        rate[both] = turn[both] / step_s
        known |= both
    return rate
