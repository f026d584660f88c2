"""Vehicles that do what traffic rules do not foresee, in the robotaxi's way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prediction_node.simulation.network.course import Course
from prediction_node.simulation.network.demand import Occupied, Trip, stop
from prediction_node.simulation.network.parking import Parked, box_on_lane, room_to_leave
from prediction_node.simulation.network.plan import LaneUse, PlannedEdge
from prediction_node.simulation.network.script import PullOut, StandingCar
from prediction_node.simulation.network.vehicle_types import draw_type

# A car at the kerb needs this much room ahead to steer out.
_LEAVING_ROOM_M = 12.0
# Front wheels turn this long before a parked car moves.
_NOTICE_S = (1.5, 3.5)
# Where nobody can pass, a stopped truck is gone soon.
_BLOCKING_S = (4.0, 14.0)


def draw_pull_outs(
    course: Course, parked: dict[str, list[Parked]], rng: np.random.Generator
) -> tuple[list[Trip], tuple[PullOut, ...], list[StandingCar]]:
    """Cars that leave the kerb, and where they stand before; taken out of `parked`, with those
    that block their way.
    """
    graph = course.traffic.graphs['custom1']
    trips, pull_outs, boxes = [], [], []
    left: set[str] = set()
    for _ in range(course.count(course.traffic.scenario.events.pull_out_per_min)):
        # One for each kerb: two at a time would be in each other's way.
        kerbs = {edge: cars for edge, cars in parked.items() if cars and edge not in left}
        places = [(kerbs[edge.id], t) for edge, t in course.ahead if edge.id in kerbs]
        # Where the robotaxi passes no kerb, somebody pulls out elsewhere.
        places = places or [(cars, course.window_s[0]) for cars in kerbs.values()]
        if not places:
            break
        cars, arrival = places[int(rng.integers(len(places)))]
        car = cars[int(rng.integers(len(cars)))]
        goal = graph.exits[int(rng.integers(len(graph.exits)))]
        way = graph.way(car.edge, goal, rng)
        if not way:
            continue
        for other in room_to_leave(parked, car, _LEAVING_ROOM_M):
            cars.remove(other)
        cars.remove(car)
        start = course.instant_s(arrival, rng)
        trips.append(car.leaving(way, start))
        boxes.append(car.box)
        left.add(car.edge)
        pull_outs.append(PullOut(car.id, start, float(rng.uniform(*_NOTICE_S))))
    return trips, tuple(pull_outs), boxes


def draw_double_parked(
    course: Course, occupied: Occupied, rng: np.random.Generator
) -> tuple[list[Trip], list[StandingCar]]:
    """Trucks that stand on the rightmost driving lane, where there are two if the city has such
    streets, and drive on later; and where they stand.
    """
    graph = course.traffic.graphs['truck']
    trips: list[Trip] = []
    boxes: list[StandingCar] = []
    pools = _stopping_places(course)
    for number in range(course.count(course.traffic.scenario.events.double_parked_per_min)):
        for edge, arrival in _shuffled(pools, rng):
            type_id, body = draw_type('truck', course.traffic.scenario.behaviour, rng)
            lanes = [k for k, lane in enumerate(edge.lanes) if lane.use is LaneUse.DRIVING]
            length = graph.length_m[edge.id]
            front = float(rng.uniform(0.35, 0.6)) * length
            goal = graph.exits[int(rng.integers(len(graph.exits)))]
            way = graph.way(edge.id, goal, rng)
            if not way or front < body.length_m + 2.0:
                continue
            if not occupied.take(edge.id, lanes[0], front, body.length_m):
                continue
            start = course.window_s[0]
            until = max(start, arrival) + float(rng.uniform(15.0, 60.0))
            if len(lanes) == 1:
                until = start + float(rng.uniform(*_BLOCKING_S))
            halt = stop(edge.id, lanes[0], front, until_s=until)
            name, lane = f'delivery_{number}', str(lanes[0])
            trips.append(Trip(name, type_id, 0.0, way, lane, 'stop', '0', (halt,)))
            on = f'{edge.id}_{lane}'
            boxes.append(box_on_lane(course.traffic.network, name, on, front, body))
            break
    return trips, boxes


def _stopping_places(course: Course) -> list[list[tuple[PlannedEdge, float]]]:
    """Edges and when they matter, the best pool first: streets with two lanes on the robotaxi's
    way, then anywhere, then streets with one lane off its way.
    """
    edges = [e for e in course.traffic.plan.edges if e.street != 'ring' and not e.turn_lane]
    wide = [edge for edge in edges if course.traffic.scenario.street(edge.street).lanes > 1]
    on_way = [(edge, t) for edge, t in course.ahead if edge in wide]
    first = course.window_s[0]
    return [on_way, [(edge, first) for edge in wide], [(edge, first) for edge in edges]]


def _shuffled(
    pools: Sequence[Sequence[tuple[PlannedEdge, float]]], rng: np.random.Generator
) -> list[tuple[PlannedEdge, float]]:
    return [pool[k] for pool in pools for k in rng.permutation(len(pool))]


def draw_emergency(course: Course, rng: np.random.Generator) -> list[Trip]:
    """Vehicles on call whose way meets the robotaxi's about when it is there."""
    graph = course.traffic.graphs['emergency']
    trips: list[Trip] = []
    for number in range(course.count(course.traffic.scenario.events.emergency_per_min)):
        type_id, _ = draw_type('emergency', course.traffic.scenario.behaviour, rng)
        edge, arrival = course.ahead[int(rng.integers(len(course.ahead)))]
        entries = [graph.entries[k] for k in rng.permutation(len(graph.entries))]
        for entry in entries:
            goal = graph.exits[int(rng.integers(len(graph.exits)))]
            there, on = graph.way(entry, edge.id, rng), graph.way(edge.id, goal, rng)
            if not there or not on:
                continue
            takes = sum(graph.time_s(each) for each in there)
            depart = max(0.5, course.instant_s(arrival, rng) - takes)
            trips.append(Trip(f'ambulance_{number}', type_id, depart, there + on[1:]))
            break
    return trips


def draw_runners(
    course: Course, trips: Sequence[Trip], rng: np.random.Generator
) -> tuple[str, ...]:
    """Ids of cars among `trips` who will pass red lights: some that meet the robotaxi's way at
    lights while it drives.
    """
    signals = {node.id for node in course.traffic.plan.nodes if node.kind == 'signal'}
    end_of = {edge.id: edge.end for edge in course.traffic.plan.edges}
    met = {end_of[edge] for edge in course.route} & signals
    near: list[str] = []
    far: list[str] = []
    for trip in trips:
        passed = {end_of[edge] for edge in trip.edges[:-1]} & signals
        if not passed or trip.depart_s > course.window_s[1]:
            continue
        (near if passed & met else far).append(trip.id)
    count = course.count(course.traffic.scenario.events.red_light_runner_per_min)
    pool = near if len(near) >= count else near + far
    picked = rng.permutation(len(pool))[:count]
    return tuple(sorted(pool[k] for k in picked))
