"""Whoever drives in the city drives on the map."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.lane_map import LaneKind, LaneMap
from prediction_node.lanelet.polyline import inside, project
from prediction_node.simulation.city_map import lanelet_ids, route_lanes
from prediction_node.simulation.network.city import City

WITHIN_M = 0.3
DRIVEN = (LaneKind.ROAD, LaneKind.SHOULDER)


def lanes_at(lane_map: LaneMap, place_m: np.ndarray) -> list[set[int]]:
    """For each place the rows of the driven lanes that hold it, or miss it by WITHIN_M at most."""
    found: list[set[int]] = [set() for _ in place_m]
    for lane in np.flatnonzero(np.isin(lane_map.kind, DRIVEN)).tolist():
        ring = np.concatenate([lane_map.left_border[lane], lane_map.right_border[lane][::-1]])
        low, high = ring[:, :2].min(axis=0) - WITHIN_M, ring[:, :2].max(axis=0) + WITHIN_M
        near = np.flatnonzero(((place_m >= low) & (place_m <= high)).all(axis=1))
        if not len(near):
            continue
        held = inside(ring, place_m[near])
        _, away = project(np.concatenate([ring, ring[:1]]), place_m[near])
        for k in near[held | (away <= WITHIN_M)].tolist():
            found[k].add(lane)
    return found


def reachable(lane_map: LaneMap, lanes: set[int]) -> set[int]:
    """Where one may be a moment later: the lanes, those beside them, and what follows either."""
    beside = lanes | {
        int(k) for lane in lanes for side in (lane_map.left, lane_map.right) for k in side[lane]
    }
    ahead = {int(k) for lane in beside for k in lane_map.successors[lane]}
    further = {int(k) for lane in ahead for side in (lane_map.left, lane_map.right)
               for k in side[lane]}  # fmt: skip
    return beside | ahead | further


def broken_at(lane_map: LaneMap, held: list[set[int]]) -> list[int]:
    """Steps that no connection of the map explains."""
    broken = []
    here = held[0]
    for step, lanes in enumerate(held):
        goes_on = lanes & reachable(lane_map, here)
        if lanes and here and not goes_on:
            broken.append(step)
        here = goes_on or lanes
    return broken


def test_all_drive_inside_of_connected_lanelets(city_map: Any, drives: list[Any]) -> None:
    lane_map = city_map.loaded
    held = lanes_at(lane_map, np.concatenate([drive.place_m for drive in drives]))
    driven_m = sum(np.hypot(*np.diff(drive.place_m, axis=0).T).sum() for drive in drives)
    assert len(drives) > 30
    assert driven_m > 3000.0
    assert [k for k, lanes in enumerate(held) if not lanes] == []
    begin = 0
    for drive in drives:
        steps = held[begin : begin + len(drive.place_m)]
        begin += len(drive.place_m)
        if drive.name.startswith('ambulance'):
            continue  # with blue lights it passes between the lanes
        assert broken_at(lane_map, steps) == [], drive.name


def test_the_check_sees_who_leaves_the_road(city_map: Any, drives: list[Any]) -> None:
    moved = next(d for d in drives if np.ptp(d.place_m, axis=0).max() > 100.0)
    aside = moved.place_m + np.array([12.0, 12.0])
    assert any(not lanes for lanes in lanes_at(city_map.loaded, aside))
    jumping = np.stack([moved.place_m[0], moved.place_m[-1]])
    assert broken_at(city_map.loaded, lanes_at(city_map.loaded, jumping)) == [1]


def test_sumo_lanes_in_a_row_are_lanelets_in_a_row(city_map: Any, drives: list[Any]) -> None:
    lane_map, ids = city_map.loaded, lanelet_ids(city_map.network)
    row_of = {int(number): row for row, number in enumerate(lane_map.id)}
    changes = 0
    for drive in drives:
        for before, after in zip(drive.lanes[:-1], drive.lanes[1:], strict=True):
            a, b = row_of.get(ids[before]), row_of.get(ids[after])
            if a is None or b is None or a == b:
                continue
            changes += 1
            # Two lanes may pass within a step.
            assert b in reachable(lane_map, reachable(lane_map, {a})), (drive.name, before, after)
    assert changes > 100


def test_the_robotaxis_route_is_a_way_through_the_map(city: City, city_map: Any) -> None:
    lane_map = city_map.loaded
    edges = route_lanes(city, lane_map)
    assert len(edges) == len(city.ego_route)
    assert all(lane_map.kind[row] == LaneKind.ROAD for rows in edges for row in rows)
    for before, after in itertools.pairwise(edges):
        inside_lanes = {int(k) for row in before for k in lane_map.successors[row]}
        onward = {int(k) for row in inside_lanes for k in lane_map.successors[row]}
        onward |= {int(k) for row in onward for k in lane_map.successors[row]} | inside_lanes
        assert onward & set(after)


def test_a_route_of_another_city_is_refused(city: City, generate: Any) -> None:
    other = generate('--grid', '--grid.number', '2', '-L', '2', '--no-internal-links')
    with pytest.raises(KeyError, match='no lanelet'):
        route_lanes(city, other.made)
