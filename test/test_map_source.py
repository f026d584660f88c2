"""Maps that are read come with what is doubtful about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from prediction_node.config import Config
from prediction_node.domain.lane_map import LaneMap
from prediction_node.lanelet.load import load_map
from prediction_node.lanelet.write import write_lanelet2
from prediction_node.map_source import map_from_file
from prediction_node.resources import share_path


def wide_map(path: Path) -> LaneMap:
    """The sample's map with the left border of one lane far away."""
    lane_map = load_map(share_path('samples', 'lankershim', 'map.osm'))
    lane = int(np.argmax([len(lane_map.left[i]) == 0 for i in range(len(lane_map))]))
    border = lane_map.left_border
    start, end = border.offsets[lane], border.offsets[lane + 1]
    border.points_m[start:end, 1] += 80.0
    write_lanelet2(lane_map, path)
    return lane_map


def test_a_sound_map_has_no_warnings() -> None:
    path = share_path('samples', 'lankershim', 'map.osm')
    assert map_from_file(path, Config().map).warnings == ()


def test_a_lane_as_wide_as_a_square_is_named(tmp_path: Path) -> None:
    wide_map(tmp_path / 'map.osm')
    warnings = map_from_file(tmp_path / 'map.osm', Config().map).warnings
    assert any('m wide at an end' in warning for warning in warnings)
