"""OSM XML: what is refused, and that the refusal names file, line and element."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.errors import MapError
from prediction_node.lanelet.load import load_map
from prediction_node.lanelet.parameters import MapLimits, ReadingParameters

LENIENT = ReadingParameters(strict=False)


def saved(tmp_path: Path, text: Any) -> Path:
    path = tmp_path / 'map.osm'
    path.write_bytes(text if isinstance(text, bytes) else str(text).encode())
    return path


def refused(tmp_path: Path, text: Any, match: str, **options: Any) -> None:
    path = saved(tmp_path, text)
    with pytest.raises(MapError, match=match) as caught:
        load_map(path, **options)
    assert str(path) in str(caught.value)


BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE osm [
 <!ENTITY a "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa">
 <!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
]>
<osm><node id="1" lat="1" lon="1"><tag k="n" v="&b;"/></node></osm>"""
OUTSIDE = b"""<?xml version="1.0"?>
<!DOCTYPE osm SYSTEM "file:///etc/passwd">
<osm/>"""


@pytest.mark.parametrize(
    ('text', 'match'),
    [
        (b'', 'the file is empty'),
        (b'no xml at all', r'line 1: not well-formed XML'),
        (b'\x00\xff\xfe' * 100, r'line 1: not well-formed XML'),
        (b'<osm><node id="1" lat="1" lon="1"/>', r'line 1 in node 1: not well-formed XML'),
        (b'<osm>\n<node id="7" lat="1" lon="1">\n<tag k="a"', r'line 3 in node 7'),
        (BOMB, 'line 2: document types and entities are refused'),
        (OUTSIDE, 'line 2: document types and entities are refused'),
        (b'<osm>&who;</osm>', 'line 1: not well-formed XML'),
        (b'<html><body/></html>', 'root element is <html>'),
        (b'<osm/>', 'holds no lanelets'),
        (b'<osm>\n<node id="x"/></osm>', "line 2: id of node is not a whole number: 'x'"),
        (b'<osm><node lat="1" lon="1"/></osm>', 'id of node is not a whole number'),
        (b'<osm><node id="99999999999999999999" lat="1" lon="1"/></osm>', 'out of range'),
        (
            b'<osm><node id="4" lat="north" lon="1"/></osm>',
            "lat of node 4 is not a number: 'north'",
        ),
        (b'<osm><node id="4" lat="91" lon="1"/></osm>', r'lat of node 4 must be within \+-90'),
        (b'<osm><node id="4" lat="nan" lon="1"/></osm>', r'lat of node 4 must be within \+-90'),
        (b'<osm><node id="4"/>\n<node id="4"/></osm>', 'line 2: node 4 occurs twice'),
        (b'<osm><way id="5"><nd/></way></osm>', 'ref of way 5 is not a whole number'),
        (b'<osm><way id="5"><tag k="a"/></way></osm>', "a tag of way 5 lacks 'v'"),
        (b'<node id="6"/>', 'root element is <node>'),
        (b'<osm>' + b'<a>' * 20 + b'</a>' * 20 + b'</osm>', 'holds no lanelets'),
        (b'<osm><way id="5"/></osm>', 'way 5 has no points'),
        (b'<osm>\n<way id="5"><nd ref="6"/></way></osm>', 'line 2: way 5 refers to node 6'),
    ],
)
def test_broken_files_are_named(tmp_path: Path, text: bytes, match: str) -> None:
    refused(tmp_path, text, match)


def test_limits(map_text: Any, tmp_path: Path) -> None:
    text = map_text()
    text.straight(0.0, 50.0)
    long = str(text) + ' ' * 1024
    refused(
        tmp_path,
        long,
        f'{len(long)} bytes are over the limit of 1024',
        limits=MapLimits(max_bytes=1024),
    )
    refused(tmp_path, text, 'more than 3 elements like node', limits=MapLimits(max_points=3))
    refused(tmp_path, text, 'more than 1 elements like way', limits=MapLimits(max_elements=1))
    long = map_text()
    long.way([(float(i), 0.0) for i in range(40)])
    refused(tmp_path, long, 'way 41 has more than 20 parts', limits=MapLimits(max_parts=20))
    many = map_text()
    many.node(0.0, 0.0, **{f'tag{i}': '1' for i in range(20)})
    refused(tmp_path, many, 'node 1 has more than 16 tags', limits=MapLimits(max_tags=16))


