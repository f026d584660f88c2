"""How the kinematic engine takes uncertain states: trends of the past, and spreads."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.prediction import POSE_COUNT, Prediction
from prediction_node.domain.scene import History, Scene
from prediction_node.inference.kinematic import KinematicEngine, KinematicParameters
from prediction_node.inference.kinematic.kernels import bodies, futures

STEPS = 30


def predict(scene: Scene, **changes: Any) -> Prediction:
    return KinematicEngine(KinematicParameters(**changes)).predict(scene)


def with_past(scene: Scene, acceleration_mps2: float, noise_mps: float = 0.0) -> Scene:
    """The same agents, having changed their speeds at a constant rate for three seconds."""
    agents = scene.agents
    t = 0.1 * np.arange(-STEPS, 1)
    heading = np.stack([np.cos(agents.yaw_rad), np.sin(agents.yaw_rad)], axis=-1)
    speed = agents.speed_mps[:, None] + acceleration_mps2 * t
    noise = noise_mps * np.random.default_rng(0).standard_normal(speed.shape)
    noise[:, -1] = 0.0
    behind = agents.speed_mps[:, None] * t + 0.5 * acceleration_mps2 * t**2
    history = History(
        agents.position_m[:, None, :2] + behind[..., None] * heading[:, None],
        np.repeat(agents.yaw_rad[:, None], len(t), axis=1),
        (speed + noise)[..., None] * heading[:, None],
        np.ones(speed.shape, bool),
    )
    return dataclasses.replace(scene, history=history)


def way(prediction: Prediction, row: int = 0, pose: int = 50) -> float:
    """How far the most probable path has gone."""
    path = prediction.pose[row, prediction.probability[row].argmax(), :, :2]
    return float(np.hypot(*(path[pose] - path[0])))


def speed_trend(scene: Scene) -> tuple[float, float]:
    """Slope of the first agent's past speeds, and its standard error."""
    history = scene.history
    slope, error = bodies.speed_trend(history.velocity_mps[0], history.valid[0], 0.1)
    return slope, error


def spread_of_mover(speed_mps: float, covariance: np.ndarray) -> np.ndarray:
    """(2, POSE_COUNT) variances along and across."""
    along, across = np.empty(POSE_COUNT), np.empty(POSE_COUNT)
    futures.mover_variances(speed_mps, covariance, 0.1, along, across)
    return np.stack([along, across])


@pytest.fixture(name='street')
def _street(build: Any) -> Any:
    """A straight lane without a known limit, and one car on it at 6 m/s."""
    lane_map = build.lane_map([np.array([[0.0, 0.0], [500.0, 0.0]])], limit_mps=None)
    return build.scene(build.agents([(20.0, 0.0, 0.0, 6.0)]), lane_map)


@settings(max_examples=30, deadline=None)
@given(st.floats(-3.0, 3.0), st.floats(0.0, 2.0 * np.pi))
def test_the_trend_of_a_steady_change_is_that_change(build: Any, rate: float, yaw: float) -> None:
    scene = with_past(build.scene(build.agents([(5.0, -3.0, yaw, 20.0)])), rate)
    slope, error = speed_trend(scene)
    assert slope == pytest.approx(rate, abs=1e-9)
    assert error == pytest.approx(0.0, abs=1e-9)


def test_scattered_or_short_pasts_prove_nothing(build: Any) -> None:
    scene = build.scene(build.agents([(0.0, 0.0, 0.0, 8.0)]))
    slope, error = speed_trend(scene)
    assert (slope, error) == (0.0, np.inf)
    assert bodies.steadiness(slope, error) == 0.0
    quiet, loud = (speed_trend(with_past(scene, 0.0, noise))[1] for noise in (0.02, 1.0))
    assert quiet < loud
    assert bodies.steadiness(0.0, quiet) > 0.5 > bodies.steadiness(0.0, loud)


def test_a_past_that_is_not_finite_breaks_nothing(street: Scene) -> None:
    scene = with_past(street, 0.0)
    scene.history.velocity_mps[0, 3] = np.nan
    scene.history.velocity_mps[0, 25] = np.inf
    prediction = predict(scene)
    assert np.isfinite(prediction.pose).all()
    assert np.isfinite(prediction.sigma).all()


def test_who_drives_steadily_with_nothing_ahead_keeps_that_speed(street: Scene) -> None:
    steady, unknown = predict(with_past(street, 0.0)), predict(street)
    speeding_up = predict(with_past(street, 1.0))
    assert way(steady) < way(unknown) < way(speeding_up)
    assert way(steady) == pytest.approx(5 * 6.0, rel=0.1)


