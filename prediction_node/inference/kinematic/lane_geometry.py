"""Centrelines on uniform arc lengths: every question about a place on a lane is a table look-up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.lane_map import Polylines

SPACING_M = 2.0
# Curvature is the turn over this distance, so that the kinks of coarse polylines are no curves.
CURVATURE_BASE_M = 12.0
MAX_SAMPLES = 5_000_000


@dataclass(frozen=True, slots=True, eq=False)
class LaneGeometry:
    """Samples of L lanes; lane i owns rows first[i] to first[i] + count[i] - 1, at least two.

    Coordinates are map coordinates minus `origin_m`.
    """

    origin_m: np.ndarray  # (2,)
    length_m: np.ndarray  # (L,)
    first: np.ndarray  # (L,) int64
    count: np.ndarray  # (L,) int64
    spacing_m: np.ndarray  # (L,) between the lane's samples
    # One array per coordinate: numpy gathers those ten times faster than rows of two.
    x_m: np.ndarray  # (S,)
    y_m: np.ndarray  # (S,)
    ux: np.ndarray  # (S,) unit tangent
    uy: np.ndarray  # (S,)
    curvature_1pm: np.ndarray  # (S,) left positive

    @classmethod
    def of(cls, line: Polylines) -> LaneGeometry:
        """Samples of centrelines, map frame."""
        points = line.points_m[:, :2].astype(np.float64)
        finite = points[np.isfinite(points).all(axis=1)]
        origin = finite.mean(axis=0) if len(finite) else np.zeros(2)
        points = np.where(np.isfinite(points), points - origin, 0.0)
        arc, length = _arc_lengths(points, line)
        # Rounding must not decide how a lane of a whole number of spacings is sampled.
        count = np.clip(np.ceil(length / SPACING_M - 1e-6), 1, None).astype(np.int64) + 1
        if count.sum() > MAX_SAMPLES:
            raise ValueError(f'centrelines need {count.sum()} samples, the bound is {MAX_SAMPLES}')
        spacing = length / (count - 1)
        first = np.cumsum(count) - count
        lane = np.repeat(np.arange(len(count)), count)
        rank = np.arange(len(lane)) - first[lane]
        # Lanes lie end to end on one axis, a metre apart, so one interpolation serves them all.
        base = np.cumsum(length + 1.0) - length - 1.0
        filled = np.diff(line.offsets) > 0
        at = base[lane] + rank * spacing[lane]
        on_axis = arc + np.repeat(base, np.diff(line.offsets))
        xy = np.zeros((len(lane), 2))
        if filled.any():
            xy[:, 0] = np.interp(at, on_axis, points[:, 0])
            xy[:, 1] = np.interp(at, on_axis, points[:, 1])
        direction = _tangents(xy, first, count, lane, rank)
        curvature = _curvatures(direction, first, count, spacing, lane, rank)
        x, y = np.ascontiguousarray(xy.T)
        ux, uy = np.ascontiguousarray(direction.T)
        return cls(origin, length, first, count, spacing, x, y, ux, uy, curvature)


def _arc_lengths(points: np.ndarray, line: Polylines) -> tuple[np.ndarray, np.ndarray]:
    """(P,) distance of every point from the start of its line, (L,) lengths."""
    lanes = len(line)
    of_point = np.repeat(np.arange(lanes), np.diff(line.offsets))
    step = np.hypot(*np.diff(points, axis=0, prepend=points[:1]).T)
    step[np.diff(of_point, prepend=-1) != 0] = 0.0
    total = np.cumsum(step)
    start = np.zeros(lanes)
    length = np.zeros(lanes)
    filled = np.flatnonzero(np.diff(line.offsets) > 0)
    start[filled] = total[line.offsets[:-1][filled]]
    length[filled] = total[line.offsets[1:][filled] - 1] - start[filled]
    return total - start[of_point], length


def _tangents(
    xy: np.ndarray, first: np.ndarray, count: np.ndarray, lane: np.ndarray, rank: np.ndarray
) -> np.ndarray:
    """(S, 2) unit central differences, one-sided at the ends; x for lanes without length."""
    before = first[lane] + np.maximum(rank - 1, 0)
    after = first[lane] + np.minimum(rank + 1, count[lane] - 1)
    step = xy[after] - xy[before]
    norm = np.hypot(step[:, 0], step[:, 1])
    flat = norm < 1e-9
    step[flat] = (1.0, 0.0)
    norm[flat] = 1.0
    return np.asarray(step / norm[:, None])


def _curvatures(
    direction: np.ndarray,
    first: np.ndarray,
    count: np.ndarray,
    spacing: np.ndarray,
    lane: np.ndarray,
    rank: np.ndarray,
) -> np.ndarray:
    """(S,) change of heading over CURVATURE_BASE_M around each sample."""
    half = np.maximum(np.round(0.5 * CURVATURE_BASE_M / np.maximum(spacing, 1e-3)), 1.0)
    reach = half[lane].astype(np.int64)
    low = np.maximum(rank - reach, 0)
    high = np.minimum(rank + reach, count[lane] - 1)
    yaw = np.arctan2(direction[:, 1], direction[:, 0])
    turn = wrap_angle(yaw[first[lane] + high] - yaw[first[lane] + low])
    # A short lane's turn counts over at least half the base: its neighbours share the curve.
    distance = np.maximum((high - low) * spacing[lane], 0.5 * CURVATURE_BASE_M)
    return np.asarray(turn / distance)
