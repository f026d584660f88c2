"""From predictions and agents to the arrays of the messages that carry them."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled
from prediction_node.domain import frames
from prediction_node.domain.agents import Agents
from prediction_node.domain.kinds import WALKERS, Orientation, class_mask
from prediction_node.domain.message_arrays import PredictedObjectsArrays, TrackedObjectsArrays
from prediction_node.domain.prediction import Prediction
from prediction_node.domain.stamps import STEP_NS, to_sec_nanosec

BOUNDING_BOX, CYLINDER = 0, 1  # autoware_perception_msgs/Shape
_STATIONARY_MPS = 0.2


def by_likelihood(probability: np.ndarray) -> np.ndarray:
    """The order (N, K) of modes (N, K) in falling probability, unused modes last."""
    return np.argsort(-probability, axis=1, kind='stable')


def most_likely_first(prediction: Prediction) -> Prediction:
    """The same prediction with each agent's modes in falling probability, unused modes last."""
    order = by_likelihood(prediction.probability)
    if np.array_equal(order, np.broadcast_to(np.arange(order.shape[1]), order.shape)):
        return prediction
    rows = np.arange(len(order))[:, None]
    return Prediction(
        agents=prediction.agents,
        pose=prediction.pose[rows, order],
        sigma=prediction.sigma[rows, order],
        probability=prediction.probability[rows, order],
        engine=prediction.engine,
    )


def predicted_objects(
    prediction: Prediction, every: int = 1, frame_id: str = frames.MAP
) -> PredictedObjectsArrays:
    """autoware_perception_msgs/PredictedObjects of a prediction; only modes of some probability
    are paths, of one pose of `every`.
    """
    agents = prediction.agents
    used = prediction.probability > 0.0
    path_offsets = np.concatenate([[0], np.cumsum(used.sum(axis=1))]).astype(np.int64)
    height = np.ascontiguousarray(agents.position_m[:, 2])
    body = _body(agents)
    return PredictedObjectsArrays(
        stamp_ns=prediction.stamp_ns,
        frame_id=frame_id,
        path_offsets=path_offsets,
        path_pose=_path_poses(prediction.pose, used, height, int(path_offsets[-1]), every),
        path_time_step_ns=every * STEP_NS,
        path_confidence=prediction.probability[used].astype(np.float32),
        **body,
    )


@compiled
def _path_poses(
    pose: np.ndarray, used: np.ndarray, height_m: np.ndarray, count: int, every: int
) -> np.ndarray:
    """(count, poses, 7) positions and quaternions of the `used` (N, K) of the poses (N, K, T, 3),
    one of `every`.
    """
    poses = (pose.shape[2] + every - 1) // every
    out = np.empty((count, poses, 7))
    row = 0
    for i in range(pose.shape[0]):
        for k in range(pose.shape[1]):
            if used[i, k]:
                for t in range(poses):
                    half_rad = 0.5 * pose[i, k, t * every, 2]
                    out[row, t, 0] = pose[i, k, t * every, 0]
                    out[row, t, 1] = pose[i, k, t * every, 1]
                    out[row, t, 2] = height_m[i]
                    out[row, t, 3] = 0.0
                    out[row, t, 4] = 0.0
                    out[row, t, 5] = math.sin(half_rad)
                    out[row, t, 6] = math.cos(half_rad)
                row += 1
    return out


def tracked_objects(agents: Agents, frame_id: str = frames.MAP) -> TrackedObjectsArrays:
    """autoware_perception_msgs/TrackedObjects of fused agents."""
    n = len(agents)
    return TrackedObjectsArrays(
        stamp_ns=agents.stamp_ns,
        frame_id=frame_id,
        orientation_availability=np.full(n, Orientation.AVAILABLE, np.uint8),
        is_stationary=np.hypot(*agents.velocity_mps.T) < _STATIONARY_MPS,
        **_body(agents),
    )


def _body(agents: Agents) -> dict[str, np.ndarray]:
    """The fields both messages share. Twist and acceleration stand in the object's own frame."""
    n = len(agents)
    cos, sin = np.cos(agents.yaw_rad), np.sin(agents.yaw_rad)
    vx, vy = agents.velocity_mps.T
    twist = np.zeros((n, 3))
    twist[:, 0] = cos * vx + sin * vy
    twist[:, 1] = cos * vy - sin * vx
    angular = np.zeros((n, 3))
    angular[:, 2] = agents.yaw_rate_radps
    acceleration = np.zeros((n, 3))
    acceleration[:, 0] = agents.acceleration_mps2
    pose_covariance = np.zeros((n, 6, 6))
    pose_rows = np.array([0, 1, 5])
    pose_covariance[:, pose_rows[:, None], pose_rows] = agents.covariance[:, :3, :3]
    twist_covariance = np.zeros((n, 6, 6))
    twist_covariance[:, 0, 0] = agents.covariance[:, 3, 3]
    twist_covariance[:, 5, 5] = agents.covariance[:, 4, 4]
    likely = agents.class_probabilities > 0.01
    likely[np.arange(n), agents.label] = True
    owner, label = np.nonzero(likely)
    walker = class_mask(WALKERS)[agents.label]
    return {
        'object_id': agents.uuid,
        'existence_probability': agents.existence.astype(np.float32),
        'class_offsets': np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=n))]).astype(
            np.int64
        ),
        'class_label': label.astype(np.uint8),
        'class_probability': agents.class_probabilities[owner, label].astype(np.float32),
        'position': agents.position_m,
        'orientation': frames.quaternion_from_yaw(agents.yaw_rad),
        'pose_covariance': pose_covariance,
        'twist_linear': twist,
        'twist_angular': angular,
        'twist_covariance': twist_covariance,
        'acceleration_linear': acceleration,
        'acceleration_angular': np.zeros((n, 3)),
        'acceleration_covariance': np.zeros((n, 6, 6)),
        'shape_type': np.where(walker, CYLINDER, BOUNDING_BOX).astype(np.uint8),
        'footprint_offsets': np.zeros(n + 1, np.int64),
        'footprint': np.zeros((0, 3), np.float32),
        'dimensions': agents.size_m,
    }


def uncertainty(prediction: Prediction) -> tuple[np.ndarray, tuple[str, ...]]:
    """Values (N, modes, 81, 3) float32 and dimension labels of `~/output/uncertainty`.

    The last axis is sigma_x_m, sigma_y_m, rho in the map frame; objects and modes are in the order
    of the objects message, modes it leaves out (probability 0) stand last. The first label is the
    stamp, 'SECONDS.NANOSECONDS'.
    """
    sec, nanosec = to_sec_nanosec(prediction.stamp_ns)
    labels = (f'{sec}.{nanosec:09d}', 'mode', 'pose', 'sigma_x_m sigma_y_m rho')
    return prediction.sigma.astype(np.float32), labels
