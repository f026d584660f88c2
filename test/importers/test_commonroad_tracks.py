"""Obstacles of CommonRoad scenarios become tracks; what is malformed is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import ATTRIBUTE_INDEX, ObjectClass
from prediction_node.domain.lights import LightColour, LightShape
from prediction_node.importers.commonroad import (
    START_NS,
    licence_of_scenario,
    read_commonroad,
    read_origin,
)


def test_states_become_a_track(scenario: Any, xml: Any) -> None:
    recording, _ = read_commonroad(
        scenario(
            xml.road,
            xml.car(7, [(2, 1.0, 2.0, 7.0, 0.0), (3, 1.5, 2.5, 7.0, 0.0)]),
            xml.driver(8, (0, 0), (5, 0)),
        )
    )
    assert recording.name == 'TST_Road-1_1_T-1'
    assert recording.track_id == ('7', '8')
    assert recording.stamp_ns[0] == START_NS
    assert set(np.diff(recording.stamp_ns).tolist()) == {100_000_000}
    assert recording.valid[0].nonzero()[0].tolist() == [2, 3]
    np.testing.assert_allclose(recording.position_m[0, 3], [1.5, 2.5, 0.75])
    np.testing.assert_allclose(recording.size_m[0], [4.5, 1.8, 1.5])
    np.testing.assert_allclose(recording.yaw_rad[0, 2], 7.0 - 2.0 * np.pi)


def test_time_starts_with_the_first_state(scenario: Any, xml: Any) -> None:
    recording, _ = read_commonroad(scenario(xml.road, xml.driver(1, (0, 0), (5, 0), first=30)))
    assert recording.valid.shape == (1, 21)
    assert recording.valid.all()


def test_velocity_knows_nothing_of_the_future(scenario: Any, xml: Any) -> None:
    """Whatever happens after an instant, the velocities up to it are the same."""
    rng = np.random.default_rng(0)
    path = np.cumsum(rng.uniform(0.2, 1.5, (20, 2)), axis=0)
    other = path.copy()
    other[12:] += rng.uniform(-5, 5, (8, 2))

    def velocities(places: np.ndarray) -> np.ndarray:
        states = [(k, *p, 0.0, 3.0) for k, p in enumerate(places.tolist())]
        return read_commonroad(scenario(xml.road, xml.car(1, states)))[0].velocity_mps[0]

    np.testing.assert_array_equal(velocities(path)[:12], velocities(other)[:12])
    assert not np.allclose(velocities(path)[12:], velocities(other)[12:])


def test_velocity_is_the_difference_to_the_instant_before(scenario: Any, xml: Any) -> None:
    states = [(0, 0.0, 0.0, 0.0, 9.0), (1, 0.5, 0.0, 0.0, 9.0), (2, 1.5, 0.2, 0.0, 9.0)]
    file = scenario(xml.road, xml.car(1, states))
    backward = read_commonroad(file)[0].velocity_mps[0]
    # At the first instant there is nothing but the speed in the file.
    np.testing.assert_allclose(backward, [[9.0, 0.0], [5.0, 0.0], [10.0, 2.0]], atol=1e-9)
    recorded = read_commonroad(file, velocity='recorded')[0].velocity_mps[0]
    np.testing.assert_allclose(recorded, [[9.0, 0.0]] * 3, atol=1e-9)


def test_recorded_speed_points_along_the_orientation(scenario: Any, xml: Any) -> None:
    file = scenario(xml.road, xml.car(1, [(0, 0, 0, 0.5, 4.0), (1, 1, 1, 2.0, -4.0)]))
    velocity = read_commonroad(file, velocity='recorded')[0].velocity_mps[0]
    expected = [[4 * np.cos(0.5), 4 * np.sin(0.5)], [-4 * np.cos(2.0), -4 * np.sin(2.0)]]
    np.testing.assert_allclose(velocity, expected)


@pytest.mark.parametrize(
    ('kind', 'label'),
    [
        ('car', ObjectClass.CAR),
        ('truck', ObjectClass.TRUCK),
        ('bus', ObjectClass.BUS),
        ('bicycle', ObjectClass.BICYCLE),
        ('pedestrian', ObjectClass.PEDESTRIAN),
        ('motorcycle', ObjectClass.MOTORCYCLE),
        ('priorityVehicle', ObjectClass.CAR),
        ('unknown', ObjectClass.UNKNOWN),
    ],
)
def test_types(kind: str, label: ObjectClass, scenario: Any, xml: Any) -> None:
    recording, _ = read_commonroad(scenario(xml.road, xml.driver(1, (0, 0), (5, 0), kind=kind)))
    assert recording.label.tolist() == [label]


def test_intervals_count_as_their_middle_and_regions_as_their_centre(
    scenario: Any, xml: Any
) -> None:
    interval = '<intervalStart>{}</intervalStart><intervalEnd>{}</intervalEnd>'
    uncertain = (
        '<dynamicObstacle id="1"><type>pedestrian</type>'
        '<shape><circle><radius>0.4</radius></circle></shape><initialState>'
        '<position><rectangle><length>2</length><width>1</width><orientation>0</orientation>'
        '<center><x>3</x><y>4</y></center></rectangle></position>'
        f'<orientation>{interval.format(0.2, 0.4)}</orientation>'
        f'<velocity>{interval.format(1.0, 2.0)}</velocity>'
        f'{xml.exact("time", 0)}</initialState></dynamicObstacle>'
    )
    recording, _ = read_commonroad(scenario(xml.road, uncertain))
    np.testing.assert_allclose(recording.position_m[0, 0, :2], [3.0, 4.0])
    np.testing.assert_allclose(recording.yaw_rad[0, 0], 0.3)
    np.testing.assert_allclose(np.hypot(*recording.velocity_mps[0, 0]), 1.5)
    np.testing.assert_allclose(recording.size_m[0, :2], [0.8, 0.8])


def test_a_shape_beside_its_reference_point_is_moved_to_its_centre(scenario: Any, xml: Any) -> None:
    shifted = xml.car(1, [(0, 10.0, 0.0, np.pi / 2, 0.0)]).replace(
        '</rectangle>', '<center><x>2.0</x><y>0.5</y></center></rectangle>'
    )
    recording, _ = read_commonroad(scenario(xml.road, shifted))
    np.testing.assert_allclose(recording.position_m[0, 0, :2], [9.5, 2.0], atol=1e-9)


def test_static_obstacles_are_parked_all_the_time(scenario: Any, xml: Any) -> None:
    parked = (
        '<staticObstacle id="5"><type>parkedVehicle</type><shape><rectangle><length>5</length>'
        f'<width>2</width></rectangle></shape>{xml.state("initialState", 0, 3, 4)}</staticObstacle>'
    )
    house = parked.replace('id="5"', 'id="6"').replace('parkedVehicle', 'building')
    recording, _ = read_commonroad(scenario(xml.road, xml.driver(1, (0, 0), (5, 0)), parked, house))
    assert recording.track_id == ('1', '5')
    assert recording.valid[1].all()
    index = ATTRIBUTE_INDEX['parked']
    assert recording.attributes[1, :, index].all()
    assert recording.has_attribute[1, :, index].all()
    assert not recording.has_attribute[0].any()
    assert not recording.velocity_mps[1].any()


def test_predicted_sets_are_not_taken_for_recorded_motion(scenario: Any, xml: Any) -> None:
    sets = xml.car(2, [(0, 5, 5, 0, 3.0)]).replace(
        '</dynamicObstacle>',
        '<occupancySet><occupancy><shape><circle><radius>1</radius></circle></shape>'
        '<time><exact>1</exact></time></occupancy></occupancySet></dynamicObstacle>',
    )
    recording, _ = read_commonroad(scenario(xml.road, xml.driver(1, (0, 0), (5, 0)), sets))
    assert recording.valid[1].nonzero()[0].tolist() == [0]


LIGHT = (
    '<trafficLight id="90"><cycle><cycleElement><duration>5</duration><color>green</color>'
    '</cycleElement><cycleElement><duration>3</duration><color>yellow</color></cycleElement>'
    '<cycleElement><duration>10</duration><color>red</color></cycleElement>'
    '<timeOffset>{offset}</timeOffset></cycle><position><point><x>0</x><y>9</y></point></position>'
    '<direction>{direction}</direction><active>true</active></trafficLight>'
)


@pytest.mark.parametrize('offset', [0, 4, 17, 1000])
def test_light_cycles_start_at_their_offset(offset: int, scenario: Any, xml: Any) -> None:
    light = LIGHT.format(offset=offset, direction='left')
    recording, _ = read_commonroad(scenario(xml.road, xml.driver(1, (0, 0), (5, 0)), light))
    phases = [LightColour.GREEN] * 5 + [LightColour.AMBER] * 3 + [LightColour.RED] * 10
    for k, lights in enumerate(recording.lights):
        assert lights.group_id.tolist() == [90]
        assert lights.colour.tolist() == [phases[(k - offset) % 18]]
        assert lights.shape.tolist() == [LightShape.LEFT_ARROW]
        assert lights.stamp_ns.tolist() == [recording.stamp_ns[k]]


def test_a_lamp_for_two_directions_shows_two_arrows(scenario: Any, xml: Any) -> None:
    light = LIGHT.format(offset=0, direction='straightRight')
    recording, _ = read_commonroad(scenario(xml.road, xml.driver(1, (0, 0), (5, 0)), light))
    assert recording.lights[0].shape.tolist() == [LightShape.UP_ARROW, LightShape.RIGHT_ARROW]
    assert recording.lights[0].colour.tolist() == [LightColour.GREEN] * 2


def test_dark_phases_show_nothing(scenario: Any, xml: Any) -> None:
    light = LIGHT.format(offset=0, direction='all').replace('red', 'inactive')
    recording, _ = read_commonroad(scenario(xml.road, xml.driver(1, (0, 0), (5, 0)), light))
    assert [len(lights) for lights in recording.lights] == [1] * 8 + [0] * 10 + [1] * 3


def test_origin(scenario: Any, xml: Any) -> None:
    place = '<location><gpsLatitude>{}</gpsLatitude><gpsLongitude>{}</gpsLongitude></location>'
    body = (xml.road, xml.driver(1, (0, 0), (5, 0)))
    assert read_origin(scenario(place.format(34.1, -118.4), *body)) == (34.1, -118.4)
    assert read_origin(scenario(place.format(999, 999), *body)) == (0.0, 0.0)
    assert read_origin(scenario(*body)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ('before', 'after', 'message'),
    [
        (
            '<y>3.0</y>',
            '',
            r'dynamicObstacle 7: initialState: position: point: element y is missing',
        ),
        ('<y>3.0</y>', '<y>x</y>', r"dynamicObstacle 7: .*point: y: must be a number, got 'x'"),
        ('<y>3.0</y>', '<y>nan</y>', r'dynamicObstacle 7: .*point: y: must be finite, got nan'),
        ('<type>car</type>', '', r'dynamicObstacle 7: element type is missing'),
        ('<type>car</type>', '<type>ufo</type>', r"dynamicObstacle 7: type 'ufo' is unknown"),
        ('id="7"', '', r'dynamicObstacle 1: attribute id is missing'),
        ('id="7"', 'id="seven"', r"attribute id must be an integer, got 'seven'"),
        ('id="7"', 'id="8"', r'dynamicObstacle 8: id 8 is used twice'),
        ('4.5', '-4.5', r'shape: length and width must be positive'),
        ('2020a', '2017', r"commonRoadVersion must be one of 2018b, 2020a, got '2017'"),
        ('"0.1"', '"0"', r"timeStepSize must lie in \[0.001, 10\], got '0'"),
        (
            '<exact>1</exact>',
            '<exact>0</exact>',
            r'dynamicObstacle 7: two states have the same time',
        ),
        (
            '<exact>1</exact>',
            '<exact>0.5</exact>',
            r'time must be a whole number of steps, got 0.5',
        ),
        ('<exact>1</exact>', '<exact>9999999</exact>', r'at most 36000 time steps, got 10000000'),
        ('</commonRoad>', '', r'scenario.xml is not well-formed XML'),
        ('commonRoad ', 'commonRail ', r'not well-formed|root element must be commonRoad'),
    ],
)
def test_malformed_files_are_named(
    before: str, after: str, message: str, scenario: Any, xml: Any
) -> None:
    good = xml.car(7, [(0, 2.0, 3.0, 0.0, 1.0), (1, 2.1, 3.5, 0.0, 1.0)])
    file = scenario(xml.road, xml.car(8, [(0, 0, 0)]), good)
    text = file.read_text()
    assert before in text
    place = text.rindex(before) if before == '</commonRoad>' else text.index(before, 0)
    if before in good:
        place = text.index(before, text.index('id="7"') - 25)
    file.write_text(text[:place] + after + text[place + len(before) :])
    with pytest.raises(DataError, match=message) as caught:
        read_commonroad(file)
    assert str(file) in str(caught.value)


def test_entities_are_refused(scenario: Any, xml: Any) -> None:
    head = '<!DOCTYPE commonRoad [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    file = scenario(xml.road, xml.driver(1, (0, 0), (5, 0)), head=head)
    with pytest.raises(DataError, match='a document type declaration is not accepted'):
        read_commonroad(file)


def test_absent_and_empty_files(tmp_path: Any, scenario: Any, xml: Any) -> None:
    with pytest.raises(DataError, match=r'nowhere\.xml cannot be read'):
        read_commonroad(tmp_path / 'nowhere.xml')
    with pytest.raises(DataError, match='there is no obstacle'):
        read_commonroad(scenario(xml.road))
    with pytest.raises(DataError, match='there is no lanelet'):
        read_commonroad(scenario(xml.driver(1, (0, 0), (5, 0))))
    with pytest.raises(ValueError, match='velocity must be backward or recorded'):
        read_commonroad(scenario(xml.road), velocity='centred')


@pytest.mark.parametrize(
    ('source', 'licence'),
    [
        (
            'Next Generation Simulation (NGSIM) and OpenStreetMaps (OSM)',
            'NGSIM: US DOT, public domain; lanes partly OpenStreetMap, ODbL',
        ),
        ('drawn by hand', ''),
        (None, ''),
    ],
)
def test_licences_follow_from_the_sources(tmp_path: Path, source: str | None, licence: str) -> None:
    said = '' if source is None else f' source="{source}"'
    file = tmp_path / 'scenario.xml'
    file.write_text(f'<commonRoad{said}/>')
    assert licence_of_scenario(file) == licence
