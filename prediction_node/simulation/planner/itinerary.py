"""A route that may pass the same street twice: the part of it that lies ahead."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from prediction_node.domain.errors import MapError
from prediction_node.domain.lane_map import LaneMap
from prediction_node.simulation.planner.route import Road, Route

# The part is made of streets that differ, and of so many that it is longer than anybody looks.
_AT_MOST = 8
# Lanes in a row inside of a junction.
_DEEPEST = 4


class Itinerary:
    """Streets in order, each the rows of its lanes; knows which of them is being driven on."""

    def __init__(self, lane_map: LaneMap, streets: Sequence[Sequence[int]]) -> None:
        """Raises MapError if no street has a lane."""
        self._lane_map, self._road = lane_map, Road(lane_map)
        self._streets = [tuple(street) for street in streets if len(street)]
        if not self._streets:
            raise MapError(f'{lane_map.source or "the map"}: the route has no road lane')
        self._at = 0
        self._route = self._part()

    @property
    def street(self) -> int:
        """The rank of the street that is being driven on, or left."""
        return self._at

    def current(self, position_m: np.ndarray, yaw_rad: float) -> Route:
        """The lanes ahead of a place; goes on to the street that the place lies on."""
        place = self._route.place(position_m, yaw_rad)
        if place is None:
            return self._route
        for rank in range(self._at + 1, self._end()):
            if place[0] in self._streets[rank]:
                self._at = rank
                self._route = self._part()
                break
        return self._route

    def _end(self) -> int:
        """One behind the last street of the part that begins here."""
        seen: set[int] = set()
        last = min(self._at + _AT_MOST, len(self._streets))
        for rank in range(self._at, last):
            if seen & set(self._streets[rank]):
                return rank
            seen |= set(self._streets[rank])
        return last

    def _part(self) -> Route:
        part = self._streets[self._at : self._end()]
        favoured = {row for street in part for row in street}
        favoured |= between(self._lane_map, part)
        return Route(self._road, part[-1], favoured)


def between(lane_map: LaneMap, streets: Sequence[Sequence[int]]) -> set[int]:
    """Rows of the lanes inside of junctions that lead from each street to the next."""
    found: set[int] = set()
    for here, there in itertools.pairwise(streets):
        goal = set(there)
        for start in here:
            _reach(lane_map, start, goal, found, _DEEPEST)
    return found


def _reach(lane_map: LaneMap, lane: int, goal: set[int], found: set[int], depth: int) -> bool:
    """Whether `goal` is reached from a lane; the lanes on the way are added to `found`."""
    reached = False
    for following in lane_map.successors[lane].tolist():
        if following in goal:
            reached = True
        elif depth > 0 and _reach(lane_map, following, goal, found, depth - 1):
            found.add(following)
            reached = True
    return reached
