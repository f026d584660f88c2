"""From the sensor's frame to the map: known answers, and what turning the world does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.frames import Transform, rotation_2d, wrap_angle
from prediction_node.domain.kinds import Orientation
from prediction_node.observation.observer import Observer
from prediction_node.observation.parameters import DEFAULT_SOURCES, ObservationParameters

MS = 1_000_000
EPOCH_NS = 1_700_000_000_123_456_789
KINDS = (('tracked', 'lidar'), ('detections', 'camera'), ('radar', 'radar'))


def observe(
    build: Any,
    arrays: Any,
    source: Any,
    *,
    odometry: Any = None,
    parameters: ObservationParameters | None = None,
    edges: Any = None,
) -> Any:
    """One message through a whole observer; the only observation of the release."""
    observer = Observer(parameters or ObservationParameters(), [source])
    observer.on_transforms(build.transforms(*(edges or build.mounts)), static=True, arrival_ns=0)
    observer.on_odometry(odometry if odometry is not None else build.odometry(), 0)
    observer.on_tracks(source.name, arrays, 0)
    (tracks,) = observer.release(0).observations
    return tracks


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(KINDS),
    st.sampled_from(['sensor', 'base_link', 'map']),
    st.sampled_from(['over_ground', 'relative_to_sensor']),
    st.floats(-np.pi, np.pi),
    st.tuples(st.floats(-5000, 5000), st.floats(-5000, 5000)),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_turn_and_move_the_world_and_the_observations_turn_and_move(
    build: Any,
    kind: tuple[str, str],
    frame: str,
    reference: str,
    yaw: float,
    shift: tuple[float, float],
    without_covariance: bool,
    seed: int,
) -> None:
    name, source_name = kind
    generator = np.random.default_rng(seed)
    n = 6
    source = build.source(source_name, velocity_reference=reference)
    fields: dict[str, Any] = {'position': generator.normal(0, 40, (n, 3))}
    if name == 'tracked':
        fields['yaw'] = generator.uniform(-3, 3, n)
        fields['twist_linear'] = generator.normal(0, 5, (n, 3))
    if name == 'radar':
        fields['velocity'] = generator.normal(0, 5, (n, 3))
    if without_covariance:
        zero = {
            'tracked': {'pose_covariance': np.zeros((n, 6, 6))},
            'detections': {'covariance': np.zeros((6, 6))},
            'radar': {'position_covariance': np.zeros((n, 6), np.float32)},
        }
        fields.update(zero[name])
    arrays = getattr(build, name)(n, frame=source_name if frame == 'sensor' else frame, **fields)
    pose_covariance = np.zeros((6, 6))
    pose_covariance[0, 0], pose_covariance[1, 1], pose_covariance[5, 5] = 0.04, 0.09, 1e-4
    ego_yaw, ego_xy = 0.4, np.array([12.0, -7.0])
    odometry = build.odometry(
        xyz=(*ego_xy, 1.0),
        yaw=ego_yaw,
        velocity=(8, 0.2, 0),
        turn_rate=0.3,
        pose_covariance=pose_covariance,
    )
    world = Transform.from_xyz_yaw(np.array([*shift, 0.0]), yaw)
    turn = world.rotation_2d
    turned_covariance = pose_covariance.copy()
    turned_covariance[:2, :2] = turn @ pose_covariance[:2, :2] @ turn.T
    turned_odometry = build.odometry(
        xyz=world.apply(np.array([*ego_xy, 1.0])),
        yaw=ego_yaw + yaw,
        velocity=(8, 0.2, 0),
        turn_rate=0.3,
        pose_covariance=turned_covariance,
    )
    turned_arrays = arrays
    if frame == 'map':
        turned_arrays = turned_message(arrays, world)
    plain = observe(build, arrays, source, odometry=odometry)
    turned = observe(build, turned_arrays, source, odometry=turned_odometry)
    close = {'rtol': 1e-7, 'atol': 1e-6}
    np.testing.assert_allclose(turned.position_m, world.apply(plain.position_m), **close)
    np.testing.assert_allclose(
        turned.position_covariance, turn @ plain.position_covariance @ turn.T, **close
    )
    np.testing.assert_allclose(turned.velocity_mps, plain.velocity_mps @ turn.T, **close)
    np.testing.assert_allclose(
        turned.velocity_covariance, turn @ plain.velocity_covariance @ turn.T, **close
    )
    known = plain.orientation != Orientation.UNAVAILABLE  # the others' yaw has no meaning
    assert known.all() == (name == 'tracked')
    turned_by = wrap_angle(turned.yaw_rad - plain.yaw_rad - yaw)[known]
    np.testing.assert_allclose(turned_by, 0.0, atol=1e-9)
    np.testing.assert_allclose(turned.yaw_variance, plain.yaw_variance, **close)
    np.testing.assert_allclose(turned.yaw_rate_radps, plain.yaw_rate_radps, **close)
    for field in ('id_hash', 'existence', 'class_probabilities', 'size_m', 'orientation'):
        np.testing.assert_array_equal(getattr(turned, field), getattr(plain, field))


def turned_message(arrays: Any, world: Transform) -> Any:
    """The same message in the map frame after the world has turned."""
    rotation = world.rotation
    changes: dict[str, Any] = {'position': world.apply(arrays.position)}

    def six(covariance: np.ndarray) -> np.ndarray:
        both = np.zeros((6, 6))
        both[:3, :3] = both[3:, 3:] = rotation
        return both @ covariance @ both.T

    if hasattr(arrays, 'velocity'):
        changes['velocity'] = arrays.velocity @ rotation.T
        fold = ([0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2])
        for name in ('position_covariance', 'velocity_covariance'):
            packed = getattr(arrays, name).astype(np.float64)
            full = np.zeros((len(packed), 3, 3))
            full[:, fold[0], fold[1]] = full[:, fold[1], fold[0]] = packed
            changes[name] = (rotation @ full @ rotation.T)[:, fold[0], fold[1]]
        return replace(arrays, **changes)
    x, y, z, w = arrays.orientation.T
    half = 0.5 * world.yaw_rad
    c, s = np.cos(half), np.sin(half)
    changes['orientation'] = np.stack(
        [c * x - s * y, c * y + s * x, c * z + s * w, c * w - s * z], 1
    )
    if hasattr(arrays, 'pose_covariance'):
        changes['pose_covariance'] = six(arrays.pose_covariance)
    else:
        changes['hypothesis_covariance'] = six(arrays.hypothesis_covariance)
    return replace(arrays, **changes)


@pytest.mark.parametrize(('kind', 'name'), KINDS)
def test_five_thousand_kilometres_away_all_is_the_same_within_a_millimetre(
    build: Any, kind: str, name: str
) -> None:
    far = np.array([5e6, -5e6, 0.0])
    arrays = getattr(build, kind)(20)
    near = observe(
        build, arrays, build.source(name), odometry=build.odometry(yaw=1.0, velocity=(9, 0, 0))
    )
    away = observe(
        build,
        arrays,
        build.source(name),
        odometry=build.odometry(xyz=far, yaw=1.0, velocity=(9, 0, 0)),
    )
    np.testing.assert_allclose(away.position_m - far, near.position_m, atol=1e-3)
    np.testing.assert_allclose(away.position_covariance, near.position_covariance, rtol=1e-6)
    np.testing.assert_allclose(away.velocity_mps, near.velocity_mps, atol=1e-9)


def test_each_message_is_placed_where_the_ego_was_at_its_stamp(build: Any) -> None:
    """At 20 m/s and 90 ms latency, the pose of the release would be 1.8 m off."""
    observer = Observer(ObservationParameters(), DEFAULT_SOURCES)
    observer.on_transforms(build.transforms(*build.mounts), static=True, arrival_ns=0)
    for i in range(6):
        observer.on_odometry(
            build.odometry(EPOCH_NS + i * 20 * MS, xyz=(0.4 * i, 0, 0), velocity=(20, 0, 0)),
            i * 20 * MS,
        )
    arrays = build.detections(1, stamp_ns=EPOCH_NS + 10 * MS, position=np.array([[30.0, 0, 0]]))
    observer.on_tracks('camera', arrays, 100 * MS)
    (tracks,) = observer.release(100 * MS).observations
    np.testing.assert_allclose(tracks.position_m, [[30.0 + 1.5 + 0.2, 0.0, 1.4]], atol=1e-9)


def test_relative_radar_velocity_on_a_turning_ego_known_answer(build: Any) -> None:
    """A parked car seen by a radar at the front corner, while the ego drives and turns.

    The sensor's own velocity is v + w x r: (10 - 0.5 * 0.5, 0.5 * 3.6) in base axes; a parked car
    has minus that, in the axes of the radar, which is turned by 0.2 rad.
    """
    sensor = np.array([10.0 - 0.5 * 0.5, 0.5 * 3.6])
    relative = np.zeros((1, 3))
    relative[0, :2] = rotation_2d(np.float64(-0.2)) @ -sensor
    odometry = build.odometry(yaw=1.1, velocity=(10, 0, 0), turn_rate=0.5)
    source = build.source('radar', velocity_reference='relative_to_sensor')
    tracks = observe(build, build.radar(1, velocity=relative), source, odometry=odometry)
    np.testing.assert_allclose(tracks.velocity_mps, 0.0, atol=1e-9)
    assert tracks.has_velocity.all()
    # A relative velocity of zero is a car that moves with the sensor.
    tracks = observe(build, build.radar(1, velocity=np.zeros((1, 3))), source, odometry=odometry)
    np.testing.assert_allclose(
        tracks.velocity_mps[0], rotation_2d(np.float64(1.1)) @ sensor, atol=1e-9
    )


def test_relative_speeds_are_bounded_over_ground(build: Any) -> None:
    source = build.source('radar', velocity_reference='relative_to_sensor')
    odometry = build.odometry(velocity=(60, 0, 0))
    edges = [('base_link', 'radar', (0, 0, 0), 0.0)]
    arrays = build.radar(2, velocity=np.array([[-130.0, 0, 0], [70.0, 0, 0]]))
    tracks = observe(build, arrays, source, odometry=odometry, edges=edges)
    np.testing.assert_allclose(tracks.velocity_mps, [[-70.0, 0.0]])


def test_covariances_turn_with_the_frame(build: Any) -> None:
    """A sensor that looks left: its x variance is the map's y variance."""
    covariance = np.zeros((1, 6, 6))
    covariance[0] = np.diag([4.0, 1.0, 0.5, 0.01, 0.01, 0.09])
    twist = np.zeros((1, 6, 6))
    twist[0] = np.diag([0.25, 0.04, 0.01, 0, 0, 0.01])
    arrays = build.tracked(1, pose_covariance=covariance, twist_covariance=twist, yaw=np.pi / 2)
    edges = [('base_link', 'lidar', (0, 0, 0), np.pi / 2)]
    tracks = observe(build, arrays, build.source('lidar'), edges=edges)
    floor = np.eye(2) * 0.01**2
    np.testing.assert_allclose(
        tracks.position_covariance[0], np.diag([1.0, 4.0]) + floor, atol=1e-9
    )
    # The object looks along the map's -x: its own axes are turned by a half in all.
    np.testing.assert_allclose(
        tracks.velocity_covariance[0], np.diag([0.25, 0.04]) + np.eye(2) * 0.02**2, atol=1e-12
    )
    np.testing.assert_allclose(tracks.velocity_mps[0], [-5.0, 0.0], atol=1e-12)
    assert abs(tracks.yaw_rad[0]) == pytest.approx(np.pi)
    assert tracks.yaw_variance[0] == pytest.approx(0.09)


