"""Written maps mean the same to Lanelet2 itself, and to our own reader, as before."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import lanelet2
import numpy as np
import pytest

from prediction_node.domain.errors import MapError
from prediction_node.domain.lane_map import (
    Area,
    BorderKind,
    LaneKind,
    LaneMap,
    Polylines,
    Relation,
    Turn,
)
from prediction_node.importers.av2 import read_av2_log
from prediction_node.importers.commonroad import read_commonroad
from prediction_node.lanelet.load import load_map
from prediction_node.lanelet.shared_borders import share_borders
from prediction_node.lanelet.write import write_lanelet2

ORIGIN = (34.1, -118.4)
NONE: tuple[int, ...] = ()


def lane(
    start: tuple[float, float], end: tuple[float, float], width: float = 3.5, points: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """Left and right border of a straight lane."""
    a, b = np.array([*start, 1.0]), np.array([*end, 1.0])
    ahead = (b - a)[:2] / np.linalg.norm((b - a)[:2])
    side = 0.5 * width * np.array([-ahead[1], ahead[0], 0.0])
    middle = a + np.linspace(0.0, 1.0, points)[:, None] * (b - a)
    return middle + side, middle - side


def make_map(**changes: Any) -> LaneMap:
    """Lanes: 0 -> 1 eastward, 2 -> 3 on their left, 4 comes the other way, 5 crosses on foot.

    Lane 2's right border has other points than lane 0's left one. A light rules 0 and 2, which stop
    at one line; lane 3 gives way to lane 4.
    """
    borders = [
        lane((0, 0), (50, 0)),
        lane((50, 0), (90, 0)),
        lane((0, 3.5), (50, 3.5), points=6),
        lane((50, 3.5), (90, 3.5)),
        lane((90, 7.0), (0, 7.0)),
        lane((60, -5), (60, 12), width=4.0),
    ]
    left, right = zip(*borders, strict=True)
    n = len(borders)
    kind = np.full(n, LaneKind.ROAD, np.int8)
    kind[5] = LaneKind.CROSSWALK
    dashed, solid, curb = BorderKind.DASHED, BorderKind.SOLID, BorderKind.CURB
    fields: dict[str, Any] = {
        'id': np.array([101, 102, 103, 104, 105, 106], np.int64),
        'kind': kind,
        'turn': np.array([0, Turn.STRAIGHT, 0, Turn.LEFT, 0, 0], np.int8),
        'speed_limit_mps': np.array([13.4112, 13.4112, 8.0, 8.0, np.inf, np.inf]),
        'has_speed_limit': np.array([True, True, True, True, False, False]),
        'centreline': Polylines.of([0.5 * (a[[0, -1]] + b[[0, -1]]) for a, b in borders]),
        'left_border': Polylines.of(list(left)),
        'right_border': Polylines.of(list(right)),
        'left_border_kind': np.array([dashed, dashed, solid, solid, solid, 0], np.int8),
        'right_border_kind': np.array([curb, curb, dashed, dashed, curb, 0], np.int8),
        'one_way': np.array([True] * 5 + [False]),
        'successors': Relation.of([[1], NONE, [3], NONE, NONE, NONE]),
        'predecessors': Relation.of([NONE, [0], NONE, [2], NONE, NONE]),
        'left': Relation.of([[2], [3], NONE, NONE, NONE, NONE]),
        'right': Relation.of([NONE, NONE, [0], [1], NONE, NONE]),
        'left_change': np.array([True, True, False, False, False, False]),
        'right_change': np.array([False, False, True, True, False, False]),
        'yields_to': Relation.of([NONE, NONE, NONE, [4], NONE, NONE]),
        'light_group_id': np.array([900], np.int64),
        'light_lanes': Relation.of([[0, 2]]),
        'light_stop_line': Relation.of([[0]]),
        'lane_lights': Relation.of([[0], NONE, [0], NONE, NONE, NONE]),
        'light_position': Polylines.of([np.array([[70.0, -1, 6], [70.0, 1, 6]])]),
        'stop_lines': Polylines.of([np.array([[50.0, -1.75, 1], [50.0, 5.25, 1]])]),
        'stop_line_lanes': Relation.of([[0, 2]]),
        'areas': (
            Area(800, 'parking', np.array([[0.0, -9, 1], [9, -9, 1], [9, -5, 1], [0, -5, 1]])),
        ),
        'source': 'made up',
    }
    fields.update(changes)
    return LaneMap(**fields)


def load_plain(file: Path, origin: tuple[float, float] = ORIGIN) -> Any:
    """By Lanelet2 alone; it must find nothing to complain about."""
    projector = lanelet2.projection.UtmProjector(lanelet2.io.Origin(*origin))
    loaded, errors = lanelet2.io.loadRobust(str(file), projector)
    assert list(errors) == []
    return loaded


def routing(loaded: Any, participant: str) -> Any:
    rules = lanelet2.traffic_rules.create(
        lanelet2.traffic_rules.Locations.Germany,
        getattr(lanelet2.traffic_rules.Participants, participant),
    )
    return lanelet2.routing.RoutingGraph(loaded, rules), rules


def ids(lane_map: LaneMap, rows: np.ndarray) -> set[int]:
    return {int(lane_map.id[k]) for k in rows}


def assert_same_roads(lane_map: LaneMap, file: Path, origin: tuple[float, float]) -> None:
    """Lanelet2's routing graph for vehicles connects what the lane map connects."""
    loaded = load_plain(file, origin)
    graph, _ = routing(loaded, 'Vehicle')
    for k in np.flatnonzero(lane_map.kind == LaneKind.ROAD):
        lanelet = loaded.laneletLayer[int(lane_map.id[k])]
        roads = {int(i) for i in lane_map.id[lane_map.kind == LaneKind.ROAD]}
        assert {x.id for x in graph.following(lanelet)} == ids(
            lane_map, lane_map.successors[k]
        ) & roads
        for change, adjacent, relation, allowed in (
            (graph.left, graph.adjacentLeft, lane_map.left, lane_map.left_change),
            (graph.right, graph.adjacentRight, lane_map.right, lane_map.right_change),
        ):
            found = {x.id for x in (change(lanelet), adjacent(lanelet)) if x is not None}
            wanted = ids(lane_map, relation[k]) & roads
            assert found == wanted
            if wanted:
                assert (change(lanelet) is not None) == bool(allowed[k])


