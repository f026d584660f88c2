"""What each message type means: axes, headings, sizes, classes, attributes, missing values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prediction_node.domain.errors import ParameterError
from prediction_node.domain.kinds import (
    ATTRIBUTE_COUNT,
    ATTRIBUTE_INDEX,
    ATTRIBUTE_NAMES,
    CLASS_NAMES,
    Modality,
    ObjectClass,
    Orientation,
)
from prediction_node.observation.parameters import (
    DEFAULT_SOURCES,
    MountParameters,
    ObservationParameters,
    SourceParameters,
)
from prediction_node.observation.reasons import Reason
from prediction_node.observation.translate import translate

PARAMETERS = ObservationParameters()


def read(build: Any, arrays: Any, name: str, **fields: Any) -> Any:
    return translate(arrays, build.source(name, **fields), PARAMETERS).tracks


# TrackedObjects


def test_the_twist_of_a_tracked_object_is_in_its_own_axes(build: Any) -> None:
    yaw = np.array([0.0, np.pi / 2, np.pi, -np.pi / 4])
    arrays = build.tracked(4, yaw=yaw, twist_linear=np.tile([3.0, 1.0, 0.0], (4, 1)))
    tracks = read(build, arrays, 'lidar')
    half = np.sqrt(0.5)
    np.testing.assert_allclose(
        tracks.velocity_mps[:, :2],
        [[3, 1], [-1, 3], [-3, -1], [3 * half + half, -3 * half + half]],
        atol=1e-12,
    )
    np.testing.assert_allclose(
        tracks.velocity_covariance[1][:2, :2], np.diag([0.09, 0.04]), atol=1e-9
    )
    # Across a diagonal heading the larger variance lies across it: the axes are correlated.
    np.testing.assert_allclose(
        tracks.velocity_covariance[3][:2, :2], [[0.065, 0.025], [0.025, 0.065]], atol=1e-9
    )
    np.testing.assert_allclose(tracks.turn_rate_radps[:, 2], 0.1)
    assert tracks.has_turn_rate.all()


@pytest.mark.parametrize(
    ('value', 'meaning'),
    [
        (0, Orientation.UNAVAILABLE),
        (1, Orientation.SIGN_UNKNOWN),
        (2, Orientation.AVAILABLE),
        (3, Orientation.UNAVAILABLE),
        (255, Orientation.UNAVAILABLE),
    ],
)
def test_orientation_availability(build: Any, value: int, meaning: Orientation) -> None:
    arrays = build.tracked(1, orientation_availability=np.array([value], np.uint8))
    tracks = read(build, arrays, 'lidar')
    assert tracks.orientation[0] == meaning
    np.testing.assert_allclose(tracks.velocity_mps[0], [5, 0, 0])  # the twist means the same


def test_zeros_without_covariance_are_no_velocity_unless_it_stands(build: Any) -> None:
    zeros = np.zeros((3, 6, 6))
    arrays = build.tracked(
        3,
        twist_linear=np.array([[0.0, 0, 0], [0, 0, 0], [2, 0, 0]]),
        twist_angular=np.zeros((3, 3)),
        twist_covariance=zeros,
        is_stationary=np.array([False, True, False]),
    )
    tracks = read(build, arrays, 'lidar')
    np.testing.assert_array_equal(tracks.has_velocity, [False, True, True])
    assert not tracks.has_velocity_covariance.any()
    assert not tracks.has_turn_rate.any()


def test_sizes_of_boxes_cylinders_and_polygons(build: Any) -> None:
    footprint = np.array([[2, 1, 0], [-2, 1, 0], [-2, -1, 0], [2, -1, 0]], np.float32)
    arrays = build.tracked(
        4,
        shape_type=np.array([0, 1, 2, 0], np.uint8),
        dimensions=np.array([[4.5, 1.8, 1.5], [0.6, 0, 1.7], [0, 0, 1.4], [0, 0, 0]]),
        footprint_offsets=np.array([0, 0, 0, 4, 4]),
        footprint=footprint,
    )
    tracks = read(build, arrays, 'lidar')
    np.testing.assert_allclose(tracks.size_m[:3], [[4.5, 1.8, 1.5], [0.6, 0.6, 1.7], [4, 2, 1.4]])
    np.testing.assert_array_equal(tracks.has_size, [True, True, True, False])


def test_class_probabilities_keep_the_rest_unknown_and_never_exceed_one(build: Any) -> None:
    arrays = build.tracked(
        3,
        class_offsets=np.array([0, 2, 4, 4]),
        class_label=np.array([1, 2, 7, 6], np.uint8),
        class_probability=np.array([0.6, 0.3, 0.9, 0.6], np.float32),
    )
    tracks = read(build, arrays, 'lidar')
    table = tracks.class_probabilities
    np.testing.assert_allclose(table.sum(axis=1), 1.0)
    np.testing.assert_allclose(table[0, [1, 2, 0]], [0.6, 0.3, 0.1], atol=1e-6)
    np.testing.assert_allclose(table[1, [7, 6, 0]], [0.6, 0.4, 0.0], atol=1e-6)
    np.testing.assert_array_equal(tracks.has_class, [True, True, False])


def test_a_yaw_rate_of_any_size_is_no_measurement(build: Any) -> None:
    covariance = np.tile(np.diag([0.04, 0.09, 0.0, 0, 0, 0.0]), (3, 1, 1))
    covariance[:, 5, 5] = [0.0, 0.01, 1.0]
    arrays = build.tracked(3, twist_angular=np.zeros((3, 3)), twist_covariance=covariance)
    np.testing.assert_array_equal(read(build, arrays, 'lidar').has_turn_rate, [False, True, False])


# Detection3DArray


def test_detections_have_class_and_attributes_and_no_velocity(build: Any) -> None:
    hypotheses = [
        ('pedestrian', 0.7),
        ('bicycle', 0.2),
        ('attribute/phone_in_hand', 0.9),
        ('attribute/looking_at_road', 0.0),
        ('attribute/front_wheel_angle_rad', -0.3),
    ]
    tracks = read(build, build.detections(2, hypotheses=hypotheses), 'camera', existence=0.5)
    np.testing.assert_allclose(
        tracks.class_probabilities[0, [ObjectClass.PEDESTRIAN, ObjectClass.BICYCLE, 0]],
        [0.7, 0.2, 0.1],
    )
    assert not tracks.has_velocity.any()
    reported = {'phone_in_hand': 0.9, 'looking_at_road': 0.0, 'front_wheel_angle_rad': -0.3}
    for name, index in ATTRIBUTE_INDEX.items():
        assert tracks.has_attribute[1, index] == (name in reported)  # not reported is not zero
        if name in reported:
            assert tracks.attributes[1, index] == reported[name]
    np.testing.assert_allclose(tracks.existence, 0.5 * 0.9)


@pytest.mark.parametrize('name', ATTRIBUTE_NAMES)
@pytest.mark.parametrize('value', [np.nan, np.inf, 5.0, -3.0])
def test_a_bad_attribute_refuses_its_object(build: Any, name: str, value: float) -> None:
    arrays = build.detections(3, hypotheses=[('car', 0.5), (f'attribute/{name}', 0.5)])
    arrays.hypothesis_score[3] = value
    out = translate(arrays, build.source('camera'), PARAMETERS)
    assert out.refused == {Reason.ATTRIBUTE: 1}
    assert len(out.tracks) == 2
    assert out.tracks.has_attribute.sum() == 2


@pytest.mark.parametrize('name', CLASS_NAMES)
def test_all_class_names(build: Any, name: str) -> None:
    tracks = read(build, build.detections(1, hypotheses=[(name, 1.0)]), 'camera')
    assert CLASS_NAMES[int(tracks.class_probabilities[0].argmax())] == name
    assert tracks.has_class[0]


def test_only_attributes_is_no_class(build: Any) -> None:
    arrays = build.detections(1, hypotheses=[('attribute/brake', 0.5)])
    tracks = read(build, arrays, 'camera', existence=0.7)
    assert not tracks.has_class[0]
    assert tracks.existence[0] == 0.7
    none = read(build, build.detections(2, hypotheses=[]), 'camera')
    assert len(none) == 2
    assert not none.has_attribute.any()
    assert none.attributes.shape == (2, ATTRIBUTE_COUNT)
    assert not none.has_position_covariance.any()


def test_other_names_by_parameter(build: Any) -> None:
    arrays = build.detections(1, hypotheses=[('person', 1.0)])
    plain = read(build, arrays, 'camera')
    assert plain.class_probabilities[0, ObjectClass.UNKNOWN] == 1.0
    mapped = read(build, arrays, 'camera', class_map=('person=pedestrian',))
    assert mapped.class_probabilities[0, ObjectClass.PEDESTRIAN] == 1.0


def test_the_covariance_is_that_of_the_best_class_hypothesis_that_has_one(build: Any) -> None:
    hypotheses = [('car', 0.3), ('truck', 0.5), ('bus', 0.2), ('attribute/brake', 0.9)]
    arrays = build.detections(2, hypotheses=hypotheses)
    arrays.hypothesis_covariance[:] = 0.0
    for i, variance in ((0, 1.0), (2, 2.0), (3, 9.0), (4, 3.0), (5, 4.0)):
        arrays.hypothesis_covariance[i] = np.eye(6) * variance
    tracks = read(build, arrays, 'camera')
    # Of the first, the truck has none, so the car's; of the second the truck's.
    np.testing.assert_array_equal(tracks.position_covariance[:, 0, 0], [1.0, 4.0])


def test_a_yaw_of_a_detection_counts_with_a_covariance_or_by_parameter(build: Any) -> None:
    with_turn = np.diag([0.5, 0.5, 0.5, 0.0, 0.0, 0.01])
    assert read(build, build.detections(1), 'camera').orientation[0] == Orientation.UNAVAILABLE
    turned = read(build, build.detections(1, covariance=with_turn), 'camera')
    assert turned.orientation[0] == Orientation.AVAILABLE
    by_parameter = read(build, build.detections(1), 'camera', orientation='sign_unknown')
    assert by_parameter.orientation[0] == Orientation.SIGN_UNKNOWN


# RadarTracks


def test_radar_classes_by_number(build: Any) -> None:
    arrays = build.radar(4, classification=np.array([0, 32001, 32007, 9], np.uint16))
    tracks = read(build, arrays, 'radar')
    np.testing.assert_array_equal(tracks.has_class, [False, True, True, False])
    assert tracks.class_probabilities[1, ObjectClass.CAR] == pytest.approx(0.7)
    assert tracks.class_probabilities[1, ObjectClass.UNKNOWN] == pytest.approx(0.3)
    assert tracks.class_probabilities[2, ObjectClass.PEDESTRIAN] == pytest.approx(0.7)
    own = read(build, arrays, 'radar', class_map=('9=truck',), class_confidence=1.0)
    np.testing.assert_array_equal(own.has_class, [False, False, False, True])


def test_radar_covariances_unfold_and_sizes_of_zero_are_not_given(build: Any) -> None:
    packed = np.array([[4.0, 0.5, 0.1, 3.0, 0.2, 2.0]], np.float32)
    tracks = read(build, build.radar(1, position_covariance=packed), 'radar')
    np.testing.assert_allclose(
        tracks.position_covariance[0], [[4, 0.5, 0.1], [0.5, 3, 0.2], [0.1, 0.2, 2]], rtol=1e-6
    )
    assert not tracks.has_size.any()
    assert tracks.orientation[0] == Orientation.UNAVAILABLE
    assert not tracks.has_turn_rate.any()


# All types


def test_any_type_may_serve_any_modality(build: Any, drive_with: Any) -> None:
    sources = [
        SourceParameters(name='a', modality='thermal', type=DEFAULT_SOURCES[2].type),
        SourceParameters(name='b', modality='lidar', type=DEFAULT_SOURCES[0].type),
        SourceParameters(name='c', modality='camera', type=DEFAULT_SOURCES[3].type),
    ]
    drive = drive_with(sources=sources)
    drive.with_sensors = False
    drive.cycle(2)
    stamp_ns = drive.true_ns + drive.stamp_offset_ns
    drive.observer.on_tracks('a', build.tracked(1, stamp_ns=stamp_ns), drive.now_ns)
    drive.observer.on_tracks('b', build.detections(1, stamp_ns=stamp_ns), drive.now_ns)
    drive.observer.on_tracks('c', build.radar(1, stamp_ns=stamp_ns), drive.now_ns)
    got = [(t.source, t.modality) for t in drive.cycle().observations]
    assert got == [('a', Modality.THERMAL), ('b', Modality.LIDAR), ('c', Modality.CAMERA)]


def test_inputs_are_left_untouched(build: Any) -> None:
    for kind, name in (('tracked', 'lidar'), ('detections', 'camera'), ('radar', 'radar')):
        arrays = getattr(build, kind)(5)
        arrays.position[2, 0] = np.nan
        fields = list(arrays.__dataclass_fields__)
        before = {f: np.array(getattr(arrays, f), copy=True) for f in fields}
        for field in fields:
            if isinstance(getattr(arrays, field), np.ndarray):
                getattr(arrays, field).flags.writeable = False  # as views of received bytes are
        translate(arrays, build.source(name), PARAMETERS)
        for field in fields:
            np.testing.assert_array_equal(np.array(getattr(arrays, field)), before[field])


def test_order_of_objects_only_orders_the_tracks(build: Any) -> None:
    order = np.random.default_rng(3).permutation(20)
    arrays = build.radar(20, position=np.random.default_rng(4).normal(0, 30, (20, 3)))
    rows = {
        f: getattr(arrays, f)[order]
        for f in arrays.__dataclass_fields__
        if isinstance(getattr(arrays, f), np.ndarray)
    }
    plain = read(build, arrays, 'radar')
    permuted = read(build, build.radar(20, **rows), 'radar')
    np.testing.assert_array_equal(plain.position_m[order], permuted.position_m)
    np.testing.assert_array_equal(plain.id_hash[order], permuted.id_hash)


# Parameters


@pytest.mark.parametrize('pair', ['car', '=car', 'x=spaceship', 'x=', ''])
def test_a_bad_class_map_is_named(pair: str) -> None:
    with pytest.raises(ParameterError, match=r'sources\.front\.class_map'):
        SourceParameters(name='front', class_map=(pair,))


def test_bad_parameters_are_named() -> None:
    with pytest.raises(ParameterError, match='name'):
        SourceParameters()
    with pytest.raises(ParameterError, match=r'sources\.x\.modality'):
        SourceParameters(name='x', modality='sonar')
    with pytest.raises(ParameterError, match='max_coasting_s'):
        ObservationParameters(max_coasting_s=2.0)
    with pytest.raises(ParameterError, match='map_frame'):
        ObservationParameters(map_frame='')
    with pytest.raises(ParameterError, match='differ'):
        ObservationParameters(map_frame='base_link')
    with pytest.raises(ParameterError, match='mount'):
        MountParameters(frame='base_link')


def test_default_sources_are_one_per_modality_on_the_documented_topics() -> None:
    assert {s.modality_kind for s in DEFAULT_SOURCES} == set(Modality)
    assert all(s.topic == f'/perception/{s.modality}/tracks' for s in DEFAULT_SOURCES)
    assert all(s.name == s.modality for s in DEFAULT_SOURCES)
