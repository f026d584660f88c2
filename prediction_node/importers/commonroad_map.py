"""The road network of CommonRoad scenarios as a lane map."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from prediction_node.domain.lane_map import (
    BorderKind,
    LaneKind,
    LaneMap,
    Polylines,
    Relation,
    Turn,
)
from prediction_node.importers.commonroad_junctions import (
    Entry,
    Roads,
    read_junctions,
    yielding,
)
from prediction_node.importers.commonroad_signs import other_signs, signal_groups, speed_limits
from prediction_node.importers.commonroad_stop_lines import StopLines, join_stop_lines
from prediction_node.importers.polyline import LONGEST_LANE_M, arc_length_m, centreline_of
from prediction_node.importers.xml_document import Node

_KINDS = {
    'crosswalk': LaneKind.CROSSWALK,
    'sidewalk': LaneKind.WALKWAY,
    'bicycleLane': LaneKind.BICYCLE,
    'shoulder': LaneKind.SHOULDER,
    'busStop': LaneKind.OTHER,
    'parking': LaneKind.OTHER,
    'restrictedArea': LaneKind.OTHER,
    'restricted': LaneKind.OTHER,
    'border': LaneKind.OTHER,
}
_BORDERS = {
    'solid': BorderKind.SOLID,
    'broad_solid': BorderKind.SOLID,
    'solid_solid': BorderKind.SOLID,
    'solid_dashed': BorderKind.SOLID,
    'dashed': BorderKind.DASHED,
    'broad_dashed': BorderKind.DASHED,
    'dashed_dashed': BorderKind.DASHED,
    'dashed_solid': BorderKind.DASHED,
    'curb': BorderKind.CURB,
    'lowered_curb': BorderKind.CURB,
    'no_marking': BorderKind.VIRTUAL,
    'unknown': BorderKind.OTHER,
}


@dataclass
class Lanelet:
    """One lanelet element, references still by id."""

    id: int
    left_m: np.ndarray  # (n, 3)
    right_m: np.ndarray  # (n, 3)
    left_kind: BorderKind
    right_kind: BorderKind
    kind: LaneKind
    one_way: bool
    successors: list[int]
    predecessors: list[int]
    left: int | None  # neighbours in the same direction
    right: int | None
    signs: list[int]
    lights: list[int]
    stop_line_m: np.ndarray | None  # (m, 3)
    centre_m: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.centre_m = centreline_of(self.left_m, self.right_m)


def read_lane_map(root: Node) -> LaneMap:
    """The lanes, connections, signs and lights below `commonRoad`. Raises DataError.

    A signal group is a `trafficLight` with its id. Where adjacent lanes have stop lines, these
    become one line across the approach. References to lanelets that the file does not hold are left
    out and named in `warnings`.
    """
    lanelets = [_lanelet(node) for node in root.all('lanelet')]
    if not lanelets:
        raise root.error('there is no lanelet, so there is no map')
    index = {lane.id: i for i, lane in enumerate(lanelets)}
    if len(index) != len(lanelets):
        raise root.error('two lanelets have the same id')
    warnings: list[str] = []
    for lane in lanelets:
        _drop_unknown(lane, index, warnings)
    roads = _roads(lanelets, index)
    junctions = read_junctions(root, index, roads)
    limits = speed_limits(root)
    stops = join_stop_lines(lanelets, index)
    groups, heads = signal_groups(root, lanelets)
    group_lanes = [[index[lane.id] for lane in lanelets if g in lane.lights] for g in groups]
    rank = {g: k for k, g in enumerate(groups)}
    speed = [
        min((limits[s] for s in lane.signs if s in limits), default=np.inf) for lane in lanelets
    ]
    return LaneMap(
        id=np.array([lane.id for lane in lanelets], dtype=np.int64),
        kind=np.array([lane.kind for lane in lanelets], dtype=np.int8),
        turn=_turns(lanelets, junctions),
        speed_limit_mps=np.array(speed),
        has_speed_limit=np.isfinite(speed),
        centreline=Polylines.of([lane.centre_m for lane in lanelets]),
        left_border=Polylines.of([lane.left_m for lane in lanelets]),
        right_border=Polylines.of([lane.right_m for lane in lanelets]),
        left_border_kind=np.array([lane.left_kind for lane in lanelets], dtype=np.int8),
        right_border_kind=np.array([lane.right_kind for lane in lanelets], dtype=np.int8),
        one_way=np.array([lane.one_way for lane in lanelets]),
        successors=Relation.of(roads.successors),
        predecessors=Relation.of(roads.predecessors),
        left=Relation.of([[] if k.left is None else [index[k.left]] for k in lanelets]),
        right=Relation.of([[] if k.right is None else [index[k.right]] for k in lanelets]),
        left_change=np.array(
            [k.left is not None and k.left_kind == BorderKind.DASHED for k in lanelets]
        ),
        right_change=np.array(
            [k.right is not None and k.right_kind == BorderKind.DASHED for k in lanelets]
        ),
        yields_to=Relation.of(yielding(junctions, roads)),
        light_group_id=np.array(groups, dtype=np.int64),
        light_lanes=Relation.of(group_lanes),
        light_stop_line=Relation.of([_stop_line_of(lanes, stops) for lanes in group_lanes]),
        lane_lights=Relation.of([[rank[g] for g in k.lights if g in rank] for k in lanelets]),
        light_position=Polylines.of(heads),
        stop_lines=Polylines.of(stops.lines_m),
        stop_line_lanes=Relation.of(stops.lanes),
        rules=tuple(other_signs(root, lanelets, index)),
        source=str(root.file),
        warnings=tuple(warnings),
    )


def _lanelet(node: Node) -> Lanelet:
    left_m, left_kind = _border(node.child('leftBound'))
    right_m, right_kind = _border(node.child('rightBound'))
    kinds = [_KINDS[t.text] for t in node.all('laneletType') if t.text in _KINDS]
    kind = kinds[0] if kinds else LaneKind.ROAD
    stop = node.find('stopLine')
    stop_points = [] if stop is None else [_point(p) for p in stop.all('point')]
    if stop is None:
        stop_m = None
    elif len(stop_points) >= 2:
        stop_m = np.array(stop_points)
    else:  # the format's meaning of a stop line without points: across the lanelet's end
        stop_m = np.stack([right_m[-1], left_m[-1]])
    return Lanelet(
        id=node.integer('id'),
        left_m=left_m,
        right_m=right_m,
        left_kind=left_kind,
        right_kind=right_kind,
        kind=kind,
        one_way=kind not in (LaneKind.CROSSWALK, LaneKind.WALKWAY)
        and node.find('userBidirectional') is None,
        successors=[s.integer('ref') for s in node.all('successor')],
        predecessors=[s.integer('ref') for s in node.all('predecessor')],
        left=_neighbour(node, 'adjacentLeft'),
        right=_neighbour(node, 'adjacentRight'),
        signs=[s.integer('ref') for s in node.all('trafficSignRef')],
        lights=[s.integer('ref') for s in node.all('trafficLightRef')],
        stop_line_m=stop_m,
    )


def _border(node: Node) -> tuple[np.ndarray, BorderKind]:
    points = np.array([_point(p) for p in node.all('point')])
    if len(points) < 2:
        raise node.error(f'a border needs at least two points, got {len(points)}')
    marking = node.find('lineMarking')
    name = 'no_marking' if marking is None else marking.text
    if name not in _BORDERS:
        raise node.error(f'lineMarking {name!r} is unknown; known are {", ".join(_BORDERS)}')
    keep = np.concatenate([[True], np.any(np.diff(points, axis=0) != 0.0, axis=1)])
    if keep.sum() < 2:
        raise node.error('all points of the border are the same')
    if not arc_length_m(points)[-1] <= LONGEST_LANE_M:
        raise node.error(f'a border must be at most {LONGEST_LANE_M:.0f} m long')
    return points[keep], _BORDERS[name]


def _point(node: Node) -> tuple[float, float, float]:
    height = node.find('z')
    return node.number('x'), node.number('y'), 0.0 if height is None else height.number()


def _neighbour(node: Node, tag: str) -> int | None:
    found = node.find(tag)
    if found is None or found.attribute('drivingDir') != 'same':
        return None
    return found.integer('ref')


def _drop_unknown(lane: Lanelet, index: dict[int, int], warnings: list[str]) -> None:
    for name in ('successors', 'predecessors'):
        known = [ref for ref in getattr(lane, name) if ref in index]
        if len(known) < len(getattr(lane, name)):
            warnings.append(f'lanelet {lane.id}: {name} name lanelets that the file does not hold')
            setattr(lane, name, known)
    for name in ('left', 'right'):
        ref = getattr(lane, name)
        if ref is not None and ref not in index:
            warnings.append(f'lanelet {lane.id}: the {name} neighbour {ref} is not in the file')
            setattr(lane, name, None)


def _roads(lanelets: list[Lanelet], index: dict[int, int]) -> Roads:
    """The connections, also those that only one of the two lanelets names."""
    pairs = [(index[k.id], index[ref]) for k in lanelets for ref in k.successors]
    pairs += [(index[ref], index[k.id]) for k in lanelets for ref in k.predecessors]
    successors: list[list[int]] = [[] for _ in lanelets]
    predecessors: list[list[int]] = [[] for _ in lanelets]
    for first, following in dict.fromkeys(pairs):
        successors[first].append(following)
        predecessors[following].append(first)
    return Roads(
        centre_m=[lane.centre_m for lane in lanelets],
        successors=successors,
        predecessors=predecessors,
        beside=[
            [index[ref] for ref in (lane.left, lane.right) if ref is not None] for lane in lanelets
        ],
    )


def _turns(lanelets: list[Lanelet], junctions: list[tuple[Entry, ...]]) -> np.ndarray:
    turn = np.full(len(lanelets), Turn.NONE, dtype=np.int8)
    for way in (way for entries in junctions for entry in entries for way in entry.ways):
        for lane in way.lanes:
            if turn[lane] == Turn.NONE:
                turn[lane] = way.turn
    return turn


def _stop_line_of(lanes: list[int], stops: StopLines) -> list[int]:
    """The stop line where most of a group's lanes end; none if none of them has one."""
    shared = [(len(set(lanes) & set(line)), -k) for k, line in enumerate(stops.lanes)]
    most = max(shared, default=(0, 0))
    return [-most[1]] if most[0] else []
