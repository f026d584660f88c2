"""Trajectories agree with a foreign serialiser, whatever the frame's name does to the padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.domain.errors import MessageError
from prediction_node.domain.message_arrays import CandidateTrajectoriesArrays, TrajectoryArrays


def trajectory(frame_id: str, points: int, seed: int = 0) -> TrajectoryArrays:
    rng = np.random.default_rng(seed)
    scalars = rng.normal(size=(6, points)).astype(np.float32)
    return TrajectoryArrays(
        1_700_000_000_123_456_789,
        frame_id,
        np.arange(points) * 100_000_000,
        rng.normal(size=(points, 3)),
        rng.normal(size=(points, 4)),
        *scalars,
    )


def same(a: TrajectoryArrays, b: TrajectoryArrays) -> None:
    for name in a.__slots__:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@pytest.mark.parametrize('frame_id', ['', 'm', 'map', 'odom1', 'a_longer_name'])
@pytest.mark.parametrize('points', [0, 1, 81])
def test_what_is_written_is_read(frame_id: str, points: int) -> None:
    made = trajectory(frame_id, points)
    same(made, cdr.read_trajectory(cdr.write_trajectory(made)))


@pytest.mark.ros
@pytest.mark.parametrize('frame_id', ['', 'm', 'map', 'odom1', 'a_longer_name'])
def test_rclpy_reads_trajectories_and_writes_them(frame_id: str) -> None:
    serialization = pytest.importorskip('rclpy.serialization', reason='needs rclpy')
    from autoware_planning_msgs.msg import Trajectory

    made = trajectory(frame_id, 5)
    data = cdr.write_trajectory(made)
    message: Any = serialization.deserialize_message(data, Trajectory)
    assert message.header.frame_id == frame_id
    point = message.points[3]
    assert point.time_from_start.nanosec == 300_000_000
    assert point.pose.position.y == made.position[3, 1]
    assert point.pose.orientation.w == made.orientation[3, 3]
    assert point.longitudinal_velocity_mps == made.longitudinal_velocity[3]
    assert point.rear_wheel_angle_rad == made.rear_wheel_angle[3]
    # Its padding bytes are whatever memory held, so not the bytes but their meaning is compared.
    same(made, cdr.read_trajectory(serialization.serialize_message(message)))


@pytest.mark.ros
@pytest.mark.parametrize('frame_id', ['', 'm', 'map', 'odom1'])
def test_rclpy_reads_candidates_and_writes_them(frame_id: str) -> None:
    serialization = pytest.importorskip('rclpy.serialization', reason='needs rclpy')
    from autoware_internal_planning_msgs.msg import CandidateTrajectories

    rng = np.random.default_rng(1)
    made = CandidateTrajectoriesArrays(
        tuple(trajectory(frame_id, points, points) for points in (3, 0, 1, 4)),
        rng.integers(0, 256, (4, 16), np.uint8),
        rng.integers(0, 256, (2, 16), np.uint8),
        ('keep', 'lane_change_left'),
    )
    data = cdr.write_candidate_trajectories(made)
    message: Any = serialization.deserialize_message(data, CandidateTrajectories)
    assert [len(c.points) for c in message.candidate_trajectories] == [3, 0, 1, 4]
    assert message.generator_info[1].generator_name.data == 'lane_change_left'
    assert bytes(message.candidate_trajectories[3].generator_id.uuid) == (
        made.generator_id[3].tobytes()
    )
    read = cdr.read_candidate_trajectories(serialization.serialize_message(message))
    for a, b in zip(made.trajectories, read.trajectories, strict=True):
        same(a, b)
    np.testing.assert_array_equal(made.generator_id, read.generator_id)
    assert read.info_name == made.info_name


def test_every_cut_is_refused() -> None:
    data = cdr.write_trajectory(trajectory('map', 3))
    for length in range(len(data) - 3):
        with pytest.raises(MessageError, match='Trajectory'):
            cdr.read_trajectory(data[:length])


def test_columns_of_the_wrong_length_are_refused_by_name() -> None:
    made = trajectory('map', 3)
    broken = TrajectoryArrays(
        **{n: getattr(made, n) for n in made.__slots__ if n != 'position'},
        position=np.zeros((2, 3)),
    )
    with pytest.raises(MessageError, match='position'):
        cdr.write_trajectory(broken)


LAYOUT_1_14 = {
    'autoware_vehicle_msgs/msg/TurnIndicatorsCommand': (
        'builtin_interfaces/Time stamp\nuint8 command\n'
    ),
    'autoware_internal_planning_msgs/msg/CandidateTrajectory': (
        'std_msgs/Header header\nunique_identifier_msgs/UUID generator_id\n'
        'autoware_planning_msgs/TrajectoryPoint[] points\n'
        'autoware_vehicle_msgs/TurnIndicatorsCommand turn_indicators_command\n'
    ),
}


def foreign_store(*, turn_indicators: bool) -> Any:
    """Another serialiser that knows the definitions of interfaces/, in either layout."""
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    from prediction_node.resources import share_path

    store = get_typestore(Stores.ROS2_JAZZY)
    texts = {
        f'{path.parent.parent.name}/msg/{path.stem}': path.read_text(encoding='utf-8')
        for package in ('autoware_planning_msgs', 'autoware_internal_planning_msgs')
        for path in share_path('interfaces').glob(f'{package}/msg/*.msg')
    }
    if turn_indicators:
        texts |= LAYOUT_1_14
    for name, text in texts.items():
        store.register(get_types_from_msg(text, name))
    return store


def candidates(frame_id: str, *, turn_indicators: bool) -> CandidateTrajectoriesArrays:
    rng = np.random.default_rng(2)
    n = 4
    return CandidateTrajectoriesArrays(
        tuple(trajectory(frame_id, points, points) for points in (3, 0, 1, 4)),
        rng.integers(0, 256, (n, 16), np.uint8),
        rng.integers(0, 256, (2, 16), np.uint8),
        ('keep', 'lane_change_left'),
        rng.integers(0, 2_000_000_000, n) * 1_000_000_007 if turn_indicators else None,
        np.array([1, 2, 3, 1], np.uint8) if turn_indicators else None,
    )


def equal(a: CandidateTrajectoriesArrays, b: CandidateTrajectoriesArrays) -> None:
    for one, other in zip(a.trajectories, b.trajectories, strict=True):
        same(one, other)
    for name in ('generator_id', 'info_id', 'indicator_stamp_ns', 'indicator_command'):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    assert a.info_name == b.info_name


@pytest.mark.parametrize('turn_indicators', [False, True])
@pytest.mark.parametrize('frame_id', ['', 'm', 'map', 'odom1'])
def test_both_layouts_agree_with_a_foreign_serialiser(frame_id: str, turn_indicators: bool) -> None:
    made = candidates(frame_id, turn_indicators=turn_indicators)
    store = foreign_store(turn_indicators=turn_indicators)
    name = 'autoware_internal_planning_msgs/msg/CandidateTrajectories'
    message = store.deserialize_cdr(cdr.write_candidate_trajectories(made), name)
    assert [len(c.points) for c in message.candidate_trajectories] == [3, 0, 1, 4]
    if turn_indicators:
        command = message.candidate_trajectories[2].turn_indicators_command
        assert command.command == 3
        assert made.indicator_stamp_ns is not None
        stamp_ns = command.stamp.sec * 1_000_000_000 + command.stamp.nanosec
        assert stamp_ns == made.indicator_stamp_ns[2]
    data = store.serialize_cdr(message, name)
    equal(made, cdr.read_candidate_trajectories(data, turn_indicators=turn_indicators))


@pytest.mark.parametrize('turn_indicators', [False, True])
def test_scores_agree_with_a_foreign_serialiser_in_both_layouts(turn_indicators: bool) -> None:
    made = candidates('map', turn_indicators=turn_indicators)
    score = np.array([1.0, 0.5, 0.25, 0.0], np.float32)
    store = foreign_store(turn_indicators=turn_indicators)
    name = 'autoware_internal_planning_msgs/msg/ScoredCandidateTrajectories'
    message = store.deserialize_cdr(cdr.write_scored_candidate_trajectories(made, score), name)
    assert [each.score for each in message.scored_candidate_trajectories] == score.tolist()
    for i, each in enumerate(message.scored_candidate_trajectories):
        assert each.candidate_trajectory.generator_id.uuid.tolist() == made.generator_id[i].tolist()
        assert len(each.candidate_trajectory.points) == len(made.trajectories[i].position)
    assert message.generator_info[0].generator_name.data == 'keep'


def test_the_other_layout_is_refused_and_not_misread() -> None:
    for turn_indicators in (False, True):
        data = cdr.write_candidate_trajectories(candidates('map', turn_indicators=turn_indicators))
        with pytest.raises(MessageError, match='CandidateTrajectories'):
            cdr.read_candidate_trajectories(data, turn_indicators=not turn_indicators)


def test_a_selection_keeps_the_order_asked_for() -> None:
    made = candidates('map', turn_indicators=True)
    picked = made.select(np.array([3, 1]))
    same(picked.trajectories[0], made.trajectories[3])
    assert picked.indicator_command is not None
    assert picked.indicator_command.tolist() == [1, 2]
    np.testing.assert_array_equal(picked.generator_id, made.generator_id[[3, 1]])
    assert picked.info_name == made.info_name


def test_scores_of_another_number_are_refused() -> None:
    with pytest.raises(MessageError, match='score'):
        cdr.write_scored_candidate_trajectories(
            candidates('map', turn_indicators=False), np.ones(3, np.float32)
        )
