"""Predictions become messages without losing or bending anything."""

from __future__ import annotations

from typing import Any

import numpy as np

from prediction_node import output
from prediction_node.domain import frames
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, Prediction


def make_prediction(agents: Any, seed: int = 0) -> Prediction:
    rng = np.random.default_rng(seed)
    n = len(agents)
    weight = rng.uniform(0, 1, (n, MODE_COUNT))
    weight[:, 2] = 0.0  # an unused mode in the middle
    weight /= weight.sum(axis=1, keepdims=True)
    pose = rng.normal(0, 10, (n, MODE_COUNT, POSE_COUNT, 3))
    sigma = rng.uniform(0, 1, pose.shape)
    return Prediction(agents, pose, sigma, weight, 'test')


def test_most_likely_first_reorders_poses_and_sigmas_alike(agents_of: Any) -> None:
    before = make_prediction(agents_of(5))
    after = output.most_likely_first(before)
    assert (np.diff(after.probability, axis=1) <= 0).all()
    for i in range(5):
        for k in range(MODE_COUNT):
            j = int(np.flatnonzero(before.probability[i] == after.probability[i, k])[0])
            np.testing.assert_array_equal(after.pose[i, k], before.pose[i, j])
            np.testing.assert_array_equal(after.sigma[i, k], before.sigma[i, j])


def test_only_used_modes_become_paths(agents_of: Any) -> None:
    prediction = output.most_likely_first(make_prediction(agents_of(4)))
    message = output.predicted_objects(prediction)
    np.testing.assert_array_equal(np.diff(message.path_offsets), MODE_COUNT - 1)
    np.testing.assert_allclose(message.path_confidence.reshape(4, -1).sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_array_equal(message.path_position[0, :, :2], prediction.pose[0, 0, :, :2])
    yaw = frames.yaw_from_quaternion(message.path_orientation[0])
    np.testing.assert_allclose(frames.wrap_angle(yaw - prediction.pose[0, 0, :, 2]), 0.0, atol=1e-9)


def test_twist_stands_in_the_objects_frame(agents_of: Any) -> None:
    agents = agents_of(1, yaw_rad=np.array([np.pi / 2]), velocity_mps=np.array([[-1.0, 5.0]]))
    message = output.tracked_objects(agents)
    np.testing.assert_allclose(message.twist_linear[0], [5.0, 1.0, 0.0], atol=1e-12)
    assert not message.is_stationary[0]


def test_uncertainty_carries_the_stamp_in_its_first_label(agents_of: Any) -> None:
    prediction = make_prediction(agents_of(2, stamp_ns=12_000_000_034))
    values, labels = output.uncertainty(prediction)
    assert labels[0] == '12.000000034'
    assert values.shape == (2, MODE_COUNT, POSE_COUNT, 3)
    assert values.dtype == np.float32


def test_nobody_is_a_message_too(agents_of: Any) -> None:
    message = output.predicted_objects(make_prediction(agents_of(0)))
    assert len(message.object_id) == 0
    assert message.path_offsets.tolist() == [0]
