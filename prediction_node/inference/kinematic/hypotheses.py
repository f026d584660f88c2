"""Which routes each vehicle may be on, with weights, before speed is considered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.lane_map import Turn
from prediction_node.inference.kinematic.kernels import fits, routes
from prediction_node.inference.kinematic.lane_index import LaneCandidates
from prediction_node.inference.kinematic.movers import Movers
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.road import Road
from prediction_node.inference.kinematic.routes import REACHES_M


@dataclass(frozen=True, slots=True, eq=False)
class Hypotheses:
    """M pairs of mover and route, sorted by mover: rows begin[i] to begin[i + 1] - 1 are mover i's.

    Everybody has at least one; free motion comes first, then routes by falling weight.
    """

    begin: np.ndarray  # (N + 1,) int64
    mover: np.ndarray  # (M,) int64
    route: np.ndarray  # (M,) int64 row of the route table; routes.NO_ROUTE: free motion
    place_m: np.ndarray  # (M,) along the route's start lane
    offset_m: np.ndarray  # (M,) left of it
    heading_error_rad: np.ndarray  # (M,) yaw minus lane's
    weight: np.ndarray  # (M,) sums to one per mover

    def __len__(self) -> int:
        return len(self.mover)


def lane_candidates(movers: Movers, road: Road, parameters: KinematicParameters) -> LaneCandidates:
    """Lanes that run by each mover; those the mover stands beyond only where there is none else."""
    found = road.index.near(movers.xy_m, movers.path_yaw_rad, parameters.lane_radius_m)
    follows = fits.followable(
        query=found.query, offset_m=found.offset_m, beyond_m=found.beyond_m, movers=len(movers)
    )
    return found if follows.all() else found.select(follows)


def hypotheses(
    movers: Movers, found: LaneCandidates, road: Road, parameters: KinematicParameters
) -> Hypotheses:
    """The likeliest routes of every mover."""
    pairs = {
        'query': found.query,
        'lane': found.lane,
        'arc_length_m': found.arc_length_m,
        'offset_m': found.offset_m,
        'beyond_m': found.beyond_m,
        'heading_error_rad': found.heading_error_rad,
    }
    drivers = {
        'is_cyclist': movers.label == ObjectClass.BICYCLE,
        'turns_left': movers.attribute('turn_left'),
        'turns_right': movers.attribute('turn_right'),
    }
    geometry, table = road.geometry, road.routes
    weight = fits.lane_weights(
        **pairs,
        **drivers,
        speed_mps=movers.path_speed_mps,
        yaw_rate_radps=movers.yaw_rate_radps,
        first=geometry.first,
        count=geometry.count,
        spacing_m=geometry.spacing_m,
        curvature_1pm=geometry.curvature_1pm,
        carries_vehicles=road.carries_vehicles,
        for_cyclists=road.for_cyclists,
        is_shoulder=road.is_shoulder,
        change_left=road.change_left,
        change_right=road.change_right,
        lookahead_s=parameters.lateral_lookahead_s,
        lane_sigma_m=parameters.lane_sigma_m,
        heading_sigma_rad=parameters.heading_sigma_rad,
        turn_sigma_radps=parameters.curvature_sigma_radps,
        lane_change_weight=parameters.lane_change_weight,
        signal_gain=parameters.signal_gain,
    )
    return Hypotheses(
        *routes.likeliest_routes(
            **pairs,
            **drivers,
            lane_weight=weight,
            reach_m=movers.reach_m,
            reaches_m=REACHES_M,
            route_weight=table.weight,
            route_start_m=table.start_m,
            route_shared_m=table.shared_m,
            route_turn=table.turn,
            left=int(Turn.LEFT),
            right=int(Turn.RIGHT),
            free_weight=parameters.free_weight,
            signal_gain=parameters.signal_gain,
        )
    )
