"""Collision probabilities: known cases, agreement with throwing dice, and laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.conditional import EgoPlan
from prediction_node.domain.frames import Transform
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, Prediction
from prediction_node.simulation.boxes import penetration_m
from prediction_node.tensors.collision import collision

EGO_SIZE_M = np.array([4.9, 1.9, 1.6])
TIMES_S = 0.1 * np.arange(POSE_COUNT)


def make_ego(offset_m: float = 1.4) -> Ego:
    return Ego(0, Transform.identity(), np.zeros(2), 0.0, EGO_SIZE_M, offset_m)


def straight(speed_mps: float, *, until_s: float = 8.0, yaw_rad: float = 0.0) -> EgoPlan:
    """base_link from the origin on."""
    after_s = np.linspace(0.0, until_s, 2)
    way = speed_mps * after_s
    pose = np.column_stack([way * np.cos(yaw_rad), way * np.sin(yaw_rad), np.full(2, yaw_rad)])
    return EgoPlan(after_s, pose, np.full(2, speed_mps))


def standing(
    agents: Agents, sigma_m: float, probability: np.ndarray | None = None, rho: float = 0.0
) -> Prediction:
    """Everybody stays, with the same spread at all times."""
    n = len(agents)
    pose = np.zeros((n, MODE_COUNT, POSE_COUNT, 3))
    pose[..., :2] = agents.position_m[:, None, None, :2]
    pose[..., 2] = agents.yaw_rad[:, None, None]
    sigma = np.zeros_like(pose)
    sigma[..., :2], sigma[..., 2] = sigma_m, rho
    if probability is None:
        probability = np.zeros((n, MODE_COUNT))
        probability[:, 0] = 1.0
    return Prediction(agents, pose, sigma, probability, 'test')


def at(agents_of: Any, x_m: float, y_m: float, yaw_rad: float = 0.0) -> Agents:
    return agents_of(1, position_m=np.array([[x_m, y_m, 0.0]]), yaw_rad=np.array([yaw_rad]))


def test_who_stands_in_the_way_is_hit_when_the_front_gets_there(agents_of: Any) -> None:
    # Front of the robotaxi 1.4 + 2.45 m ahead of base_link, rear of the other at 40 - 2.25 m.
    chance = collision(straight(10.0), make_ego(), standing(at(agents_of, 40.0, 0.0), 0.05))
    touch_s = (40.0 - 2.25 - 3.85) / 10.0
    assert chance[touch_s - 0.15 > TIMES_S].max() < 1e-3
    assert chance[touch_s + 0.3 < TIMES_S].min() > 0.999
    assert chance[-1] == pytest.approx(1.0, abs=1e-6)


def test_who_is_far_beside_the_way_is_not_hit(agents_of: Any) -> None:
    chance = collision(straight(10.0), make_ego(), standing(at(agents_of, 40.0, 5.0), 0.3))
    assert chance.max() < 1e-6


def test_a_plan_that_ends_before_says_nothing_of_later(agents_of: Any) -> None:
    prediction = standing(at(agents_of, 40.0, 0.0), 0.05)
    assert collision(straight(10.0, until_s=3.0), make_ego(), prediction).max() < 1e-3


def test_modes_count_by_their_weight_and_agents_are_independent(agents_of: Any) -> None:
    both = agents_of(2, position_m=np.array([[40.0, 0.0, 0.0], [60.0, 0.0, 0.0]]))
    both = both.select(np.array([0, 1]))
    weight = np.zeros((2, MODE_COUNT))
    weight[:, 0], weight[:, 1] = (0.25, 0.5), (0.75, 0.5)
    prediction = standing(both, 0.05, weight)
    prediction.pose[:, 1, :, 1] += 50.0
    chance = collision(straight(10.0), make_ego(), prediction)
    assert chance[TIMES_S.searchsorted(4.2)] == pytest.approx(0.25, abs=1e-3)
    assert chance[-1] == pytest.approx(1.0 - 0.75 * 0.5, abs=1e-3)


def test_weights_by_second_count_at_their_instant(agents_of: Any) -> None:
    prediction = standing(at(agents_of, 40.0, 0.0), 0.05)
    prediction.pose[:, 1:, :, 1] += 50.0
    weight = np.zeros((1, MODE_COUNT, 8))
    weight[0, 1], weight[0, 0, 3], weight[0, 1, 3] = 1.0, 0.6, 0.4  # the fourth second, 3 to 4 s
    chance = collision(straight(10.0), make_ego(), prediction, weight)
    assert chance[40] == pytest.approx(0.6, abs=1e-3)
    assert chance[-1] == pytest.approx(0.6, abs=1e-3)
    assert chance[29] < 1e-6


@pytest.mark.parametrize('yaw_rad', [0.0, np.pi / 2, 0.5])
@pytest.mark.parametrize(('x_m', 'y_m'), [(3.0, 1.5), (6.0, 0.5), (1.4, 2.6), (-4.0, -1.0)])
@pytest.mark.parametrize('rho', [0.0, 0.7])
def test_one_instant_agrees_with_throwing_dice(
    agents_of: Any, yaw_rad: float, x_m: float, y_m: float, rho: float
) -> None:
    agents = at(agents_of, x_m, y_m, yaw_rad)
    sigma = 0.8
    chance = collision(straight(0.01), make_ego(), standing(agents, sigma, rho=rho))[0]
    rng = np.random.default_rng(3)
    throws = rng.multivariate_normal(
        [x_m, y_m], sigma**2 * np.array([[1.0, rho], [rho, 1.0]]), 40_000
    )
    deep = penetration_m(
        np.array([1.4, 0.0]), np.array(0.0), EGO_SIZE_M[:2],
        throws, np.array(yaw_rad), agents.size_m[0, :2],
    )  # fmt: skip
    thrown = float((deep > 0.0).mean())
    # The bounding rectangle is exact for boxes at right angles, and too large for others.
    assert chance >= thrown - 0.02
    assert chance <= thrown + (0.02 if yaw_rad != 0.5 else 0.25)


@pytest.mark.parametrize('turn_rad', [-3.0, -1.2, 0.4, np.pi / 2, 2.9])
@pytest.mark.parametrize(('speed_mps', 'y_m'), [(2.0, 0.5), (8.0, -2.5), (15.0, 1.9)])
def test_turning_the_world_changes_nothing_and_it_never_falls(
    agents_of: Any, turn_rad: float, speed_mps: float, y_m: float
) -> None:
    def chance(turn: float) -> np.ndarray:
        cos, sin = np.cos(turn), np.sin(turn)
        place = np.array([[30.0 * cos - y_m * sin, 30.0 * sin + y_m * cos, 0.0]])
        agents = agents_of(1, position_m=place, yaw_rad=np.array([0.4 + turn]))
        plan = straight(speed_mps, yaw_rad=turn)
        return collision(plan, make_ego(), standing(agents, 0.5))

    still, turned = chance(0.0), chance(turn_rad)
    np.testing.assert_allclose(turned, still, atol=1e-6)
    assert (np.diff(still) >= -1e-12).all()
    assert 0.0 <= still.min() <= still.max() <= 1.0


def test_without_anybody_there_is_no_risk(agents_of: Any) -> None:
    nobody = standing(agents_of(0), 0.1)
    np.testing.assert_array_equal(collision(straight(10.0), make_ego(), nobody), 0.0)
