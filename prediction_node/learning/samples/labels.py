"""What happened next, on the uniform grid of labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.stamps import NS_PER_S, STEP_NS
from prediction_node.learning.samples.sample import FUTURE_STEPS

# Interpolated over at most this: one missed message at 10 Hz, not a disappearance.
MAX_GAP_NS = NS_PER_S // 4
# Faster than any road user: an id that jumps to another body.
MAX_SPEED_MPS = 70.0
_AHEAD_NS = STEP_NS * np.arange(FUTURE_STEPS + 1, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Where M bodies were at S instants, in the map frame."""

    stamp_ns: np.ndarray  # (S,) int64, increasing
    position_m: np.ndarray  # (M, S, 2)
    yaw_rad: np.ndarray  # (M, S)
    valid: np.ndarray  # (M, S) bool

    def __post_init__(self) -> None:
        m, s = self.valid.shape
        if self.position_m.shape != (m, s, 2) or self.yaw_rad.shape != (m, s):
            raise ValueError(
                f'Tracks of valid {(m, s)} have position_m {self.position_m.shape} and yaw_rad '
                f'{self.yaw_rad.shape}'
            )
        if self.stamp_ns.shape != (s,):
            raise ValueError(f'Tracks.stamp_ns must have shape {(s,)}, got {self.stamp_ns.shape}')

    def at(
        self, rows: np.ndarray, instants_ns: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positions (R, Q, 2), yaws (R, Q) and whether known (R, Q) of rows (R,) at instants (Q,).

        Linear between neighbouring instants at most MAX_GAP_NS apart at both of which the body is
        known; what is not known is 0.
        """
        count = len(self.stamp_ns)
        shape = (len(rows), len(instants_ns))
        if not count:
            return np.zeros((*shape, 2)), np.zeros(shape), np.zeros(shape, bool)
        before = np.searchsorted(self.stamp_ns, instants_ns, side='right') - 1
        inside = before >= 0
        before = np.maximum(before, 0)
        after = np.minimum(before + 1, count - 1)
        since = instants_ns - self.stamp_ns[before]
        gap = self.stamp_ns[after] - self.stamp_ns[before]
        exact = since == 0
        bridged = inside & (exact | ((gap > 0) & (gap <= MAX_GAP_NS)))
        share = np.where(exact, 0.0, since / np.maximum(gap, 1))
        at = (rows[:, None], before[None])
        then = (rows[:, None], np.where(exact, before, after)[None])
        known = bridged & self.valid[at] & self.valid[then]
        first, second = self.position_m[at], self.position_m[then]
        position = first + share[:, None] * (second - first)
        yaw = self.yaw_rad[at] + share * wrap_angle(self.yaw_rad[then] - self.yaw_rad[at])
        return (
            np.where(known[..., None], position, 0.0),
            np.where(known, wrap_angle(yaw), 0.0),
            known,
        )


def futures(
    tracks: Tracks, rows: np.ndarray, stamp_ns: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`future_m`, `future_yaw_rad`, `future_valid` as in Sample of bodies (N,), -1: nobody's.

    A body must be known at `stamp_ns` itself. Its future ends at the first instant at which it is
    not, for nobody knows whether what comes back later under its id is the same body; nor is it
    after a jump that nothing on a road can make.
    """
    somebody = rows >= 0
    position, yaw, known = tracks.at(np.where(somebody, rows, 0), stamp_ns + _AHEAD_NS)
    known &= somebody[:, None]
    step_m = np.linalg.norm(np.diff(position, axis=1), axis=-1)
    jump = step_m > MAX_SPEED_MPS * STEP_NS / NS_PER_S
    known[:, 1:] &= ~jump
    valid = np.logical_and.accumulate(known, axis=1)[:, 1:]
    return (
        np.where(valid[..., None], position[:, 1:], 0.0),
        np.where(valid, yaw[:, 1:], 0.0),
        valid,
    )


def ego_future(
    tracks: Tracks, speed_mps: np.ndarray, row: int, stamp_ns: int
) -> tuple[np.ndarray, np.ndarray]:
    """`ego_future`, `ego_future_valid` as in Sample of body `row`, whose speeds are (S,)."""
    position, yaw, valid = futures(tracks, np.array([row]), stamp_ns)
    speed = np.interp(
        (_AHEAD_NS[1:] + (stamp_ns - int(tracks.stamp_ns[0]))).astype(np.float64),
        (tracks.stamp_ns - tracks.stamp_ns[0]).astype(np.float64),
        speed_mps,
    )
    out = np.column_stack([position[0], yaw[0], np.where(valid[0], speed, 0.0)])
    return out, valid[0]
