"""Bodies that may step in any direction: constant velocity, and the far side of a crosswalk."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.agents import Agents
from prediction_node.domain.prediction import STEP_S
from prediction_node.inference.kinematic.kernels import futures, modes, walkers
from prediction_node.inference.kinematic.movers import table
from prediction_node.inference.kinematic.road import Road

# Share of the speed, turn in radians, weight. The first is constant velocity; the last gives way to
# a crosswalk.
BEHAVIOURS = np.array(
    [
        [1.0, 0.0, 0.46],
        [0.25, 0.0, 0.10],
        [1.15, 0.0, 0.14],
        [0.95, 0.35, 0.12],
        [0.95, -0.35, 0.12],
        [0.70, 0.0, 0.06],
    ]
)
CROSSWALK_RADIUS_M = 6.0


def walk(
    agents: Agents, row: np.ndarray, road: Road, pose: np.ndarray, sigma: np.ndarray
) -> np.ndarray:
    """(N, MODE_COUNT) probabilities of the modes of the walkers in `row` (N,), likeliest first.

    Writes their poses and spreads to those of all agents (A, MODE_COUNT, POSE_COUNT, 3).
    """
    yaw, velocity = table(agents.yaw_rad), table(agents.velocity_mps)
    speed, course = walkers.read_courses(row=row, yaw_rad=yaw, velocity_mps=velocity)
    crossing, way = _crossings(agents.position_m[row, :2], speed, course, road)
    probability = np.tile(BEHAVIOURS[:, 2], (len(row), 1))
    crosses = crossing > 0.0
    probability[crosses, -1] = crossing[crosses]
    order = modes.rank_modes(weight=probability)
    walkers.write_walkers(
        row=row,
        order=order,
        position_m=table(agents.position_m),
        yaw_rad=yaw,
        speed_mps=speed,
        course_rad=course,
        behaviour=BEHAVIOURS,
        crosses=crosses,
        way_m=way,
        step_s=STEP_S,
        pose=pose,
    )
    futures.write_walker_sigma(
        row=row,
        velocity_mps=velocity,
        covariance=table(agents.covariance),
        step_s=STEP_S,
        pose=pose,
        sigma=sigma,
    )
    return probability


def _crossings(
    xy_m: np.ndarray, speed_mps: np.ndarray, course_rad: np.ndarray, road: Road
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (N,) and ways (N, 4) of crosswalks that walkers are on or near; map frame."""
    geometry = road.geometry
    found = road.crosswalks.near(xy_m, course_rad, CROSSWALK_RADIUS_M)
    x, y = np.ascontiguousarray((xy_m - geometry.origin_m).T)
    weight, way = walkers.find_crossings(
        x_m=x,
        y_m=y,
        speed_mps=speed_mps,
        course_rad=course_rad,
        query=found.query,
        lane=found.lane,
        arc_length_m=found.arc_length_m,
        offset_m=found.offset_m,
        beyond_m=found.beyond_m,
        heading_error_rad=found.heading_error_rad,
        first=geometry.first,
        count=geometry.count,
        length_m=geometry.length_m,
        sample_x_m=geometry.x_m,
        sample_y_m=geometry.y_m,
    )
    return weight, way
