"""Tags and what they mean."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_node.domain.lane_map import BorderKind, LaneKind, Turn
from prediction_node.lanelet.meaning import (
    border_kind,
    is_one_way,
    lane_kind,
    sign_speed_mps,
    speed_mps,
    speed_tag,
    turn_of,
)


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('50', 50 / 3.6),
        ('30.00', 30 / 3.6),
        (' 30 km/h ', 30 / 3.6),
        ('30kmh', 30 / 3.6),
        ('25 mph', 25 * 0.44704),
        ('13.9 m/s', 13.9),
        ('none', math.inf),
        ('walk', None),
        ('', None),
        ('0', None),
        ('-5', None),
        ('1e9', None),
        ('99999', None),
        ('30 furlongs', None),
        ('nan', None),
    ],
)
def test_speeds(text: str, expected: float | None) -> None:
    assert speed_mps(text) == (None if expected is None else pytest.approx(expected))


@given(st.text(max_size=30))
def test_any_text_is_a_positive_speed_or_none(text: str) -> None:
    speed = speed_mps(text)
    assert speed is None or speed > 0


@pytest.mark.parametrize(
    ('sign', 'kmh'),
    [('60 km/h', 60), ('de274-60', 60), ('de274.1-30', 30), ('40', 40)],
)
def test_speed_signs(sign: str, kmh: float) -> None:
    assert sign_speed_mps(sign) == pytest.approx(kmh / 3.6)


@pytest.mark.parametrize('sign', ['de205', 'de274_x', 'stop', ''])
def test_other_signs_tell_no_speed(sign: str) -> None:
    assert sign_speed_mps(sign) is None


def test_the_limit_of_those_whom_the_lane_is_for() -> None:
    tags = {'speed_limit': '50', 'speed_limit:bicycle': '20', 'speed_limit:vehicle:car': '80'}
    assert speed_tag(tags, LaneKind.ROAD) == '80'
    assert speed_tag(tags, LaneKind.BICYCLE) == '20'
    assert speed_tag(tags, LaneKind.CROSSWALK) == '50'
    assert speed_tag({}, LaneKind.ROAD) is None


@pytest.mark.parametrize(
    ('tags', 'kind'),
    [
        ({'subtype': 'road'}, LaneKind.ROAD),
        ({'subtype': 'highway'}, LaneKind.ROAD),
        ({'subtype': 'road', 'participant:vehicle': 'yes'}, LaneKind.ROAD),
        ({'subtype': 'road', 'participant:vehicle:bus': 'yes'}, LaneKind.ROAD),
        ({'subtype': 'road', 'participant:bicycle': 'yes'}, LaneKind.BICYCLE),
        ({'subtype': 'road', 'participant:pedestrian': 'yes'}, LaneKind.WALKWAY),
        ({'subtype': 'road', 'participant:vehicle': 'no'}, LaneKind.ROAD),
        ({'subtype': 'bicycle_lane'}, LaneKind.BICYCLE),
        ({'subtype': 'crosswalk', 'participant:bicycle': 'yes'}, LaneKind.CROSSWALK),
        ({'subtype': 'walkway'}, LaneKind.WALKWAY),
        ({'subtype': 'road_shoulder'}, LaneKind.SHOULDER),
        ({'subtype': 'rail'}, LaneKind.OTHER),
        ({'participant:vehicle': 'yes'}, LaneKind.ROAD),
        ({}, LaneKind.OTHER),
    ],
)
def test_kinds(tags: dict[str, str], kind: LaneKind) -> None:
    assert lane_kind(tags) == kind


def test_one_way() -> None:
    assert is_one_way({}, LaneKind.ROAD)
    assert not is_one_way({'one_way': 'no'}, LaneKind.ROAD)
    assert not is_one_way({'one_way': 'yes', 'one_way:bicycle': 'false'}, LaneKind.BICYCLE)
    assert not is_one_way({'one_way': 'yes'}, LaneKind.CROSSWALK)  # an editor's default
    assert is_one_way({'one_way:pedestrian': 'yes'}, LaneKind.WALKWAY)


def test_turns() -> None:
    assert turn_of({'turn_direction': 'left'}, backward=False) == Turn.LEFT
    assert turn_of({'turn_direction': 'left'}, backward=True) == Turn.RIGHT
    assert turn_of({'turn_direction': 'straight'}, backward=True) == Turn.STRAIGHT
    assert turn_of({'turn_direction': 'uphill'}, backward=False) == Turn.NONE


@pytest.mark.parametrize(
    ('type_', 'subtype', 'kind'),
    [
        ('line_thin', 'solid', BorderKind.SOLID),
        ('line_thick', 'solid_solid', BorderKind.SOLID),
        ('line_thin', 'dashed', BorderKind.DASHED),
        ('virtual', '', BorderKind.VIRTUAL),
        ('virtual', 'dashed', BorderKind.VIRTUAL),
        ('curbstone', 'low', BorderKind.CURB),
        ('road_border', '', BorderKind.OTHER),
        ('guard_rail', '', BorderKind.OTHER),
        ('line_thin', '', BorderKind.OTHER),
        ('', '', BorderKind.OTHER),
    ],
)
def test_borders(type_: str, subtype: str, kind: BorderKind) -> None:
    tags = {'type': type_, 'subtype': subtype}
    for on_left in (False, True):
        for inverted in (False, True):
            assert border_kind(tags, on_left=on_left, inverted=inverted) == kind


def test_half_dashed_borders_differ_by_side() -> None:
    """solid_dashed: solid on the way's left, dashed on its right."""
    tags = {'type': 'line_thin', 'subtype': 'solid_dashed'}
    assert border_kind(tags, on_left=True, inverted=False) == BorderKind.DASHED  # lane on its right
    assert border_kind(tags, on_left=False, inverted=False) == BorderKind.SOLID
    assert border_kind(tags, on_left=True, inverted=True) == BorderKind.SOLID
    assert border_kind(tags, on_left=False, inverted=True) == BorderKind.DASHED
