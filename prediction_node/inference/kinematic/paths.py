"""The line each hypothesis drives along, tabulated on uniform steps of distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.inference.kinematic.hypotheses import Hypotheses
from prediction_node.inference.kinematic.kernels import paths
from prediction_node.inference.kinematic.movers import Movers
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.road import Road

NODES = 48


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """M paths of NODES nodes of N movers; node k of path i is k * step_m[i] ahead."""

    step_m: np.ndarray  # (M,)
    x_m: np.ndarray  # (M, NODES) from the mover's position
    y_m: np.ndarray  # (M, NODES)
    free_yaw_rad: np.ndarray  # (N, NODES) heading along each mover's free path, if it has one
    curvature_1pm: np.ndarray  # (M, NODES) of the lane
    speed_limit_mps: np.ndarray  # (M, NODES) inf without a lane, the default where none is known
    limit_known: np.ndarray  # (M, NODES) bool


def paths_of(
    movers: Movers, rows: Hypotheses, road: Road, parameters: KinematicParameters
) -> Paths:
    """Lane hypotheses ease from where the mover is into their lane; free ones turn on a while."""
    geometry = road.geometry
    x, y = np.ascontiguousarray((movers.xy_m - geometry.origin_m).T)
    return Paths(
        *paths.tabulate_paths(
            mover=rows.mover,
            route=rows.route,
            place_m=rows.place_m,
            offset_m=rows.offset_m,
            heading_error_rad=rows.heading_error_rad,
            mover_x_m=x,
            mover_y_m=y,
            yaw_rad=movers.path_yaw_rad,
            speed_mps=movers.path_speed_mps,
            yaw_rate_radps=movers.yaw_rate_radps,
            reach_m=movers.reach_m,
            route_lane=road.routes.lanes,
            route_start_m=road.routes.start_m,
            first=geometry.first,
            count=geometry.count,
            spacing_m=geometry.spacing_m,
            sample_x_m=geometry.x_m,
            sample_y_m=geometry.y_m,
            sample_ux=geometry.ux,
            sample_uy=geometry.uy,
            sample_curvature_1pm=geometry.curvature_1pm,
            lane_limit_mps=road.speed_limit_mps,
            lane_limit_known=road.limit_known,
            nodes=NODES,
            kept_offset=parameters.kept_offset,
            lane_keeping_s=parameters.lane_keeping_s,
            lane_change_s=parameters.lane_change_s,
            yaw_rate_decay_s=parameters.yaw_rate_decay_s,
        )
    )
