"""Vehicles on their ways through the city, there from the first instant on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree

import numpy as np

from prediction_node.simulation.network.net_file import Network
from prediction_node.simulation.network.plan import LaneUse, Plan
from prediction_node.simulation.network.routes import RoadGraph, left_turns, road_graph
from prediction_node.simulation.network.streets import PRIORITY
from prediction_node.simulation.network.vehicle_types import BODIES, draw_type
from prediction_node.simulation.scenario import Scenario

VEHICLE_KINDS = ('car', 'truck', 'bus', 'trailer', 'motorcycle', 'bicycle')
EGO = 'ego'
# What traffic makes of the speed limits on average, lights and queues included.
TRAVEL_SHARE = 0.5
# How long before the start entries are drawn: longer than a way through any city here.
_BEFORE_S = 600.0
# Space kept between vehicles that are there from the start, besides their length.
_SPACE_M = 5.0
_ALTERNATIVES = 3
_LONG = ('bus', 'trailer')
_BUS_STOP_S = (6.0, 14.0)


@dataclass(frozen=True, slots=True)
class Trip:
    """One vehicle as it goes into the routes file."""

    id: str
    type_id: str
    depart_s: float
    edges: tuple[str, ...]
    lane: str = 'best'
    position: str = 'base'
    speed: str = 'max'
    stops: tuple[Mapping[str, str], ...] = ()

    def element(self) -> ElementTree.Element:
        element = ElementTree.Element(
            'vehicle',
            {
                'id': self.id,
                'type': self.type_id,
                'depart': f'{self.depart_s:.2f}',
                'departLane': self.lane,
                'departPos': self.position,
                'departSpeed': self.speed,
            },
        )
        ElementTree.SubElement(element, 'route', {'edges': ' '.join(self.edges)})
        for stop in self.stops:
            ElementTree.SubElement(element, 'stop', dict(stop))
        return element


@dataclass(slots=True)
class Occupied:
    """Stretches of lanes that are taken at the start."""

    taken: dict[tuple[str, int], list[tuple[float, float]]] = field(default_factory=dict)

    def take(self, edge: str, lane: int, front_m: float, length_m: float) -> bool:
        """Take a place if it is free."""
        rear, front = front_m - length_m - _SPACE_M, front_m + _SPACE_M
        places = self.taken.setdefault((edge, lane), [])
        if any(rear < other_front and other_rear < front for other_rear, other_front in places):
            return False
        places.append((front_m - length_m, front_m))
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """What the drawing of trips needs to know."""

    scenario: Scenario
    plan: Plan
    network: Network
    graphs: Mapping[str, RoadGraph]  # SUMO class ->

    @classmethod
    def of(cls, scenario: Scenario, plan: Plan, network: Network) -> Traffic:
        classes = sorted({body.sumo_class for bodies in BODIES.values() for body in bodies})
        graphs = {c: road_graph(network, c) for c in classes if c != 'pedestrian'}
        return cls(scenario, plan, network, graphs)


def draw_trips(
    traffic: Traffic, duration_s: float, occupied: Occupied, rng: np.random.Generator
) -> list[Trip]:
    """Everyone who drives or rides through the city during `duration_s`.

    Entries at the fringe are a Poisson process that began long before; who entered before the
    start is put where he has got to by then, if there is room. So traffic is steady from the
    start. A kind with a rate is there with at least one.
    """
    trips: list[Trip] = []
    for kind in VEHICLE_KINDS:
        rate = getattr(traffic.scenario.demand, f'{kind}_per_h') / 3600.0
        if rate > 0.0:
            trips += _trips_of(kind, traffic, rate, duration_s, occupied, rng)
    return trips


def _trips_of(
    kind: str,
    traffic: Traffic,
    rate_hz: float,
    duration_s: float,
    occupied: Occupied,
    rng: np.random.Generator,
) -> Iterator[Trip]:
    ways: dict[str, list[tuple[tuple[str, ...], float]]] = {}
    entries = rng.uniform(-_BEFORE_S, duration_s, rng.poisson(rate_hz * (_BEFORE_S + duration_s)))
    number, present = 0, False
    for depart in np.sort(entries):
        type_id, body = draw_type(kind, traffic.scenario.behaviour, rng)
        graph = traffic.graphs[body.sumo_class]
        if body.sumo_class not in ways:
            ways[body.sumo_class] = _ways(kind, traffic, graph, rng)
        choices = ways[body.sumo_class]
        if not choices:
            continue
        weight = np.array([weight for _, weight in choices])
        edges = choices[int(rng.choice(len(choices), p=weight / weight.sum()))][0]
        trip = Trip(f'{kind}_{number}', type_id, float(depart), edges)
        if depart < 0.0:
            speed = min(body.max_speed_mps, 1e3) if kind == 'bicycle' else None
            begun = _under_way(trip, graph, body.length_m, speed, occupied, rng)
            if begun is None:
                continue
            trip = begun
        if kind == 'bus':
            trip = _with_stops(trip, traffic, graph, rng)
        number += 1
        present = present or trip.depart_s == 0.0
        yield trip
    if not present:
        yield from _one_at_least(f'{kind}_{number}', kind, traffic, occupied, rng)


def _one_at_least(
    vehicle_id: str, kind: str, traffic: Traffic, occupied: Occupied, rng: np.random.Generator
) -> Iterator[Trip]:
    """A single vehicle of a kind somewhere on its way at the start."""
    type_id, body = draw_type(kind, traffic.scenario.behaviour, rng)
    graph = traffic.graphs[body.sumo_class]
    ways = _ways(kind, traffic, graph, rng)
    for _ in range(50 if ways else 0):
        edges = ways[int(rng.integers(len(ways)))][0]
        lasting = sum(graph.time_s(edge) for edge in edges) / TRAVEL_SHARE
        trip = Trip(vehicle_id, type_id, -float(rng.uniform(0.0, 0.6 * lasting)), edges)
        begun = _under_way(trip, graph, body.length_m, None, occupied, rng)
        if begun is not None:
            yield begun
            return


def _ways(
    kind: str, traffic: Traffic, graph: RoadGraph, rng: np.random.Generator
) -> list[tuple[tuple[str, ...], float]]:
    """Ways from fringe to fringe with how often they are taken; great streets carry more."""
    street = {edge.id: edge for edge in traffic.plan.edges}
    # Long vehicles that wait for a gap in the middle of a junction stand in everybody's way.
    avoided = left_turns(traffic.network) if kind in _LONG else frozenset()
    ways = []
    for entry in graph.entries:
        for leaving in graph.exits:
            if traffic.network.edges[entry].start == traffic.network.edges[leaving].end:
                continue
            weight = 1.0
            for edge in (entry, leaving):
                planned = street[edge]
                lanes = sum(lane.use is LaneUse.DRIVING for lane in planned.lanes)
                weight *= lanes * PRIORITY[planned.street]
            if (
                kind in ('bus', 'trailer')
                and min(PRIORITY[street[edge].street] for edge in (entry, leaving))
                < PRIORITY['collector']
            ):
                weight *= 0.05
            found = {graph.way(entry, leaving, rng, avoided) for _ in range(_ALTERNATIVES)}
            ways += [(way, weight / len(found)) for way in sorted(found) if way]
    return ways


def _under_way(
    trip: Trip,
    graph: RoadGraph,
    length_m: float,
    speed_mps: float | None,
    occupied: Occupied,
    rng: np.random.Generator,
) -> Trip | None:
    """The rest of a trip that began before the start; None if it is over or there is no room."""
    left_s = -trip.depart_s
    for index, edge in enumerate(trip.edges):
        limit = (
            graph.speed_mps[edge] if speed_mps is None else min(speed_mps, graph.speed_mps[edge])
        )
        takes = graph.length_m[edge] / (limit * TRAVEL_SHARE)
        if left_s >= takes:
            left_s -= takes
            continue
        rest = trip.edges[index:]
        front = left_s / takes * graph.length_m[edge]
        front = min(max(front, length_m + 1.0), graph.length_m[edge] - 1.0)
        if front < length_m:
            return None
        lanes = graph.lanes[(edge, rest[1])] if len(rest) > 1 else graph.open_lanes[edge]
        lane = lanes[int(rng.integers(len(lanes)))]
        if not occupied.take(edge, lane, front, length_m):
            return None
        return Trip(trip.id, trip.type_id, 0.0, rest, str(lane), f'{front:.2f}')
    return None


def _with_stops(trip: Trip, traffic: Traffic, graph: RoadGraph, rng: np.random.Generator) -> Trip:
    """A bus halts at the kerb of some of its inner edges."""
    stops = []
    for edge in trip.edges[1:-1]:
        length = graph.length_m[edge]
        if length < 60.0 or rng.random() < 0.5:
            continue
        lane = graph.open_lanes[edge][0]
        stops.append(stop(edge, lane, 0.6 * length, duration_s=float(rng.uniform(*_BUS_STOP_S))))
    return Trip(
        *(trip.id, trip.type_id, trip.depart_s, trip.edges, trip.lane, trip.position, trip.speed),
        tuple(stops),
    )


def stop(edge: str, lane: int, front_m: float, **until: float) -> dict[str, str]:
    """A stop in the lane itself, by `duration_s` or `until_s`."""
    values = {'lane': f'{edge}_{lane}', 'endPos': f'{front_m:.2f}', 'parking': 'false'}
    values |= {name.removesuffix('_s'): f'{value:.2f}' for name, value in until.items()}
    return values
