"""Windows over recordings: what an engine is asked, and what really happened next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.agents import Ego
from prediction_node.domain.conditional import EgoPlan
from prediction_node.domain.frames import Transform
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.prediction import POSE_COUNT
from prediction_node.domain.recording import Recording
from prediction_node.domain.scene import Scene
from prediction_node.extraction.causal import history_until, observed_agents, unbroken_steps

STRIDE_STEPS = 10
MIN_HISTORY_STEPS = 10
HISTORY_STEPS = 30
FUTURE_STEPS = POSE_COUNT - 1
EGO_SIZE_M = (4.9, 1.9, 1.7)


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """One instant of a recording: the scene, and the future of the agents that are judged."""

    scene: Scene
    judged: np.ndarray  # (M,) rows of scene.agents that are judged
    label: np.ndarray  # (M,) their true class, kinds.ObjectClass
    truth_m: np.ndarray  # (M, FUTURE_STEPS, 2), column t is (t + 1) x 0.1 s later
    valid: np.ndarray  # (M, FUTURE_STEPS) bool
    recording: str
    group: str  # windows of different groups share no time
    driven: EgoPlan | None = None  # what the robotaxi did next, as far as known


def windows(recording: Recording, lane_map: LaneMap, group: str = '') -> Iterator[Window]:
    """One window a second, from the first instant that can have a second of history.

    Nobody plays the robotaxi: the scene is seen from amid the agents, all of whom are judged if
    they have a second of unbroken past. `group` defaults to the recording's name.
    """
    for now in instants(recording):
        agents, row = observed_agents(recording, now)
        judged = np.flatnonzero(unbroken_steps(recording.valid[row], now) >= MIN_HISTORY_STEPS)
        if not len(judged):
            continue
        truth, valid = futures(recording, row[judged], now)
        scene = Scene(
            stamp_ns=int(recording.stamp_ns[now]),
            agents=agents,
            history=history_until(recording, row, now, HISTORY_STEPS),
            ego=onlooker(agents.stamp_ns, agents.position_m, agents.yaw_rad),
            lane_map=lane_map,
            lights=recording.lights[now],
        )
        label = recording.label[row[judged]].astype(np.int64)
        name = recording.name
        yield Window(scene, judged, label, truth, valid, name, group or name)


def instants(recording: Recording) -> range:
    """Indices of the instants that are windows."""
    return range(MIN_HISTORY_STEPS, len(recording.stamp_ns) - 1, STRIDE_STEPS)


def futures(recording: Recording, row: np.ndarray, now: int) -> tuple[np.ndarray, np.ndarray]:
    """(M, FUTURE_STEPS, 2) positions of rows (M,) after `now`, and where they are known.

    What comes back after a gap is judged no more: nobody knows where it was in between.
    """
    step = now + 1 + np.arange(FUTURE_STEPS)
    at = np.minimum(step, len(recording.stamp_ns) - 1)
    valid = recording.valid[row][:, at] & (step < len(recording.stamp_ns))
    return recording.position_m[row][:, at, :2], np.logical_and.accumulate(valid, axis=1)


def onlooker(stamp_ns: int, position_m: np.ndarray, yaw_rad: np.ndarray) -> Ego:
    """Nobody, standing amid agents (N, 3), N > 0, and looking the way that most of them do."""
    heading = float(np.angle(np.exp(1j * yaw_rad).sum()))
    # Amid the agents but not swayed by a few far away.
    middle = np.median(position_m, axis=0)
    return Ego(
        stamp_ns=stamp_ns,
        map_from_base=Transform.from_xyz_yaw(middle, heading),
        velocity_mps=np.zeros(2),
        yaw_rate_radps=0.0,
        size_m=np.array(EGO_SIZE_M),
        present=False,
    )
