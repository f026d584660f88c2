"""Intersections of CommonRoad scenarios: which way lanes turn, and who gives way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.lane_map import Turn
from prediction_node.importers.polyline import arc_length_m, cross_or_touch, headings_rad
from prediction_node.importers.xml_document import Node

OPPOSITE_RAD = np.deg2rad(120.0)
TURNED_RAD = np.deg2rad(45.0)
STRAIGHT_RAD = np.deg2rad(10.0)
CONFLICT_M = 1.5  # closer than this, two cars cannot pass each other
LONGEST_M = 120.0

_TURNS = (
    ('successorsStraight', Turn.STRAIGHT),
    ('successorsRight', Turn.RIGHT),
    ('successorsLeft', Turn.LEFT),
)


@dataclass(frozen=True)
class Roads:
    """What is needed of the lanes, by index."""

    centre_m: Sequence[np.ndarray]
    successors: Sequence[Sequence[int]]
    predecessors: Sequence[Sequence[int]]
    beside: Sequence[Sequence[int]]  # neighbours in the same direction


@dataclass(frozen=True)
class Way:
    """The lanes from the stop line of an entry to where the intersection ends, in driving order."""

    turn: Turn
    lanes: tuple[int, ...]


@dataclass(frozen=True)
class Entry:
    """One way into an intersection, as indices of lanes."""

    incoming: tuple[int, ...]
    ways: tuple[Way, ...]


def read_junctions(root: Node, index: dict[int, int], roads: Roads) -> list[tuple[Entry, ...]]:
    """The entries of every intersection; references to lanelets outside of the file are left out.

    The file names only the first lane behind the stop line. A way through the intersection goes on
    from there until ways from different entries merge, or a neighbour's do; or until a turn is
    complete.
    """
    return [_entries(junction, index, roads) for junction in root.all('intersection')]


def yielding(junctions: list[tuple[Entry, ...]], roads: Roads) -> list[list[int]]:
    """For each lane the lanes it gives way to: turning left, whoever comes from the opposite side.

    The format names no right of way; this rule holds wherever traffic keeps to the right. A turning
    lane gives way to an oncoming way from its stop line to the lane where both meet.
    """
    out: list[list[int]] = [[] for _ in roads.centre_m]
    for entries in junctions:
        for a in entries:
            for b in entries:
                if a is b or not a.incoming or not b.incoming or not _opposite(a, b, roads):
                    continue
                for turning in (way for way in a.ways if way.turn == Turn.LEFT):
                    for oncoming in (way for way in b.ways if way.turn != Turn.LEFT):
                        _give_way(turning, oncoming, roads, out)
    return out


def _give_way(turning: Way, oncoming: Way, roads: Roads, out: list[list[int]]) -> None:
    for lane in turning.lanes:
        for k, other in enumerate(oncoming.lanes):
            if cross_or_touch(roads.centre_m[lane], roads.centre_m[other], CONFLICT_M):
                before = oncoming.lanes[: k + 1]
                out[lane].extend(i for i in before if i not in out[lane])


def _opposite(a: Entry, b: Entry, roads: Roads) -> bool:
    ahead_a, ahead_b = (headings_rad(roads.centre_m[e.incoming[0]])[-1] for e in (a, b))
    return bool(abs(wrap_angle(ahead_a - ahead_b)) > OPPOSITE_RAD)


def _entries(junction: Node, index: dict[int, int], roads: Roads) -> tuple[Entry, ...]:
    incoming, first = [], []
    for node in junction.all('incoming'):
        incoming.append(_lanes(node, 'incomingLanelet', index))
        first.append([(turn, k) for tag, turn in _TURNS for k in _lanes(node, tag, index)])
    chains = {k: _chain(k, roads) for row in first for _, k in row}
    inside = set(chains)
    merges = [k for chain in chains.values() for k in chain if len(roads.predecessors[k]) > 1]
    exits = _with_neighbours([k for k in merges if k not in inside], roads)
    return tuple(
        Entry(
            tuple(lanes),
            tuple(Way(turn, _until(chains[k], turn, exits, roads)) for turn, k in row),
        )
        for lanes, row in zip(incoming, first, strict=True)
    )


def _lanes(entry: Node, tag: str, index: dict[int, int]) -> list[int]:
    refs = [node.integer('ref') for node in entry.all(tag)]
    return [index[ref] for ref in refs if ref in index]


def _chain(first: int, roads: Roads) -> list[int]:
    """The lane and all that follow it without a choice, over at most 120 m."""
    chain = [first]
    length_m = arc_length_m(roads.centre_m[first])[-1]
    while len(roads.successors[chain[-1]]) == 1 and length_m < LONGEST_M:
        following = roads.successors[chain[-1]][0]
        if following in chain:
            break
        chain.append(following)
        length_m += arc_length_m(roads.centre_m[following])[-1]
    return chain


def _with_neighbours(lanes: list[int], roads: Roads) -> set[int]:
    found, waiting = set(lanes), list(lanes)
    while waiting:
        for k in roads.beside[waiting.pop()]:
            if k not in found:
                found.add(k)
                waiting.append(k)
    return found


def _until(chain: list[int], turn: Turn, exits: set[int], roads: Roads) -> tuple[int, ...]:
    """The part of a chain inside of the intersection."""
    for k, lane in enumerate(chain):
        if k and lane in exits:
            return tuple(chain[:k])
    if turn == Turn.STRAIGHT:
        return (chain[0],)  # nothing tells where the intersection ends
    start = headings_rad(roads.centre_m[chain[0]])[0]
    for k in range(1, len(chain)):
        ahead = headings_rad(roads.centre_m[chain[k]])
        turned = abs(wrap_angle(ahead[0] - start))
        if turned > TURNED_RAD and abs(wrap_angle(ahead[-1] - ahead[0])) < STRAIGHT_RAD:
            return tuple(chain[:k])
    return tuple(chain)
