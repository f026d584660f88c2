"""The road map as nodes of a graph: lane pieces and signal groups, prepared once per map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from prediction_node.domain.lane_map import LaneKind, LaneMap, Turn
from prediction_node.domain.tensors import MAP_NAMES
from prediction_node.tensors.pieces import PIECE_M, POINTS, Pieces

COLUMN = {name: i for i, name in enumerate(MAP_NAMES)}
MAX_SPEED_LIMIT_MPS = 60.0
# Oncoming traffic is looked for among so many nearest pieces.
_NEIGHBOURS = 24
_OPPOSITE_COS = -0.7
_BESIDE_GAP_M = 1.0
_TOUCH_M = 1e-3
_WALKED = (LaneKind.WALKWAY, LaneKind.CROSSWALK)
_DRIVEN = (LaneKind.ROAD, LaneKind.BICYCLE, LaneKind.SHOULDER)
_TURN_NAMES = {
    Turn.STRAIGHT: 'turn_straight',
    Turn.LEFT: 'turn_left',
    Turn.RIGHT: 'turn_right',
}


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Directed edges by source: node i leads to targets[offsets[i]:offsets[i + 1]]."""

    offsets: np.ndarray  # (Q + 1,) int64
    targets: np.ndarray  # (E,) int64

    @classmethod
    def of(cls, count: int, source: np.ndarray, target: np.ndarray) -> Edges:
        """Of (E,) pairs among `count` nodes, each pair once, targets ascending."""
        pairs = np.unique(source.astype(np.int64) * max(count, 1) + target.astype(np.int64))
        source, target = pairs // max(count, 1), pairs % max(count, 1)
        per_node = np.bincount(source, minlength=count)
        return cls(np.concatenate([[0], np.cumsum(per_node)]).astype(np.int64), target)


@dataclass(frozen=True, slots=True, eq=False)
class MapNodes:
    """Q nodes: the pieces of all lanes in the map's order, then one per signal group.

    Coordinates are map coordinates minus `origin_m`.
    """

    origin_m: np.ndarray  # (2,)
    xy_m: np.ndarray  # (Q, 2) middle
    direction: np.ndarray  # (Q, 2) unit vector there
    point_m: np.ndarray  # (Q, POINTS, 2) along the node, in its own frame
    feature: np.ndarray  # (Q, len(MAP_NAMES)) float32, without lights
    half_width_m: np.ndarray  # (Q,)
    lane: np.ndarray  # (Q,) int64 row of the map, -1 for signal groups
    group: np.ndarray  # (Q,) int64 row of the signal groups, -1 for lane pieces
    directed: np.ndarray  # (Q,) bool: driven one way
    following: Edges
    left: Edges
    right: Edges
    oncoming: Edges
    ruling: Edges  # lane piece -> signal groups
    turn: np.ndarray  # (L,) int64, Turn of every lane
    group_order: np.ndarray  # (G,) int64 rows of the groups by ascending id
    group_id: np.ndarray  # (G,) int64 ascending
    light_offsets: np.ndarray  # (G + 1,) int64
    light_lanes: np.ndarray  # (E,) int64 lanes that a group rules

    def __len__(self) -> int:
        return len(self.xy_m)

    @classmethod
    def of(cls, lane_map: LaneMap | None) -> MapNodes:
        """Of a map; no nodes where there is none."""
        if lane_map is None or not len(lane_map):
            return _nothing()
        pieces = Pieces.of(lane_map)
        lights = _light_nodes(lane_map, pieces)
        lanes, groups = len(pieces.lane), len(lane_map.light_group_id)
        count = lanes + groups
        feature = np.zeros((count, len(MAP_NAMES)), np.float32)
        _describe_pieces(lane_map, pieces, feature[:lanes])
        _describe_lights(lane_map, feature[lanes:])
        feature[:lanes, COLUMN['length_m']] = pieces.length_m
        feature[lanes:, COLUMN['length_m']] = lights[3]
        order = np.argsort(lane_map.light_group_id, kind='stable')
        kind = lane_map.kind[pieces.lane]
        return cls(
            origin_m=pieces.origin_m,
            xy_m=np.concatenate([pieces.xy_m, lights[0]]),
            direction=np.concatenate([pieces.direction, lights[1]]),
            point_m=np.concatenate([pieces.point_m, lights[2]]),
            feature=feature,
            half_width_m=np.concatenate([pieces.half_width_m, np.zeros(groups)]),
            lane=np.concatenate([pieces.lane, np.full(groups, -1)]),
            group=np.concatenate([np.full(lanes, -1), np.arange(groups)]),
            directed=np.concatenate([np.isin(kind, _DRIVEN), np.zeros(groups, bool)]),
            following=_following(lane_map, pieces, count),
            left=_beside(lane_map.left.offsets, lane_map.left.targets, pieces, count),
            right=_beside(lane_map.right.offsets, lane_map.right.targets, pieces, count),
            oncoming=_oncoming(kind, pieces, count),
            ruling=_ruling(lane_map, pieces, count),
            turn=lane_map.turn.astype(np.int64),
            group_order=order.astype(np.int64),
            group_id=lane_map.light_group_id[order].astype(np.int64),
            light_offsets=lane_map.light_lanes.offsets.astype(np.int64),
            light_lanes=lane_map.light_lanes.targets.astype(np.int64),
        )


