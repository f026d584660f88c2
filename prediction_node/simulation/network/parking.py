"""Cars at the kerb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from prediction_node.simulation.network.demand import Traffic, Trip, stop
from prediction_node.simulation.network.plan import LaneUse
from prediction_node.simulation.network.vehicle_types import Body, draw_type

# Nobody parks nearer to a junction; less at the start, where nobody looks for crossing walkers.
_CLEAR_START_M = 8.0
_CLEAR_END_M = 14.0
PLACE_M = 6.3
# Beyond the end of any run.
_FOR_GOOD_S = 1e6


@dataclass(frozen=True, slots=True)
class Parked:
    """A car at the kerb."""

    id: str
    type_id: str
    body: Body
    edge: str
    lane: int
    front_m: float

    def trip(self) -> Trip:
        """It stands there for good."""
        return self._standing((self.edge,), duration_s=_FOR_GOOD_S)

    def leaving(self, edges: tuple[str, ...], start_s: float) -> Trip:
        """It pulls out and drives these edges, the first its own."""
        return self._standing(edges, until_s=start_s)

    def _standing(self, edges: tuple[str, ...], **until: float) -> Trip:
        return Trip(
            self.id,
            self.type_id,
            0.0,
            edges,
            lane=str(self.lane),
            position='stop',
            speed='0',
            stops=(stop(self.edge, self.lane, self.front_m, **until),),
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
            found.setdefault(edge.id, []).append(
                Parked(f'parked_{edge.id}_{number}', type_id, body, edge.id, lane, front)
            )
    return found


def room_to_leave(cars: Mapping[str, list[Parked]], car: Parked, room_m: float) -> list[Parked]:
    """The cars that would have to go so that one has this much room before it."""
    return [
        other
        for other in cars[car.edge]
        if car.front_m < other.front_m
        and other.front_m - other.body.length_m < car.front_m + room_m
    ]
