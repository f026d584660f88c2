"""The line each hypothesis drives along, tabulated on uniform steps of distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.inference.kinematic.hypotheses import NO_ROUTE, Hypotheses
from prediction_node.inference.kinematic.movers import Movers
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.road import Road

NODES = 48
MAX_CURVATURE_1PM = 0.25
MIN_BLEND_M = 9.0
LANE_CHANGE_M = 1.6


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where paths are at given distances; arrays of one shape."""

    x_m: np.ndarray  # from the mover's position
    y_m: np.ndarray
    yaw_rad: np.ndarray
    cos2: np.ndarray  # cos^2 of the yaw
    cos_sin: np.ndarray  # cos times sin of the yaw

    def reshaped(self, shape: tuple[int, ...]) -> Place:
        """The same places in another arrangement."""
        return Place(*(getattr(self, name).reshape(shape) for name in self.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """M paths of NODES nodes; node k of path i is k * step_m[i] ahead. Values as in `Place`."""

    step_m: np.ndarray  # (M,)
    x_m: np.ndarray  # (M, NODES)
    y_m: np.ndarray  # (M, NODES)
    yaw_rad: np.ndarray  # (M, NODES) of the motion, unwrapped, node 0 is the mover's
    cos2: np.ndarray  # (M, NODES)
    cos_sin: np.ndarray  # (M, NODES)
    curvature_1pm: np.ndarray  # (M, NODES)
    speed_limit_mps: np.ndarray  # (M, NODES) inf without a lane, the default where none is known
    limit_known: np.ndarray  # (M, NODES) bool

    def xy_at(self, row: np.ndarray, distance_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x and y (K, T) at distances (K, T) along paths `row` (K,); straight on past the end."""
        flat, share = self._node(row, distance_m)
        return _between(self.x_m, flat, share), _between(self.y_m, flat, share)

    def at(self, row: np.ndarray, distance_m: np.ndarray) -> Place:
        """Everything at distances (K, T) along paths `row` (K,); straight on past the end."""
        flat, share = self._node(row, distance_m)
        inside = np.minimum(share, 1.0)
        return Place(
            x_m=_between(self.x_m, flat, share),
            y_m=_between(self.y_m, flat, share),
            yaw_rad=_between(self.yaw_rad, flat, inside),
            cos2=_between(self.cos2, flat, inside),
            cos_sin=_between(self.cos_sin, flat, inside),
        )

    def _node(self, row: np.ndarray, distance_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Flat index of the node before each distance, and the share of the way to the next."""
        share = distance_m * (1.0 / self.step_m[row])[:, None]
        node = share.astype(np.int64)
        np.minimum(node, NODES - 2, out=node)
        share -= node
        node += (row * NODES)[:, None]
        return node, share


def _between(table: np.ndarray, flat: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Linear interpolation between flat[k] and flat[k] + 1."""
    column = table.reshape(-1)
    first = column.take(flat)
    flat = flat + 1
    rest = column.take(flat)
    rest -= first
    rest *= share
    rest += first
    return rest


def paths_of(
    movers: Movers, rows: Hypotheses, road: Road | None, parameters: KinematicParameters
) -> Paths:
    """Lane hypotheses ease from where the mover is into their lane; free ones turn on a while."""
    reach = movers.reach_m[rows.mover]
    step = reach / (NODES - 1)
    distance = step[:, None] * np.arange(NODES)
    x, y, yaw, curvature, limit = (np.empty(distance.shape) for _ in range(5))
    known = np.zeros(distance.shape, bool)
    free = np.flatnonzero(rows.route == NO_ROUTE)
    laned = np.flatnonzero(rows.route != NO_ROUTE)
    x[free], y[free], yaw[free], curvature[free] = _free(
        movers, rows.mover[free], distance[free], parameters
    )
    limit[free] = np.inf
    if road is not None and len(laned):
        lane, sample, share = _samples(rows, laned, distance[laned], road)
        curvature[laned] = road.geometry.curvature_1pm.take(sample)
        limit[laned] = road.speed_limit_mps.take(lane)
        known[laned] = road.limit_known.take(lane)
        lane_x, lane_y = _along_lanes(
            movers, rows, laned, distance[laned], sample, share, road, parameters
        )
        x[laned], y[laned] = lane_x, lane_y
        yaw[laned] = _yaw_along(lane_x, lane_y, movers.path_yaw_rad[rows.mover[laned]])
    cos = np.cos(yaw)
    return Paths(step, x, y, yaw, cos * cos, cos * np.sin(yaw), curvature, limit, known)


def _free(
    movers: Movers, mover: np.ndarray, distance: np.ndarray, parameters: KinematicParameters
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x, y, yaw and curvature: constant turn rate and velocity whose turn fades on the way.

    It fades to 1/e within the distance that yaw_rate_decay_s takes.
    """
    speed = np.maximum(movers.path_speed_mps[mover], 1.5)
    curvature = np.clip(
        movers.yaw_rate_radps[mover] / speed, -MAX_CURVATURE_1PM, MAX_CURVATURE_1PM
    )[:, None]
    fade_m = (speed * parameters.yaw_rate_decay_s)[:, None]
    faded = np.exp(-distance / fade_m)
    yaw = movers.path_yaw_rad[mover][:, None] + curvature * fade_m * (1.0 - faded)
    middle = 0.5 * (yaw[:, 1:] + yaw[:, :-1])
    step = distance[:, 1:2]
    x, y = np.zeros(distance.shape), np.zeros(distance.shape)
    np.cumsum(step * np.cos(middle), axis=1, out=x[:, 1:])
    np.cumsum(step * np.sin(middle), axis=1, out=y[:, 1:])
    return x, y, yaw, curvature * faded


def _samples(
    rows: Hypotheses, laned: np.ndarray, distance: np.ndarray, road: Road
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lane, sample before, and share of the way to the next, along the routes of rows `laned`."""
    lane, arc = road.routes.locate(rows.route[laned], rows.place_m[laned, None] + distance)
    return (lane, *road.geometry.sample(lane, arc))


def _along_lanes(
    movers: Movers,
    rows: Hypotheses,
    laned: np.ndarray,
    distance: np.ndarray,
    sample: np.ndarray,
    share: np.ndarray,
    road: Road,
    parameters: KinematicParameters,
) -> tuple[np.ndarray, np.ndarray]:
    """x and y along the routes of rows `laned`, from the mover's own place into the lane."""
    mover = rows.mover[laned]
    geometry = road.geometry
    inside = np.clip(share, 0.0, 1.0)
    ux = _between(geometry.ux, sample, inside)
    uy = _between(geometry.uy, sample, inside)
    offset, remaining = _offsets(movers, rows, laned, distance, parameters)
    here = movers.xy_m[mover] - geometry.origin_m
    x = _between(geometry.x_m, sample, share) - here[:, :1] - offset * uy
    y = _between(geometry.y_m, sample, share) - here[:, 1:] + offset * ux
    # What the smoothed normals leave over at the start fades out: the path begins at the mover.
    x -= remaining * x[:, :1]
    y -= remaining * y[:, :1]
    return x, y


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
    rest = (1.0 - x) ** 2
    falls = (1.0 + 2.0 * x) * rest
    lateral = wanted[:, None] + (offset - wanted)[:, None] * falls
    lateral += (slope * blend)[:, None] * x * rest
    return lateral, falls


def _yaw_along(x: np.ndarray, y: np.ndarray, start_yaw: np.ndarray) -> np.ndarray:
    """(M, NODES) direction of central differences, unwrapped from the mover's own yaw."""
    dx, dy = np.empty_like(x[:, 1:]), np.empty_like(y[:, 1:])
    for ahead, at in ((dx, x), (dy, y)):
        np.subtract(at[:, 2:], at[:, :-2], out=ahead[:, :-1])
        np.subtract(at[:, -1], at[:, -2], out=ahead[:, -1])
    yaw = np.empty(x.shape)
    yaw[:, 0] = start_yaw
    np.arctan2(dy, dx, out=yaw[:, 1:])
    turn = np.diff(yaw, axis=1)
    turn -= 2.0 * np.pi * np.round(turn / (2.0 * np.pi))
    np.cumsum(turn, axis=1, out=yaw[:, 1:])
    yaw[:, 1:] += yaw[:, :1]
    return yaw
