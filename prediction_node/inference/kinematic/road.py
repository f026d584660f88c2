"""The map as the kinematic predictor needs it, prepared once per map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.lane_map import LaneKind, LaneMap, Polylines, Relation
from prediction_node.inference.kinematic.lane_geometry import LaneGeometry
from prediction_node.inference.kinematic.lane_index import LaneIndex
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.routes import RouteTable

# A stop line need not reach across every lane it belongs to.
MAX_STOP_LINE_GAP_M = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Road:
    """Lane geometry, routes, index and stopping places of one map."""

    lane_map: LaneMap | None  # None: nowhere
    geometry: LaneGeometry
    index: LaneIndex
    crosswalks: LaneIndex
    routes: RouteTable
    speed_limit_mps: np.ndarray  # (L,) the default where the map has none
    limit_known: np.ndarray  # (L,) bool
    change_left: np.ndarray  # (L,) int64 lane to the left that one may change into, -1: none
    change_right: np.ndarray  # (L,) int64
    carries_vehicles: np.ndarray  # (L,) bool
    for_cyclists: np.ndarray  # (L,) bool
    is_shoulder: np.ndarray  # (L,) bool
    light_stop_m: np.ndarray  # (L,) arc length at which the lane's lights make one stop

    @classmethod
    def of(cls, lane_map: LaneMap, parameters: KinematicParameters) -> Road:
        geometry = LaneGeometry.of(lane_map.centreline)
        known = lane_map.has_speed_limit & np.isfinite(lane_map.speed_limit_mps)
        limit = np.where(known, lane_map.speed_limit_mps, parameters.default_speed_limit_mps)
        kind = lane_map.kind
        vehicles = (LaneKind.ROAD, LaneKind.SHOULDER, LaneKind.BICYCLE)
        return cls(
            lane_map=lane_map,
            geometry=geometry,
            index=LaneIndex(lane_map.centreline),
            crosswalks=LaneIndex(lane_map.centreline, kind == LaneKind.CROSSWALK),
            routes=RouteTable.of(lane_map, geometry, parameters.turn_weight),
            speed_limit_mps=np.maximum(limit, 1.0),
            limit_known=known,
            change_left=np.where(lane_map.left_change, _first_target(lane_map.left), -1),
            change_right=np.where(lane_map.right_change, _first_target(lane_map.right), -1),
            carries_vehicles=np.isin(kind, vehicles),
            for_cyclists=kind == LaneKind.BICYCLE,
            is_shoulder=kind == LaneKind.SHOULDER,
            light_stop_m=_light_stops(lane_map, geometry),
        )

    @classmethod
    def nowhere(cls) -> Road:
        """No lanes at all: where no map is known."""
        none, whole, no = np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.bool_)
        lines = Polylines.of([])
        return cls(
            lane_map=None,
            geometry=LaneGeometry.of(lines),
            index=LaneIndex(lines),
            crosswalks=LaneIndex(lines),
            routes=RouteTable.empty(),
            speed_limit_mps=none,
            limit_known=no,
            change_left=whole,
            change_right=whole,
            carries_vehicles=no,
            for_cyclists=no,
            is_shoulder=no,
            light_stop_m=none,
        )


def _first_target(relation: Relation) -> np.ndarray:
    """(L,) the first target of every lane, -1 where it has none."""
    first = np.full(len(relation), -1, np.int64)
    some = np.diff(relation.offsets) > 0
    first[some] = relation.targets[relation.offsets[:-1][some]]
    return first


def _light_stops(lane_map: LaneMap, geometry: LaneGeometry) -> np.ndarray:
    """(L,) where the stop line of the lane's lights comes closest to it, else the lane's end.

    Maps differ in which lanelet they tie a light to: the one that ends at the stop line (stop at
    its end) or the one across the junction (stop at its start); the closest place serves both.
    """
    stop = geometry.length_m.copy()
    for group in range(len(lane_map.light_group_id)):
        lines = lane_map.light_stop_line[group]
        if not len(lines):
            continue
        line = lane_map.stop_lines[int(lines[0])][:, :2] - geometry.origin_m
        if not len(line):
            continue
        for lane in lane_map.light_lanes[group]:
            first, count = geometry.first[lane], geometry.count[lane]
            picked = slice(first, first + count)
            xy = np.stack([geometry.x_m[picked], geometry.y_m[picked]], axis=-1)
            stop[lane] = geometry.spacing_m[lane] * _place_of_line(xy, line[0], line[-1])
    return stop


def _place_of_line(xy: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Where a polyline (n, 2) meets the segment from a to b, in steps from its start.

    If it does not cross the segment's line near the segment, its point closest to the segment.
    """
    span = b - a
    square = max(float(span @ span), 1e-9)
    share = np.clip((xy - a) @ span / square, 0.0, 1.0)
    away = np.hypot(*(xy - a - share[:, None] * span).T)
    side = (xy[:, 0] - a[0]) * span[1] - (xy[:, 1] - a[1]) * span[0]
    crossing = np.flatnonzero((side[1:] > 0.0) != (side[:-1] > 0.0))
    crossing = crossing[np.minimum(away[crossing], away[crossing + 1]) < MAX_STOP_LINE_GAP_M]
    if not len(crossing):
        return float(np.argmin(away))
    k = crossing[np.argmin(away[crossing] + away[crossing + 1])]
    return float(k + side[k] / (side[k] - side[k + 1]))