def test_a_camera_in_its_optical_frame_looks_ahead(build: Any) -> None:
    """z ahead, x right, y down: depth becomes map x, and its variance along."""
    optical = np.array([-0.5, 0.5, -0.5, 0.5])
    transforms = replace(
        build.transforms(('base_link', 'camera_optical', (2, 0, 1.5), 0.0)),
        rotation=optical[None],
    )
    source = build.source('camera')
    observer = Observer(ObservationParameters(), [source])
    observer.on_transforms(transforms, static=True, arrival_ns=0)
    observer.on_odometry(build.odometry(), 0)
    arrays = build.detections(
        1,
        frame='camera_optical',
        position=np.array([[-3.0, 0.5, 40.0]]),
        covariance=np.diag([0.25, 0.0, 9.0, 0.0, 0.04, 0.0]),
        # x of the object along z of the camera: heading straight away
        orientation=np.array([[0.0, -np.sqrt(0.5), 0.0, np.sqrt(0.5)]]),
    )
    observer.on_tracks('camera', arrays, 0)
    (tracks,) = observer.release(0).observations
    np.testing.assert_allclose(tracks.position_m, [[42.0, 3.0, 1.0]], atol=1e-9)
    np.testing.assert_allclose(
        tracks.position_covariance[0], np.diag([9.0, 0.25]) + np.eye(2) * 1e-4, atol=1e-9
    )
    assert tracks.orientation[0] == Orientation.AVAILABLE
    assert tracks.yaw_rad[0] == pytest.approx(0.0, abs=1e-9)
    assert tracks.yaw_variance[0] == pytest.approx(0.04)


