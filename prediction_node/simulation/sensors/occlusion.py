"""Line of sight: what is in a sensor's sector, and which bodies and walls hide it."""

from __future__ import annotations

import numpy as np

from prediction_node.compiled import compiled
from prediction_node.simulation.sensors.walls import NO_WALLS, Walls

RAYS = 15  # spread evenly over the width of a body
TURN = 2.0 * np.pi


def hidden_shares(
    sensor_m: np.ndarray,
    position_m: np.ndarray,
    yaw_rad: np.ndarray,
    size_m: np.ndarray,
    walls: Walls = NO_WALLS,
) -> np.ndarray:
    """(N,) share of each box's apparent width that others hide from a sensor at (3,).

    Boxes (N, 3) centre, (N,) yaw, (N, 3) size, all in one frame with level ground. A ray goes to
    each of 15 places over the width at the height of the centre; a box blocks it that covers its
    bearing, is nearer, and reaches up to the ray; a wall blocks it that it crosses. A box or a
    building around the sensor blocks nothing.
    """
    every = np.ones(len(position_m), dtype=np.bool_)
    _, hidden = _sight(
        np.ascontiguousarray(position_m, dtype=np.float64),
        np.ascontiguousarray(yaw_rad, dtype=np.float64),
        np.ascontiguousarray(size_m, dtype=np.float64),
        every,
        every,
        np.ascontiguousarray(sensor_m, dtype=np.float64),
        0.0,
        np.inf,
        TURN,
        True,
        walls.start_m,
        walls.end_m,
        walls.first,
        walls.centre_m,
        walls.radius_m,
    )
    return hidden


def in_sight(
    sensor_m: np.ndarray,
    sensor_yaw_rad: float,
    reach_m: float,
    view_rad: float,
    position_m: np.ndarray,
    yaw_rad: np.ndarray,
    size_m: np.ndarray,
    others: np.ndarray,
    wanted: np.ndarray,
    hidden_fraction: float | None,
    walls: Walls,
) -> np.ndarray:
    """(N,) bool: who of `wanted` is within `reach_m` and the sector `view_rad`, and not hidden.

    Those of `others` hide; hidden is who is so by more than `hidden_fraction` of its width, nobody
    if that is None. Bodies as in `hidden_shares`.
    """
    sector, hidden = _sight(
        np.ascontiguousarray(position_m),
        np.ascontiguousarray(yaw_rad),
        np.ascontiguousarray(size_m, dtype=np.float64),
        others,
        wanted,
        sensor_m,
        sensor_yaw_rad,
        reach_m,
        0.5 * view_rad + 1e-12,
        hidden_fraction is not None,
        walls.start_m,
        walls.end_m,
        walls.first,
        walls.centre_m,
        walls.radius_m,
    )
    return np.asarray(sector & (hidden <= (1.0 if hidden_fraction is None else hidden_fraction)))


def first_hits(
    sensor_m: np.ndarray, bearing_rad: np.ndarray, reach_m: float, walls: Walls
) -> np.ndarray:
    """(N,) how far rays in these directions (N,) come to a wall; inf if none is within reach."""
    return _first_hits(
        np.ascontiguousarray(sensor_m, dtype=np.float64),
        np.ascontiguousarray(bearing_rad, dtype=np.float64),
        reach_m,
        walls.start_m,
        walls.end_m,
        walls.first,
        walls.centre_m,
        walls.radius_m,
    )


