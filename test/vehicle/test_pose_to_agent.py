"""From a pose in the world to messages, through observation and fusion, back to the pose.

Sixteen corner sensors with their default noise, delays, dropouts and mistaken classes, the
robotaxi on the move. The bounds below are stated for bodies that the sensors could see for the
last second; whoever changes a sensor, a transform or fusion is measured by them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from prediction_node.config import Config
from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.interpolation import instant, snapshot
from prediction_node.domain.kinds import ATTRIBUTE_COUNT, ObjectClass
from prediction_node.domain.lights import LightStates
from prediction_node.domain.recording import Recording
from prediction_node.observation.parameters import SourceParameters
from prediction_node.pipeline import Pipeline, Release, inputs
from prediction_node.simulation.sensors.corners import corner_suite
from prediction_node.simulation.sensors.messages import MESSAGE_TYPES
from prediction_node.simulation.sensors.parameters import SuiteParameters, topic_of
from prediction_node.simulation.sensors.suite import rows_in_view
from prediction_node.vehicle.messages import VehicleMessages

START_NS = 1_000_000_000_000_000_000
STEPS = 81
STEP_S = 0.1
NEAR_M = 45.0  # bounds hold up to here
SETTLED_S = 2.0  # after the first message


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


def config_of(suite: SuiteParameters) -> Config:
    return Config(
        sources=tuple(
            SourceParameters(
                name=name,
                topic=topic_of(name, sensor),
                type=MESSAGE_TYPES[sensor.kind],
                modality=sensor.modality,
                rate_hz=sensor.rate_hz,
            )
            for name, sensor in suite.sensors.items()
        )
    )


def drive(recording: Recording, suite: SuiteParameters, seed: int) -> list[Release]:
    """Message bytes into the pipeline as they arrive, a release every 0.1 s."""
    config = config_of(suite)
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


@dataclass
class Errors:
    """Of every body that should be known, at every release: what its agent is off by."""

    position_m: list[float]
    yaw_rad: list[float]
    velocity_mps: list[float]
    right_class: list[bool]
    missing: int = 0
    doubled: int = 0
    invented: int = 0

    @classmethod
    def none(cls) -> Errors:
        return cls([], [], [], [])


def judged(recording: Recording, suite: SuiteParameters, releases: list[Release]) -> Errors:
    out = Errors.none()
    for release in releases:
        since_s = (release.stamp_ns - START_NS) * 1e-9
        if since_s < SETTLED_S or release.stamp_ns > recording.stamp_ns[-1]:
            continue
        truth = snapshot(recording, release.stamp_ns)
        agents = release.agents
        known = _in_view_for_a_second(recording, suite, release.stamp_ns)
        gap = np.hypot(
            *np.moveaxis(agents.position_m[:, None, :2] - truth.position_m[None, :, :2], -1, 0)
        )
        # Each agent stands for the body it is nearest to, the robotaxi apart.
        owner = 1 + gap[:, 1:].argmin(axis=1)
        near = gap[np.arange(len(gap)), owner] < 0.5 * recording.size_m[owner, 0] + 1.0
        out.invented += int((~near).sum())
        for row in known:
            mine = np.flatnonzero(near & (owner == row))
            out.missing += len(mine) == 0
            out.doubled += max(len(mine) - 1, 0)
            if not len(mine):
                continue
            i = int(mine[gap[mine, row].argmin()])
            out.position_m.append(float(gap[i, row]))
            out.velocity_mps.append(
                float(np.hypot(*(agents.velocity_mps[i] - truth.velocity_mps[row])))
            )
            if np.hypot(*truth.velocity_mps[row]) > 3.0:
                out.yaw_rad.append(abs(float(wrap_angle(agents.yaw_rad[i] - truth.yaw_rad[row]))))
            best = int(agents.class_probabilities[i].argmax())
            out.right_class.append(best == recording.label[row])
    return out


def _in_view_for_a_second(recording: Recording, suite: SuiteParameters, stamp_ns: int) -> list[int]:
    """Rows near the robotaxi that some LiDAR or camera could report at each tenth of a second."""
    rows = set(range(1, len(recording.track_id)))
    for back in range(11):
        at_ns = stamp_ns - back * 100_000_000
        seen = rows_in_view(recording, suite, at_ns)
        rows &= {
            int(row)
            for name, found in seen.items()
            if name.startswith(('lidar', 'camera'))
            for row in found
        }
    there = snapshot(recording, stamp_ns).position_m[:, :2]
    distance = np.hypot(*(there - there[0]).T)
    return sorted(row for row in rows if distance[row] <= NEAR_M)


@pytest.mark.parametrize(
    ('seed', 'shift_m', 'turn_rad'), [(1, 0.0, 0.0), (2, 20_000.0, 2.3)], ids=['map', 'far']
)
def test_what_comes_out_is_where_it_was_put_in(seed: int, shift_m: float, turn_rad: float) -> None:
    recording, suite = recording_of(ACTORS, shift_m, turn_rad), corner_suite()
    errors = judged(recording, suite, drive(recording, suite, seed))
    assert len(errors.position_m) > 300
    assert (errors.missing, errors.doubled, errors.invented) == (0, 0, 0)
    assert_within(errors.position_m, median=0.10, most=0.25, all_=0.6)
    assert_within(errors.velocity_mps, median=0.3, most=0.8, all_=1.5)
    assert_within(np.degrees(errors.yaw_rad), median=2.5, most=6.0, all_=12.0)
    assert np.mean(errors.right_class) > 0.98


def assert_within(
    errors: list[float] | np.ndarray, median: float, most: float, all_: float
) -> None:
    """Half of them, 95 % of them, and the worst."""
    found = np.percentile(errors, [50.0, 95.0, 100.0])
    assert (found <= [median, most, all_]).all(), found
