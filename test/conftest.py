"""Builders shared by all tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import settings

from prediction_node.domain.agents import Agents
from prediction_node.domain.frames import rotation_2d, wrap_angle
from prediction_node.domain.kinds import ATTRIBUTE_COUNT, CLASS_COUNT, MODALITY_COUNT, ObjectClass
from prediction_node.domain.lights import LightStates
from prediction_node.domain.recording import Recording

if TYPE_CHECKING:
    from prediction_node.bags.values import Message
    from prediction_node.pipeline import Pipeline, Release

Sent = tuple[int, str, bytes]  # log time, input of the pipeline, bytes

# Code compiles at its first call, and machines are busy: no law depends on how long it takes.
settings.register_profile('untimed', deadline=None)
settings.load_profile('untimed')

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = REPOSITORY.parent / 'shared' / 'data'


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """The folder of recordings beside the repository; the test is skipped where there is none."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f'needs the recordings in {SHARED_DATA}')
    return SHARED_DATA


def make_agents(
    n: int = 3, *, stamp_ns: int = 1_000_000_000, seed: int = 0, **changes: Any
) -> Agents:
    """`n` plausible cars around the origin; `changes` replaces whole fields."""
    rng = np.random.default_rng(seed)
    yaw = rng.uniform(-np.pi, np.pi, n)
    speed = rng.uniform(0.0, 15.0, n)
    fields: dict[str, Any] = {
        'uuid': rng.integers(0, 256, (n, 16), dtype=np.uint8),
        'position_m': np.column_stack([rng.uniform(-50, 50, (n, 2)), np.zeros(n)]),
        'yaw_rad': yaw,
        'velocity_mps': speed[:, None] * np.column_stack([np.cos(yaw), np.sin(yaw)]),
        'yaw_rate_radps': np.zeros(n),
        'acceleration_mps2': np.zeros(n),
        'covariance': np.tile(np.diag([0.1, 0.1, 0.01, 0.2, 0.01]), (n, 1, 1)),
        'size_m': np.tile([4.5, 1.8, 1.5], (n, 1)),
        'class_probabilities': np.tile(np.eye(CLASS_COUNT)[ObjectClass.CAR], (n, 1)),
        'existence': np.full(n, 0.9),
        'attributes': np.zeros((n, ATTRIBUTE_COUNT)),
        'has_attribute': np.zeros((n, ATTRIBUTE_COUNT), bool),
        'modality_age_s': np.zeros((n, MODALITY_COUNT)),
    }
    fields.update(changes)
    return Agents(stamp_ns=stamp_ns, **fields)


@pytest.fixture
def agents_of() -> Any:
    """The builder `make_agents` as a fixture."""
    return make_agents


STEP_NS = 100_000_000


def make_recording(
    seconds: float = 5.0, *, turn_rad: float = 0.0, shift_m: tuple[float, float] = (0.0, 0.0)
) -> Recording:
    """A robotaxi (row 0) among cars, a cyclist and a walker on open ground, 10 Hz.

    `turn_rad` and `shift_m` turn the whole world about the origin, then move it.
    """
    steps = round(seconds * 10) + 1
    time_s = 0.1 * np.arange(steps)
    #        x, y, yaw, speed, yaw rate, class, length, width, height
    bodies = [
        (0.0, 0.0, 0.0, 8.0, 0.0, ObjectClass.CAR, 4.9, 1.9, 1.7),
        (25.0, 0.0, 0.0, 8.0, 0.0, ObjectClass.CAR, 4.5, 1.8, 1.5),
        (60.0, 3.5, np.pi, 10.0, 0.0, ObjectClass.CAR, 4.6, 1.8, 1.5),
        (30.0, -20.0, np.pi / 2, 6.0, 0.15, ObjectClass.TRUCK, 8.5, 2.5, 3.2),
        (20.0, 8.0, 0.0, 0.0, 0.0, ObjectClass.CAR, 4.4, 1.8, 1.5),
        (15.0, -6.0, 0.1, 4.5, 0.0, ObjectClass.BICYCLE, 1.8, 0.6, 1.7),
        (40.0, 10.0, -np.pi / 2, 1.4, 0.0, ObjectClass.PEDESTRIAN, 0.6, 0.6, 1.7),
    ]
    n = len(bodies)
    table = np.array([b[:5] for b in bodies])
    yaw = table[:, 2:3] + table[:, 4:5] * time_s
    velocity = table[:, 3, None, None] * np.stack([np.cos(yaw), np.sin(yaw)], -1)
    middle = 0.5 * (velocity[:, 1:] + velocity[:, :-1]) * 0.1
    path = table[:, None, :2] + np.concatenate(
        [np.zeros((n, 1, 2)), np.cumsum(middle, axis=1)], axis=1
    )
    rotation = rotation_2d(np.float64(turn_rad))
    size = np.array([b[6:] for b in bodies])
    position = np.empty((n, steps, 3))
    position[..., :2] = path @ rotation.T + np.array(shift_m)
    position[..., 2] = 0.5 * size[:, None, 2]
    return Recording(
        name='open ground',
        stamp_ns=1_000_000_000_000_000_000 + STEP_NS * np.arange(steps),
        track_id=tuple(f'body {i}' for i in range(n)),
        label=np.array([b[5] for b in bodies], np.int8),
        size_m=size,
        position_m=position,
        yaw_rad=wrap_angle(yaw + turn_rad),
        velocity_mps=velocity @ rotation.T,
        valid=np.ones((n, steps), bool),
        attributes=np.zeros((n, steps, ATTRIBUTE_COUNT)),
        has_attribute=np.zeros((n, steps, ATTRIBUTE_COUNT), bool),
        ego=0,
        lights=tuple(LightStates.none() for _ in range(steps)),
    )


@pytest.fixture(scope='session')
def recording_of() -> Any:
    """The builder `make_recording` as a fixture."""
    return make_recording


def inputs_among(messages: Iterable[Message]) -> Iterator[Sent]:
    """Those messages that a pipeline listens to."""
    from prediction_node.config import Config
    from prediction_node.pipeline import inputs

    names = {entry.topic: entry.name for entry in inputs(Config())}
    for message in messages:
        if message.topic in names:
            yield message.log_ns, names[message.topic], message.data


def sample_drive() -> Iterator[Sent]:
    """What the sample's robotaxi heard on Lankershim Boulevard."""
    from prediction_node.bags.reader import BagReader
    from prediction_node.resources import share_path

    with BagReader(share_path('samples', 'lankershim', 'bag')) as bag:
        yield from inputs_among(bag.messages())


def released(
    pipeline: Pipeline, sent: Iterable[Sent] | None = None, *, cycles_after: int = 0
) -> Iterator[Release]:
    """Releases every 100 ms of log time, the first that long after the first message; a message
    counts if its log time is not later. `sent` None: the sample's. `cycles_after` the last message.
    """
    due_ns = 0
    for log_ns, name, data in sample_drive() if sent is None else sent:
        due_ns = due_ns or log_ns + STEP_NS
        while log_ns > due_ns:
            yield pipeline.release(due_ns)
            due_ns += STEP_NS
        pipeline.receive(name, data, log_ns)
    for _ in range(cycles_after):
        yield pipeline.release(due_ns)
        due_ns += STEP_NS


@pytest.fixture(scope='session')
def releases_of() -> Any:
    """The function `released` as a fixture."""
    return released


@pytest.fixture(scope='session')
def inputs_of() -> Any:
    """The function `inputs_among` as a fixture, which gives a list."""
    return lambda messages: list(inputs_among(messages))
