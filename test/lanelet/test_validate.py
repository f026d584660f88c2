"""Cross-checks of finished maps: a sound one is silent, each flaw is named."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.lane_map import LaneMap, Polylines, Relation
from prediction_node.lanelet.load import load_map
from prediction_node.lanelet.validate import validate


@pytest.fixture
def sound(map_text: Any, tmp_path: Path) -> LaneMap:
    """Two lanes in a row, a third beside the first, a light on the first."""
    text = map_text()
    a, b = text.node(0.0, 2.0), text.node(0.0, -2.0)
    stop = text.way([(-1.0, -2.0), (-1.0, 2.0)], type='stop_line')
    head = text.way([(20.0, 0.0, 5.0), (20.0, 1.0, 5.0)], type='traffic_light')
    light = text.rule('traffic_light', ('way', head, 'refers'), ('way', stop, 'ref_line'))
    right = text.way([(-30.0, -2.0), b], type='line_thin', subtype='dashed')
    text.lanelet(text.way([(-30.0, 2.0), a]), right, rules=[light])
    text.lanelet(text.way([a, (30.0, 2.0)]), text.way([b, (30.0, -2.0)]))
    text.lanelet(right, text.way([(-30.0, -6.0), (0.0, -6.0)]))
    return load_map(text.save(tmp_path / 'map.osm'))


def flaws(lane_map: LaneMap, **changes: Any) -> list[str]:
    return validate(dataclasses.replace(lane_map, **changes))


def test_a_sound_map_is_silent(sound: LaneMap) -> None:
    assert validate(sound) == []


def test_gaps_between_successors(sound: LaneMap) -> None:
    lines = [sound.centreline[i].copy() for i in range(3)]
    lines[1][0] += [0.6, 0.0, 0.0]
    (flaw,) = flaws(sound, centreline=Polylines.of(lines))
    assert flaw == (
        f'lanelet {sound.id[0]} ends 0.60 m from where its successor {sound.id[1]} starts'
    )


def test_missed_joints(sound: LaneMap) -> None:
    (flaw,) = flaws(sound, successors=Relation.of([[], [], []]))
    assert f'lanelet {sound.id[0]} ends where {sound.id[1]} starts' in flaw


def test_one_sided_neighbours(sound: LaneMap) -> None:
    (flaw,) = flaws(sound, right=Relation.of([[], [], []]))
    assert flaw == f'lanelet {sound.id[0]} is left of {sound.id[2]}, which is not right of it'


def test_shapes(sound: LaneMap) -> None:
    wide = [sound.left_border[i] for i in range(3)]
    wide[2] = wide[2] + np.array([0.0, 60.0, 0.0])
    assert flaws(sound, left_border=Polylines.of(wide)) == [
        f'lanelet {sound.id[2]} is 64.0 m wide at an end'
    ]
    narrow = [sound.left_border[i] for i in range(3)]
    narrow[2] = sound.right_border[2] + np.array([0.0, 0.1, 0.0])
    assert flaws(sound, left_border=Polylines.of(narrow)) == [
        f'lanelet {sound.id[2]} is 0.10 m wide at both ends'
    ]
    crossed = [sound.left_border[i] for i in range(3)]
    crossed[2] = crossed[2] + np.array([[0.0, 0.0, 0.0], [0.0, -9.0, 0.0]])
    assert flaws(sound, left_border=Polylines.of(crossed)) == [
        f'the borders of lanelet {sound.id[2]} cross each other'
    ]
    short = [sound.centreline[i] for i in range(3)]
    short[2] = short[2][[0, 0]]
    assert flaws(sound, centreline=Polylines.of(short)) == [f'lanelet {sound.id[2]} is 0.00 m long']


def test_lights(sound: LaneMap) -> None:
    light = sound.light_group_id[0]
    assert flaws(sound, light_lanes=Relation.of([[]])) == [f'traffic light {light} rules no lane']
    assert flaws(sound, light_stop_line=Relation.of([[]])) == [
        f'traffic light {light} has no stop line'
    ]