def test_lanelet2_finds_the_same_roads(tmp_path: Path) -> None:
    lane_map = make_map()
    assert write_lanelet2(lane_map, tmp_path / 'map.osm', ORIGIN) == []
    assert_same_roads(lane_map, tmp_path / 'map.osm', ORIGIN)


def test_lanelet2_places_points_where_they_were(tmp_path: Path) -> None:
    lane_map = make_map()
    write_lanelet2(lane_map, tmp_path / 'map.osm', ORIGIN)
    loaded = load_plain(tmp_path / 'map.osm')
    for k in (0, 1, 2, 3, 5):
        border = loaded.laneletLayer[int(lane_map.id[k])].rightBound
        points = np.array([[p.x, p.y, p.z] for p in border])
        ends = lane_map.right_border[k][[0, -1]]
        np.testing.assert_allclose(points[[0, -1]], ends, atol=1e-4)
        assert float(border[0].attributes['local_x']) == pytest.approx(ends[0, 0], abs=1e-4)


def test_lanelet2_reads_limits_lights_and_right_of_way(tmp_path: Path) -> None:
    write_lanelet2(make_map(), tmp_path / 'map.osm', ORIGIN)
    loaded = load_plain(tmp_path / 'map.osm')
    _, rules = routing(loaded, 'Vehicle')
    limits = [rules.speedLimit(loaded.laneletLayer[i]).speedLimitMPS for i in (101, 103)]
    np.testing.assert_allclose(limits, [13.4112, 8.0], rtol=1e-5)
    light = loaded.regulatoryElementLayer[900]
    assert len(light.trafficLights) == 1
    np.testing.assert_allclose([light.stopLine[0].y, light.stopLine[1].y], [-1.75, 5.25], atol=1e-4)
    assert {
        number
        for number in (101, 102, 103, 104)
        if any(r.id == 900 for r in loaded.laneletLayer[number].regulatoryElements)
    } == {101, 103}
    first = [
        r
        for r in loaded.laneletLayer[104].regulatoryElements
        if isinstance(r, lanelet2.core.RightOfWay)
    ]
    assert [x.id for x in first[0].yieldLanelets()] == [104]
    assert [x.id for x in first[0].rightOfWayLanelets()] == [105]


