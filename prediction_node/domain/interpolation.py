"""A world between its instants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.recording import Recording


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The M road users of a recording that are there at `stamp_ns`, in the map frame."""

    stamp_ns: int
    row: np.ndarray  # (M,) int64 into the recording, increasing
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
    first = instant(recording, before)
    after = first if int(stamps[before]) == stamp_ns else instant(recording, before + 1)
    return Passage(first, after).at(stamp_ns)


def instant(recording: Recording, index: int) -> Snapshot:
    """The recording at one of its instants, untouched."""
    row = np.flatnonzero(recording.valid[:, index])
    return Snapshot(
        stamp_ns=int(recording.stamp_ns[index]),
        row=row,
        position_m=recording.position_m[row, index],
        yaw_rad=recording.yaw_rad[row, index],
        velocity_mps=recording.velocity_mps[row, index],
        yaw_rate_radps=_yaw_rate(recording, row, index),
        attributes=recording.attributes[row, index],
        has_attribute=recording.has_attribute[row, index],
    )


def _yaw_rate(recording: Recording, row: np.ndarray, index: int) -> np.ndarray:
    """(M,) over the step that led to the instant; where there is none, over the one after it."""
    rate = np.zeros(len(row))
    known = np.zeros(len(row), dtype=bool)
    for first in (index - 1, index):
        if not 0 <= first < len(recording.stamp_ns) - 1:
            continue
        both = ~known & recording.valid[row, first] & recording.valid[row, first + 1]
        turn = wrap_angle(recording.yaw_rad[row, first + 1] - recording.yaw_rad[row, first])
        step_s = int(recording.stamp_ns[first + 1] - recording.stamp_ns[first]) * 1e-9
        rate[both] = turn[both] / step_s
        known |= both
    return rate


class Passage:
    """From one snapshot of a world to the next: whoever is in both, at any instant of it."""

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        """Raises ValueError if `after` is the earlier one, or another one of the same instant."""
        if after is not before and after.stamp_ns <= before.stamp_ns:
            raise ValueError(f'{after.stamp_ns} must be later than {before.stamp_ns}')
        self.before, self.after = before, after
        self.row, first, last = _in_both(before.row, after.row)
        self._position = before.position_m[first], after.position_m[last]
        self._velocity = before.velocity_mps[first], after.velocity_mps[last]
        self._yaw_rad = before.yaw_rad[first]
        self._turn_rad = wrap_angle(after.yaw_rad[last] - self._yaw_rad)
        self._attributes = before.attributes[first]
        self._has_attribute = before.has_attribute[first]

    def at(self, stamp_ns: int) -> Snapshot:
        """Linear between the two; yaw along the shorter arc. Raises ValueError outside of them."""
        before, after = self.before, self.after
        if not before.stamp_ns <= stamp_ns <= after.stamp_ns:
            raise ValueError(f'{stamp_ns} lies outside of {before.stamp_ns} to {after.stamp_ns}')
        if stamp_ns == after.stamp_ns:
            return _wrapped(after)
        if stamp_ns == before.stamp_ns:
            return _wrapped(before)
        step_ns = after.stamp_ns - before.stamp_ns
        share = (stamp_ns - before.stamp_ns) / step_ns
        return Snapshot(
            stamp_ns=stamp_ns,
            row=self.row,
            position_m=_blend(self._position, share),
            yaw_rad=wrap_angle(self._yaw_rad + share * self._turn_rad),
            velocity_mps=_blend(self._velocity, share),
            yaw_rate_radps=self._turn_rad / (step_ns * 1e-9),
            attributes=self._attributes,
            has_attribute=self._has_attribute,
        )


def _in_both(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What two increasing arrays share, and where it stands in either."""
    if np.array_equal(a, b):
        everywhere = np.arange(len(a))
        return a, everywhere, everywhere
    return np.intersect1d(a, b, assume_unique=True, return_indices=True)


def _blend(ends: tuple[np.ndarray, np.ndarray], share: float) -> np.ndarray:
    return np.asarray((1.0 - share) * ends[0] + share * ends[1])


def _wrapped(exact: Snapshot) -> Snapshot:
    return Snapshot(
        stamp_ns=exact.stamp_ns,
        row=exact.row,
        position_m=exact.position_m,
        yaw_rad=wrap_angle(exact.yaw_rad),
        velocity_mps=exact.velocity_mps,
        yaw_rate_radps=exact.yaw_rate_radps,
        attributes=exact.attributes,
        has_attribute=exact.has_attribute,
    )
