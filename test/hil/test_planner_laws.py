"""The planner keeps to the lane, the limit, the lights and its distance, and moves with the
world.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.errors import MapError
from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.lights import LightColour, LightShape, LightStates
from prediction_node.domain.prediction import POSE_COUNT
from prediction_node.simulation.futures import Futures
from prediction_node.simulation.planner import candidates as make
from prediction_node.simulation.planner.itinerary import Itinerary
from prediction_node.simulation.planner.parameters import PlannerParameters
from prediction_node.simulation.planner.path import Path
from prediction_node.simulation.planner.planner import EgoState, Planner
from prediction_node.simulation.planner.route import Road, Route

STRAIGHT = np.array([[0.0, 0.0], [400.0, 0.0]])
LEFT = np.array([0.0, 3.3])
EGO_LENGTH_M = 4.9


def curve(radius_m: float, spacing_m: float = 1.0) -> np.ndarray:
    """60 m straight on, a left turn by 90 degrees, 60 m straight on."""
    angle = np.arange(0.0, np.pi / 2, spacing_m / radius_m)
    arc = radius_m * np.stack([np.sin(angle), 1.0 - np.cos(angle)], axis=-1) + [60.0, 0.0]
    end = np.array([[60.0 + radius_m, radius_m], [60.0 + radius_m, radius_m + 60.0]])
    return np.concatenate([[[0.0, 0.0]], arc, end])


def test_alone_it_drives_at_the_limit_in_the_middle_of_the_lane(bench: Any) -> None:
    drive = bench.drive(bench.lanes([STRAIGHT], limit_mps=10.0), (5.0, 0.8, 0.05, 0.0), 15.0)
    assert drive.speed_mps[-1] == pytest.approx(10.0, abs=0.1)
    assert max(drive.speed_mps) <= 10.1
    assert abs(drive.position_m[-1][1]) < 0.05
    assert np.abs(drive.acceleration_mps2).max() <= PlannerParameters().acceleration_mps2 + 0.1


def test_curves_are_taken_slowly_and_without_leaving_the_lane(bench: Any) -> None:
    line = curve(12.0)
    drive = bench.drive(bench.lanes([line]), (2.0, 0.0, 0.0, 9.0), 20.0)
    path = Path.of(line)
    _, offset = path.project(np.array(drive.position_m))
    assert np.abs(offset).max() < 0.6
    turn = np.diff(np.unwrap(drive.yaw_rad)) / 0.1
    assert np.abs(turn * np.array(drive.speed_mps[:-1])).max() < 3.0  # lateral m/s^2
    assert drive.position_m[-1][1] > 30.0


@pytest.mark.parametrize('speed_mps', [0.0, 3.0, 6.0])
def test_it_follows_without_touching_and_keeps_its_distance(bench: Any, speed_mps: float) -> None:
    ahead = bench.other(60.0, 0.0, 0.0, speed_mps)
    drive = bench.drive(bench.lanes([STRAIGHT]), (5.0, 0.0, 0.0, 10.0), 25.0, others=[ahead])
    assert drive.speed_mps[-1] == pytest.approx(speed_mps, abs=0.3)
    gap_m = -drive.deepest_m
    assert 1.5 < gap_m < 5.0 + 2.0 * speed_mps
    assert drive.acceleration_mps2.min() > -4.0


@pytest.mark.parametrize('start_y_m', [-6.0, -4.0, 5.0])
def test_walkers_who_cross_are_not_touched(bench: Any, start_y_m: float) -> None:
    walker = bench.other(55.0, start_y_m, -np.sign(start_y_m) * np.pi / 2, 1.4)
    walker.label = ObjectClass.PEDESTRIAN
    drive = bench.drive(bench.lanes([STRAIGHT]), (5.0, 0.0, 0.0, 10.0), 12.0, others=[walker])
    assert drive.deepest_m < 0.0
    assert drive.position_m[-1][0] > 70.0  # it went on behind them


@pytest.mark.parametrize('distance_m', [25.0, 40.0, 48.0])
def test_crossing_cars_are_not_touched(bench: Any, distance_m: float) -> None:
    car = bench.other(60.0, -distance_m, np.pi / 2, 8.0)
    drive = bench.drive(bench.lanes([STRAIGHT]), (5.0, 0.0, 0.0, 10.0), 15.0, others=[car])
    assert drive.deepest_m < 0.0
    assert drive.position_m[-1][0] > 90.0


def waiting_to_cross(bench: Any, crossing_mps: float, share: float) -> Futures:
    """A car at rest 6 m beside the middle of the lane, at 30 m, which may drive across it."""
    calm = bench.futures([bench.other(30.0, -6.0, np.pi / 2, 0.0)], 0.0, bench.start_ns)
    pose = np.repeat(calm.pose[:, :1], 2, axis=1)
    pose[:, 1, :, 1] += crossing_mps * 0.1 * np.arange(pose.shape[2])
    return dataclasses.replace(calm, pose=pose, weight=np.array([[1.0 - share, share]]))


@pytest.mark.parametrize(
    ('speed_mps', 'crossing_mps', 'goes'), [(0.0, 1.2, True), (10.0, 3.0, False)]
)
def test_what_it_can_wait_and_see_about_does_not_hold_it_and_what_it_cannot_does(
    bench: Any, speed_mps: float, crossing_mps: float, goes: bool
) -> None:
    """Somebody who may cross, seen from afar at rest, and close by at speed."""
    planner = Planner(Route(Road(bench.lanes([STRAIGHT]))), PlannerParameters())
    at = np.array([5.0 if goes else 16.0, 0.0])
    ego = EgoState(bench.start_ns, at, 0.0, speed_mps, bench.ego_size_m)
    futures = waiting_to_cross(bench, crossing_mps, 0.35)
    plan = planner.step(ego, futures, LightStates.none())
    faster = [each.name for each in plan.candidates].index('faster')
    assert plan.collision[faster] == pytest.approx(0.35)
    assert (plan.trajectory.name == 'faster') == goes


def at_light(bench: Any, colour: Any, start_x_m: float, seconds: float = 14.0) -> Any:
    lanes = bench.lanes(
        [np.array([[0.0, 0.0], [100.0, 0.0]]), np.array([[100.0, 0.0], [300.0, 0.0]])],
        {0: [1]},
        light=(7, 0, np.array([[100.0, -2.0], [100.0, 2.0]])),
    )
    return bench.drive(
        lanes,
        (start_x_m, 0.0, 0.0, 10.0),
        seconds,
        lights=lambda at_s, stamp_ns: bench.lamps(colour(at_s), stamp_ns),
    )


def test_red_holds_the_front_before_the_line_and_green_lets_it_go(bench: Any) -> None:
    red = at_light(bench, lambda at_s: LightColour.RED, 20.0)
    front_m = red.position_m[-1][0] + 0.5 * EGO_LENGTH_M
    assert 96.0 < front_m < 100.0
    assert red.speed_mps[-1] == pytest.approx(0.0, abs=0.05)
    assert red.acceleration_mps2.min() > -4.0
    green = at_light(
        bench, lambda at_s: LightColour.RED if at_s < 10.0 else LightColour.GREEN, 20.0, 20.0
    )
    assert green.position_m[-1][0] > 130.0


def test_amber_stops_who_can_stop_and_lets_pass_who_cannot(bench: Any) -> None:
    far = at_light(bench, lambda at_s: LightColour.AMBER, 50.0)
    near = at_light(bench, lambda at_s: LightColour.AMBER, 85.0, 6.0)
    assert far.position_m[-1][0] + 0.5 * EGO_LENGTH_M < 100.0
    assert near.position_m[-1][0] > 120.0


def test_an_arrow_rules_the_turn_it_points_to_alone(bench: Any) -> None:
    lanes = bench.lanes(
        [np.array([[0.0, 0.0], [100.0, 0.0]]), np.array([[100.0, 0.0], [300.0, 0.0]])],
        {0: [1]},
        light=(7, 0, np.array([[100.0, -2.0], [100.0, 2.0]])),
    )

    def lamps(at_s: float, stamp_ns: int) -> Any:
        return bench.lamps(LightColour.RED, stamp_ns, LightShape.LEFT_ARROW)

    drive = bench.drive(lanes, (40.0, 0.0, 0.0, 10.0), 12.0, lights=lamps)
    assert drive.position_m[-1][0] > 120.0


def test_without_fresh_predictions_it_stops_and_says_why(bench: Any) -> None:
    drive = bench.drive(
        bench.lanes([STRAIGHT]), (5.0, 0.0, 0.0, 10.0), 10.0, sees=lambda at_s: at_s < 2.0
    )
    assert drive.speed_mps[-1] == pytest.approx(0.0, abs=0.05)
    assert drive.plans[-1].reason == 'no fresh predictions'
    assert drive.acceleration_mps2.min() > -4.0


def test_far_from_the_road_it_stops_and_says_why(bench: Any) -> None:
    drive = bench.drive(bench.lanes([STRAIGHT]), (5.0, 80.0, 0.0, 8.0), 6.0)
    assert drive.speed_mps[-1] == pytest.approx(0.0, abs=0.05)
    assert 'route' in drive.plans[-1].reason


def test_a_blocked_lane_is_left_for_a_free_one_but_not_before_a_car_beside(bench: Any) -> None:
    lanes = bench.lanes([STRAIGHT, STRAIGHT + LEFT], left={0: 1})
    truck = bench.other(90.0, 0.0, 0.0, 0.0, ObjectClass.TRUCK)
    free = bench.drive(lanes, (5.0, 0.0, 0.0, 8.0), 20.0, others=[truck])
    assert 'lane_change_left' in free.names
    assert free.position_m[-1][1] == pytest.approx(3.3, abs=0.2)
    assert free.deepest_m < 0.0
    queue = [bench.other(x, 3.3, 0.0, 8.0) for x in np.arange(-60.0, 12.0, 9.0)]
    held = bench.drive(lanes, (5.0, 0.0, 0.0, 8.0), 12.0, others=[truck, *queue])
    assert held.deepest_m < 0.0


def test_turning_and_moving_the_world_turns_and_moves_the_drive(bench: Any) -> None:
    angle, shift = 2.1, np.array([4.0e5, -7.0e5])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    line = curve(20.0)
    walker = (70.0, 12.0, -2.0, 1.2, ObjectClass.PEDESTRIAN)
    here = bench.drive(
        bench.lanes([line]), (2.0, 0.3, 0.0, 6.0), 8.0, others=[bench.other(*walker)]
    )
    start = turn @ [2.0, 0.3] + shift
    place = turn @ walker[:2] + shift
    moved = bench.other(*place, walker[2] + angle, *walker[3:])
    there = bench.drive(
        bench.lanes([line @ turn.T + shift]), (*start, angle, 6.0), 8.0, others=[moved]
    )
    assert here.names == there.names
    expected = np.array(here.position_m) @ turn.T + shift
    np.testing.assert_allclose(np.array(there.position_m), expected, atol=1e-3)


def test_candidates_are_of_all_kinds_finite_and_begin_at_the_robotaxi(bench: Any) -> None:
    lanes = bench.lanes([STRAIGHT, STRAIGHT + LEFT, STRAIGHT - LEFT], left={0: 1, 2: 0})
    plan = bench.drive(lanes, (50.0, 0.4, 0.02, 8.0), 0.1).plans[0]
    # Nobody is there to pass before.
    assert {*make.NAMES} - {make.PASS} == {t.name for t in plan.candidates}
    for trajectory in plan.candidates:
        assert trajectory.pose.shape == (POSE_COUNT, 3)
        assert np.isfinite(trajectory.pose).all()
        np.testing.assert_allclose(trajectory.pose[0, :2], [50.0, 0.4], atol=0.05)
        assert trajectory.speed_mps[0] == pytest.approx(8.0)
        assert trajectory.speed_mps.min() >= 0.0
    assert plan.cost[plan.chosen] == plan.cost.min()
    assert ((plan.collision >= 0.0) & (plan.collision <= 1.0)).all()


def test_the_route_decides_where_ways_part(bench: Any) -> None:
    lanes = bench.lanes(
        [
            np.array([[0.0, 0.0], [60.0, 0.0]]),
            np.array([[60.0, 0.0], [120.0, 0.0]]),
            np.array([[60.0, 0.0], [75.0, 5.0], [85.0, 20.0], [88.0, 80.0]]),
        ],
        {0: [1, 2]},
    )
    road = Road(lanes)
    for goal in (1, 2):
        stretch = Route(road, [goal]).ahead(0, np.array([5.0, 0.0]), 100.0, frozenset())
        assert stretch.lanes == (0, goal)
    with pytest.raises(MapError, match='no lane of the route'):
        Route(road, [])


def test_an_itinerary_goes_on_street_by_street_and_may_pass_one_twice(bench: Any) -> None:
    """A loop of four streets, driven one and a half times."""
    corners = np.array([[0.0, 0.0], [80.0, 0.0], [80.0, 80.0], [0.0, 80.0]])
    lines = [np.stack([corners[k], corners[(k + 1) % 4]]) for k in range(4)]
    lanes = bench.lanes(lines, {k: [(k + 1) % 4] for k in range(4)})
    way = Itinerary(lanes, [(0,), (1,), (2,), (3,), (0,), (1,)])
    yaw = [0.0, np.pi / 2, np.pi, -np.pi / 2]
    for street in range(6):
        lane = street % 4
        way.current(0.5 * (lines[lane][0] + lines[lane][1]), yaw[lane])
        assert way.street == street