def test_walkers_cross_both_ways(tmp_path: Path) -> None:
    write_lanelet2(make_map(), tmp_path / 'map.osm', ORIGIN)
    loaded = load_plain(tmp_path / 'map.osm')
    _, on_foot = routing(loaded, 'Pedestrian')
    _, driving = routing(loaded, 'Vehicle')
    crossing = loaded.laneletLayer[106]
    assert on_foot.canPass(crossing)
    assert not on_foot.isOneWay(crossing)
    assert not driving.canPass(crossing)
    assert driving.isOneWay(loaded.laneletLayer[101])


FIELDS = (
    'kind',
    'turn',
    'has_speed_limit',
    'one_way',
    'left_change',
    'right_change',
    'left_border_kind',
    'right_border_kind',
)


def test_our_reader_gives_the_same_lane_map(tmp_path: Path) -> None:
    lane_map = make_map()
    write_lanelet2(lane_map, tmp_path / 'map.osm', ORIGIN)
    again = load_map(tmp_path / 'map.osm')
    assert again.warnings == ()
    row = [again.index_of(int(i)) for i in lane_map.id]
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(again, name)[row], getattr(lane_map, name), name)
    np.testing.assert_allclose(again.speed_limit_mps[row], lane_map.speed_limit_mps, rtol=1e-5)
    for name in ('successors', 'predecessors', 'left', 'right', 'yields_to'):
        for k, other in enumerate(row):
            mine = ids(lane_map, getattr(lane_map, name)[k])
            assert ids(again, getattr(again, name)[other]) == mine, (name, k)
    assert again.light_group_id.tolist() == [900]
    assert ids(again, again.light_lanes[0]) == {101, 103}
    assert ids(again, again.stop_line_lanes[0]) == {101, 103}
    np.testing.assert_allclose(again.stop_lines[0], lane_map.stop_lines[0], atol=1e-4)
    np.testing.assert_allclose(again.light_position[0], lane_map.light_position[0], atol=1e-4)
    assert [(area.id, area.kind) for area in again.areas] == [(800, 'parking')]


@pytest.mark.parametrize('shift', [0.0, 1e5])
def test_coordinates_far_from_the_origin_survive(shift: float, tmp_path: Path) -> None:
    moved = make_map()
    far = np.array([shift, shift, 0.0])
    moved = dataclasses.replace(
        moved,
        left_border=Polylines(moved.left_border.points_m + far, moved.left_border.offsets),
        right_border=Polylines(moved.right_border.points_m + far, moved.right_border.offsets),
    )
    write_lanelet2(moved, tmp_path / 'map.osm', ORIGIN)
    again = load_map(tmp_path / 'map.osm')
    for k in range(len(moved)):
        ends = again.left_border[again.index_of(int(moved.id[k]))][[0, -1]]
        np.testing.assert_allclose(ends, moved.left_border[k][[0, -1]], atol=1e-4)


@pytest.mark.parametrize(
    ('left_sees', 'right_sees', 'to_left', 'to_right'),
    [
        (BorderKind.DASHED, BorderKind.DASHED, False, True),
        (BorderKind.DASHED, BorderKind.DASHED, True, False),
        (BorderKind.SOLID, BorderKind.DASHED, True, False),
        (BorderKind.SOLID, BorderKind.SOLID, True, True),
        (BorderKind.VIRTUAL, BorderKind.VIRTUAL, False, False),
        (BorderKind.CURB, BorderKind.CURB, False, False),
    ],
)
def test_lane_changes_and_markings(
    left_sees: BorderKind, right_sees: BorderKind, to_left: bool, to_right: bool, tmp_path: Path
) -> None:
    """`left_sees`: the lane on the left of the line, at its right border."""
    lane_map = make_map()
    for k in (0, 1):
        lane_map.left_border_kind[k], lane_map.left_change[k] = right_sees, to_left
        lane_map.right_border_kind[k + 2], lane_map.right_change[k + 2] = left_sees, to_right
    write_lanelet2(lane_map, tmp_path / 'map.osm', ORIGIN)
    assert_same_roads(lane_map, tmp_path / 'map.osm', ORIGIN)
    again = load_map(tmp_path / 'map.osm')
    right_lane, left_lane = again.index_of(101), again.index_of(103)
    assert again.left_border_kind[right_lane] == right_sees
    assert again.right_border_kind[left_lane] == left_sees


