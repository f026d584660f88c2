"""Which lane leads into which across the nodes of a plan."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from prediction_node.simulation.network.plan import LaneUse, Plan, PlannedEdge

# Between straight on and a turn.
_STRAIGHT_RAD = math.radians(40.0)
# The direction at an edge's end is that of its last stretch of this length.
_END_M = 12.0


@dataclass(frozen=True, slots=True)
class LaneConnection:
    """A lane that leads into another."""

    edge: str
    lane: int
    onto_edge: str
    onto_lane: int
    # Who has to give way does so at the stop line, not in the middle of the junction.
    waits_outside: bool = False


def lane_connections(plan: Plan) -> list[LaneConnection]:
    """All connections of lanes for driving and riding, without turning back. Lanes at the kerb
    have none: who parks there leaves sideways.
    """
    found: list[LaneConnection] = []
    for node in plan.nodes:
        for edge in plan.into(node.id):
            ways = [out for out in plan.out_of(node.id) if not _leads_back(edge, out)]
            if node.kind == 'join':
                found += _joined(edge, ways[0])
            elif ways:
                found += [
                    *_driving(edge, ways, node.kind != 'ring'),
                    *_riding(edge, ways, node.kind == 'signal'),
                ]
    return found


def turn_rad(edge: PlannedEdge, onto: PlannedEdge) -> float:
    """By how much the heading changes from the end of one edge to the start of another, left
    positive.
    """
    arriving = edge.shape_m[-1] - _inside(edge.shape_m[::-1])
    leaving = _inside(onto.shape_m) - onto.shape_m[0]
    turn = math.atan2(leaving[1], leaving[0]) - math.atan2(arriving[1], arriving[0])
    return math.remainder(turn, 2.0 * math.pi)


def _inside(line_m: np.ndarray) -> np.ndarray:
    """The first point of a line that lies well inside of it, or its end."""
    away = np.hypot(*(line_m - line_m[0]).T)
    inside: np.ndarray = line_m[int(np.argmax(away >= _END_M)) if away.max() >= _END_M else -1]
    return inside


def _leads_back(edge: PlannedEdge, out: PlannedEdge) -> bool:
    if 'ring' in (edge.street, out.street):
        return False
    return edge.id.split('-')[0] == out.id.rstrip('t').split('-')[1].rstrip('j')


def _lanes(edge: PlannedEdge, use: LaneUse) -> list[int]:
    return [index for index, lane in enumerate(edge.lanes) if lane.use is use]


def _joined(edge: PlannedEdge, onto: PlannedEdge) -> Iterator[LaneConnection]:
    """Each lane goes on straight; the leftmost also leads into the lane for left turns."""
    for use in (LaneUse.BICYCLE, LaneUse.DRIVING):
        for lane in _lanes(edge, use):
            yield LaneConnection(edge.id, lane, onto.id, lane)
    yield LaneConnection(edge.id, len(edge.lanes) - 1, onto.id, len(onto.lanes) - 1)


def _driving(
    edge: PlannedEdge, ways: list[PlannedEdge], right_waits_outside: bool
) -> Iterator[LaneConnection]:
    lanes = _lanes(edge, LaneUse.DRIVING)
    used = set()
    through = lanes[:-1] if edge.turn_lane else lanes
    turns = {out.id: turn_rad(edge, out) for out in ways}
    for out in ways:
        onto = _lanes(out, LaneUse.DRIVING)
        turn, outside = turns[out.id], False
        if turn > _STRAIGHT_RAD:
            pairs = [(lanes[-1], onto[-1])]
        elif turn < -_STRAIGHT_RAD:
            # One who waits for walkers in the turn stands in the way of bicycles.
            pairs, outside = [(through[0], onto[0])], right_waits_outside
        else:
            pairs = [(lane, onto[min(k, len(onto) - 1)]) for k, lane in enumerate(through)]
        for lane, target in pairs:
            used.add(lane)
            yield LaneConnection(edge.id, lane, out.id, target, outside)
    for lane in (lane for lane in lanes if lane not in used):
        # No way straight on: the lanes of each half turn to their side.
        leftmost = lanes.index(lane) >= 0.5 * len(lanes)
        out = (max if leftmost else min)(ways, key=lambda way: turns[way.id])
        onto = _lanes(out, LaneUse.DRIVING)
        steps = len(lanes) - 1 - lanes.index(lane) if leftmost else lanes.index(lane)
        steps = min(steps, len(onto) - 1)
        yield LaneConnection(edge.id, lane, out.id, onto[-1 - steps] if leftmost else onto[steps])


def _riding(
    edge: PlannedEdge, ways: list[PlannedEdge], at_lights: bool
) -> Iterator[LaneConnection]:
    """Bicycles go from their own lane to their own lane, or ride among the rest.

    At lights none turns left from the lane at the right, across all who drive straight on, unless
    the street ends there.
    """
    own = edge.lane_index(LaneUse.BICYCLE)
    driving = _lanes(edge, LaneUse.DRIVING)
    turns = {out.id: turn_rad(edge, out) for out in ways}
    goes_on = any(abs(turn) <= _STRAIGHT_RAD for turn in turns.values())
    for out in ways:
        if own is not None and at_lights and goes_on and turns[out.id] > _STRAIGHT_RAD:
            continue
        target = out.lane_index(LaneUse.BICYCLE)
        if own is not None:
            onto = _lanes(out, LaneUse.DRIVING)[0] if target is None else target
            yield LaneConnection(edge.id, own, out.id, onto)
        elif target is not None:
            yield LaneConnection(edge.id, driving[0], out.id, target)
