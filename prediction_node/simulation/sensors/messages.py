"""Scans as the messages that carry them."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.frames import quaternion_from_yaw, rotate_covariance, rotation_2d
from prediction_node.domain.kinds import (
    ATTRIBUTE_NAMES,
    CLASS_COUNT,
    CLASS_NAMES,
    Modality,
    ObjectClass,
    Orientation,
)
from prediction_node.domain.message_arrays import (
    Detection3DArrayArrays,
    RadarTracksArrays,
    TrackedObjectsArrays,
)
from prediction_node.simulation.sensors.parameters import SensorParameters
from prediction_node.simulation.sensors.scan import Scan

SensorArrays = Detection3DArrayArrays | RadarTracksArrays | TrackedObjectsArrays

MESSAGE_TYPES = {
    Modality.CAMERA: 'vision_msgs/msg/Detection3DArray',
    Modality.LIDAR: 'autoware_perception_msgs/msg/TrackedObjects',
    Modality.RADAR: 'radar_msgs/msg/RadarTracks',
    Modality.THERMAL: 'vision_msgs/msg/Detection3DArray',
}
UNKNOWN_YAW_VARIANCE = np.pi**2 / 3.0  # of an angle that may be anything
BOUNDING_BOX = 0
# The hypotheses of a detection: its class, what is left of certainty, its attributes.
_NAMES = (
    *CLASS_NAMES,
    CLASS_NAMES[ObjectClass.UNKNOWN],
    *(f'attribute/{name}' for name in ATTRIBUTE_NAMES),
)
_LABELS = np.array([*range(CLASS_COUNT), ObjectClass.UNKNOWN], dtype=np.uint8)


def as_message(
    sensor: SensorParameters, frame: str, stamp_ns: int, seen: Scan, uuid: np.ndarray
) -> SensorArrays:
    """The message of the sensor's modality. `uuid` (M, 16) names the objects."""
    if sensor.kind is Modality.LIDAR:
        return _tracked_objects(sensor, frame, stamp_ns, seen, uuid)
    if sensor.kind is Modality.RADAR:
        return _radar_tracks(sensor, frame, stamp_ns, seen, uuid)
    return _detections(sensor, frame, stamp_ns, seen, uuid)


def _detections(
    sensor: SensorParameters, frame: str, stamp_ns: int, seen: Scan, uuid: np.ndarray
) -> Detection3DArrayArrays:
    """Each detection: its class (the rest of the probability is `unknown`), then its attributes."""
    n = len(seen.label)
    told, score = _hypotheses(sensor, seen)
    owner, name = np.nonzero(told)
    position_6d = _pose_covariance(sensor, seen)
    orientation = quaternion_from_yaw(seen.yaw_rad if sensor.sigma_yaw_deg else np.zeros(n))
    return Detection3DArrayArrays(
        stamp_ns=stamp_ns,
        frame_id=frame,
        detection_stamp_ns=np.full(n, stamp_ns, dtype=np.int64),
        detection_frame_id=(frame,) * n,
        hypothesis_offsets=_offsets(told),
        hypothesis_class_id=tuple(map(_NAMES.__getitem__, name.tolist())),
        hypothesis_score=score[owner, name],
        hypothesis_position=seen.position_m[owner],
        hypothesis_orientation=orientation[owner],
        hypothesis_covariance=position_6d[owner],
        position=seen.position_m,
        orientation=orientation,
        size=seen.size_m if sensor.sigma_size_fraction else np.zeros((n, 3)),
        id=tuple(_hexadecimal(uuid)),
    )


def _hypotheses(sensor: SensorParameters, seen: Scan) -> tuple[np.ndarray, np.ndarray]:
    """Which of the names each object is given, (M, all names), and with what score."""
    told, score = _class_shares(sensor, seen.label)
    told = np.concatenate([told, seen.has_attribute], axis=1)
    return told, np.concatenate([score, seen.attributes], axis=1)


