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
    yaw_rate_radps: np.ndarray  # (M,) mean over the step around the instant
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
    after = min(before + 1, len(stamps) - 1)
    valid = recording.valid[:, before]
    turning = valid & recording.valid[:, after]
    if not exact:
        valid = turning
    row = np.flatnonzero(valid)
    span_ns = int(stamps[after]) - int(stamps[before])
    share = 0.0 if exact else (stamp_ns - int(stamps[before])) / span_ns

    def blend(values: np.ndarray) -> np.ndarray:
        if exact:  # the next instant may be invalid, its values without meaning
            return np.array(values[row, before])
        return np.asarray((1.0 - share) * values[row, before] + share * values[row, after])

    turn_rad = np.where(
        turning[row],
        wrap_angle(recording.yaw_rad[row, after] - recording.yaw_rad[row, before]),
        0.0,
    )
    return Snapshot(
        stamp_ns=stamp_ns,
        row=row,
        position_m=blend(recording.position_m),
        yaw_rad=wrap_angle(recording.yaw_rad[row, before] + share * turn_rad),
        velocity_mps=blend(recording.velocity_mps),
        yaw_rate_radps=turn_rad / (span_ns * 1e-9) if span_ns else np.zeros(len(row)),
        attributes=recording.attributes[row, before],
        has_attribute=recording.has_attribute[row, before],
    )
