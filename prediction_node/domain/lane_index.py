"""Which lanes run near a point: an exact grid index over centreline segments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.lane_map import LaneMap

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
    lane_yaw_rad: np.ndarray  # (C,) heading of the lane there
    heading_error_rad: np.ndarray  # (C,) query's yaw minus lane's in [-pi, pi); 0 without a yaw

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

    def __init__(self, lane_map: LaneMap) -> None:
        points = lane_map.centreline.points_m[:, :2].astype(np.float64)
        offsets = lane_map.centreline.offsets
        lane_of_point = np.repeat(np.arange(len(lane_map)), np.diff(offsets))
        step = np.diff(points, axis=0) if len(points) > 1 else np.zeros((0, 2))
        length = np.hypot(step[:, 0], step[:, 1])
        inside = lane_of_point[1:] == lane_of_point[:-1]
        arc = np.concatenate([[0.0], np.cumsum(np.where(inside, length, 0.0))])
        lane_start = np.zeros(len(lane_map))
        filled = np.diff(offsets) > 0
        lane_start[filled] = arc[offsets[:-1][filled]]
        keep = np.flatnonzero(inside & (length > 1e-9) & np.isfinite(length))
        self.lane_count = len(lane_map)
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

    def near(self, xy_m: np.ndarray, yaw_rad: np.ndarray | None, radius_m: float) -> LaneCandidates:
        """All lanes whose centreline comes within `radius_m` of the points (N, 2), map frame.

        Points that are not finite find nothing. Exact: the same answer as looking at every segment.
        """
        xy_m = np.asarray(xy_m, np.float64) - self.origin_m
        query, segment = self._window(xy_m, radius_m)
        dx = xy_m[query, 0] - self._x[segment]
        dy = xy_m[query, 1] - self._y[segment]
        ux, uy = self._ux[segment], self._uy[segment]
        along = dx * ux + dy * uy
        across = dy * ux - dx * uy
        clamped = np.minimum(np.maximum(along, 0.0), self._length[segment])
        overshoot = along - clamped
        distance = np.hypot(overshoot, across)
        best = self._closest(query, segment, distance, radius_m)
        query, segment = query[best], segment[best]
        overshoot, across, distance = overshoot[best], across[best], distance[best]
        at_end = np.where(overshoot < 0.0, self._first[segment], self._last[segment])
        at_end &= overshoot != 0.0
        lane_yaw = self._yaw[segment]
        error = np.zeros(len(query))
        if yaw_rad is not None:
            error = wrap_angle(np.asarray(yaw_rad, np.float64)[query] - lane_yaw)
        return LaneCandidates(
            query=query,
            lane=self._lane[segment],
            arc_length_m=self._arc[segment] + clamped[best],
            # At a bend the closest point is a vertex: the whole distance lies across the lane.
            offset_m=np.where(at_end, across, np.copysign(distance, across)),
            beyond_m=np.where(at_end, overshoot, 0.0),
            distance_m=distance,
            lane_yaw_rad=lane_yaw,
            heading_error_rad=error,
        )

    def _closest(
        self, query: np.ndarray, segment: np.ndarray, distance: np.ndarray, radius_m: float
    ) -> np.ndarray:
        """Rows of the closest segment of every (query, lane); of equals the first."""
        close = np.flatnonzero(distance <= radius_m)
        pair = query[close] * max(self.lane_count, 1) + self._lane[segment[close]]
        order = np.argsort(pair, kind='stable')
        close, pair = close[order], pair[order]
        begin = np.flatnonzero(np.concatenate([[True], pair[1:] != pair[:-1]])[: len(pair)])
        if not len(begin):
            return close
        count = np.diff(begin, append=len(pair))
        nearest = np.repeat(np.minimum.reduceat(distance[close], begin), count)
        # Next to a vertex two segments are equally close; rounding must not choose between them.
        rank = np.where(distance[close] <= nearest + 1e-9, segment[close], len(self._length))
        first = np.repeat(np.minimum.reduceat(rank, begin), count)
        chosen = np.flatnonzero(rank == first)
        # One segment may be filed under several cells of the window.
        unique = np.concatenate([[True], pair[chosen][1:] != pair[chosen][:-1]])
        return np.asarray(close[chosen[unique]])

    def _window(self, xy_m: np.ndarray, radius_m: float) -> tuple[np.ndarray, np.ndarray]:
        """Pairs (query, segment) of all segments filed in the cells around each query."""
        usable = np.flatnonzero(
            np.isfinite(xy_m).all(axis=1) & (np.abs(xy_m) < CELL_M * 2**29).all(axis=1)
        )
        low = np.floor((xy_m[usable] - radius_m) / CELL_M).astype(np.int64)
        high = np.floor((xy_m[usable] + radius_m) / CELL_M).astype(np.int64)
        rows = int((high[:, 1] - low[:, 1]).max()) + 1 if len(usable) else 0
        row = low[:, 1, None] + np.arange(rows)
        begin = np.searchsorted(self._key, _key(low[:, 0, None], row))
        end = np.searchsorted(self._key, _key(high[:, 0, None], row), side='right')
        count = np.where(row <= high[:, 1, None], end - begin, 0).ravel()
        query = np.repeat(np.repeat(usable, rows), count)
        rank = np.arange(len(query)) - np.repeat(np.cumsum(count) - count, count)
        return query, self._segment[np.repeat(begin.ravel(), count) + rank]


def _key(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Row-major order of grid cells as one integer each."""
    middle = 1 << (_KEY_BITS - 1)
    return np.asarray(((y + middle) << _KEY_BITS) + (x + middle))
