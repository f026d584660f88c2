"""Boxes that touch, or are about to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.simulation.world.contact import (
    boxes_of,
    keep_apart,
    must_brake,
    overlaps,
)


def _boxes(*each):
    """Boxes from (x, y, yaw, length, width)."""
    rows = np.array(each, dtype=float)
    return boxes_of(rows[:, :2], rows[:, 2], rows[:, 3:])


@pytest.mark.parametrize(
    ('second', 'depth_m'),
    [
        ((3.5, 0.0, 0.0, 4.0, 2.0), 0.5),  # nose to tail
        ((0.0, 1.5, 0.0, 4.0, 2.0), 0.5),  # side by side
        ((0.0, 2.5, 0.5 * np.pi, 4.0, 2.0), 0.5),  # across
        ((0.0, 0.0, 0.0, 1.0, 1.0), 1.5),  # inside
        # A square on its tip reaches 0.3 m into the side.
        ((0.0, 0.7 + np.sqrt(0.5), 0.25 * np.pi, 1.0, 1.0), 0.3),
    ],
)
def test_depth_of_known_overlaps(second, depth_m):
    found = overlaps(_boxes((0.0, 0.0, 0.0, 4.0, 2.0), second), np.array([True, False]))
    assert found.first.tolist() == [0]
    assert found.second.tolist() == [1]
    assert found.depth_m[0] == pytest.approx(depth_m)


@pytest.mark.parametrize(
    'second',
    [
        (3.9, 0.0, 0.0, 4.0, 2.0),  # only 0.1 m
        (4.1, 0.0, 0.0, 4.0, 2.0),
        # Circles around both overlap, and so do their boxes along the axes, but they do not.
        (2.3, 1.3, 0.25 * np.pi, 1.0, 1.0),
    ],
)
def test_what_does_not_overlap_by_more_than_allowed_is_not_found(second):
    found = overlaps(_boxes((0.0, 0.0, 0.0, 4.0, 2.0), second), np.array([True, True]))
    assert not len(found.depth_m)


def test_two_that_stand_are_let_be():
    boxes = _boxes((0.0, 0.0, 0.0, 4.0, 2.0), (1.0, 0.0, 0.0, 4.0, 2.0))
    assert not len(overlaps(boxes, np.array([False, False])).depth_m)
    assert len(overlaps(boxes, np.array([False, True])).depth_m)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), turn=st.floats(-3.0, 3.0), x=st.floats(-500.0, 500.0))
def test_turning_and_moving_the_world_changes_no_overlap(seed, turn, x):
    rng = np.random.default_rng(seed)
    n = 40
    position, yaw = rng.uniform(-15.0, 15.0, (n, 2)), rng.uniform(-np.pi, np.pi, n)
    size = rng.uniform(0.4, 8.0, (n, 2))
    moving = rng.random(n) < 0.5
    here = overlaps(boxes_of(position, yaw, size), moving, 0.1)
    cos, sin = np.cos(turn), np.sin(turn)
    there = position @ np.array([[cos, sin], [-sin, cos]]) + [x, -x]
    moved = overlaps(boxes_of(there, yaw + turn, size), moving, 0.1)
    clear = np.abs(here.depth_m - 0.1) > 1e-6  # those on the very edge may fall either way
    first = {(a, b): d for a, b, d in zip(here.first, here.second, here.depth_m, strict=True)}
    second = {(a, b): d for a, b, d in zip(moved.first, moved.second, moved.depth_m, strict=True)}
    for pair, keep in zip(first, clear, strict=True):
        if keep:
            assert second[pair] == pytest.approx(first[pair], abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_points_of_one_box_within_another_mean_overlap(seed):
    rng = np.random.default_rng(seed)
    position, yaw = rng.uniform(-3.0, 3.0, (2, 2)), rng.uniform(-np.pi, np.pi, 2)
    size = rng.uniform(0.5, 4.0, (2, 2))
    boxes = boxes_of(position, yaw, size)
    grid = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 60)] * 2), -1).reshape(-1, 2)
    turn = [np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) for a in yaw]
    points = position[0] + (grid * size[0]) @ turn[0]
    inside = (np.abs((points - position[1]) @ turn[1].T) < 0.5 * size[1]).all(axis=1).any()
    found = len(overlaps(boxes, np.array([True, True]), 0.0).depth_m) > 0
    if inside:
        assert found
    if found and not inside:  # a corner thinner than the grid
        assert overlaps(boxes, np.array([True, True]), 0.0).depth_m[0] < 0.2


def _brakes(speed_mps, other, other_velocity=(0.0, 0.0), yaw_rate=0.0):
    boxes = _boxes((0.0, 0.0, 0.0, 5.0, 2.0), other)
    velocity = np.array([(speed_mps, 0.0), other_velocity])
    rates = np.array([yaw_rate, 0.0])
    return bool(must_brake(boxes, velocity, rates, np.array([0]), np.array([0, 1]))[0])


def test_drivers_brake_for_a_box_ahead_at_the_last_moment():
    stop_m = 10.0**2 / (2.0 * 4.2) + 1.0
    assert _brakes(10.0, (stop_m + 2.5 + 2.0, 0.0, 0.0, 5.0, 2.0))
    assert not _brakes(10.0, (stop_m + 2.5 + 2.5 + 1.0, 0.0, 0.0, 5.0, 2.0))
    assert not _brakes(0.0, (5.1, 0.0, 0.0, 5.0, 2.0))


def test_drivers_do_not_brake_for_what_is_beside_behind_or_away_in_time():
    assert not _brakes(10.0, (10.0, 3.0, 0.0, 5.0, 2.0))
    assert not _brakes(10.0, (-7.0, 0.0, 0.0, 5.0, 2.0), (20.0, 0.0))
    assert not _brakes(10.0, (9.0, 0.0, 0.0, 5.0, 2.0), (10.0, 0.0))
    assert not _brakes(10.0, (13.0, 2.5, 0.5 * np.pi, 0.5, 0.5), (0.0, 8.0))


def test_drivers_brake_for_who_is_about_to_be_in_the_way():
    assert _brakes(10.0, (11.0, -5.0, 0.5 * np.pi, 2.0, 0.6), (0.0, 5.0))


def test_drivers_look_along_their_curve():
    to_the_left = (9.0, 4.5, 0.0, 2.0, 2.0)
    assert not _brakes(9.0, to_the_left)
    assert _brakes(9.0, to_the_left, yaw_rate=9.0 * 0.1)


def test_boxes_of_one_vehicle_do_not_mind_each_other():
    boxes = _boxes((0.0, 0.0, 0.0, 5.0, 2.0), (5.2, 0.0, 0.0, 5.0, 2.0))
    velocity, rates = np.array([(5.0, 0.0), (0.0, 0.0)]), np.zeros(2)
    assert must_brake(boxes, velocity, rates, np.array([0]), np.array([0, 1])).all()
    assert not must_brake(boxes, velocity, rates, np.array([0]), np.array([7, 7])).any()


def test_walkers_make_room_for_each_other_and_not_more():
    at = np.array([(0.0, 0.0), (0.2, 0.0), (5.0, 0.0)])
    apart = keep_apart(at, np.full(3, 0.3), 3, np.zeros((0, 6)), np.zeros(0), 1.0)
    assert np.hypot(*(apart[0] - apart[1])) >= 0.51 - 1e-6
    np.testing.assert_array_equal(apart[2], at[2])
    np.testing.assert_array_equal(
        keep_apart(at[[0, 2]], np.full(2, 0.3), 2, np.zeros((0, 6)), np.zeros(0), 1.0), at[[0, 2]]
    )


def test_those_who_do_not_give_way_stay():
    at = np.array([(0.0, 0.0), (0.2, 0.0)])
    apart = keep_apart(at, np.full(2, 0.3), 1, np.zeros((0, 6)), np.zeros(0), 1.0)
    assert apart.shape == (1, 2)
    assert np.hypot(*(apart[0] - at[1])) >= 0.51 - 1e-6


def test_walkers_step_aside_from_a_vehicle_but_no_faster_than_they_can():
    car = _boxes((0.0, 0.0, 0.0, 4.0, 2.0))
    at = np.array([(1.9, 0.9)])
    aside = keep_apart(at, np.array([0.3]), 1, car, np.array([5.0]), 1.0)
    np.testing.assert_allclose(aside, [(1.9, 1.3)])
    slow = keep_apart(at, np.array([0.3]), 1, car, np.array([5.0]), 0.1)
    np.testing.assert_allclose(slow, [(1.9, 1.0)])