def test_borders_are_shared() -> None:
    shared = share_borders(make_map())
    assert shared.side_of(0, 0) == shared.side_of(2, 1)  # neighbours, described by different points
    assert len(shared.line_nodes) == 10  # 12 sides, two pairs of them in common
    ends = [shared.line_nodes[shared.side_of(k, 1)[0]] for k in (0, 1)]
    assert ends[0][-1] == ends[1][0]


def test_oncoming_lanes_share_a_border_too() -> None:
    lane_map = make_map()
    points = lane_map.left_border
    opposite = [points[k] for k in range(6)]
    opposite[4] = np.concatenate([points[2], points[3][1:]])[::-1]  # 90 -> 0 along 2 and 3
    opposite[2] = np.concatenate([points[2], points[3][1:]])
    shared = share_borders(dataclasses.replace(lane_map, left_border=Polylines.of(opposite)))
    line, backward = shared.side_of(4, 0)
    assert (line, not backward) == shared.side_of(2, 0)


def test_relations_without_contact_are_told(tmp_path: Path) -> None:
    lane_map = make_map(
        left=Relation.of([[2], [3], NONE, NONE, NONE, [0]]),
        successors=Relation.of([[1, 4], NONE, [3], NONE, NONE, NONE]),
    )
    parted = write_lanelet2(lane_map, tmp_path / 'map.osm', ORIGIN)
    assert parted == [
        'lanes 106 and 101 are neighbours without a common border',
        'lane 105 does not start where its predecessor 101 ends',
    ]
    load_plain(tmp_path / 'map.osm')


def test_a_stop_line_without_a_light_becomes_a_sign(tmp_path: Path) -> None:
    lane_map = make_map(
        light_group_id=np.zeros(0, np.int64),
        light_lanes=Relation.of([]),
        light_stop_line=Relation.of([]),
        lane_lights=Relation.of([NONE] * 6),
        light_position=Polylines.of([]),
    )
    write_lanelet2(lane_map, tmp_path / 'map.osm', ORIGIN)
    load_plain(tmp_path / 'map.osm')
    again = load_map(tmp_path / 'map.osm')
    assert ids(again, again.stop_line_lanes[0]) == {101, 103}


def test_unusable_ids_are_named(tmp_path: Path) -> None:
    with pytest.raises(MapError, match='made up: lanes, signal groups and areas share an id'):
        write_lanelet2(make_map(light_group_id=np.array([101])), tmp_path / 'map.osm')
    with pytest.raises(MapError, match='ids must be positive'):
        write_lanelet2(make_map(light_group_id=np.array([-1])), tmp_path / 'map.osm')
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(MapError, match=r'nowhere/map\.osm cannot be written'):
        write_lanelet2(make_map(), tmp_path / 'nowhere' / 'map.osm')


def test_recorded_maps(shared_data: Path, tmp_path: Path) -> None:
    """Lankershim, US101 and the Argoverse logs: no complaints, the same connections."""
    ngsim = shared_data / 'ngsim_commonroad'
    maps = [
        (read_commonroad(ngsim / name)[1], ORIGIN)
        for name in ('Lankershim/USA_Lanker-2_10_T-1.xml', 'US101/USA_US101-22_1_T-1.xml')
    ]
    pytest.importorskip('pyarrow')
    maps += [read_av2_log(log)[1:] for log in sorted((shared_data / 'av2' / 'logs').iterdir())]
    for number, (lane_map, origin) in enumerate(maps):
        file = tmp_path / f'{number}.osm'
        parted = write_lanelet2(lane_map, file, origin)
        if number:
            assert parted == []
        else:  # three turn pockets that open beside their neighbours
            assert len(parted) == 3
            lane_map = without_parted(lane_map)
        assert_same_roads(lane_map, file, origin)


def without_parted(lane_map: LaneMap) -> LaneMap:
    """Neighbours only where the borders meet at both ends."""
    left: list[list[int]] = [[] for _ in range(len(lane_map))]
    right: list[list[int]] = [[] for _ in range(len(lane_map))]
    for k in range(len(lane_map)):
        for other in lane_map.left[k]:
            mine, its = lane_map.left_border[k], lane_map.right_border[int(other)]
            if np.abs(mine[[0, -1]] - its[[0, -1]]).max() < 0.5:
                left[k].append(int(other))
                right[int(other)].append(k)
    return dataclasses.replace(lane_map, left=Relation.of(left), right=Relation.of(right))
