"""What the lights say to every lane and stop line, as bytes to paint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.compiled import compiled
from prediction_node.domain.lane_map import LaneMap, Relation, Turn
from prediction_node.domain.lights import ARROW_TURNS, LightColour, LightShape, LightStates
from prediction_node.domain.stamps import NS_PER_S
from prediction_node.raster.manifest import CHANNELS, INDEX

# Red, amber, green, unknown, age: channels from `light_red` on.
VALUES = 5
_COLUMN = np.full(max(LightColour) + 1, 3, np.int64)
_COLUMN[[LightColour.RED, LightColour.AMBER, LightColour.GREEN]] = 0, 1, 2
_AGE_SCALE_NS = CHANNELS[INDEX['light_age']].scale * NS_PER_S


@dataclass(frozen=True, slots=True, eq=False)
class Lit:
    """What is ruled right now."""

    lanes: np.ndarray  # (M,) rows of the map, rising
    lane_value: np.ndarray  # (M, VALUES) in bytes, not yet rounded
    stop_lines: np.ndarray  # (K,)
    stop_line_value: np.ndarray  # (K, VALUES)


class Lamps:
    """Which lamp says what to which lane: an arrow to the turns it points to, before any disc.

    Where several say something, the largest value of each channel stays. A stop line shows whatever
    its group says to anyone. Groups that the map does not know are left out.
    """

    def __init__(self, lane_map: LaneMap) -> None:
        self._groups = {int(group): row for row, group in enumerate(lane_map.light_group_id)}
        self._lanes = lane_map.light_lanes
        self._stop_lines = lane_map.light_stop_line
        self._turn = lane_map.turn.astype(np.int64)
        self._points = np.zeros((max(LightShape) + 1, len(Turn)), bool)
        for shape, turns in ARROW_TURNS.items():
            self._points[shape, list(turns)] = True
        self._lane_value = np.zeros((len(lane_map), VALUES))
        self._line_value = np.zeros((len(lane_map.stop_lines), VALUES))
        self._pointed = np.zeros(len(lane_map), bool)
        self._is_lit = np.zeros(len(lane_map), bool)
        self._line_is_lit = np.zeros(len(lane_map.stop_lines), bool)

    def lit(self, lights: LightStates, stamp_ns: int) -> Lit:
        """All that the lamps say at `stamp_ns`; a state from the future counts as new."""
        row = [self._groups.get(group, -1) for group in lights.group_id.tolist()]
        age_ns = np.maximum(stamp_ns - lights.stamp_ns, 0)
        _light(
            np.array(row, np.int64),
            _COLUMN[np.clip(lights.colour, 0, len(_COLUMN) - 1)],
            np.clip(lights.shape, 0, len(self._points) - 1).astype(np.int64),
            255.0 * np.clip(lights.confidence, 0.0, 1.0),
            np.minimum(np.round(age_ns / _AGE_SCALE_NS), 255.0),
            *_arrays(self._lanes),
            *_arrays(self._stop_lines),
            self._turn,
            self._points,
            self._pointed,
            self._is_lit,
            self._line_is_lit,
            self._lane_value,
            self._line_value,
        )
        lanes, lines = np.flatnonzero(self._is_lit), np.flatnonzero(self._line_is_lit)
        return Lit(lanes, self._lane_value[lanes], lines, self._line_value[lines])


def _arrays(relation: Relation) -> tuple[np.ndarray, np.ndarray]:
    return relation.targets, relation.offsets


@compiled
def _light(
    row: np.ndarray,
    column: np.ndarray,
    shape: np.ndarray,
    strength: np.ndarray,
    age: np.ndarray,
    lane: np.ndarray,
    lane_offset: np.ndarray,
    line: np.ndarray,
    line_offset: np.ndarray,
    turn: np.ndarray,
    points: np.ndarray,
    pointed: np.ndarray,
    is_lit: np.ndarray,
    line_is_lit: np.ndarray,
    lane_value: np.ndarray,
    line_value: np.ndarray,
) -> None:
    """Write what E lamps say to the last four arrays.

    row (E,) of the group, negative: unknown; column (E,) of its colour; points (shapes, turns):
    where an arrow points, nowhere for a disc; group g rules lane[lane_offset[g]:...].
    """
    pointed[:], is_lit[:], line_is_lit[:] = False, False, False
    for e in range(len(row)):
        if row[e] >= 0:
            for k in range(lane_offset[row[e]], lane_offset[row[e] + 1]):
                if points[shape[e], turn[lane[k]]]:
                    pointed[lane[k]] = True
    for e in range(len(row)):
        if row[e] < 0:
            continue
        arrow = False
        for t in range(points.shape[1]):
            arrow = arrow or points[shape[e], t]
        for k in range(lane_offset[row[e]], lane_offset[row[e] + 1]):
            i = lane[k]
            if points[shape[e], turn[i]] or not (arrow or pointed[i]):
                if not is_lit[i]:
                    is_lit[i] = True
                    lane_value[i] = 0.0
                lane_value[i, column[e]] = max(lane_value[i, column[e]], strength[e])
                lane_value[i, 4] = max(lane_value[i, 4], age[e])
        for k in range(line_offset[row[e]], line_offset[row[e] + 1]):
            i = line[k]
            if not line_is_lit[i]:
                line_is_lit[i] = True
                line_value[i] = 0.0
            line_value[i, column[e]] = max(line_value[i, column[e]], strength[e])
            line_value[i, 4] = max(line_value[i, 4], age[e])
