"""Lanes across junctions: from where a lane ends to where another one starts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.lane_map import BorderKind, LaneKind, Turn
from prediction_node.simulation.city_map.lane import Border, Gate, Joints, Lane, LaneBook, kind_of
from prediction_node.simulation.city_map.polyline import (
    apart_m,
    length_m,
    mean_line,
    tangents,
    without_repeats,
)
from prediction_node.simulation.city_map.streets import Trimmed
from prediction_node.simulation.city_map.way_borders import (
    SHORTEST_M,
    open_collapsed,
    pinned,
    runs_on,
    side_line,
)
from prediction_node.simulation.network.net_file import Function, NetConnection, Network

# Ends of lanes that lie this close may become one, lanes that differ more in width need a way.
SAME_END_M = 0.3
# So much of the lanes before and after makes a way where the junction leaves it no room.
ROOM_M = 4.0
# Ways side by side whose lines between them lie closer have one border in common.
BESIDE_M = 0.6
SWERVE_RAD = np.deg2rad(20.0)
_SURE_TURNS = {'s': Turn.STRAIGHT, 'l': Turn.LEFT, 'r': Turn.RIGHT, 't': Turn.LEFT}


@dataclass(frozen=True, slots=True)
class Way:
    """One connection across a junction; `inner` lanes lead from `start` to `end`."""

    start: str
    end: str
    inner: tuple[str, ...]
    direction: str
    link: NetConnection

    @property
    def name(self) -> str:
        """Its first lane, or a name made up where the file has no lanes inside of junctions."""
        return self.inner[0] if self.inner else f'{self.start}>{self.end}'


def ways_of(network: Network) -> list[Way]:
    """Every connection between lanes of vehicles or cyclists, with the lanes inside."""
    onward = {c.start: c for c in network.connections if _is_inner(network, c.start)}
    found = []
    for connection in network.connections:
        start, end = network.lanes[connection.start], network.lanes[connection.end]
        if start.function is not Function.NORMAL or end.function is not Function.NORMAL:
            continue
        inner: list[str] = []
        following = connection.via
        while following and following not in inner:
            inner.append(following)
            following = onward[following].via if following in onward else ''
        found.append(
            Way(connection.start, connection.end, tuple(inner), connection.direction, connection)
        )
    return found


def _is_inner(network: Network, lane: str) -> bool:
    return network.lanes[lane].function is Function.INTERNAL


def inner_shape(network: Network, way: Way) -> np.ndarray:
    """(n, 3) centreline of all lanes inside."""
    shapes = [network.lanes[k].shape_m for k in way.inner]
    if not shapes:
        shapes = [network.lanes[way.start].shape_m[-1:], network.lanes[way.end].shape_m[:1]]
    return without_repeats(np.concatenate(shapes))


def is_joint(network: Network, way: Way) -> bool:
    """Whether the lanes meet end to end, with no room or need for a way between them."""
    start, end = network.lanes[way.start], network.lanes[way.end]
    apart = np.hypot(*(end.shape_m[0] - start.shape_m[-1])[:2])
    return (
        length_m(inner_shape(network, way)) < SHORTEST_M
        and apart <= SAME_END_M
        and abs(start.width_m - end.width_m) <= 2.0 * SAME_END_M
    )


def cramped(network: Network, ways: Sequence[Way]) -> dict[tuple[str, bool], float]:
    """Cuts of the edges whose lanes are shifted or change width where they meet."""
    cuts: dict[tuple[str, bool], float] = {}
    for way in ways:
        if length_m(inner_shape(network, way)) >= SHORTEST_M or is_joint(network, way):
            continue
        cuts[network.lanes[way.start].edge, True] = ROOM_M
        cuts[network.lanes[way.end].edge, False] = ROOM_M
    return cuts


def add_ways(
    book: LaneBook,
    joints: Joints,
    network: Network,
    shapes: Mapping[str, Trimmed],
    ways: Sequence[Way],
    ids: Mapping[str, int],
) -> dict[Way, tuple[Lane, ...]]:
    """A lane for every part of every way; lanes that meet end to end share their ends instead.

    Returns the parts of every way in driving order.
    """
    parts: dict[Way, tuple[Lane, ...]] = {}
    for way in ways:
        if is_joint(network, way) and _uncut(shapes, way):
            before, after = book.of_net[way.start], book.of_net[way.end]
            joints.join(before.left.end, after.left.start)
            joints.join(before.right.end, after.right.start)
            parts[way] = ()
    for way in ways:
        if way not in parts:
            parts[way] = _add_way(book, joints, network, shapes, way, ids)
    _join_neighbours(joints, network, parts)
    for inside in parts.values():
        for lane in inside:
            open_collapsed(joints, lane)
    return parts


def _uncut(shapes: Mapping[str, Trimmed], way: Way) -> bool:
    return shapes[way.start].tail_m is None and shapes[way.end].head_m is None


def _add_way(
    book: LaneBook,
    joints: Joints,
    network: Network,
    shapes: Mapping[str, Trimmed],
    way: Way,
    ids: Mapping[str, int],
) -> tuple[Lane, ...]:
    before, after = book.of_net[way.start], book.of_net[way.end]
    groups = _groups(network, way)
    lines = [np.concatenate([network.lanes[k].shape_m for k in group]) for group in groups]
    if not lines:
        groups, lines = [()], [inner_shape(network, way)]
    # Where a cyclist's way leaves a wide lane from its side, it starts beside the lane's middle.
    head, tail = shapes[way.start].tail_m, shapes[way.end].head_m
    if head is not None:
        lines[0] = np.concatenate([head + (lines[0][0] - head[-1]), lines[0]])
    if tail is not None:
        lines[-1] = np.concatenate([lines[-1], tail + (lines[-1][-1] - tail[0])])
    lines = [without_repeats(line) for line in lines]
    centre = np.concatenate([lines[0], *(line[1:] for line in lines[1:])])
    marks = np.cumsum([len(lines[0]) - 1, *(len(line) - 1 for line in lines[1:])])
    start, end = before.end, after.start
    left = side_line(centre, joints.place(start[0]), joints.place(end[0]))
    right = side_line(centre, joints.place(start[1]), joints.place(end[1]))
    if not all(runs_on(line[[0, *marks]], centre[[0, *marks]]) for line in (left, right)):
        # The place to wait lies in a curve so tight that its inner border turns back there.
        groups, marks = [way.inner], marks[-1:]
    added: list[Lane] = []
    first, gate = 0, start
    for k, (group, mark) in enumerate(zip(groups, marks.tolist(), strict=True)):
        whole = k == len(groups) - 1
        out: Gate = end if whole else (joints.add(left[mark]), joints.add(right[mark]))
        rows = slice(first, mark + 1)
        added.append(
            Lane(
                id=ids[group[0] if group else way.name],
                kind=kind_of(network.lanes[group[0]]) if group else before.kind,
                left=pinned(joints, left[rows], centre[rows], gate[0], out[0]),
                right=pinned(joints, right[rows], centre[rows], gate[1], out[1]),
                left_kind=BorderKind.VIRTUAL,
                right_kind=BorderKind.VIRTUAL,
                turn=_turn(way, centre),
                # The law's limit, not the pace at which SUMO takes the curve.
                speed_mps=min(before.speed_mps, after.speed_mps),
            )
        )
        book.add(added[-1], *group)
        first, gate = mark, out
    return tuple(added)


def _groups(network: Network, way: Way) -> list[tuple[str, ...]]:
    """The lanes inside, those too short to stand alone with a neighbour."""
    groups: list[tuple[str, ...]] = []
    lengths: list[float] = []
    for lane in way.inner:
        long = length_m(network.lanes[lane].shape_m)
        if groups and min(long, lengths[-1]) < SHORTEST_M:
            groups[-1] = (*groups[-1], lane)
            lengths[-1] += long
        else:
            groups.append((lane,))
            lengths.append(long)
    return groups


def _turn(way: Way, centre: np.ndarray) -> Turn:
    """The file's word; of slight turns only those that bend."""
    if way.direction in _SURE_TURNS:
        return _SURE_TURNS[way.direction]
    first, last = tangents(centre)[[0, -1]]
    angle = np.arctan2(first[0] * last[1] - first[1] * last[0], first @ last)
    if abs(angle) < SWERVE_RAD:
        return Turn.STRAIGHT
    return Turn.LEFT if angle > 0.0 else Turn.RIGHT


