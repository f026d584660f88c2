"""Moving windows over recordings: what an engine is asked, and what really happened next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.agents import Ego
from prediction_node.domain.frames import Transform
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.prediction import POSE_COUNT
from prediction_node.domain.recording import Recording
from prediction_node.domain.scene import Scene
from prediction_node.evaluation.causal import history_until, observed_agents, unbroken_steps

STRIDE_STEPS = 10
MIN_HISTORY_STEPS = 10
HISTORY_STEPS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """One instant of a recording: the scene, and the future of the agents that are judged."""

    scene: Scene
    judged: np.ndarray  # (M,) rows of scene.agents with enough history
    truth_m: np.ndarray  # (M, POSE_COUNT - 1, 2), column t is (t + 1) x 0.1 s later
    valid: np.ndarray  # (M, POSE_COUNT - 1) bool


def windows(recording: Recording, lane_map: LaneMap) -> Iterator[Window]:
    """One window a second, from the first instant that can have a second of history."""
    future = POSE_COUNT - 1
    for now in range(MIN_HISTORY_STEPS, len(recording.stamp_ns) - 1, STRIDE_STEPS):
        agents, row = observed_agents(recording, now)
        judged = np.flatnonzero(unbroken_steps(recording.valid[row], now) >= MIN_HISTORY_STEPS)
        if not len(judged):
            continue
        at = np.minimum(now + 1 + np.arange(future), len(recording.stamp_ns) - 1)
        inside = now + 1 + np.arange(future) < len(recording.stamp_ns)
        valid = recording.valid[row[judged]][:, at] & inside
        # What comes back after a gap is judged no more: nobody knows where it was in between.
        valid = np.logical_and.accumulate(valid, axis=1)
        scene = Scene(
            stamp_ns=int(recording.stamp_ns[now]),
            agents=agents,
            history=history_until(recording, row, now, HISTORY_STEPS),
            ego=_ego(recording, now),
            lane_map=lane_map,
            lights=recording.lights[now],
        )
        yield Window(scene, judged, recording.position_m[row[judged]][:, at, :2], valid)


def _ego(recording: Recording, now: int) -> Ego:
    """The vehicle that plays the robotaxi; where nobody does, one that stands in the origin."""
    row = recording.ego
    if row is None or not recording.valid[row, now]:
        return Ego(
            stamp_ns=int(recording.stamp_ns[now]),
            map_from_base=Transform.identity(),
            velocity_mps=np.zeros(2),
            yaw_rate_radps=0.0,
            size_m=np.array([4.9, 1.9, 1.7]),
        )
    base = Transform.from_xyz_yaw(recording.position_m[row, now], recording.yaw_rad[row, now])
    return Ego(
        stamp_ns=int(recording.stamp_ns[now]),
        map_from_base=base,
        velocity_mps=recording.velocity_mps[row, now] @ base.rotation_2d,
        yaw_rate_radps=0.0,
        size_m=recording.size_m[row],
    )
