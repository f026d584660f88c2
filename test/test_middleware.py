"""The launch files give each middleware its profile, and leave a user's own choice alone."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from prediction_node.middleware import profile_environment

CONFIG = Path(__file__).resolve().parent.parent / 'config'


def test_fast_dds_is_the_default() -> None:
    chosen = profile_environment({}, CONFIG)
    assert set(chosen) == {'FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'}
    assert Path(chosen['FASTRTPS_DEFAULT_PROFILES_FILE']).is_file()


def test_cyclone_gets_its_own() -> None:
    chosen = profile_environment({'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'}, CONFIG)
    assert list(chosen) == ['CYCLONEDDS_URI']
    assert Path(chosen['CYCLONEDDS_URI'].removeprefix('file://')).is_file()


def test_the_users_choice_stays() -> None:
    mine = {'FASTRTPS_DEFAULT_PROFILES_FILE': '/mine.xml'}
    assert profile_environment(mine, CONFIG) == {}
    mine = {'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp', 'CYCLONEDDS_URI': 'file:///mine.xml'}
    assert profile_environment(mine, CONFIG) == {}


def test_an_unknown_middleware_is_left_alone() -> None:
    assert profile_environment({'RMW_IMPLEMENTATION': 'rmw_zenoh_cpp'}, CONFIG) == {}


def test_fast_dds_segment_holds_a_prediction_of_256_agents() -> None:
    root = ElementTree.parse(CONFIG / 'fastdds.xml').getroot()
    space = {'f': 'http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles'}
    bytes_of_256 = 256 * 6 * 81 * 7 * 8
    segment = root.find('.//f:segment_size', space)
    largest = root.find('.//f:maxMessageSize', space)
    assert segment is not None
    assert largest is not None
    assert int(segment.text or 0) >= 4 * bytes_of_256
    assert int(largest.text or 0) >= bytes_of_256
