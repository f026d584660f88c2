"""Pose and motion of the robotaxi at one instant, as odometry gives it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from prediction_node.domain.agents import Ego
from prediction_node.domain.frames import Transform
from prediction_node.domain.message_arrays import OdometryArrays
from prediction_node.domain.stamps import seconds
from prediction_node.observation.headers import check_stamp, frame_name
from prediction_node.observation.odometry_values import OdometryValues, some
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.rotations import constant_twist
from prediction_node.observation.transforms import TransformBuffer


@dataclass(frozen=True, slots=True, eq=False)
class EgoMotion:
    """Pose and motion of the base frame at `stamp_ns`."""

    stamp_ns: int
    map_from_base: Transform
    velocity_mps: np.ndarray  # (3,) over ground, axes of the base frame
    turn_rate_radps: np.ndarray  # (3,) about the axes of the base frame
    pose_covariance: np.ndarray | None  # (3, 3) x, y, yaw in the map frame
    velocity_covariance: np.ndarray | None  # (2, 2) in the map frame

    def point_velocity_mps(self, point_m: np.ndarray) -> np.ndarray:
        """(3,) velocity over ground, map axes, of the vehicle's point at (3,) in the map frame."""
        rotation = self.map_from_base.rotation
        x, y, z = (point_m - self.map_from_base.translation_m).tolist()
        p, q, r = (rotation @ self.turn_rate_radps).tolist()
        lever = np.array([q * z - r * y, r * x - p * z, p * y - q * x])
        return np.asarray(rotation @ self.velocity_mps + lever)

    def carried_on(
        self, stamp_ns: int, *, sigma_mps2: float = 0.0, sigma_radps2: float = 0.0
    ) -> EgoMotion:
        """The motion at another stamp if the twist stays as it is.

        The pose grows as uncertain as steady accelerations of the given sigmas make it.
        """
        if stamp_ns == self.stamp_ns:
            return self
        dt_s = seconds(stamp_ns - self.stamp_ns)
        rotation, translation_m = constant_twist(self.velocity_mps, self.turn_rate_radps, dt_s)
        covariance = self.pose_covariance
        if sigma_mps2 > 0.0 or sigma_radps2 > 0.0:
            drift_m, drift_rad = 0.5 * dt_s**2 * sigma_mps2, 0.5 * dt_s**2 * sigma_radps2
            grown = np.diag([drift_m**2, drift_m**2, drift_rad**2])
            covariance = grown if covariance is None else covariance + grown
        return replace(
            self,
            stamp_ns=stamp_ns,
            map_from_base=self.map_from_base @ Transform(rotation, translation_m),
            pose_covariance=covariance,
        )

    def ego(self, parameters: ObservationParameters) -> Ego:
        """The same as the domain's value, with the robotaxi's size."""
        return Ego(
            stamp_ns=self.stamp_ns,
            map_from_base=self.map_from_base,
            velocity_mps=self.velocity_mps[:2].copy(),
            yaw_rate_radps=float(self.turn_rate_radps[2]),
            size_m=np.array(
                [parameters.ego_length_m, parameters.ego_width_m, parameters.ego_height_m]
            ),
            centre_offset_m=parameters.ego_centre_offset_m,
        )


def read_odometry(
    arrays: OdometryArrays, transforms: TransformBuffer, parameters: ObservationParameters
) -> EgoMotion:
    """Judge one odometry message and express it as the base frame in the map frame.

    A parent other than the map (`odom`), and a child other than the base frame (an IMU), are led
    back by transforms; an empty child frame means the base frame. Raises Refused, and FrameError
    for the frames.
    """
    stamp_ns = int(arrays.stamp_ns)
    check_stamp(stamp_ns)
    values = OdometryValues.of(arrays)
    values.check(parameters)
    parent = frame_name(arrays.frame_id)
    child = frame_name(arrays.child_frame_id or parameters.base_frame)
    pose = Transform.from_quaternion(arrays.position, arrays.orientation)
    velocity = np.array(arrays.twist_linear, dtype=np.float64)
    turn_rate = np.array(arrays.twist_angular, dtype=np.float64)
    plane = np.array(values.pose_covariance)
    twist_covariance = np.array(values.velocity_covariance)
    if parent != parameters.map_frame or child != parameters.base_frame:
        map_from_parent = transforms.lookup(parameters.map_frame, parent, stamp_ns)
        child_from_base = transforms.lookup(child, parameters.base_frame, stamp_ns)
        base_from_child = child_from_base.rotation.T
        # The base frame's origin as a point fixed to the child's body.
        velocity = base_from_child @ (velocity + np.cross(turn_rate, child_from_base.translation_m))
        turn_rate = base_from_child @ turn_rate
        twist_covariance = base_from_child @ twist_covariance @ base_from_child.T
        pose = map_from_parent @ pose @ child_from_base
        turn = np.eye(3)
        turn[:2, :2] = map_from_parent.rotation_2d
        plane = turn @ plane @ turn.T
    in_map = None
    if some(values.velocity_covariance):
        in_map = (pose.rotation @ twist_covariance @ pose.rotation.T)[:2, :2]
    return EgoMotion(
        stamp_ns=stamp_ns,
        map_from_base=pose,
        velocity_mps=velocity,
        turn_rate_radps=turn_rate,
        pose_covariance=plane if some(values.pose_covariance) else None,
        velocity_covariance=in_map,
    )