def _class_shares(sensor: SensorParameters, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which classes each object is given, (M, CLASS_COUNT + 1) bool, and their shares.

    The class comes first; what the sensor, which knows how often it is right, leaves of certainty
    it gives to `unknown`, which stands last.
    """
    n, rest = len(label), 1.0 - sensor.class_right
    told = np.zeros((n, CLASS_COUNT + 1), dtype=bool)
    share = np.zeros((n, CLASS_COUNT + 1))
    if sensor.class_right:
        unknown = label == ObjectClass.UNKNOWN
        told[np.arange(n), label] = True
        share[np.arange(n), label] = np.where(unknown, 1.0, sensor.class_right)
        told[:, CLASS_COUNT] = ~unknown & (rest > 0.0)
        share[:, CLASS_COUNT] = rest
    return told, share


def _offsets(told: np.ndarray) -> np.ndarray:
    """(M + 1,) where the entries of each row begin when all are put in a line."""
    out = np.zeros(len(told) + 1, dtype=np.int64)
    np.cumsum(told.sum(axis=1), out=out[1:])
    return out


def _hexadecimal(uuid: np.ndarray) -> list[str]:
    """The rows (M, 16) in 32 digits each."""
    digits = uuid.tobytes().hex()
    return [digits[k : k + 32] for k in range(0, len(digits), 32)]


def _tracked_objects(
    sensor: SensorParameters, frame: str, stamp_ns: int, seen: Scan, uuid: np.ndarray
) -> TrackedObjectsArrays:
    n = len(seen.label)
    told, share = _class_shares(sensor, seen.label)
    owner, label = np.nonzero(told)
    yaw = seen.yaw_rad if sensor.sigma_yaw_deg else np.zeros(n)
    body = rotation_2d(-yaw)  # the twist is in the object's own frame
    twist = np.zeros((n, 3))
    twist[:, :2] = np.einsum('nij,nj->ni', body, seen.velocity_mps)
    twist_covariance = np.zeros((n, 6, 6))
    twist_covariance[:, :2, :2] = rotate_covariance(seen.velocity_covariance, body)
    twist_covariance[:, 5, 5] = 1.0  # turning is not measured: anything a car does
    return TrackedObjectsArrays(
        stamp_ns=stamp_ns,
        frame_id=frame,
        object_id=uuid,
        existence_probability=np.full(n, sensor.existence, dtype=np.float32),
        class_offsets=_offsets(told),
        class_label=_LABELS[label],
        class_probability=share[owner, label].astype(np.float32),
        position=seen.position_m,
        orientation=quaternion_from_yaw(yaw),
        pose_covariance=_pose_covariance(sensor, seen),
        orientation_availability=np.full(
            n,
            Orientation.AVAILABLE if sensor.sigma_yaw_deg else Orientation.UNAVAILABLE,
            dtype=np.uint8,
        ),
        twist_linear=twist,
        twist_angular=np.zeros((n, 3)),
        twist_covariance=twist_covariance,
        acceleration_linear=np.zeros((n, 3)),
        acceleration_angular=np.zeros((n, 3)),
        acceleration_covariance=np.zeros((n, 6, 6)),
        is_stationary=np.zeros(n, dtype=bool),
        shape_type=np.full(n, BOUNDING_BOX, dtype=np.uint8),
        footprint_offsets=np.zeros(n + 1, dtype=np.int64),
        footprint=np.zeros((0, 3), dtype=np.float32),
        dimensions=seen.size_m if sensor.sigma_size_fraction else np.zeros((n, 3)),
    )


def _radar_tracks(
    sensor: SensorParameters, frame: str, stamp_ns: int, seen: Scan, uuid: np.ndarray
) -> RadarTracksArrays:
    """Velocity over ground; neither size nor class nor acceleration is measured."""
    n = len(seen.label)
    velocity = np.zeros((n, 3))
    velocity[:, :2] = seen.velocity_mps
    return RadarTracksArrays(
        stamp_ns=stamp_ns,
        frame_id=frame,
        uuid=uuid,
        position=seen.position_m,
        velocity=velocity,
        acceleration=np.zeros((n, 3)),
        size=np.zeros((n, 3)),
        classification=np.zeros(n, dtype=np.uint16),
        position_covariance=_upper(seen.position_covariance, sensor.sigma_height_m**2),
        velocity_covariance=_upper(seen.velocity_covariance, 0.0),
        acceleration_covariance=np.zeros((n, 6), dtype=np.float32),
        size_covariance=np.zeros((n, 6), dtype=np.float32),
    )


def _upper(covariance: np.ndarray, vertical: float) -> np.ndarray:
    """(N, 2, 2) to (N, 6) float32 of xx, xy, xz, yy, yz, zz."""
    out = np.zeros((len(covariance), 6), dtype=np.float32)
    out[:, 0], out[:, 1], out[:, 3] = covariance[:, 0, 0], covariance[:, 0, 1], covariance[:, 1, 1]
    out[:, 5] = vertical
    return out


def _pose_covariance(sensor: SensorParameters, seen: Scan) -> np.ndarray:
    out = np.zeros((len(seen.label), 6, 6))
    out[:, :2, :2] = seen.position_covariance
    out[:, 2, 2] = sensor.sigma_height_m**2
    yaw_variance = np.deg2rad(sensor.sigma_yaw_deg) ** 2
    out[:, 5, 5] = yaw_variance if sensor.sigma_yaw_deg else UNKNOWN_YAW_VARIANCE
    return out
