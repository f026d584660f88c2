"""Crosswalks, and the places at corners where sidewalks and crosswalks meet.

A walking area of SUMO is one polygon. Lanelet2 joins lanelets by the points at their ends, so an
area becomes one lanelet from each of its entrances to each other one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from prediction_node.domain.lane_map import BorderKind, LaneKind
from prediction_node.simulation.city_map.lane import Border, Gate, Joints, Lane, LaneBook
from prediction_node.simulation.city_map.polyline import (
    SAME_M,
    cross,
    length_m,
    offset,
    side_by_side,
    without_repeats,
)
from prediction_node.simulation.network.net_file import Function, Network

# Sidewalks give up so much where a crosswalk begins, so that the way around the corner has two
# sides.
ROOM_M = 0.5
# An area's outline becomes the way's border unless it is this much longer than the straight line.
LONGEST_DETOUR = 2.0
SHORTEST_M = 0.2
NARROWEST_M = 0.5
SAME_END_M = 0.3


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where an area is entered, seen from outside."""

    gate: Gate  # left and right of who enters


def corners(network: Network) -> dict[tuple[str, bool], float]:
    """Cuts of the edges whose sidewalks end beside a crosswalk."""
    crossed = {
        end
        for connection in network.connections
        for end, other in (
            (connection.start, connection.end),
            (connection.end, connection.start),
        )
        if _is(network, other, Function.CROSSING)
    }
    cuts: dict[tuple[str, bool], float] = {}
    for connection in network.connections:
        if connection.end in crossed and _is(network, connection.start, Function.NORMAL):
            cuts[network.lanes[connection.start].edge, True] = ROOM_M
        if connection.start in crossed and _is(network, connection.end, Function.NORMAL):
            cuts[network.lanes[connection.end].edge, False] = ROOM_M
    return cuts


def _is(network: Network, lane: str, function: Function) -> bool:
    return network.lanes[lane].function is function


def add_crosswalks(
    book: LaneBook, joints: Joints, network: Network, ids: Mapping[str, int]
) -> None:
    """Every crossing from kerb to kerb."""
    for net_lane in network.lanes.values():
        if net_lane.function is not Function.CROSSING:
            continue
        shape = without_repeats(net_lane.shape_m)
        if length_m(shape) < SHORTEST_M:
            continue
        borders = []
        for side in (0.5, -0.5):
            line = offset(shape, side * net_lane.width_m)
            borders.append(Border(line, joints.add(line[0]), joints.add(line[-1])))
        lane = Lane(
            id=ids[net_lane.id],
            kind=LaneKind.CROSSWALK,
            left=borders[0],
            right=borders[1],
            left_kind=BorderKind.DASHED,
            right_kind=BorderKind.DASHED,
        )
        book.add(lane, net_lane.id)


def add_walking_areas(
    book: LaneBook, joints: Joints, network: Network, first_id: int
) -> dict[str, list[Lane]]:
    """Ways across every walking area, numbered from `first_id`; returns them by area."""
    found: dict[str, list[Lane]] = {}
    number = first_id
    entrances = _entrances(book, network)
    for area, around in entrances.items():
        outline = _clockwise(network.lanes[area].shape_m)
        found[area] = []
        for a, b in combinations(around, 2):
            if _meet(joints, a, b):
                continue
            lane = _way(joints, a, b, around, outline, number)
            if lane is not None:
                found[area].append(book.add(lane))
                number += 1
    return found


def _entrances(book: LaneBook, network: Network) -> dict[str, list[Entrance]]:
    """By walking area, where sidewalks and crosswalks lead into it, each once."""
    found: dict[str, dict[str, Entrance]] = {}
    for connection in network.connections:
        for area, other, ends in (
            (connection.end, connection.start, True),
            (connection.start, connection.end, False),
        ):
            lane = book.of_net.get(other)
            if lane is None or not _is(network, area, Function.WALKING_AREA):
                continue
            left, right = lane.end if ends else lane.start[::-1]
            name = f'{other} {"end" if ends else "start"}'
            found.setdefault(area, {})[name] = Entrance((left, right))
    return {area: list(around.values()) for area, around in found.items()}


