"""From a pose in the world to messages, through observation and fusion, back to the pose.

Sixteen corner sensors with their default noise, delays, dropouts and mistaken classes, the
robotaxi on the move. The bounds below are stated for bodies that the sensors could see for the
last second; whoever changes a sensor, a transform or fusion is measured by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from prediction_node.config import Config
from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.interpolation import instant, snapshot
from prediction_node.domain.kinds import ATTRIBUTE_COUNT, ObjectClass
from prediction_node.domain.lights import LightStates
from prediction_node.domain.recording import Recording
from prediction_node.pipeline import Pipeline, Release, inputs
from prediction_node.simulation.sensors.corners import corner_suite
from prediction_node.simulation.sensors.parameters import SuiteParameters
from prediction_node.vehicle.messages import VehicleMessages

START_NS = 1_000_000_000_000_000_000
STEPS = 81
STEP_S = 0.1
NEAR_M = 45.0  # bounds hold up to here
SETTLED_NS = 2_000_000_000  # after the first message


@dataclass(frozen=True)
class Actor:
    """Somebody at x, y who goes at a speed and turns at a rate."""

    label: ObjectClass
    size_m: tuple[float, float, float]
    x_m: float
    y_m: float
    yaw_rad: float
    speed_mps: float
    yaw_rate_radps: float = 0.0


CAR, BUS = (4.5, 1.8, 1.5), (12.0, 2.5, 3.1)
BICYCLE, WALKER = (1.8, 0.6, 1.7), (0.6, 0.6, 1.7)
ACTORS = (
    Actor(ObjectClass.CAR, CAR, 0.0, 0.0, 0.0, 6.0),  # the robotaxi
    Actor(ObjectClass.CAR, CAR, 18.0, 0.0, 0.0, 6.5),  # ahead
    Actor(ObjectClass.CAR, CAR, -14.0, 0.0, 0.0, 6.0),  # behind
    Actor(ObjectClass.CAR, CAR, 60.0, 4.0, np.pi, 9.0),  # oncoming
    Actor(ObjectClass.CAR, CAR, 45.0, -25.0, np.pi / 2, 5.0, 0.12),  # turns in
    Actor(ObjectClass.CAR, CAR, 30.0, -6.0, 0.0, 0.0),  # at the kerb
    Actor(ObjectClass.BUS, BUS, 10.0, 8.5, 0.0, 4.0),
    Actor(ObjectClass.BICYCLE, BICYCLE, 8.0, -3.5, 0.0, 4.5),
    Actor(ObjectClass.PEDESTRIAN, WALKER, 35.0, 9.0, -np.pi / 2, 1.2),
    Actor(ObjectClass.PEDESTRIAN, WALKER, 20.0, -9.0, 0.0, 1.4),
    Actor(ObjectClass.ANIMAL, (0.9, 0.3, 0.6), 25.0, 12.0, np.pi, 1.0),
)


def recording_of(actors: tuple[Actor, ...], shift_m: float, turn_rad: float) -> Recording:
    """Exact motion at a constant speed and yaw rate, in a map that is shifted and turned."""
    n = len(actors)
    time_s = STEP_S * np.arange(STEPS)
    position, yaw = np.zeros((n, STEPS, 3)), np.zeros((n, STEPS))
    velocity = np.zeros((n, STEPS, 2))
    for i, a in enumerate(actors):
        heading = a.yaw_rad + a.yaw_rate_radps * time_s
        middle = a.yaw_rad + 0.5 * a.yaw_rate_radps * time_s  # of the chord from the start
        half = 0.5 * a.yaw_rate_radps * time_s
        chord = a.speed_mps * time_s * np.sinc(half / np.pi)
        x, y = a.x_m + chord * np.cos(middle), a.y_m + chord * np.sin(middle)
        cos, sin = np.cos(turn_rad), np.sin(turn_rad)
        position[i, :, 0], position[i, :, 1] = cos * x - sin * y, sin * x + cos * y
        position[i, :, :2] += shift_m
        position[i, :, 2] = 0.5 * a.size_m[2]
        yaw[i] = wrap_angle(heading + turn_rad)
        velocity[i] = a.speed_mps * np.stack([np.cos(yaw[i]), np.sin(yaw[i])], axis=-1)
    return Recording(
        name='street',
        stamp_ns=START_NS + np.arange(STEPS) * 100_000_000,
        track_id=tuple(f'{i}' for i in range(n)),
        label=np.array([a.label for a in actors], np.int8),
        size_m=np.array([a.size_m for a in actors]),
        position_m=position,
        yaw_rad=yaw,
        velocity_mps=velocity,
        valid=np.ones((n, STEPS), bool),
        attributes=np.zeros((n, STEPS, ATTRIBUTE_COUNT)),
        has_attribute=np.zeros((n, STEPS, ATTRIBUTE_COUNT), bool),
        ego=0,
        lights=(LightStates.none(),) * STEPS,
    )


def drive(recording: Recording, suite: SuiteParameters, config: Config, seed: int) -> list[Release]:
    """Message bytes into the pipeline as they arrive, a release every 0.1 s."""
    names = {i.topic: i.name for i in inputs(config)}
    pipeline, vehicle = Pipeline(config, None), VehicleMessages(recording, suite, seed)
    releases = []
    for k, stamp_ns in enumerate(recording.stamp_ns.tolist()):
        for message in vehicle.advance(instant(recording, k), recording.lights[k]):
            if message.topic in names:
                pipeline.receive(names[message.topic], message.data, message.log_ns)
        if k:
            releases.append(pipeline.release(stamp_ns))
    return releases


@pytest.mark.parametrize(
    ('seed', 'shift_m', 'turn_rad'), [(1, 0.0, 0.0), (2, 20_000.0, 2.3)], ids=['map', 'far']
)
def test_what_comes_out_is_where_it_was_put_in(
    seed: int, shift_m: float, turn_rad: float, config_of: Any, judged: Any
) -> None:
    recording, suite = recording_of(ACTORS, shift_m, turn_rad), corner_suite()
    releases = drive(recording, suite, config_of(suite), seed)
    settled = [r for r in releases if r.stamp_ns >= START_NS + SETTLED_NS]
    errors = judged(recording, lambda ns: snapshot(recording, ns), suite, settled, NEAR_M)
    assert len(errors.position_m) > 300
    assert (errors.missing, errors.doubled, errors.invented) == (0, 0, 0)
    assert_within(errors.position_m, median=0.10, most=0.25, worst=0.6)
    assert_within(errors.velocity_mps, median=0.3, most=0.8, worst=1.5)
    assert_within(np.degrees(errors.yaw_rad), median=2.5, most=6.0, worst=12.0)
    assert np.mean(errors.right_class) > 0.98


def assert_within(
    errors: list[float] | np.ndarray, median: float, most: float, worst: float
) -> None:
    """Half of them, 95 % of them, and the worst."""
    found = np.percentile(errors, [50.0, 95.0, 100.0])
    assert (found <= [median, most, worst]).all(), found
