"""Roundabouts: a ring of one-way edges around an island, with a gate for each arm."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from prediction_node.domain.errors import SimulationError
from prediction_node.simulation.network.curves import arc_length_m, between
from prediction_node.simulation.network.plan import (
    LaneUse,
    Plan,
    PlannedEdge,
    PlannedLane,
    PlannedNode,
)
from prediction_node.simulation.network.streets import COMFORTABLE_MPS2, Stretch
from prediction_node.simulation.scenario import Scenario

RING_LANE_M = 4.8
_SPACING_M = 2.0
# Above all streets: who is on the ring goes first.
_PRIORITY = 12
_LEAST_ARMS = 3


def add_ring(
    plan: Plan, scenario: Scenario, place: str, centre_m: np.ndarray, stretches: Sequence[Stretch]
) -> list[Stretch]:
    """Put a ring at a place. Returns the stretches, those that met at the place cut off at the
    gates of the ring. Raises SimulationError.
    """
    arms = [stretch for stretch in stretches if place in (stretch.start, stretch.end)]
    if len(arms) < _LEAST_ARMS:
        raise SimulationError(
            f'scenario {scenario.name}: the roundabout {place} has {len(arms)} arms, '
            f'at least {_LEAST_ARMS} are needed'
        )
    island = scenario.layout.roundabout_radius_m
    outer = island + RING_LANE_M
    bearings = {_far_end(arm, place): _bearing_rad(arm, place, centre_m) for arm in arms}
    order = sorted(bearings, key=lambda far: bearings[far])
    gates = {far: f'{place}g{k}' for k, far in enumerate(order)}
    sidewalk = max(scenario.street(arm.street).sidewalk_width_m for arm in arms)
    ring = []
    for k, far in enumerate(order):
        start = bearings[far]
        following = order[(k + 1) % len(order)]
        end = start + (bearings[following] - start) % (2.0 * math.pi)
        direction = np.array([math.cos(start), math.sin(start)])
        at = centre_m + (island + 0.5 * RING_LANE_M) * direction
        plan.nodes.append(PlannedNode(gates[far], float(at[0]), float(at[1]), 'ring'))
        count = max(4, math.ceil((end - start) * island / _SPACING_M))
        angles = np.linspace(start, end, count + 1)
        shape = centre_m + island * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        edge = PlannedEdge(
            id=f'{place}r{k}',
            start=gates[far],
            end=gates[following],
            street='ring',
            name=f'ring {place}',
            shape_m=shape,
            lanes=(
                PlannedLane(LaneUse.SIDEWALK, sidewalk),
                PlannedLane(LaneUse.DRIVING, RING_LANE_M),
            ),
            speed_mps=math.sqrt(COMFORTABLE_MPS2 * (island + 0.5 * RING_LANE_M)),
            priority=_PRIORITY,
        )
        plan.edges.append(edge)
        ring.append(edge.id)
    plan.rings.append(tuple(ring))
    return [
        _cut(stretch, place, gates, outer) if stretch in arms else stretch for stretch in stretches
    ]


def _far_end(arm: Stretch, place: str) -> str:
    return arm.end if arm.start == place else arm.start


def _bearing_rad(arm: Stretch, place: str, centre_m: np.ndarray) -> float:
    """The direction in which an arm leaves, in [0, 2 pi)."""
    line = arm.line_m if arm.start == place else arm.line_m[::-1]
    away = between(line, 0.0, 25.0)[-1] - centre_m
    return math.atan2(away[1], away[0]) % (2.0 * math.pi)


def _cut(arm: Stretch, place: str, gates: dict[str, str], radius_m: float) -> Stretch:
    gate = gates[_far_end(arm, place)]
    length = float(arc_length_m(arm.line_m)[-1])
    if arm.start == place:
        line = between(arm.line_m, radius_m, length)
        return dataclasses.replace(arm, start=gate, line_m=line)
    line = between(arm.line_m, 0.0, length - radius_m)
    return dataclasses.replace(arm, end=gate, line_m=line)
