"""Where the robotaxi was: a bounded history of odometry, interpolated and carried on."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.agents import Ego
from prediction_node.domain.errors import FrameError
from prediction_node.domain.frames import Transform
from prediction_node.domain.message_arrays import OdometryArrays
from prediction_node.domain.stamps import nanoseconds, seconds
from prediction_node.observation.headers import check_stamp, frame_name
from prediction_node.observation.judging import has_length, semidefinite, within
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.reasons import Reason, Refused
from prediction_node.observation.rotations import constant_twist, interpolate
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

    def carried_on(self, stamp_ns: int) -> EgoMotion:
        """The motion at another stamp if the twist stays as it is."""
        if stamp_ns == self.stamp_ns:
            return self
        rotation, translation_m = constant_twist(
            self.velocity_mps, self.turn_rate_radps, seconds(stamp_ns - self.stamp_ns)
        )
        map_from_base = self.map_from_base @ Transform(rotation, translation_m)
        return EgoMotion(
            stamp_ns,
            map_from_base,
            self.velocity_mps,
            self.turn_rate_radps,
            self.pose_covariance,
            self.velocity_covariance,
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
    plane = pose_covariance[np.ix_([0, 1, 5], [0, 1, 5])]
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


def _check_values(arrays: OdometryArrays, parameters: ObservationParameters) -> None:
    """Raise Refused naming the first field that cannot be used."""
    variance = parameters.max_variance
    plane = np.asarray(arrays.pose_covariance)[np.ix_([0, 1, 5], [0, 1, 5])]
    drift = np.asarray(arrays.twist_covariance)[:3, :3]
    far, fast, turning = (
        parameters.max_position_m,
        parameters.max_speed_mps,
        parameters.max_yaw_rate_radps,
    )
    with np.errstate(over='ignore', invalid='ignore'):
        speed_mps = np.sqrt(np.sum(np.square(arrays.twist_linear)))
        checks = (
            (within(arrays.position[None], far), Reason.POSITION),
            (has_length(np.asarray(arrays.orientation)[None]), Reason.ORIENTATION),
            (np.array([speed_mps <= fast]), Reason.VELOCITY),
            (within(arrays.twist_angular[None], turning), Reason.YAW_RATE),
            (semidefinite(plane[None], variance), Reason.POSITION_COVARIANCE),
            (semidefinite(drift[None], variance), Reason.VELOCITY_COVARIANCE),
        )
    for passed, reason in checks:
        if passed[0]:
            continue
        field, value, bound = {
            Reason.POSITION: ('pose.position', arrays.position, f'within {far:g} m'),
            Reason.ORIENTATION: ('pose.orientation', arrays.orientation, 'a quaternion'),
            Reason.VELOCITY: ('twist.linear', arrays.twist_linear, f'<= {fast:g} m/s'),
            Reason.YAW_RATE: ('twist.angular', arrays.twist_angular, f'<= {turning:g} rad/s'),
            Reason.POSITION_COVARIANCE: ('pose.covariance of x, y, yaw', plane, 'semidefinite'),
            Reason.VELOCITY_COVARIANCE: ('twist.covariance', drift, 'semidefinite'),
        }[reason]
        raise Refused(reason, f'odometry {field} must be {bound}, got {value.tolist()}')


class OdometryBuffer:
    """Sorted, bounded history of the ego's motion."""

    def __init__(self, parameters: ObservationParameters) -> None:
        self._capacity = parameters.odometry_messages
        self._gap_ns = nanoseconds(parameters.odometry_gap_s)
        self._reach_ns = nanoseconds(parameters.max_coasting_s)
        self._edge_ns = nanoseconds(parameters.odometry_edge_s)
        self._stamps: list[int] = []
        self._motions: list[EgoMotion] = []

    def __len__(self) -> int:
        return len(self._stamps)

    @property
    def newest(self) -> EgoMotion | None:
        return self._motions[-1] if self._motions else None

    def clear(self) -> None:
        self._stamps.clear()
        self._motions.clear()

    def insert(self, motion: EgoMotion) -> bool:
        """Keep a motion in its place; False if its stamp is known. Drops the oldest when full."""
        index = bisect.bisect_left(self._stamps, motion.stamp_ns)
        if index < len(self._stamps) and self._stamps[index] == motion.stamp_ns:
            return False
        self._stamps.insert(index, motion.stamp_ns)
        self._motions.insert(index, motion)
        if len(self._stamps) > self._capacity:
            del self._stamps[0], self._motions[0]
        return True

    def at(self, stamp_ns: int) -> EgoMotion:
        """The motion at a stamp: between two messages interpolated, after the newest carried on.

        Raises FrameError well before the oldest message, well within a gap too long to bridge, and
        further ahead of the newest than the coasting time.
        """
        if not self._stamps:
            raise FrameError('no odometry has come yet')
        index = bisect.bisect_left(self._stamps, stamp_ns)
        if index == len(self._stamps):
            newest = self._motions[-1]
            if stamp_ns - newest.stamp_ns > self._reach_ns:
                raise FrameError(
                    f'stamp {stamp_ns} is {seconds(stamp_ns - newest.stamp_ns):.3f} s after the '
                    f'newest odometry, allowed is {seconds(self._reach_ns):.3f} s'
                )
            return newest.carried_on(stamp_ns)
        after = self._motions[index]
        if after.stamp_ns == stamp_ns:
            return after
        before = self._motions[index - 1] if index else None
        if before is not None and after.stamp_ns - before.stamp_ns <= self._gap_ns:
            return _between(before, after, stamp_ns)
        if after.stamp_ns - stamp_ns <= self._edge_ns:
            return after.carried_on(stamp_ns)
        if before is not None and stamp_ns - before.stamp_ns <= self._edge_ns:
            return before.carried_on(stamp_ns)
        raise FrameError(
            f'stamp {stamp_ns} is {seconds(after.stamp_ns - stamp_ns):.3f} s before '
            + ('the oldest odometry' if before is None else 'the end of a gap in the odometry')
            + f', allowed are {seconds(self._edge_ns):.3f} s'
        )


def _between(before: EgoMotion, after: EgoMotion, stamp_ns: int) -> EgoMotion:
    """Straight line, shortest turn, and twist in proportion."""
    share = seconds(stamp_ns - before.stamp_ns) / seconds(after.stamp_ns - before.stamp_ns)
    return EgoMotion(
        stamp_ns=stamp_ns,
        map_from_base=interpolate(before.map_from_base, after.map_from_base, share),
        velocity_mps=before.velocity_mps + share * (after.velocity_mps - before.velocity_mps),
        turn_rate_radps=before.turn_rate_radps
        + share * (after.turn_rate_radps - before.turn_rate_radps),
        pose_covariance=(before if share < 0.5 else after).pose_covariance,
        velocity_covariance=(before if share < 0.5 else after).velocity_covariance,
    )
