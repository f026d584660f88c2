"""A small world of road users and four modelled sensors, as exact functions of time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.frames import Transform, rotation_2d
from prediction_node.domain.kinds import (
    ATTRIBUTE_COUNT,
    CLASS_COUNT,
    MODALITY_NAMES,
    Modality,
    ObjectClass,
    Orientation,
)
from prediction_node.domain.observations import SensorTracks
from prediction_node.domain.stamps import nanoseconds
from prediction_node.evaluation.tracking import TruthFrame
from prediction_node.fusion import Fusion, FusionParameters

START_NS = 1_700_000_000_000_000_000
STEP_S = 0.01


@dataclasses.dataclass(frozen=True)
class Body:
    """One road user: its class, size and path sampled every STEP_S."""

    label: ObjectClass
    size_m: tuple[float, float, float]
    path: np.ndarray  # (T, 4) x, y, yaw, speed along it
    hidden: tuple[tuple[float, float], ...] = ()  # spans of time when no sensor sees it


SIZES = {
    ObjectClass.CAR: (4.6, 1.9, 1.5),
    ObjectClass.TRUCK: (9.0, 2.5, 3.2),
    ObjectClass.BICYCLE: (1.8, 0.6, 1.7),
    ObjectClass.PEDESTRIAN: (0.6, 0.6, 1.7),
}


def driven(
    start: tuple[float, float, float],
    speed: Callable[[float], float],
    yaw_rate: Callable[[float], float] = lambda t: 0.0,
    *,
    seconds: float = 12.0,
    label: ObjectClass = ObjectClass.CAR,
    hidden: tuple[tuple[float, float], ...] = (),
) -> Body:
    """A body that moves along its heading: speed (m/s) and yaw rate (rad/s) over time."""
    n = round(seconds / STEP_S) + 1
    path = np.zeros((n, 4))
    x, y, yaw = start
    for k in range(n):
        t = k * STEP_S
        path[k] = x, y, yaw, speed(t)
        yaw_next = yaw + yaw_rate(t) * STEP_S
        middle = 0.5 * (yaw + yaw_next)
        x += speed(t + 0.5 * STEP_S) * np.cos(middle) * STEP_S
        y += speed(t + 0.5 * STEP_S) * np.sin(middle) * STEP_S
        yaw = yaw_next
    return Body(label, SIZES[label], path, hidden)


def ramp(*knots: tuple[float, float]) -> Callable[[float], float]:
    """A piecewise linear function through (time, value)."""
    times, values = zip(*knots, strict=True)
    return lambda t: float(np.interp(t, times, values))


def steady(value: float) -> Callable[[float], float]:
    return lambda t: value


def city(seconds: float = 12.0) -> list[Body]:
    """Crossing cars, a stop and start, turns, parked cars, a cyclist, walkers, an occlusion."""
    return [
        driven((-60.0, -2.0, 0.0), steady(12.0), seconds=seconds),
        driven((40.0, 2.0, np.pi), steady(8.0), seconds=seconds),
        driven((-45.0, -5.5, 0.0), ramp((1, 11), (5, 0), (8, 0), (11, 9)), seconds=seconds),
        driven((5.0, -50.0, np.pi / 2), steady(9.0), ramp((2, 0), (3, 0.45), (6, 0.45), (7, 0))),
        driven((-5.0, 45.0, -np.pi / 2), ramp((2, 9), (4, 5)), ramp((4, 0), (5, -0.6), (7, 0))),
        driven((20.0, 9.0, 0.1), steady(0.0), seconds=seconds),
        driven((26.5, 9.5, 0.1), steady(0.0), seconds=seconds),
        driven((33.0, 10.0, np.pi), steady(0.0), seconds=seconds),
        driven((-30.0, 5.5, np.pi), steady(7.0), seconds=seconds, label=ObjectClass.TRUCK),
        driven(
            (-20.0, -9.0, 0.0),
            steady(5.0),
            ramp((3, 0), (5, 0.3), (7, 0)),
            label=ObjectClass.BICYCLE,
        ),
        driven((10.0, -12.0, 1.6), steady(1.4), label=ObjectClass.PEDESTRIAN),
        driven(
            (12.0, 14.0, -1.2),
            ramp((3, 1.5), (3.3, 0), (5, 0), (5.3, 1.6)),
            ramp((5, 0), (5.2, 6), (5.6, 0)),
            label=ObjectClass.PEDESTRIAN,
        ),
        driven((-15.0, -30.0, 1.5), steady(6.0), hidden=((5.0, 5.8),), seconds=seconds),
    ]


# Range, rate, sigma along the line of sight (m + share of range), across (m + degrees), dropout,
# class right, latency: part 10 of the specification.
FIGURES: dict[Modality, dict[str, float]] = {
    Modality.CAMERA: {
        'range': 120,
        'rate': 10,
        'along': 0,
        'along_share': 0.03,
        'across': 0,
        'deg': 0.3,
        'drop': 0.08,
        'right': 0.95,
        'late': 90,
    },
    Modality.LIDAR: {
        'range': 100,
        'rate': 10,
        'along': 0.1,
        'along_share': 0,
        'across': 0.1,
        'deg': 0,
        'drop': 0.03,
        'right': 0.85,
        'late': 60,
    },
    Modality.RADAR: {
        'range': 180,
        'rate': 15,
        'along': 0.5,
        'along_share': 0,
        'across': 0,
        'deg': 0.8,
        'drop': 0.1,
        'right': 0,
        'late': 40,
    },
    Modality.THERMAL: {
        'range': 80,
        'rate': 10,
        'along': 0,
        'along_share': 0.05,
        'across': 0,
        'deg': 0.3,
        'drop': 0.08,
        'right': 0.95,
        'late': 90,
    },
}
YAW_SIGMA_RAD = np.deg2rad(3.0)
LIDAR_SPEED_SIGMA = 0.3
RADAR_SPEED_SIGMAS = (0.15, 1.5)


@dataclasses.dataclass(frozen=True)
class World:
    """Bodies seen from an ego at rest in the origin."""

    bodies: Sequence[Body]
    seconds: float

    def at(self, t_s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Positions (N, 2), yaws (N,), velocities (N, 2) and visibility (N,) after t_s."""
        k = t_s / STEP_S
        states = []
        for body in self.bodies:
            low = min(int(k), len(body.path) - 2)
            share = k - low
            states.append((1 - share) * body.path[low] + share * body.path[low + 1])
        state = np.array(states).reshape(-1, 4)
        ahead = np.stack([np.cos(state[:, 2]), np.sin(state[:, 2])], axis=1)
        visible = np.array(
            [not any(a <= t_s <= b for a, b in body.hidden) for body in self.bodies], bool
        )
        return state[:, :2], state[:, 2], state[:, 3:] * ahead, visible

    def report(self, modality: Modality, t_s: float, rng: np.random.Generator) -> SensorTracks:
        """What one sensor says at t_s, in shuffled order."""
        f = FIGURES[modality]
        position, yaw, velocity, visible = self.at(t_s)
        reach = np.hypot(*position.T)
        seen = visible & (reach < f['range']) & (rng.random(len(reach)) > f['drop'])
        rows = rng.permutation(np.flatnonzero(seen))
        n = len(rows)
        sight = rotation_2d(np.arctan2(position[rows, 1], position[rows, 0]))
        sigma = np.stack(
            [
                np.hypot(f['along'], f['along_share'] * reach[rows]),
                np.hypot(f['across'], np.deg2rad(f['deg']) * reach[rows]),
            ],
            axis=1,
        )
        speed_sigma = np.array(
            RADAR_SPEED_SIGMAS if modality is Modality.RADAR else (LIDAR_SPEED_SIGMA,) * 2
        )
        label = np.array([int(self.bodies[i].label) for i in rows], np.int64)
        wrong = rng.random(n) > f['right']
        label[wrong] = rng.integers(1, CLASS_COUNT, wrong.sum())
        classes = np.zeros((n, CLASS_COUNT))
        classes[np.arange(n), label] += f['right']
        classes[:, 0] += 1.0 - f['right']
        z = np.array([0.5 * self.bodies[i].size_m[2] for i in rows])
        return tracks_of(
            modality,
            START_NS + nanoseconds(t_s),
            np.column_stack(
                [
                    position[rows]
                    + np.einsum('nij,nj->ni', sight, sigma * rng.standard_normal((n, 2))),
                    z,
                ]
            ),
            position_covariance=np.einsum('nij,nj,nkj->nik', sight, sigma**2, sight),
            orientation=np.full(
                n,
                Orientation.AVAILABLE if modality is Modality.LIDAR else Orientation.UNAVAILABLE,
                np.int8,
            ),
            yaw_rad=yaw[rows] + YAW_SIGMA_RAD * rng.standard_normal(n),
            has_velocity=np.full(n, modality in (Modality.LIDAR, Modality.RADAR)),
            velocity_mps=velocity[rows]
            + np.einsum('nij,nj->ni', sight, speed_sigma * rng.standard_normal((n, 2))),
            velocity_covariance=np.einsum('nij,j,nkj->nik', sight, speed_sigma**2, sight),
            has_size=np.full(n, modality is not Modality.RADAR),
            size_m=np.array([self.bodies[i].size_m for i in rows]).reshape(-1, 3)
            * (1.0 + 0.1 * rng.standard_normal((n, 3))),
            has_class=np.full(n, f['right'] > 0),
            class_probabilities=classes,
            id_hash=rows.astype(np.uint64),
        )

    def messages(
        self, modalities: Sequence[Modality] = tuple(Modality), seed: int = 0
    ) -> list[tuple[int, SensorTracks]]:
        """(arrival stamp, report) of all sensors, by arrival."""
        out = []
        for modality in modalities:
            f = FIGURES[modality]
            rng = np.random.default_rng((seed, int(modality)))
            phase = 0.013 * (1 + int(modality))
            for k in range(int((self.seconds - phase) * f['rate'])):
                t_s = phase + k / f['rate']
                report = self.report(modality, t_s, rng)
                out.append((report.stamp_ns + round(f['late'] * 1e6), report))
        return sorted(out, key=lambda m: (m[0], m[1].source))

    def truth(self, stamps_ns: Sequence[int]) -> list[TruthFrame]:
        frames = []
        for stamp_ns in stamps_ns:
            position, yaw, velocity, visible = self.at((stamp_ns - START_NS) * 1e-9)
            frames.append(
                TruthFrame(
                    stamp_ns,
                    np.arange(len(position)),
                    position,
                    yaw,
                    velocity,
                    np.array([int(b.label) for b in self.bodies], np.int64),
                    visible & (np.hypot(*position.T) < 180.0),
                )
            )
        return frames


