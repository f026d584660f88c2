"""Whom and what each hypothesis must not run into: the vehicle ahead, and the red light."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.lights import LightColour
from prediction_node.inference.kinematic.hypotheses import Hypotheses
from prediction_node.inference.kinematic.kernels import ahead
from prediction_node.inference.kinematic.lane_index import LaneCandidates
from prediction_node.inference.kinematic.lights import TURNS
from prediction_node.inference.kinematic.movers import Movers
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.road import Road

_DARK = np.zeros((0, TURNS), np.int8)


def leaders(
    movers: Movers, rows: Hypotheses, found: LaneCandidates, road: Road
) -> tuple[np.ndarray, np.ndarray]:
    """(M,) the next mover along each route, ahead.NO_LEADER if none, and (M,) the gap between
    bumpers, inf if none.
    """
    rearmost, following = ahead.file_by_lane(
        query=found.query,
        lane=found.lane,
        arc_length_m=found.arc_length_m,
        beyond_m=found.beyond_m,
        heading_error_rad=found.heading_error_rad,
        speed_mps=movers.path_speed_mps,
        lanes=len(road.light_stop_m),
    )
    leader, gap = ahead.find_leaders(
        mover=rows.mover,
        route=rows.route,
        place_m=rows.place_m,
        offset_m=rows.offset_m,
        reach_m=movers.reach_m,
        length_m=movers.length_m,
        width_m=movers.width_m,
        query=found.query,
        arc_length_m=found.arc_length_m,
        pair_offset_m=found.offset_m,
        rearmost=rearmost,
        ahead=following,
        route_lane=road.routes.lanes,
        route_start_m=road.routes.start_m,
    )
    return leader, gap


def light_stops(
    movers: Movers,
    rows: Hypotheses,
    colours: np.ndarray | None,
    road: Road,
    parameters: KinematicParameters,
) -> np.ndarray:
    """(M,) how far the front may still go before a light that forbids the route; inf: none.

    `colours` (L, TURNS) as of `lights.colours_by_lane`. Lights do not stop who is on call.
    """
    stop: np.ndarray = ahead.find_stops(
        mover=rows.mover,
        route=rows.route,
        place_m=rows.place_m,
        speed_mps=movers.path_speed_mps,
        reach_m=movers.reach_m,
        length_m=movers.length_m,
        on_call=movers.attribute('emergency_active') > 0.5,
        colour=_DARK if colours is None else colours,
        light_stop_m=road.light_stop_m,
        route_lane=road.routes.lanes,
        route_start_m=road.routes.start_m,
        route_turn=road.routes.turn,
        red=int(LightColour.RED),
        amber=int(LightColour.AMBER),
        comfortable_braking_mps2=parameters.comfortable_braking_mps2,
    )
    return stop
