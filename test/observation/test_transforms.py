"""Row 'tf' of the reliability matrix, and the laws of the frame tree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.errors import FrameError
from prediction_node.domain.frames import Transform
from prediction_node.observation.health import State
from prediction_node.observation.parameters import MountParameters, ObservationParameters
from prediction_node.observation.reasons import Reason
from prediction_node.observation.rotations import (
    constant_twist,
    interpolate,
    matrices_from_quaternions,
    matrix_from_roll_pitch_yaw,
    quaternion_from_matrix,
)
from prediction_node.observation.transforms import TransformBuffer

MS = 1_000_000
EPOCH_NS = 1_700_000_000_123_456_789
NO_TURN = np.array([0.0, 0.0, 0.0, 1.0])
ORIGIN = np.zeros(3)

unit_quaternions = (
    st.tuples(*[st.floats(-1, 1)] * 4)
    .filter(lambda q: np.linalg.norm(q) > 0.1)
    .map(lambda q: np.array(q) / np.linalg.norm(q))
)
vectors = st.tuples(*[st.floats(-100, 100)] * 3).map(np.array)


def buffer(**fields: Any) -> TransformBuffer:
    return TransformBuffer(replace(ObservationParameters(), **fields))


def assert_equal(one: Transform, other: Transform, atol: float = 1e-9) -> None:
    np.testing.assert_allclose(one.rotation, other.rotation, atol=atol)
    np.testing.assert_allclose(one.translation_m, other.translation_m, atol=atol)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 100), vectors, unit_quaternions), min_size=1, max_size=8),
    st.data(),
)
def test_any_pair_in_any_tree_is_the_product_of_its_chain(edges: Any, data: Any) -> None:
    """Frame 0 is the root; frame i + 1 hangs on an earlier one."""
    tree = buffer()
    root_from = [Transform.identity()]
    for i, (parent, translation, quaternion) in enumerate(edges):
        parent %= i + 1
        tree.insert(f'f{parent}', f'f{i + 1}', EPOCH_NS, translation, quaternion, static=True)
        root_from.append(root_from[parent] @ Transform.from_quaternion(translation, quaternion))
    target = data.draw(st.integers(0, len(edges)))
    source = data.draw(st.integers(0, len(edges)))
    for _ in range(2):  # the second time from the cache
        assert_equal(
            tree.lookup(f'f{target}', f'f{source}', EPOCH_NS),
            root_from[target].inverse() @ root_from[source],
        )


def test_moving_transforms_are_interpolated_at_the_stamp(build: Any) -> None:
    tree = buffer()
    tree.insert_all(build.transforms(('base_link', 'turret', (0, 0, 1), 0.0)), static=False)
    tree.insert_all(
        build.transforms(('base_link', 'turret', (2, 0, 1), 1.0), stamp_ns=EPOCH_NS + 100 * MS),
        static=False,
    )
    tree.insert_all(build.transforms(('turret', 'camera', (1, 0, 0), 0.0)), static=True)
    got = tree.lookup('base_link', 'camera', EPOCH_NS + 25 * MS)
    expected = Transform.from_xyz_yaw(np.array([0.5, 0, 1]), 0.25) @ Transform.from_xyz_yaw(
        np.array([1.0, 0, 0]), 0.0
    )
    assert_equal(got, expected)


@given(vectors, unit_quaternions, vectors, unit_quaternions, st.floats(0, 1))
def test_interpolation_laws(
    t0: np.ndarray, q0: np.ndarray, t1: np.ndarray, q1: np.ndarray, share: float
) -> None:
    first, second = Transform.from_quaternion(t0, q0), Transform.from_quaternion(t1, q1)
    assert_equal(interpolate(first, second, 0.0), first, 1e-7)
    assert_equal(interpolate(first, second, 1.0), second, 1e-7)
    between = interpolate(first, second, share)
    np.testing.assert_allclose(between.rotation @ between.rotation.T, np.eye(3), atol=1e-9)

    def angle(a: Transform, b: Transform) -> float:
        w = abs(quaternion_from_matrix(a.rotation.T @ b.rotation)[3])
        return 2.0 * float(np.arccos(min(1.0, w)))

    # Even speed along the shortest way.
    assert angle(first, between) == pytest.approx(share * angle(first, second), abs=1e-6)


@given(unit_quaternions)
def test_quaternions_and_matrices_are_inverse(quaternion: np.ndarray) -> None:
    matrix = matrices_from_quaternions(quaternion[None])[0]
    np.testing.assert_allclose(
        matrix, Transform.from_quaternion(ORIGIN, quaternion).rotation, atol=1e-12
    )
    back = quaternion_from_matrix(matrix)
    assert abs(float(np.array(back) @ quaternion)) == pytest.approx(1.0, abs=1e-12)


@given(
    st.tuples(*[st.floats(-20, 20)] * 3).map(np.array),
    st.tuples(*[st.floats(-2, 2)] * 3).map(np.array),
    st.floats(-1, 1),
)
def test_a_constant_twist_is_many_small_steps(
    linear: np.ndarray, angular: np.ndarray, dt_s: float
) -> None:
    whole = Transform(*constant_twist(linear, angular, dt_s))
    half = Transform(*constant_twist(linear, angular, dt_s / 2))
    assert_equal(half @ half, whole, 1e-9)
    tiny = Transform(*constant_twist(linear, angular, dt_s * 1e-6))
    np.testing.assert_allclose(tiny.translation_m, linear * dt_s * 1e-6, atol=1e-9)


def test_mounts_by_roll_pitch_yaw_turn_in_that_order() -> None:
    matrix = matrix_from_roll_pitch_yaw(0.1, -0.2, 0.3)
    forward = matrix @ [1.0, 0.0, 0.0]
    assert np.arctan2(forward[1], forward[0]) == pytest.approx(0.3)
    assert -np.arcsin(forward[2]) == pytest.approx(-0.2)
    assert np.arctan2(matrix[2, 1], matrix[2, 2]) == pytest.approx(0.1)


def test_mounts_by_parameter_win_over_messages(build: Any) -> None:
    mount = MountParameters(frame='lidar', x_m=3.0, yaw_rad=0.5)
    tree = TransformBuffer(ObservationParameters(), [mount])
    errors = tree.insert_all(
        build.transforms(('base_link', 'lidar', (9, 9, 9), 0.0), ('roof', 'lidar', (1, 1, 1), 0.0)),
        static=True,
    )
    assert errors == ()
    expected = Transform.from_xyz_yaw(np.array([3.0, 0, 0]), 0.5)
    assert_equal(tree.lookup('base_link', 'lidar', EPOCH_NS), expected)


@pytest.mark.parametrize(
    ('edges', 'words'),
    [
        ([('a', 'a')], ['a', 'itself']),
        ([('a', 'b'), ('b', 'a')], ['a', 'b', 'loop']),
        ([('a', 'b'), ('b', 'c'), ('c', 'd'), ('d', 'a')], ['d', 'a', 'loop']),
        ([('a', 'b'), ('c', 'b')], ['b', 'a', 'c', 'parent']),
        ([('', 'b')], ['1 to 256']),
        ([('a', '')], ['1 to 256']),
        ([('a', 'x' * 300)], ['300']),
    ],
)
def test_what_makes_no_tree_is_refused_by_name_and_changes_nothing(
    edges: list[tuple[str, str]], words: list[str]
) -> None:
    tree = buffer()
    for parent, child in edges[:-1]:
        tree.insert(parent, child, EPOCH_NS, np.ones(3), NO_TURN, static=True)
    before = tree.frames
    with pytest.raises(FrameError) as caught:
        tree.insert(*edges[-1], EPOCH_NS, ORIGIN, NO_TURN, static=True)
    assert all(word in str(caught.value) for word in words)
    assert tree.frames == before
    if len(edges) > 1:
        assert_equal(tree.lookup('a', 'b', EPOCH_NS), Transform.from_xyz_yaw(np.ones(3), 0.0))


@pytest.mark.parametrize(
    ('translation', 'quaternion', 'stamp_ns'),
    [
        (np.array([np.nan, 0, 0]), NO_TURN, EPOCH_NS),
        (np.array([1e308, 0, 0]), NO_TURN, EPOCH_NS),
        (ORIGIN, np.zeros(4), EPOCH_NS),
        (ORIGIN, np.array([0, np.inf, 0, 1]), EPOCH_NS),
        (ORIGIN, NO_TURN, 0),
        (ORIGIN, NO_TURN, -5),
    ],
)
def test_bad_numbers_are_refused(
    translation: np.ndarray, quaternion: np.ndarray, stamp_ns: int
) -> None:
    tree = buffer()
    with pytest.raises(FrameError, match='b in a'):
        tree.insert('a', 'b', stamp_ns, translation, quaternion, static=False)
    assert tree.frames == frozenset()


def test_missing_and_unconnected_frames_are_named() -> None:
    tree = buffer()
    tree.insert('base_link', 'lidar', EPOCH_NS, ORIGIN, NO_TURN, static=True)
    tree.insert('elsewhere', 'radar', EPOCH_NS, ORIGIN, NO_TURN, static=True)
    with pytest.raises(FrameError, match='camera'):
        tree.lookup('base_link', 'camera', EPOCH_NS)
    with pytest.raises(FrameError, match='radar to base_link'):
        tree.lookup('base_link', 'radar', EPOCH_NS)


def test_stale_samples_are_held_briefly_and_refused_then() -> None:
    tree = buffer(transform_tolerance_s=0.2)
    for i in range(3):
        tree.insert('a', 'b', EPOCH_NS + i * 10 * MS, np.full(3, float(i)), NO_TURN, static=False)
    held = tree.lookup('a', 'b', EPOCH_NS + 219 * MS)
    np.testing.assert_array_equal(held.translation_m, np.full(3, 2.0))
    for stamp_ns in (EPOCH_NS + 221 * MS, EPOCH_NS - 201 * MS):
        with pytest.raises(FrameError, match='b in a'):
            tree.lookup('a', 'b', stamp_ns)
    tree.forget_after(EPOCH_NS - 3600 * 1000 * MS)
    with pytest.raises(FrameError, match='no sample'):
        tree.lookup('a', 'b', EPOCH_NS)


@given(st.permutations(range(8)))
def test_samples_may_come_in_any_order_and_twice(order: list[int]) -> None:
    tree = buffer()
    for i in [*order, *order]:
        position = np.array([float(i), 0.0, 0.0])
        tree.insert('a', 'b', EPOCH_NS + i * 10 * MS, position, NO_TURN, static=False)
    got = tree.lookup('a', 'b', EPOCH_NS + 35 * MS)
    assert got.translation_m[0] == pytest.approx(3.5)


def test_frames_and_samples_are_bounded() -> None:
    tree = buffer(transform_frames=4, transform_samples=5)
    for i in range(4):
        tree.insert('root', f'f{i}', EPOCH_NS, ORIGIN, NO_TURN, static=True)
    with pytest.raises(FrameError, match='4 frames'):
        tree.insert('root', 'f4', EPOCH_NS, ORIGIN, NO_TURN, static=True)
    moving = buffer(transform_samples=5)
    for i in range(100):
        moving.insert('a', 'b', EPOCH_NS + i * 100 * MS, ORIGIN, NO_TURN, static=False)
    assert len(moving._edges['b'].stamps) == len(moving._edges['b'].samples) == 5


def test_long_gaps_are_not_bridged() -> None:
    tree = buffer(transform_gap_s=1.0, transform_tolerance_s=0.2)
    for offset_ms in (0, 900, 5000):
        position = np.array([offset_ms * 1.0, 0.0, 0.0])
        tree.insert('a', 'b', EPOCH_NS + offset_ms * MS, position, NO_TURN, static=False)
    for at_ms, x_m in ((450, 450.0), (1000, 900.0), (4900, 5000.0)):
        got = tree.lookup('a', 'b', EPOCH_NS + at_ms * MS)
        assert got.translation_m[0] == pytest.approx(x_m)
    with pytest.raises(FrameError, match='b in a'):
        tree.lookup('a', 'b', EPOCH_NS + 3000 * MS)


@pytest.mark.parametrize('jump_ms', [-60_000, -1000, 60_000])
def test_a_sensor_on_a_moving_mount_survives_a_jump(
    drive_with: Any, build: Any, jump_ms: int
) -> None:
    """With its history full, the samples of the new time must not be the ones that are dropped."""
    drive = drive_with(ObservationParameters(transform_samples=8))
    drive.odometry_per_cycle = 1  # the jump is certain one release after the first new samples
    drive.sources = [s for s in drive.sources if s.name != 'lidar']

    def turret(true_ns: int) -> tuple[tuple[float, float, float], float]:
        return (1.0, 0.0, 1.9), 0.3 * true_ns * 1e-9

    def cycle() -> bool:
        for i in range(4):
            true_ns = drive.true_ns + i * 25 * MS
            edge = ('base_link', 'turret', *turret(true_ns))
            drive.observer.on_transforms(
                build.transforms(edge, stamp_ns=true_ns + drive.stamp_offset_ns),
                static=False,
                arrival_ns=drive.now_ns,
            )
        true_ns = drive.true_ns + 85 * MS  # after the newest sample: the next may be an old one
        translation, yaw = turret(true_ns)
        map_from_turret = drive.map_from_base(true_ns) @ Transform.from_xyz_yaw(
            np.array(translation), yaw
        )
        arrays = build.tracked(
            4,
            stamp_ns=true_ns + drive.stamp_offset_ns,
            frame='turret',
            position=map_from_turret.inverse().apply(drive.objects_m(true_ns)),
        )
        drive.observer.on_tracks('lidar', arrays, drive.now_ns + 95 * MS)
        observed = drive.cycle()
        names = [t.source for t in observed.observations]
        return 'lidar' in names and drive.error_m(observed) < 0.2

    for _ in range(10):
        cycle()
    assert cycle()
    drive.stamp_offset_ns += jump_ms * MS
    cycle()
    for _ in range(10):
        assert cycle()


def test_after_a_jump_back_no_sample_of_the_old_time_is_ahead(drive: Any, build: Any) -> None:
    for k in range(12):
        if k == 8:
            drive.stamp_offset_ns -= 60_000 * MS
        stamp_ns = drive.true_ns + drive.stamp_offset_ns
        drive.observer.on_transforms(
            build.transforms(('base_link', 'turret', (1, 0, 0), 0.0), stamp_ns=stamp_ns),
            static=False,
            arrival_ns=drive.now_ns,
        )
        observed = drive.cycle()
    stamps = drive.observer._transforms._edges['turret'].stamps
    assert stamps == [observed.stamp_ns + (2 - 100 * i) * MS - 100 * MS for i in (3, 2, 1, 0)]


def test_a_fixed_transform_may_be_corrected_but_not_be_moved(build: Any) -> None:
    tree = buffer()
    tree.insert_all(build.transforms(('a', 'b', (1, 0, 0), 0.0)), static=True)
    tree.lookup('a', 'b', EPOCH_NS)
    tree.insert_all(build.transforms(('a', 'b', (2, 0, 0), 0.0)), static=True)
    assert tree.lookup('a', 'b', EPOCH_NS).translation_m[0] == 2.0
    (error,) = tree.insert_all(build.transforms(('a', 'b', (3, 0, 0), 0.0)), static=False)
    assert 'b is fixed to a' in str(error)


def test_a_bad_transform_spoils_nothing_else_of_its_message(drive: Any, build: Any) -> None:
    drive.cycle(3)
    message = build.transforms(
        ('lidar', 'base_link', (0, 0, 0), 0.0),  # a loop
        ('radar', 'radar', (0, 0, 0), 0.0),  # on itself
        ('elsewhere', 'camera', (0, 0, 0), 0.0),  # another parent
        ('base_link', 'sonar', (1, 0, 0), 0.0),
    )
    drive.observer.on_transforms(message, static=True, arrival_ns=drive.now_ns)
    observed = drive.cycle()
    assert drive.error_m(observed) < 0.05
    assert len(observed.observations) == 4
    health = drive.observer.health(drive.now_ns).transforms
    assert health.refused == {Reason.FRAME: 3}
    assert 'camera' in health.detail
    assert 'sonar' in drive.observer._transforms.frames


def test_without_transforms_the_rest_goes_on_and_it_is_said(drive_with: Any, build: Any) -> None:
    """No /tf_static at all: sensor frames are refused and named; map and base_link need none."""
    drive = drive_with()
    drive.observer._transforms = TransformBuffer(ObservationParameters())
    drive.cycle(4)
    health = drive.observer.health(drive.now_ns)
    assert {s.state for s in health.sources} == {State.NO_TRANSFORM}
    assert len(health.lost_modalities) == 4
    assert all(s.name in s.detail for s in health.sources)
    stamp_ns = drive.true_ns + drive.stamp_offset_ns
    drive.with_sensors = False
    drive.observer.on_tracks('lidar', build.tracked(1, stamp_ns=stamp_ns, frame='map'), 0)
    drive.observer.on_tracks('radar', build.radar(1, stamp_ns=stamp_ns, frame='base_link'), 0)
    observed = drive.cycle()
    assert [t.source for t in observed.observations] == ['lidar', 'radar']
    # The transforms come at last.
    drive.observer.on_transforms(build.transforms(*build.mounts), static=True, arrival_ns=0)
    drive.with_sensors = True
    assert len(drive.cycle().observations) == 4
