"""The node as a planner meets it: bytes in from one process, predictions out to another."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT
from prediction_node.resources import share_path

pytestmark = [pytest.mark.ros, pytest.mark.integration]

OBJECTS = '/perception/object_recognition/objects'
OBJECTS_TYPE = 'autoware_perception_msgs/msg/PredictedObjects'
DIAGNOSTICS_TYPE = 'diagnostic_msgs/msg/DiagnosticArray'
MAP = str(share_path('samples', 'lankershim', 'map.osm'))
OK, WARN, ERROR = b'\x00', b'\x01', b'\x02'


def newest(diagnostics: list[Any], name: str) -> Any:
    """The newest status of this name, or None."""
    for array in reversed(diagnostics):
        for status in array.status:
            if status.name == f'prediction: {name}':
                return status
    return None


def values(status: Any) -> dict[str, str]:
    return {pair.key: pair.value for pair in status.values}


def test_a_drive_is_predicted_every_cycle_and_its_end_is_told(
    listener: Any, start_node: Callable[..., Any], play: Callable[..., Any]
) -> None:
    objects = listener.hear(OBJECTS, OBJECTS_TYPE)
    tracks = listener.hear(
        '/prediction/output/tracks', 'autoware_perception_msgs/msg/TrackedObjects'
    )
    spread = listener.hear('/prediction/output/uncertainty', 'std_msgs/msg/Float32MultiArray')
    marks = listener.hear('/prediction/debug/markers', 'visualization_msgs/msg/MarkerArray')
    diagnostics = listener.hear('/diagnostics', DIAGNOSTICS_TYPE, raw=False)
    node = start_node(map__path=MAP)
    player = play()
    listener.until(
        lambda: bool(objects) and len(cdr.read_predicted_objects(objects[-1]).object_id) > 20,
        60,
        'predictions of more than 20 road users',
    )
    listener.until(lambda: player.child.poll() is not None, 60, 'the end of the sample')
    listener.until(
        lambda: (s := newest(diagnostics, 'cycle')) is not None and s.level == ERROR,
        20,
        'an ERROR after the last odometry',
    )
    read = [cdr.read_predicted_objects(data) for data in objects]
    full = [m for m in read if len(m.object_id)]
    assert len(full) > 50
    for message in full:
        assert message.frame_id == 'map'
        assert message.path_position.shape[1] == POSE_COUNT
        assert message.path_time_step_ns == 100_000_000
        paths = np.diff(message.path_offsets)
        assert paths.min() >= 1
        assert paths.max() <= MODE_COUNT
        weight = np.add.reduceat(message.path_confidence, message.path_offsets[:-1])
        np.testing.assert_allclose(weight, 1.0, atol=1e-6)
        assert np.isfinite(message.path_position).all()
        assert np.isfinite(message.path_orientation).all()
        first = message.path_position[message.path_offsets[:-1], 0]
        np.testing.assert_allclose(first, message.position, atol=1e-6)
    stamps = np.array([m.stamp_ns for m in full])
    assert (np.diff(stamps) >= 0).all()  # a late odometry may hold time for a cycle
    # The last answers are empty and their stamp does not go on: nothing stale looks fresh.
    assert len(read[-1].object_id) == 0
    assert read[-1].stamp_ns == read[-2].stamp_ns
    assert tracks
    assert marks
    uncertainty, labels = cdr.read_float32_multi_array(spread[10])
    assert uncertainty.shape[1:] == (MODE_COUNT, POSE_COUNT, 3)
    assert '.' in labels[0]
    assert np.isfinite(uncertainty).all()
    status, seconds = node.stop(signal.SIGTERM)
    assert status == 0, node.output
    assert 'Traceback' not in node.output, node.output
    assert seconds < 3.0


def test_without_a_map_it_goes_on_and_says_so(
    listener: Any, start_node: Callable[..., Any], play: Callable[..., Any]
) -> None:
    objects = listener.hear(OBJECTS, OBJECTS_TYPE)
    diagnostics = listener.hear('/diagnostics', DIAGNOSTICS_TYPE, raw=False)
    start_node()
    play()
    listener.until(
        lambda: bool(objects) and len(cdr.read_predicted_objects(objects[-1]).object_id) > 20,
        60,
        'predictions without a map',
    )
    listener.until(lambda: newest(diagnostics, 'map') is not None, 10, 'diagnostics')
    assert newest(diagnostics, 'map').level == WARN
    assert 'no map' in newest(diagnostics, 'cycle').message


def test_garbage_on_every_topic_is_refused_by_name_and_the_cycle_goes_on(
    listener: Any, start_node: Callable[..., Any]
) -> None:
    objects = listener.hear(OBJECTS, OBJECTS_TYPE)
    diagnostics = listener.hear('/diagnostics', DIAGNOSTICS_TYPE, raw=False)
    topics = {
        'camera': ('/perception/camera/tracks', 'vision_msgs/msg/Detection3DArray'),
        'lidar': ('/perception/lidar/tracks', 'autoware_perception_msgs/msg/TrackedObjects'),
        'radar': ('/perception/radar/tracks', 'radar_msgs/msg/RadarTracks'),
        'odometry': ('/localization/odometry', 'nav_msgs/msg/Odometry'),
    }
    speakers = {name: listener.speak(*topic) for name, topic in topics.items()}
    node = start_node()
    listener.until(
        lambda: all(s.get_subscription_count() for s in speakers.values()), 60, 'the subscriptions'
    )
    garbage = [b'\x00\x01\x00\x00', b'\x00\x01\x00\x00' + b'\xff' * 400, b'\x07' * 33]

    def all_named() -> bool:
        for speaker in speakers.values():  # again and again: a fresh match may lose the first ones
            for data in garbage:
                speaker.publish(data)
        return all(
            (s := newest(diagnostics, f'input {name}')) is not None
            and int(values(s).get('refused.malformed', 0)) >= len(garbage)
            for name in topics
        )

    listener.until(all_named, 30, 'diagnostics naming every input')
    before = len(objects)
    listener.until(lambda: len(objects) >= before + 5, 10, 'five more cycles')
    assert node.child.poll() is None
    assert 'Traceback' not in node.output, node.output


def test_a_refused_map_message_is_an_error_and_the_file_stays(
    listener: Any, start_node: Callable[..., Any]
) -> None:
    from prediction_node.ros import quality

    diagnostics = listener.hear('/diagnostics', DIAGNOSTICS_TYPE, raw=False)
    speaker = listener.speak(
        '/map/vector_map', 'autoware_map_msgs/msg/LaneletMapBin', quality.LATCHED
    )
    message = quality.message_class('autoware_map_msgs/msg/LaneletMapBin')()
    message.data = list(b'this is no map archive')
    start_node(map__path=MAP)
    speaker.publish(message)
    listener.until(
        lambda: (s := newest(diagnostics, 'map')) is not None and s.level == ERROR, 60, 'an ERROR'
    )
    status = newest(diagnostics, 'map')
    assert 'refused' in status.message
    assert int(values(status)['lanelets']) > 50


def test_a_configuration_that_cannot_be_used_is_named(
    listener: Any, start_node: Callable[..., Any]
) -> None:
    diagnostics = listener.hear('/diagnostics', DIAGNOSTICS_TYPE, raw=False)
    node = start_node(map__path='/nowhere/map.osm')
    listener.until(lambda: '/nowhere/map.osm' in node.output, 60, 'a log line naming the file')
    assert node.child.poll() is None  # it waits, unconfigured, for someone to mend it
    status, _ = node.stop()
    assert status == 0
    named = [s for array in diagnostics for s in array.status if '/nowhere/map.osm' in s.message]
    assert not named or named[0].level == ERROR


@pytest.mark.parametrize(
    ('arguments', 'named'),
    [
        ({'cycle__max_agents': 0}, 'cycle.max_agents'),
        ({'cycle__max_agentz': 5}, "did you mean 'cycle.max_agents'"),
        ({'sources__camera__modality': 'sonar'}, 'modality must be one of'),
    ],
)
def test_a_bad_parameter_stops_the_start_with_one_sentence(
    start_node: Callable[..., Any], arguments: dict[str, Any], named: str
) -> None:
    node = start_node(**arguments)
    if 'modality' in named:  # found when the tree is built, at configure
        from time import monotonic

        end = monotonic() + 30
        while named not in node.output and monotonic() < end:
            try:
                node.child.wait(timeout=0.2)
            except Exception:
                continue
    else:
        assert node.child.wait(timeout=30) == 2
    assert named in node.output
    assert 'Traceback' not in node.output
