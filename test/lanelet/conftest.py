"""Small maps written by code, and archives of them as Lanelet2's own writer makes them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import lanelet2
import numpy as np
import pytest

from prediction_node.domain.lane_map import LaneMap

ORIGIN = (35.2, 138.8)  # of the UTM plane that gives the points their latitude and longitude


class MapText:
    """OSM text, element by element. Ids count up from 1; points are given in metres."""

    def __init__(self, *, local: bool = True, geographic: bool = True) -> None:
        self._local = local
        self._geographic = geographic
        self._projector = lanelet2.projection.UtmProjector(lanelet2.io.Origin(*ORIGIN))
        self._lines: list[str] = []
        self._next = 1

    def _id(self) -> int:
        self._next += 1
        return self._next - 1

    def _element(
        self, name: str, id_: int, inner: str, tags: dict[str, str], more: str = ''
    ) -> int:
        text = ''.join(f'<tag k={quoteattr(k)} v={quoteattr(v)}/>' for k, v in tags.items())
        self._lines.append(f'<{name} id="{id_}"{more}>{inner}{text}</{name}>')
        return id_

    def node(self, x: float, y: float, z: float = 0.0, **tags: str) -> int:
        latitude = longitude = ''
        if self._geographic:
            gps = self._projector.reverse(lanelet2.core.BasicPoint3d(x, y, z))
            latitude, longitude = f'{gps.lat:.12f}', f'{gps.lon:.12f}'
        own = {'ele': repr(z)}
        if self._local:
            own |= {'local_x': repr(x), 'local_y': repr(y)}
        return self._element(
            'node', self._id(), '', own | tags, f' lat="{latitude}" lon="{longitude}"'
        )

    def way(self, points: Iterable[Any], **tags: str) -> int:
        """`points`: node ids, or coordinates of new nodes."""
        nodes = [p if isinstance(p, int) else self.node(*p) for p in points]
        return self.way_of(nodes, **tags)

    def way_of(self, nodes: Iterable[int], **tags: str) -> int:
        return self._element('way', self._id(), ''.join(f'<nd ref="{n}"/>' for n in nodes), tags)

    def relation(self, members: Iterable[tuple[str, int, str]], **tags: str) -> int:
        inner = ''.join(f'<member type="{t}" ref="{i}" role="{r}"/>' for t, i, r in members)
        tags = {key.replace('__', ':'): value for key, value in tags.items()}
        return self._element('relation', self._id(), inner, tags)

    def lanelet(
        self,
        left: int,
        right: int,
        *,
        rules: Iterable[int] = (),
        centreline: int | None = None,
        **tags: str,
    ) -> int:
        members = [('way', left, 'left'), ('way', right, 'right')]
        if centreline is not None:
            members.append(('way', centreline, 'centerline'))
        members += [('relation', rule, 'regulatory_element') for rule in rules]
        return self.relation(members, type='lanelet', **({'subtype': 'road'} | tags))

    def rule(self, kind: str, *members: tuple[str, int, str], **tags: str) -> int:
        return self.relation(members, type='regulatory_element', subtype=kind, **tags)

    def straight(
        self, x0: float, x1: float, y: float = 0.0, width: float = 3.5, **tags: str
    ) -> int:
        """A lanelet along x with borders of its own."""
        left = self.way(
            [(x0, y + width / 2), (x1, y + width / 2)], type='line_thin', subtype='solid'
        )
        right = self.way(
            [(x0, y - width / 2), (x1, y - width / 2)], type='line_thin', subtype='solid'
        )
        return self.lanelet(left, right, **tags)

    def __str__(self) -> str:
        return '\n'.join(['<?xml version="1.0"?>', '<osm version="0.6">', *self._lines, '</osm>'])

    def save(self, path: Path) -> Path:
        path.write_text(str(self))
        return path


STAND_IN = 'regulatory_element'  # Lanelet2's name of a rule without meaning


def archive_of(osm: Path, folder: Path) -> Path:
    """The .bin that Autoware would write of an .osm file.

    Plain Lanelet2 knows none of Autoware's rules, but its writer stores any rule as plain data
    with the subtype as an attribute. So every rule is loaded under a kind that it knows, and given
    its own subtype back before writing.
    """
    text = osm.read_text()
    kinds: dict[int, str] = {}
    for block in re.findall(r'<relation [^>]*id="\d+"[^>]*>.*?</relation>', text, re.DOTALL):
        if 'v="regulatory_element"' in block:
            id_ = int(re.search(r' id="(\d+)"', block)[1])
            kinds[id_] = re.search(r'k="subtype" v="([^"]*)"', block)[1]
            text = text.replace(
                block, block.replace(f'k="subtype" v="{kinds[id_]}"', f'k="subtype" v="{STAND_IN}"')
            )
    known = folder / f'{osm.stem}_known.osm'
    known.write_text(text)
    projector = lanelet2.projection.UtmProjector(lanelet2.io.Origin(*ORIGIN))
    loaded, errors = lanelet2.io.loadRobust(str(known), projector)
    assert not errors
    for rule in loaded.regulatoryElementLayer:
        rule.attributes['subtype'] = kinds[rule.id]
    target = folder / f'{osm.stem}.bin'
    lanelet2.io.write(str(target), loaded, lanelet2.io.Origin(*ORIGIN))
    return target


def assert_same_map(a: LaneMap, b: LaneMap, *, within_m: float = 1e-6) -> None:
    """Equal in everything but source and warnings."""
    for name in ('id', 'kind', 'turn', 'has_speed_limit', 'left_border_kind', 'right_border_kind',
                 'one_way', 'left_change', 'right_change', 'light_group_id'):  # fmt: skip
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    np.testing.assert_allclose(a.speed_limit_mps, b.speed_limit_mps)
    for name in ('centreline', 'left_border', 'right_border', 'light_position', 'stop_lines'):
        one, other = getattr(a, name), getattr(b, name)
        np.testing.assert_array_equal(one.offsets, other.offsets, err_msg=name)
        np.testing.assert_allclose(one.points_m, other.points_m, atol=within_m, err_msg=name)
    for name in ('successors', 'predecessors', 'left', 'right', 'yields_to', 'light_lanes',
                 'light_stop_line', 'lane_lights', 'stop_line_lanes'):  # fmt: skip
        one, other = getattr(a, name), getattr(b, name)
        assert [sorted(one[i]) for i in range(len(one))] == [
            sorted(other[i]) for i in range(len(other))
        ], name
    assert_same_rules(a, b, within_m=within_m)
    assert [(area.id, area.kind) for area in a.areas] == [(area.id, area.kind) for area in b.areas]
    for one, other in zip(a.areas, b.areas, strict=True):
        np.testing.assert_allclose(one.outline_m, other.outline_m, atol=within_m)


def assert_same_rules(a: LaneMap, b: LaneMap, *, within_m: float = 1e-6) -> None:
    """All rules, with the geometry of every role in order."""
    assert [(rule.id, rule.kind) for rule in a.rules] == [(rule.id, rule.kind) for rule in b.rules]
    for one, other in zip(a.rules, b.rules, strict=True):
        assert one.tags == other.tags
        assert sorted(one.lanes) == sorted(other.lanes)
        assert {k: v for k, v in one.role_lanes.items() if v} == {
            k: v for k, v in other.role_lanes.items() if v
        }
        assert sorted(one.geometry) == sorted(other.geometry)
        for role, shapes in one.geometry.items():
            assert len(shapes) == len(other.geometry[role])
            for shape, twin in zip(shapes, other.geometry[role], strict=True):
                np.testing.assert_allclose(shape, twin, atol=within_m)


@pytest.fixture(scope='session')
def map_text() -> type[MapText]:
    return MapText


@pytest.fixture(scope='session')
def make_archive() -> Any:
    return archive_of


@pytest.fixture(scope='session')
def same_map() -> Any:
    return assert_same_map


@pytest.fixture(scope='session')
def same_rules() -> Any:
    return assert_same_rules


AUTOWARE_RULES = {
    # kind -> roles and what stands in them, as Autoware's maps write them
    'crosswalk': {'refers': 'crosswalk', 'ref_line': 'line', 'crosswalk_polygon': 'polygon'},
    'road_marking': {'refers': 'line'},
    'detection_area': {'refers': 'polygon', 'ref_line': 'line'},
    'no_stopping_area': {'refers': 'polygon', 'ref_line': 'line'},
    'no_parking_area': {'refers': 'polygon'},
    'bus_stop_area': {'refers': 'polygon'},
    'speed_bump': {'refers': 'polygon'},
    'virtual_traffic_light': dict.fromkeys(('refers', 'start_line', 'end_line'), 'line'),
    'roundabout': dict.fromkeys(('entry_lanelets', 'internal_lanelets'), 'lanelet'),
    'traffic_light': {'refers': 'line', 'ref_line': 'line', 'light_bulbs': 'line'},
    'something_of_tomorrow': {'refers': 'point', 'whatever': 'polygon'},
}  # fmt: skip


def map_of_rules(kinds: Iterable[str], **options: bool) -> MapText:
    """One road lanelet that refers to a rule of each kind, with a crosswalk and a second road."""
    text = MapText(**options)
    crosswalk = text.straight(20.0, 24.0, 6.0, subtype='crosswalk', one_way='no')
    other = text.straight(60.0, 90.0)
    rules = []
    for k, kind in enumerate(kinds):
        members = []
        for role, shape in AUTOWARE_RULES[kind].items():
            x = 2.0 + 3 * k
            if shape == 'line':
                members.append(
                    ('way', text.way([(x, -2.0, 0.1), (x + 0.2, 2.0, 0.2)], type=role), role)
                )
            elif shape == 'polygon':
                ring = [(x, -1.0), (x + 2, -1.0), (x + 2, 1.0), (x, 1.0)]
                members.append(('way', text.way(ring, type=kind, area='yes'), role))
            elif shape == 'point':
                members.append(('node', text.node(x, 0.0), role))
            else:
                members.append(('relation', crosswalk if shape == 'crosswalk' else other, role))
        rules.append(text.rule(kind, *members, note=f'{kind} rule'))
    text.straight(0.0, 60.0, rules=rules, speed_limit='40')
    return text


@pytest.fixture(scope='session')
def autoware_rules() -> dict[str, dict[str, str]]:
    return AUTOWARE_RULES


@pytest.fixture(scope='session')
def rules_map() -> Any:
    return map_of_rules
