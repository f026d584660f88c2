"""Walkers and dogs away from crosswalks."""

from __future__ import annotations

import numpy as np
import pytest

from prediction_node.domain.kinds import ATTRIBUTE_INDEX, ObjectClass
from prediction_node.simulation.network.script import Crossing, Script
from prediction_node.simulation.world.contact import overlaps
from prediction_node.simulation.world.gaps import Nerve, may_walk
from prediction_node.simulation.world.world import World

_PATH = np.array([(11.0, 200.0), (-1.5, 200.0)])
_NERVE = Nerve(braking_mps2=3.0, reaction_s=0.8, margin_m=3.0)


def _crossing(label=ObjectClass.PEDESTRIAN, start_s=5.0, on_phone=False, near_ego_m=0.0):
    return Crossing('x', label, 3.0, start_s, near_ego_m, _PATH, 1.4, on_phone)


def _row(world, name):
    shot = world.state.snapshot
    if name not in world.cast.track_id:
        return None
    found = np.flatnonzero(shot.row == world.cast.track_id.index(name))
    return int(found[0]) if len(found) else None


@pytest.mark.parametrize('label', [ObjectClass.PEDESTRIAN, ObjectClass.ANIMAL])
def test_it_waits_in_sight_then_crosses_and_is_gone(street, label):
    city = street(script=Script(crossings=(_crossing(label),)), ego='departPos="20"')
    seen = []
    with World(city, 1, warm_up_s=1.0) as world:
        for _ in range(250):
            world.step(None)
            k = _row(world, 'x')
            if k is not None:
                seen.append((world.now_s, *world.state.snapshot.position_m[k, :2]))
                assert world.cast.label[world.cast.track_id.index('x')] == label
    times, x, y = np.array(seen).T
    assert times[0] < 3.1
    np.testing.assert_allclose(x[times < 5.0], 11.0)
    assert x[-1] < -1.0
    np.testing.assert_allclose(y, 200.0, atol=1e-6)
    speed = np.abs(np.diff(x)) / 0.1
    assert speed.max() <= 1.4 + 1e-6
    assert _row(world, 'x') is None


def test_who_is_on_the_phone_shows_it_and_does_not_look(street):
    for on_phone in (True, False):
        city = street(script=Script(crossings=(_crossing(on_phone=on_phone),)))
        with World(city, 1, warm_up_s=1.0) as world:
            for _ in range(20):
                world.step()
            shown = world.state.snapshot.attributes[_row(world, 'x')]
            assert shown[ATTRIBUTE_INDEX['phone_in_hand']] == on_phone
            assert shown[ATTRIBUTE_INDEX['looking_at_road']] == (not on_phone)


def test_it_starts_early_when_the_robotaxi_comes_near(street):
    crossing = _crossing(start_s=1000.0, near_ego_m=90.0)
    city = street(script=Script(crossings=(crossing,)), ego='departPos="20" departSpeed="8"')
    with World(city, 1, warm_up_s=1.0) as world:
        started_at = None
        for _ in range(300):
            world.step()
            k = _row(world, 'x')
            if k is not None and started_at is None:
                shot = world.state.snapshot
                if np.hypot(*shot.velocity_mps[k]) > 0.05:
                    ego = shot.position_m[_row(world, 'ego'), :2]
                    started_at = np.hypot(*(ego - _PATH.mean(axis=0)))
    assert started_at is not None
    assert started_at < 91.0


def test_traffic_stops_for_who_is_on_the_road(street):
    """One who walks slowly, and a car that comes when they are in its lane."""
    slow = Crossing('x', ObjectClass.PEDESTRIAN, 0.5, 1.0, 0.0, _PATH, 0.55, True)
    city = street(script=Script(crossings=(slow,)), ego='departPos="20" departSpeed="12"')
    slowest = np.inf
    with World(city, 1, warm_up_s=1.0) as world:
        for _ in range(250):
            shot = world.step().snapshot
            boxes = world.cast.boxes(shot.row)
            assert not len(overlaps(boxes, np.ones(len(boxes), bool)).depth_m)
            k, e = _row(world, 'x'), _row(world, 'ego')
            if k is not None and abs(shot.position_m[k, 0] - shot.position_m[e, 0]) < 1.0:
                slowest = min(slowest, float(np.hypot(*shot.velocity_mps[e])))
    assert slowest < 0.5


def _may(x_m, speed_mps, side_m=0.0, width_m=1.8):
    """Is a road crossed from y = 4 to y = -4 at x = 0 safe from a car that is at x_m and drives
    east?
    """
    return may_walk(
        np.array([(0.0, 4.0), (0.0, -4.0)]),
        1.4,
        _NERVE,
        np.array([(x_m, side_m)]),
        np.zeros(1),
        np.array([speed_mps]),
        np.array([(4.5, width_m, 1.5)]),
    )


def test_nobody_steps_before_a_car_that_cannot_stop():
    assert not _may(-25.0, 12.0)
    assert not _may(-12.0, 6.0)


def test_cars_far_away_past_or_able_to_stop_are_no_reason_to_wait():
    assert _may(-120.0, 12.0)
    assert _may(8.0, 12.0)
    assert _may(-60.0, 8.0)


def test_nobody_walks_through_a_standing_car_but_past_it():
    assert not _may(0.0, 0.0)
    assert _may(-8.0, 0.0)


@pytest.mark.parametrize('car_mps', [4.0, 9.0])
def test_nobody_walks_into_a_car_because_it_should_soon_be_gone(car_mps):
    """Its rear is still there: it may brake. From farther away it counts on the car to move on."""

    def may(from_m):
        path_m = np.array([(0.0, from_m), (0.0, -6.0)])
        place_m, moves = np.array([(2.0, 0.0)]), np.array([car_mps])
        return may_walk(
            path_m, 4.0, _NERVE, place_m, np.zeros(1), moves, np.array([(4.5, 1.8, 1.5)])
        )

    assert not may(2.2)
    assert may(4.5)


def test_it_is_safe_where_nobody_drives():
    none = np.zeros(0)
    path = np.array([(0.0, 4.0), (0.0, -4.0)])
    assert may_walk(path, 1.4, _NERVE, np.zeros((0, 2)), none, none, np.zeros((0, 3)))
