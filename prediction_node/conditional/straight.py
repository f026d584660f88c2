"""The simplest candidates: straight on, at several speeds. For rehearsals and benchmarks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from prediction_node.domain.frames import MAP, quaternion_from_yaw
from prediction_node.domain.message_arrays import CandidateTrajectoriesArrays, TrajectoryArrays
from prediction_node.domain.stamps import STEP_NS

_POINTS, _EVERY = 17, 5


def straight_candidates(
    stamp_ns: int, position_m: np.ndarray, yaw_rad: float, speeds_mps: Iterable[float]
) -> CandidateTrajectoriesArrays:
    """Base_link from (2 or more,) along the heading for eight seconds, a point every 0.5 s."""
    after_ns = np.arange(_POINTS) * _EVERY * STEP_NS
    orientation = quaternion_from_yaw(np.full(_POINTS, yaw_rad))
    zero = np.zeros(_POINTS, np.float32)
    trajectories = []
    for speed in speeds_mps:
        way_m = speed * 1e-9 * after_ns
        position = np.zeros((_POINTS, 3))
        position[:, 0] = position_m[0] + way_m * np.cos(yaw_rad)
        position[:, 1] = position_m[1] + way_m * np.sin(yaw_rad)
        constant = np.full(_POINTS, speed, np.float32)
        trajectories.append(
            TrajectoryArrays(
                stamp_ns,
                MAP,
                after_ns,
                position,
                orientation,
                constant,
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
