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
