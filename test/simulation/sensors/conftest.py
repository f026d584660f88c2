"""Small worlds for the sensor models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.kinds import ATTRIBUTE_COUNT, ObjectClass
from prediction_node.domain.lights import LightStates
from prediction_node.domain.recording import Recording

START_NS = 1_000_000_000_000_000_000


def make_world(
    xy_m: np.ndarray,
    *,
    yaw_rad: np.ndarray | float = 0.0,
    velocity_mps: np.ndarray | None = None,
    label: int | np.ndarray = ObjectClass.CAR,
    size_m: tuple[float, float, float] = (4.5, 1.8, 1.5),
    steps: int = 11,
    ego_yaw_rad: float = 0.0,
) -> Recording:
    """The robotaxi (row 0) stands with base_link at the origin of the map.

    The others start at `xy_m` (N, 2) and keep their velocities (N, 2).
    """
    n = len(xy_m) + 1
    stamp_ns = START_NS + np.arange(steps) * 100_000_000
    velocity = np.zeros((n, 2))
    if velocity_mps is not None:
        velocity[1:] = velocity_mps
    start = np.concatenate([1.4 * np.array([[np.cos(ego_yaw_rad), np.sin(ego_yaw_rad)]]), xy_m])
    time_s = 0.1 * np.arange(steps)
    position = np.zeros((n, steps, 3))
    position[..., :2] = start[:, None] + time_s[:, None] * velocity[:, None]
    position[..., 2] = 0.5 * size_m[2]
    yaw = np.zeros((n, steps))
    yaw[0] = ego_yaw_rad
    yaw[1:] = np.broadcast_to(yaw_rad, n - 1)[:, None]
    labels = np.full(n, ObjectClass.CAR, np.int8)
    labels[1:] = label
    return Recording(
        name='world',
        stamp_ns=stamp_ns,
        track_id=tuple(str(k) for k in range(n)),
        label=labels,
        size_m=np.tile(size_m, (n, 1)),
        position_m=position,
        yaw_rad=yaw,
        velocity_mps=np.repeat(velocity[:, None], steps, axis=1),
        valid=np.ones((n, steps), bool),
        attributes=np.zeros((n, steps, ATTRIBUTE_COUNT)),
        has_attribute=np.zeros((n, steps, ATTRIBUTE_COUNT), bool),
        ego=0,
        lights=(LightStates.none(),) * steps,
    )


@pytest.fixture
def world_of() -> Callable[..., Recording]:
    """The builder `make_world`."""
    return make_world


@pytest.fixture
def circle() -> Callable[[int, float], Any]:
    """(N, 2) places evenly around the origin."""

    def places(n: int, radius_m: float) -> np.ndarray:
        angle = np.linspace(0.0, 2.0 * np.pi, n, endpoint=False)
        return radius_m * np.stack([np.cos(angle), np.sin(angle)], axis=-1)

    return places
