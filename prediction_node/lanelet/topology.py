"""Connections of lanes and legal default speeds, from Lanelet2's routing graph and traffic rules.

Lanelet2 objects are built from the parsed elements, one map for each kind of traffic, so that
neither unknown rules nor national rules about who may use a lane can drop a lanelet from its
graph.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from lanelet2 import core, routing, traffic_rules

from prediction_node.domain.lane_map import LaneKind
from prediction_node.lanelet.elements import Directed, Elements, LaneletElement
from prediction_node.lanelet.meaning import participant_of

ON_FOOT = (LaneKind.WALKWAY, LaneKind.CROSSWALK)  # one row serves both directions

# Which lanes share a graph, and of which of them the graph decides the relations. Cyclists ride on
# from a bicycle lane to the road, and who was parked drives from the shoulder on to it; vehicles do
# not drive on from the road to a bicycle lane or a shoulder.
_GRAPHS: tuple[tuple[str, tuple[LaneKind, ...], tuple[LaneKind, ...]], ...] = (
    ('vehicle', (LaneKind.ROAD,), (LaneKind.ROAD,)),
    ('bicycle', (LaneKind.BICYCLE, LaneKind.ROAD), (LaneKind.BICYCLE,)),
    ('pedestrian', ON_FOOT, ON_FOOT),
    ('vehicle', (LaneKind.SHOULDER, LaneKind.ROAD), (LaneKind.SHOULDER,)),
    ('vehicle', (LaneKind.OTHER,), (LaneKind.OTHER,)),
)
_BORDER_TAGS = ('type', 'subtype', 'lane_change', 'lane_change:left', 'lane_change:right')
_LANELET_TAGS = ('subtype', 'location', 'region')


@dataclass(frozen=True, slots=True)
class Topology:
    """Relations between lanes, by row."""

    successors: list[list[int]]
    left: list[list[int]]
    right: list[list[int]]
    left_change: np.ndarray  # (L,) bool
    right_change: np.ndarray  # (L,) bool
    default_speed_mps: np.ndarray  # (L,) by location; inf where the map names none


def topology(
    elements: Elements,
    lanelets: Sequence[LaneletElement],
    borders: Sequence[tuple[Directed, Directed]],
    xyz_m: np.ndarray,
    kinds: Sequence[LaneKind],
    one_way: Sequence[bool],
    backward: Sequence[bool],
) -> Topology:
    """Relations of lanes whose `borders` (left, right) run along the driving direction.

    A `backward` lane is a lanelet that stands before it too, driven the other way.
    """
    builder = _Builder(elements, xyz_m)
    row_of = {(lanelet.id, backward[row]): row for row, lanelet in enumerate(lanelets)}
    built: list[core.Lanelet] = []
    for row, lanelet in enumerate(lanelets):
        if backward[row]:
            built.append(built[row_of[lanelet.id, False]].invert())
        else:
            built.append(builder.lanelet(lanelet, *borders[row], kinds[row], one_way[row]))
    n = len(built)
    found = Topology(
        successors=[[] for _ in range(n)],
        left=[[] for _ in range(n)],
        right=[[] for _ in range(n)],
        left_change=np.zeros(n, bool),
        right_change=np.zeros(n, bool),
        default_speed_mps=np.full(n, math.inf),
    )
    meeting = _Meeting(elements, borders, kinds, one_way)
    for participant, members, decided in _GRAPHS:
        rows = [row for row in range(n) if kinds[row] in members]
        sources = [row for row in rows if kinds[row] in decided]
        if not sources:
            continue
        rules = traffic_rules.create(traffic_rules.Locations.Germany, _participants()[participant])
        drawn = [built[row] for row in rows if not backward[row]]
        graph = routing.RoutingGraph(core.createMapFromLanelets(drawn), rules)
        for row in sources:
            _relate(found, row, built[row], graph, row_of, meeting)
            if 'location' in lanelets[row].tags:
                limit = float(rules.speedLimit(built[row]).speedLimitMPS)
                found.default_speed_mps[row] = limit if 0 < limit < 100 else math.inf
    return found


def _participants() -> dict[str, str]:
    names = traffic_rules.Participants
    return {'vehicle': names.VehicleCar, 'bicycle': names.Bicycle, 'pedestrian': names.Pedestrian}


def _relate(
    found: Topology,
    row: int,
    lanelet: core.Lanelet,
    graph: routing.RoutingGraph,
    row_of: Mapping[tuple[int, bool], int],
    meeting: _Meeting,
) -> None:
    def row_for(other: core.ConstLanelet) -> int:
        forward = row_of[other.id, False]
        return row_of.get((other.id, True), forward) if other.inverted() else forward

    following = [row_for(other) for other in graph.following(lanelet)]
    following += meeting.at_ends(row)
    found.successors[row] = [other for other in dict.fromkeys(following) if other != row]
    left, right = graph.left(lanelet), graph.right(lanelet)
    found.left_change[row], found.right_change[row] = left is not None, right is not None
    left = left if left is not None else graph.adjacentLeft(lanelet)
    right = right if right is not None else graph.adjacentRight(lanelet)
    found.left[row] = [] if left is None else [row_for(left)]
    found.right[row] = [] if right is None else [row_for(right)]


class _Meeting:
    """Lanes on foot that share both points of an end, whichever way either of them is drawn.

    Lanelet2's graph joins walkers' lanelets that are drawn head to tail, but none of those that
    meet head to head or tail to tail.
    """

    def __init__(
        self,
        elements: Elements,
        borders: Sequence[tuple[Directed, Directed]],
        kinds: Sequence[LaneKind],
        one_way: Sequence[bool],
    ) -> None:
        # Points at the left and right of who leaves a lane by an end, and the lanes left there.
        self._left_by: dict[tuple[int, int], list[int]] = {}
        self._exits: dict[int, tuple[tuple[int, int], ...]] = {}
        for row, (left, right) in enumerate(borders):
            if kinds[row] not in ON_FOOT or one_way[row]:
                continue
            first, last = _end_points(elements, left), _end_points(elements, right)
            self._exits[row] = ((first[1], last[1]), (last[0], first[0]))
            for gate in self._exits[row]:
                self._left_by.setdefault(gate, []).append(row)

    def at_ends(self, row: int) -> list[int]:
        """Rows of lanes at the far end, then at the near end; none for lanes of one direction."""
        return [
            other
            for left, right in self._exits.get(row, ())
            for other in self._left_by.get((right, left), ())
        ]


def _end_points(elements: Elements, directed: Directed) -> tuple[int, int]:
    """Rows of the first and last point along the lane."""
    rows = elements.ways[directed.way].rows
    first, last = int(rows[0]), int(rows[-1])
    return (last, first) if directed.inverted else (first, last)


class _Builder:
    """Lanelet2 objects that share points and line strings as the elements do."""

    def __init__(self, elements: Elements, xyz_m: np.ndarray) -> None:
        self._elements = elements
        self._xyz_m = xyz_m.tolist()
        self._ids = elements.points.id.tolist()
        self._points: dict[int, core.Point3d] = {}
        self._lines: dict[int, core.LineString3d] = {}

    def lanelet(
        self,
        element: LaneletElement,
        left: Directed,
        right: Directed,
        kind: LaneKind,
        one_way: bool,
    ) -> core.Lanelet:
        tags = {key: element.tags[key] for key in _LANELET_TAGS if element.tags.get(key)}
        tags['type'] = 'lanelet'
        tags['one_way'] = 'yes' if one_way else 'no'
        for participant in {participant_of(kind), 'bicycle', 'vehicle'}:
            tags[f'participant:{participant}'] = 'yes'
        return core.Lanelet(
            element.id, self._line(left), self._line(right), core.AttributeMap(tags)
        )

    def _line(self, directed: Directed) -> core.LineString3d:
        line = self._lines.get(directed.way)
        if line is None:
            way = self._elements.ways[directed.way]
            tags = {key: way.tags[key] for key in _BORDER_TAGS if way.tags.get(key)}
            points = [self._point(row) for row in way.rows.tolist()]
            line = core.LineString3d(way.id, points, core.AttributeMap(tags))
            self._lines[directed.way] = line
        return line.invert() if directed.inverted else line

    def _point(self, row: int) -> core.Point3d:
        point = self._points.get(row)
        if point is None:
            x, y, z = self._xyz_m[row]
            point = core.Point3d(self._ids[row], x, y, z)
            self._points[row] = point
        return point
