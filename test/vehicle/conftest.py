"""A drive around a corner, written down exactly."""

from __future__ import annotations

import numpy as np
import pytest

from prediction_node.domain.kinds import ATTRIBUTE_COUNT, ObjectClass
from prediction_node.domain.lights import LightColour, LightShape, LightStates
from prediction_node.domain.recording import Recording

START_NS = 1_000_000_000_000_000_000
STEPS = 31
RADIUS_M, SPEED_MPS = 30.0, 8.0


@pytest.fixture
def drive() -> Recording:
    """The robotaxi turns left at 8 m/s around 30 m; one car drives ahead, one comes, one stands.

    A signal with two arrows is green for half a second of every 1.4.
    """
    time_s = 0.1 * np.arange(STEPS)
    angle = time_s * SPEED_MPS / RADIUS_M
    still = np.zeros(STEPS)
    x = np.stack([RADIUS_M * np.sin(angle), 20.0 + 8.0 * time_s, 60.0 - 9.0 * time_s, still + 10.0])
    y = np.stack([RADIUS_M * (1.0 - np.cos(angle)), still, still + 12.0, still - 8.0])
    yaw = np.stack([angle, still, still + np.pi, still + 0.4])
    speed = np.array([SPEED_MPS, 8.0, 9.0, 0.0])
    stamp_ns = START_NS + np.arange(STEPS) * 100_000_000
    return Recording(
        name='drive',
        stamp_ns=stamp_ns,
        track_id=('1', '2', '3', '4'),
        label=np.full(4, ObjectClass.CAR, np.int8),
        size_m=np.tile([4.5, 1.8, 1.5], (4, 1)),
        position_m=np.stack([x, y, np.full_like(x, 0.75)], axis=-1),
        yaw_rad=yaw,
        velocity_mps=speed[:, None, None] * np.stack([np.cos(yaw), np.sin(yaw)], axis=-1),
        valid=np.ones((4, STEPS), bool),
        attributes=np.zeros((4, STEPS, ATTRIBUTE_COUNT)),
        has_attribute=np.zeros((4, STEPS, ATTRIBUTE_COUNT), bool),
        ego=0,
        lights=tuple(lights(k, int(stamp)) for k, stamp in enumerate(stamp_ns)),
    )


def lights(step: int, stamp_ns: int) -> LightStates:
    colour = LightColour.GREEN if step % 14 < 5 else LightColour.RED
    return LightStates(
        group_id=np.array([90, 90]),
        colour=np.full(2, colour, np.int8),
        shape=np.array([LightShape.UP_ARROW, LightShape.RIGHT_ARROW], np.int8),
        confidence=np.ones(2),
        stamp_ns=np.full(2, stamp_ns),
    )
