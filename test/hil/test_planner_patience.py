"""The planner does not wait for good, takes modes together, and brakes as softly as will do."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.lights import LightStates
from prediction_node.domain.stamps import STEP_NS
from prediction_node.simulation.futures import Futures
from prediction_node.simulation.planner import candidates as make
from prediction_node.simulation.planner.candidates import Line, Obstacles
from prediction_node.simulation.planner.parameters import PlannerParameters
from prediction_node.simulation.planner.path import Path
from prediction_node.simulation.planner.planner import EgoState, Plan, Planner
from prediction_node.simulation.planner.risk import Surroundings, collision_costs, obstacles_on
from prediction_node.simulation.planner.route import Road, Route
from prediction_node.simulation.planner.waits import Waits

STRAIGHT = np.array([[0.0, 0.0], [400.0, 0.0]])
PARAMETERS = PlannerParameters()


def starter(bench: Any, share: float, cycle: int, gone_m: float = 0.0, mps: float = 2.0) -> Futures:
    """A car that stands 5 m beside the lane's middle, at 14 m, and drives across by `share`."""
    stamp_ns = bench.start_ns + cycle * STEP_NS
    calm: Futures = bench.futures([bench.other(14.0, -5.0 + gone_m, np.pi / 2, 0.0)], 0.0, stamp_ns)
    pose = np.repeat(calm.pose[:, :1], 2, axis=1)
    pose[:, 1, :, 1] += mps * 0.1 * np.arange(pose.shape[2])
    return dataclasses.replace(calm, pose=pose, weight=np.array([[1.0 - share, share]]))


def share_that_goes(waits: Waits, futures: Futures) -> float:
    doubted = waits.doubted(futures)
    np.testing.assert_allclose(doubted.weight.sum(axis=1), 1.0)
    away = np.hypot(*(doubted.pose[0, :, -1, :2] - doubted.pose[0, :, 0, :2]).T)
    return float(doubted.weight[0, away > 1.0].sum())


@pytest.mark.parametrize('share', [0.3, 0.6, 1.0])
def test_who_is_said_to_start_and_stands_is_believed_less_and_less(
    bench: Any, share: float
) -> None:
    waits = Waits(PARAMETERS.disbelief_starts)
    shares = []
    for cycle in range(80):
        futures = starter(bench, share, cycle)
        waits.look(futures, 0.0)
        waits.look(futures, 0.0)  # the same predictions again are no news
        shares.append(share_that_goes(waits, futures))
    assert shares[0] == pytest.approx(share)
    assert (np.diff(shares) < 0.0).all()
    expected_starts = share * 7.9 / 3.0
    assert shares[-1] / share == pytest.approx(
        np.exp(-expected_starts / PARAMETERS.disbelief_starts), rel=1e-6
    )
    moved = starter(bench, share, 80, gone_m=1.2)
    waits.look(moved, 0.0)
    assert share_that_goes(waits, moved) == pytest.approx(share)


def test_who_starts_is_believed_at_once_and_so_is_who_was_said_to_stay(bench: Any) -> None:
    waits = Waits(PARAMETERS.disbelief_starts)
    for cycle in range(300):
        waits.look(starter(bench, 0.0, cycle), 0.0)
    assert share_that_goes(waits, starter(bench, 0.9, 300)) == pytest.approx(0.9)
    for cycle in range(300, 400):
        waits.look(starter(bench, 0.9, cycle), 0.0)
    assert share_that_goes(waits, starter(bench, 0.9, 400)) < 0.1
    starts = dataclasses.replace(starter(bench, 0.9, 400), velocity_mps=np.array([[0.0, 0.8]]))
    waits.look(starts, 0.0)
    assert share_that_goes(waits, starts) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ('label', 'believed'), [(ObjectClass.PEDESTRIAN, True), (ObjectClass.CAR, False)]
)
def test_a_walker_may_well_wait_for_a_robotaxi_that_comes(
    bench: Any, label: ObjectClass, believed: bool
) -> None:
    """While it comes at speed nobody's staying says much of what walkers do once it is slow."""
    waits = Waits(PARAMETERS.disbelief_starts)
    for cycle in range(60):
        futures = starter(bench, 0.9, cycle)
        futures = dataclasses.replace(futures, label=np.array([label]))
        waits.look(futures, 8.0)
    assert (share_that_goes(waits, futures) == pytest.approx(0.9)) == believed
    for cycle in range(60, 120):
        futures = dataclasses.replace(starter(bench, 0.9, cycle), label=np.array([label]))
        waits.look(futures, 1.0)
    assert share_that_goes(waits, futures) < 0.1


