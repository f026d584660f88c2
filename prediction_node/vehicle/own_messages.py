"""What comes from no sensor: odometry, transforms, traffic signals, and the truth."""

from __future__ import annotations

import functools
import uuid

import numpy as np

from prediction_node.domain.cast import Cast
from prediction_node.domain.frames import (
    BASE_LINK,
    MAP,
    quaternion_from_yaw,
    rotation_2d,
)
from prediction_node.domain.interpolation import Snapshot
from prediction_node.domain.kinds import Orientation
from prediction_node.domain.lights import LightStates
from prediction_node.domain.message_arrays import (
    OdometryArrays,
    TrackedObjectsArrays,
    TrafficLightGroupsArrays,
    TransformsArrays,
)
from prediction_node.simulation.sensors.mounting import base_pose, mount_of
from prediction_node.simulation.sensors.parameters import SuiteParameters, frame_of

STANDSTILL_MPS = 0.1
SOLID_ON = 2
BOUNDING_BOX = 0


def mounts(suite: SuiteParameters, stamp_ns: int) -> TransformsArrays:
    """base_link -> every sensor frame."""
    poses = {frame_of(name, sensor): mount_of(sensor) for name, sensor in suite.sensors.items()}
    return TransformsArrays(
        stamp_ns=np.full(len(poses), stamp_ns, dtype=np.int64),
        frame_id=(BASE_LINK,) * len(poses),
        child_frame_id=tuple(poses),
        translation=np.array([p.translation_m for p in poses.values()]).reshape(-1, 3),
        rotation=quaternion_from_yaw(np.array([p.yaw_rad for p in poses.values()])),
    )


def map_to_base(odometry: OdometryArrays) -> TransformsArrays:
    """The pose of an odometry message as a transform."""
    return TransformsArrays(
        stamp_ns=np.array([odometry.stamp_ns], dtype=np.int64),
        frame_id=(odometry.frame_id,),
        child_frame_id=(odometry.child_frame_id,),
        translation=odometry.position[None],
        rotation=odometry.orientation[None],
    )


def odometry_at(
    truth: Snapshot, cast: Cast, suite: SuiteParameters, rng: np.random.Generator
) -> OdometryArrays | None:
    """The robotaxi's pose in the map and its twist in base_link; None while it is not there."""
    map_from_base = base_pose(truth, cast, suite.centre_offset_m)
    if map_from_base is None:
        return None
    row = int(np.flatnonzero(truth.row == cast.ego)[0])
    yaw, yaw_rate = float(truth.yaw_rad[row]), float(truth.yaw_rate_radps[row])
    twist = np.zeros(3)
    twist[:2] = rotation_2d(np.array(-yaw)) @ truth.velocity_mps[row]
    twist[1] -= yaw_rate * suite.centre_offset_m  # base_link trails the middle of the body
    noise = rng.standard_normal(4)
    sigma_yaw = float(np.deg2rad(suite.odometry_sigma_yaw_deg))
    position = map_from_base.translation_m.copy()
    position[:2] += suite.odometry_sigma_m * noise[:2]
    twist[0] += suite.odometry_sigma_speed_mps * noise[3]
    pose_sigma = np.array([suite.odometry_sigma_m] * 3 + [sigma_yaw] * 3)
    twist_sigma = np.array([suite.odometry_sigma_speed_mps] * 3 + [0.02] * 3)
    return OdometryArrays(
        stamp_ns=truth.stamp_ns,
        frame_id=MAP,
        child_frame_id=BASE_LINK,
        position=position,
        orientation=quaternion_from_yaw(np.array(yaw + sigma_yaw * noise[2])),
        pose_covariance=np.diag(pose_sigma**2),
        twist_linear=twist,
        twist_angular=np.array([0.0, 0.0, yaw_rate]),
        twist_covariance=np.diag(twist_sigma**2),
    )


def signals(lights: LightStates, stamp_ns: int) -> TrafficLightGroupsArrays:
    """All lamps that are on, group by group."""
    order = np.argsort(lights.group_id, kind='stable')
    return TrafficLightGroupsArrays(
        stamp_ns=stamp_ns,
        group_id=lights.group_id[order],
        color=lights.colour[order].astype(np.uint8),
        shape=lights.shape[order].astype(np.uint8),
        status=np.full(len(order), SOLID_ON, dtype=np.uint8),
        confidence=lights.confidence[order].astype(np.float32),
    )


@functools.lru_cache(maxsize=10_000)
def track_uuid(track_id: str) -> np.ndarray:
    """(16,) uint8: the name-based UUID (version 5) of a track id."""
    return np.frombuffer(uuid.uuid5(uuid.NAMESPACE_OID, track_id).bytes, dtype=np.uint8)


def truth_at(cast: Cast, truth: Snapshot) -> TrackedObjectsArrays:
    """Every road user but the robotaxi exactly as it is, in the map frame."""
    at = np.flatnonzero(truth.row != cast.ego)
    row, n = truth.row[at], len(at)
    yaw, velocity = truth.yaw_rad[at], truth.velocity_mps[at]
    twist = np.zeros((n, 3))
    twist[:, :2] = np.einsum('nij,nj->ni', rotation_2d(-yaw), velocity)
    spin = np.zeros((n, 3))
    spin[:, 2] = truth.yaw_rate_radps[at]
    return TrackedObjectsArrays(
        stamp_ns=truth.stamp_ns,
        frame_id=MAP,
        object_id=np.array([track_uuid(cast.track_id[k]) for k in row], np.uint8).reshape(n, 16),
        existence_probability=np.ones(n, dtype=np.float32),
        class_offsets=np.arange(n + 1, dtype=np.int64),
        class_label=cast.label[row].astype(np.uint8),
        class_probability=np.ones(n, dtype=np.float32),
        position=truth.position_m[at],
        orientation=quaternion_from_yaw(yaw),
        pose_covariance=np.zeros((n, 6, 6)),
        orientation_availability=np.full(n, Orientation.AVAILABLE, dtype=np.uint8),
        twist_linear=twist,
        twist_angular=spin,
        twist_covariance=np.zeros((n, 6, 6)),
        acceleration_linear=np.zeros((n, 3)),
        acceleration_angular=np.zeros((n, 3)),
        acceleration_covariance=np.zeros((n, 6, 6)),
        is_stationary=np.hypot(velocity[:, 0], velocity[:, 1]) < STANDSTILL_MPS,
        shape_type=np.full(n, BOUNDING_BOX, dtype=np.uint8),
        footprint_offsets=np.zeros(n + 1, dtype=np.int64),
        footprint=np.zeros((0, 3), dtype=np.float32),
        dimensions=cast.size_m[row],
    )
