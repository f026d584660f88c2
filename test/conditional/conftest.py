"""Requests of a planner, and a pipeline that knows a scene."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.config import Config
from prediction_node.domain.frames import quaternion_from_yaw
from prediction_node.domain.message_arrays import CandidateTrajectoriesArrays, TrajectoryArrays
from prediction_node.inference.parameters import EngineParameters
from prediction_node.pipeline import CANDIDATES, Pipeline, Release
from prediction_node.simulation.sensors.parameters import SuiteParameters
from prediction_node.vehicle.messages import messages

STEP_NS = 100_000_000
# Its answers are its predictions: nobody reacts.
BY_RULES = Config(engine=EngineParameters(name='kinematic'))


@dataclasses.dataclass
class Ground:
    """A pipeline two seconds into a drive on open ground, and its newest release."""

    pipeline: Pipeline
    release: Release

    def straight(
        self, speed_mps: float, points: int = 81, *, late_ns: int = 0, **changes: Any
    ) -> TrajectoryArrays:
        """A candidate of base_link along the robotaxi's heading, stamped `late_ns` after the
        scene; `changes` replaces fields.
        """
        ego = self.release.ego
        assert ego is not None
        way = speed_mps * 0.1 * np.arange(points)
        yaw = np.full(points, ego.yaw_rad)
        position = np.zeros((points, 3))
        position[:, 0] = ego.position_m[0] + way * np.cos(ego.yaw_rad)
        position[:, 1] = ego.position_m[1] + way * np.sin(ego.yaw_rad)
        zero = np.zeros(points, np.float32)
        made = TrajectoryArrays(
            stamp_ns=self.release.stamp_ns + late_ns,
            frame_id='map',
            time_from_start_ns=np.arange(points) * STEP_NS,
            position=position,
            orientation=quaternion_from_yaw(yaw),
            longitudinal_velocity=np.full(points, speed_mps, np.float32),
            lateral_velocity=zero,
            acceleration=zero,
            heading_rate=zero,
            front_wheel_angle=zero,
            rear_wheel_angle=zero,
        )
        return dataclasses.replace(made, **changes)

    def request(self, *trajectories: TrajectoryArrays) -> CandidateTrajectoriesArrays:
        n = len(trajectories)
        maker = np.arange(16 * n, dtype=np.uint8).reshape(n, 16)
        return CandidateTrajectoriesArrays(trajectories, maker, maker[:1], ('planner',))

    def ask(self, *trajectories: TrajectoryArrays) -> Any:
        """The answers to a request made of these."""
        data = cdr.write_candidate_trajectories(self.request(*trajectories))
        self.pipeline.receive(CANDIDATES, data, self.release.release_ns)
        return self.pipeline.answer_candidates()

    def go_on(self) -> None:
        """The next release."""
        self.release = self.pipeline.release(self.release.release_ns + STEP_NS)


@pytest.fixture(scope='session')
def drive_of(
    recording_of: Callable[..., Any], inputs_of: Callable[..., Any]
) -> list[tuple[int, str, bytes]]:
    """Two seconds of what the sensors of a robotaxi send."""
    exact = SuiteParameters(
        odometry_sigma_m=0.0, odometry_sigma_yaw_deg=0.0, odometry_sigma_speed_mps=0.0
    )
    sent: list[tuple[int, str, bytes]] = inputs_of(messages(recording_of(2.0), exact, 0))
    return sent


@pytest.fixture
def ground(
    drive_of: list[tuple[int, str, bytes]], releases_of: Callable[..., Iterator[Release]]
) -> Callable[..., Ground]:
    """Makes a Ground; an engine of one's own may be given."""

    def make(engine: Any = None, config: Config | None = None) -> Ground:
        pipeline = Pipeline(config or BY_RULES, None, engine)
        *_, release = releases_of(pipeline, drive_of, cycles_after=1)
        assert release.ego is not None
        assert len(release.prediction.agents) >= 5
        return Ground(pipeline, release)

    return make
