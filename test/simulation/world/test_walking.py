"""The smoothing of walkers: no lag, no leaps, no spins."""

from __future__ import annotations

import numpy as np
import pytest

from prediction_node.domain.frames import wrap_angle
from prediction_node.simulation.world.walking import Walking, WalkParameters

_ROW = np.array([0])


def _walk(said, yaw=0.0, speed=1.4, parameters=None):
    """(T, 2) positions, (T,) yaw, (T,) cut, (T,) jumped of who is said to be at (T, 2)."""
    walking = Walking(0.1, parameters)
    walking.start(0, said[0], yaw, speed)
    steps = [walking.step(_ROW, place[None]) for place in said[1:]]
    return tuple(
        np.array([getattr(step, name)[0] for step in steps])
        for name in ('position_m', 'yaw_rad', 'cut', 'jumped')
    )


def _along(speeds, yaw=0.0):
    way = np.concatenate([[0.0], np.cumsum(np.asarray(speeds) * 0.1)])
    return way[:, None] * np.array([np.cos(yaw), np.sin(yaw)])


@pytest.mark.parametrize('yaw', [0.0, 2.0, -3.1])
def test_who_walks_steadily_is_followed_exactly(yaw):
    said = _along(np.full(50, 1.4), yaw)
    position, turned, cut, jumped = _walk(said, yaw)
    np.testing.assert_allclose(position, said[1:], atol=1e-9)
    np.testing.assert_allclose(wrap_angle(turned - yaw), 0.0, atol=1e-9)
    assert not cut.any()
    assert not jumped.any()


def test_who_stops_is_followed_to_the_place_without_running_far_past_it():
    said = _along(np.concatenate([np.full(30, 1.4), np.zeros(50)]))
    position, *_ = _walk(said)
    assert position[:, 0].max() < said[-1, 0] + 0.2
    np.testing.assert_allclose(position[-1], said[-1], atol=0.01)


def test_a_small_jump_becomes_a_glide_of_bounded_speed():
    said = _along(np.full(60, 1.4))
    said[30:, 1] += 0.9
    position, _, cut, jumped = _walk(said)
    speed = np.hypot(*np.diff(position, axis=0).T) / 0.1
    assert speed.max() <= WalkParameters().max_speed_mps + 1e-9
    assert jumped.sum() == 1
    assert not cut.any()
    np.testing.assert_allclose(position[-1], said[-1], atol=0.05)


def test_a_long_jump_cuts_the_track():
    said = _along(np.full(60, 1.4))
    said[30:, 1] += 5.0
    _, _, cut, _ = _walk(said)
    assert cut[29]
    assert not cut[:29].any()


def test_nobody_spins():
    rng = np.random.default_rng(1)
    said = np.cumsum(rng.normal(0.0, 0.05, (300, 2)), axis=0)
    _, yaw, _, _ = _walk(said)
    most = WalkParameters().max_turn_radps * 0.1
    assert np.abs(wrap_angle(np.diff(yaw))).max() <= most + 1e-9


def test_who_stands_keeps_looking_where_it_looked():
    said = np.repeat(np.array([[3.0, 4.0]]), 40, axis=0)
    _, yaw, _, _ = _walk(said, yaw=1.2, speed=0.0)
    np.testing.assert_allclose(yaw, 1.2)


def test_the_past_does_not_depend_on_the_future():
    rng = np.random.default_rng(2)
    said = _along(np.full(60, 1.4)) + rng.normal(0.0, 0.03, (61, 2))
    whole = _walk(said)[0]
    np.testing.assert_array_equal(_walk(said[:30])[0], whole[:29])


def test_turning_the_world_turns_the_walk():
    rng = np.random.default_rng(3)
    said = _along(np.full(60, 1.4)) + rng.normal(0.0, 0.05, (61, 2))
    turn = np.array([[np.cos(1.0), np.sin(1.0)], [-np.sin(1.0), np.cos(1.0)]])
    here, there = _walk(said)[0], _walk(said @ turn, yaw=1.0)[0]
    np.testing.assert_allclose(here @ turn, there, atol=1e-9)


def test_walkers_do_not_disturb_each_other():
    walking = Walking(0.1)
    said = {row: _along(np.full(20, 0.2 * row + 0.5), 0.3 * row) for row in (3, 200, 70)}
    for row, way in said.items():
        walking.start(row, way[0], 0.3 * row, 0.2 * row + 0.5)
    rows = np.array([200, 3, 70])
    alone = {row: _walk(way, 0.3 * row, 0.2 * row + 0.5)[0] for row, way in said.items()}
    for k in range(1, 21):
        steps = walking.step(rows, np.array([said[row][k] for row in rows]))
        for place, row in enumerate(rows):
            np.testing.assert_array_equal(steps.position_m[place], alone[row][k - 1])
