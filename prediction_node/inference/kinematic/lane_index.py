"""Which lanes run near a point: an exact grid index over centreline segments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.lane_map import Polylines
from prediction_node.inference.kinematic.kernels import lanes

CELL_M = 6.0
# A lane whose pieces would exceed this is a broken map, not a road.
MAX_PIECES = 20_000_000
_KEY_BITS = 31


@dataclass(frozen=True, slots=True, eq=False)
class LaneCandidates:
    """C pairs of query and lane, sorted by query and then lane; at most one row per pair."""

    query: np.ndarray  # (C,) int64 row of the query point
    lane: np.ndarray  # (C,) int64 row of the lane map
    arc_length_m: np.ndarray  # (C,) of the closest point, from the start of the lane
    offset_m: np.ndarray  # (C,) across the lane, left positive
    beyond_m: np.ndarray  # (C,) along the lane past its end (> 0) or before its start (< 0), else 0
    distance_m: np.ndarray  # (C,) to the closest point of the centreline
    heading_error_rad: np.ndarray  # (C,) query's yaw minus lane's in [-pi, pi)

    def __len__(self) -> int:
        return len(self.query)

    def select(self, index: np.ndarray) -> LaneCandidates:
        """The rows that `index` (bool mask or integers) picks."""
        return LaneCandidates(*(getattr(self, name)[index] for name in self.__slots__))


class LaneIndex:
    """Finds all lanes within a radius of many points at once.

    Segments are cut into pieces no longer than a cell and filed under every cell that their
    bounding box touches, in row-major order; so the cells of one grid row in a search window are
    one range of the sorted keys. Zero-length segments and lanes of fewer than two points are
    never found.
    """

    def __init__(self, centreline: Polylines, kept: np.ndarray | None = None) -> None:
        """Of all lanes, or of those that `kept` (L,) says."""
        points = centreline.points_m[:, :2].astype(np.float64)
        offsets = centreline.offsets
        lane_of_point = np.repeat(np.arange(len(centreline)), np.diff(offsets))
        step = np.diff(points, axis=0) if len(points) > 1 else np.zeros((0, 2))
        length = np.hypot(step[:, 0], step[:, 1])
        inside = lane_of_point[1:] == lane_of_point[:-1]
        arc = np.concatenate([[0.0], np.cumsum(np.where(inside, length, 0.0))])
        lane_start = np.zeros(len(centreline))
        filled = np.diff(offsets) > 0
        lane_start[filled] = arc[offsets[:-1][filled]]
        inside &= (length > 1e-9) & np.isfinite(length)
        if kept is not None:
            inside &= kept[lane_of_point[1:]]
        keep = np.flatnonzero(inside)
        # Working near zero keeps all digits on maps whose coordinates reach 10^7 m.
        self.origin_m = points[keep].mean(axis=0) if len(keep) else np.zeros(2)
        self._lane = lane_of_point[keep]
        self._x, self._y = np.ascontiguousarray((points[keep] - self.origin_m).T)
        self._length = length[keep]
        self._ux, self._uy = np.ascontiguousarray((step[keep] / self._length[:, None]).T)
        self._yaw = np.arctan2(self._uy, self._ux)
        self._arc = arc[keep] - lane_start[self._lane]
        same = self._lane[1:] == self._lane[:-1]
        self._first = np.concatenate([[True], ~same]) if len(keep) else np.zeros(0, bool)
        self._last = np.concatenate([~same, [True]]) if len(keep) else np.zeros(0, bool)
        self._file_pieces()

    def _file_pieces(self) -> None:
        count = np.maximum(np.ceil(self._length / CELL_M), 1.0)
        if count.sum() > MAX_PIECES:
            raise ValueError(
                f'centrelines must stay below {MAX_PIECES * CELL_M:.3g} m in all, '
                f'got {self._length.sum():.3g} m'
            )
        count = count.astype(np.int64)
        segment = np.repeat(np.arange(len(count)), count)
        rank = np.arange(len(segment)) - np.repeat(np.cumsum(count) - count, count)
        reach = (self._length / count)[segment]
        start = np.stack([self._x, self._y], axis=-1)[segment]
        direction = np.stack([self._ux, self._uy], axis=-1)[segment]
        a = start + (rank * reach)[:, None] * direction
        b = a + reach[:, None] * direction
        low = np.floor(np.minimum(a, b) / CELL_M).astype(np.int64)
        high = np.floor(np.maximum(a, b) / CELL_M).astype(np.int64)
        keys, owners = [], []
        # A piece is no longer than a cell, so its box touches at most two cells each way.
        for dx in (0, 1):
            for dy in (0, 1):
                touched = (low[:, 0] + dx <= high[:, 0]) & (low[:, 1] + dy <= high[:, 1])
                keys.append(_key(low[touched, 0] + dx, low[touched, 1] + dy))
                owners.append(segment[touched])
        key = np.concatenate(keys)
        owner = np.concatenate(owners)
        order = np.lexsort((owner, key))
        self._key = key[order]
        self._segment = owner[order]

    def near(self, xy_m: np.ndarray, yaw_rad: np.ndarray, radius_m: float) -> LaneCandidates:
        """All lanes whose centreline comes within `radius_m` of the points (N, 2), map frame.

        Points that are not finite find nothing. Exact: the same answer as looking at every segment.
        """
        x, y = np.ascontiguousarray((np.asarray(xy_m, np.float64) - self.origin_m).T)
        segments = {
            'start_x_m': self._x,
            'start_y_m': self._y,
            'ux': self._ux,
            'uy': self._uy,
            'length_m': self._length,
        }
        query, segment = lanes.closest_segments(
            x_m=x,
            y_m=y,
            radius_m=float(radius_m),
            cell_m=CELL_M,
            key_bits=_KEY_BITS,
            key=self._key,
            filed=self._segment,
            lane=self._lane,
            **segments,
        )
        arc_length, offset, beyond, distance, error = lanes.places_on_segments(
            x_m=x,
            y_m=y,
            yaw_rad=np.ascontiguousarray(yaw_rad, np.float64),
            query=query,
            segment=segment,
            arc_m=self._arc,
            segment_yaw_rad=self._yaw,
            is_first=self._first,
            is_last=self._last,
            **segments,
        )
        lane = self._lane[segment]
        return LaneCandidates(query, lane, arc_length, offset, beyond, distance, error)


def _key(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Row-major order of grid cells as one integer each."""
    middle = 1 << (_KEY_BITS - 1)
    return np.asarray(((y + middle) << _KEY_BITS) + (x + middle))
