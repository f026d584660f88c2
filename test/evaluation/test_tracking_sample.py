"""The shipped sample, from its bytes to fused agents, judged by motmetrics against its truth."""

from __future__ import annotations

import warnings
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.bags.reader import BagReader
from prediction_node.config import Config
from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.frames import yaw_from_quaternion
from prediction_node.domain.kinds import MODALITY_NAMES, Modality
from prediction_node.domain.observations import SensorTracks
from prediction_node.domain.stamps import STEP_NS
from prediction_node.evaluation.tracking import GATE_M, TruthFrame, figures, judge_tracking
from prediction_node.fusion import Fusion
from prediction_node.observation.observer import Observer

BAG = Path(__file__).resolve().parents[2] / 'samples' / 'lankershim' / 'bag'
TRUTH = '/ground_truth/objects'
REACH_M = 80.0  # within the range of all four
WARM_UP = 10
READERS = {
    'autoware_perception_msgs/msg/TrackedObjects': cdr.read_tracked_objects,
    'vision_msgs/msg/Detection3DArray': cdr.read_detection3d_array,
    'radar_msgs/msg/RadarTracks': cdr.read_radar_tracks,
}


def truth_frame(arrays: Any, ego: Ego, reported_m: np.ndarray) -> TruthFrame:
    """Judged are those in reach near whom (3 m) any sensor reported something of late."""
    names = arrays.object_id[:, :8].copy().view(np.uint64)[:, 0]
    offset = arrays.position[:, :2] - ego.position_m
    yaw = yaw_from_quaternion(arrays.orientation)
    speed = arrays.twist_linear[:, 0]
    apart = arrays.position[:, None, :2] - reported_m
    nearest = np.hypot(apart[..., 0], apart[..., 1]).min(axis=1, initial=np.inf)
    return TruthFrame(
        stamp_ns=int(arrays.stamp_ns),
        id=(names >> np.uint64(2)).astype(np.int64),
        position_m=arrays.position[:, :2],
        yaw_rad=yaw,
        velocity_mps=speed[:, None] * np.column_stack([np.cos(yaw), np.sin(yaw)]),
        label=np.ones(len(offset), np.int64),
        in_view=(np.hypot(*offset.T) < REACH_M) & (nearest < 3.0),
    )


@pytest.fixture(scope='module')
def cycles() -> list[tuple[tuple[SensorTracks, ...], Ego, TruthFrame]]:
    """Releases at the instants of the truth: what was observed by then."""
    if not BAG.exists():
        pytest.skip(f'needs the sample {BAG}')
    config = Config()
    observer = Observer(config.observation, config.sources, config.mounts)
    names = {source.topic: source.name for source in config.sources}
    topics = config.topics
    out = []
    lately: deque[np.ndarray] = deque(maxlen=4)
    with BagReader(BAG) as bag:
        for log_ns, topic, kind, data in bag.messages():
            if topic == TRUTH:
                arrays = cdr.read_tracked_objects(data)
                observed = observer.release(log_ns)
                lately.append(
                    np.concatenate(
                        [np.zeros((0, 2)), *(o.position_m[:, :2] for o in observed.observations)]
                    )
                )
                if observed.ego is not None:
                    true = truth_frame(arrays, observed.ego, np.concatenate(lately))
                    out.append((observed.observations, observed.ego, true))
            elif topic == topics.odometry:
                observer.on_odometry(cdr.read_odometry(data), log_ns)
            elif topic in (topics.tf, topics.tf_static):
                static = topic == topics.tf_static
                transforms = cdr.read_transforms(data)
                observer.on_transforms(transforms, static=static, arrival_ns=log_ns)
            elif topic in names:
                observer.on_tracks(names[topic], READERS[kind](data), log_ns)
    assert np.allclose(np.diff([t.stamp_ns for _, _, t in out]), STEP_NS, rtol=0.01)
    return out


def followed(
    cycles: Any, modalities: tuple[Modality, ...]
) -> tuple[list[TruthFrame], list[Agents]]:
    fusion = Fusion(Config().fusion)
    truth, frames = [], []
    for observations, ego, true in cycles:
        window = [o for o in observations if o.modality in modalities]
        agents = fusion.step(window, true.stamp_ns, ego)
        # What is beyond the line is neither asked for nor held against anybody.
        near = np.hypot(*(agents.position_m[:, :2] - ego.position_m).T) < REACH_M + GATE_M
        frames.append(agents.select(near & (agents.existence > 0.3)))
        truth.append(true)
    return truth[WARM_UP:], frames[WARM_UP:]


def idf1_of_motmetrics(truth: list[TruthFrame], frames: list[Agents]) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        import motmetrics

        names: dict[bytes, int] = {}  # motmetrics wants numbers
        accumulator = motmetrics.MOTAccumulator(auto_id=True)
        for true, agents in zip(truth, frames, strict=True):
            seen = np.flatnonzero(true.in_view)
            offset = true.position_m[seen, None] - agents.position_m[None, :, :2]
            distance = np.hypot(offset[..., 0], offset[..., 1])
            distance[distance > GATE_M] = np.nan
            called = [names.setdefault(bytes(u), len(names)) for u in agents.uuid]
            accumulator.update(true.id[seen].tolist(), called, distance)
        summary = motmetrics.metrics.create().compute(accumulator, metrics=['idf1'])
    return float(summary['idf1'].iloc[0])


def test_fused_beats_every_single_modality_on_the_sample(cycles: Any) -> None:
    truth, frames = followed(cycles, tuple(Modality))
    fused_idf1 = idf1_of_motmetrics(truth, frames)
    identities, fused = judge_tracking(truth, frames)
    assert fused_idf1 > 0.85
    assert figures(identities, fused)['position_rmse_m'] < 0.2
    for modality in Modality:
        truth, frames = followed(cycles, (modality,))
        counts, alone = judge_tracking(truth, frames)
        name = MODALITY_NAMES[modality]
        assert fused_idf1 > idf1_of_motmetrics(truth, frames), name
        there = figures(identities, fused, alone)['position_rmse_paired_m']
        assert there < figures(counts, alone, fused)['position_rmse_paired_m'], name
