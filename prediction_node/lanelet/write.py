"""A lane map as a Lanelet2 .osm file.

Format: Lanelet2's documentation of primitives, tags and regulatory elements; points carry the map
frame's coordinates as `local_x` and `local_y` beside latitude and longitude, as Autoware's maps do.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.sax.saxutils import quoteattr

import lanelet2
import numpy as np

from prediction_node.domain.errors import MapError
from prediction_node.domain.lane_map import BorderKind, LaneKind, LaneMap, Turn
from prediction_node.domain.whole_file import write_whole
from prediction_node.lanelet.shared_borders import LEFT, RIGHT, SharedBorders, share_borders

Origin = tuple[float, float]  # latitude and longitude in degrees of the map frame's origin

_SUBTYPE = {
    LaneKind.ROAD: ('road', 'vehicle'),
    LaneKind.BICYCLE: ('bicycle_lane', 'bicycle'),
    LaneKind.WALKWAY: ('walkway', 'pedestrian'),
    LaneKind.CROSSWALK: ('crosswalk', 'pedestrian'),
    LaneKind.SHOULDER: ('road_shoulder', 'vehicle'),
    LaneKind.OTHER: ('other', ''),
}
_BORDER_TAGS = {
    BorderKind.VIRTUAL: {'type': 'virtual'},
    BorderKind.DASHED: {'type': 'line_thin', 'subtype': 'dashed'},
    BorderKind.SOLID: {'type': 'line_thin', 'subtype': 'solid'},
    BorderKind.CURB: {'type': 'curbstone', 'subtype': 'high'},
    BorderKind.OTHER: {'type': 'road_border'},
}
# From the most to the least telling kind.
_TELLING = (
    BorderKind.CURB,
    BorderKind.SOLID,
    BorderKind.DASHED,
    BorderKind.OTHER,
    BorderKind.VIRTUAL,
)
_TURN = {Turn.STRAIGHT: 'straight', Turn.LEFT: 'left', Turn.RIGHT: 'right'}
_MAX_ID = 2**62


def write_lanelet2(lane_map: LaneMap, path: Path | str, origin: Origin = (0.0, 0.0)) -> list[str]:
    """Write lanes, borders, speed limits, lights with stop lines, right of way and areas.

    `origin` places the map on the Earth: latitude and longitude are those of the UTM plane shifted
    to it, so that Lanelet2's UtmProjector with this origin gives the map frame again. Lanes keep
    their ids, signal groups become regulatory elements with theirs; a stop line without a light
    becomes a stop sign's. Rules of other kinds are not written.

    The file appears whole or not at all. Returns sentences on relations that the file cannot hold.
    Raises MapError if the file cannot be written or ids are not usable.
    """
    document = _Document(lane_map, origin)
    shared = share_borders(lane_map)
    lines = _write_borders(document, lane_map, shared)
    rules = _write_rules(document, lane_map)
    for lane in range(len(lane_map)):
        _write_lanelet(document, lane_map, lane, lines[shared.line[lane]], rules[lane])
    for area in lane_map.areas:
        ring = [*document.nodes(area.outline_m)]
        document.way([*ring, ring[0]], {'type': area.kind, 'area': 'yes'}, area.id)
    document.save(Path(path))
    return shared.parted


class _Document:
    """OSM elements, numbered past the ids that the map brings along."""

    def __init__(self, lane_map: LaneMap, origin: Origin) -> None:
        taken = [
            *lane_map.id.tolist(),
            *lane_map.light_group_id.tolist(),
            *(area.id for area in lane_map.areas),
        ]
        if len(set(taken)) != len(taken):
            raise MapError(f'{lane_map.source}: lanes, signal groups and areas share an id')
        if taken and not 0 < min(taken) <= max(taken) < _MAX_ID:
            raise MapError(f'{lane_map.source}: ids must be positive and below 2**62')
        self._next = max(taken, default=0) + 1
        latitude, longitude = origin
        self._projector = lanelet2.projection.UtmProjector(lanelet2.io.Origin(latitude, longitude))
        self._nodes: list[str] = []
        self._ways: list[str] = []
        self._relations: list[str] = []

    def nodes(self, points_m: Iterable[np.ndarray]) -> list[int]:
        return [self.node(point) for point in points_m]

    def node(self, point_m: np.ndarray) -> int:
        x, y, z = (float(v) for v in point_m)
        gps = self._projector.reverse(lanelet2.core.BasicPoint3d(x, y, z))
        number = self._number(None)
        self._nodes.append(
            f'<node id="{number}" lat="{gps.lat:.11f}" lon="{gps.lon:.11f}">'
            f'<tag k="local_x" v="{x:.4f}"/><tag k="local_y" v="{y:.4f}"/>'
            f'<tag k="ele" v="{z:.4f}"/></node>'
        )
        return number

    def way(self, nodes: list[int], tags: Mapping[str, str], number: int | None = None) -> int:
        number = self._number(number)
        refs = ''.join(f'<nd ref="{n}"/>' for n in nodes)
        self._ways.append(f'<way id="{number}">{refs}{_tags(tags)}</way>')
        return number

    def relation(
        self,
        members: Iterable[tuple[str, int, str]],
        tags: Mapping[str, str],
        number: int | None = None,
    ) -> int:
        """`members` are type, id and role."""
        number = self._number(number)
        refs = ''.join(f'<member type="{t}" ref="{i}" role="{r}"/>' for t, i, r in members)
        self._relations.append(f'<relation id="{number}">{refs}{_tags(tags)}</relation>')
        return number

    def save(self, path: Path) -> None:
        head = ['<?xml version="1.0" encoding="UTF-8"?>', '<osm version="0.6">']
        text = '\n'.join([*head, *self._nodes, *self._ways, *self._relations, '</osm>', ''])
        write_whole(path, text, durable=False, error=MapError)

    def _number(self, number: int | None) -> int:
        if number is None:
            number = self._next
            self._next += 1
        return number


def _tags(tags: Mapping[str, str]) -> str:
    return ''.join(_tag(k, v) for k, v in tags.items())


@functools.lru_cache(maxsize=1024)
def _tag(key: str, value: str) -> str:
    return f'<tag k={quoteattr(key)} v={quoteattr(value)}/>'


def _write_borders(document: _Document, lane_map: LaneMap, shared: SharedBorders) -> np.ndarray:
    """(W,) ids of the ways."""
    nodes = document.nodes(shared.node_m)
    # By line, and by whether the lane that sees it lies to its left or right.
    seen: list[dict[str, BorderKind]] = [{} for _ in shared.line_nodes]
    allowed: list[dict[str, bool]] = [{} for _ in shared.line_nodes]
    for lane in range(len(lane_map)):
        for side, kinds, changes, neighbours in (
            (LEFT, lane_map.left_border_kind, lane_map.left_change, lane_map.left),
            (RIGHT, lane_map.right_border_kind, lane_map.right_change, lane_map.right),
        ):
            line, backward = shared.side_of(lane, side)
            here, there = ('right', 'left') if (side == LEFT) != backward else ('left', 'right')
            seen[line].setdefault(here, BorderKind(int(kinds[lane])))
            if len(neighbours[lane]):
                allowed[line][there] = bool(changes[lane])
    return np.array(
        [
            document.way([nodes[n] for n in line], _border_tags(kinds, changes))
            for line, kinds, changes in zip(shared.line_nodes, seen, allowed, strict=True)
        ],
        dtype=np.int64,
    )


def _border_tags(seen: Mapping[str, BorderKind], allowed: Mapping[str, bool]) -> dict[str, str]:
    """Of a line whose sides look like `seen`; `allowed`: lane changes by where they lead to."""
    kinds = set(seen.values())
    if kinds == {BorderKind.SOLID, BorderKind.DASHED}:
        names = (seen[side].name.lower() for side in ('left', 'right'))
        tags = {'type': 'line_thin', 'subtype': '_'.join(names)}
        usual = None
    else:  # lanes that disagree otherwise: what is painted or built rather than what is not
        kind = next(k for k in _TELLING if k in kinds)
        tags = dict(_BORDER_TAGS[kind])
        usual = kind == BorderKind.DASHED
    if any(value != usual for value in allowed.values()):
        for to in ('left', 'right'):  # Lanelet2 takes a missing one for no
            tags[f'lane_change:{to}'] = 'yes' if allowed.get(to, usual) else 'no'
    return tags


def _write_lanelet(
    document: _Document, lane_map: LaneMap, lane: int, ways: np.ndarray, rules: list[int]
) -> None:
    kind = LaneKind(int(lane_map.kind[lane]))
    subtype, participant = _SUBTYPE[kind]
    tags = {'type': 'lanelet', 'subtype': subtype}
    if participant:
        tags[f'participant:{participant}'] = 'yes'
    one_way = 'yes' if lane_map.one_way[lane] else 'no'
    tags['one_way:pedestrian' if participant == 'pedestrian' else 'one_way'] = one_way
    if lane_map.has_speed_limit[lane]:
        tags['speed_limit'] = f'{float(lane_map.speed_limit_mps[lane]) * 3.6:.6g}'  # km/h
    if lane_map.turn[lane] != Turn.NONE:
        tags['turn_direction'] = _TURN[Turn(int(lane_map.turn[lane]))]
    members = [('way', int(ways[LEFT]), 'left'), ('way', int(ways[RIGHT]), 'right')]
    members.extend(('relation', rule, 'regulatory_element') for rule in rules)
    document.relation(members, tags, int(lane_map.id[lane]))


def _write_rules(document: _Document, lane_map: LaneMap) -> list[list[int]]:
    """Regulatory elements; returns for each lane the ids of those it refers to."""
    of_lane: list[list[int]] = [[] for _ in range(len(lane_map))]
    stop_ways = [
        document.way(document.nodes(line), {'type': 'stop_line', 'subtype': 'solid'})
        for line in (lane_map.stop_lines[s] for s in range(len(lane_map.stop_lines)))
    ]
    for group in range(len(lane_map.light_group_id)):
        head = document.way(
            document.nodes(lane_map.light_position[group]),
            {'type': 'traffic_light', 'subtype': 'red_yellow_green', 'height': '0.9'},
        )
        stops = [('way', stop_ways[s], 'ref_line') for s in lane_map.light_stop_line[group]]
        rule = document.relation(
            [('way', head, 'refers'), *stops],
            {'type': 'regulatory_element', 'subtype': 'traffic_light'},
            int(lane_map.light_group_id[group]),
        )
        for lane in lane_map.light_lanes[group]:
            of_lane[lane].append(rule)
    lit = set(lane_map.light_stop_line.targets.tolist())
    for stop in sorted(set(range(len(stop_ways))) - lit):
        sign = document.way(
            document.nodes(lane_map.stop_lines[stop][:2]),
            {'type': 'traffic_sign', 'subtype': 'usR1-1'},
        )
        rule = document.relation(
            [('way', sign, 'refers'), ('way', stop_ways[stop], 'ref_line')],
            {'type': 'regulatory_element', 'subtype': 'traffic_sign'},
        )
        for lane in lane_map.stop_line_lanes[stop]:
            of_lane[lane].append(rule)
    for lane in range(len(lane_map)):
        first = lane_map.yields_to[lane]
        if len(first):
            members = [('relation', int(lane_map.id[lane]), 'yield')]
            members.extend(('relation', int(lane_map.id[k]), 'right_of_way') for k in first)
            rule = document.relation(
                members, {'type': 'regulatory_element', 'subtype': 'right_of_way'}
            )
            for k in (lane, *first.tolist()):
                of_lane[k].append(rule)
    return of_lane
