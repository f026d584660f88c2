"""The planner's view of the messages: where the robotaxi is, which lights are on, what will be."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import numpy as np

from prediction_node import cdr
from prediction_node.domain.errors import MessageError
from prediction_node.domain.frames import yaw_from_quaternion
from prediction_node.domain.lights import LightStates
from prediction_node.domain.message_arrays import (
    CandidateTrajectoriesArrays,
    OdometryArrays,
    TrafficLightGroupsArrays,
    TrajectoryArrays,
)
from prediction_node.domain.stamps import STEP_NS
from prediction_node.simulation.futures import Futures
from prediction_node.simulation.planner.candidates import Trajectory, warm_up
from prediction_node.simulation.planner.parameters import BodyParameters
from prediction_node.simulation.planner.planner import EgoState, Plan, Planner, Proposal
from prediction_node.simulation.verdict.truth import EgoTruth


class Driver:
    """Keeps the newest odometry and lights, and asks the planner when predictions come."""

    def __init__(self, planner: Planner, body: BodyParameters, ego_size_m: np.ndarray) -> None:
        warm_up()
        self._planner, self._body, self._size_m = planner, body, ego_size_m
        self._ego: EgoState | None = None
        self._lights = LightStates.none()
        self.unreadable = 0

    @property
    def ego(self) -> EgoState | None:
        """From the newest odometry; None before the first."""
        return self._ego

    def on_odometry(self, data: bytes) -> None:
        """nav_msgs/Odometry as CDR bytes; what cannot be read is counted."""
        try:
            self._ego = ego_state(cdr.read_odometry(data), self._body, self._size_m)
        except MessageError:
            self.unreadable += 1

    def on_signals(self, data: bytes) -> None:
        """autoware_perception_msgs/TrafficLightGroupArray as CDR bytes."""
        try:
            self._lights = light_states(cdr.read_traffic_light_groups(data))
        except MessageError:
            self.unreadable += 1

    def propose(self, futures: Futures | None) -> Proposal | None:
        """What might be done by these predictions, None when they stand for silence; None without
        odometry.
        """
        if self._ego is None:
            return None
        return self._planner.propose(self._ego, futures, self._lights)

    def choose(
        self, proposal: Proposal, conditioned: Sequence[Futures | None] | None = None
    ) -> Plan:
        """The plan; `conditioned` as the planner takes it."""
        return self._planner.choose(proposal, conditioned)


def ego_state(arrays: OdometryArrays, body: BodyParameters, size_m: np.ndarray) -> EgoState:
    """The robotaxi of an odometry message: base_link is its rear axle."""
    yaw = float(yaw_from_quaternion(arrays.orientation))
    ahead = body.centre_offset_m * np.array([np.cos(yaw), np.sin(yaw)])
    return EgoState(
        stamp_ns=arrays.stamp_ns,
        position_m=arrays.position[:2] + ahead,
        yaw_rad=yaw,
        speed_mps=max(float(arrays.twist_linear[0]), 0.0),
        size_m=size_m,
    )


def ego_truth(ego: EgoState) -> EgoTruth:
    """The same for the verdict."""
    return EgoTruth(ego.stamp_ns, np.array([*ego.position_m, ego.yaw_rad]), ego.speed_mps)


def light_states(arrays: TrafficLightGroupsArrays) -> LightStates:
    """Lamps of a message, all seen at its stamp."""
    return LightStates(
        group_id=arrays.group_id,
        colour=arrays.color.astype(np.int8),
        shape=arrays.shape.astype(np.int8),
        confidence=arrays.confidence.astype(float),
        stamp_ns=np.full(len(arrays.group_id), arrays.stamp_ns, np.int64),
    )


def trajectory_arrays(trajectory: Trajectory, body: BodyParameters) -> TrajectoryArrays:
    """autoware_planning_msgs/Trajectory of a plan. Poses are those of base_link, as Autoware has
    them.
    """
    pose, speed = trajectory.pose, trajectory.speed_mps
    yaw = pose[:, 2]
    position = np.zeros((len(pose), 3))
    position[:, 0] = pose[:, 0] - body.centre_offset_m * np.cos(yaw)
    position[:, 1] = pose[:, 1] - body.centre_offset_m * np.sin(yaw)
    orientation = np.zeros((len(pose), 4))
    orientation[:, 2], orientation[:, 3] = np.sin(0.5 * yaw), np.cos(0.5 * yaw)
    rate = np.gradient(np.unwrap(yaw), STEP_NS * 1e-9)
    curvature = np.where(speed > 0.3, rate / np.maximum(speed, 0.3), 0.0)
    zero = np.zeros(len(pose), np.float32)
    return TrajectoryArrays(
        stamp_ns=trajectory.stamp_ns,
        frame_id='map',
        time_from_start_ns=np.arange(len(pose)) * STEP_NS,
        position=position,
        orientation=orientation,
        longitudinal_velocity=speed.astype(np.float32),
        lateral_velocity=zero,
        acceleration=trajectory.acceleration_mps2.astype(np.float32),
        heading_rate=rate.astype(np.float32),
        front_wheel_angle=np.arctan(body.wheelbase_m * curvature).astype(np.float32),
        rear_wheel_angle=zero,
    )


def trajectory_from(arrays: TrajectoryArrays, body: BodyParameters) -> Trajectory:
    """The plan of a Trajectory message whose points are 0.1 s apart.

    Raises MessageError if they are not, or if there are fewer than two.
    """
    steps = np.diff(arrays.time_from_start_ns)
    if len(steps) < 1 or np.any(steps != STEP_NS):
        raise MessageError('Trajectory.points must be at least two, 0.1 s apart')
    yaw = yaw_from_quaternion(arrays.orientation)
    ahead = body.centre_offset_m * np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
    return Trajectory(
        stamp_ns=arrays.stamp_ns,
        name='',
        pose=np.column_stack([arrays.position[:, :2] + ahead, yaw]),
        speed_mps=arrays.longitudinal_velocity.astype(float),
        acceleration_mps2=arrays.acceleration.astype(float),
    )


def candidate_arrays(
    candidates: Sequence[Trajectory], body: BodyParameters
) -> CandidateTrajectoriesArrays:
    """The request that asks for all of them; each kind of candidate is a generator of its own."""
    names = [trajectory.name for trajectory in candidates]
    each = [uuid.uuid5(uuid.NAMESPACE_OID, name).bytes for name in names]
    ids = np.frombuffer(b''.join(each), np.uint8).reshape(-1, 16)
    known = {name: row for row, name in reversed(list(enumerate(names)))}
    return CandidateTrajectoriesArrays(
        trajectories=tuple(trajectory_arrays(t, body) for t in candidates),
        generator_id=ids,
        info_id=ids[list(known.values())],
        info_name=tuple(known),
    )
