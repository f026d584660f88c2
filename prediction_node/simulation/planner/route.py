"""Where to go: lanes that lead to the goal, and the road ahead along them."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.errors import MapError
from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.lane_map import LaneKind, LaneMap
from prediction_node.simulation.planner.path import Path

LANE_CHANGE_COST_M = 60.0
DEFAULT_LIMIT_MPS = 13.9
_FARTHEST_M = 12.0  # from a lane: beyond it the robotaxi is not on the route
_TURN_WEIGHT_M = 10.0  # a wrong heading of one radian weighs as much as this distance
_STOP_LINE_REACH_M = 8.0  # a stop line belongs to a lane if it comes this close to it


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """The road ahead along lanes of the route, from the place nearest to the robotaxi."""

    path: Path
    lanes: tuple[int, ...]  # rows of the lane map, in order
    starts_m: tuple[float, ...]  # where each begins on the path; the first at or below 0
    limit_mps: np.ndarray  # (S,) speed limit at the path's samples
    ends: bool  # the path ends because the route or the lane does
    cost_to_go_m: float  # from its start to the goal, lane changes included


class Route:
    """Lanes to drive on, with what it costs from each to the goal."""

    def __init__(
        self,
        lane_map: LaneMap,
        goals: Iterable[int] | None = None,
        allowed: Iterable[int] | None = None,
    ) -> None:
        """`goals` and `allowed` are rows of the map. None allows every road lane; without goals
        all lanes are as good as any other.

        Raises MapError if no goal is a road lane, or the map has none.
        """
        self.lane_map = lane_map
        self._lines = [lane_map.centreline[i][:, :2] for i in range(len(lane_map))]
        self._length = np.array([_length(line) for line in self._lines])
        usable = lane_map.kind == LaneKind.ROAD
        if allowed is not None:
            mask = np.zeros(len(lane_map), bool)
            mask[list(allowed)] = True
            usable &= mask
        wanted = np.flatnonzero(usable).tolist() if goals is None else [int(g) for g in goals]
        if not any(usable[goal] for goal in wanted):
            raise MapError(f'{lane_map.source or "the map"}: no lane of the route is a road lane')
        self._has_goal = goals is not None
        if self._has_goal:
            self.cost_to_go_m = self._costs(wanted, usable)
        else:
            self.cost_to_go_m = np.where(usable, 0.0, np.inf)
        self._rounded = np.round(self.cost_to_go_m, 3)
        self._index()

    def _costs(self, goals: list[int], usable: np.ndarray) -> np.ndarray:
        """(L,) metres from a lane's start to the goal's end, inf where there is no way."""
        cost = np.full(len(self.lane_map), np.inf)
        queue = []
        for goal in goals:
            if usable[goal]:
                cost[goal] = self._length[goal]
                queue.append((cost[goal], goal))
        heapq.heapify(queue)
        beside = _changes_into(self.lane_map)
        while queue:
            so_far, lane = heapq.heappop(queue)
            if so_far > cost[lane]:
                continue
            steps = [(int(p), self._length[p]) for p in self.lane_map.predecessors[lane]]
            steps += [(other, LANE_CHANGE_COST_M) for other in beside.get(lane, ())]
            for other, length in steps:
                if usable[other] and so_far + length < cost[other]:
                    cost[other] = so_far + length
                    heapq.heappush(queue, (float(cost[other]), other))
        return cost

    def _index(self) -> None:
        rows = [i for i in np.flatnonzero(np.isfinite(self.cost_to_go_m)) if self._length[i] > 0.0]
        points, yaws, lanes, arcs = [], [], [], []
        for row in rows:
            path = Path.of(self._lines[row])
            points.append(np.stack([path.x_m, path.y_m], axis=-1))
            yaws.append(path.yaw_rad)
            arcs.append(path.arc_m)
            lanes.append(np.full(len(path.arc_m), row))
        self._points = np.concatenate(points)
        self._yaws, self._lanes = np.concatenate(yaws), np.concatenate(lanes)
        self._arcs = np.concatenate(arcs)

    def place(self, position_m: np.ndarray, yaw_rad: float) -> tuple[int, float] | None:
        """Lane and arc length of the robotaxi on the route; None when it is far from it.

        Of lanes about as near, the one that is closer to the goal.
        """
        off = self._points - position_m
        distance = np.hypot(off[:, 0], off[:, 1])
        turn = np.abs(wrap_angle(self._yaws - yaw_rad))
        score = distance + _TURN_WEIGHT_M * np.maximum(turn - 0.2, 0.0)
        best = float(score.min())
        if distance[int(np.argmin(score))] > _FARTHEST_M:
            return None
        near = np.flatnonzero(score <= best + 0.3)
        left_m = self.cost_to_go_m[self._lanes[near]] - self._arcs[near]
        row = int(near[np.lexsort((score[near], left_m))[0]])
        return int(self._lanes[row]), float(self._arcs[row])

    def beside(self, lane: int, *, left: bool) -> int | None:
        """The neighbouring lane of the route that may be changed to."""
        relation = self.lane_map.left if left else self.lane_map.right
        may = self.lane_map.left_change if left else self.lane_map.right_change
        targets = relation[lane]
        if not len(targets) or not may[lane] or not np.isfinite(self.cost_to_go_m[targets[0]]):
            return None
        return int(targets[0])

    def ahead(
        self, lane: int, position_m: np.ndarray, length_m: float, prefer: frozenset[int]
    ) -> Stretch:
        """The road from the place on `lane` nearest to `position_m`, for `length_m`.

        Where ways part, the one that is shortest to the goal; of equals one in `prefer`.
        """
        lanes, total = [lane], self._length[lane]
        arc0 = float(Path.of(self._lines[lane]).project(position_m)[0])
        arc0 = min(max(arc0, 0.0), float(self._length[lane]))
        ends = False
        while total - arc0 < length_m:
            following = [int(k) for k in self.lane_map.successors[lanes[-1]]]
            following = [k for k in following if np.isfinite(self.cost_to_go_m[k])]
            following = [k for k in following if self._length[k] > 0.0 and k not in lanes]
            if not following or self._is_goal(lanes[-1]):
                ends = True
                break
            best = min(following, key=lambda k: (self._rounded[k], k not in prefer))
            lanes.append(best)
            total += self._length[best]
        points = np.concatenate([self._lines[k] for k in lanes])
        whole = Path.of(points)
        stop = min(arc0 + length_m, whole.length_m)
        if stop - arc0 < 2.0:  # at the very end of the route: a little straight on
            stop = arc0 + 2.0
        at = np.linspace(arc0, stop, max(int(stop - arc0), 2) + 1)
        path = Path.of(whole.at(at)[:, :2])
        starts = np.concatenate([[0.0], np.cumsum(self._length[lanes])[:-1]]) - arc0
        return Stretch(
            path=path,
            lanes=tuple(lanes),
            starts_m=tuple(float(start) for start in starts),
            limit_mps=self._limits(lanes, starts, path),
            ends=ends,
            cost_to_go_m=float(self.cost_to_go_m[lane] - arc0),
        )

    def _is_goal(self, lane: int) -> bool:
        return self._has_goal and bool(self.cost_to_go_m[lane] <= self._length[lane])

    def _limits(self, lanes: list[int], starts: np.ndarray, path: Path) -> np.ndarray:
        known = self.lane_map.has_speed_limit[lanes]
        limit = np.where(known, self.lane_map.speed_limit_mps[lanes], DEFAULT_LIMIT_MPS)
        rank = np.clip(np.searchsorted(starts, path.arc_m, side='right') - 1, 0, len(lanes) - 1)
        return np.asarray(limit[rank])


def _length(line: np.ndarray) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum()) if len(line) > 1 else 0.0


def _changes_into(lane_map: LaneMap) -> dict[int, list[int]]:
    """For each lane those from which one may change into it."""
    into: dict[int, list[int]] = {}
    sides = ((lane_map.left, lane_map.left_change), (lane_map.right, lane_map.right_change))
    for relation, may in sides:
        for lane in np.flatnonzero(may):
            for target in relation[lane]:
                into.setdefault(int(target), []).append(int(lane))
    return into


def stop_line_arc(stretch: Stretch, rank: int, line: np.ndarray, lane_length_m: float) -> float:
    """Where the stop line (n, 2) of the lane `stretch.lanes[rank]` meets the path.

    Maps tie a light to the lane that ends at the line or to the one that crosses the junction: of
    places within reach, the one on or next to the lane that is closest to the line's middle.
    """
    middle = 0.5 * (line[0] + line[-1])
    arc, offset = stretch.path.project(middle)
    start = stretch.starts_m[rank]
    on_lane = start - _STOP_LINE_REACH_M <= arc <= start + lane_length_m + _STOP_LINE_REACH_M
    if on_lane and abs(offset) <= _STOP_LINE_REACH_M:
        return float(arc)
    return start
