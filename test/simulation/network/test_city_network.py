"""What a city's network must hold: lanes lead on, nobody is stuck, junctions are as planned."""

from __future__ import annotations

import re

import numpy as np
import pytest

from prediction_node.simulation.network.city import City
from prediction_node.simulation.network.net_file import Function, NetLane, Network
from prediction_node.simulation.network.routes import left_turns, road_graph, walking_components

pytest.importorskip('sumo', reason='SUMO is not installed (requirements/simulation.txt)')

KINDS = {
    'signal': 'traffic_light',
    'priority': 'priority',
    'stop': 'priority_stop',
    'all_way_stop': 'allway_stop',
    'right_before_left': 'right_before_left',
}


def lanes_for(network: Network, vehicle_class: str) -> list[NetLane]:
    return [
        lane
        for lane in network.lanes.values()
        if lane.function is Function.NORMAL and lane.access.allows(vehicle_class)
    ]


@pytest.mark.parametrize('vehicle_class', ['passenger', 'bicycle'])
def test_every_lane_leads_on_and_is_led_to_except_at_the_fringe(
    network: Network, vehicle_class: str
) -> None:
    dead_ends = {j.id for j in network.junctions.values() if j.kind == 'dead_end'}
    leading = {c.start for c in network.connections}
    led_to = {c.end for c in network.connections}
    lanes = lanes_for(network, vehicle_class)
    assert lanes
    for lane in lanes:
        edge = network.edges[lane.edge]
        assert edge.end in dead_ends or lane.id in leading, lane.id
        # Lanes in which bicycles may ride everywhere are reached from beside.
        if vehicle_class == 'passenger':
            beside = {f'{lane.edge}_{lane.index + k}' for k in (-1, 0, 1)}
            assert edge.start in dead_ends or beside & led_to, lane.id


def test_from_every_entry_every_other_exit_can_be_reached(city: City, network: Network) -> None:
    rng = np.random.default_rng(0)
    graph = road_graph(network, 'passenger')
    assert len(graph.entries) >= 4
    for entry in graph.entries:
        for leaving in graph.exits:
            way = graph.way(entry, leaving, rng)
            same_arm = network.edges[entry].start == network.edges[leaving].end
            if not same_arm:
                assert way[0] == entry
                assert way[-1] == leaving


def test_nobody_turns_back_at_a_junction(network: Network) -> None:
    for connection in network.connections:
        start = network.edges[network.lanes[connection.start].edge]
        end = network.edges[network.lanes[connection.end].edge]
        if start.function is Function.NORMAL and end.function is Function.NORMAL:
            assert start.start != end.end or start.start == ''


def test_junctions_are_of_the_kind_that_the_scenario_names(city: City, network: Network) -> None:
    layout = city.scenario.layout
    for row in range(len(layout.rows)):
        for column in range(len(layout.columns)):
            kind = layout.junction(column, row)
            place = f'p{column}{row}'
            if kind == 'roundabout':
                assert place not in network.junctions
                assert sum(name.startswith(f'{place}g') for name in network.junctions) >= 3
            else:
                assert network.junctions[place].kind == KINDS[kind]


def test_a_city_with_lights_has_programmes_and_crosswalks(city: City, network: Network) -> None:
    layout = city.scenario.layout
    signals = 'signal' in layout.junctions
    assert bool(network.programmes) == signals
    crosswalks = [e for e in network.edges.values() if e.function is Function.CROSSING]
    assert crosswalks


def test_lights_are_not_all_in_step(city: City, network: Network) -> None:
    text = city.net.read_text(encoding='utf-8')
    offsets = re.findall(r'<tlLogic [^>]*offset="(\d+)"', text)
    assert len(offsets) == len(network.programmes)
    assert len(set(offsets)) > 1 or len(offsets) < 3


def test_sidewalks_hang_together(network: Network) -> None:
    parts = walking_components(network)
    sizes = sorted(np.bincount(list(parts.values())), reverse=True)
    # Where few crosswalks are, an outer sidewalk may be on its own; most are connected.
    assert sizes[0] >= 0.5 * len(parts)


def test_kerb_lanes_are_for_parking_cars_alone_and_lead_nowhere(network: Network) -> None:
    leading = {c.start for c in network.connections} | {c.end for c in network.connections}
    for lane in network.lanes.values():
        if lane.function is Function.NORMAL and lane.access.allowed == {'custom1'}:
            assert lane.id not in leading


def test_streets_that_bend_are_driven_slowly_enough(network: Network) -> None:
    for lane in lanes_for(network, 'passenger'):
        line = lane.shape_m[:, :2]
        steps = np.diff(line, axis=0)
        # The pieces of a ring are short, and bent anew where they meet junctions.
        if len(steps) < 8:
            continue
        heading = np.unwrap(np.arctan2(steps[:, 1].copy(), steps[:, 0].copy()))
        way = np.hypot(*steps.T)
        bend = np.abs(np.diff(heading)) / (0.5 * (way[1:] + way[:-1]))
        # Planned for 2 m/s2 on the middle of the street; inner lanes bend a little more.
        assert lane.speed_mps**2 * np.median(bend) <= 2.6, lane.id


def test_the_robotaxi_drives_connected_edges_for_as_long_as_asked(
    city: City, network: Network
) -> None:
    graph = road_graph(network, 'taxi')
    for edge, following in zip(city.ego_route, city.ego_route[1:], strict=False):
        assert following in graph.onto[edge]
    fastest = sum(graph.time_s(edge) for edge in city.ego_route[:-1]) / 0.85
    assert fastest >= 60.0


def test_left_turns_are_found(network: Network) -> None:
    assert all(a != b for a, b in left_turns(network))
