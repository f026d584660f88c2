"""The line each hypothesis drives along, tabulated on uniform steps of distance."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

MAX_CURVATURE_1PM = 0.25
MIN_BLEND_M = 9.0
# Who is farther from the middle of a lane changes into it.
LANE_CHANGE_M = 1.6
# Who stands has a yaw rate, but no curvature: it counts as that of a crawl.
CRAWL_MPS = 1.5
SLIGHT_TURN_RAD = 0.05


@compiled
def turned(cos: float, sin: float, angle_rad: float) -> tuple[float, float]:
    """A unit vector turned counter-clockwise."""
    if abs(angle_rad) < SLIGHT_TURN_RAD:
        # The first terms of the series, several times as fast; the first one left out is below
        # the last digit.
        a2 = angle_rad * angle_rad
        c = 1.0 - a2 * (0.5 - a2 * (1.0 / 24.0 - a2 / 720.0))
        s = angle_rad * (1.0 - a2 * (1.0 / 6.0 - a2 * (1.0 / 120.0 - a2 / 5040.0)))
    else:
        c, s = math.cos(angle_rad), math.sin(angle_rad)
    return cos * c - sin * s, cos * s + sin * c


@compiled
def free_path(
    yaw_rad: float,
    speed_mps: float,
    yaw_rate_radps: float,
    decay_s: float,
    step_m: float,
    x_m: np.ndarray,
    y_m: np.ndarray,
    along_rad: np.ndarray,
) -> None:
    """Write x, y and heading (NODES,): constant turn rate and velocity whose turn fades on the way.

    It fades to 1/e within the distance that `decay_s` takes.
    """
    speed = max(speed_mps, CRAWL_MPS)
    curvature = min(max(yaw_rate_radps / speed, -MAX_CURVATURE_1PM), MAX_CURVATURE_1PM)
    fade_m = speed * decay_s
    ratio = math.exp(-step_m / fade_m)
    left = curvature * fade_m
    cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
    x_m[0], y_m[0], along_rad[0] = 0.0, 0.0, yaw_rad
    bend = 0.0
    for k in range(1, len(x_m)):
        turn = left * (1.0 - ratio)
        left -= turn
        along_rad[k] = yaw_rad + (curvature * fade_m - left)
        # From the middle of the step before to the middle of this one.
        cos, sin = turned(cos, sin, 0.5 * (bend + turn))
        bend = turn
        x_m[k] = x_m[k - 1] + step_m * cos
        y_m[k] = y_m[k - 1] + step_m * sin


@compiled
def tabulate_paths(
    mover: np.ndarray,
    route: np.ndarray,
    place_m: np.ndarray,
    offset_m: np.ndarray,
    heading_error_rad: np.ndarray,
    mover_x_m: np.ndarray,
    mover_y_m: np.ndarray,
    yaw_rad: np.ndarray,
    speed_mps: np.ndarray,
    yaw_rate_radps: np.ndarray,
    reach_m: np.ndarray,
    route_lane: np.ndarray,
    route_start_m: np.ndarray,
    first: np.ndarray,
    count: np.ndarray,
    spacing_m: np.ndarray,
    sample_x_m: np.ndarray,
    sample_y_m: np.ndarray,
    sample_ux: np.ndarray,
    sample_uy: np.ndarray,
    sample_curvature_1pm: np.ndarray,
    lane_limit_mps: np.ndarray,
    lane_limit_known: np.ndarray,
    nodes: int,
    kept_offset: float,
    lane_keeping_s: float,
    lane_change_s: float,
    yaw_rate_decay_s: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """M paths: lane hypotheses ease from where the mover is into their lane, free ones turn on.

    M hypotheses: mover, route (negative: free motion), place along and left of its first lane,
    heading less the lane's; N movers, places in the geometry's coordinates; Q routes as in
    `RouteTable`; samples by lane as in `LaneGeometry`. Returns what `Paths` holds, in its order.

    Offsets from the lane fall as a cubic in distance, not in time: a standing vehicle does not
    slide sideways.
    """
    m = len(mover)
    step = np.empty(m)
    x = np.empty((m, nodes))
    y = np.empty((m, nodes))
    free_yaw = np.empty((len(reach_m), nodes))
    curvature = np.empty((m, nodes))
    limit = np.empty((m, nodes))
    known = np.empty((m, nodes), np.bool_)
    for row in range(m):
        i = mover[row]
        step[row] = reach_m[i] / (nodes - 1)
        if route[row] < 0:
            free_path(
                yaw_rad[i],
                speed_mps[i],
                yaw_rate_radps[i],
                yaw_rate_decay_s,
                step[row],
                x[row],
                y[row],
                free_yaw[i],
            )
            for k in range(nodes):
                curvature[row, k], limit[row, k], known[row, k] = 0.0, math.inf, False
            continue
        changes = abs(offset_m[row]) > LANE_CHANGE_M
        wanted = 0.0 if changes else kept_offset * offset_m[row]
        blend_m = max(
            speed_mps[i] * (lane_change_s if changes else lane_keeping_s),
            2.0 * MIN_BLEND_M if changes else MIN_BLEND_M,
        )
        slope = math.tan(heading_error_rad[row]) * blend_m
        leg = 0
        legs = route_start_m.shape[1]
        left_x, left_y = 0.0, 0.0
        for k in range(nodes):
            distance = k * step[row]
            place = place_m[row] + distance
            while leg + 1 < legs and place >= route_start_m[route[row], leg + 1]:
                leg += 1
            lane = route_lane[route[row], leg]
            # A lane without length has one place; beyond its ends a lane goes straight on.
            in_lane = (place - route_start_m[route[row], leg]) / max(spacing_m[lane], 1e-6)
            rank = int(min(max(math.floor(in_lane), 0), count[lane] - 2))
            share = in_lane - rank
            inside = min(max(share, 0.0), 1.0)
            at = first[lane] + rank
            ux = sample_ux[at] + inside * (sample_ux[at + 1] - sample_ux[at])
            uy = sample_uy[at] + inside * (sample_uy[at + 1] - sample_uy[at])
            way = min(distance / blend_m, 1.0)
            rest = (1.0 - way) * (1.0 - way)
            falls = (1.0 + 2.0 * way) * rest
            offset = wanted + (offset_m[row] - wanted) * falls + slope * way * rest
            lane_x = sample_x_m[at] + share * (sample_x_m[at + 1] - sample_x_m[at])
            lane_y = sample_y_m[at] + share * (sample_y_m[at + 1] - sample_y_m[at])
            here_x = lane_x - mover_x_m[i] - offset * uy
            here_y = lane_y - mover_y_m[i] + offset * ux
            if k == 0:
                left_x, left_y = here_x, here_y
            # What the smoothed normals leave over at the start fades out: paths begin at movers.
            x[row, k] = here_x - falls * left_x
            y[row, k] = here_y - falls * left_y
            curvature[row, k] = sample_curvature_1pm[at]
            limit[row, k] = lane_limit_mps[lane]
            known[row, k] = lane_limit_known[lane]
    return step, x, y, free_yaw, curvature, limit, known
