"""The planner asks the running node what would be if, and hears what it cannot know."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.bags.reader import BagReader
from prediction_node.domain.message_arrays import CandidateTrajectoriesArrays, TrajectoryArrays
from prediction_node.resources import share_path

pytestmark = [pytest.mark.ros, pytest.mark.integration]

OBJECTS = '/perception/object_recognition/objects'
OBJECTS_TYPE = 'autoware_perception_msgs/msg/PredictedObjects'
PLANNING = 'autoware_internal_planning_msgs/msg'
MAP = str(share_path('samples', 'lankershim', 'map.osm'))


def candidate(odometry: Any, stamp_ns: int, speed_mps: float, points: int = 81) -> TrajectoryArrays:
    """Straight on from where odometry says."""
    yaw = 2.0 * np.arctan2(odometry.orientation[2], odometry.orientation[3])
    way = speed_mps * 0.1 * np.arange(points)
    position = np.tile(odometry.position, (points, 1))
    position[:, 0] += way * np.cos(yaw)
    position[:, 1] += way * np.sin(yaw)
    zero = np.zeros(points, np.float32)
    return TrajectoryArrays(
        stamp_ns, 'map', np.arange(points) * 100_000_000, position,
        np.tile(odometry.orientation, (points, 1)),
        np.full(points, speed_mps, np.float32), zero, zero, zero, zero, zero,
    )  # fmt: skip


def test_candidates_are_answered_in_their_cycle_and_bad_ones_refused(
    listener: Any, start_node: Callable[..., Any], play: Callable[..., Any]
) -> None:
    objects = listener.hear(OBJECTS, OBJECTS_TYPE)
    odometry = listener.hear('/localization/odometry', 'nav_msgs/msg/Odometry')
    answers = listener.hear('/prediction/output/conditioned_objects', OBJECTS_TYPE)
    scores = listener.hear(
        '/prediction/output/scored_candidates', f'{PLANNING}/ScoredCandidateTrajectories', raw=False
    )
    diagnostics = listener.hear('/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray', raw=False)
    asker = listener.speak('/planning/candidate_trajectories', f'{PLANNING}/CandidateTrajectories')
    node = start_node(map__path=MAP)
    play()
    listener.until(
        lambda: (
            len(odometry) > 0
            and len(objects) > 0
            and len(cdr.read_predicted_objects(objects[-1]).object_id) > 20
        ),
        60,
        'predictions of more than 20 road users',
    )
    maker = np.arange(48, dtype=np.uint8).reshape(3, 16)

    def asked() -> bool:
        stamp_ns = cdr.read_predicted_objects(objects[-1]).stamp_ns
        ego = cdr.read_odometry(odometry[-1])
        made = (
            candidate(ego, stamp_ns, 5.0),
            candidate(ego, stamp_ns, 5.0, points=1),
            candidate(ego, stamp_ns, 0.0),
        )
        request = CandidateTrajectoriesArrays(made, maker, maker[:1], ('test',))
        asker.publish(cdr.write_candidate_trajectories(request))
        return len(answers) >= 4 and len(scores) >= 2

    listener.until(asked, 30, 'answers')
    first, second = (cdr.read_predicted_objects(data) for data in answers[:2])
    assert first.stamp_ns == second.stamp_ns
    assert first.object_id[0].tobytes() != second.object_id[0].tobytes()
    assert first.path_time_step_ns == 500_000_000
    assert first.path_position.shape[1] == 17
    moved = np.hypot(*(first.path_position[0, -1, :2] - first.path_position[0, 0, :2]))
    assert 20.0 < moved < 45.0
    stays = np.hypot(*(second.path_position[0, -1, :2] - second.path_position[0, 0, :2]))
    assert stays < 0.5
    told = scores[0].scored_candidate_trajectories
    assert len(told) == 2
    assert all(0.0 <= each.score <= 1.0 for each in told)
    assert bytes(told[1].candidate_trajectory.generator_id.uuid) == maker[2].tobytes()

    def named() -> Any:
        for array in reversed(diagnostics):
            for status in array.status:
                if status.name == 'prediction: conditional':
                    return status
        return None

    listener.until(lambda: named() is not None, 10, 'diagnostics of the requests')
    values = {pair.key: pair.value for pair in named().values}
    assert int(values['answered']) >= 2
    assert int(values['refused.one_point']) >= 1
    assert (
        'candidate 1: one_point' in values['last_refusal'] or 'replaced' in (values['last_refusal'])
    )
    assert node.child.poll() is None
    assert 'Traceback' not in node.output, node.output


def test_the_node_scores_itself_and_saves_its_worst_moments(
    listener: Any, start_node: Callable[..., Any], play: Callable[..., Any], tmp_path: Path
) -> None:
    from std_srvs.srv import Trigger

    texts = listener.hear('/prediction/debug/scorecard', 'std_msgs/msg/String', raw=False)
    diagnostics = listener.hear('/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray', raw=False)
    node = start_node(
        map__path=MAP, scorecard__folder=str(tmp_path / 'worst'), scorecard__lead_s=1.0
    )
    play('--loops', '1')
    listener.until(lambda: bool(texts) and json.loads(texts[-1].data)['scored'] > 300, 60, 'scores')
    figures = json.loads(texts[-1].data)
    assert figures['classes']['car']['1s']['fde_m'] < 5.0

    def status() -> Any:
        named = [s for a in diagnostics for s in a.status if s.name == 'prediction: scorecard']
        return named[-1] if named else None

    listener.until(
        lambda: (
            status() is not None and any(pair.key == 'car.1s.fde_m' for pair in status().values)
        ),
        10,
        'the figures in diagnostics',
    )
    listener.until(
        lambda: bool(json.loads(texts[-1].data)['worst_moments']), 60, 'a moment with its future'
    )
    reply = listener.call(Trigger, '/prediction/save_worst_moments', Trigger.Request())
    assert reply.success, reply.message
    assert str(tmp_path / 'worst') in reply.message
    listener.until(
        lambda: bool(list((tmp_path / 'worst').glob('moment_*/metadata.yaml'))), 30, 'a bag'
    )
    assert 'Traceback' not in node.output, node.output
    folder = next((tmp_path / 'worst').glob('moment_*'))
    with BagReader(folder) as bag:
        topics = {message.topic for message in bag.messages()}
    assert {'/localization/odometry', '/perception/lidar/tracks'} <= topics
