"""Decoding: the way back from own frames, probabilities, spreads."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.errors import DataError
from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.kinds import CLASS_COUNT, ObjectClass
from prediction_node.domain.prediction import MODE_COUNT, Prediction
from prediction_node.domain.scene import Scene
from prediction_node.domain.tensors import Sizes
from prediction_node.inference.guard import fault_of
from prediction_node.inference.kinematic.engine import KinematicEngine
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.tensors.calibration import Calibration
from prediction_node.tensors.decode import Futures, decode
from prediction_node.tensors.encode import encode

SIZES = Sizes(agents=16, map_nodes=64)


def proposed(scene: Scene) -> Prediction:
    return KinematicEngine(KinematicParameters()).predict(scene)


def answer(scene: Scene, *, sigma: tuple[float, float, float] = (0.1, 0.05, 0.3)) -> dict[str, Any]:
    """A network that changes nothing of what it is proposed, so sure of it that no two modes are
    the same.
    """
    arrays = encode(scene, proposed(scene), SIZES)
    mean = arrays['proposal'][None, ..., :2]
    spread = np.empty((*mean.shape[:-1], 3), np.float32)
    spread[:] = sigma
    logit = np.repeat(arrays['proposal_log_weight'][None, ..., None], SIZES.weights, axis=-1)
    return {'mean': mean, 'spread': spread, 'weight_logit': logit}


def parted(scene: Scene) -> np.ndarray:
    """Means of modes of which no two go the same way."""
    mean = answer(scene)['mean'].copy()
    aside = np.arange(1.0, 1.0 + MODE_COUNT)[:, None] * np.linspace(0.0, 2.0, mean.shape[-2])
    mean[..., 1] += aside
    return np.asarray(mean)


def decoded(scene: Scene, calibration: Calibration | None = None, **changes: Any) -> Futures:
    return decode(answer(scene) | changes, scene.agents, calibration or Calibration(), 'network')


@settings(max_examples=20)
@given(turn=st.floats(-np.pi, np.pi), x=st.floats(-5e6, 5e6), y=st.floats(-5e6, 5e6))
def test_an_answer_of_no_change_is_the_proposal(
    scene_of: Any, turn: float, x: float, y: float
) -> None:
    scene = scene_of(turn, (x, y))
    expected, futures = proposed(scene), decoded(scene)
    prediction = futures.prediction
    assert fault_of(prediction, scene) is None
    used = expected.probability > 0.0
    away = np.hypot(*np.moveaxis((prediction.pose - expected.pose)[..., :2], -1, 0))
    # Walkers that turn about at once, and corners sharper than a vehicle's, are the exceptions.
    assert np.percentile(away[used], 98) < 0.01
    assert away[used].max() < 0.5
    np.testing.assert_allclose(prediction.probability, expected.probability, atol=1e-6)
    np.testing.assert_array_equal(prediction.probability == 0.0, expected.probability == 0.0)
    steers = np.isin(scene.agents.label, [c for c in ObjectClass if 1 <= c <= 6])
    turned = wrap_angle(prediction.pose[..., 2] - expected.pose[..., 2])
    assert np.percentile(np.abs(turned[steers][used[steers]]), 98) < 0.05


def test_pose_zero_is_the_present(scene_of: Any) -> None:
    scene = scene_of(1.1, (4e6, -3e6))
    prediction = decoded(scene).prediction
    agents = scene.agents
    np.testing.assert_array_equal(
        prediction.pose[:, :, 0, :2],
        np.repeat(agents.position_m[:, None, :2], MODE_COUNT, axis=1),
    )
    np.testing.assert_array_equal(prediction.pose[:, 0, 0, 2], agents.yaw_rad)
    sigma = prediction.sigma[:, 0, 0]
    np.testing.assert_allclose(sigma[:, 0] ** 2, agents.covariance[:, 0, 0], rtol=1e-9)
    np.testing.assert_allclose(sigma[:, 1] ** 2, agents.covariance[:, 1, 1], rtol=1e-9)
    np.testing.assert_allclose(
        sigma[:, 0] * sigma[:, 1] * sigma[:, 2], agents.covariance[:, 0, 1], rtol=1e-9
    )
    assert prediction.engine == 'network'


def test_spreads_turn_with_the_agents(scene_of: Any) -> None:
    scene = scene_of(0.7)
    sigma = decoded(scene).prediction.sigma
    yaw = scene.agents.yaw_rad
    own = np.array([[0.01, 0.0015], [0.0015, 0.0025]])
    turn = np.stack([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]).transpose(2, 0, 1)
    expected = turn @ own @ turn.transpose(0, 2, 1)
    at_end = sigma[:, 2, 80]
    np.testing.assert_allclose(at_end[:, 0] ** 2, expected[:, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(at_end[:, 1] ** 2, expected[:, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(
        at_end[:, 0] * at_end[:, 1] * at_end[:, 2], expected[:, 0, 1], rtol=1e-6, atol=1e-9
    )


def test_agents_in_another_order_are_answers_in_another_order(
    scene_of: Any, reordered: Any
) -> None:
    scene = scene_of()
    order = np.random.default_rng(3).permutation(len(scene.agents))
    one, other = decoded(scene), decoded(reordered(scene, order))
    np.testing.assert_array_equal(other.prediction.pose, one.prediction.pose[order])
    np.testing.assert_array_equal(other.prediction.sigma, one.prediction.sigma[order])
    np.testing.assert_array_equal(other.weight, one.weight[order])


def test_probabilities_are_the_last_instants(scene_of: Any) -> None:
    scene = scene_of()
    logit = np.random.default_rng(0).normal(0.0, 1.0, (1, SIZES.agents, 6, 8)).astype(np.float32)
    futures = decoded(scene, mean=parted(scene), weight_logit=logit)
    weight = futures.weight
    np.testing.assert_allclose(weight.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_array_equal(futures.prediction.probability, weight[:, :, -1])
    shares = np.exp(logit[0, : len(weight)].astype(float))
    shares /= shares.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(weight, shares, atol=2e-4)


def test_modes_of_next_to_no_probability_are_unused_at_every_instant(scene_of: Any) -> None:
    scene = scene_of()
    logit = np.zeros((1, SIZES.agents, 6, 8), np.float32)
    logit[0, :, 4, -1] = -12.0
    weight = decoded(scene, mean=parted(scene), weight_logit=logit).weight
    assert not weight[:, 4].any()
    np.testing.assert_allclose(weight[:, :4], 0.2)


def test_temperature_flattens_by_class(scene_of: Any) -> None:
    scene = scene_of()
    logit = np.zeros((1, SIZES.agents, 6, 8), np.float32)
    logit[:, :, 0] = 2.0
    temperature = np.ones(CLASS_COUNT)
    temperature[ObjectClass.PEDESTRIAN] = 2.0
    calibration = Calibration(temperature=temperature)
    weight = decoded(scene, calibration, mean=parted(scene), weight_logit=logit).weight
    walks = scene.agents.label == ObjectClass.PEDESTRIAN
    np.testing.assert_allclose(weight[walks, 0], np.e / (np.e + 5.0))
    np.testing.assert_allclose(weight[~walks, 0], np.e**2 / (np.e**2 + 5.0))


def test_spreads_are_scaled_by_class(scene_of: Any) -> None:
    scene = scene_of()
    scale = np.ones(CLASS_COUNT)
    scale[ObjectClass.CAR] = 1.5
    plain = decoded(scene).prediction.sigma
    scaled = decoded(scene, Calibration(sigma_scale=scale)).prediction.sigma
    factor = np.where(scene.agents.label == ObjectClass.CAR, 1.5, 1.0)[:, None, None]
    np.testing.assert_allclose(scaled[:, :, 1:, 0], factor * plain[:, :, 1:, 0], rtol=1e-12)
    np.testing.assert_allclose(scaled[:, :, 1:, 2], plain[:, :, 1:, 2], atol=1e-12)
    np.testing.assert_array_equal(scaled[:, :, 0], plain[:, :, 0])


def test_answers_that_no_planner_may_see_are_refused(scene_of: Any) -> None:
    scene = scene_of()
    for name in ('mean', 'spread', 'weight_logit'):
        broken = answer(scene)[name].copy()
        broken[0, 3] = np.nan
        with pytest.raises(ValueError, match=f'{name} is not finite'):
            decoded(scene, **{name: broken})
    with pytest.raises(ValueError, match='mean must be at least'):
        decoded(scene, mean=np.zeros((1, 16, 20, 12, 2), np.float32))
    # Padding may hold anything.
    padded = answer(scene)['mean'].copy()
    padded[0, len(scene.agents) :] = np.nan
    assert np.isfinite(decoded(scene, mean=padded).prediction.pose).all()


def test_nobody_has_no_future(scene_of: Any) -> None:
    scene = scene_of(bodies=[])
    futures = decoded(scene)
    assert len(futures.prediction.agents) == 0
    assert futures.weight.shape == (0, MODE_COUNT, SIZES.weights)


def test_a_calibration_goes_through_json_and_back() -> None:
    temperature = np.linspace(0.5, 2.0, CLASS_COUNT)
    written = Calibration(temperature=temperature).as_dict()
    assert written['temperature']['unknown'] == 0.5
    np.testing.assert_array_equal(Calibration.from_dict(written).temperature, temperature)
    np.testing.assert_array_equal(Calibration.from_dict({}).sigma_scale, np.ones(CLASS_COUNT))


@pytest.mark.parametrize(
    ('values', 'name'),
    [
        ({'temprature': {}}, 'temprature'),
        ({'temperature': 2.0}, 'temperature'),
        ({'temperature': {'tram': 1.0}}, 'temperature.tram'),
        ({'temperature': {'car': '1'}}, 'temperature.car'),
        ({'temperature': {'car': None}}, 'temperature.car'),
        ({'sigma_scale': {'car': 0.0}}, 'sigma_scale'),
        ({'sigma_scale': {'car': float('nan')}}, 'sigma_scale'),
    ],
)
def test_a_broken_calibration_is_refused_by_name(values: dict[str, Any], name: str) -> None:
    with pytest.raises(DataError, match=name.replace('.', r'\.')):
        Calibration.from_dict(values)


def test_scenes_of_other_sizes_are_possible(scene_of: Any) -> None:
    scene = scene_of()
    large = dataclasses.replace(SIZES, agents=64)
    arrays = encode(scene, proposed(scene), large)
    assert arrays['proposal'].shape[0] == 64
    np.testing.assert_array_equal(
        arrays['proposal'][:16], encode(scene, proposed(scene), SIZES)['proposal']
    )
