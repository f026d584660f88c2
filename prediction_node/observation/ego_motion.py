"""Pose and motion of the robotaxi at one instant, as odometry gives it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from prediction_node.domain.agents import Ego
from prediction_node.domain.frames import Transform
from prediction_node.domain.message_arrays import OdometryArrays
from prediction_node.domain.stamps import seconds
from prediction_node.observation.headers import check_stamp, frame_name
from prediction_node.observation.judging import SLACK, has_length
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.reasons import Reason, Refused
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
        arm = point_m - self.map_from_base.translation_m
        return np.asarray(
            rotation @ self.velocity_mps + np.cross(rotation @ self.turn_rate_radps, arm)
        )

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
    _check_values(arrays, parameters)
    parent = frame_name(arrays.frame_id)
    child = frame_name(arrays.child_frame_id or parameters.base_frame)
    pose = Transform.from_quaternion(arrays.position, arrays.orientation)
    velocity = np.array(arrays.twist_linear, dtype=np.float64)
    turn_rate = np.array(arrays.twist_angular, dtype=np.float64)
    pose_covariance = np.asarray(arrays.pose_covariance, dtype=np.float64)
    plane = pose_covariance[_PLANE]
    twist_covariance = np.asarray(arrays.twist_covariance, dtype=np.float64)[:3, :3]
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
    in_map = pose.rotation @ twist_covariance @ pose.rotation.T
    return EgoMotion(
        stamp_ns=stamp_ns,
        map_from_base=pose,
        velocity_mps=velocity,
        turn_rate_radps=turn_rate,
        pose_covariance=plane if np.any(plane) else None,
        velocity_covariance=in_map[:2, :2] if np.any(twist_covariance) else None,
    )


# Rows and columns of x, y, yaw in a pose covariance.
_PLANE = np.ix_([0, 1, 5], [0, 1, 5])


def _check_values(arrays: OdometryArrays, parameters: ObservationParameters) -> None:
    """Raise Refused naming the first field that cannot be used."""
    far, fast = parameters.max_position_m, parameters.max_speed_mps
    turning, variance = parameters.max_yaw_rate_radps, parameters.max_variance
    plane, drift = arrays.pose_covariance[_PLANE], arrays.twist_covariance[:3, :3]
    for passed, reason, field, value, bound in (
        (
            _inside(arrays.position, far),
            Reason.POSITION,
            'pose.position',
            arrays.position,
            f'within {far:g} m',
        ),
        (
            has_length(arrays.orientation[None])[0],
            Reason.ORIENTATION,
            'pose.orientation',
            arrays.orientation,
            'a quaternion',
        ),
        (
            math.hypot(*arrays.twist_linear.tolist()) <= fast,
            Reason.VELOCITY,
            'twist.linear',
            arrays.twist_linear,
            f'<= {fast:g} m/s',
        ),
        (
            _inside(arrays.twist_angular, turning),
            Reason.YAW_RATE,
            'twist.angular',
            arrays.twist_angular,
            f'<= {turning:g} rad/s',
        ),
        (
            _usable(plane, variance),
            Reason.POSITION_COVARIANCE,
            'pose.covariance of x, y, yaw',
            plane,
            'semidefinite',
        ),
        (
            _usable(drift, variance),
            Reason.VELOCITY_COVARIANCE,
            'twist.covariance',
            drift,
            'semidefinite',
        ),
    ):
        if not passed:
            raise Refused(reason, f'odometry {field} must be {bound}, got {value.tolist()}')


def _inside(values: np.ndarray, bound: float) -> bool:
    return all(abs(value) <= bound for value in values.tolist())


def _usable(covariance: np.ndarray, bound: float) -> bool:
    """`judging.semidefinite` for one (3, 3), in a tenth of the time."""
    rows: list[list[float]] = covariance.tolist()
    (a, b, e), (b_, d, g), (e_, g_, f) = rows
    if not all(abs(value) <= bound for value in (a, b, e, b_, d, g, e_, g_, f)):
        return False
    slack, more = SLACK * (a + d + f), 1.0 + SLACK
    return (
        min(a, d, f) >= 0.0
        and max(abs(b - b_), abs(e - e_), abs(g - g_)) <= slack
        and b * b <= more * a * d
        and e * e <= more * a * f
        and g * g <= more * d * f
        and a * (d * f - g * g) - b * (b * f - g * e) + e * (b * g - d * e) >= -SLACK * a * d * f
    )
