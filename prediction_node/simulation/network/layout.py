"""The plan of a scenario's roads: its grid, roundabouts put in, crosswalks laid."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from prediction_node.simulation.network.curves import between
from prediction_node.simulation.network.plan import Plan, PlannedCrosswalk, PlannedNode
from prediction_node.simulation.network.roundabout import add_ring
from prediction_node.simulation.network.streets import Stretch, add_stretch, draw_grid
from prediction_node.simulation.scenario import Scenario


def plan_roads(scenario: Scenario, rng: np.random.Generator) -> Plan:
    """Nodes, edges and crosswalks of a scenario. Raises SimulationError naming what does not
    fit.
    """
    grid = draw_grid(scenario, rng)
    plan = Plan()
    stretches = list(grid.stretches)
    for place, kind in grid.kind.items():
        if kind == 'roundabout':
            stretches = add_ring(plan, scenario, place, grid.centre_m[place], stretches)
        else:
            x, y = grid.centre_m[place]
            plan.nodes.append(PlannedNode(place, float(x), float(y), kind))
    signals = {place for place, kind in grid.kind.items() if kind == 'signal'}
    for stretch in stretches:
        ends = {stretch.start, stretch.end} & signals
        turning = {place for place in ends if _has_left(stretch, place, stretches)}
        add_stretch(plan, scenario, stretch, turning)
    _add_crosswalks(plan, scenario, rng)
    return plan


def _has_left(stretch: Stretch, place: str, stretches: Sequence[Stretch]) -> bool:
    """May one who arrives at a place along a stretch turn left?"""
    bearings = {
        other: _bearing_rad(other, place)
        for other in stretches
        if place in (other.start, other.end)
    }
    # One who arrives faces away from where the stretch lies; a left turn is a quarter on.
    ahead = bearings[stretch] + math.pi
    return any(
        abs(math.remainder(bearing - ahead - 0.5 * math.pi, 2.0 * math.pi)) < 0.25 * math.pi
        for other, bearing in bearings.items()
        if other is not stretch
    )


def _bearing_rad(stretch: Stretch, place: str) -> float:
    """The direction in which a stretch leaves a place."""
    line = stretch.line_m if stretch.start == place else stretch.line_m[::-1]
    away = between(line, 0.0, 25.0)[-1] - line[0]
    return math.atan2(away[1], away[0])


def _add_crosswalks(plan: Plan, scenario: Scenario, rng: np.random.Generator) -> None:
    """A crosswalk over every arm where lights are, and over a share of the arms elsewhere."""
    for node in plan.nodes:
        if node.kind in ('fringe', 'join'):
            continue
        leaving = {edge.id.split('-')[-1]: edge for edge in plan.out_of(node.id)}
        for entering in plan.into(node.id):
            far = entering.id.split('-')[0]
            out = leaving.get(far)
            if out is None or entering.street == 'ring':
                continue
            drawn = rng.uniform() < scenario.layout.crosswalk_share
            if drawn or node.kind == 'signal':
                plan.crosswalks.append(
                    PlannedCrosswalk(node.id, (entering.id, out.id), node.kind != 'signal')
                )
