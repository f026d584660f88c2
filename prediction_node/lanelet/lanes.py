"""The lanes of a map: geometry along the driving direction, kinds, speeds, and the faults found
on the way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.lane_map import BorderKind, LaneKind, Turn
from prediction_node.lanelet import centreline, meaning
from prediction_node.lanelet.elements import Directed, Elements, LaneletElement
from prediction_node.lanelet.parameters import ReadingParameters
from prediction_node.lanelet.polyline import arc_length, middle, side_of, without_repeats
from prediction_node.lanelet.speeds import speed_limits
from prediction_node.lanelet.topology import ON_FOOT, Topology, topology

_TURN_RAD = math.radians(45.0)
_STRAIGHT_RAD = math.radians(20.0)
_SHORTEST_BORDER_M, _LONGEST_BORDER_M = 1e-3, 20_000.0


@dataclass(slots=True)
class Lanes:
    """L lanes by their lanelets' ids, then a second one for each two-way lane of vehicles."""

    id: list[int]
    elements: list[LaneletElement]
    backward: list[bool]  # drives against the lanelet's drawn direction
    kind: list[LaneKind]
    one_way: list[bool]
    turn: list[Turn]
    speed_mps: np.ndarray  # (L,)
    has_speed: np.ndarray  # (L,) bool
    centre: list[np.ndarray]
    left: list[np.ndarray]
    right: list[np.ndarray]
    left_kind: list[BorderKind]
    right_kind: list[BorderKind]
    topology: Topology

    def rows(self) -> dict[int, list[int]]:
        """Rows by lanelet id: one, or two for a two-way lane, as drawn and backward."""
        rows: dict[int, list[int]] = {}
        for row, element in enumerate(self.elements):
            rows.setdefault(element.id, []).append(row)
        return rows

    def outline(self, row: int) -> np.ndarray:
        """(n, 3) the lanelet's polygon."""
        return np.concatenate([self.left[row], self.right[row][::-1]])


def walk(elements: Elements, xyz_m: np.ndarray, directed: Directed) -> np.ndarray:
    """(n, 3) points of a way in the direction it is walked."""
    rows = elements.ways[directed.way].rows
    return np.asarray(xyz_m[rows[::-1] if directed.inverted else rows])


def build_lanes(elements: Elements, xyz_m: np.ndarray, parameters: ReadingParameters) -> Lanes:
    """All lanelets with usable borders; faults and warnings are added to `elements`."""
    kept: list[LaneletElement] = []
    borders: list[tuple[Directed, Directed]] = []
    for id_ in sorted(elements.lanelets):
        lanelet = elements.lanelets[id_]
        pair = _aligned(elements, xyz_m, lanelet)
        if pair is not None:
            kept.append(lanelet)
            borders.append(pair)
    kinds = [meaning.lane_kind(lanelet.tags) for lanelet in kept]
    one_way = [
        meaning.is_one_way(lanelet.tags, kind) for lanelet, kind in zip(kept, kinds, strict=True)
    ]
    left = [walk(elements, xyz_m, pair[0]) for pair in borders]
    right = [walk(elements, xyz_m, pair[1]) for pair in borders]
    centre = [
        _centre(elements, xyz_m, lanelet, left[row], right[row], parameters)
        for row, lanelet in enumerate(kept)
    ]
    ids = [lanelet.id for lanelet in kept]
    forward, taken = len(kept), {lanelet.id for lanelet in kept}
    for row in range(forward):
        if not one_way[row] and kinds[row] not in ON_FOOT:
            # Routes are chains of rows, each driven from first to last point: so a lane that is
            # driven both ways needs a row for each.
            ids.append(_unused(-kept[row].id, taken))
            taken.add(ids[-1])
            kept.append(kept[row])
            kinds.append(kinds[row])
            one_way.append(False)
            borders.append(_turned(*borders[row]))
            left.append(right[row][::-1])
            right.append(left[row][::-1])
            centre.append(centre[row][::-1])
    backward = [row >= forward for row in range(len(kept))]
    found = topology(elements, kept, borders, xyz_m, kinds, one_way, backward)
    speed, has_speed = speed_limits(elements, kept, kinds, found.default_speed_mps)
    lanes = Lanes(
        id=ids,
        elements=kept,
        backward=backward,
        kind=kinds,
        one_way=one_way,
        turn=[
            meaning.turn_of(lanelet.tags, backward=back)
            for lanelet, back in zip(kept, backward, strict=True)
        ],
        speed_mps=speed,
        has_speed=has_speed,
        centre=centre,
        left=left,
        right=right,
        left_kind=_border_kinds(elements, borders, on_left=True),
        right_kind=_border_kinds(elements, borders, on_left=False),
        topology=found,
    )
    if parameters.derive_turns:
        _derive_turns(lanes)
    return lanes