def test_the_uncertainty_of_the_ego_is_the_observations_too(build: Any) -> None:
    covariance = np.zeros((6, 6))
    covariance[0, 0], covariance[1, 1], covariance[5, 5] = 0.04, 0.09, 0.01
    odometry = build.odometry(pose_covariance=covariance)
    edges = [('base_link', 'lidar', (0, 0, 0), 0.0)]
    arrays = build.tracked(1, position=np.array([[50.0, 0, 0]]))
    source = build.source('lidar')
    certain = observe(build, arrays, source, edges=edges)
    unsure = observe(build, arrays, source, edges=edges, odometry=odometry)
    added = unsure.position_covariance[0] - certain.position_covariance[0]
    np.testing.assert_allclose(added, np.diag([0.04, 0.09 + 50.0**2 * 0.01]), atol=1e-9)
    assert unsure.yaw_variance[0] - certain.yaw_variance[0] == pytest.approx(0.01)
    in_map = build.tracked(1, frame='map')
    np.testing.assert_array_equal(
        observe(build, in_map, source, odometry=odometry).position_covariance,
        observe(build, in_map, source).position_covariance,
    )


def test_a_body_on_its_nose_has_no_heading(build: Any) -> None:
    up = np.array([[0.0, -np.sqrt(0.5), 0.0, np.sqrt(0.5)]])
    tracks = observe(build, build.tracked(1, orientation=up), build.source('lidar'))
    assert tracks.orientation[0] == Orientation.UNAVAILABLE


@pytest.mark.parametrize('kind', ['tracked', 'detections'])
def test_a_heading_of_any_direction_is_none(build: Any, kind: str) -> None:
    """Senders that measure no heading give it the variance of a whole circle, about 3.3."""
    covariance = np.diag([0.5, 0.5, 0.1, 0.0, 0.0, np.pi**2 / 3])
    fields = {'pose_covariance': covariance[None]} if kind == 'tracked' else {}
    if kind == 'detections':
        fields = {'covariance': covariance}
    name = 'lidar' if kind == 'tracked' else 'camera'
    tracks = observe(build, getattr(build, kind)(1, **fields), build.source(name))
    assert tracks.orientation[0] == Orientation.UNAVAILABLE


def test_the_result_is_in_the_map_frame_by_its_own_name(build: Any) -> None:
    parameters = ObservationParameters(map_frame='world', base_frame='rear_axle')
    tracks = observe(
        build,
        build.tracked(1, frame='rear_axle'),
        build.source('lidar'),
        parameters=parameters,
        odometry=build.odometry(frame='world', child='rear_axle'),
    )
    assert tracks.frame_id == 'world'