def test_behind_a_slow_leader_a_steady_speed_says_less(build: Any) -> None:
    lane_map = build.lane_map([np.array([[0.0, 0.0], [600.0, 0.0]])], limit_mps=None)
    alone = build.agents([(20.0, 0.0, 0.0, 6.0)])
    queue = build.agents([(20.0, 0.0, 0.0, 6.0), (36.0, 0.0, 0.0, 14.0)])
    free = predict(with_past(build.scene(alone, lane_map), 0.0))
    held = predict(with_past(build.scene(queue, lane_map), 0.0))
    assert way(held) > way(free) + 1.0  # the leader pulls away, and so does the car


def test_sure_braking_goes_on(street: Scene) -> None:
    brakes = predict(with_past(street, -1.0))
    assert way(brakes) < 5 * 6.0 - 3.0
    assert way(brakes) < way(predict(with_past(street, -1.0), braking_decay_s=0.25)) - 2.0


def test_heavy_vehicles_speed_up_less(build: Any) -> None:
    lane_map = build.lane_map([np.array([[0.0, 0.0], [500.0, 0.0]])])
    rows = [(20.0, 0.0, 0.0, 3.0)]
    car, truck = (
        predict(build.scene(build.agents(rows, label=label), lane_map))
        for label in (ObjectClass.CAR, ObjectClass.TRUCK)
    )
    assert way(truck) < way(car) - 2.0


def test_few_leave_the_straight_lane_for_a_bay(build: Any) -> None:
    lines = [
        np.array([[0.0, 0.0], [60.0, 0.0]]),
        np.array([[60.0, 0.0], [300.0, 0.0]]),
        np.array([[60.0, 0.0], [70.0, 1.5], [85.0, 3.5], [300.0, 3.5]]),
    ]
    lane_map = build.lane_map(lines, [[1, 2], [], []])
    prediction = predict(build.scene(build.agents([(40.0, 0.0, 0.0, 12.0)]), lane_map))
    aside = prediction.pose[0, :, 60, 1] > 2.0
    weight = prediction.probability[0]
    assert 0.0 < weight[aside].sum() < 0.35


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0.0, 40.0),
    st.floats(0.0, 0.5),
    st.floats(0.0, 4.0),
    st.floats(1.01, 3.0),
)
def test_less_certain_states_spread_wider(
    speed: float, yaw_sigma: float, speed_sigma: float, more: float
) -> None:
    one = np.zeros((5, 5))
    one[2, 2], one[3, 3] = yaw_sigma**2, speed_sigma**2
    sure = spread_of_mover(speed, np.zeros((5, 5)))
    now = spread_of_mover(speed, one)
    later = spread_of_mover(speed, more**2 * one)
    assert (sure <= now + 1e-12).all()
    assert (now <= later + 1e-12).all()
    if speed_sigma > 0.1:
        assert (now[0, 1:] < later[0, 1:]).all() or more * speed_sigma > 5.0


def test_uncertainty_moves_no_path(street: Scene) -> None:
    vague = dataclasses.replace(street.agents, covariance=4.0 * street.agents.covariance)
    first, second = predict(street), predict(dataclasses.replace(street, agents=vague))
    np.testing.assert_array_equal(first.pose, second.pose)
    np.testing.assert_array_equal(first.probability, second.probability)
    assert (second.sigma[..., :2] > first.sigma[..., :2]).all()


@pytest.mark.parametrize('wild', [np.nan, np.inf, -np.inf])
def test_covariances_without_sense_are_held_within_it(wild: float) -> None:
    covariance = np.full((5, 5), wild)
    assert np.isfinite(spread_of_mover(5.0, covariance)).all()
    assert np.isfinite(futures.present_variance(covariance)).all()


@pytest.mark.parametrize(
    ('probability', 'widest'),
    [([0.6, 0.3, 0.1, 0, 0, 0], 2), ([0.4, 0.3, 0.3, 0, 0, 0], 1), ([1.0, 0, 0, 0, 0, 0], -1)],
)
def test_the_least_likely_of_several_modes_is_the_widest(
    probability: list[float], widest: int
) -> None:
    assert futures.widened_mode(np.array(probability)) == widest


def test_the_widest_mode_is_so_many_times_as_wide(street: Scene) -> None:
    sure = dataclasses.replace(street.agents, covariance=np.zeros((1, 5, 5)))
    prediction = predict(dataclasses.replace(street, agents=sure))
    width = np.sqrt(prediction.sigma[0, :, 50, 1] ** 2 - futures.MIN_SIGMA_M**2)
    last = np.flatnonzero(prediction.probability[0])[-1]
    assert last > 0
    assert width[last] / width[0] == pytest.approx(futures.UNFORESEEN_SPREAD, rel=1e-6)


def test_nobody_stays_slow_for_ever(street: Scene) -> None:
    prediction = predict(with_past(street, 0.0))
    likely = prediction.pose[0, prediction.probability[0].argmax()]
    speed = np.hypot(*np.diff(likely[:, :2], axis=0).T) / 0.1
    assert abs(speed[20] - 6.0) < 0.5
    assert speed[79] > speed[20] + 0.5
