"""The line each hypothesis drives along, tabulated on uniform steps of distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.inference.kinematic.hypotheses import NO_ROUTE, Hypotheses
from prediction_node.inference.kinematic.movers import Movers
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.road import Road

NODES = 56
MAX_CURVATURE_1PM = 0.25
MIN_BLEND_M = 9.0
LANE_CHANGE_M = 1.6


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """M paths of NODES nodes each; node k is k * step_m[i] ahead. Positions relative to the mover."""

    step_m: np.ndarray  # (M,)
    xy_m: np.ndarray  # (M, NODES, 2) from the mover's position
    yaw_rad: np.ndarray  # (M, NODES) of the motion, unwrapped, node 0 is the mover's
    curvature_1pm: np.ndarray  # (M, NODES)
    speed_limit_mps: np.ndarray  # (M, NODES) inf without a lane

    def at(self, row: np.ndarray, distance_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions (K, T, 2) and yaws (K, T) of distances (K, T) along paths `row` (K,).

        Beyond the last node the path goes on straight.
        """
        place = distance_m / self.step_m[row][:, None]
        node = np.minimum(place.astype(np.int64), NODES - 2)
        share = place - node
        flat = row[:, None] * NODES + node
        xy = self.xy_m.reshape(-1, 2)
        first = xy[flat]
        position = first + share[..., None] * (xy[flat + 1] - first)
        yaw = self.yaw_rad.ravel()
        first_yaw = yaw[flat]
        turned = first_yaw + np.minimum(share, 1.0) * (yaw[flat + 1] - first_yaw)
        return position, turned


def paths_of(
    movers: Movers, rows: Hypotheses, road: Road | None, parameters: KinematicParameters
) -> Paths:
    """Lane hypotheses ease from where the mover is into their lane; free ones keep turning a while."""
    reach = movers.reach_m[rows.mover]
    step = reach / (NODES - 1)
    distance = step[:, None] * np.arange(NODES)
    xy, yaw, curvature = _free(movers, rows.mover, distance, parameters)
    limit = np.full(distance.shape, np.inf)
    laned = np.flatnonzero(rows.route != NO_ROUTE)
    if road is not None and len(laned):
        xy[laned], curvature[laned], limit[laned] = _along_lanes(
            movers, rows, laned, distance[laned], road, parameters
        )
        yaw[laned] = _yaw_along(xy[laned], movers.path_yaw_rad[rows.mover[laned]])
    return Paths(step, xy, yaw, curvature, limit)


def _free(
    movers: Movers, mover: np.ndarray, distance: np.ndarray, parameters: KinematicParameters
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Constant turn rate and velocity whose curvature fades with the distance of yaw_rate_decay_s."""
    speed = np.maximum(movers.path_speed_mps[mover], 1.5)
    curvature = np.clip(
        movers.yaw_rate_radps[mover] / speed, -MAX_CURVATURE_1PM, MAX_CURVATURE_1PM
    )[:, None]
    fade_m = (speed * parameters.yaw_rate_decay_s)[:, None]
    faded = np.exp(-distance / fade_m)
    yaw = movers.path_yaw_rad[mover][:, None] + curvature * fade_m * (1.0 - faded)
    middle = 0.5 * (yaw[:, 1:] + yaw[:, :-1])
    step = distance[:, 1:2]
    xy = np.zeros((*distance.shape, 2))
    np.cumsum(step * np.cos(middle), axis=1, out=xy[:, 1:, 0])
    np.cumsum(step * np.sin(middle), axis=1, out=xy[:, 1:, 1])
    return xy, yaw, curvature * faded


def _along_lanes(
    movers: Movers,
    rows: Hypotheses,
    laned: np.ndarray,
    distance: np.ndarray,
    road: Road,
    parameters: KinematicParameters,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, curvature and speed limit along the routes of rows `laned`."""
    mover = rows.mover[laned]
    geometry = road.geometry
    lane, arc = road.routes.locate(rows.route[laned], rows.place_m[laned, None] + distance)
    sample, share = geometry.sample(lane, arc)
    inside = np.clip(share, 0.0, 1.0)[..., None]
    first = geometry.xy_m[sample]
    centre = first + share[..., None] * (geometry.xy_m[sample + 1] - first)
    direction = geometry.direction[sample]
    direction = direction + inside * (geometry.direction[sample + 1] - direction)
    left = np.stack([-direction[..., 1], direction[..., 0]], axis=-1)
    offset, remaining = _offsets(movers, rows, laned, distance, parameters)
    xy = centre - (movers.xy_m[mover] - geometry.origin_m)[:, None] + offset[..., None] * left
    # What the smoothed normals leave over at the start fades out: the path begins at the mover.
    xy = xy - remaining[..., None] * xy[:, :1]
    return xy, geometry.curvature_1pm[sample], road.speed_limit_mps[lane]


def _offsets(
    movers: Movers,
    rows: Hypotheses,
    laned: np.ndarray,
    distance: np.ndarray,
    parameters: KinematicParameters,
) -> tuple[np.ndarray, np.ndarray]:
    """Lateral offsets along the way, and the share (1 at the start, then to 0) still to blend.

    A cubic in distance, not in time: a standing vehicle does not slide sideways.
    """
    mover = rows.mover[laned]
    offset = rows.offset_m[laned]
    speed = movers.path_speed_mps[mover]
    changes = np.abs(offset) > LANE_CHANGE_M
    time = np.where(changes, parameters.lane_change_s, parameters.lane_keeping_s)
    blend = np.maximum(speed * time, np.where(changes, 2.0, 1.0) * MIN_BLEND_M)
    wanted = np.where(changes, 0.0, parameters.kept_offset * offset)
    slope = np.tan(rows.heading_error_rad[laned])
    x = np.minimum(distance / blend[:, None], 1.0)
    falls = (1.0 + 2.0 * x) * (1.0 - x) ** 2
    swings = x * (1.0 - x) ** 2 * blend[:, None]
    lateral = wanted[:, None] + (offset - wanted)[:, None] * falls + slope[:, None] * swings
    return lateral, falls


def _yaw_along(xy: np.ndarray, start_yaw: np.ndarray) -> np.ndarray:
    """(M, NODES) direction of central differences, unwrapped from the mover's own yaw."""
    yaw = np.empty(xy.shape[:2])
    yaw[:, 0] = start_yaw
    ahead = np.empty_like(xy[:, 1:])
    ahead[:, :-1] = xy[:, 2:] - xy[:, :-2]
    ahead[:, -1] = xy[:, -1] - xy[:, -2]
    yaw[:, 1:] = np.arctan2(ahead[..., 1], ahead[..., 0])
    return np.unwrap(yaw, axis=1)
