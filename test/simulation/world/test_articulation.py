"""Boxes on one line."""

from __future__ import annotations

import numpy as np
import pytest

from prediction_node.simulation.world.articulation import Trail, box_between

_RODS = (6.0, 1.0, 8.0)


def test_a_train_is_straight_behind_its_front_at_first():
    trail = Trail(np.array([10.0, 5.0]), 0.5 * np.pi, 24.0)
    ends = trail.chain(_RODS)
    np.testing.assert_allclose(ends[:, 0], 10.0, atol=1e-9)
    np.testing.assert_allclose(ends[:, 1], [5.0, -1.0, -2.0, -10.0], atol=1e-9)


@pytest.mark.parametrize('speed_mps', [0.3, 4.0, 14.0])
def test_in_a_circle_all_joints_lie_on_it_and_rods_keep_their_length(speed_mps):
    radius = 12.0
    trail = Trail(np.array([radius, 0.0]), 0.5 * np.pi, 24.0)
    for angle in np.arange(0.0, 2.5, 0.1 * speed_mps / radius):
        trail.move(radius * np.array([np.cos(angle), np.sin(angle)]))
        ends = trail.chain(_RODS)
        np.testing.assert_allclose(np.hypot(*np.diff(ends, axis=0).T), _RODS, atol=1e-6)
    np.testing.assert_allclose(np.hypot(*ends.T), radius, atol=0.1)


def test_standing_changes_nothing():
    trail = Trail(np.array([0.0, 0.0]), 0.0, 24.0)
    for x in np.linspace(0.0, 9.0, 31):
        trail.move(np.array([x, 0.02 * x**2]))
    before = trail.chain(_RODS)
    for _ in range(50):
        trail.move(np.array([9.0, 0.02 * 81.0]))
    np.testing.assert_array_equal(trail.chain(_RODS), before)


def test_boxes_move_smoothly():
    trail = Trail(np.array([0.0, 0.0]), 0.0, 24.0)
    places = []
    for x in np.arange(0.0, 60.0, 0.37):
        trail.move(np.array([x, 3.0 * np.sin(x / 10.0)]))
        ends = trail.chain(_RODS)
        places.append(box_between(ends[2], ends[3])[0])
    steps = np.hypot(*np.diff(places, axis=0).T)
    assert np.abs(np.diff(steps)).max() < 0.02


def test_a_box_has_its_ends_where_told():
    centre, yaw = box_between(np.array([4.0, 3.0]), np.array([0.0, 3.0]))
    np.testing.assert_allclose(centre, [2.0, 3.0])
    assert yaw == 0.0