def _turned(left: Directed, right: Directed) -> tuple[Directed, Directed]:
    """Borders of a lane as they are to those who drive the other way."""
    return Directed(right.way, not right.inverted), Directed(left.way, not left.inverted)


def _unused(id_: int, taken: set[int]) -> int:
    while id_ in taken or id_ == 0:
        id_ -= 1
    return id_


def _aligned(
    elements: Elements, xyz_m: np.ndarray, lanelet: LaneletElement
) -> tuple[Directed, Directed] | None:
    """Left and right border so directed that left lies left of right.

    None, with a fault, where that is impossible.
    """
    left, right = lanelet.left, lanelet.right
    if left.way == right.way:
        elements.faults.append(f'lanelet {lanelet.id} has way {left.way} as both of its borders')
        return None
    for name, directed in (('left', left), ('right', right)):
        line = walk(elements, xyz_m, directed)
        length_m = arc_length(line)[-1] if len(line) else 0.0
        if not _SHORTEST_BORDER_M <= length_m <= _LONGEST_BORDER_M:
            elements.faults.append(
                f'the {name} border of lanelet {lanelet.id}, way {directed.way}, is '
                f'{length_m:.4g} m long, '
                f'from {_SHORTEST_BORDER_M:g} to {_LONGEST_BORDER_M:g} m is sound'
            )
            return None
    if elements.aligned:
        return left, right
    # As Lanelet2's own reader does it: a way runs along the driving direction if the other border's
    # middle is on the proper side of it.
    left_line, right_line = walk(elements, xyz_m, left), walk(elements, xyz_m, right)
    left_middle, right_middle = middle(left_line), middle(right_line)
    if side_of(left_line, right_middle) > 0:
        left = Directed(left.way, not left.inverted)
    if side_of(right_line, left_middle) < 0:
        right = Directed(right.way, not right.inverted)
    left_line, right_line = walk(elements, xyz_m, left), walk(elements, xyz_m, right)
    apart = left_line[[0, -1], :2] - right_line[[0, -1], :2]
    crossed = left_line[[0, -1], :2] - right_line[[-1, 0], :2]
    if np.linalg.norm(crossed, axis=1).sum() < np.linalg.norm(apart, axis=1).sum():
        elements.warnings.append(
            f'the borders of lanelet {lanelet.id} seem to run in opposite directions'
        )
    return left, right


def _centre(
    elements: Elements,
    xyz_m: np.ndarray,
    lanelet: LaneletElement,
    left: np.ndarray,
    right: np.ndarray,
    parameters: ReadingParameters,
) -> np.ndarray:
    computed = centreline.between(left, right, parameters.centreline_step_m)
    if arc_length(computed)[-1] < _SHORTEST_BORDER_M:
        elements.faults.append(f'lanelet {lanelet.id} has no length')
    if lanelet.centreline is None:
        return computed
    drawn = without_repeats(walk(elements, xyz_m, lanelet.centreline))
    name = f'the centreline of lanelet {lanelet.id}, way {lanelet.centreline.way},'
    if len(drawn) < 2:
        elements.warnings.append(f'{name} has no length and is replaced by a computed one')
        return computed
    overrun_m = centreline.overrun_m(drawn, left, right)
    if overrun_m > parameters.centreline_overrun_m:
        elements.faults.append(
            f'{name} leaves the lanelet by {overrun_m:.2f} m, more than '
            f'{parameters.centreline_overrun_m:g} m'
        )
        return computed
    if centreline.runs_against(drawn, computed):
        elements.faults.append(f'{name} runs against the driving direction')
        return computed
    return centreline.completed(drawn, left, right, parameters.centreline_step_m)


def _border_kinds(
    elements: Elements, borders: Sequence[tuple[Directed, Directed]], *, on_left: bool
) -> list[BorderKind]:
    kinds = []
    for pair in borders:
        directed = pair[0] if on_left else pair[1]
        tags = elements.ways[directed.way].tags
        kinds.append(meaning.border_kind(tags, on_left=on_left, inverted=directed.inverted))
    return kinds


def _derive_turns(lanes: Lanes) -> None:
    """Lanes without turn_direction that share a predecessor with others: their turn from their
    shape.
    """
    siblings = np.zeros(len(lanes.elements), bool)
    for followers in lanes.topology.successors:
        if len(followers) > 1:
            siblings[followers] = True
    for row in np.flatnonzero(siblings):
        if lanes.turn[row] != Turn.NONE or lanes.kind[row] != LaneKind.ROAD:
            continue
        steps = np.diff(lanes.centre[row][:, :2], axis=0)
        heading = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
        change = heading[-1] - heading[0]
        if abs(change) > _TURN_RAD:
            lanes.turn[row] = Turn.LEFT if change > 0 else Turn.RIGHT
        elif abs(change) < _STRAIGHT_RAD:
            lanes.turn[row] = Turn.STRAIGHT
