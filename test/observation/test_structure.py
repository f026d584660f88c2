"""Row 'structure' of the reliability matrix: sizes, ids, classes, frames, strings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.kinds import ObjectClass
from prediction_node.observation.health import State
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.reasons import Reason, Refused
from prediction_node.observation.translate import translate

PARAMETERS = ObservationParameters()
KINDS = [('tracked', 'lidar'), ('detections', 'camera'), ('radar', 'radar')]


@pytest.mark.parametrize(('kind', 'name'), KINDS)
@pytest.mark.parametrize('count', [0, 1, 2, 1024])
def test_any_number_of_objects(build: Any, kind: str, name: str, count: int) -> None:
    out = translate(getattr(build, kind)(count), build.source(name), PARAMETERS)
    assert len(out.tracks) == count
    assert not out.refused


@pytest.mark.parametrize(('kind', 'name'), KINDS)
def test_of_a_hundred_thousand_objects_the_nearest_are_used(
    build: Any, kind: str, name: str
) -> None:
    count = 100_000
    position = np.zeros((count, 3))
    position[:, 0] = np.random.default_rng(0).permutation(count) + 1.0
    position[::1000] = np.nan
    arrays = getattr(build, kind)(count, position=position)
    out = translate(arrays, build.source(name), PARAMETERS)
    assert out.received == count
    assert len(out.tracks) == PARAMETERS.max_objects
    assert out.refused == {Reason.OVER_CAPACITY: count - PARAMETERS.max_objects}
    nearest = np.sort(position[np.isfinite(position[:, 0]), 0])[: PARAMETERS.max_objects]
    np.testing.assert_array_equal(np.sort(out.tracks.position_m[:, 0]), nearest)


def test_nearest_to_the_ego_for_messages_in_the_map_frame(build: Any) -> None:
    position = np.zeros((3000, 3))
    position[:, 0] = np.arange(3000.0)
    arrays = build.tracked(3000, frame='map', position=position)
    ego_m = np.array([2000.0, 0.0, 0.0])
    out = translate(arrays, build.source('lidar'), PARAMETERS, near_m=ego_m)
    assert np.abs(out.tracks.position_m[:, 0] - 2000.0).max() <= 512.0


def test_repeated_ids_keep_their_objects_and_lose_their_ids(build: Any) -> None:
    uuids = np.random.default_rng(0).integers(0, 256, (5, 16), dtype=np.uint8)
    uuids[3] = uuids[1]
    uuids[4] = 0
    for arrays, name in (
        (build.tracked(5, object_id=uuids), 'lidar'),
        (build.radar(5, uuid=uuids), 'radar'),
        (build.detections(5, id=('a', 'b', 'c', 'b', '')), 'camera'),
    ):
        out = translate(arrays, build.source(name), PARAMETERS)
        assert len(out.tracks) == 5
        np.testing.assert_array_equal(out.tracks.has_id, [True, False, True, False, False])


def test_swapped_ids_swap_nothing_but_the_hashes(build: Any) -> None:
    plain = translate(build.detections(2), build.source('camera'), PARAMETERS).tracks
    swapped = translate(
        build.detections(2, id=('track 1', 'track 0')), build.source('camera'), PARAMETERS
    ).tracks
    np.testing.assert_array_equal(plain.position_m, swapped.position_m)
    np.testing.assert_array_equal(plain.id_hash[::-1], swapped.id_hash)


@pytest.mark.parametrize('label', [9, 10, 11, 200, 255])
def test_new_and_drivable_labels_are_unknown(build: Any, label: int) -> None:
    arrays = build.tracked(1, class_label=np.array([label], np.uint8))
    out = translate(arrays, build.source('lidar'), PARAMETERS)
    assert out.tracks.class_probabilities[0, ObjectClass.UNKNOWN] == 1.0
    assert out.tracks.has_class[0]


def test_unknown_class_names_are_unknown_and_unknown_attributes_are_passed_over(
    build: Any,
) -> None:
    arrays = build.detections(1, hypotheses=[('spaceship', 0.6), ('attribute/wings', 7e9)])
    out = translate(arrays, build.source('camera'), PARAMETERS)
    assert len(out.tracks) == 1
    assert out.tracks.class_probabilities[0, ObjectClass.UNKNOWN] == 1.0
    assert not out.tracks.has_attribute.any()


def test_strings_of_ten_megabytes_do_no_harm(build: Any, drive: Any) -> None:
    long = 'x' * 10_000_000
    arrays = build.detections(2, hypotheses=[(long, 0.5), ('attribute/' + long, 0.5)])
    arrays = replace(arrays, id=(long, long + 'y'))
    out = translate(arrays, build.source('camera'), PARAMETERS)
    assert len(out.tracks) == 2
    assert out.tracks.has_id.all()
    with pytest.raises(Refused, match=r'header\.frame_id'):
        translate(build.tracked(1, frame=long), build.source('lidar'), PARAMETERS)
    drive.observer.on_tracks('lidar', build.tracked(1, frame=long), 0)
    drive.observer.on_odometry(build.odometry(frame=long), 0)
    drive.observer.on_transforms(
        build.transforms(('base_link', long, (0, 0, 0), 0.0)), static=True, arrival_ns=0
    )
    drive.observer.on_malformed('camera', long, 0)
    observed = drive.cycle(2)
    assert len(observed.observations) == 4
    health = drive.observer.health(drive.now_ns)
    assert all(len(s.detail) <= 300 for s in (*health.sources, health.odometry, health.transforms))


def test_too_many_hypotheses_refuse_their_detection_alone(build: Any) -> None:
    arrays = build.detections(2)
    arrays = replace(
        arrays,
        hypothesis_offsets=np.array([0, 1, 50_001]),
        hypothesis_class_id=('car',) * 50_001,
        hypothesis_score=np.full(50_001, 1e-5),
        hypothesis_position=np.zeros((50_001, 3)),
        hypothesis_orientation=np.tile([0, 0, 0, 1.0], (50_001, 1)),
        hypothesis_covariance=np.zeros((50_001, 6, 6)),
    )
    out = translate(arrays, build.source('camera'), PARAMETERS)
    assert out.refused == {Reason.CLASS: 1}
    assert len(out.tracks) == 1


def test_an_empty_frame_refuses_the_message_and_the_next_is_fine(drive: Any, build: Any) -> None:
    drive.cycle(3)
    for frame in ('', '/', '///'):
        drive.observer.on_tracks('lidar', build.tracked(1, frame=frame), drive.now_ns)
    observed = drive.cycle()
    assert len(observed.observations) == 4
    lidar = next(s for s in drive.observer.health(drive.now_ns).sources if s.name == 'lidar')
    assert lidar.refused == {Reason.FRAME: 3}
    assert 'frame_id' in lidar.detail


def test_an_unknown_frame_is_named(drive: Any, build: Any) -> None:
    drive.cycle(3)
    drive.sources = [s for s in drive.sources if s.name != 'lidar']
    for _ in range(3):
        stamp_ns = drive.true_ns + drive.stamp_offset_ns
        drive.observer.on_tracks(
            'lidar', build.tracked(1, stamp_ns=stamp_ns, frame='lidar_roof'), drive.now_ns + 1
        )
        observed = drive.cycle()
        assert [t.source for t in observed.observations] == ['camera', 'radar', 'thermal']
    health = drive.observer.health(drive.now_ns)
    lidar = next(s for s in health.sources if s.name == 'lidar')
    assert lidar.state is State.NO_TRANSFORM
    assert lidar.lost
    assert 'lidar_roof' in lidar.detail
    assert health.degraded


def test_a_detection_in_another_frame_than_its_array_is_refused(build: Any) -> None:
    arrays = build.detections(3, detection_frame_id=('camera', 'lidar', ''))
    out = translate(arrays, build.source('camera'), PARAMETERS)
    assert out.refused == {Reason.OBJECT_FRAME: 1}
    np.testing.assert_array_equal(out.tracks.position_m, arrays.position[[0, 2]])


def test_a_frame_given_by_parameter_replaces_that_of_the_message(build: Any) -> None:
    source = build.source('lidar', frame='base_link')
    assert translate(build.tracked(1, frame=''), source, PARAMETERS).tracks.frame_id == 'base_link'
    assert translate(build.tracked(1, frame='x'), source, PARAMETERS).tracks.frame_id == 'base_link'


def test_a_malformed_message_is_counted_and_the_next_is_fine(drive: Any) -> None:
    drive.cycle(3)
    drive.observer.on_malformed('radar', 'truncated at byte 17', drive.now_ns)
    observed = drive.cycle()
    assert len(observed.observations) == 4
    radar = next(s for s in drive.observer.health(drive.now_ns).sources if s.name == 'radar')
    assert radar.refused == {Reason.MALFORMED: 1}
    assert radar.detail == 'truncated at byte 17'
    assert radar.state is State.OK