def test_clocks_that_jump_count_as_no_long_wait(bench: Any) -> None:
    waits = Waits(PARAMETERS.disbelief_starts)
    for cycle in (10, 11, 100_000, 5):
        waits.look(starter(bench, 0.9, cycle), 0.0)
    assert share_that_goes(waits, starter(bench, 0.9, 5)) > 0.9 * np.exp(-0.2 / 0.5)


def plans_at_rest(bench: Any, cycles: int, starts: Any) -> list[Plan]:
    planner = Planner(Route(Road(bench.lanes([STRAIGHT]))), PARAMETERS)
    plans = []
    for cycle in range(cycles):
        stamp_ns = bench.start_ns + cycle * STEP_NS
        ego = EgoState(stamp_ns, np.array([5.0, 0.0]), 0.0, 0.0, bench.ego_size_m)
        plans.append(planner.step(ego, starts(cycle), LightStates.none()))
    return plans


def way_m(plan: Plan, seconds: float) -> float:
    return float(plan.trajectory.speed_mps[: round(seconds / 0.1)].sum()) * 0.1


def test_it_waits_for_who_is_said_to_cross_but_not_for_good(bench: Any) -> None:
    plans = plans_at_rest(bench, 80, lambda cycle: starter(bench, 1.0, cycle))
    assert way_m(plans[0], 3.0) < 1.0
    assert way_m(plans[-1], 3.0) > 3.0


def test_it_goes_on_waiting_for_who_crosses_slowly(bench: Any) -> None:
    plans = plans_at_rest(
        bench, 20, lambda cycle: starter(bench, 1.0, cycle, gone_m=0.1 * cycle, mps=1.0)
    )
    assert all(way_m(plan, 3.0) < 1.0 for plan in plans)


def test_modes_that_agree_are_one_obstacle_however_many_they_are(bench: Any) -> None:
    one = bench.futures([bench.other(40.0, 0.0, 0.0, 3.0)], 0.0, bench.start_ns)
    many = dataclasses.replace(one, weight=np.full_like(one.weight, 1.0 / one.weight.shape[1]))
    found = []
    for futures in (one, many):
        around = Surroundings.of(futures, bench.start_ns, np.zeros(2), 80.0)
        found.append(obstacles_on(Path.of(STRAIGHT), around, bench.ego_size_m, 80.0, PARAMETERS))
    np.testing.assert_allclose(found[1].rear_m, found[0].rear_m)
    np.testing.assert_allclose(found[1].speed_mps, found[0].speed_mps)
    assert np.isfinite(found[0].rear_m).all()


def test_it_follows_where_they_likely_are_at_least(bench: Any) -> None:
    """Modes of 10, 20 and 70 %, the less likely the nearer: the second makes it a third."""
    three = bench.futures([bench.other(40.0, 0.0, 0.0, 0.0)], 0.0, bench.start_ns)
    pose, weight = three.pose.copy(), np.zeros_like(three.weight)
    weight[0, :3] = 0.1, 0.2, 0.7
    pose[0, :3, 1:, 0] = np.array([20.0, 30.0, 50.0])[:, None]
    around = Surroundings.of(
        dataclasses.replace(three, pose=pose, weight=weight), bench.start_ns, np.zeros(2), 80.0
    )
    found = obstacles_on(Path.of(STRAIGHT), around, bench.ego_size_m, 80.0, PARAMETERS)
    half_m = 0.5 * float(three.size_m[0, 0])
    np.testing.assert_allclose(found.rear_m[0, 2:], 30.0 - half_m, atol=0.1)


def test_at_the_limit_slower_is_not_braking_hard() -> None:
    path = Path.of(STRAIGHT)
    line = Line(path, np.full(len(path.arc_m), 8.3), 8.3)
    for speed_mps in (8.2, 8.3, 8.32, 8.4):
        slower = make.drive(make.SLOWER, 0, line, Obstacles.none(), speed_mps, 2.0, PARAMETERS)
        assert slower.acceleration_mps2.min() == pytest.approx(-PARAMETERS.slowing_mps2, abs=0.01)
    # What is above the envelope goes fast all the same.
    slower = make.drive(make.SLOWER, 0, line, Obstacles.none(), 12.0, 2.0, PARAMETERS)
    assert slower.acceleration_mps2.min() == pytest.approx(-PARAMETERS.braking_mps2, abs=0.01)


