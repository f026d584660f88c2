"""Lanelets, signs, lights and intersections of CommonRoad scenarios."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prediction_node.domain.errors import DataError
from prediction_node.domain.lane_map import BorderKind, LaneKind, LaneMap, Turn
from prediction_node.importers.commonroad import read_commonroad
from prediction_node.importers.polyline import centreline_of, cross_or_touch


def read_map(file: Any) -> LaneMap:
    return read_commonroad(file)[1]


@pytest.fixture
def lanes(scenario: Any, xml: Any) -> Any:
    """Writes lanes beside one car and reads them."""

    def read(*elements: str) -> LaneMap:
        return read_map(scenario(*elements, xml.driver(900, (0, 0), (5, 0))))

    return read


def ids(lane_map: LaneMap, rows: Any) -> list[int]:
    return [int(lane_map.id[k]) for k in rows]


def two_lanes(xml: Any, left_extra: str = '', right_extra: str = '') -> tuple[str, str]:
    """Lane 1 on the left of lane 2, 20 m long, a dashed line between."""
    return (
        xml.straight_lane(
            1,
            (0.0, 3.5),
            20.0,
            extra='<adjacentRight ref="2" drivingDir="same"/>' + left_extra,
            markings=('solid', 'dashed'),
        ),
        xml.straight_lane(
            2,
            (0.0, 0.0),
            20.0,
            extra='<adjacentLeft ref="1" drivingDir="same"/>' + right_extra,
            markings=('dashed', 'curb'),
        ),
    )


def test_geometry_and_kinds(lanes: Any, xml: Any) -> None:
    lane_map = lanes(
        xml.straight_lane(1, (0.0, 0.0), 20.0),
        xml.straight_lane(2, (0.0, 5.0), 20.0, kind='bicycleLane'),
        xml.straight_lane(3, (0.0, 9.0), 20.0, kind='sidewalk'),
        xml.straight_lane(4, (0.0, 12.0), 20.0, kind='crosswalk'),
        xml.straight_lane(5, (0.0, 15.0), 20.0, kind='shoulder'),
    )
    assert lane_map.kind.tolist() == [
        LaneKind.ROAD,
        LaneKind.BICYCLE,
        LaneKind.WALKWAY,
        LaneKind.CROSSWALK,
        LaneKind.SHOULDER,
    ]
    assert lane_map.one_way.tolist() == [True, True, False, False, True]
    np.testing.assert_allclose(lane_map.centreline[1], [[0, 5, 0], [20, 5, 0]])
    np.testing.assert_allclose(lane_map.left_border[0][:, 1], 1.75)
    assert not lane_map.has_speed_limit.any()
    assert np.isinf(lane_map.speed_limit_mps).all()


def test_centreline_of_unequal_borders_lies_in_the_middle() -> None:
    left = np.array([[0.0, 2.0, 0.0], [3.0, 2.0, 0.0], [7.0, 2.0, 0.0], [10.0, 2.0, 0.0]])
    right = np.array([[0.0, -2.0, 0.0], [10.0, -2.0, 0.0]])
    middle = centreline_of(left, right)
    np.testing.assert_allclose(middle[:, 1], 0.0, atol=1e-12)
    np.testing.assert_allclose(middle[[0, -1], 0], [0.0, 10.0])
    assert (np.diff(middle[:, 0]) > 0).all()


def test_neighbours_and_lane_changes(lanes: Any, xml: Any) -> None:
    lane_map = lanes(*two_lanes(xml))
    assert (ids(lane_map, lane_map.right[0]), ids(lane_map, lane_map.left[1])) == ([2], [1])
    assert len(lane_map.left[0]) == len(lane_map.right[1]) == 0
    assert lane_map.right_change.tolist() == [True, False]
    assert lane_map.left_change.tolist() == [False, True]
    assert lane_map.right_border_kind.tolist() == [BorderKind.DASHED, BorderKind.CURB]


def test_oncoming_lanes_are_no_neighbours(lanes: Any, xml: Any) -> None:
    lane_map = lanes(
        xml.straight_lane(
            1, (0.0, 0.0), 20.0, extra='<adjacentLeft ref="2" drivingDir="opposite"/>'
        ),
        xml.lanelet(2, [(20, 1.75), (0, 1.75)], [(20, 5.25), (0, 5.25)]),
    )
    assert not len(lane_map.left[0])


def test_connections(lanes: Any, xml: Any) -> None:
    lane_map = lanes(
        xml.straight_lane(1, (0.0, 0.0), 20.0, extra='<successor ref="2"/><successor ref="77"/>'),
        xml.straight_lane(2, (20.0, 0.0), 20.0, extra='<predecessor ref="1"/>'),
    )
    assert ids(lane_map, lane_map.successors[0]) == [2]
    assert ids(lane_map, lane_map.predecessors[1]) == [1]
    assert lane_map.warnings == ('lanelet 1: successors name lanelets that the file does not hold',)


SIGN = (
    '<trafficSign id="{number}"><trafficSignElement><trafficSignID>{kind}</trafficSignID>'
    '<additionalValue>{value}</additionalValue></trafficSignElement></trafficSign>'
)


def test_speed_limits_are_metres_per_second(lanes: Any, xml: Any) -> None:
    lane_map = lanes(
        xml.straight_lane(1, (0.0, 0.0), 20.0, extra='<trafficSignRef ref="50"/>'),
        xml.straight_lane(
            2, (0.0, 5.0), 20.0, extra='<trafficSignRef ref="50"/><trafficSignRef ref="51"/>'
        ),
        xml.straight_lane(3, (0.0, 10.0), 20.0, extra='<trafficSignRef ref="52"/>'),
        SIGN.format(number=50, kind='R2-1', value=13.4112),
        SIGN.format(number=51, kind='274', value=8.0),
        SIGN.format(number=52, kind='R3-4', value=''),
    )
    assert lane_map.speed_limit_mps.tolist() == [13.4112, 8.0, np.inf]
    assert lane_map.has_speed_limit.tolist() == [True, True, False]
    assert [(rule.id, rule.kind, rule.lanes) for rule in lane_map.rules] == [
        (52, 'sign R3-4', (2,))
    ]


LIGHT = (
    '<trafficLight id="{number}"><cycle><cycleElement><duration>5</duration>'
    '<color>green</color></cycleElement></cycle><position>{point}</position></trafficLight>'
)


def test_stop_lines_of_an_approach_are_one_line(lanes: Any, xml: Any) -> None:
    stop = '<stopLine><lineMarking>solid</lineMarking></stopLine><trafficLightRef ref="60"/>'
    lane_map = lanes(
        *two_lanes(xml, stop, stop),
        xml.straight_lane(3, (40.0, 0.0), 20.0, extra='<stopLine/>'),
        LIGHT.format(number=60, point=xml.point(25, 8)),
    )
    assert len(lane_map.stop_lines) == 2
    np.testing.assert_allclose(
        lane_map.stop_lines[0][:, :2], [[20.0, -1.75], [20.0, 1.75], [20.0, 5.25]]
    )
    assert ids(lane_map, lane_map.stop_line_lanes[0]) == [2, 1]
    assert lane_map.light_group_id.tolist() == [60]
    assert lane_map.light_stop_line[0].tolist() == [0]
    assert sorted(ids(lane_map, lane_map.light_lanes[0])) == [1, 2]
    assert [lane_map.lane_lights[k].tolist() for k in range(3)] == [[0], [0], []]
    head = lane_map.light_position[0]
    np.testing.assert_allclose(head.mean(axis=0), [25.0, 8.0, 5.0])
    np.testing.assert_allclose(head[0, 0], head[1, 0])  # across the approach


def test_a_painted_stop_line_stays_where_it_is(lanes: Any, xml: Any) -> None:
    stop = f'<stopLine>{xml.point(18, -1.7)}{xml.point(18.5, 1.7)}</stopLine>'
    lane_map = lanes(xml.straight_lane(1, (0.0, 0.0), 20.0, extra=stop))
    np.testing.assert_allclose(lane_map.stop_lines[0][:, :2], [[18, -1.7], [18.5, 1.7]])


INTERSECTION = (
    '<intersection id="80">'
    '<incoming id="81"><incomingLanelet ref="1"/><successorsStraight ref="11"/></incoming>'
    '<incoming id="82"><incomingLanelet ref="2"/><successorsLeft ref="21"/></incoming>'
    '</intersection>'
)


def crossing(xml: Any) -> tuple[str, ...]:
    """East 1 -> 11 -> 12 straight on; west 2 -> 21 -> 22 turns left across it, in two lanelets."""

    def westward(number: int, x: float, y: float, length: float, extra: str = '') -> str:
        return xml.lanelet(
            number,
            [(x, y - 1.75), (x - length, y - 1.75)],
            [(x, y + 1.75), (x - length, y + 1.75)],
            extra=extra,
        )

    return (
        xml.straight_lane(1, (-40.0, 0.0), 30.0, extra='<successor ref="11"/>'),
        xml.straight_lane(11, (-10.0, 0.0), 10.0, extra='<successor ref="12"/>'),
        xml.straight_lane(12, (0.0, 0.0), 10.0, extra='<successor ref="13"/>'),
        xml.straight_lane(13, (10.0, 0.0), 30.0),
        westward(2, 40.0, 3.5, 30.0, '<successor ref="21"/>'),
        westward(21, 10.0, 3.5, 8.0, '<successor ref="22"/>'),
        xml.lanelet(
            22,
            [(2.0, 1.75), (0.75, 0.0), (0.25, -10.0)],
            [(2.0, 5.25), (-2.75, 0.0), (-3.25, -10.0)],
            extra='<successor ref="23"/>',
        ),
        xml.lanelet(23, [(0.25, -10.0), (0.25, -40.0)], [(-3.25, -10.0), (-3.25, -40.0)]),
        xml.straight_lane(31, (-40.0, -20.0), 50.0, extra='<successor ref="13"/>'),
        INTERSECTION,
    )


def test_turns_go_on_to_the_end_of_the_intersection(lanes: Any, xml: Any) -> None:
    lane_map = lanes(*crossing(xml))
    turn = {int(k): Turn(int(v)) for k, v in zip(lane_map.id, lane_map.turn, strict=True)}
    assert turn[21] == turn[22] == Turn.LEFT
    assert turn[11] == turn[12] == Turn.STRAIGHT
    assert {turn[k] for k in (1, 2, 13, 23, 31)} == {Turn.NONE}  # 13 is where ways merge


def test_left_turns_give_way_to_oncoming_traffic(lanes: Any, xml: Any) -> None:
    lane_map = lanes(*crossing(xml))
    yields = {
        int(lane_map.id[k]): ids(lane_map, lane_map.yields_to[k])
        for k in range(len(lane_map))
        if len(lane_map.yields_to[k])
    }
    assert yields == {22: [11, 12]}


def test_touching_lines() -> None:
    a = np.array([[0.0, 0.0], [10.0, 0.0]])
    assert cross_or_touch(a, np.array([[5.0, -5.0], [5.0, 5.0]]), 0.5)
    assert cross_or_touch(a, np.array([[0.0, 1.0], [10.0, 1.0]]), 1.5)
    assert not cross_or_touch(a, np.array([[0.0, 2.0], [10.0, 2.0]]), 1.5)


@pytest.mark.parametrize(
    ('before', 'after', 'message'),
    [
        ('leftBound', 'middleBound', 'lanelet 1: element leftBound is missing'),
        ('<x>0.0</x>', '', r'lanelet 1: leftBound: point 0: element x is missing'),
        ('urban', 'urban', ''),
    ],
)
def test_malformed_lanelets_are_named(
    before: str, after: str, message: str, lanes: Any, xml: Any
) -> None:
    lane = xml.straight_lane(1, (0.0, 0.0), 20.0)
    lane = lane.replace(before, after) if before == 'leftBound' else lane.replace(before, after, 1)
    if not message:
        assert len(lanes(lane)) == 1
        return
    with pytest.raises(DataError, match=message):
        lanes(lane)


@pytest.mark.parametrize(
    ('elements', 'message'),
    [
        (lambda xml: [xml.road, xml.road], 'two lanelets have the same id'),
        (
            lambda xml: [xml.lanelet(3, [(0, 0)], [(0, 1), (1, 1)])],
            'lanelet 3: leftBound: a border needs at least two points, got 1',
        ),
        (
            lambda xml: [xml.lanelet(3, [(2, 2), (2, 2)], [(0, 1), (1, 1)])],
            'lanelet 3: leftBound: all points of the border are the same',
        ),
        (
            lambda xml: [xml.straight_lane(3, (0, 0), 9.0, markings=('zigzag', ''))],
            "lanelet 3: leftBound: lineMarking 'zigzag' is unknown",
        ),
        (
            lambda xml: [xml.road, SIGN.format(number=5, kind='R2-1', value=-3)],
            'trafficSign 5: .*a highest speed must be positive',
        ),
        (
            lambda xml: [xml.road, SIGN.format(number=5, kind='R2-1', value='fast')],
            "trafficSign 5: .*must be a number, got 'fast'",
        ),
        (
            lambda xml: [
                xml.road,
                LIGHT.format(number=6, point=xml.point(0, 0)).replace('green', 'blue'),
            ],
            "trafficLight 6: .*color 'blue' is unknown",
        ),
    ],
)
def test_bad_elements_are_named(elements: Any, message: str, lanes: Any, xml: Any) -> None:
    with pytest.raises(DataError, match=message):
        lanes(*elements(xml))
