"""What a receiver of predictions knows: everybody's possible futures, as arrays of one shape."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import (
    direction_rad,
    rotation_2d,
    wrap_angle,
    yaw_from_quaternion,
)
from prediction_node.domain.message_arrays import PredictedObjectsArrays
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, Prediction
from prediction_node.domain.stamps import STEP_NS


@dataclass(frozen=True, slots=True, eq=False)
class Futures:
    """N road users at `stamp_ns` and M modes each; pose k is k x 0.1 s later, in the map frame."""

    stamp_ns: int
    uuid: np.ndarray  # (N, 16) uint8
    label: np.ndarray  # (N,) most probable class
    size_m: np.ndarray  # (N, 3) length, width, height
    velocity_mps: np.ndarray  # (N, 2) over ground, now
    pose: np.ndarray  # (N, M, T, 3) x_m, y_m, yaw_rad; pose 0 is now
    weight: np.ndarray  # (N, M) sums to one; 0 where there is no such mode

    def __len__(self) -> int:
        return len(self.uuid)

    @property
    def position_m(self) -> np.ndarray:
        """(N, 2) now."""
        return self.pose[:, 0, 0, :2]

    def select(self, index: np.ndarray) -> Futures:
        """The rows that `index` (bool mask or integers) picks."""
        return Futures(
            self.stamp_ns,
            self.uuid[index],
            self.label[index],
            self.size_m[index],
            self.velocity_mps[index],
            self.pose[index],
            self.weight[index],
        )

    @classmethod
    def none(cls, stamp_ns: int) -> Futures:
        """Nobody."""
        shape = (0, MODE_COUNT, POSE_COUNT, 3)
        return cls(
            stamp_ns,
            np.zeros((0, 16), np.uint8),
            np.zeros(0, np.int64),
            np.zeros((0, 3)),
            np.zeros((0, 2)),
            np.zeros(shape),
            np.zeros(shape[:2]),
        )

    @classmethod
    def of_prediction(cls, prediction: Prediction) -> Futures:
        """As the pipeline hands it out."""
        agents = prediction.agents
        return cls(
            prediction.stamp_ns,
            agents.uuid,
            agents.label,
            agents.size_m,
            agents.velocity_mps,
            prediction.pose,
            prediction.probability,
        )

    @classmethod
    def of_message(cls, arrays: PredictedObjectsArrays) -> Futures:
        """As the message carries it. Objects without a path stay where they are.

        Raises ValueError if a path's poses are not 0.1 s apart.
        """
        n = len(arrays.object_id)
        if n == 0:
            return cls.none(arrays.stamp_ns)
        if len(arrays.path_confidence) and arrays.path_time_step_ns != STEP_NS:
            raise ValueError(f'poses must be {STEP_NS} ns apart, got {arrays.path_time_step_ns}')
        return cls._of_paths(arrays)

    @classmethod
    def of_answer(cls, arrays: PredictedObjectsArrays) -> Futures:
        """As an answer to one of our candidates carries it: without its first object, which is the
        robotaxi itself; poses between those sent are interpolated.

        Raises ValueError if there is no such object, or if the poses' times make no sense.
        """
        if not len(arrays.object_id):
            raise ValueError('an answer must hold the robotaxi, got no objects')
        sent = cls._of_paths(arrays).select(np.arange(1, len(arrays.object_id)))
        if not len(sent):
            return cls.none(arrays.stamp_ns)
        steps, rest = divmod(arrays.path_time_step_ns, STEP_NS)
        if steps < 1 or rest:
            raise ValueError(
                f'poses must be a multiple of {STEP_NS} ns apart, got {arrays.path_time_step_ns}'
            )
        last = steps * (sent.pose.shape[2] - 1)
        at = np.arange(last + 1) / steps
        low = np.minimum(at.astype(np.int64), max(sent.pose.shape[2] - 2, 0))
        high = np.minimum(low + 1, sent.pose.shape[2] - 1)
        first, after = sent.pose[:, :, low], sent.pose[:, :, high]
        step = after - first
        step[..., 2] = wrap_angle(step[..., 2])
        return dataclasses.replace(sent, pose=first + (at - low)[:, None] * step)

    @classmethod
    def _of_paths(cls, arrays: PredictedObjectsArrays) -> Futures:
        n = len(arrays.object_id)
        counts = np.diff(arrays.path_offsets)
        steps = max(arrays.path_position.shape[1], 1)
        modes = max(int(counts.max()), 1)
        yaw = yaw_from_quaternion(arrays.orientation)
        pose = np.empty((n, modes, steps, 3))
        pose[..., :2] = arrays.position[:, None, None, :2]
        pose[..., 2] = yaw[:, None, None]
        weight = np.zeros((n, modes))
        owner = np.repeat(np.arange(n), counts)
        rank = np.arange(len(owner)) - np.repeat(arrays.path_offsets[:-1], counts)
        pose[owner, rank, :, :2] = arrays.path_position[..., :2]
        # Only turns about z are sent: half the angle is enough.
        half = direction_rad(arrays.path_orientation[..., [3, 2]])
        pose[owner, rank, :, 2] = 2.0 * half
        weight[owner, rank] = arrays.path_confidence
        weight[counts == 0, 0] = 1.0
        velocity = np.einsum('nij,nj->ni', rotation_2d(yaw), arrays.twist_linear[:, :2])
        return cls(
            arrays.stamp_ns,
            arrays.object_id,
            _labels(arrays),
            arrays.dimensions,
            velocity,
            pose,
            weight,
        )


def _labels(arrays: PredictedObjectsArrays) -> np.ndarray:
    """(N,) the most probable class of each object, 0 where it has none."""
    n = len(arrays.object_id)
    owner = np.repeat(np.arange(n), np.diff(arrays.class_offsets))
    order = np.lexsort((arrays.class_probability, owner))
    label = np.zeros(n, np.int64)
    label[owner[order]] = arrays.class_label[order]  # the last one written is the most probable
    return label
