"""Lanes that meet: walkers' head to head, shoulders beside roads, a light behind its stop line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prediction_node.domain.lane_map import LaneMap
from prediction_node.lanelet.load import load_map
from prediction_node.lanelet.write import write_lanelet2


def followers(lane_map: LaneMap, lanelet: int) -> set[int]:
    row = lane_map.index_of(lanelet)
    return {int(lane_map.id[k]) for k in lane_map.successors[row]}


@pytest.mark.parametrize('first_drawn_back', [False, True])
@pytest.mark.parametrize('second_drawn_back', [False, True])
def test_walkers_go_on_however_the_lanes_are_drawn(
    map_text: Any, tmp_path: Path, first_drawn_back: bool, second_drawn_back: bool
) -> None:
    text = map_text()
    gate = text.node(10.0, 1.0), text.node(10.0, -1.0)
    options = {'subtype': 'walkway'}

    def lane(start: float, end: float, drawn_back: bool) -> int:
        """From x = start to end, one of which is the gate's 10."""
        sides = []
        for node, y in zip(gate, (1.0, -1.0), strict=True):
            points = [node if x == 10.0 else (x, y) for x in (start, end)]
            sides.append(text.way(points[::-1] if drawn_back else points, type='virtual'))
        return int(text.lanelet(*(sides[::-1] if drawn_back else sides), **options))

    first, second = lane(0.0, 10.0, first_drawn_back), lane(10.0, 20.0, second_drawn_back)
    lane_map = load_map(text.save(tmp_path / 'map.osm'))
    assert followers(lane_map, first) == {second}
    assert followers(lane_map, second) == {first}
    write_lanelet2(lane_map, tmp_path / 'again.osm')
    again = load_map(tmp_path / 'again.osm')
    assert followers(again, first) == {second}
    assert followers(again, second) == {first}


def test_one_way_walkways_do_not_lead_back(map_text: Any, tmp_path: Path) -> None:
    text = map_text()
    gate = text.node(10.0, 1.0), text.node(10.0, -1.0)
    options = {'subtype': 'walkway', 'one_way__pedestrian': 'yes'}
    first = text.lanelet(
        text.way([(0.0, 1.0), gate[0]], type='virtual'),
        text.way([(0.0, -1.0), gate[1]], type='virtual'), **options,
    )  # fmt: skip
    second = text.lanelet(
        text.way([gate[0], (20.0, 1.0)], type='virtual'),
        text.way([gate[1], (20.0, -1.0)], type='virtual'), **options,
    )  # fmt: skip
    lane_map = load_map(text.save(tmp_path / 'map.osm'))
    assert followers(lane_map, first) == {second}
    assert followers(lane_map, second) == set()


def test_a_shoulder_lies_beside_the_road_but_not_the_road_beside_it(
    map_text: Any, tmp_path: Path
) -> None:
    text = map_text()
    middle = text.way([(0.0, 0.0), (50.0, 0.0)], type='line_thin', subtype='dashed')
    left = text.way([(0.0, 3.0), (50.0, 3.0)], type='line_thin', subtype='solid')
    right = text.way([(0.0, -2.0), (50.0, -2.0)], type='curbstone')
    road = text.lanelet(left, middle)
    shoulder = text.lanelet(middle, right, subtype='road_shoulder')
    lane_map = load_map(text.save(tmp_path / 'map.osm'))
    row, beside = lane_map.index_of(road), lane_map.index_of(shoulder)
    assert lane_map.left[beside].tolist() == [row]
    assert lane_map.left_change[beside]
    assert lane_map.right[row].tolist() == []


def test_a_light_behind_its_stop_line_holds_those_before_it(map_text: Any, tmp_path: Path) -> None:
    text = map_text()
    gate = text.node(0.0, 2.0), text.node(0.0, -2.0)
    stop = text.way([(-0.5, -2.0), (-0.5, 2.0)], type='stop_line')
    head = text.way([(5.0, 0.0, 5.0), (5.0, 1.0, 5.0)], type='traffic_light')
    light = text.rule('traffic_light', ('way', head, 'refers'), ('way', stop, 'ref_line'))
    before = text.lanelet(
        text.way([(-40.0, 2.0), gate[0]], type='virtual'),
        text.way([(-40.0, -2.0), gate[1]], type='virtual'),
    )
    behind = text.lanelet(
        text.way([gate[0], (20.0, 2.0)], type='virtual'),
        text.way([gate[1], (20.0, -2.0)], type='virtual'),
        rules=[light],
    )
    lane_map = load_map(text.save(tmp_path / 'map.osm'))
    assert [int(lane_map.id[k]) for k in lane_map.light_lanes[0]] == [behind]
    assert {int(lane_map.id[k]) for k in lane_map.stop_line_lanes[0]} == {before, behind}