def _join_neighbours(
    joints: Joints, network: Network, parts: Mapping[Way, tuple[Lane, ...]]
) -> None:
    """Ways that run side by side from one edge to another are neighbours all along."""
    between: dict[tuple[str, str], dict[tuple[int, int], tuple[Lane, ...]]] = defaultdict(dict)
    for way, inside in parts.items():
        start, end = network.lanes[way.start], network.lanes[way.end]
        if inside:
            between[start.edge, end.edge][start.index, end.index] = inside
    for ways in between.values():
        for (start_k, end_k), right in ways.items():
            left = ways.get((start_k + 1, end_k + 1))
            if left is None or len(left) != len(right):
                continue
            pairs = list(zip(right, left, strict=True))
            lines = [(a.left.settled(joints), b.right.settled(joints)) for a, b in pairs]
            if any(apart_m(*pair) > BESIDE_M for pair in lines):
                continue
            for (a, b), pair in zip(pairs, lines, strict=True):
                _share(joints, a, b, mean_line(*pair))


def _share(joints: Joints, right: Lane, left: Lane, line: np.ndarray) -> None:
    joints.join(right.left.start, left.right.start)
    joints.join(right.left.end, left.right.end)
    border = Border(line, right.left.start, right.left.end)
    right.left = left.right = border
    if left.kind in (LaneKind.ROAD, right.kind):
        right.left_lane = left
    if right.kind in (LaneKind.ROAD, left.kind):
        left.right_lane = right
