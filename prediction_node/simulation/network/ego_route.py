"""Where the robotaxi drives."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.domain.errors import SimulationError
from prediction_node.simulation.network.net_file import Network
from prediction_node.simulation.network.plan import Plan
from prediction_node.simulation.network.routes import RoadGraph
from prediction_node.simulation.scenario import Scenario

_ATTEMPTS = 40
# Nobody drives faster through a city than this share of the limits.
_FASTEST_SHARE = 0.85
# How much the wished-for direction is preferred to others.
_WISH = 5.0
_DIRECTIONS = {'straight': 's', 'left': 'l', 'right': 'r'}


def draw_ego_route(
    scenario: Scenario,
    plan: Plan,
    network: Network,
    graph: RoadGraph,
    duration_s: float,
    rng: np.random.Generator,
) -> tuple[str, ...]:
    """Edges that keep the robotaxi driving for `duration_s`, within the city as far as its streets
    make loops. Raises SimulationError if they are too short.
    """
    kind = {edge.id: edge.street for edge in plan.edges}
    ends = set(graph.exits)
    # The short edges of a ring or before lights are no place to start.
    starts = [
        edge
        for edge in graph.length_m
        if edge not in ends and kind[edge] != 'ring' and not edge.endswith('t')
    ]
    inner = [edge for edge in starts if edge not in graph.entries]
    wished = [edge for edge in starts if kind[edge] == scenario.ego.street]
    pools = [[e for e in inner if e in wished], wished, inner, starts]
    directions = _directions(network)
    longest: tuple[float, tuple[str, ...]] = (0.0, ())
    for pool in (pool for pool in pools if pool):
        for _ in range(_ATTEMPTS):
            start = pool[int(rng.integers(len(pool)))]
            route = _walk(scenario, graph, directions, start, duration_s, rng)
            lasting = _lasting_s(graph, route)
            if lasting >= duration_s:
                return route
            longest = max(longest, (lasting, route))
    raise SimulationError(
        f'scenario {scenario.name}: the robotaxi would reach the fringe after {longest[0]:.0f} s '
        f'of the {duration_s:.0f} s asked for; add rows and columns, or make arm_m longer'
    )


def _walk(
    scenario: Scenario,
    graph: RoadGraph,
    directions: dict[tuple[str, str], str],
    start: str,
    duration_s: float,
    rng: np.random.Generator,
) -> tuple[str, ...]:
    """A random walk that keeps to the inside while it can."""
    route = [start]
    wish = _DIRECTIONS.get(scenario.ego.prefer, '')
    exits = set(graph.exits)
    while _lasting_s(graph, route) < duration_s and graph.onto[route[-1]]:
        ways = graph.onto[route[-1]]
        inside = [way for way in ways if way not in exits and graph.onto[way]]
        choice = inside or list(ways)
        weight = np.array(
            [
                (_WISH if directions.get((route[-1], way), '') == wish else 1.0)
                / (1.0 + route.count(way))
                for way in choice
            ]
        )
        route.append(choice[int(rng.choice(len(choice), p=weight / weight.sum()))])
    return tuple(route)


def _lasting_s(graph: RoadGraph, route: tuple[str, ...] | list[str]) -> float:
    """How long a route lasts at least; the end of its last edge is not to be reached."""
    return sum(graph.time_s(edge) for edge in route[:-1]) / _FASTEST_SHARE


def _directions(network: Network) -> dict[tuple[str, str], str]:
    """(edge, next edge) -> SUMO's letter of the direction, lower case."""
    return {
        (network.lanes[c.start].edge, network.lanes[c.end].edge): c.direction.lower()
        for c in network.connections
    }


def arrival_s(graph: RoadGraph, route: tuple[str, ...], speed_share: float) -> list[float]:
    """When each edge of a route is reached by one who drives at this share of the limits."""
    times = np.cumsum([0.0] + [graph.time_s(edge) / speed_share for edge in route[:-1]])
    return [t if math.isfinite(t) else 0.0 for t in times.tolist()]
