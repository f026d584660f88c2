"""Which turns the traffic lights forbid right now."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.lane_map import LaneMap, Turn
from prediction_node.domain.lights import ARROW_TURNS, LightColour, LightStates

TURNS = len(Turn)
# A state seen longer ago says nothing about now.
MAX_AGE_S = 3.0
# Red, amber and green are neighbours.
_RED, _GREEN = int(LightColour.RED), int(LightColour.GREEN)


def colours_by_lane(lane_map: LaneMap, lights: LightStates, stamp_ns: int) -> np.ndarray | None:
    """(L, TURNS) LightColour that rules each turn from each lane, UNKNOWN where none does.

    None where no light is known. An arrow rules the turns it points to, before any full disc; of
    equals the most confident lamp rules, then the most restrictive.
    """
    useful = _useful(lights, stamp_ns)
    if not useful.any() or not len(lane_map.light_group_id):
        return None
    colours = np.zeros((len(lane_map), TURNS), np.int8)
    rank = np.full((len(lane_map), TURNS), -1.0)
    group_row = {int(group): row for row, group in enumerate(lane_map.light_group_id)}
    for lamp in np.flatnonzero(useful):
        row = group_row.get(int(lights.group_id[lamp]))
        if row is None:
            continue
        turns = ARROW_TURNS.get(int(lights.shape[lamp]))
        arrow = turns is not None
        # Red (1) restricts more than amber (2) and green (3).
        colour = int(lights.colour[lamp])
        value = 10.0 * arrow + float(lights.confidence[lamp]) + 0.001 * (3 - colour)
        for turn in turns if turns is not None else range(TURNS):
            lanes = lane_map.light_lanes[row]
            better = lanes[value > rank[lanes, turn]]
            colours[better, turn] = colour
            rank[better, turn] = value
    return colours


class LightMemory:
    """Remembers the answer while lamps stay as they are, which they mostly do."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self._map: LaneMap | None = None
        self._colours: np.ndarray | None = None

    def colours(self, lane_map: LaneMap, lights: LightStates, stamp_ns: int) -> np.ndarray | None:
        """`colours_by_lane`, computed anew only where lamps, map or the lamps' use changed."""
        fields = (lights.group_id, lights.colour, lights.shape, lights.confidence)
        key = (*(each.tobytes() for each in fields), _useful(lights, stamp_ns).tobytes())
        if self._map is not lane_map or key != self._key:
            self._map, self._key = lane_map, key
            self._colours = colours_by_lane(lane_map, lights, stamp_ns)
        return self._colours


def _useful(lights: LightStates, stamp_ns: int) -> np.ndarray:
    """(E,) whether a lamp was seen lately and in a colour that forbids or allows."""
    recent = stamp_ns - lights.stamp_ns <= MAX_AGE_S * 1e9
    return np.asarray(recent & (lights.colour >= _RED) & (lights.colour <= _GREEN))