def test_shared_ways_cannot_blow_up_the_arrays(map_text: Any, tmp_path: Path) -> None:
    text = map_text()
    left = text.way([(float(i), 2.0) for i in range(100)])
    right = text.way([(float(i), -2.0) for i in range(100)])
    for _ in range(10):
        text.lanelet(left, right)
    refused(tmp_path, text, 'they hold 2000 points', limits=MapLimits(max_points=250))


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(MapError, match=r'nowhere\.osm: cannot be read'):
        load_map(tmp_path / 'nowhere.osm')
    with pytest.raises(MapError, match=r'ends in \.osm or \.bin'):
        load_map(tmp_path / 'map.xodr')
    (tmp_path / 'folder.osm').mkdir()
    with pytest.raises(MapError, match='cannot be read'):
        load_map(tmp_path / 'folder.osm')


@pytest.mark.parametrize('key', ['ele', 'local_x', 'local_y'])
@pytest.mark.parametrize('value', ['east', 'inf', 'nan', '1e999'])
def test_bad_numbers_name_their_node(map_text: Any, tmp_path: Path, key: str, value: str) -> None:
    text = map_text()
    text.straight(0.0, 50.0)
    node = text.node(1.0, 1.0, **{key: value})
    refused(tmp_path, text, f"{key} of node {node} is not a number: '{value}'")


def test_positions_beyond_the_earth(map_text: Any, tmp_path: Path) -> None:
    text = map_text(geographic=False)
    text.straight(0.0, 1e12)
    refused(tmp_path, text, r'point \d+ lies at \(1e\+12')


def test_a_node_without_any_coordinates(map_text: Any, tmp_path: Path) -> None:
    text = map_text(geographic=False, local=False)
    text.straight(0.0, 50.0)
    refused(tmp_path, text, 'node 1 has neither local_x and local_y nor latitude and longitude')


