"""What holds for every prediction of the kinematic engine, whatever the scene."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.agents import Agents
from prediction_node.domain.frames import rotation_2d, wrap_angle
from prediction_node.domain.kinds import ATTRIBUTE_COUNT, CLASS_COUNT, ObjectClass
from prediction_node.domain.lane_map import LaneKind, LaneMap, Polylines
from prediction_node.domain.prediction import MODE_COUNT, Prediction
from prediction_node.inference.kinematic import KinematicEngine, KinematicParameters

CENTIMETRE_M = 0.01


def predict(scene: Any) -> Prediction:
    return KinematicEngine(KinematicParameters()).predict(scene)


def crowd(build: Any, seed: int, n: int = 24) -> Agents:
    """Road users of all classes in and around the junction, some standing, some fast."""
    random = np.random.default_rng(seed)
    rows = np.column_stack(
        [
            random.uniform(-80, 180, n),
            np.where(
                random.random(n) < 0.7, random.normal(1.5, 2.0, n), random.uniform(-60, 60, n)
            ),
            random.normal(0.0, 0.3, n) + np.pi * (random.random(n) < 0.1),
            random.choice([0.0, 0.1, 1.2, 5.0, 12.0, 25.0], n),
        ]
    )
    agents = build.agents(
        rows,
        label=random.integers(0, CLASS_COUNT, n),
        yaw_rate_radps=random.normal(0.0, 0.2, n),
        acceleration_mps2=random.normal(0.0, 1.0, n),
    )
    known = random.random((n, ATTRIBUTE_COUNT)) < 0.3
    return dataclasses.replace(
        agents, attributes=random.random((n, ATTRIBUTE_COUNT)), has_attribute=known
    )


def moved_map(lane_map: LaneMap, turn: np.ndarray, shift: np.ndarray) -> LaneMap:
    def moved(lines: Polylines) -> Polylines:
        points = lines.points_m.copy()
        points[:, :2] = points[:, :2] @ turn.T + shift
        return Polylines(points, lines.offsets)

    return dataclasses.replace(
        lane_map,
        centreline=moved(lane_map.centreline),
        left_border=moved(lane_map.left_border),
        right_border=moved(lane_map.right_border),
        stop_lines=moved(lane_map.stop_lines),
    )


def moved_agents(agents: Agents, angle: float, turn: np.ndarray, shift: np.ndarray) -> Agents:
    position = agents.position_m.copy()
    position[:, :2] = position[:, :2] @ turn.T + shift
    covariance = agents.covariance.copy()
    covariance[:, :2, :2] = turn @ covariance[:, :2, :2] @ turn.T
    return dataclasses.replace(
        agents,
        position_m=position,
        yaw_rad=agents.yaw_rad + angle,
        velocity_mps=agents.velocity_mps @ turn.T,
        covariance=covariance,
    )


def assert_sound(prediction: Prediction) -> None:
    """Finite, weights a distribution, the present where the agent is, spreads that grow."""
    agents = prediction.agents
    assert np.isfinite(prediction.pose).all()
    assert np.isfinite(prediction.sigma).all()
    assert (prediction.probability >= 0.0).all()
    assert (prediction.probability.sum(axis=1) == 1.0).all()
    assert (prediction.sigma[..., :2] > 0.0).all()
    assert (np.abs(prediction.sigma[..., 2]) < 1.0).all()
    present = prediction.pose[:, :, 0]
    # Map coordinates reach 10^7 m, whose last digit is a nanometre's.
    tolerance = 1e-9 * (1.0 + np.abs(agents.position_m[:, :2]).max(initial=1.0))
    assert np.abs(present[..., :2] - agents.position_m[:, None, :2]).max(initial=0.0) < tolerance
    assert np.abs(wrap_angle(present[..., 2] - agents.yaw_rad[:, None])).max(initial=0.0) < 1e-9
    # The trace of the covariance does not depend on the heading, so it must grow.
    variance = (prediction.sigma[..., :2] ** 2).sum(axis=-1)
    assert (np.diff(variance, axis=-1) >= -1e-9).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_predictions_are_sound(build: Any, seed: int) -> None:
    lane_map = build.junction(kind=[LaneKind.ROAD] * 4 + [LaneKind.CROSSWALK])
    assert_sound(predict(build.scene(crowd(build, seed), lane_map, build.lights((7, 1, 1)))))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_wild_road_users_stay_finite(build: Any, data: st.DataObject) -> None:
    number = st.floats(-1e6, 1e6) | st.sampled_from([0.0, 90.0, -90.0, 1e-300, 5e6])
    n = data.draw(st.integers(0, 6))
    rows = [
        (
            data.draw(number),
            data.draw(number),
            data.draw(st.floats(-50, 50)),
            data.draw(st.sampled_from([0.0, 1e-12, 0.4, 90.0, 1e5, -90.0, -3.0])),
        )
        for _ in range(n)
    ]
    agents = build.agents(
        rows,
        label=[data.draw(st.integers(0, CLASS_COUNT - 1)) for _ in range(n)],
        yaw_rate_radps=[data.draw(st.sampled_from([0.0, 1e9, -3.0])) for _ in range(n)],
        acceleration_mps2=[data.draw(st.sampled_from([0.0, 1e9, -1e9])) for _ in range(n)],
    )
    agents = dataclasses.replace(agents, size_m=np.abs(np.full((n, 3), data.draw(number))))
    lane_map = build.junction() if data.draw(st.booleans()) else None
    prediction = predict(build.scene(agents, lane_map, build.lights((7, 2, 1))))
    assert np.isfinite(prediction.pose).all()
    assert np.isfinite(prediction.sigma).all()
    assert (prediction.probability.sum(axis=1) == 1.0).all()


@pytest.mark.parametrize(
    'lines',
    [
        [],
        [np.zeros((0, 2))],
        [np.array([[0.0, 0.0]])],
        [np.zeros((3, 2))],
        [np.array([[0.0, 0.0], [1e-13, 0.0]])],
    ],
    ids=['no lane', 'no point', 'one point', 'no length', 'hardly any length'],
)
def test_maps_without_usable_lanes(build: Any, lines: list[np.ndarray]) -> None:
    successors = [[0] for _ in lines]
    assert_sound(predict(build.scene(crowd(build, 3), build.lane_map(lines, successors))))


def test_lanes_in_a_circle_and_without_length(build: Any) -> None:
    angle = np.linspace(0.0, 2.0 * np.pi, 33)
    ring = 20.0 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    lines = [ring[:17], ring[16:], np.tile(ring[16], (2, 1)), np.tile(ring[0], (2, 1))]
    lane_map = build.lane_map(lines, [[2, 1], [3, 0], [2, 1], [3, 0]])
    agents = build.agents([(20.0, 0.0, np.pi / 2, 7.0), (0.0, 20.0, np.pi, 90.0)])
    prediction = predict(build.scene(agents, lane_map))
    assert_sound(prediction)
    best = prediction.pose[0, prediction.probability[0].argmax()]
    np.testing.assert_allclose(np.hypot(best[:, 0], best[:, 1]), 20.0, atol=0.5)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    angle=st.floats(-np.pi, np.pi),
    shift=st.sampled_from([(0.0, 0.0), (137.0, -2210.0), (5.0e6, -5.0e6)]),
)
def test_turn_and_move_the_world_and_the_predictions_follow(
    build: Any, seed: int, angle: float, shift: tuple[float, float]
) -> None:
    turn = rotation_2d(np.asarray(angle))
    lane_map, agents = build.junction(), crowd(build, seed)
    lights = build.lights((7, 1, 1))
    plain = predict(build.scene(agents, lane_map, lights))
    moved = predict(
        build.scene(
            moved_agents(agents, angle, turn, np.array(shift)),
            moved_map(lane_map, turn, np.array(shift)),
            lights,
        )
    )
    expected = plain.pose[..., :2] @ turn.T + np.array(shift)
    assert np.abs(moved.pose[..., :2] - expected).max() < CENTIMETRE_M
    assert np.abs(wrap_angle(moved.pose[..., 2] - plain.pose[..., 2] - angle)).max() < 1e-3
    assert np.abs(moved.probability - plain.probability).max() < 1e-6
    for k in (0, 30, 80):
        difference = turn @ covariance(plain.sigma[:, :, k]) @ turn.T - covariance(
            moved.sigma[:, :, k]
        )
        assert np.abs(difference).max() < 1e-2


def covariance(sigma: np.ndarray) -> np.ndarray:
    sx, sy, rho = np.moveaxis(sigma, -1, 0)
    return np.stack(
        [np.stack([sx**2, rho * sx * sy], -1), np.stack([rho * sx * sy, sy**2], -1)], -2
    )


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_agents_means_nothing(build: Any, seed: int) -> None:
    agents = crowd(build, seed)
    order = np.random.default_rng(seed).permutation(len(agents))
    lane_map = build.junction()
    plain = predict(build.scene(agents, lane_map))
    shuffled = predict(build.scene(agents.select(order), lane_map))
    assert np.abs(shuffled.pose - plain.pose[order]).max() < CENTIMETRE_M
    assert np.abs(shuffled.probability - plain.probability[order]).max() < 1e-9


def test_same_scene_same_bytes(build: Any) -> None:
    agents, lane_map = crowd(build, 5, 80), build.junction()
    first = predict(build.scene(agents, lane_map))
    engine = KinematicEngine(KinematicParameters())
    engine.predict(build.scene(crowd(build, 6), lane_map))
    second = engine.predict(build.scene(agents, lane_map))
    for name in ('pose', 'sigma', 'probability'):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()


def test_an_agent_far_away_changes_nothing(build: Any) -> None:
    agents, lane_map = crowd(build, 8), build.junction()
    lone = build.agents([(9000.0, 9000.0, 0.3, 10.0)])
    both = Agents(
        agents.stamp_ns,
        *(
            np.concatenate([getattr(agents, field.name), getattr(lone, field.name)])
            for field in dataclasses.fields(Agents)
            if field.name != 'stamp_ns'
        ),
    )
    alone = predict(build.scene(agents, lane_map))
    together = predict(build.scene(both, lane_map))
    assert np.abs(together.pose[:-1] - alone.pose).max() < 1e-6
    assert np.abs(together.probability[:-1] - alone.probability).max() < 1e-9


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_vehicles_point_where_they_go(build: Any, seed: int) -> None:
    prediction = predict(build.scene(crowd(build, seed), build.junction()))
    label = prediction.agents.label
    steered = (label >= ObjectClass.CAR) & (label <= ObjectClass.BICYCLE)
    pose = prediction.pose[steered]
    step = np.diff(pose[..., :2], axis=2)
    middle_yaw = 0.5 * (pose[..., 1:, 2] + pose[..., :-1, 2])
    sideways = np.abs(step[..., 1] * np.cos(middle_yaw) - step[..., 0] * np.sin(middle_yaw))
    length = np.hypot(step[..., 0], step[..., 1])
    assert (sideways <= 0.05 + 0.2 * length).all()


def test_no_agents_no_predictions(build: Any) -> None:
    prediction = predict(build.scene(build.agents([]), build.junction()))
    assert prediction.pose.shape[:2] == (0, MODE_COUNT)
