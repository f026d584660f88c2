"""Cars at the kerb."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from prediction_node.simulation.network.curves import point_at
from prediction_node.simulation.network.demand import Traffic, Trip, stop
from prediction_node.simulation.network.net_file import Network
from prediction_node.simulation.network.plan import LaneUse
from prediction_node.simulation.network.script import StandingCar
from prediction_node.simulation.network.vehicle_types import Body, draw_type

# Nobody parks nearer to a junction; less at the start, where nobody looks for crossing walkers.
_CLEAR_START_M = 8.0
_CLEAR_END_M = 14.0
PLACE_M = 6.3


@dataclass(frozen=True, slots=True, eq=False)
class Parked:
    """A car at the kerb."""

    type_id: str
    body: Body
    edge: str
    lane: int
    front_m: float
    box: StandingCar

    @property
    def id(self) -> str:
        return self.box.id

    def leaving(self, edges: tuple[str, ...], start_s: float) -> Trip:
        """It stands until then, pulls out and drives these edges, the first its own."""
        halt = stop(self.edge, self.lane, self.front_m, until_s=start_s)
        return Trip(
            *(self.id, self.type_id, 0.0, edges),
            lane=str(self.lane),
            position='stop',
            speed='0',
            stops=(halt,),
        )


def box_on_lane(
    network: Network, vehicle_id: str, lane: str, front_m: float, body: Body
) -> StandingCar:
    """Where a body is whose front stands at this way along a lane."""
    shape = network.lanes[lane].shape_m[:, :2]
    front, rear = point_at(shape, front_m), point_at(shape, front_m - body.length_m)
    ahead = front - rear
    return StandingCar(
        id=vehicle_id,
        position_m=0.5 * (front + rear),
        yaw_rad=math.atan2(ahead[1], ahead[0]),
        size_m=np.array([body.length_m, body.width_m, body.height_m]),
    )


def draw_parked(traffic: Traffic, rng: np.random.Generator) -> dict[str, list[Parked]]:
    """Edge -> cars along its kerb in driving direction."""
    graph = traffic.graphs['custom1']
    share = traffic.scenario.demand.parked_share
    found: dict[str, list[Parked]] = {}
    for edge in traffic.plan.edges:
        lane = edge.lane_index(LaneUse.PARKING)
        if lane is None:
            continue
        usable = graph.length_m[edge.id] - _CLEAR_START_M - _CLEAR_END_M
        for number in range(int(max(0.0, usable) / PLACE_M)):
            if rng.random() >= share:
                continue
            type_id, body = draw_type('parking', traffic.scenario.behaviour, rng)
            # Nobody stops exactly in the middle of a place.
            slack = PLACE_M - body.length_m
            front = _CLEAR_START_M + number * PLACE_M + body.length_m
            front += float(rng.uniform(0.2, 0.8)) * slack
            box = box_on_lane(
                traffic.network, f'parked_{edge.id}_{number}', f'{edge.id}_{lane}', front, body
            )
            found.setdefault(edge.id, []).append(Parked(type_id, body, edge.id, lane, front, box))
    return found


def room_to_leave(cars: Mapping[str, list[Parked]], car: Parked, room_m: float) -> list[Parked]:
    """The cars that would have to go so that one has this much room before it."""
    return [
        other
        for other in cars[car.edge]
        if car.front_m < other.front_m
        and other.front_m - other.body.length_m < car.front_m + room_m
    ]


def room_about(box: StandingCar, points_m: np.ndarray) -> float:
    """Distance in metres of the nearest of (P, 2) points to a box; 0 inside."""
    cos, sin = math.cos(box.yaw_rad), math.sin(box.yaw_rad)
    off = points_m - box.position_m
    along = np.abs(off @ np.array([cos, sin])) - 0.5 * box.size_m[0]
    across = np.abs(off @ np.array([-sin, cos])) - 0.5 * box.size_m[1]
    return float(np.hypot(np.maximum(along, 0.0), np.maximum(across, 0.0)).min())