class TestFaults:
    """Elements that cannot be trusted: an error in strict reading, else left out with a warning."""

    @pytest.fixture
    def text(self, map_text: Any) -> Any:
        text = map_text()
        self.sound = text.straight(0.0, 50.0, 20.0)
        self.left = text.way([(0.0, 2.0), (50.0, 2.0)])
        self.right = text.way([(0.0, -2.0), (50.0, -2.0)])
        return text

    def check(self, tmp_path: Path, text: Any, match: str, lanes: int = 1) -> Any:
        refused(tmp_path, text, match)
        lane_map = load_map(tmp_path / 'map.osm', reading=LENIENT)
        assert len(lane_map) == lanes
        assert lane_map.index_of(self.sound) == 0
        assert any(re.search(match, warning) for warning in lane_map.warnings)
        return lane_map

    def test_missing_border(self, text: Any, tmp_path: Path) -> None:
        id_ = text.relation([('way', self.left, 'left')], type='lanelet', subtype='road')
        self.check(tmp_path, text, f'lanelet {id_} has 0 right borders instead of one')

    def test_two_borders_of_one_side(self, text: Any, tmp_path: Path) -> None:
        members = [('way', self.left, 'left'), ('way', self.right, 'left'), ('way', 1, 'right')]
        id_ = text.relation(members, type='lanelet', subtype='road')
        self.check(tmp_path, text, f'lanelet {id_} has 2 left borders instead of one')

    def test_dangling_border(self, text: Any, tmp_path: Path) -> None:
        id_ = text.lanelet(self.left, 99)
        self.check(tmp_path, text, f'the right border of lanelet {id_} is way 99, which the map')

    def test_dangling_node(self, text: Any, tmp_path: Path) -> None:
        way = text.way_of([1, 2, 98])
        self.check(tmp_path, text, f'way {way} refers to node 98, which the map does not hold')

    def test_the_same_way_twice(self, text: Any, tmp_path: Path) -> None:
        id_ = text.lanelet(self.left, self.left)
        self.check(tmp_path, text, f'lanelet {id_} has way {self.left} as both of its borders')

    def test_border_without_length(self, text: Any, tmp_path: Path) -> None:
        point = text.way([(3.0, 3.0), (3.0, 3.0)])
        id_ = text.lanelet(self.left, point)
        self.check(tmp_path, text, f'the right border of lanelet {id_}, way {point}, is 0 m long')

    def test_border_without_end(self, text: Any, tmp_path: Path) -> None:
        far = text.way([(0.0, -2.0), (5e4, -2.0)])
        id_ = text.lanelet(self.left, far)
        self.check(tmp_path, text, f'border of lanelet {id_}, way {far}, is 5e[+]04 m long')

    def test_dangling_rule(self, text: Any, tmp_path: Path) -> None:
        id_ = text.lanelet(self.left, self.right, rules=[97])
        self.check(tmp_path, text, f'lanelet {id_} refers to regulatory element 97', lanes=2)

    def test_dangling_member(self, text: Any, tmp_path: Path) -> None:
        rule = text.rule('traffic_light', ('way', 96, 'refers'))
        self.check(
            tmp_path,
            text,
            rf"regulatory element {rule} \(traffic_light\) refers to way 96 as 'refers'",
        )

    def test_rule_without_kind(self, text: Any, tmp_path: Path) -> None:
        id_ = text.relation([('way', self.left, 'refers')], type='regulatory_element')
        self.check(tmp_path, text, f'regulatory element {id_} has no subtype')

    def test_centreline_that_leaves_the_lanelet(self, text: Any, tmp_path: Path) -> None:
        centre = text.way([(10.0, 0.0), (20.0, 0.0), (30.0, 4.0)])
        id_ = text.lanelet(self.left, self.right, centreline=centre)
        lane_map = self.check(
            tmp_path,
            text,
            f'the centreline of lanelet {id_}, way {centre}, leaves the lanelet by 2.00 m',
            lanes=2,
        )
        # What is left in its place is the computed one.
        np.testing.assert_allclose(lane_map.centreline[1][:, 1], 0.0, atol=1e-9)

    def test_centreline_against_the_driving_direction(self, text: Any, tmp_path: Path) -> None:
        centre = text.way([(40.0, 0.0), (10.0, 0.0)])
        id_ = text.lanelet(self.left, self.right, centreline=centre)
        self.check(
            tmp_path, text, f'lanelet {id_}, way {centre}, runs against the driving', lanes=2
        )

    def test_many_faults_are_counted(self, text: Any, tmp_path: Path) -> None:
        for _ in range(9):
            text.lanelet(self.left, 99)
        refused(tmp_path, text, 'and 4 more [(]map.reading.strict: false')


def test_elements_that_an_editor_deleted(map_text: Any, tmp_path: Path) -> None:
    text = map_text()
    text.straight(0.0, 50.0)
    gone = str(text).replace('</osm>', '<way id="900" action="delete"><nd ref="901"/></way></osm>')
    assert len(load_map(saved(tmp_path, gone))) == 1


def test_foreign_relations_are_told(map_text: Any, tmp_path: Path) -> None:
    text = map_text()
    text.straight(0.0, 50.0)
    route = text.relation([], type='route')
    lane_map = load_map(saved(tmp_path, text))
    assert lane_map.warnings == (f'relation {route} (route) is not of Lanelet2 and left out',)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_text_gives_a_map_or_a_typed_error(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, rules_map_text: str
) -> None:
    damaged = bytearray(rules_map_text.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place] = data.draw(st.integers(32, 126))
    path = tmp_path_factory.getbasetemp() / 'damaged.osm'
    path.write_bytes(bytes(damaged))
    try:
        lane_map = load_map(path, reading=LENIENT)
    except MapError:
        return
    assert np.isfinite(lane_map.centreline.points_m).all()


@pytest.fixture(scope='module')
def rules_map_text(rules_map: Any, autoware_rules: Any) -> str:
    return str(rules_map(list(autoware_rules)))
