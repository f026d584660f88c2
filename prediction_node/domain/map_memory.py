"""What was made of the maps seen last, so that it is made once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from prediction_node.domain.lane_map import LaneMap

Made = TypeVar('Made')


class MapMemory(Generic[Made]):
    """By the identity of the map. The map is kept as well: nothing else may get its identity."""

    def __init__(self, most: int) -> None:
        """`most`: how many maps are remembered; the one not asked for the longest goes."""
        self._most = most
        self._known: OrderedDict[int, tuple[LaneMap, Made]] = OrderedDict()

    def of(self, lane_map: LaneMap, make: Callable[[LaneMap], Made]) -> Made:
        """What was made of a map; `make` makes it at the map's first use."""
        if id(lane_map) not in self._known:
            self.keep(lane_map, make(lane_map))
        else:
            self._known.move_to_end(id(lane_map))
        return self._known[id(lane_map)][1]

    def keep(self, lane_map: LaneMap, made: Made) -> None:
        """Remember what was made of a map elsewhere."""
        self._known[id(lane_map)] = (lane_map, made)
        self._known.move_to_end(id(lane_map))
        while len(self._known) > self._most:
            self._known.popitem(last=False)
