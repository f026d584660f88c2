"""From a grid of streets to nodes and edges."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prediction_node.simulation.network.curves import (
    arc_length_m,
    between,
    least_radius_m,
    offset_line,
    swung_line,
)
from prediction_node.simulation.network.plan import (
    LaneUse,
    Plan,
    PlannedEdge,
    PlannedLane,
    PlannedNode,
)
from prediction_node.simulation.scenario import Scenario
from prediction_node.simulation.scenario.layout import Street

# The greater has the right of way.
PRIORITY: Mapping[str, int] = {'arterial': 9, 'collector': 6, 'residential': 3}
# Sideways acceleration that drivers accept in bends of a street.
COMFORTABLE_MPS2 = 2.0
# Three to five cars queue in a lane for left turns.
TURN_LANE_M = 38.0
BICYCLE_LANE_M = 1.6
PARKING_LANE_M = 2.2
# A block of this length may swing out by all of Layout.bend_m; shorter ones by less, so that their
# bends are no sharper.
_FULL_BEND_M = 120.0
_STEPS = {'east': (1, 0), 'north': (0, 1), 'west': (-1, 0), 'south': (0, -1)}


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """The street between two neighbouring places of the grid, or from one to the fringe."""

    start: str
    end: str
    street: str  # kind
    name: str
    line_m: np.ndarray  # (K, 2) middle of the street from start to end


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Where the streets of a layout cross and how they run between."""

    centre_m: Mapping[str, np.ndarray]  # place -> (2,)
    kind: Mapping[str, str]  # place -> junction kind, or 'fringe'
    stretches: Sequence[Stretch]


def draw_grid(scenario: Scenario, rng: np.random.Generator) -> Grid:
    """Places and stretches of a scenario, with its irregularities drawn from `rng`."""
    layout = scenario.layout
    columns, rows = len(layout.columns), len(layout.rows)
    centre: dict[str, np.ndarray] = {}
    kind: dict[str, str] = {}
    middle = 0.5 * np.array([columns - 1, rows - 1])
    for row in range(rows):
        for column in range(columns):
            place = f'p{column}{row}'
            off = rng.uniform(-1.0, 1.0, 2) * layout.irregularity
            centre[place] = (np.array([column, row]) - middle + off) * layout.block_m
            kind[place] = layout.junction(column, row)
    closed = _closed_arms(scenario, rng)
    stretches = []
    for row in range(rows):
        for column in range(columns):
            for side, step in _STEPS.items():
                place = f'p{column}{row}'
                next_column, next_row = column + step[0], row + step[1]
                along_row = step[1] == 0
                street = layout.rows[row] if along_row else layout.columns[column]
                name = f'row {row}' if along_row else f'column {column}'
                if 0 <= next_column < columns and 0 <= next_row < rows:
                    if side in ('west', 'south'):
                        continue  # drawn from the other end
                    end = f'p{next_column}{next_row}'
                elif (place, side) in closed:
                    continue
                else:
                    end = f'{side}{row if along_row else column}'
                    aside = rng.uniform(-0.3, 0.3) * np.array([step[1], step[0]])
                    centre[end] = centre[place] + layout.arm_m * (np.array(step) + aside)
                    kind[end] = 'fringe'
                length = float(np.hypot(*(centre[end] - centre[place])))
                swing = rng.choice([-1.0, 1.0]) * rng.uniform(0.3, 1.0) * layout.bend_m
                swing *= min(1.0, (length / _FULL_BEND_M) ** 2)
                line = swung_line(centre[place], centre[end], float(swing))
                stretches.append(Stretch(place, end, street, name, line))
    return Grid(centre, kind, stretches)


def _closed_arms(scenario: Scenario, rng: np.random.Generator) -> set[tuple[str, str]]:
    """(place, side) of the arms that are left out. Every place keeps three, and only streets with
    one lane end: where two lanes must turn into one, there is nothing to draw but a conflict.
    """
    layout = scenario.layout
    columns, rows = len(layout.columns), len(layout.rows)
    arms = []
    for row, street in enumerate(layout.rows):
        if scenario.street(street).lanes == 1:
            arms += [(f'p0{row}', 'west'), (f'p{columns - 1}{row}', 'east')]
    for column, street in enumerate(layout.columns):
        if scenario.street(street).lanes == 1:
            arms += [(f'p{column}0', 'south'), (f'p{column}{rows - 1}', 'north')]
    closed: set[tuple[str, str]] = set()
    for pick in rng.permutation(len(arms)):
        place, side = arms[pick]
        if len(closed) < layout.closed_arms and all(other != place for other, _ in closed):
            closed.add((place, side))
    return closed


def lanes_of(street: Street, extra: int = 0) -> tuple[PlannedLane, ...]:
    """The lanes of one direction from the right, with `extra` driving lanes at the left."""
    lanes = [PlannedLane(LaneUse.SIDEWALK, street.sidewalk_width_m)]
    if street.bicycle_lane:
        lanes.append(PlannedLane(LaneUse.BICYCLE, BICYCLE_LANE_M))
    if street.parking_lane:
        lanes.append(PlannedLane(LaneUse.PARKING, PARKING_LANE_M))
    lanes += [PlannedLane(LaneUse.DRIVING, street.lane_width_m)] * (street.lanes + extra)
    return tuple(lanes)


def add_stretch(plan: Plan, scenario: Scenario, stretch: Stretch, turn_lane_at: set[str]) -> None:
    """Both directions of a stretch; before the nodes `turn_lane_at` with a lane for left turns.

    Streets with such lanes have a median of one lane's width all along, and the lane lies in it:
    so the other lanes run straight on.
    """
    street = scenario.street(stretch.street)
    median = street.lane_width_m if street.turn_lane else 0.0
    ways = (
        (stretch.start, stretch.end, stretch.line_m),
        (stretch.end, stretch.start, stretch.line_m[::-1]),
    )
    for start, end, line in ways:
        border = offset_line(line, -0.5 * median)
        length = float(arc_length_m(line)[-1])
        through = PlannedEdge(
            id=f'{start}-{end}',
            start=start,
            end=end,
            street=stretch.street,
            name=stretch.name,
            shape_m=border,
            lanes=lanes_of(street),
            speed_mps=min(
                street.speed_limit_mps, math.sqrt(COMFORTABLE_MPS2 * least_radius_m(line))
            ),
            priority=PRIORITY[stretch.street],
        )
        if not street.turn_lane or end not in turn_lane_at or length < 2.5 * TURN_LANE_M:
            plan.edges.append(through)
            continue
        # Room for the junction itself, which netconvert cuts off the end.
        cut = length - TURN_LANE_M - 15.0
        join = f'{through.id}j'
        before = between(border, 0.0, float(arc_length_m(border)[-1]) * cut / length)
        inner = offset_line(line, 0.5 * median)
        inner_length = float(arc_length_m(inner)[-1])
        after = between(inner, inner_length * cut / length, inner_length)
        plan.nodes.append(PlannedNode(join, float(before[-1, 0]), float(before[-1, 1]), 'join'))
        plan.edges.append(dataclasses.replace(through, end=join, shape_m=before))
        plan.edges.append(
            dataclasses.replace(
                through,
                id=f'{through.id}t',
                start=join,
                shape_m=after,
                lanes=lanes_of(street, 1),
                turn_lane=True,
            )
        )
