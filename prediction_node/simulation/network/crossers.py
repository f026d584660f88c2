"""Walkers and dogs that cross before the robotaxi."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from prediction_node.domain.kinds import ObjectClass
from prediction_node.simulation.network.course import Course
from prediction_node.simulation.network.curves import arc_length_m, direction_at, point_at
from prediction_node.simulation.network.parking import Parked, room_about
from prediction_node.simulation.network.plan import LaneUse, PlannedEdge
from prediction_node.simulation.network.script import Crossing, LateWalker, StandingCar
from prediction_node.simulation.network.vehicle_types import draw_type
from prediction_node.simulation.network.walkers import Walk

# Too near to a junction it would be no mid-block crossing.
_CLEAR_M = 22.0
_WALK_MPS = (1.1, 1.9)
_DOG_MPS = (2.5, 5.5)
# How near the robotaxi is when they start: a second or three of driving beyond their own way.
_WALK_NEAR_M = (26.0, 45.0)
_DOG_NEAR_M = (18.0, 32.0)
# Between a path and a standing car, walker's own half width included.
_ROOM_M = 1.1
_ATTEMPTS = 60
# A lane for left turns begins with a small junction of SUMO's, which bears no walkers.
_NODE_M = 14.0
_LATE_WALK_M = (6.0, 14.0)


def draw_crossings(
    course: Course,
    parked: dict[str, list[Parked]],
    obstacles: Sequence[StandingCar],
    rng: np.random.Generator,
) -> tuple[Crossing, ...]:
    """Mid-block crossings and dogs, across streets on the robotaxi's way, around the obstacles.
    Parked cars in their way are taken out of `parked`: they step out between the others.
    """
    events = course.traffic.scenario.events
    counts = {
        ObjectClass.PEDESTRIAN: course.count(events.mid_block_crossing_per_min),
        ObjectClass.ANIMAL: course.count(events.dog_per_min),
    }
    places = [
        (edge, arrival)
        for edge, arrival in course.ahead
        if edge.street != 'ring' and not edge.turn_lane and edge.length_m > 2.0 * _CLEAR_M + 5.0
    ]
    nodes_m = np.array([(node.x_m, node.y_m) for node in course.traffic.plan.nodes])
    crossings: list[Crossing] = []
    for label, count in counts.items():
        for number in range(count if places else 0):
            for _ in range(_ATTEMPTS):
                edge, arrival = places[int(rng.integers(len(places)))]
                crossing = _crossing(course, label, number, edge, arrival, rng)
                points = _dense(crossing.path_m)
                if _clear(points, obstacles, nodes_m):
                    break
            else:
                continue
            crossings.append(crossing)
            for cars in parked.values():
                cars[:] = [car for car in cars if room_about(car.box, points) > _ROOM_M]
    return tuple(crossings)


def _clear(points_m: np.ndarray, obstacles: Sequence[StandingCar], nodes_m: np.ndarray) -> bool:
    """Does a path keep away from standing vehicles and from nodes, those of the other direction
    included?
    """
    away = np.hypot(*(points_m[:, None] - nodes_m[None]).transpose(2, 0, 1))
    return bool(away.min() > _NODE_M) and all(
        room_about(box, points_m) > _ROOM_M for box in obstacles
    )


def _dense(path_m: np.ndarray) -> np.ndarray:
    """Points along a path, closer than any car is wide."""
    length = float(arc_length_m(path_m)[-1])
    return point_at(path_m, np.linspace(0.0, length, math.ceil(length / 0.3) + 1))


def _crossing(
    course: Course,
    label: ObjectClass,
    number: int,
    edge: PlannedEdge,
    arrival_s: float,
    rng: np.random.Generator,
) -> Crossing:
    walker = label is ObjectClass.PEDESTRIAN
    scenario = course.traffic.scenario
    start = course.instant_s(arrival_s + 8.0, rng)
    return Crossing(
        id=f'{"jaywalker" if walker else "dog"}_{number}',
        label=label,
        earliest_s=max(course.window_s[0], 0.6 * start),
        start_s=start,
        near_ego_m=float(rng.uniform(*(_WALK_NEAR_M if walker else _DOG_NEAR_M))),
        path_m=_path(course, edge, walker, rng),
        speed_mps=float(rng.uniform(*(_WALK_MPS if walker else _DOG_MPS))),
        on_phone=bool(walker and rng.random() < scenario.behaviour.phone_share),
    )


def _path(course: Course, edge: PlannedEdge, walker: bool, rng: np.random.Generator) -> np.ndarray:
    """(K, 2) from the far side of one sidewalk to that of the other; dogs dodge on the way."""
    street = course.traffic.scenario.street(edge.street)
    median = street.lane_width_m if street.turn_lane else 0.0
    length = float(arc_length_m(edge.shape_m)[-1])
    way = float(rng.uniform(_CLEAR_M, length - _CLEAR_M))
    ahead = direction_at(edge.shape_m, way)
    left = np.array([-ahead[1], ahead[0]])
    inset = 0.3 * street.sidewalk_width_m
    # Left of the edge's shape, which is the left border of its lanes; both directions of a street
    # are equally wide.
    sides = np.array([-(edge.width_m - inset), median + edge.width_m - inset])
    share = np.array([0.0, 1.0]) if walker else np.array([0.0, 0.3, 0.55, 0.75, 1.0])
    drift = rng.uniform(-2.5, 2.5, len(share)) * (1.0 if walker else 1.6)
    across = sides[0] + share * (sides[1] - sides[0])
    path: np.ndarray = point_at(edge.shape_m, way) + across[:, None] * left + drift[:, None] * ahead
    return path if rng.random() < 0.6 else path[::-1].copy()


def draw_late_walkers(
    course: Course, rng: np.random.Generator
) -> tuple[list[Walk], tuple[LateWalker, ...]]:
    """Phone holders who reach a crosswalk on the robotaxi's way about when it does."""
    traffic = course.traffic
    count = course.count(traffic.scenario.events.phone_pedestrian_per_min)
    places = []
    for edge, arrival in course.ahead:
        for crosswalk in traffic.plan.crosswalks:
            if edge.id in crosswalk.edges and crosswalk.node == edge.end:
                other = next(each for each in crosswalk.edges if each != edge.id)
                places.append((edge, other, arrival + 0.5 * edge.length_m / edge.speed_mps))
    walks, late = [], []
    for number in range(count if places else 0):
        edge, other, arrival = places[int(rng.integers(len(places)))]
        lengths = [_sidewalk_m(course, each) for each in (edge.id, other)]
        before = min(float(rng.uniform(*_LATE_WALK_M)), 0.5 * lengths[0])
        type_id, _ = draw_type('pedestrian', traffic.scenario.behaviour, rng)
        depart = max(0.0, course.instant_s(arrival, rng) - before)
        beyond = min(15.0, 0.6 * lengths[1])
        person = f'phone_{number}'
        walks.append(Walk(person, type_id, depart, edge.id, lengths[0] - before, other, beyond))
        delay = float(rng.gamma(4.0, max(0.05, traffic.scenario.behaviour.phone_delay_s) / 4.0))
        late.append(LateWalker(person, delay))
    return walks, tuple(late)


def _sidewalk_m(course: Course, edge: str) -> float:
    """Length of an edge's sidewalk."""
    network = course.traffic.network
    planned = next(each for each in course.traffic.plan.edges if each.id == edge)
    lane = planned.lane_index(LaneUse.SIDEWALK) or 0
    shape = network.lanes[network.edges[edge].lanes[lane]].shape_m[:, :2]
    return float(arc_length_m(shape)[-1])