@compiled
def _sight(
    position: np.ndarray,
    yaw: np.ndarray,
    size: np.ndarray,
    others: np.ndarray,
    wanted: np.ndarray,
    eye: np.ndarray,
    eye_yaw: float,
    reach: float,
    half_view: float,
    occlusion: bool,
    wall_start: np.ndarray,
    wall_end: np.ndarray,
    wall_first: np.ndarray,
    wall_centre: np.ndarray,
    wall_radius: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(N,) wanted, in reach and in the sector; (N,) hidden share of those, 0 elsewhere."""
    n = len(position)
    sector = np.zeros(n, dtype=np.bool_)
    hidden = np.zeros(n)
    near = np.empty(n, dtype=np.int64)
    distance = np.empty(n)
    bearing = np.empty(n)
    count = 0
    for i in range(n):
        if not others[i]:
            continue
        x, y = position[i, 0] - eye[0], position[i, 1] - eye[1]
        distance[i] = np.hypot(x, y)
        if not distance[i] <= reach:
            continue
        bearing[i] = np.arctan2(y, x)
        near[count] = i
        count += 1
        sector[i] = wanted[i] and abs(_wrapped(bearing[i] - eye_yaw)) <= half_view
    if not occlusion:
        return sector, hidden

    low, high = np.zeros(n), np.zeros(n)
    for a in range(count):
        i = near[a]
        low[i], high[i] = _spread(position[i], yaw[i], size[i], eye, bearing[i])
    standing, wall_bearing, wall_half, wall_near = _standing(
        eye, reach, wall_start, wall_end, wall_first, wall_centre, wall_radius
    )
    for a in range(count):
        i = near[a]
        if not sector[i]:
            continue
        blocked = np.zeros(RAYS, dtype=np.bool_)
        widest = max(-low[i], high[i])
        for b in range(count):
            k = near[b]
            if k == i or distance[k] >= distance[i] or high[k] - low[k] > np.pi:
                continue
            both = widest + max(-low[k], high[k])
            if both < np.pi and abs(_wrapped(bearing[k] - bearing[i])) > both + 1e-9:
                continue
            # The line of sight from the sensor to the centre of body i, at the distance of body k.
            passed = distance[k] / max(distance[i], 1e-9)
            height = eye[2] + passed * (position[i, 2] - eye[2])
            if position[k, 2] + 0.5 * size[k, 2] < height:
                continue
            for r in range(RAYS):
                ray = bearing[i] + low[i] + (r + 0.5) / RAYS * (high[i] - low[i])
                off = _wrapped(ray - bearing[k])
                if low[k] <= off <= high[k]:
                    blocked[r] = True
        for w in range(len(standing)):
            b = standing[w]
            if wall_near[b] >= distance[i]:
                continue
            if abs(_wrapped(wall_bearing[b] - bearing[i])) > wall_half[b] + widest + 1e-9:
                continue
            for r in range(RAYS):
                if blocked[r]:
                    continue
                ray = bearing[i] + low[i] + (r + 0.5) / RAYS * (high[i] - low[i])
                hit = _hit(eye, ray, wall_start, wall_end, wall_first[b], wall_first[b + 1])
                blocked[r] = hit < distance[i]
        hidden[i] = blocked.sum() / RAYS
    return sector, hidden


@compiled
def _wrapped(angle: float) -> float:
    return (angle + np.pi) % TURN - np.pi


@compiled
def _spread(
    position: np.ndarray, yaw: float, size: np.ndarray, eye: np.ndarray, bearing: float
) -> tuple[float, float]:
    """The bearings of the outermost corners of a box, from the one of its centre."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    low, high = np.inf, -np.inf
    for forward in (0.5, -0.5):
        for left in (0.5, -0.5):
            x = position[0] - eye[0] + cos * forward * size[0] - sin * left * size[1]
            y = position[1] - eye[1] + sin * forward * size[0] + cos * left * size[1]
            off = _wrapped(np.arctan2(y, x) - bearing)
            low, high = min(low, off), max(high, off)
    return low, high


@compiled
def _standing(
    eye: np.ndarray,
    reach: float,
    start: np.ndarray,
    end: np.ndarray,
    first: np.ndarray,
    centre: np.ndarray,
    radius: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Buildings that may hide something, and the sector and least distance of each building."""
    count = len(centre)
    kept = np.empty(count, dtype=np.int64)
    bearing, half, nearest = np.zeros(count), np.zeros(count), np.zeros(count)
    found = 0
    for b in range(count):
        x, y = centre[b, 0] - eye[0], centre[b, 1] - eye[1]
        distance = np.hypot(x, y)
        if distance - radius[b] > reach:
            continue
        bearing[b] = np.arctan2(y, x)
        nearest[b] = distance - radius[b]
        half[b] = np.pi
        if nearest[b] > 0.0:
            half[b] = np.arcsin(radius[b] / distance)
        elif _around(eye, start, end, first[b], first[b + 1]):
            continue
        kept[found] = b
        found += 1
    return kept[:found], bearing, half, nearest


@compiled
def _around(eye: np.ndarray, start: np.ndarray, end: np.ndarray, low: int, high: int) -> bool:
    """Does the outline of the edges low to high enclose the eye? By the parity of crossings."""
    inside = False
    if high - low < 3:
        return False  # a single wall encloses nothing
    for e in range(low, high):
        y0, y1 = start[e, 1] - eye[1], end[e, 1] - eye[1]
        if (y0 > 0.0) != (y1 > 0.0):
            x = start[e, 0] - eye[0] - y0 * (end[e, 0] - start[e, 0]) / (y1 - y0)
            if x > 0.0:
                inside = not inside
    return inside


@compiled
def _hit(
    eye: np.ndarray, ray: float, start: np.ndarray, end: np.ndarray, low: int, high: int
) -> float:
    """How far a ray comes to the first of the edges low to high; inf if it meets none."""
    ux, uy = np.cos(ray), np.sin(ray)
    nearest = np.inf
    for e in range(low, high):
        ex, ey = end[e, 0] - start[e, 0], end[e, 1] - start[e, 1]
        wx, wy = start[e, 0] - eye[0], start[e, 1] - eye[1]
        turn = ux * ey - uy * ex
        if turn == 0.0:
            continue
        along = (wx * ey - wy * ex) / turn
        at = (wx * uy - wy * ux) / turn
        if 0.0 < along < nearest and 0.0 <= at <= 1.0:
            nearest = along
    return nearest


@compiled
def _first_hits(
    eye: np.ndarray,
    rays: np.ndarray,
    reach: float,
    start: np.ndarray,
    end: np.ndarray,
    first: np.ndarray,
    centre: np.ndarray,
    radius: np.ndarray,
) -> np.ndarray:
    out = np.full(len(rays), np.inf)
    standing, bearing, half, nearest = _standing(eye, reach, start, end, first, centre, radius)
    for i in range(len(rays)):
        for w in range(len(standing)):
            b = standing[w]
            if nearest[b] < out[i] and abs(_wrapped(bearing[b] - rays[i])) <= half[b] + 1e-9:
                out[i] = min(out[i], _hit(eye, rays[i], start, end, first[b], first[b + 1]))
        if out[i] > reach:
            out[i] = np.inf
    return out