def _nothing() -> MapNodes:
    none = Edges(np.zeros(1, np.int64), np.zeros(0, np.int64))
    whole, pairs = np.zeros(0, np.int64), np.zeros((0, 2))
    return MapNodes(
        origin_m=np.zeros(2),
        xy_m=pairs,
        direction=pairs,
        point_m=np.zeros((0, POINTS, 2)),
        feature=np.zeros((0, len(MAP_NAMES)), np.float32),
        half_width_m=np.zeros(0),
        lane=whole,
        group=whole,
        directed=np.zeros(0, bool),
        following=none,
        left=none,
        right=none,
        oncoming=none,
        ruling=none,
        turn=whole,
        group_order=whole,
        group_id=whole,
        light_offsets=np.zeros(1, np.int64),
        light_lanes=whole,
    )


def _describe_pieces(lane_map: LaneMap, pieces: Pieces, feature: np.ndarray) -> None:
    """Write what the map says of every piece's lane."""
    lane = pieces.lane
    feature[np.arange(len(lane)), COLUMN['kind_road'] + lane_map.kind[lane].astype(np.int64)] = 1.0
    for turn, name in _TURN_NAMES.items():
        feature[:, COLUMN[name]] = lane_map.turn[lane] == turn
    known = lane_map.has_speed_limit & np.isfinite(lane_map.speed_limit_mps)
    limit = np.where(known, np.clip(lane_map.speed_limit_mps, 0.0, MAX_SPEED_LIMIT_MPS), 0.0)
    feature[:, COLUMN['speed_limit_mps']] = limit[lane]
    feature[:, COLUMN['has_speed_limit']] = known[lane]
    feature[:, COLUMN['half_width_m']] = pieces.half_width_m
    has_way = np.zeros(len(lane_map), bool)
    has_way[lane_map.yields_to.targets] = True
    feature[:, COLUMN['gives_way']] = (np.diff(lane_map.yields_to.offsets) > 0)[lane]
    feature[:, COLUMN['has_way']] = has_way[lane]
    stops = np.zeros(len(lane_map), bool)
    stops[lane_map.stop_line_lanes.targets] = True
    feature[:, COLUMN['ends_at_stop_line']] = stops[lane] & pieces.is_last
    feature[:, COLUMN['left_change']] = lane_map.left_change[lane]
    feature[:, COLUMN['right_change']] = lane_map.right_change[lane]


def _describe_lights(lane_map: LaneMap, feature: np.ndarray) -> None:
    feature[:, COLUMN['kind_light']] = 1.0
    ruled = lane_map.light_lanes
    for group in range(len(feature)):
        turns = lane_map.turn[ruled[group]]
        for turn, name in _TURN_NAMES.items():
            feature[group, COLUMN[name]] = np.any(turns == turn)