def _clockwise(outline: np.ndarray) -> np.ndarray:
    """Who walks around it has the area on the right."""
    x, y = outline[:, 0] - outline[0, 0], outline[:, 1] - outline[0, 1]
    doubled = float(x @ np.roll(y, -1) - y @ np.roll(x, -1))
    return outline[::-1] if doubled > 0.0 else outline


def _meet(joints: Joints, a: Entrance, b: Entrance) -> bool:
    """Join two entrances that are one place: a sidewalk goes on without an area between."""
    pairs = list(zip(a.gate, b.gate[::-1], strict=True))
    gaps = [float(np.linalg.norm(joints.place(i) - joints.place(k))) for i, k in pairs]
    if max(gaps) > SAME_END_M:
        return False
    for i, k in pairs:
        joints.join(i, k)
    return True


def _way(
    joints: Joints,
    a: Entrance,
    b: Entrance,
    around: list[Entrance],
    outline: np.ndarray,
    number: int,
) -> Lane | None:
    """From entrance a to entrance b; None where they overlap so that nothing lies between."""
    left = (a.gate[0], b.gate[1])
    right = (a.gate[1], b.gate[0])
    ends = [[joints.place(k) for k in side] for side in (left, right)]
    if _overlap(ends):
        return None
    others = [joints.place(k) for e in around if e is not a and e is not b for k in e.gate]
    lines = [
        _side(ends[k], outline, np.array([*others, *ends[1 - k]]), on_left=k == 0) for k in (0, 1)
    ]
    if cross(*lines) or not side_by_side(*lines):
        lines = [np.stack(side) for side in ends]
        if not side_by_side(*lines):
            return None
    return Lane(
        id=number,
        kind=LaneKind.WALKWAY,
        left=Border(lines[0], *left),
        right=Border(lines[1], *right),
        left_kind=BorderKind.VIRTUAL,
        right_kind=BorderKind.VIRTUAL,
    )


def _overlap(ends: list[list[np.ndarray]]) -> bool:
    """Whether a quadrangle of two sides is folded, or one of them has no length."""
    (a, b), (c, d) = ends
    if min(np.hypot(*(b - a)[:2]), np.hypot(*(d - c)[:2])) < SHORTEST_M:
        return True
    # Walking from gate to gate, both sides run forward: gates turn less than about half a turn.
    ahead = 0.5 * (b + d) - 0.5 * (a + c)
    if float((b - a)[:2] @ ahead[:2]) <= 0.0 or float((d - c)[:2] @ ahead[:2]) <= 0.0:
        return True
    corners_m = np.array([a, c, d, b])[:, :2]  # counterclockwise: at most one turns the other way
    edge = np.roll(corners_m, -1, axis=0) - corners_m
    following = np.roll(edge, -1, axis=0)
    turns = edge[:, 0] * following[:, 1] - edge[:, 1] * following[:, 0]
    x, y = (corners_m - corners_m[0]).T
    area = 0.5 * float(x @ np.roll(y, -1) - y @ np.roll(x, -1))
    width = area / max(float(np.hypot(ahead[0], ahead[1])), SHORTEST_M)
    return bool((turns > -SAME_M).sum() < 3) or width < NARROWEST_M


def _side(
    side: list[np.ndarray], outline: np.ndarray, others: np.ndarray, *, on_left: bool
) -> np.ndarray:
    """Along the outline where it leads on without another entrance, else straight."""
    straight = np.stack(side)
    gaps = np.hypot(*(outline[None, :, :2] - straight[:, None, :2]).transpose(2, 0, 1))
    nearest = gaps.argmin(axis=1)
    if gaps.min(axis=1).max() > 2.0 * ROOM_M:
        return straight
    first, last = nearest.tolist() if on_left else nearest.tolist()[::-1]
    rows = np.arange(first, first + (last - first) % len(outline) + 1) % len(outline)
    chain = outline[rows]
    near = np.hypot(*(others[:, None, :2] - chain[None, :, :2]).transpose(2, 0, 1))
    if (near[:, 1:-1] < 2.0 * ROOM_M).any():
        return straight
    chain = chain if on_left else chain[::-1]
    line = without_repeats(np.concatenate([straight[:1], chain[1:-1], straight[1:]]))
    if length_m(line) > LONGEST_DETOUR * length_m(straight):
        return straight
    return line
