"""Signs, lights and the law in the map: against SUMO's own words on the same network."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.lane_map import BorderKind, LaneKind, LaneMap, Turn
from prediction_node.domain.lights import LightShape
from prediction_node.lanelet.polyline import project
from prediction_node.simulation.city_map import lanelet_ids
from prediction_node.simulation.network.net_file import Function
from prediction_node.simulation.network.signals import signal_groups


def row_of(mapped: Any, net_lane: str) -> int:
    return mapped.made.index_of(lanelet_ids(mapped.network)[net_lane])


def heading(lane_map: LaneMap, lane: int, end: int) -> float:
    line = lane_map.centreline[lane][:, :2]
    step = line[-1] - line[-2] if end else line[1] - line[0]
    return float(np.arctan2(step[1], step[0]))


def test_every_kind_of_lane_is_there(city_map: Any) -> None:
    kinds = set(city_map.made.kind.tolist())
    assert kinds == {
        LaneKind.ROAD, LaneKind.BICYCLE, LaneKind.WALKWAY, LaneKind.CROSSWALK, LaneKind.SHOULDER,
    }  # fmt: skip
    of_net = {'pedestrian': LaneKind.WALKWAY, 'bicycle': LaneKind.BICYCLE}
    for lane in city_map.network.lanes.values():
        only = lane.access.allowed
        if lane.function is Function.NORMAL and only is not None and len(only) == 1:
            expected = of_net.get(next(iter(only)), LaneKind.SHOULDER)
            assert city_map.made.kind[row_of(city_map, lane.id)] == expected


def test_lanes_are_as_wide_as_the_network_says(city_map: Any) -> None:
    made = city_map.made
    for lane in city_map.network.lanes.values():
        if lane.function is not Function.NORMAL:
            continue
        row = row_of(city_map, lane.id)
        left, right = made.left_border[row], made.right_border[row]
        middle = left[len(left) // 2]
        width = np.hypot(*(right[:, :2] - middle[:2]).T).min()
        assert abs(width - lane.width_m) < 0.15
        assert made.speed_limit_mps[row] == (
            np.inf if made.kind[row] == LaneKind.WALKWAY else lane.speed_mps
        )


def test_who_turns_left_bends_more_to_the_left(city_map: Any) -> None:
    """Of all ways from one lane: right turns, straight on and left turns lie in this order."""
    made, network = city_map.made, city_map.network
    ways: dict[str, list[tuple[Turn, float]]] = {}
    for connection in network.connections:
        if network.lanes[connection.start].function is Function.NORMAL and connection.via:
            lane = row_of(city_map, connection.via)
            turn = Turn(int(made.turn[lane]))
            if made.kind[lane] in (LaneKind.ROAD, LaneKind.BICYCLE):
                out = heading(made, row_of(city_map, connection.end), 0)
                bend = wrap_angle(out - heading(made, row_of(city_map, connection.start), 1))
                ways.setdefault(connection.start, []).append((turn, float(bend)))
                assert turn != Turn.NONE
    seen = set()
    rank = {Turn.RIGHT: 0, Turn.STRAIGHT: 1, Turn.LEFT: 2}
    for siblings in ways.values():
        for a, bend in siblings:
            seen.add(a)
            assert all(bend < other for b, other in siblings if rank[a] < rank[b])
    assert seen == set(rank)


def test_neighbours_share_their_border(city_map: Any) -> None:
    made = city_map.made
    assert len(made.left.targets) > 20
    for lane in range(len(made)):
        for other in made.left[lane].tolist():
            np.testing.assert_array_equal(made.left_border[lane], made.right_border[other])
            assert made.left_border_kind[lane] == made.right_border_kind[other]
            if made.kind[lane] == made.kind[other]:
                assert lane in made.right[other]


def test_borders_tell_what_they_separate(city_map: Any) -> None:
    made, network = city_map.made, city_map.network
    outer = {
        edge.id: made.left_border[row_of(city_map, edge.lanes[-1])]
        for edge in network.edges.values()
        if edge.function is Function.NORMAL
    }
    for edge in network.edges.values():
        if edge.function is not Function.NORMAL:
            continue
        rows = [row_of(city_map, lane) for lane in edge.lanes]
        # A good part of the border has oncoming lanes right behind it.
        facing = max(
            (project(line, outer[edge.id])[1] < 0.5).mean()
            for other, line in outer.items()
            if other != edge.id
        )
        expected = BorderKind.SOLID if facing > 0.3 else BorderKind.CURB
        assert made.left_border_kind[rows[-1]] == expected
        for right, left in itertools.pairwise(rows):
            if made.kind[right] == LaneKind.WALKWAY:
                assert made.left_border_kind[right] == BorderKind.CURB
            elif made.kind[right] == made.kind[left] == LaneKind.ROAD:
                assert made.left_border_kind[right] == BorderKind.DASHED
                assert made.left_change[right]
                assert made.right_change[left]
    assert BorderKind.SOLID in made.left_border_kind


def test_who_was_parked_may_drive_off(city_map: Any) -> None:
    made = city_map.made
    shoulders = np.flatnonzero(made.kind == LaneKind.SHOULDER)
    assert len(shoulders)
    for lane in shoulders.tolist():
        (beside,) = made.left[lane].tolist()
        assert made.kind[beside] == LaneKind.ROAD
        assert made.left_change[lane]
        assert lane not in made.right[beside]


def test_right_of_way_is_the_networks(city_map: Any) -> None:
    """Both directions: each word of the table is in the map, each word of the map in the table."""
    made, network = city_map.made, city_map.network
    expected: set[tuple[int, int]] = set()
    link_of: dict[int, tuple[str, int]] = {}
    for junction in network.junctions.values():
        rows = [row_of(city_map, lane) for lane in junction.inner if not lane.startswith(':w')]
        for link, other in np.argwhere(junction.gives_way).tolist():
            expected.add((rows[link], rows[other]))
        link_of.update((row, (junction.id, k)) for k, row in enumerate(rows))
    found = {(lane, int(k)) for lane in range(len(made)) for k in made.yields_to[lane]}
    assert expected <= found
    assert len(expected) > 30
    for lane, other in found:
        if lane in link_of and other in link_of:
            (junction_id, a), (same, b) = link_of[lane], link_of[other]
            assert junction_id == same
            assert network.junctions[junction_id].gives_way[a, b]
    crosswalks = {int(k) for k in np.flatnonzero(made.kind == LaneKind.CROSSWALK)}
    assert any(other in crosswalks for _, other in found)


def test_every_link_with_a_signal_is_ruled_by_its_group(city_map: Any) -> None:
    made, network = city_map.made, city_map.network
    group_of = {(g.signal, k): g for g in signal_groups(network) for k in g.links}
    assert group_of
    for connection in network.connections:
        if not connection.signal:
            continue
        group = group_of[connection.signal, connection.link]
        first = connection.via or connection.end
        (index,) = np.flatnonzero(made.light_group_id == group.id)
        assert row_of(city_map, first) in made.light_lanes[int(index)]
        assert made.lane_lights[row_of(city_map, first)].tolist() == [index]
        stops = made.light_stop_line[int(index)]
        if group.walkers:
            assert not len(stops)
            continue
        # The stop line lies across the end of the lane that the link leaves.
        line = made.stop_lines[int(stops[0])][:, :2]
        end = made.centreline[row_of(city_map, connection.start)][-1, :2]
        along = (line[-1] - line[0]) / np.hypot(*(line[-1] - line[0]))
        ahead = end - line[0]
        assert abs(along[0] * ahead[1] - along[1] * ahead[0]) < 0.3
        assert -0.1 < (end - line[0]) @ along < np.hypot(*(line[-1] - line[0])) + 0.1


def test_groups_show_one_picture_in_every_phase(city_map: Any, generate: Any) -> None:
    left_turns = generate(
        '--grid', '--grid.number', '3', '-L', '2', '--default-junction-type', 'traffic_light',
        '--turn-lanes', '1', '--no-turnarounds',
    )  # fmt: skip
    shapes = set()
    for network in (city_map.network, left_turns.network):
        groups = signal_groups(network)
        assert [g.id for g in groups] == list(range(1, len(groups) + 1))
        named = [(g.signal, link) for g in groups for link in g.links]
        assert len(named) == len(set(named))
        for group in groups:
            shapes.add(group.shape)
            for states in network.programmes[group.signal]:
                for state in states:
                    assert len({state[link].lower() for link in group.links}) == 1
    # Left turns with a phase of their own have an arrow.
    assert {LightShape.CIRCLE, LightShape.LEFT_ARROW} <= shapes


def test_only_roads_without_the_right_of_way_have_stop_lines(city_map: Any) -> None:
    made, network = city_map.made, city_map.network
    stopping = {int(k) for k in made.stop_line_lanes.targets}
    states: dict[str, set[str]] = {}
    for connection in network.connections:
        if network.lanes[connection.start].function is Function.NORMAL and connection.via:
            word = 'signal' if connection.signal else connection.state
            states.setdefault(network.lanes[connection.start].edge, set()).add(word)
    seen = set()
    for edge, words in states.items():
        rows = [row_of(city_map, lane) for lane in network.edges[edge].lanes]
        held = any(row in stopping for row in rows)
        seen.add(held)
        assert held == (words <= {'m', 's', 'w'} or 'signal' in words), (edge, words)
    assert seen == {True, False}


def test_houses_and_junctions_are_areas(city: Any, city_map: Any) -> None:
    areas = city_map.loaded.areas
    houses = [area for area in areas if area.kind == 'building']
    assert len(houses) == len(city.buildings)
    assert {area.kind for area in areas} == {'building', 'intersection_area'}
    for area in areas:
        x, y = (area.outline_m[:, :2] - area.outline_m[0, :2]).T
        assert x @ np.roll(y, -1) - y @ np.roll(x, -1) > 0.0


def test_walkers_get_from_sidewalk_to_sidewalk(city_map: Any) -> None:
    """Every crosswalk is reached from both ends, and leads on."""
    loaded = city_map.loaded
    for lane in np.flatnonzero(loaded.kind == LaneKind.CROSSWALK).tolist():
        ends = loaded.centreline[lane][[0, -1], :2]
        nearer = set()
        for other in loaded.successors[lane].tolist():
            line = loaded.centreline[other][[0, -1], :2]
            apart = np.hypot(*(line[:, None] - ends[None]).transpose(2, 0, 1))
            nearer.add(int(apart.min(axis=0).argmin()))
        assert nearer == {0, 1}


@pytest.mark.parametrize('side', ['left_border', 'right_border'])
def test_ends_are_shared_with_those_that_follow(city_map: Any, side: str) -> None:
    made = city_map.made
    walked = (LaneKind.WALKWAY, LaneKind.CROSSWALK)
    for lane in np.flatnonzero(~np.isin(made.kind, walked)).tolist():
        for following in made.successors[lane].tolist():
            np.testing.assert_array_equal(
                getattr(made, side)[lane][-1], getattr(made, side)[following][0]
            )
