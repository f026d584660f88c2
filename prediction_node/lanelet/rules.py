"""Regulatory elements: all of them with their geometry, and what lights, stop lines and right of
way make of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from prediction_node.domain.lane_map import LaneKind, Rule
from prediction_node.lanelet.areas import open_ring, ring
from prediction_node.lanelet.elements import Elements, Member, RuleElement
from prediction_node.lanelet.lanes import Lanes
from prediction_node.lanelet.polyline import arc_length, crossings
from prediction_node.lanelet.topology import ON_FOOT

_YIELDING = ('right_of_way', 'all_way_stop')
_JOINT_M = 0.5
_STOP_REACH_M = 3.0  # a stop line may lie this far before or beyond its lane's ends


@dataclass(slots=True)
class StopLines:
    """Stop lines in the order in which they were met, each way once."""

    lanes_of: dict[int, set[int]] = field(default_factory=dict)  # way -> rows of lanes

    def add(self, way: int, lanes: set[int]) -> None:
        self.lanes_of.setdefault(way, set()).update(lanes)


@dataclass(slots=True)
class Regulation:
    """What the rules say, by rows of lanes."""

    rules: list[Rule]
    yields_to: list[list[int]]
    group_id: list[int]
    group_lanes: list[list[int]]
    group_stop_way: list[list[int]]
    group_position: list[np.ndarray]
    stop_lines: StopLines


def regulation(elements: Elements, xyz_m: np.ndarray, lanes: Lanes) -> Regulation:
    """Every regulatory element of the map, in order of ids; warnings are added to `elements`."""
    rows_of = lanes.rows()
    referring: dict[int, list[int]] = {id_: [] for id_ in elements.rules}
    for row, lanelet in enumerate(lanes.elements):
        for id_ in lanelet.rules:
            referring.setdefault(id_, []).append(row)
    found = Regulation([], [[] for _ in lanes.elements], [], [], [], [], StopLines())
    before: list[list[int]] = [[] for _ in lanes.elements]
    for row, followers in enumerate(lanes.topology.successors):
        for follower in followers:
            before[follower].append(row)
    for id_ in sorted(elements.rules):
        element = elements.rules[id_]
        rule = _rule(elements, xyz_m, lanes, rows_of, element, referring[id_])
        found.rules.append(rule)
        stop_ways = _stop_lines(
            elements, xyz_m, lanes, rows_of, before, element, rule, found.stop_lines
        )
        if element.kind == 'traffic_light':
            found.group_id.append(id_)
            found.group_lanes.append(_facing(lanes, rule))
            found.group_stop_way.append(stop_ways[:1])
            found.group_position.append(_joined(rule.geometry.get('refers', ())))
            if len(stop_ways) > 1:
                elements.warnings.append(
                    f'regulatory element {id_} (traffic_light) has {len(stop_ways)} stop lines; '
                    'the first counts'
                )
            if not rule.lanes:
                elements.warnings.append(f'regulatory element {id_} (traffic_light) rules no lane')
        elif element.kind in _YIELDING:
            _yield(element, rows_of, found.yields_to)
    _loose_stop_lines(elements, xyz_m, lanes, found.stop_lines)
    return found


def _rule(
    elements: Elements,
    xyz_m: np.ndarray,
    lanes: Lanes,
    rows_of: dict[int, list[int]],
    element: RuleElement,
    referring: list[int],
) -> Rule:
    geometry: dict[str, tuple[np.ndarray, ...]] = {}
    role_lanes: dict[str, tuple[int, ...]] = {}
    for role, members in element.members.items():
        shapes = [_shape(elements, xyz_m, lanes, rows_of, member) for member in members]
        geometry[role] = tuple(shape for shape in shapes if shape is not None)
        rows = _lane_rows(members, rows_of)
        if rows:
            role_lanes[role] = tuple(rows)
    return Rule(
        element.id, element.kind, tuple(referring), geometry, role_lanes, dict(element.tags)
    )


def _shape(
    elements: Elements,
    xyz_m: np.ndarray,
    lanes: Lanes,
    rows_of: dict[int, list[int]],
    member: Member,
) -> np.ndarray | None:
    if member.kind == 'point':
        return xyz_m[[elements.points.row_of()[member.id]]]
    if member.kind == 'way':
        way = elements.ways[member.id]
        return open_ring(xyz_m[way.rows]) if way.polygon else xyz_m[way.rows]
    if member.kind == 'area':
        area = elements.areas.get(member.id)
        return None if area is None else ring(elements, xyz_m, area.outer)
    rows = rows_of.get(member.id)
    return lanes.outline(rows[0]) if rows else None


def _lane_rows(members: list[Member], rows_of: dict[int, list[int]]) -> list[int]:
    return [row for m in members if m.kind == 'lanelet' for row in rows_of.get(m.id, ())]


def _joined(lines: tuple[np.ndarray, ...]) -> np.ndarray:
    return np.concatenate(lines) if lines else np.zeros((0, 3))


def _facing(lanes: Lanes, rule: Rule) -> list[int]:
    """Lanes that a light rules: of a two-way lane only the direction that drives towards it."""
    marks = [line for line in rule.geometry.get('ref_line', ()) if len(line)]
    marks = marks or [line for line in rule.geometry.get('refers', ()) if len(line)]
    facing = []
    for row in rule.lanes:
        if not lanes.one_way[row] and marks and lanes.kind[row] not in ON_FOOT:
            ends = lanes.centre[row][[0, -1], :2]
            apart = np.linalg.norm(ends - marks[0][:, :2].mean(axis=0), axis=1)
            if apart[0] < apart[1]:
                continue
        facing.append(row)
    return facing


def _yield(element: RuleElement, rows_of: dict[int, list[int]], yields_to: list[list[int]]) -> None:
    def rows(role: str) -> list[int]:
        return _lane_rows(element.members.get(role, []), rows_of)

    if element.kind == 'all_way_stop':
        yielding = rows('yield') or rows('refers')
        pairs = [(a, b) for a in yielding for b in yielding if a != b]
    else:
        pairs = [(a, b) for a in rows('yield') for b in rows('right_of_way') if a != b]
    for lane, other in pairs:
        if other not in yields_to[lane]:
            yields_to[lane].append(other)


def _stop_lines(
    elements: Elements,
    xyz_m: np.ndarray,
    lanes: Lanes,
    rows_of: dict[int, list[int]],
    before: list[list[int]],
    element: RuleElement,
    rule: Rule,
    stop_lines: StopLines,
) -> list[int]:
    """Ways of the rule's stop lines.

    Those who must give way stop, not those with the right of way.
    """
    held = set(_facing(lanes, rule))
    if element.kind in _YIELDING:
        waiting = rule.role_lanes.get('yield') or rule.role_lanes.get('refers') or ()
        held = set(waiting) or held
    ways = [m.id for m in element.members.get('ref_line', ()) if m.kind == 'way']
    if element.kind == 'road_marking':
        ways += [
            m.id
            for m in element.members.get('refers', ())
            if m.kind == 'way' and elements.ways[m.id].tags.get('type') == 'stop_line'
        ]
    ways = list(dict.fromkeys(ways))
    for way in ways:
        own = held
        if element.kind == 'traffic_light':
            own = held | _before(lanes, before, held, xyz_m[elements.ways[way].rows])
        if len(ways) > 1 and element.kind != 'traffic_light':
            # One line for each of several lanes: each lane stops at the line that it meets.
            line = xyz_m[elements.ways[way].rows]
            own = {lane for lane in held if _meets(lanes.centre[lane], line)} or held
        stop_lines.add(way, own)
    return ways


def _before(lanes: Lanes, before: list[list[int]], ruled: set[int], line: np.ndarray) -> set[int]:
    """Lanes that end at a stop line where those that a light rules begin."""
    if len(line) < 2:
        return set()
    followed = {row for other in ruled for row in before[other]}
    return {row for row in followed if len(crossings(_shifted(lanes.centre[row], _JOINT_M), line))}


def _loose_stop_lines(
    elements: Elements, xyz_m: np.ndarray, lanes: Lanes, stop_lines: StopLines
) -> None:
    """Stop lines that no rule names hold the lanes that they cross."""
    loose = [
        way
        for way in elements.ways.values()
        if way.tags.get('type') == 'stop_line'
        and way.id not in stop_lines.lanes_of
        and len(way.rows) > 1
    ]
    roads = [
        row for row, kind in enumerate(lanes.kind) if kind in (LaneKind.ROAD, LaneKind.BICYCLE)
    ]
    # A lane that ends at the line is held, one that starts there is not.
    approach = [_shifted(lanes.centre[row], _JOINT_M) for row in roads] if loose else []
    lows = np.array([line[:, :2].min(axis=0) for line in approach]).reshape(-1, 2)
    highs = np.array([line[:, :2].max(axis=0) for line in approach]).reshape(-1, 2)
    for way in sorted(loose, key=lambda way: way.id):
        line = xyz_m[way.rows]
        low, high = line[:, :2].min(axis=0), line[:, :2].max(axis=0)
        near = np.flatnonzero(((lows <= high) & (highs >= low)).all(axis=1))
        crossed = {roads[i] for i in near if len(crossings(approach[i], line))}
        stop_lines.add(way.id, crossed)


def _shifted(line: np.ndarray, by_m: float) -> np.ndarray:
    """The line without its first metres and with as many more straight on at its end."""
    along = arc_length(line)
    start = np.array([np.interp(by_m, along, line[:, k]) for k in range(3)])
    step = line[-1] - line[-2]
    end = line[-1] + step / max(np.hypot(step[0], step[1]), 1e-9) * by_m
    return np.concatenate([start[None], line[along > by_m], end[None]])


def _meets(centre: np.ndarray, line: np.ndarray) -> bool:
    """Whether a lane, continued a little at both ends, crosses a line."""
    first, last = centre[0] - centre[1], centre[-1] - centre[-2]
    longer = np.concatenate([
        (centre[0] + first / max(np.hypot(*first[:2]), 1e-9) * _STOP_REACH_M)[None],
        centre,
        (centre[-1] + last / max(np.hypot(*last[:2]), 1e-9) * _STOP_REACH_M)[None],
    ])  # fmt: skip
    return len(line) > 1 and len(crossings(longer, line)) > 0
