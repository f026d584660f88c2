"""What the lights say to every lane and stop line, as bytes to paint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.lane_map import LaneMap, Relation, Turn
from prediction_node.domain.lights import ARROW_TURNS, LightColour, LightShape, LightStates
from prediction_node.domain.stamps import NS_PER_S
from prediction_node.raster.manifest import CHANNELS, INDEX

# Red, amber, green, unknown, age: channels from `light_red` on.
VALUES = 5
_COLUMN = np.full(max(LightColour) + 1, 3)
_COLUMN[[LightColour.RED, LightColour.AMBER, LightColour.GREEN]] = 0, 1, 2
_AGE = 4
_AGE_SCALE_S = CHANNELS[INDEX['light_age']].scale


@dataclass(frozen=True, slots=True, eq=False)
class Lit:
    """What is ruled right now."""

    lanes: np.ndarray  # (M,) rows of the map
    lane_value: np.ndarray  # (M, VALUES) in bytes, not yet rounded
    stop_lines: np.ndarray  # (K,)
    stop_line_value: np.ndarray  # (K, VALUES)


class Lamps:
    """Which lamp says what to which lane: an arrow to the turns it points to, before any disc."""

    def __init__(self, lane_map: LaneMap) -> None:
        self._lane_map = lane_map
        self._order = np.argsort(lane_map.light_group_id, kind='stable')
        self._sorted = lane_map.light_group_id[self._order]
        points = np.zeros((max(LightShape) + 1, len(Turn)), bool)
        for shape, turns in ARROW_TURNS.items():
            points[shape, list(turns)] = True
        self._points = points
        self._is_arrow = np.asarray(points.any(axis=1))

    def lit(self, lights: LightStates, stamp_ns: int) -> Lit:
        """Lamps of groups that the map does not know, and from the future, are left out or new."""
        lane_map = self._lane_map
        lamp, group = self._known(lights)
        if not len(lamp):
            none = np.zeros(0, np.int64)
            return Lit(none, np.zeros((0, VALUES)), none, np.zeros((0, VALUES)))
        value = np.zeros((len(lamp), VALUES))
        colour = np.clip(lights.colour[lamp].astype(np.int64), 0, len(_COLUMN) - 1)
        value[np.arange(len(lamp)), _COLUMN[colour]] = 255.0 * np.clip(
            lights.confidence[lamp], 0.0, 1.0
        )
        age_s = np.maximum(stamp_ns - lights.stamp_ns[lamp], 0) / NS_PER_S
        value[:, _AGE] = np.minimum(np.round(age_s / _AGE_SCALE_S), 255.0)
        pair, lanes = _targets(lane_map.light_lanes, group)
        shape = np.clip(lights.shape[lamp].astype(np.int64), 0, len(self._points) - 1)[pair]
        points = self._points[shape, lane_map.turn[lanes]]
        pointed = np.zeros(len(lane_map), bool)
        pointed[lanes[points]] = True
        says = points | (~self._is_arrow[shape] & ~pointed[lanes])
        rows, lane_value = _strongest(lanes[says], value[pair[says]])
        # A stop line shows whatever its lanes are told.
        pair, lines = _targets(lane_map.light_stop_line, group)
        line_rows, line_value = _strongest(lines, value[pair])
        return Lit(rows, lane_value, line_rows, line_value)

    def _known(self, lights: LightStates) -> tuple[np.ndarray, np.ndarray]:
        """Lamps whose group the map knows, and the group's row."""
        if not len(self._sorted) or not len(lights):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        at = np.minimum(np.searchsorted(self._sorted, lights.group_id), len(self._sorted) - 1)
        lamp = np.flatnonzero(self._sorted[at] == lights.group_id)
        return lamp, self._order[at[lamp]]


def _targets(relation: Relation, sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All targets of the sources, each with the index of its source in `sources`."""
    first = relation.offsets[sources]
    count = relation.offsets[sources + 1] - first
    pair = np.repeat(np.arange(len(sources)), count)
    inside = np.arange(len(pair)) - np.repeat(np.cumsum(count) - count, count)
    return pair, relation.targets[first[pair] + inside]


def _strongest(rows: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows and the largest values of each."""
    distinct, place = np.unique(rows, return_inverse=True)
    most = np.zeros((len(distinct), VALUES))
    np.maximum.at(most, place, value)
    return distinct, most
