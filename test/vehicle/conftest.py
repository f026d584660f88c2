"""A drive around a corner, written down exactly; and what fused agents are off by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import pytest

from prediction_node.config import Config
from prediction_node.domain.cast import Cast
from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.interpolation import Snapshot
from prediction_node.domain.kinds import ATTRIBUTE_COUNT, ObjectClass
from prediction_node.domain.lights import LightColour, LightShape, LightStates
from prediction_node.domain.recording import Recording
from prediction_node.observation.parameters import SourceParameters
from prediction_node.pipeline import Release
from prediction_node.simulation.sensors.messages import MESSAGE_TYPES
from prediction_node.simulation.sensors.mounting import base_pose, mount_of
from prediction_node.simulation.sensors.parameters import SuiteParameters, topic_of
from prediction_node.simulation.sensors.scan import in_view
from prediction_node.simulation.sensors.walls import NO_WALLS, Walls

START_NS = 1_000_000_000_000_000_000
STEPS = 31
RADIUS_M, SPEED_MPS = 30.0, 8.0
FRESH_S = 0.25  # two scans and the way of their messages


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


def config_for(suite: SuiteParameters) -> Config:
    """A node's configuration with every sensor of the suite as a source."""
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


@pytest.fixture
def config_of() -> Callable[[SuiteParameters], Config]:
    """`config_for`."""
    return config_for


@dataclass
class Errors:
    """Of every body that should be known, at every release: what its agent is off by."""

    position_m: list[float] = field(default_factory=list)
    yaw_rad: list[float] = field(default_factory=list)  # of those faster than 3 m/s
    velocity_mps: list[float] = field(default_factory=list)
    right_class: list[bool] = field(default_factory=list)
    missing: int = 0
    doubled: int = 0
    invented: int = 0


def errors_of(
    cast: Cast,
    at: Callable[[int], Snapshot],
    suite: SuiteParameters,
    releases: Iterable[Release],
    near_m: float,
    walls: Walls = NO_WALLS,
) -> Errors:
    """Agents against the truth `at` an instant.

    A body should be known if it is within `near_m` of the robotaxi and some LiDAR or camera could
    report it at each tenth of the last second. Each agent stands for the body it is nearest to;
    invented is one within `near_m` that some sensor claims to see now, with no body near it.
    """
    out = Errors()
    for release in releases:
        truth, agents = at(release.stamp_ns), release.agents
        others = np.flatnonzero(truth.row != cast.ego)
        row, place = truth.row[others], truth.position_m[others, :2]
        gap = np.hypot(*np.moveaxis(agents.position_m[:, None, :2] - place[None], -1, 0))
        owner = gap.argmin(axis=1)
        near = gap[np.arange(len(gap)), owner] < 0.5 * cast.size_m[row[owner], 0] + 1.0
        fresh = agents.modality_age_s.min(axis=1, initial=np.inf) < FRESH_S
        middle = truth.position_m[np.flatnonzero(truth.row == cast.ego)[0], :2]
        close = np.hypot(*(agents.position_m[:, :2] - middle).T) < near_m
        out.invented += int((~near & fresh & close).sum())
        known = _in_view_for_a_second(cast, at, suite, release.stamp_ns, near_m, walls)
        for k in np.flatnonzero(np.isin(row, known)).tolist():
            mine = np.flatnonzero(near & (owner == k))
            out.missing += len(mine) == 0
            out.doubled += max(len(mine) - 1, 0)
            if not len(mine):
                continue
            i = int(mine[gap[mine, k].argmin()])
            velocity = truth.velocity_mps[others[k]]
            out.position_m.append(float(gap[i, k]))
            out.velocity_mps.append(float(np.hypot(*(agents.velocity_mps[i] - velocity))))
            if np.hypot(*velocity) > 3.0:
                turn = wrap_angle(agents.yaw_rad[i] - truth.yaw_rad[others[k]])
                out.yaw_rad.append(abs(float(turn)))
            best = int(agents.class_probabilities[i].argmax())
            out.right_class.append(best == cast.label[row[k]])
    return out


@pytest.fixture
def judged() -> Callable[..., Errors]:
    """`errors_of`."""
    return errors_of


def _in_view_for_a_second(
    cast: Cast,
    at: Callable[[int], Snapshot],
    suite: SuiteParameters,
    stamp_ns: int,
    near_m: float,
    walls: Walls,
) -> list[int]:
    """Rows of whom some LiDAR or camera could report at each tenth of the last second."""
    now = at(stamp_ns)
    middle = now.position_m[np.flatnonzero(now.row == cast.ego)[0], :2]
    distance = np.hypot(*(now.position_m[:, :2] - middle).T)
    rows = set(now.row[distance <= near_m].tolist())
    for back in range(11):
        truth = at(stamp_ns - back * 100_000_000)
        base = base_pose(truth, cast, suite.centre_offset_m)
        assert base is not None
        seen: set[int] = set()
        for name, sensor in suite.sensors.items():
            if name.startswith(('lidar', 'camera')):
                found = in_view(sensor, suite, cast, truth, base @ mount_of(sensor), walls)
                seen |= set(truth.row[found].tolist())
        rows &= seen
    return sorted(rows)
