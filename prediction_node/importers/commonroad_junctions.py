"""Intersections of CommonRoad scenarios: which way lanes turn, and who gives way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.lane_map import Turn
from prediction_node.importers.polyline import cross_or_touch, headings_rad
from prediction_node.importers.xml_document import Node

OPPOSITE_RAD = np.deg2rad(120.0)
CONFLICT_M = 1.5  # closer than this, two cars cannot pass each other


@dataclass(frozen=True)
class Entry:
    """One way into an intersection, as indices of lanes."""

    incoming: tuple[int, ...]
    turns: dict[Turn, list[int]]


@dataclass(frozen=True)
class Junction:
    entries: tuple[Entry, ...]


_TURNS = (
    ('successorsStraight', Turn.STRAIGHT),
    ('successorsRight', Turn.RIGHT),
    ('successorsLeft', Turn.LEFT),
)


def read_junctions(root: Node, index: dict[int, int]) -> list[Junction]:
    """Every intersection; references to lanelets outside of the file are left out."""
    return [
        Junction(
            tuple(
                Entry(
                    tuple(_lanes(entry, 'incomingLanelet', index)),
                    {turn: _lanes(entry, tag, index) for tag, turn in _TURNS},
                )
                for entry in junction.all('incoming')
            )
        )
        for junction in root.all('intersection')
    ]


def yielding(junctions: list[Junction], centre_m: list[np.ndarray]) -> list[list[int]]:
    """For each lane the lanes it gives way to: turning left, whoever comes from the opposite side.

    The format names no right of way; this rule holds in every country with traffic on the right.
    """
    out: list[list[int]] = [[] for _ in centre_m]
    for junction in junctions:
        for a in junction.entries:
            for b in junction.entries:
                if a is b or not a.incoming or not b.incoming or not _opposite(a, b, centre_m):
                    continue
                oncoming = [*b.turns[Turn.STRAIGHT], *b.turns[Turn.RIGHT]]
                for lane in a.turns[Turn.LEFT]:
                    out[lane].extend(
                        other
                        for other in oncoming
                        if other not in out[lane]
                        and cross_or_touch(centre_m[lane], centre_m[other], CONFLICT_M)
                    )
    return out


def _opposite(a: Entry, b: Entry, centre_m: list[np.ndarray]) -> bool:
    ahead_a, ahead_b = (headings_rad(centre_m[e.incoming[0]])[-1] for e in (a, b))
    return bool(abs(wrap_angle(ahead_a - ahead_b)) > OPPOSITE_RAD)


def _lanes(entry: Node, tag: str, index: dict[int, int]) -> list[int]:
    refs = [node.integer('ref') for node in entry.all(tag)]
    return [index[ref] for ref in refs if ref in index]
