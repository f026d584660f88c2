"""Live under use_sim_time and replay are the same pipeline on the same clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.bags.reader import BagReader
from prediction_node.config import Config
from prediction_node.inference.parameters import EngineParameters
from prediction_node.lanelet.load import load_map
from prediction_node.pipeline import Pipeline, inputs
from prediction_node.resources import share_path
from prediction_node.schedule import first_aligned_ns

pytestmark = [pytest.mark.ros, pytest.mark.integration]

SAMPLE = share_path('samples', 'lankershim')
STEP_NS = 100_000_000


def replayed() -> list[Any]:
    """The sample through the pipeline as `replay` does it, as PredictedObjects arrays."""
    # By rules: a network may prefer another path for a centimetre, and this is about clocks.
    config = replace(Config(), engine=EngineParameters(name='kinematic'))
    names = {i.topic: i.name for i in inputs(config)}
    pipeline = Pipeline(config, load_map(SAMPLE / 'map.osm'))
    releases, release_ns = [], None
    with BagReader(SAMPLE / 'bag') as bag:
        for log_ns, topic, _, data in bag.messages():
            while release_ns is not None and log_ns > release_ns:
                releases.append(
                    cdr.read_predicted_objects(pipeline.release(release_ns).objects_cdr)
                )
                release_ns += STEP_NS
            if topic in names:
                pipeline.receive(names[topic], bytes(data), log_ns)
                if release_ns is None and names[topic] == 'odometry':
                    release_ns = first_aligned_ns(log_ns)
    return releases


def distance_m(live: Any, replay: Any) -> float:
    """Greatest distance between the likeliest paths of the same objects, inf if they differ."""
    ours = {live.object_id[i].tobytes(): i for i in range(len(live.object_id))}
    theirs = {replay.object_id[i].tobytes(): i for i in range(len(replay.object_id))}
    if set(ours) != set(theirs):
        return float('inf')
    worst = 0.0
    for uuid, i in ours.items():
        a = live.path_position[live.path_offsets[i]]
        b = replay.path_position[replay.path_offsets[theirs[uuid]]]
        worst = max(worst, float(np.abs(a - b)[..., :2].max()))
    return worst


def test_a_bag_played_live_on_its_own_time_predicts_what_replay_does(
    listener: Any, start_node: Callable[..., Any], play: Callable[..., Any]
) -> None:
    objects = listener.hear(
        '/perception/object_recognition/objects', 'autoware_perception_msgs/msg/PredictedObjects'
    )
    start_node(map__path=str(SAMPLE / 'map.osm'), use_sim_time='true', engine__name='kinematic')
    # Volatile: what is published before the listener is known never comes.
    topic = '/perception/object_recognition/objects'
    listener.until(lambda: listener.node.count_publishers(topic) > 0, 60, 'the publisher')
    player = play('--clock', '--rate', '0.5')
    listener.until(lambda: player.child.poll() is not None, 90, 'the end of the sample')
    expected = [m for m in replayed() if len(m.object_id)]
    live = [cdr.read_predicted_objects(data) for data in objects]
    live = [m for m in live if len(m.object_id)]
    assert len(live) >= len(expected) - 2
    stamps = np.array([m.stamp_ns for m in expected])
    # Arrival live is known to a millisecond or two, and a message at the edge of a cycle may count
    # for the next one: nearly all cycles are the same, most of them to centimetres.
    off_ms = [float(np.abs(stamps - m.stamp_ns).min()) / 1e6 for m in live]
    assert np.percentile(off_ms, 90) < 10.0
    apart = [distance_m(m, expected[int(np.abs(stamps - m.stamp_ns).argmin())]) for m in live]
    assert np.median(apart) < 0.1