def _light_nodes(
    lane_map: LaneMap, pieces: Pieces
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Middles (G, 2), directions (G, 2), points (G, POINTS, 2) and lengths (G,) of stop lines.

    The direction is that of the ruled lane at the piece end nearest to the line. A group without a
    stop line stands at the end of the first lane it rules, one without lanes under its lamps.
    """
    groups = len(lane_map.light_group_id)
    xy, direction = np.zeros((groups, 2)), np.tile([1.0, 0.0], (groups, 1))
    point, length = np.zeros((groups, POINTS, 2)), np.zeros(groups)
    share = np.linspace(0.0, 1.0, POINTS)[:, None]
    for group in range(groups):
        ruled = np.flatnonzero(np.isin(pieces.lane, lane_map.light_lanes[group]))
        lines = lane_map.light_stop_line[group]
        line = None
        if len(lines) and len(lane_map.stop_lines[int(lines[0])]):
            line = lane_map.stop_lines[int(lines[0])][:, :2] - pieces.origin_m
            xy[group] = 0.5 * (line[0] + line[-1])
        elif len(ruled):
            first = ruled[pieces.lane[ruled] == pieces.lane[ruled[0]]][-1]
            xy[group] = pieces.end_m[first]
        elif len(lane_map.light_position[group]):
            xy[group] = lane_map.light_position[group][:, :2].mean(axis=0) - pieces.origin_m
        if len(ruled):
            to_end = np.hypot(*(pieces.end_m[ruled] - xy[group]).T)
            to_start = np.hypot(*(pieces.start_m[ruled] - xy[group]).T)
            nearest = np.minimum(to_end, to_start)
            # Rounding must not choose between lanes that fork from one place.
            direction[group] = pieces.direction[ruled[np.argmin(np.round(nearest, 3))]]
        if line is not None:
            along = line[0] + share * (line[-1] - line[0]) - xy[group]
            (cos, sin) = direction[group]
            point[group] = along @ np.array([[cos, -sin], [sin, cos]])
            length[group] = np.hypot(*(line[-1] - line[0]))
    return xy, direction, point, length


def _following(lane_map: LaneMap, pieces: Pieces, count: int) -> Edges:
    """From every piece to those one may drive, or walk, into next."""
    inner = np.flatnonzero(~pieces.is_last)
    source, target = [inner], [inner + 1]
    walked = np.isin(lane_map.kind, _WALKED)
    back = inner[walked[pieces.lane[inner]]]
    source.append(back + 1)
    target.append(back)
    lane = np.repeat(np.arange(len(lane_map)), np.diff(lane_map.successors.offsets))
    then = lane_map.successors.targets
    kept = (pieces.first[lane] >= 0) & (pieces.first[then] >= 0)
    lane, then = lane[kept], then[kept]
    on_foot = walked[lane] & walked[then]
    source.append(pieces.last[lane[~on_foot]])
    target.append(pieces.first[then[~on_foot]])
    # Ways of walkers meet at whichever ends lie nearest, and are walked from there both ways.
    lane, then = lane[on_foot], then[on_foot]
    ends = [
        (pieces.last[lane], pieces.end_m, pieces.first[then], pieces.start_m),
        (pieces.last[lane], pieces.end_m, pieces.last[then], pieces.end_m),
        (pieces.first[lane], pieces.start_m, pieces.first[then], pieces.start_m),
        (pieces.first[lane], pieces.start_m, pieces.last[then], pieces.end_m),
    ]
    gap = np.array([np.hypot(*(here[a] - there[b]).T) for a, here, b, there in ends])
    if len(lane):
        nearest = np.argmin(np.round(gap, 3), axis=0)
        rows = np.arange(len(lane))
        a = np.array([end[0] for end in ends])[nearest, rows]
        b = np.array([end[2] for end in ends])[nearest, rows]
        source += [a, b]
        target += [b, a]
    return Edges.of(count, np.concatenate(source), np.concatenate(target))


def _beside(offsets: np.ndarray, targets: np.ndarray, pieces: Pieces, count: int) -> Edges:
    """From every piece to the one beside it, at the same share of the neighbouring lane."""
    neighbour = np.full(len(offsets) - 1, -1, np.int64)
    some = np.diff(offsets) > 0
    neighbour[some] = targets[offsets[:-1][some]]
    beside = neighbour[pieces.lane]
    source = np.flatnonzero((beside >= 0) & (pieces.first[beside] >= 0))
    beside = beside[source]
    many = pieces.last[beside] - pieces.first[beside] + 1
    rank = np.minimum((pieces.share[source] * many).astype(np.int64), many - 1)
    return Edges.of(count, source, pieces.first[beside] + rank)


def _oncoming(kind: np.ndarray, pieces: Pieces, count: int) -> Edges:
    """From every driven piece to those beside it, or on it, that are driven the other way."""
    driven = np.flatnonzero(np.isin(kind, _DRIVEN))
    none = np.zeros(0, np.int64)
    if len(driven) < 2:
        return Edges.of(count, none, none)
    tree = cKDTree(pieces.xy_m[driven])
    many = min(_NEIGHBOURS, len(driven))
    _, near = tree.query(pieces.xy_m[driven], k=many, distance_upper_bound=1.5 * PIECE_M, workers=1)
    source = np.repeat(driven, many)
    found = near.reshape(-1) < len(driven)
    source, target = source[found], driven[near.reshape(-1)[found]]
    direction = pieces.direction
    opposite = np.einsum('ij,ij->i', direction[source], direction[target]) < _OPPOSITE_COS
    source, target = source[opposite], target[opposite]
    away = pieces.xy_m[target] - pieces.xy_m[source]
    along = np.abs(np.einsum('ij,ij->i', away, direction[source]))
    across = np.abs(away[:, 0] * direction[source, 1] - away[:, 1] * direction[source, 0])
    half = pieces.half_width_m
    near_by = across <= half[source] + half[target] + _BESIDE_GAP_M
    # Lanes cut alike often touch at their ends: rounding must not choose.
    near_by &= along <= 0.5 * (pieces.length_m[source] + pieces.length_m[target]) + _TOUCH_M
    return Edges.of(count, source[near_by], target[near_by])


def _ruling(lane_map: LaneMap, pieces: Pieces, count: int) -> Edges:
    """From the pieces of every ruled lane to the nodes of the groups that rule it."""
    relation = lane_map.light_lanes
    group = np.repeat(np.arange(len(relation)), np.diff(relation.offsets))
    lane = relation.targets
    kept = pieces.first[lane] >= 0
    group, lane = group[kept], lane[kept]
    many = pieces.last[lane] - pieces.first[lane] + 1
    rank = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
    source = np.repeat(pieces.first[lane], many) + rank
    return Edges.of(count, source, len(pieces.lane) + np.repeat(group, many))
