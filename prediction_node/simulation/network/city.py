"""A city: the network, its traffic, its houses and its script, made from a scenario and a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from prediction_node.domain.errors import SimulationError
from prediction_node.simulation.network.buildings import draw_buildings
from prediction_node.simulation.network.course import Course, course_of
from prediction_node.simulation.network.crossers import draw_crossings, draw_late_walkers
from prediction_node.simulation.network.demand import (
    EGO,
    Occupied,
    Traffic,
    Trip,
    draw_trips,
)
from prediction_node.simulation.network.documents import write_document, write_plan
from prediction_node.simulation.network.ego_route import draw_ego_route
from prediction_node.simulation.network.incidents import (
    draw_double_parked,
    draw_emergency,
    draw_pull_outs,
    draw_runners,
)
from prediction_node.simulation.network.layout import plan_roads
from prediction_node.simulation.network.net_file import read_network
from prediction_node.simulation.network.netconvert import build_net, shift_programmes
from prediction_node.simulation.network.parking import draw_parked
from prediction_node.simulation.network.script import Script
from prediction_node.simulation.network.vehicle_types import draw_type, type_elements
from prediction_node.simulation.network.walkers import Walk, draw_walks
from prediction_node.simulation.scenario import Scenario

_LEAST_DURATION_S = 5.0
# Everything that is drawn has a stream of its own: a longer run has the same streets and houses.
_STREAMS = ('roads', 'buildings', 'ego', 'parking', 'trips', 'walks', 'events')


@dataclass(frozen=True, slots=True, eq=False)
class City:
    """A city on disk and what SUMO does not know of it. Coordinates of the net are metres of the
    map frame.
    """

    scenario: Scenario
    seed: int
    folder: Path
    net: Path
    routes: tuple[Path, ...]
    additional: tuple[Path, ...]
    buildings: tuple[np.ndarray, ...]  # (K, 2) outlines, m
    script: Script
    ego_route: tuple[str, ...]  # edges; the robotaxi is the vehicle `ego` of the routes


def build_city(
    scenario: Scenario,
    seed: int,
    folder: Path,
    duration_s: float,
    events_s: tuple[float, float] | None = None,
) -> City:
    """Write a city's files into a folder, with traffic for `duration_s` from SUMO's time zero.

    Scripted events begin between the two instants `events_s`, if they are given: choose them well
    within what is recorded.

    The same scenario, seed and duration make the same bytes. Raises SimulationError.
    """
    if seed < 0:
        raise SimulationError(f'the seed of a city must be >= 0, got {seed}')
    if not _LEAST_DURATION_S <= duration_s < float('inf'):
        raise SimulationError(
            f'a city needs a duration of at least {_LEAST_DURATION_S:g} s, got {duration_s}'
        )
    if events_s is not None and not 0.0 <= events_s[0] <= events_s[1] <= duration_s:
        raise SimulationError(
            f'events_s must be two instants within 0 .. {duration_s:g} s, got {events_s}'
        )
    rng = {name: np.random.default_rng([seed, k]) for k, name in enumerate(_STREAMS)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        plan = plan_roads(scenario, rng['roads'])
        net = folder / 'city.net.xml'
        build_net(write_plan(plan, folder), net)
        shift_programmes(net, rng['roads'])
    except OSError as problem:
        raise SimulationError(f'{folder} cannot be written: {problem.strerror}') from problem
    network = read_network(net)
    traffic = Traffic.of(scenario, plan, network)
    route = draw_ego_route(scenario, plan, network, traffic.graphs['taxi'], duration_s, rng['ego'])
    course = course_of(traffic, route, duration_s, events_s)
    script, trips, walks = _populate(course, rng)
    routes = folder / 'city.rou.xml'
    try:
        _write_routes(routes, trips, walks)
    except OSError as problem:
        raise SimulationError(f'{routes} cannot be written: {problem.strerror}') from problem
    return City(
        scenario=scenario,
        seed=seed,
        folder=folder,
        net=net,
        routes=(routes,),
        additional=(),
        buildings=draw_buildings(scenario, plan, network, rng['buildings']),
        script=script,
        ego_route=route,
    )


def _populate(
    course: Course, rng: dict[str, np.random.Generator]
) -> tuple[Script, list[Trip], list[Walk]]:
    """Everyone in the city, and what is scripted of it."""
    traffic = course.traffic
    occupied = Occupied()
    ego = _ego_trip(course, occupied, rng['ego'])
    parked = draw_parked(traffic, rng['parking'])
    leaving, pull_outs, kerb_boxes = draw_pull_outs(course, parked, rng['events'])
    double_parked, truck_boxes = draw_double_parked(course, occupied, rng['events'])
    emergency = draw_emergency(course, rng['events'])
    obstacles = [*kerb_boxes, *truck_boxes]
    crossings = draw_crossings(course, parked, obstacles, rng['events'])
    phone_walks, late = draw_late_walkers(course, rng['events'])
    trips = draw_trips(traffic, course.duration_s, occupied, rng['trips'])
    cars = [trip for trip in trips if trip.id.startswith('car_')]
    script = Script(
        parked=tuple(car.box for cars_at_kerb in parked.values() for car in cars_at_kerb),
        crossings=crossings,
        pull_outs=pull_outs,
        double_parked=tuple(trip.id for trip in double_parked),
        emergency=tuple(trip.id for trip in emergency),
        red_light_runners=draw_runners(course, cars, rng['events']),
        late_walkers=late,
    )
    walks = [*draw_walks(traffic, course.duration_s, rng['walks']), *phone_walks]
    return script, [ego, *double_parked, *leaving, *emergency, *trips], walks


def _ego_trip(course: Course, occupied: Occupied, rng: np.random.Generator) -> Trip:
    type_id, body = draw_type('ego', course.traffic.scenario.behaviour, rng)
    graph = course.traffic.graphs[body.sumo_class]
    first = course.route[0]
    ways = graph.lanes[(first, course.route[1])] if len(course.route) > 1 else None
    lane = (ways or graph.open_lanes[first])[0]
    front = body.length_m + float(rng.uniform(0.1, 0.4)) * (graph.length_m[first] - body.length_m)
    occupied.take(first, lane, front, body.length_m)
    return Trip(EGO, type_id, 0.0, course.route, str(lane), f'{front:.2f}')


def _write_routes(path: Path, trips: Sequence[Trip], walks: Sequence[Walk]) -> None:
    root = ElementTree.Element('routes')
    root.extend(type_elements())
    # SUMO wants departures in order; the robotaxi is the first of all.
    users: list[Trip | Walk] = [*trips, *walks]
    for user in sorted(users, key=lambda user: (user.depart_s, user.id != EGO, user.id)):
        root.append(user.element())
    write_document(root, path)
