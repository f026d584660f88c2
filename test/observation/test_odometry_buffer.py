"""Where the ego was: interpolation, carrying on, and frames other than map and base_link."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.errors import FrameError
from prediction_node.domain.frames import Transform
from prediction_node.observation.ego_motion import read_odometry
from prediction_node.observation.judging import semidefinite
from prediction_node.observation.odometry import OdometryBuffer
from prediction_node.observation.odometry_values import usable_covariance
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.transforms import TransformBuffer

MS = 1_000_000
EPOCH_NS = 1_700_000_000_123_456_789
PARAMETERS = ObservationParameters()


def read(arrays: Any, tree: TransformBuffer | None = None) -> Any:
    return read_odometry(arrays, tree or TransformBuffer(PARAMETERS), PARAMETERS)


def test_between_two_messages_known_answer(build: Any) -> None:
    buffer = OdometryBuffer(PARAMETERS)
    buffer.insert(read(build.odometry(EPOCH_NS, xyz=(10, 20, 1), yaw=3.0, velocity=(4, 0, 0))))
    buffer.insert(
        read(
            build.odometry(
                EPOCH_NS + 100 * MS, xyz=(11, 22, 1), yaw=-3.0, velocity=(8, 0, 0), turn_rate=0.4
            )
        )
    )
    motion = buffer.at(EPOCH_NS + 75 * MS)
    np.testing.assert_allclose(motion.map_from_base.translation_m, [10.75, 21.5, 1.0])
    # The short way round, over pi.
    expected = 3.0 + 0.75 * (2 * np.pi - 6.0)
    assert motion.map_from_base.yaw_rad == pytest.approx(expected - 2 * np.pi)
    np.testing.assert_allclose(motion.velocity_mps, [7.0, 0.0, 0.0])
    assert motion.turn_rate_radps[2] == pytest.approx(0.3)


@given(st.floats(0.5, 30), st.floats(-0.5, 0.5).filter(lambda w: abs(w) > 1e-3), st.floats(0, 1))
def test_after_the_newest_the_ego_goes_on_along_its_circle(
    build: Any, speed: float, turn_rate: float, dt_s: float
) -> None:
    buffer = OdometryBuffer(PARAMETERS)
    buffer.insert(
        read(build.odometry(xyz=(5, 6, 0), yaw=0.3, velocity=(speed, 0, 0), turn_rate=turn_rate))
    )
    dt_ns = round(dt_s * 1e9)
    motion = buffer.at(EPOCH_NS + dt_ns)
    turned = turn_rate * dt_ns * 1e-9
    radius = speed / turn_rate
    expected = Transform.from_xyz_yaw(np.array([5.0, 6.0, 0.0]), 0.3).apply(
        np.array([radius * np.sin(turned), radius * (1 - np.cos(turned)), 0.0])
    )
    np.testing.assert_allclose(motion.map_from_base.translation_m, expected, atol=1e-8)
    assert motion.map_from_base.yaw_rad == pytest.approx(0.3 + turned)


def test_while_coasting_the_pose_grows_uncertain(build: Any) -> None:
    parameters = ObservationParameters(coasting_sigma_mps2=2.0, coasting_sigma_radps2=0.4)
    covariance = np.zeros((6, 6))
    covariance[0, 0] = covariance[1, 1] = 0.01
    for given_, first in ((np.zeros((6, 6)), 0.0), (covariance, 0.01)):
        buffer = OdometryBuffer(parameters)
        buffer.insert(read(build.odometry(velocity=(9, 0, 0), pose_covariance=given_)))
        shortly = buffer.at(EPOCH_NS + 50 * MS).pose_covariance
        assert (shortly is None) == (first == 0.0)
        late = buffer.at(EPOCH_NS + 1000 * MS).pose_covariance
        np.testing.assert_allclose(late, np.diag([first + 1.0, first + 1.0, 0.04]))


def test_out_of_reach_is_an_error_that_says_how_far(build: Any) -> None:
    buffer = OdometryBuffer(PARAMETERS)
    with pytest.raises(FrameError, match='no odometry'):
        buffer.at(EPOCH_NS)
    for offset_ms in (0, 20, 5000, 5020):
        buffer.insert(read(build.odometry(EPOCH_NS + offset_ms * MS, velocity=(10, 0, 0))))
    for offset_ms, words in (
        (-201, 'oldest odometry'),
        (1000, 'gap'),
        (4799, 'gap'),
        (6021, '1.001 s after the newest'),
    ):
        with pytest.raises(FrameError, match=words):
            buffer.at(EPOCH_NS + offset_ms * MS)
    for offset_ms, x_m in ((-200, -2.0), (220, 2.0), (4800, -2.0), (6020, 10.0)):
        motion = buffer.at(EPOCH_NS + offset_ms * MS)
        assert motion.map_from_base.translation_m[0] == pytest.approx(x_m)


@given(st.permutations(range(10)))
def test_any_order_of_insertion_gives_the_same_history(build: Any, order: list[int]) -> None:
    buffer = OdometryBuffer(PARAMETERS)
    for i in order:
        motion = read(build.odometry(EPOCH_NS + i * 20 * MS, xyz=(i * i, 0, 0)))
        assert buffer.insert(motion)
        assert not buffer.insert(motion)
    assert len(buffer) == 10
    assert buffer.newest.stamp_ns == EPOCH_NS + 180 * MS
    assert buffer.at(EPOCH_NS + 70 * MS).map_from_base.translation_m[0] == pytest.approx(12.5)


def test_the_history_is_bounded_and_keeps_the_newest(build: Any) -> None:
    buffer = OdometryBuffer(ObservationParameters(odometry_messages=10))
    for i in range(100):
        buffer.insert(read(build.odometry(EPOCH_NS + i * MS)))
    assert len(buffer) == 10
    assert buffer.newest.stamp_ns == EPOCH_NS + 99 * MS


def test_odometry_of_another_body_frame_is_led_to_the_base_frame(build: Any) -> None:
    """An IMU 2 m ahead of a turning base frame, turned by a quarter: known answer."""
    tree = TransformBuffer(PARAMETERS)
    tree.insert_all(build.transforms(('base_link', 'imu', (2, 0, 0.5), np.pi / 2)), static=True)
    # The base drives 10 m/s ahead and turns 0.5 rad/s: the IMU's place moves 1 m/s to the left too.
    # In the IMU's axes ahead is -y and left is +x.
    arrays = build.odometry(
        xyz=(12, 7, 0.5), yaw=np.pi / 2, velocity=(1, -10, 0), turn_rate=0.5, child='imu'
    )
    motion = read(arrays, tree)
    np.testing.assert_allclose(motion.map_from_base.translation_m, [10, 7, 0], atol=1e-9)
    assert motion.map_from_base.yaw_rad == pytest.approx(0.0)
    np.testing.assert_allclose(motion.velocity_mps, [10, 0, 0], atol=1e-9)
    np.testing.assert_allclose(motion.turn_rate_radps, [0, 0, 0.5], atol=1e-9)


def test_odometry_in_the_odom_frame_is_led_to_the_map(build: Any) -> None:
    tree = TransformBuffer(PARAMETERS)
    tree.insert_all(build.transforms(('map', 'odom', (100, 0, 0), np.pi / 2)), static=False)
    covariance = np.zeros((6, 6))
    covariance[0, 0], covariance[1, 1], covariance[5, 5] = 4.0, 1.0, 0.01
    arrays = build.odometry(
        xyz=(5, 1, 0), yaw=0.2, velocity=(3, 0, 0), frame='odom', pose_covariance=covariance
    )
    motion = read(arrays, tree)
    np.testing.assert_allclose(motion.map_from_base.translation_m, [99, 5, 0], atol=1e-9)
    assert motion.map_from_base.yaw_rad == pytest.approx(0.2 + np.pi / 2)
    np.testing.assert_allclose(motion.velocity_mps, [3, 0, 0], atol=1e-9)
    np.testing.assert_allclose(motion.pose_covariance, np.diag([1.0, 4.0, 0.01]), atol=1e-9)


def test_unknown_frames_of_odometry_are_named(drive: Any, build: Any) -> None:
    drive.cycle(3)
    stamp_ns = drive.true_ns + drive.stamp_offset_ns
    for fields in ({'frame': 'odom'}, {'child': 'imu'}, {'frame': ''}):
        drive.observer.on_odometry(build.odometry(stamp_ns + 1, **fields), drive.now_ns)
    assert drive.error_m(drive.cycle()) < 0.05
    health = drive.observer.health(drive.now_ns).odometry
    assert sum(health.refused.values()) == 3


def test_ego_carries_size_and_motion(build: Any) -> None:
    parameters = ObservationParameters(ego_length_m=5.0, ego_centre_offset_m=1.5)
    ego = read(build.odometry(velocity=(3, 0.1, 0), turn_rate=0.2, yaw=np.pi / 2)).ego(parameters)
    np.testing.assert_allclose(ego.velocity_mps, [3, 0.1])
    assert ego.yaw_rate_radps == 0.2
    np.testing.assert_allclose(ego.size_m, [5.0, 1.9, 1.7])
    np.testing.assert_allclose(ego.centre_m, [0, 1.5], atol=1e-12)


@settings(max_examples=300)
@given(
    st.lists(st.floats(-3, 3), min_size=9, max_size=9),
    st.sampled_from(['symmetric', 'product', 'any']),
    st.sampled_from([1.0, 0.0, -1e-9, 1e11, np.nan, 1e308]),
)
def test_one_covariance_is_judged_like_many(values: list[float], kind: str, last: float) -> None:
    matrix = np.array(values).reshape(3, 3)
    matrix = {'symmetric': matrix + matrix.T, 'product': matrix @ matrix.T, 'any': matrix}[kind]
    with np.errstate(over='ignore', invalid='ignore'):
        matrix[2, 2] *= last
        many = bool(semidefinite(matrix[None], 1e10)[0])
    assert usable_covariance(matrix.tolist(), 1e10) == many


def test_a_leading_slash_and_an_empty_child_are_forgiven(build: Any) -> None:
    motion = read(build.odometry(frame='/map', child='', xyz=(1, 2, 3)))
    np.testing.assert_array_equal(motion.map_from_base.translation_m, [1, 2, 3])