def tracks_of(
    modality: Modality, stamp_ns: int, position_m: np.ndarray, **changes: Any
) -> SensorTracks:
    """Reports at positions (N, 3); all else is not reported unless `changes` says so."""
    position_m = np.asarray(position_m, float).reshape(-1, 3)
    n = len(position_m)
    fields: dict[str, Any] = {
        'source': MODALITY_NAMES[modality],
        'modality': modality,
        'stamp_ns': stamp_ns,
        'frame_id': 'map',
        'id_hash': np.arange(n, dtype=np.uint64),
        'has_id': np.ones(n, bool),
        'position_m': position_m,
        'position_covariance': np.tile(0.01 * np.eye(2), (n, 1, 1)),
        'orientation': np.full(n, Orientation.UNAVAILABLE, np.int8),
        'yaw_rad': np.zeros(n),
        'yaw_variance': np.full(n, YAW_SIGMA_RAD**2),
        'has_velocity': np.zeros(n, bool),
        'velocity_mps': np.zeros((n, 2)),
        'velocity_covariance': np.tile(0.09 * np.eye(2), (n, 1, 1)),
        'has_yaw_rate': np.zeros(n, bool),
        'yaw_rate_radps': np.zeros(n),
        'has_size': np.zeros(n, bool),
        'size_m': np.zeros((n, 3)),
        'has_class': np.zeros(n, bool),
        'class_probabilities': np.eye(CLASS_COUNT)[np.zeros(n, int)],
        'existence': np.full(n, 0.95),
        'attributes': np.zeros((n, ATTRIBUTE_COUNT)),
        'has_attribute': np.zeros((n, ATTRIBUTE_COUNT), bool),
    }
    fields.update(changes)
    return SensorTracks(**fields)


def ego_at(x_m: float = 0.0, y_m: float = 0.0, stamp_ns: int = START_NS) -> Ego:
    return Ego(
        stamp_ns,
        Transform.from_xyz_yaw(np.array([x_m, y_m, 0.0]), 0.0),
        np.zeros(2),
        0.0,
        np.array([4.9, 1.9, 1.7]),
    )


def run(
    messages: Sequence[tuple[int, SensorTracks]],
    seconds: float,
    parameters: FusionParameters | None = None,
    *,
    ego: Ego | None = None,
    period_s: float = 0.1,
) -> list[Agents]:
    """All releases, every period_s, each with what has arrived by then."""
    fusion = Fusion(parameters or FusionParameters())
    frames, at = [], 0
    for k in range(1, round(seconds / period_s) + 1):
        stamp_ns = START_NS + nanoseconds(k * period_s)
        window = []
        while at < len(messages) and messages[at][0] <= stamp_ns:
            window.append(messages[at][1])
            at += 1
        frames.append(fusion.step(window, stamp_ns, ego or ego_at()))
    return frames


@pytest.fixture(scope='session')
def scene() -> Any:
    """This module's builders, for the tests beside it."""
    import sys

    return sys.modules[__name__]
