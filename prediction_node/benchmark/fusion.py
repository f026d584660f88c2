"""How long one fusion step takes with four modalities."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from prediction_node.domain.agents import Ego
from prediction_node.domain.frames import Transform
from prediction_node.domain.kinds import (
    ATTRIBUTE_COUNT,
    CLASS_COUNT,
    MODALITY_NAMES,
    Modality,
    ObjectClass,
    Orientation,
)
from prediction_node.domain.observations import SensorTracks
from prediction_node.domain.stamps import STEP_NS
from prediction_node.fusion import Fusion, FusionParameters

WARM_UP_STEPS = 30
STEPS = 300
# Reports a second, position sigma in metres, milliseconds from stamp to arrival.
_RATE_HZ = {Modality.CAMERA: 10, Modality.LIDAR: 10, Modality.RADAR: 15, Modality.THERMAL: 10}
_SIGMA_M = {Modality.CAMERA: 0.8, Modality.LIDAR: 0.1, Modality.RADAR: 0.5, Modality.THERMAL: 1.0}
_LATENCY_MS = {Modality.CAMERA: 90, Modality.LIDAR: 60, Modality.RADAR: 40, Modality.THERMAL: 90}
_START_NS = 1_700_000_000_000_000_000


class Traffic:
    """`count` road users on two lanes each way and on the kerbs; all sensors see all of them."""

    def __init__(self, count: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self._rng = rng
        self.label = rng.choice(
            [ObjectClass.CAR, ObjectClass.TRUCK, ObjectClass.PEDESTRIAN], count, p=[0.7, 0.1, 0.2]
        )
        walks = self.label == ObjectClass.PEDESTRIAN
        lane_m = np.where(walks, rng.choice([-9.0, 9.0], count), rng.choice([-5, -2, 2, 5], count))
        self.place_m = np.column_stack([np.linspace(-150.0, 150.0, count), lane_m])
        self.yaw_rad = np.where(lane_m > 0, 0.0, np.pi)
        speed_mps = np.where(walks, 1.4, rng.uniform(0.0, 15.0, count))
        ahead = np.column_stack([np.cos(self.yaw_rad), np.sin(self.yaw_rad)])
        self.velocity_mps = speed_mps[:, None] * ahead

    def report(self, modality: Modality, stamp_ns: int) -> SensorTracks:
        n, rng, sigma = len(self.label), self._rng, _SIGMA_M[modality]
        t_s = (stamp_ns - _START_NS) * 1e-9
        # Everybody drives round a loop of 300 m.
        x = (self.place_m[:, 0] + self.velocity_mps[:, 0] * t_s + 150.0) % 300.0 - 150.0
        place = np.column_stack([x, self.place_m[:, 1], np.full(n, 0.8)])
        place[:, :2] += sigma * rng.standard_normal((n, 2))
        classes = (
            0.1 * np.eye(CLASS_COUNT)[np.zeros(n, int)] + 0.9 * np.eye(CLASS_COUNT)[self.label]
        )
        tracked = modality in (Modality.LIDAR, Modality.RADAR)
        oriented = Orientation.AVAILABLE if modality is Modality.LIDAR else Orientation.UNAVAILABLE
        attributes = np.zeros((n, ATTRIBUTE_COUNT), bool)
        attributes[:, :6] = modality is Modality.CAMERA
        return SensorTracks(
            source=MODALITY_NAMES[modality],
            modality=modality,
            stamp_ns=stamp_ns,
            frame_id='map',
            id_hash=np.arange(n, dtype=np.uint64),
            has_id=np.ones(n, bool),
            position_m=place,
            position_covariance=np.tile(sigma**2 * np.eye(2), (n, 1, 1)),
            orientation=np.full(n, oriented, np.int8),
            yaw_rad=self.yaw_rad + 0.05 * rng.standard_normal(n),
            yaw_variance=np.full(n, 0.05**2),
            has_velocity=np.full(n, tracked),
            velocity_mps=self.velocity_mps + 0.3 * rng.standard_normal((n, 2)),
            velocity_covariance=np.tile(0.09 * np.eye(2), (n, 1, 1)),
            has_yaw_rate=np.zeros(n, bool),
            yaw_rate_radps=np.zeros(n),
            has_size=np.full(n, modality is not Modality.RADAR),
            size_m=np.tile([4.6, 1.9, 1.6], (n, 1)),
            has_class=np.full(n, modality is not Modality.RADAR),
            class_probabilities=classes,
            existence=np.full(n, 0.95),
            attributes=np.full((n, ATTRIBUTE_COUNT), 0.2),
            has_attribute=attributes,
        )

    def windows(self, steps: int) -> Iterator[tuple[int, list[SensorTracks]]]:
        """Release stamps, 0.1 s apart, each with what arrived since the one before."""
        next_ns = {m: _START_NS + 7_000_000 * int(m) for m in Modality}
        for k in range(1, steps + 1):
            release_ns = _START_NS + k * STEP_NS
            window = []
            for modality in Modality:
                while next_ns[modality] + _LATENCY_MS[modality] * 1_000_000 <= release_ns:
                    window.append(self.report(modality, next_ns[modality]))
                    next_ns[modality] += round(1e9 / _RATE_HZ[modality])
            yield release_ns, window


def run(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """`args.agents` road users; milliseconds of one step, wall and processor time."""
    fusion = Fusion(FusionParameters())
    ego = Ego(
        _START_NS,
        Transform.from_xyz_yaw(np.zeros(3), 0.0),
        np.zeros(2),
        0.0,
        np.array([4.9, 1.9, 1.7]),
    )
    wall_ms, cpu_ms, messages = [], [], 0
    agents = 0
    for k, (stamp_ns, window) in enumerate(Traffic(args.agents).windows(WARM_UP_STEPS + STEPS)):
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        agents = len(fusion.step(window, stamp_ns, ego))
        if k >= WARM_UP_STEPS:
            wall_ms.append((time.perf_counter_ns() - wall) / 1e6)
            cpu_ms.append((time.thread_time_ns() - cpu) / 1e6)
            messages += len(window)
    return {
        'fusion': {
            'agents': args.agents,
            'fused_agents': agents,
            'steps': STEPS,
            'messages_per_step': messages / STEPS,
            'p50_ms': float(np.percentile(wall_ms, 50)),
            'p99_ms': float(np.percentile(wall_ms, 99)),
            'max_ms': float(np.max(wall_ms)),
            'cpu_p50_ms': float(np.percentile(cpu_ms, 50)),
        }
    }
