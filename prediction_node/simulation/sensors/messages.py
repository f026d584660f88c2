"""Scans as the messages that carry them."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.frames import quaternion_from_yaw, rotate_covariance, rotation_2d
from prediction_node.domain.kinds import (
    ATTRIBUTE_NAMES,
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
    n = len(seen.row)
    class_id: list[str] = []
    score: list[float] = []
    owner: list[int] = []
    for i in range(n):
        for name, value in _hypotheses(sensor, seen, i):
            class_id.append(name)
            score.append(value)
            owner.append(i)
    position_6d = _pose_covariance(sensor, seen)
    orientation = quaternion_from_yaw(seen.yaw_rad if sensor.sigma_yaw_deg else np.zeros(n))
    of = np.array(owner, dtype=np.int64)
    return Detection3DArrayArrays(
        stamp_ns=stamp_ns,
        frame_id=frame,
        detection_stamp_ns=np.full(n, stamp_ns, dtype=np.int64),
        detection_frame_id=(frame,) * n,
        hypothesis_offsets=np.searchsorted(of, np.arange(n + 1)).astype(np.int64),
        hypothesis_class_id=tuple(class_id),
        hypothesis_score=np.array(score),
        hypothesis_position=seen.position_m[of],
        hypothesis_orientation=orientation[of],
        hypothesis_covariance=position_6d[of],
        position=seen.position_m,
        orientation=orientation,
        size=seen.size_m if sensor.sigma_size_fraction else np.zeros((n, 3)),
        id=tuple(row.tobytes().hex() for row in uuid),
    )


def _hypotheses(sensor: SensorParameters, seen: Scan, i: int) -> list[tuple[str, float]]:
    out = []
    if sensor.class_right:
        out = _class_shares(sensor, int(seen.label[i]))
    out.extend(
        (f'attribute/{ATTRIBUTE_NAMES[k]}', float(seen.attributes[i, k]))
        for k in np.flatnonzero(seen.has_attribute[i])
    )
    return out


def _class_shares(sensor: SensorParameters, label: int) -> list[tuple[str, float]]:
    """The sensor knows how often it is right; the remainder it gives to `unknown`."""
    if label == ObjectClass.UNKNOWN:
        return [(CLASS_NAMES[label], 1.0)]
    shares = [(CLASS_NAMES[label], sensor.class_right)]
    if sensor.class_right < 1.0:
        shares.append((CLASS_NAMES[ObjectClass.UNKNOWN], 1.0 - sensor.class_right))
    return shares


def _tracked_objects(
    sensor: SensorParameters, frame: str, stamp_ns: int, seen: Scan, uuid: np.ndarray
) -> TrackedObjectsArrays:
    n = len(seen.row)
    shares = [_class_shares(sensor, int(k)) if sensor.class_right else [] for k in seen.label]
    yaw = seen.yaw_rad if sensor.sigma_yaw_deg else np.zeros(n)
    body = rotation_2d(-yaw)  # the twist is in the object's own frame
    twist = np.zeros((n, 3))
    twist[:, :2] = np.einsum('nij,nj->ni', body, seen.velocity_mps)
    twist_covariance = np.zeros((n, 6, 6))
    twist_covariance[:, :2, :2] = rotate_covariance(seen.velocity_covariance, body)
    twist_covariance[:, 5, 5] = 1.0  # turning is not measured: anything a car does
    flat = [share for row in shares for share in row]
    return TrackedObjectsArrays(
        stamp_ns=stamp_ns,
        frame_id=frame,
        object_id=uuid,
        existence_probability=np.full(n, sensor.existence, dtype=np.float32),
        class_offsets=np.concatenate([[0], np.cumsum([len(s) for s in shares])]).astype(np.int64),
        class_label=np.array([CLASS_NAMES.index(name) for name, _ in flat], dtype=np.uint8),
        class_probability=np.array([value for _, value in flat], dtype=np.float32),
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
    n = len(seen.row)
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
    out = np.zeros((len(seen.row), 6, 6))
    out[:, :2, :2] = seen.position_covariance
    out[:, 2, 2] = sensor.sigma_height_m**2
    yaw_variance = np.deg2rad(sensor.sigma_yaw_deg) ** 2
    out[:, 5, 5] = yaw_variance if sensor.sigma_yaw_deg else UNKNOWN_YAW_VARIANCE
    return out