def test_a_collision_at_a_crawl_counts_less_than_one_at_speed(bench: Any) -> None:
    """Somebody drives into the robotaxi's way from ahead: braking to a halt is the lesser evil,
    and harder braking soon gains nothing.
    """
    oncoming = bench.futures([bench.other(19.0, 0.0, np.pi, 6.0)], 0.0, bench.start_ns)
    around = Surroundings.of(oncoming, bench.start_ns, np.zeros(2), 80.0)
    path = Path.of(STRAIGHT)
    line = Line(path, np.full(len(path.arc_m), 13.0), 13.0)
    trajectories = [
        make.drive(name, 0, line, Obstacles.none(), 5.0, 2.0, PARAMETERS)
        for name in (make.FASTER, make.STOP, make.FIRM_STOP, make.BRAKE)
    ]
    sure, fading = collision_costs(
        trajectories, around, bench.ego_size_m, np.zeros(4, bool), PARAMETERS
    )
    assert sure[0] == sure[1] == 1.0
    assert fading[0] > 0.6
    assert fading[1] < 0.5 * fading[0]
    assert fading[3] <= fading[2] < fading[1]


def test_who_stands_close_ahead_is_not_driven_into(bench: Any) -> None:
    """A truck across the way, nearer than the margin: to start is to collide, however slow the
    robotaxi is at first; to drive off from somebody at its side is none.
    """
    path = Path.of(STRAIGHT)
    line = Line(path, np.full(len(path.arc_m), 13.0), 13.0)
    start = make.drive(make.FASTER, 0, line, Obstacles.none(), 0.0, 2.0, PARAMETERS)
    half_m = 0.5 * bench.ego_size_m
    truck = bench.other(half_m[0] + 1.05, 0.0, np.pi / 2, 0.0)
    side = bench.other(0.0, half_m[1] + 1.05, 0.0, 0.0)
    for other, expected in ((truck, 1.0), (side, 0.0)):
        futures = bench.futures([other], 0.0, bench.start_ns)
        assert 1.05 - 0.5 * float(futures.size_m[0, 1]) < PARAMETERS.margin_m
        around = Surroundings.of(futures, bench.start_ns, np.zeros(2), 80.0)
        sure, _ = collision_costs([start], around, bench.ego_size_m, np.zeros(1, bool), PARAMETERS)
        assert sure[0] == expected


def test_braking_still_helps_against_who_is_within_the_margin(bench: Any) -> None:
    """A dog half a metre beside the bumper trots into the way: rolling on collides, braking does
    not, though the margin around the dog is broken either way.
    """
    path = Path.of(STRAIGHT)
    line = Line(path, np.full(len(path.arc_m), 13.0), 13.0)
    half_m = 0.5 * bench.ego_size_m
    rolls, brakes = (
        make.drive(name, 0, line, Obstacles.none(), 1.0, 2.0, PARAMETERS)
        for name in (make.FASTER, make.BRAKE)
    )
    dog = bench.other(half_m[0] + 0.8, half_m[1] + 0.5, -np.pi / 2, 1.0)
    futures = bench.futures([dog], 0.0, bench.start_ns)
    walking = dataclasses.replace(
        futures,
        label=np.array([ObjectClass.ANIMAL]),
        size_m=np.array([[0.8, 0.3, 0.6]]),
    )
    around = Surroundings.of(walking, bench.start_ns, np.zeros(2), 80.0)
    sure, _ = collision_costs(
        [rolls, brakes], around, bench.ego_size_m, np.zeros(2, bool), PARAMETERS
    )
    np.testing.assert_array_equal(sure, [1.0, 0.0])


@pytest.mark.parametrize('gap_m', [0.5, 1.0, 2.0, 8.0])
def test_a_leader_however_near_and_fast_is_not_driven_through(bench: Any, gap_m: float) -> None:
    """Its box is lengthened by its speed, and reaches over the robotaxi already."""
    path = Path.of(STRAIGHT)
    line = Line(path, np.full(len(path.arc_m), 18.0), 18.0)
    half_m = float(bench.ego_size_m[0]) / 2.0
    faster = dataclasses.replace(PARAMETERS, cruise_mps=18.0)
    through = make.drive(make.FASTER, 0, line, Obstacles.none(), 12.0, half_m, faster)
    leader = bench.futures([bench.other(half_m + gap_m + 2.4, 0.0, 0.0, 12.0)], 0.0, bench.start_ns)
    around = Surroundings.of(leader, bench.start_ns, np.zeros(2), 80.0)
    sure, _ = collision_costs([through], around, bench.ego_size_m, np.zeros(1, bool), faster)
    assert sure[0] == 1.0


