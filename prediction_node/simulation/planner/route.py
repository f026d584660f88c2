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
_DETOUR_COST_M = 300.0  # of each lane off the route
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


class Road:
    """The road lanes of a map as paths, prepared once."""

    def __init__(self, lane_map: LaneMap) -> None:
        """Raises MapError if the map has no road lane."""
        self.lane_map = lane_map
        lines = [lane_map.centreline[i][:, :2] for i in range(len(lane_map))]
        self.length_m = np.array([_length(line) for line in lines])
        rows = np.flatnonzero((lane_map.kind == LaneKind.ROAD) & (self.length_m > 0.0))
        if not len(rows):
            raise MapError(f'{lane_map.source or "the map"}: there is no road lane to drive on')
        self.usable = np.zeros(len(lane_map), bool)
        self.usable[rows] = True
        self.paths = {int(row): Path.of(lines[row]) for row in rows}
        self.points_m = np.concatenate(
            [np.stack([path.x_m, path.y_m], axis=-1) for path in self.paths.values()]
        )
        self.yaw_rad = np.concatenate([path.yaw_rad for path in self.paths.values()])
        self.arc_m = np.concatenate([path.arc_m for path in self.paths.values()])
        self.lane = np.repeat(rows, [len(path.arc_m) for path in self.paths.values()])
        self.changes_into = _changes_into(lane_map)


class Route:
    """What it costs to get from each lane to the goal, and so where to go."""

    def __init__(
        self,
        road: Road,
        goals: Iterable[int] | None = None,
        favoured: Iterable[int] | None = None,
    ) -> None:
        """`goals` and `favoured` are rows of the map. Lanes that are not favoured are detours;
        None favours all. Without goals all lanes are as good as any other.

        Raises MapError if no goal is a road lane.
        """
        self.road, self.lane_map = road, road.lane_map
        self._has_goal = goals is not None
        if goals is None:
            self.cost_to_go_m = np.where(road.usable, 0.0, np.inf)
        else:
            wanted = [int(goal) for goal in goals if road.usable[goal]]
            if not wanted:
                source = self.lane_map.source or 'the map'
                raise MapError(f'{source}: no lane of the route is a road lane')
            toll = np.zeros(len(self.lane_map))
            if favoured is not None:
                toll += _DETOUR_COST_M
                toll[list(favoured)] = 0.0
            self.cost_to_go_m = self._costs(wanted, toll)
        self._rounded = np.round(self.cost_to_go_m, 3)
        self._near = np.flatnonzero(np.isfinite(self.cost_to_go_m[road.lane]))
        self._left_m = self.cost_to_go_m[road.lane[self._near]] - road.arc_m[self._near]

    def _costs(self, goals: list[int], toll: np.ndarray) -> np.ndarray:
        """(L,) metres from a lane's start to the goal's end, inf where there is no way."""
        road = self.road
        cost = np.full(len(self.lane_map), np.inf)
        queue = []
        for goal in goals:
            cost[goal] = road.length_m[goal]
            queue.append((float(cost[goal]), goal))
        heapq.heapify(queue)
        while queue:
            so_far, lane = heapq.heappop(queue)
            if so_far > cost[lane]:
                continue
            before = self.lane_map.predecessors[lane].tolist()
            steps = [(other, road.length_m[other]) for other in before]
            steps += [(other, LANE_CHANGE_COST_M) for other in road.changes_into.get(lane, ())]
            for other, length in steps:
                total = so_far + length + toll[other]
                if road.usable[other] and total < cost[other]:
                    cost[other] = total
                    heapq.heappush(queue, (float(total), other))
        return cost

    def place(self, position_m: np.ndarray, yaw_rad: float) -> tuple[int, float] | None:
        """Lane and arc length of the robotaxi on the route; None when it is far from it.

        Of lanes about as near, the one that is closer to the goal.
        """
        road, near = self.road, self._near
        off = road.points_m[near] - position_m
        distance = np.hypot(off[:, 0], off[:, 1])
        turn = np.abs(wrap_angle(road.yaw_rad[near] - yaw_rad))
        score = distance + _TURN_WEIGHT_M * np.maximum(turn - 0.2, 0.0)
        best = int(np.argmin(score))
        if distance[best] > _FARTHEST_M:
            return None
        alike = np.flatnonzero(score <= score[best] + 0.3)
        row = near[alike[np.lexsort((score[alike], self._left_m[alike]))[0]]]
        return int(road.lane[row]), float(road.arc_m[row])

    def current(self, position_m: np.ndarray, yaw_rad: float) -> Route:
        """The part of the way that lies ahead of a place: all of it."""
        return self

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
        lanes, total = [lane], self.road.length_m[lane]
        arc0 = float(self.road.paths[lane].project(position_m)[0])
        arc0 = min(max(arc0, 0.0), float(self.road.length_m[lane]))
        ends = False
        while total - arc0 < length_m:
            following = [int(k) for k in self.lane_map.successors[lanes[-1]]]
            following = [k for k in following if np.isfinite(self.cost_to_go_m[k])]
            following = [k for k in following if self.road.length_m[k] > 0.0 and k not in lanes]
            if not following or self._is_goal(lanes[-1]):
                ends = True
                break
            best = min(following, key=lambda k: (self._rounded[k], k not in prefer))
            lanes.append(best)
            total += self.road.length_m[best]
        points = np.concatenate([self.lane_map.centreline[k][:, :2] for k in lanes])
        whole = Path.of(points)
        stop = min(arc0 + length_m, whole.length_m)
        if stop - arc0 < 2.0:  # at the very end of the route: a little straight on
            stop = arc0 + 2.0
        at = np.linspace(arc0, stop, max(int(stop - arc0), 2) + 1)
        path = Path.of(whole.at(at)[:, :2])
        starts = np.concatenate([[0.0], np.cumsum(self.road.length_m[lanes])[:-1]]) - arc0
        return Stretch(
            path=path,
            lanes=tuple(lanes),
            starts_m=tuple(float(start) for start in starts),
            limit_mps=self._limits(lanes, starts, path),
            ends=ends,
            cost_to_go_m=float(self.cost_to_go_m[lane] - arc0),
        )

    def _is_goal(self, lane: int) -> bool:
        return self._has_goal and bool(self.cost_to_go_m[lane] <= self.road.length_m[lane])

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
