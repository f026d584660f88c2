"""Traffic lights, stop lines, right of way, areas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.lane_map import LaneMap
from prediction_node.lanelet.load import load_map


@pytest.fixture
def load(tmp_path: Path) -> Any:
    def loaded(text: Any) -> LaneMap:
        return load_map(text.save(tmp_path / 'map.osm'))

    return loaded


def names(lane_map: LaneMap, rows: Any) -> list[int]:
    return sorted(lane_map.id[np.asarray(rows, np.int64)].tolist())


def test_a_light_its_lanes_heads_and_stop_line(map_text: Any, load: Any) -> None:
    text = map_text()
    stop = text.way([(49.0, -6.0), (49.0, 2.0)], type='stop_line')
    heads = [
        text.way([(70.0, y, 5.0), (70.0, y + 1, 5.0)], type='traffic_light') for y in (0.0, -4.0)
    ]
    bulbs = text.way([(70.0, 0.3, 5.1), (70.0, 0.6, 5.1)], type='light_bulbs')
    light = text.rule(
        'traffic_light',
        *(('way', head, 'refers') for head in heads),
        ('way', stop, 'ref_line'),
        ('way', bulbs, 'light_bulbs'),
    )
    lanes = [text.straight(0.0, 50.0, y, rules=[light]) for y in (0.0, -4.0)]
    text.straight(0.0, 50.0, 10.0)
    lane_map = load(text)
    assert lane_map.light_group_id.tolist() == [light]
    assert names(lane_map, lane_map.light_lanes[0]) == lanes
    assert lane_map.light_stop_line[0].tolist() == [0]
    np.testing.assert_allclose(lane_map.stop_lines[0][:, :2], [[49, -6], [49, 2]])
    assert names(lane_map, lane_map.stop_line_lanes[0]) == lanes
    np.testing.assert_allclose(lane_map.light_position[0][:, 1], [0, 1, -4, -3])
    groups = [lane_map.lane_lights[lane].tolist() for lane in range(3)]
    assert groups == [[0], [0], []]
    assert len(lane_map.rules[0].geometry['light_bulbs']) == 1


def test_a_light_on_a_two_way_lane_rules_those_who_drive_towards_it(
    map_text: Any, load: Any
) -> None:
    text = map_text()
    stop = text.way([(49.0, -2.0), (49.0, 2.0)], type='stop_line')
    head = text.way([(60.0, 0.0, 5.0), (60.0, 1.0, 5.0)], type='traffic_light')
    light = text.rule('traffic_light', ('way', head, 'refers'), ('way', stop, 'ref_line'))
    lane = text.straight(0.0, 50.0, rules=[light], one_way='no')
    lane_map = load(text)
    assert names(lane_map, lane_map.light_lanes[0]) == [lane]
    assert names(lane_map, lane_map.stop_line_lanes[0]) == [lane]


def test_right_of_way(map_text: Any, load: Any) -> None:
    """Those who yield stop at the line; those who have the right of way do not."""
    text = map_text()
    major, minor = text.straight(0.0, 50.0), text.straight(0.0, 50.0, 20.0)
    stop = text.way([(49.0, 17.0), (49.0, 22.0)], type='stop_line')
    rule = text.rule(
        'right_of_way',
        ('relation', major, 'right_of_way'),
        ('relation', minor, 'yield'),
        ('way', stop, 'ref_line'),
    )
    lane_map = load(text)
    assert names(lane_map, lane_map.yields_to[lane_map.index_of(minor)]) == [major]
    assert len(lane_map.yields_to[lane_map.index_of(major)]) == 0
    assert names(lane_map, lane_map.stop_line_lanes[0]) == [minor]
    (found,) = lane_map.rules
    assert found.id == rule
    assert found.role_lanes == {
        'right_of_way': (lane_map.index_of(major),),
        'yield': (lane_map.index_of(minor),),
    }
    outline = found.geometry['yield'][0]
    np.testing.assert_allclose(outline[:, :2].mean(axis=0), [25.0, 20.0])


def test_all_way_stop(map_text: Any, load: Any) -> None:
    """Each yields to every other, and stops at the line that it meets."""
    text = map_text()
    lanes = [text.straight(0.0, 50.0, y) for y in (0.0, 20.0, 40.0)]
    stops = [
        text.way([(50.5, y - 2.0), (50.5, y + 2.0)], type='stop_line') for y in (0.0, 20.0, 40.0)
    ]
    text.rule(
        'all_way_stop',
        *(('relation', lane, 'refers') for lane in lanes),
        *(('way', stop, 'ref_line') for stop in stops),
    )
    lane_map = load(text)
    for lane in lanes:
        others = names(lane_map, lane_map.yields_to[lane_map.index_of(lane)])
        assert others == [other for other in lanes if other != lane]
    assert [names(lane_map, lane_map.stop_line_lanes[s]) for s in range(3)] == [[a] for a in lanes]


def test_stop_lines_without_rules_hold_the_lanes_they_cross(map_text: Any, load: Any) -> None:
    text = map_text()
    crossed = text.straight(0.0, 50.0)
    text.straight(0.0, 50.0, 20.0)
    text.straight(0.0, 50.0, subtype='crosswalk')
    text.way([(48.0, -1.7), (48.0, 1.7)], type='stop_line')
    text.way([(48.0, 90.0), (48.0, 95.0)], type='stop_line')
    lane_map = load(text)
    held = [names(lane_map, lane_map.stop_line_lanes[s]) for s in range(2)]
    assert held == [[crossed], []]


def test_stop_signs_and_painted_stop_lines(map_text: Any, load: Any) -> None:
    text = map_text()
    stops = [text.way([(49.0, y - 2), (49.0, y + 2)], type='stop_line') for y in (0.0, 20.0)]
    sign = text.way([(49.0, 3.0), (49.5, 3.0)], type='traffic_sign', subtype='stop_sign')
    by_sign = text.rule('traffic_sign', ('way', sign, 'refers'), ('way', stops[0], 'ref_line'))
    by_paint = text.rule('road_marking', ('way', stops[1], 'refers'))
    lanes = [
        text.straight(0.0, 50.0, 0.0, rules=[by_sign]),
        text.straight(0.0, 50.0, 20.0, rules=[by_paint]),
    ]
    lane_map = load(text)
    assert [names(lane_map, lane_map.stop_line_lanes[s]) for s in range(2)] == [[a] for a in lanes]


def test_areas(map_text: Any, load: Any) -> None:
    text = map_text()
    text.straight(0.0, 50.0)
    lot = text.way([(0, 10), (0, 20), (9, 20), (9, 10)], type='parking_lot', area='yes')
    space = text.way([(20.0, 12.0), (25.0, 12.0)], type='parking_space', width='2.5')
    corners = [text.node(*p) for p in ((30.0, 10.0), (40.0, 10.0), (40.0, 20.0), (30.0, 20.0))]
    first = text.way([*corners[:3]])
    second = text.way([corners[0], corners[3], corners[2]])  # against the ring's direction
    island = text.relation(
        [('way', first, 'outer'), ('way', second, 'outer')],
        type='multipolygon',
        subtype='traffic_island',
    )
    lane_map = load(text)
    assert [(area.id, area.kind) for area in lane_map.areas] == [
        (lot, 'parking_lot'),
        (space, 'parking_space'),
        (island, 'traffic_island'),
    ]
    assert [len(area.outline_m) for area in lane_map.areas] == [4, 4, 4]
    assert [polygon_area(area.outline_m) for area in lane_map.areas] == pytest.approx(
        [90, 12.5, 100]
    )


def polygon_area(outline: np.ndarray) -> float:
    """Positive for counterclockwise outlines, which all areas have."""
    x, y = outline[:, 0], outline[:, 1]
    return float((np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def test_open_areas_are_told(map_text: Any, load: Any) -> None:
    text = map_text()
    text.straight(0.0, 50.0)
    line = text.way([(0, 10), (9, 10), (9, 20)])
    area = text.relation([('way', line, 'outer')], type='multipolygon', subtype='parking')
    lane_map = load(text)
    assert lane_map.areas == ()
    assert lane_map.warnings == (f'area {area} has no closed outer border and is left out',)


def test_rules_that_refer_to_nothing_are_kept_and_told(map_text: Any, load: Any) -> None:
    text = map_text()
    rule = text.rule('road_marking')
    text.straight(0.0, 50.0, rules=[rule])
    lane_map = load(text)
    assert lane_map.warnings == (f'regulatory element {rule} (road_marking) refers to nothing',)
    assert lane_map.rules[0].lanes == (0,)
