"""Topics of a recording find their inputs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from prediction_node.bags.values import Topic
from prediction_node.config import Config
from prediction_node.domain.errors import ParameterError
from prediction_node.observation.parameters import DETECTIONS, RADAR_TRACKS, TRACKED_OBJECTS
from prediction_node.replay.topics import (
    ABSENT,
    BY_NAME,
    BY_TYPE,
    BY_USER,
    TRACKS_TOPIC,
    TopicMapping,
    load_overrides,
    map_topics,
    require_odometry,
)

ODOMETRY_TYPE = 'nav_msgs/msg/Odometry'


def topics(**names: str) -> list[Topic]:
    return [Topic(f'/{name.replace("__", "/")}', kind, 10) for name, kind in names.items()]


def found(mapping: TopicMapping) -> dict[str, str]:
    return {row.name: row.topic for row in mapping.rows if row.topic is not None}


def test_default_names_are_found() -> None:
    mapping = map_topics(
        topics(
            localization__odometry=ODOMETRY_TYPE,
            perception__camera__tracks=DETECTIONS,
            perception__radar__tracks=RADAR_TRACKS,
            ground_truth__objects=TRACKED_OBJECTS,
        ),
        Config(),
    )
    assert found(mapping) == {
        'camera': '/perception/camera/tracks',
        'radar': '/perception/radar/tracks',
        'odometry': '/localization/odometry',
        'ground_truth': '/ground_truth/objects',
    }
    how = {row.name: row.how for row in mapping.rows}
    assert how['camera'] == BY_NAME
    assert how['lidar'] == ABSENT


def test_other_names_are_found_by_type_and_by_words_in_them() -> None:
    mapping = map_topics(
        topics(
            odom=ODOMETRY_TYPE,
            front_thermal__boxes=DETECTIONS,
            boxes=DETECTIONS,
            lidar_top__tracks=TRACKED_OBJECTS,
            ars408=RADAR_TRACKS,
            tf2='tf2_msgs/msg/TFMessage',
            robot__tf_static='tf2_msgs/msg/TFMessage',
        ),
        Config(),
    )
    assert found(mapping) == {
        'camera': '/boxes',
        'thermal': '/front_thermal/boxes',
        'lidar': '/lidar_top/tracks',
        'radar': '/ars408',
        'odometry': '/odom',
        'tf': '/tf2',
        'tf_static': '/robot/tf_static',
    }
    assert {row.how for row in mapping.rows if row.topic} == {BY_TYPE}


def test_any_type_may_serve_any_modality() -> None:
    mapping = map_topics(topics(thermal_tracker=TRACKED_OBJECTS), Config())
    source = next(s for s in mapping.config.sources if s.name == 'thermal')
    assert (source.topic, source.type, source.modality) == (
        '/thermal_tracker',
        TRACKED_OBJECTS,
        'thermal',
    )


def test_a_source_that_is_made_is_of_the_kind_that_its_topic_tells() -> None:
    one = dataclasses.replace(Config().sources[0], name='tracking', modality='lidar')
    alone = dataclasses.replace(Config(), sources=(one,))
    mapping = map_topics(topics(camera_tracks=TRACKED_OBJECTS, radar_tracks=RADAR_TRACKS), alone)
    modality = {s.topic: s.modality for s in mapping.config.sources}
    assert (modality['/camera_tracks'], modality['/radar_tracks']) == ('camera', 'radar')


def test_further_sensors_become_further_sources() -> None:
    mapping = map_topics(
        topics(radar_front=RADAR_TRACKS, radar_left=RADAR_TRACKS, radar_rear=RADAR_TRACKS), Config()
    )
    assert found(mapping) == {
        'radar': '/radar_front',
        'radar_2': '/radar_left',
        'radar_3': '/radar_rear',
    }
    by_name = {s.name: s for s in mapping.config.sources}
    assert by_name['radar_3'].topic == '/radar_rear'
    assert by_name['radar_3'].class_map == by_name['radar'].class_map


def test_truth_and_own_outputs_never_become_inputs() -> None:
    recorded = topics(ground_truth__objects=TRACKED_OBJECTS)
    recorded.append(Topic(TRACKS_TOPIC, TRACKED_OBJECTS, 10))
    mapping = map_topics(recorded, Config())
    assert found(mapping) == {'ground_truth': '/ground_truth/objects'}


def test_foreign_and_empty_topics_are_not_used() -> None:
    recorded = [
        Topic('/localization/odometry', ODOMETRY_TYPE, 10, foreign=True),
        Topic('/odom', ODOMETRY_TYPE, 0),
    ]
    mapping = map_topics(recorded, Config())
    assert found(mapping) == {}
    with pytest.raises(ParameterError, match=r'drive.mcap has no readable nav_msgs/msg/Odometry'):
        require_odometry(mapping, Path('drive.mcap'))


def test_the_user_has_the_last_word(tmp_path: Path) -> None:
    recorded = topics(
        localization__odometry=ODOMETRY_TYPE, better__odometry=ODOMETRY_TYPE, a=TRACKED_OBJECTS
    )
    file = tmp_path / 'topics.yaml'
    file.write_text('odometry: /better/odometry\nground_truth: /a\n')
    mapping = map_topics(recorded, Config(), load_overrides(file))
    assert found(mapping) == {'odometry': '/better/odometry', 'ground_truth': '/a'}
    assert {row.how for row in mapping.rows if row.topic} == {BY_USER}


@pytest.mark.parametrize(
    ('overrides', 'message'),
    [
        ({'sonar': '/a'}, "'sonar' is no input; inputs are camera"),
        ({'lidar': '/b'}, 'no usable topic /b'),
        ({'odometry': '/a'}, '/a is autoware_perception_msgs/msg/TrackedObjects, unfit'),
    ],
)
def test_wrong_words_of_the_user_are_named(overrides: dict[str, str], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        map_topics(topics(a=TRACKED_OBJECTS), Config(), overrides)


@pytest.mark.parametrize('text', ['- a', 'a: 1', 'a: b', ': [', '1: /a', ''])
def test_malformed_topic_files_are_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / 'topics.yaml'
    file.write_text(text)
    with pytest.raises(ParameterError, match=r'topics\.yaml'):
        load_overrides(file)
