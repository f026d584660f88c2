"""What the writer writes, the reader reads: the same lanes, connections, lights and areas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.lane_map import LaneKind, LaneMap
from prediction_node.lanelet.load import load_map
from prediction_node.lanelet.write import write_lanelet2

MAPS = Path(__file__).resolve().parents[2].parent / 'shared' / 'data' / 'maps'
FILES = sorted(
    path.relative_to(MAPS).as_posix()
    for path in MAPS.rglob('lanelet2_map.osm')
    if 'invalid' not in path.as_posix()
)


def junction(text: Any) -> Any:
    """Two approaches with lights and a common stop line, a fork, right of way, a crosswalk."""
    a, b, c = text.node(0.0, 6.0), text.node(0.0, 2.0), text.node(0.0, -2.0)
    stop = text.way([(-1.0, -2.0), (-1.0, 6.0)], type='stop_line')
    head = text.way([(30.0, 0.0, 5.0), (30.0, 1.0, 5.0)], type='traffic_light')
    light = text.rule('traffic_light', ('way', head, 'refers'), ('way', stop, 'ref_line'))
    middle = text.way([(-40.0, 2.0), b], type='line_thin', subtype='dashed')
    options = {'speed_limit': '50', 'rules': [light]}
    text.lanelet(text.way([(-40.0, 6.0), a], type='curbstone'), middle, **options)
    text.lanelet(middle, text.way([(-40.0, -2.0), c], type='line_thin', subtype='solid'), **options)
    virtual = {'type': 'virtual'}
    ahead = text.lanelet(
        text.way([a, (40.0, 6.0)], **virtual), text.way([b, (40.0, 2.0)], **virtual),
        turn_direction='straight',
    )  # fmt: skip
    turn = text.lanelet(
        text.way([a, (4.0, 8.0), (6.0, 20.0)], **virtual),
        text.way([b, (8.0, 4.0), (10.0, 20.0)], **virtual),
        turn_direction='left',
    )
    text.rule('right_of_way', ('relation', ahead, 'right_of_way'), ('relation', turn, 'yield'))
    text.straight(50.0, 54.0, subtype='crosswalk')
    text.way([(60, 0), (70, 0), (70, 9), (60, 9)], type='parking_lot', area='yes')
    return text


def assert_round_trip(lane_map: LaneMap, folder: Path) -> None:
    target = folder / 'written.osm'
    write_lanelet2(lane_map, target)
    again = load_map(target)
    for name in ('id', 'kind', 'turn', 'has_speed_limit', 'one_way', 'light_group_id'):
        np.testing.assert_array_equal(getattr(again, name), getattr(lane_map, name), err_msg=name)
    told = lane_map.has_speed_limit
    np.testing.assert_allclose(
        again.speed_limit_mps[told], lane_map.speed_limit_mps[told], rtol=1e-4
    )
    for name in ('left_border', 'right_border', 'light_position'):
        one, other = getattr(again, name), getattr(lane_map, name)
        for i in range(len(one)):
            np.testing.assert_allclose(one[i], other[i], atol=2e-3, err_msg=f'{name} {i}')
    for name in ('successors', 'predecessors', 'yields_to', 'light_lanes', 'lane_lights'):
        one, other = getattr(again, name), getattr(lane_map, name)
        for i in range(len(one)):
            assert sorted(one[i].tolist()) == sorted(other[i].tolist()), (name, i)
    for group in range(len(lane_map.light_group_id)):
        expected = [lane_map.stop_lines[int(s)] for s in lane_map.light_stop_line[group]]
        found = [again.stop_lines[int(s)] for s in again.light_stop_line[group]]
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=2e-3)
    assert [(a.id, a.kind) for a in again.areas] == [(a.id, a.kind) for a in lane_map.areas]


def test_a_junction_made_by_code(map_text: Any, tmp_path: Path) -> None:
    lane_map = load_map(junction(map_text()).save(tmp_path / 'map.osm'))
    assert len(lane_map.yields_to.targets) == 1
    assert (lane_map.kind == LaneKind.CROSSWALK).sum() == 1
    assert len(lane_map.left.targets) == 1
    assert_round_trip(lane_map, tmp_path)
    again = load_map(tmp_path / 'written.osm')
    for name in ('left_change', 'right_change', 'left_border_kind', 'right_border_kind'):
        np.testing.assert_array_equal(getattr(again, name), getattr(lane_map, name), err_msg=name)
    for name in ('left', 'right'):
        one, other = getattr(again, name), getattr(lane_map, name)
        assert one.targets.tolist() == other.targets.tolist()


@pytest.mark.skipif(not FILES, reason=f'needs the maps in {MAPS}')
@pytest.mark.parametrize('name', FILES)
def test_shared_maps(name: str, tmp_path: Path) -> None:
    assert_round_trip(load_map(MAPS / name), tmp_path)
