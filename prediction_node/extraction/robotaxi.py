"""A recorded road user in the part of the robotaxi."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.frames import Transform
from prediction_node.domain.kinds import MOTOR_VEHICLES, ObjectClass, class_mask
from prediction_node.domain.recording import Recording
from prediction_node.extraction.causal import steps_of, unbroken_steps
from prediction_node.learning.samples.labels import Tracks, ego_future

# The middle of a car is ahead of its rear axle, where base_link is, by this share of its length:
# 1.4 m of 4.9 m, as the node's parameters have it.
CENTRE_SHARE = 1.4 / 4.9
MIN_SPEED_MPS = 1.0
_DRIVEN = class_mask(tuple(c for c in MOTOR_VEHICLES if c != ObjectClass.TRAILER))


def as_ego(agents: Agents, row: int) -> Ego:
    """The agent in row `row` of `agents` as the robotaxi, base_link on the ground."""
    yaw, size = float(agents.yaw_rad[row]), agents.size_m[row]
    offset = CENTRE_SHARE * float(size[0])
    base = agents.position_m[row] - np.array(
        [offset * np.cos(yaw), offset * np.sin(yaw), 0.5 * size[2]]
    )
    map_from_base = Transform.from_xyz_yaw(base, yaw)
    yaw_rate = float(agents.yaw_rate_radps[row])
    velocity = agents.velocity_mps[row] @ map_from_base.rotation_2d
    velocity[1] -= yaw_rate * offset  # base_link trails the middle of the body
    return Ego(agents.stamp_ns, map_from_base, velocity, yaw_rate, size.copy(), offset)


def nobody(agents: Agents) -> Ego:
    """No robotaxi; the scene is seen from the middle of its agents."""
    middle = np.median(agents.position_m, axis=0) if len(agents) else np.zeros(3)
    return Ego(
        stamp_ns=agents.stamp_ns,
        map_from_base=Transform.from_xyz_yaw(middle, 0.0),
        velocity_mps=np.zeros(2),
        yaw_rate_radps=0.0,
        size_m=np.array([4.9, 1.9, 1.7]),
        present=False,
    )


def may_drive(recording: Recording, now: int) -> np.ndarray:
    """Rows of moving motor vehicles that have been there for a second and stay for one."""
    second = steps_of(recording, 1.0)
    later = min(now + second, recording.valid.shape[1] - 1)
    there = recording.valid[:, now] & recording.valid[:, later]
    there &= _DRIVEN[recording.label]
    there &= unbroken_steps(recording.valid, now) >= second
    rows = np.flatnonzero(there)
    speed = np.hypot(*recording.velocity_mps[rows, now].T)
    return np.asarray(rows[speed > MIN_SPEED_MPS])


def driven_future(recording: Recording, row: int, stamp_ns: int) -> tuple[np.ndarray, np.ndarray]:
    """`ego_future` and `ego_future_valid` as in Sample of the road user in row `row`."""
    yaw = recording.yaw_rad[row]
    heading = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
    base = recording.position_m[row, :, :2] - CENTRE_SHARE * recording.size_m[row, 0] * heading
    speed = (recording.velocity_mps[row] * heading).sum(axis=-1)
    track = Tracks(recording.stamp_ns, base[None], yaw[None], recording.valid[row][None])
    return ego_future(track, speed, 0, stamp_ns)
