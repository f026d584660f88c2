"""The simplest candidates: straight on, at several speeds. For rehearsals and benchmarks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from prediction_node.domain.conditional import EgoPlan
from prediction_node.domain.frames import MAP, quaternion_from_yaw
from prediction_node.domain.message_arrays import CandidateTrajectoriesArrays, TrajectoryArrays
from prediction_node.domain.stamps import STEP_NS, seconds

_POINTS, _EVERY = 17, 5


def straight_plans(
    position_m: np.ndarray, yaw_rad: float, speeds_mps: Iterable[float]
) -> tuple[EgoPlan, ...]:
    """Base_link from (2 or more,) along the heading for eight seconds, a point every 0.5 s."""
    after_s = seconds(_EVERY * STEP_NS) * np.arange(_POINTS)
    ahead = np.array([np.cos(yaw_rad), np.sin(yaw_rad)])
    yaw = np.full((_POINTS, 1), yaw_rad)
    return tuple(
        EgoPlan(
            after_s,
            np.hstack([position_m[:2] + speed * after_s[:, None] * ahead, yaw]),
            np.full(_POINTS, float(speed)),
        )
        for speed in speeds_mps
    )


def straight_candidates(
    stamp_ns: int, position_m: np.ndarray, yaw_rad: float, speeds_mps: Iterable[float]
) -> CandidateTrajectoriesArrays:
    """The same as a planner sends them."""
    after_ns = np.arange(_POINTS) * _EVERY * STEP_NS
    orientation = quaternion_from_yaw(np.full(_POINTS, yaw_rad))
    zero = np.zeros(_POINTS, np.float32)
    trajectories = []
    for plan in straight_plans(position_m, yaw_rad, speeds_mps):
        position = np.zeros((_POINTS, 3))
        position[:, :2] = plan.pose[:, :2]
        trajectories.append(
            TrajectoryArrays(
                stamp_ns,
                MAP,
                after_ns,
                position,
                orientation,
                plan.speed_mps.astype(np.float32),
                lateral_velocity=zero,
                acceleration=zero,
                heading_rate=zero,
                front_wheel_angle=zero,
                rear_wheel_angle=zero,
            )
        )
    maker = np.zeros((len(trajectories), 16), np.uint8)
    nobody: tuple[str, ...] = ()
    return CandidateTrajectoriesArrays(
        tuple(trajectories), maker, np.zeros((0, 16), np.uint8), nobody
    )