@pytest.mark.parametrize('speed_mps', [4.0, 5.0, 6.0, 9.0])
def test_who_drives_into_the_robotaxi_while_it_waits_does_not_keep_it_from_starting(
    bench: Any, speed_mps: float
) -> None:
    """Predicted to drive through it from behind, as nobody will."""
    path = Path.of(STRAIGHT)
    line = Line(path, np.full(len(path.arc_m), 13.0), 13.0)
    start = make.drive(make.FASTER, 0, line, Obstacles.none(), 0.0, 2.0, PARAMETERS)
    wait = 20
    pose = np.concatenate([np.repeat(start.pose[:1], wait, axis=0), start.pose[:-wait]])
    speed = np.concatenate([np.zeros(wait), start.speed_mps[:-wait]])
    later = dataclasses.replace(start, pose=pose, speed_mps=speed)
    behind = bench.futures([bench.other(-12.0, 0.0, 0.0, speed_mps)], 0.0, bench.start_ns)
    around = Surroundings.of(behind, bench.start_ns, np.zeros(2), 80.0)
    sure, _ = collision_costs([later], around, bench.ego_size_m, np.zeros(1, bool), PARAMETERS)
    assert sure[0] == 0.0


def test_firm_stop_comes_before_brake(bench: Any) -> None:
    """Stopping softly does not do any more, stopping firmly still does."""
    planner = Planner(Route(Road(bench.lanes([STRAIGHT]))), PARAMETERS)
    names = set()
    for distance_m in np.arange(19.0, 34.0, 1.0):
        ego = EgoState(bench.start_ns, np.array([5.0, 0.0]), 0.0, 10.0, bench.ego_size_m)
        crossing = [bench.other(5.0 + distance_m, -9.0, np.pi / 2, 3.0)]
        futures = bench.futures(crossing, 0.0, bench.start_ns)
        names.add(planner.step(ego, futures, LightStates.none()).trajectory.name)
    assert make.FIRM_STOP in names


@pytest.mark.parametrize(('gap_m', 'ahead_mps', 'hardest'), [(6.0, 8.0, 2.5), (16.0, 0.0, 2.8)])
def test_who_cuts_in_is_followed_without_braking_harder_than_needed(
    gap_m: float, ahead_mps: float, hardest: float
) -> None:
    path = Path.of(STRAIGHT)
    line = Line(path, np.full(len(path.arc_m), 13.0), 13.0)
    after_s = 0.1 * np.arange(81)
    rear_m = 2.0 + gap_m + ahead_mps * after_s
    ahead = Obstacles(rear_m[None], np.full((1, 81), ahead_mps))
    driven = make.drive(make.FASTER, 0, line, ahead, 8.0, 2.0, PARAMETERS)
    assert driven.acceleration_mps2.min() == pytest.approx(-hardest, abs=0.3)
    gaps_m = rear_m - driven.pose[:, 0] - 2.0
    assert gaps_m.min() > PARAMETERS.standing_gap_m - 0.5
    if ahead_mps:
        assert gaps_m[-1] > 10.0  # the gap is opened in the end


@pytest.mark.parametrize(
    ('ahead_m', 'aside_m', 'passes'),
    [(10.0, 4.5, True), (16.0, 5.5, True), (12.0, 2.6, False), (30.0, 5.5, False)],
)
def test_it_passes_before_walkers_who_come_later_and_not_before_others(
    bench: Any, ahead_m: float, aside_m: float, passes: bool
) -> None:
    """At 8 m/s: to brake for somebody who is a second late would be to meet him."""
    planner = Planner(Route(Road(bench.lanes([STRAIGHT]))), PARAMETERS)
    ego = EgoState(bench.start_ns, np.array([5.0, 0.0]), 0.0, 8.0, bench.ego_size_m)
    walker = bench.other(5.0 + ahead_m, aside_m, -np.pi / 2, 1.5, ObjectClass.PEDESTRIAN)
    futures = bench.futures([walker], 0.0, bench.start_ns)
    plan = planner.step(ego, futures, LightStates.none())
    assert make.PASS in {each.name for each in plan.candidates}
    hardest = float(plan.trajectory.acceleration_mps2[:20].min())
    assert (plan.trajectory.name == make.PASS) == passes
    assert (hardest > -0.5) == passes


def test_nobody_on_the_path_already_is_passed_before(bench: Any) -> None:
    path = Path.of(STRAIGHT)
    for aside_m, expected in ((0.5, True), (4.0, False)):
        walker = bench.other(15.0, aside_m, -np.pi / 2, 1.5, ObjectClass.PEDESTRIAN)
        futures = bench.futures([walker], 0.0, bench.start_ns)
        around = Surroundings.of(futures, bench.start_ns, np.zeros(2), 80.0)
        found = obstacles_on(path, around, bench.ego_size_m, 80.0, PARAMETERS, passes=True)
        assert np.isfinite(found.rear_m).any() == expected
