"""Ways through a network, by class of vehicle."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from prediction_node.simulation.network.curves import arc_length_m
from prediction_node.simulation.network.net_file import Function, Network

# Drivers do not all take the shortest way: each sees the edges up to this much longer.
_TASTE = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class RoadGraph:
    """What one class of vehicle may drive."""

    length_m: Mapping[str, float]  # edge -> m
    speed_mps: Mapping[str, float]  # edge -> greatest speed of its lanes
    onto: Mapping[str, tuple[str, ...]]  # edge -> edges that follow
    lanes: Mapping[tuple[str, str], tuple[int, ...]]  # (edge, next edge) -> lanes that lead there
    open_lanes: Mapping[str, tuple[int, ...]]  # edge -> lanes it may use
    entries: tuple[str, ...]  # edges that come from the fringe
    exits: tuple[str, ...]

    def time_s(self, edge: str) -> float:
        return self.length_m[edge] / self.speed_mps[edge]

    def way(
        self,
        start: str,
        end: str,
        rng: np.random.Generator,
        avoided: Collection[tuple[str, str]] = (),
    ) -> tuple[str, ...]:
        """Edges from start to end, both included, by a driver's own taste and without the
        avoided (edge, next edge); empty: there is no way.
        """
        taste = {edge: float(1.0 + _TASTE * rng.random()) for edge in self.length_m}
        queue: list[tuple[float, str, str]] = [(0.0, start, '')]
        before: dict[str, str] = {}
        while queue:
            cost, edge, came_from = heapq.heappop(queue)
            if edge in before:
                continue
            before[edge] = came_from
            if edge == end:
                way = [edge]
                while before[way[-1]]:
                    way.append(before[way[-1]])
                return tuple(reversed(way))
            for following in self.onto[edge]:
                if following not in before and (edge, following) not in avoided:
                    step = self.time_s(following) * taste[following]
                    heapq.heappush(queue, (cost + step, following, edge))
        return ()


def road_graph(network: Network, sumo_class: str) -> RoadGraph:
    """The graph of a class (SUMO's name)."""
    open_lanes = {
        edge.id: tuple(
            network.lanes[lane].index
            for lane in edge.lanes
            if network.lanes[lane].access.allows(sumo_class)
        )
        for edge in network.edges.values()
        if edge.function is Function.NORMAL
    }
    open_lanes = {edge: lanes for edge, lanes in open_lanes.items() if lanes}
    lanes: dict[tuple[str, str], set[int]] = {}
    for connection in network.connections:
        start, end = network.lanes[connection.start], network.lanes[connection.end]
        if start.index in open_lanes.get(start.edge, ()) and end.index in open_lanes.get(
            end.edge, ()
        ):
            lanes.setdefault((start.edge, end.edge), set()).add(start.index)
    onto: dict[str, list[str]] = {edge: [] for edge in open_lanes}
    for edge, following in lanes:
        onto[edge].append(following)
    dead_ends = {j.id for j in network.junctions.values() if j.kind == 'dead_end'}
    shapes = {edge: network.lanes[network.edges[edge].lanes[-1]] for edge in open_lanes}
    return RoadGraph(
        length_m={e: float(arc_length_m(lane.shape_m[:, :2])[-1]) for e, lane in shapes.items()},
        speed_mps={edge: lane.speed_mps for edge, lane in shapes.items()},
        onto={edge: tuple(sorted(following)) for edge, following in onto.items()},
        lanes={pair: tuple(sorted(found)) for pair, found in lanes.items()},
        open_lanes=open_lanes,
        entries=tuple(e for e in open_lanes if network.edges[e].start in dead_ends),
        exits=tuple(e for e in open_lanes if network.edges[e].end in dead_ends),
    )


def left_turns(network: Network) -> frozenset[tuple[str, str]]:
    """(edge, next edge) of all left turns at junctions."""
    return frozenset(
        (network.lanes[c.start].edge, network.lanes[c.end].edge)
        for c in network.connections
        if c.direction.lower() in 'lt'
    )


def walking_components(network: Network) -> dict[str, int]:
    """Edge with a sidewalk -> number of the connected part of the walkways that it belongs to."""
    neighbours: dict[str, set[str]] = {}
    for connection in network.connections:
        start, end = network.lanes[connection.start], network.lanes[connection.end]
        if start.access.allows('pedestrian') and end.access.allows('pedestrian'):
            neighbours.setdefault(start.edge, set()).add(end.edge)
            neighbours.setdefault(end.edge, set()).add(start.edge)
    part: dict[str, int] = {}
    for seed in sorted(neighbours):
        if seed in part:
            continue
        number = len(set(part.values()))
        stack = [seed]
        while stack:
            edge = stack.pop()
            if edge not in part:
                part[edge] = number
                stack += neighbours[edge] - part.keys()
    return {e: k for e, k in part.items() if network.edges[e].function is Function.NORMAL}
