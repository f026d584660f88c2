"""What a replay keeps for its report: every release in compact arrays, the truth, the map, the
figures.

Frames hold positions as float32 offsets from `ReplayLog.origin_m`, so that a player need not care
how far the map's origin is. Paths have `PATH_POINTS` points, 0.5 s apart, the first at the frame's
stamp.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from prediction_node.domain.agents import Ego
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.prediction import POSE_COUNT, STEP_S
from prediction_node.pipeline import Release

PATH_STRIDE = 5  # prediction steps between two points of a path
PATH_STEP_S = PATH_STRIDE * STEP_S
PATH_POINTS = (POSE_COUNT - 1) // PATH_STRIDE + 1  # 17: 0 to 8 s
MAX_FRAMES = 1200  # two minutes; a report of more would be too large to open


@dataclass(frozen=True, eq=False)
class ReplayFrame:
    """One release: N agents, the ego, the lights. Positions are relative to the log's origin."""

    release_ns: int  # log time of the recording
    stamp_ns: int  # of the scene and all its agents
    mode: str  # nominal, degraded or lost
    reasons: tuple[str, ...]
    uuid: np.ndarray  # (N, 16) uint8
    label: np.ndarray  # (N,) uint8, kinds.ObjectClass
    pose: np.ndarray  # (N, 3) float32 x_m, y_m, yaw_rad
    size_m: np.ndarray  # (N, 2) float32 length, width
    speed_mps: np.ndarray  # (N,) float32
    path: np.ndarray  # (N, MODE_COUNT, PATH_POINTS, 3) float32 x_m, y_m, yaw_rad
    probability: np.ndarray  # (N, MODE_COUNT) float32; modes of probability 0 are unused
    truth_m: np.ndarray  # (N, PATH_POINTS, 2) float32 where the agent really went
    truth_valid: np.ndarray  # (N, PATH_POINTS) bool; all false: no truth is known for the agent
    ego_pose: np.ndarray | None  # (3,) float32 box centre x_m, y_m, yaw_rad; None: not known
    ego_size_m: np.ndarray  # (2,) float32 length, width
    light_group: np.ndarray  # (E,) int64, ids as in LaneMap.light_group_id
    light_colour: np.ndarray  # (E,) uint8, lights.LightColour

    def __len__(self) -> int:
        return len(self.pose)


@dataclass(eq=False)
class ReplayLog:
    """Everything `report.html` shows."""

    recording: str  # name of the bag
    engine: str
    lane_map: LaneMap | None
    origin_m: np.ndarray  # (2,) float64, of all positions in frames, in the map frame
    frames: list[ReplayFrame] = field(default_factory=list)
    releases: int = 0  # of the whole replay: more than len(frames) if frames were left out
    metrics: dict[str, Any] = field(default_factory=dict)  # content of metrics.json
    summary: dict[str, Any] = field(default_factory=dict)  # content of summary.json


def frame_of(release: Release, origin_m: np.ndarray) -> ReplayFrame:
    """A frame without truth, which comes later."""
    prediction = release.prediction
    agents = prediction.agents
    n = len(agents)
    path = prediction.pose[:, :, ::PATH_STRIDE].copy()
    path[..., :2] -= origin_m
    pose = np.column_stack([agents.position_m[:, :2] - origin_m, agents.yaw_rad])
    return ReplayFrame(
        release_ns=release.release_ns,
        stamp_ns=release.stamp_ns,
        mode=release.mode,
        reasons=release.reasons,
        uuid=agents.uuid,
        label=agents.label.astype(np.uint8),
        pose=pose.astype(np.float32),
        size_m=agents.size_m[:, :2].astype(np.float32),
        speed_mps=agents.speed_mps.astype(np.float32),
        path=path.astype(np.float32),
        probability=prediction.probability.astype(np.float32),
        truth_m=np.zeros((n, PATH_POINTS, 2), np.float32),
        truth_valid=np.zeros((n, PATH_POINTS), bool),
        ego_pose=None if release.ego is None else _ego_pose(release.ego, origin_m),
        ego_size_m=np.zeros(2, np.float32)
        if release.ego is None
        else release.ego.size_m[:2].astype(np.float32),
        light_group=release.lights.group_id,
        light_colour=release.lights.colour.astype(np.uint8),
    )


def _ego_pose(ego: Ego, origin_m: np.ndarray) -> np.ndarray:
    return np.array([*(ego.centre_m - origin_m), ego.yaw_rad], np.float32)
