"""The demand runs in SUMO: it loads, it flows, all classes are there."""

from __future__ import annotations

import subprocess
from xml.etree import ElementTree

import numpy as np
import pytest

from prediction_node.domain.kinds import ObjectClass
from prediction_node.simulation.network.city import City
from prediction_node.simulation.network.net_file import Network
from prediction_node.simulation.network.netconvert import find_netconvert
from prediction_node.simulation.network.parking import room_about
from prediction_node.simulation.network.vehicle_types import BODIES

pytest.importorskip('sumo', reason='SUMO is not installed (requirements/simulation.txt)')

KINDS = ('car', 'truck', 'bus', 'trailer', 'motorcycle', 'bicycle')


@pytest.fixture(scope='session')
def run(city: City) -> dict[str, ElementTree.Element]:
    """SUMO's own account of 40 seconds."""
    sumo = find_netconvert().parent / 'sumo'
    statistics, trips = city.folder / 'statistics.xml', city.folder / 'trips.xml'
    done = subprocess.run(
        [
            *(str(sumo), '--net-file', str(city.net), '--route-files', str(city.routes[0])),
            *('--end', '40', '--step-length', '0.1', '--lateral-resolution', '0.4'),
            *('--statistic-output', str(statistics), '--tripinfo-output', str(trips)),
            *('--tripinfo-output.write-unfinished', 'true', '--time-to-teleport', '-1'),
            *('--no-step-log', 'true', '--no-warnings', 'true', '--xml-validation', 'never'),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert 'Error' not in done.stderr
    return {
        'statistics': ElementTree.parse(statistics).getroot(),
        'trips': ElementTree.parse(trips).getroot(),
    }


def routes(city: City) -> ElementTree.Element:
    return ElementTree.parse(city.routes[0]).getroot()


def test_everyone_gets_in_and_traffic_flows(run: dict[str, ElementTree.Element]) -> None:
    vehicles = run['statistics'].find('vehicles')
    teleports = run['statistics'].find('teleports')
    assert vehicles is not None
    assert teleports is not None
    assert int(vehicles.attrib['waiting']) <= 3
    assert teleports.attrib['total'] == '0'
    moved = [
        float(trip.attrib['routeLength']) / float(trip.attrib['duration'])
        for trip in run['trips'].iterfind('tripinfo')
        if trip.attrib['id'].startswith('car_') and float(trip.attrib['duration']) > 10.0
    ]
    assert len(moved) >= 5
    assert np.mean(moved) > 2.0
    assert any(trip.attrib['id'] == 'ego' for trip in run['trips'].iterfind('tripinfo'))


def test_every_class_with_a_rate_is_there_from_the_start(city: City) -> None:
    present = {
        each.attrib['id'].split('_')[0]
        for each in routes(city)
        if each.tag in ('vehicle', 'person') and float(each.attrib['depart']) == 0.0
    }
    assert {*KINDS, 'person', 'ego'} <= present


def test_departures_are_in_order_and_types_are_known(city: City) -> None:
    root = routes(city)
    types = {each.attrib['id'] for each in root.iterfind('vType')}
    users = [each for each in root if each.tag in ('vehicle', 'person')]
    departures = [float(each.attrib['depart']) for each in users]
    assert departures == sorted(departures)
    assert users[0].attrib['id'] == 'ego'
    assert {each.attrib['type'] for each in users} <= types
    assert len({each.attrib['id'] for each in users}) == len(users)


def test_the_script_names_road_users_of_the_demand(city: City) -> None:
    known = {each.attrib['id'] for each in routes(city) if each.tag in ('vehicle', 'person')}
    script = city.script
    named = {
        *(each.vehicle_id for each in script.pull_outs),
        *script.double_parked,
        *script.emergency,
        *script.red_light_runners,
        *(each.person_id for each in script.late_walkers),
    }
    assert named <= known
    assert not {car.id for car in script.parked} & known
    for pull_out in script.pull_outs:
        assert 0.0 < pull_out.start_s - pull_out.notice_s < pull_out.start_s < 60.0


def test_every_event_with_a_rate_happens_where_there_is_a_place(
    city: City, network: Network
) -> None:
    events, script = city.scenario.events, city.script
    labels = [crossing.label for crossing in script.crossings]
    assert (ObjectClass.ANIMAL in labels) == (events.dog_per_min > 0.0)
    assert (ObjectClass.PEDESTRIAN in labels) == (events.mid_block_crossing_per_min > 0.0)
    assert bool(script.double_parked) == (events.double_parked_per_min > 0.0)
    assert bool(script.emergency) == (events.emergency_per_min > 0.0)
    assert bool(script.pull_outs) == bool(script.parked)
    if network.programmes:
        assert bool(script.red_light_runners) == (events.red_light_runner_per_min > 0.0)


def test_crossings_begin_and_end_beside_the_road_and_lead_around_parked_cars(
    city: City, network: Network
) -> None:
    driving = [
        lane
        for lane in network.lanes.values()
        if lane.access.allows('passenger') and len(lane.shape_m) > 1
    ]
    for crossing in city.script.crossings:
        assert 0.0 <= crossing.earliest_s <= crossing.start_s < 60.0
        for car in city.script.parked:
            assert room_about(car, crossing.path_m) > 0.7
        dense = np.concatenate(
            [
                a + np.linspace(0.0, 1.0, 60)[:, None] * (b - a)
                for a, b in zip(crossing.path_m, crossing.path_m[1:], strict=False)
            ]
        )
        away = np.array([_away_m(lane.shape_m[:, :2], dense) for lane in driving])
        half = np.array([0.5 * lane.width_m for lane in driving])
        on_road = (away < half[:, None]).any(axis=0)
        assert on_road.any()
        assert not on_road[[0, -1]].any()


def _away_m(line: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(P,) distance of points from a polyline."""
    start, step = line[:-1], np.diff(line, axis=0)
    share = np.einsum('psk,sk->ps', points[:, None] - start[None], step)
    share = np.clip(share / np.maximum(1e-12, (step**2).sum(axis=1)), 0.0, 1.0)
    foot = start[None] + share[..., None] * step[None]
    return np.hypot(*(points[:, None] - foot).transpose(2, 0, 1)).min(axis=1)


def test_parked_cars_stand_on_kerb_lanes_apart(city: City, network: Network) -> None:
    kerbs = [
        lane
        for lane in network.lanes.values()
        if lane.access.allowed == {'custom1'} and len(lane.shape_m) > 1
    ]
    assert bool(city.script.parked) == bool(kerbs)
    for car in city.script.parked:
        away = min(_away_m(lane.shape_m[:, :2], car.position_m[None])[0] for lane in kerbs)
        assert away < 0.15
        others = [other for other in city.script.parked if other is not car]
        ends = car.position_m + np.array([[-0.5], [0.0], [0.5]]) * car.size_m[0] * np.array(
            [[np.cos(car.yaw_rad), np.sin(car.yaw_rad)]]
        )
        assert all(room_about(other, ends) > 0.2 for other in others)


def test_bodies_of_each_kind_vary_and_are_of_sensible_size() -> None:
    for kind in (*KINDS, 'pedestrian', 'parking'):
        for body in BODIES[kind]:
            assert 0.2 < body.width_m < 2.6
            assert 0.2 < body.length_m < 18.0
            assert 1.0 < body.height_m < 4.0
