"""From the coordinates that a map's points carry to metres in the vehicle's map frame."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.errors import MapError, ParameterError
from prediction_node.lanelet.elements import Points
from prediction_node.lanelet.geodesy import (
    SQUARE_M,
    local_cartesian,
    mgrs_square,
    transverse_mercator,
    utm,
    utm_zone,
)
from prediction_node.lanelet.parameters import ProjectionParameters

_FARTHEST_M = 1e8  # no map frame reaches farther: the Earth's circumference is 4e7 m
_AGREEMENT_M = 1.0  # beyond it, two sets of coordinates are of different frames


@dataclass(frozen=True, slots=True)
class Placed:
    """Points in the map frame, and what to tell the user about it."""

    xyz_m: np.ndarray  # (P, 3)
    warnings: tuple[str, ...] = ()


def place(
    points: Points, used: np.ndarray, parameters: ProjectionParameters, source: str
) -> Placed:
    """Points -> map frame. `used`: (P,) which of them anything refers to.

    Raises MapError naming the first used point that carries no coordinates of the demanded sort.
    """
    has_local = used & np.isfinite(points.local_m).all(axis=1)
    _bound(points, points.local_m, has_local, source)
    if points.xyz_m is not None:
        _bound(points, points.xyz_m, used, source)
    placed = _place(points, used, has_local, parameters, source)
    _bound(points, placed.xyz_m, used, source)
    return placed


def _bound(points: Points, metres: np.ndarray, used: np.ndarray, source: str) -> None:
    wrong = used & ~(np.abs(metres) <= _FARTHEST_M).all(axis=1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        at = ', '.join(f'{value:.6g}' for value in metres[row])
        raise MapError(
            f'{source}: point {points.id[row]} lies at ({at}) m; coordinates must be within '
            f'+-{_FARTHEST_M:g} m'
        )


def _place(
    points: Points,
    used: np.ndarray,
    has_local: np.ndarray,
    parameters: ProjectionParameters,
    source: str,
) -> Placed:
    if parameters.coordinates == 'local' and not has_local[used].all():
        row = int(np.flatnonzero(used & ~has_local)[0])
        raise MapError(f'{source}: point {points.id[row]} has no local_x and local_y')
    if parameters.coordinates == 'projected' or not has_local.any():
        return Placed(_projected(points, used, parameters, source))
    xyz = np.column_stack([points.local_m, points.elevation_m])
    other = used & ~has_local
    if not other.any():
        return Placed(xyz, _frame_warning(points, has_local))
    return _complete(points, xyz, has_local, other, parameters, source)


def _frame_warning(points: Points, has_local: np.ndarray) -> tuple[str, ...]:
    if points.xyz_m is None:
        return ()
    apart = np.linalg.norm(points.xyz_m[has_local, :2] - points.local_m[has_local], axis=1).max()
    if apart <= _AGREEMENT_M:
        return ()
    warning = (
        f'local_x and local_y differ from the coordinates inside the archive by up to '
        f'{apart:.1f} m; the local ones count (coordinates: projected takes the others)'
    )
    return (warning,)


def _complete(
    points: Points, xyz: np.ndarray, has_local: np.ndarray, other: np.ndarray,
    parameters: ProjectionParameters, source: str,
) -> Placed:  # fmt: skip
    """Points without local coordinates are moved as those are that carry both sorts."""
    plane = _projected(points, other, parameters, source)[:, :2]
    both = has_local & np.isfinite(plane).all(axis=1)
    if both.sum() < 2:
        row = int(np.flatnonzero(other)[0])
        raise MapError(
            f'{source}: point {points.id[row]} has no local_x and local_y, and too few other '
            'points carry both sorts of coordinates to place it'
        )
    turn, shift, scale, worst_m = _similarity(plane[both], points.local_m[both])
    if worst_m > _AGREEMENT_M:
        row = int(np.flatnonzero(other)[0])
        if points.xyz_m is not None:  # whole, at least, and in the writer's frame
            warning = (
                f'point {points.id[row]} has no local_x and local_y, and those of the others do '
                f'not fit the coordinates inside the archive by {worst_m:.1f} m; the latter count'
            )
            return Placed(points.xyz_m, (warning,))
        raise MapError(
            f'{source}: point {points.id[row]} has no local_x and local_y, and the projected '
            f'coordinates of the others differ from their local ones by up to {worst_m:.1f} m'
        )
    xyz[other, :2] = scale * plane[other] @ turn.T + shift
    note = f'{int(other.sum())} points without local_x and local_y placed by projection'
    return Placed(xyz, (note, *_frame_warning(points, has_local)))


def _similarity(
    source: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Rotation, shift, scale of the least-squares fit and its largest error (Umeyama 1991)."""
    a, b = source.mean(axis=0), target.mean(axis=0)
    u, singular, vt = np.linalg.svd((target - b).T @ (source - a))
    flip = np.diag([1.0, np.sign(np.linalg.det(u @ vt)) or 1.0])
    turn = u @ flip @ vt
    spread = ((source - a) ** 2).sum()
    scale = float((singular * np.diag(flip)).sum() / spread) if spread > 0 else 1.0
    shift = b - scale * turn @ a
    worst_m = np.linalg.norm(scale * source @ turn.T + shift - target, axis=1).max()
    return turn, shift, scale, float(worst_m)


def _projected(
    points: Points, used: np.ndarray, parameters: ProjectionParameters, source: str
) -> np.ndarray:
    if points.xyz_m is not None:
        return points.xyz_m.copy()
    latitude, longitude = points.latitude_deg, points.longitude_deg
    known = np.isfinite(latitude) & np.isfinite(longitude)
    if not known[used].all():
        row = int(np.flatnonzero(used & ~known)[0])
        raise MapError(
            f'{source}: node {points.id[row]} has neither local_x and local_y nor latitude and '
            'longitude'
        )
    if not known.any():
        return np.zeros((0, 3))
    kind = parameters.kind
    if kind == 'local_cartesian':
        origin = (
            parameters.origin_latitude_deg,
            parameters.origin_longitude_deg,
            parameters.origin_altitude_m,
        )
        return local_cartesian(latitude, longitude, points.elevation_m, origin)
    if kind == 'centred':
        xy = _about(latitude, longitude, _middle(latitude[known]), _middle(longitude[known]), 1.0)
    elif kind == 'transverse_mercator':
        xy = _about(
            latitude,
            longitude,
            parameters.origin_latitude_deg,
            parameters.origin_longitude_deg,
            parameters.scale_factor,
        )
    elif kind == 'utm':
        lat0, lon0 = parameters.origin_latitude_deg, parameters.origin_longitude_deg
        zone = utm_zone(lat0, lon0)
        xy = utm(latitude, longitude, zone) - utm(np.array([lat0]), np.array([lon0]), zone)
    else:
        xy = _mgrs(latitude, longitude, known, parameters, source)
    return np.column_stack([xy, points.elevation_m])


def _middle(values: np.ndarray) -> float:
    return float((values.min() + values.max()) / 2)


def _about(
    latitude: np.ndarray, longitude: np.ndarray, lat0: float, lon0: float, scale: float
) -> np.ndarray:
    origin = transverse_mercator(np.array([lat0]), np.array([lon0]), lon0, scale)
    return np.asarray(transverse_mercator(latitude, longitude, lon0, scale) - origin)


def _mgrs(
    latitude: np.ndarray,
    longitude: np.ndarray,
    known: np.ndarray,
    parameters: ProjectionParameters,
    source: str,
) -> np.ndarray:
    """Offset from the south-west corner of one 100 km square, also beyond its edges."""
    row = int(np.flatnonzero(known)[0])
    zone = utm_zone(float(latitude[row]), float(longitude[row]))
    if parameters.mgrs_grid:
        match = re.fullmatch(
            r'(\d{1,2})([C-HJ-NP-X])([A-HJ-NP-Z])([A-HJ-NP-V])', parameters.mgrs_grid
        )
        if match is None or not 1 <= int(match[1]) <= 60:
            raise ParameterError(
                f'mgrs_grid must name a 100 km square such as 54SUE, got {parameters.mgrs_grid!r}'
            )
        zone = int(match[1])
    xy = utm(latitude, longitude, zone)
    corner = np.floor(xy / SQUARE_M) * SQUARE_M
    if not parameters.mgrs_grid:
        return np.asarray(xy - corner[row])
    for i in np.flatnonzero(known):
        name = mgrs_square(xy[i, 0], xy[i, 1], float(latitude[i]), zone)
        if name == parameters.mgrs_grid:
            return np.asarray(xy - corner[i])
    raise MapError(
        f'{source}: no point of the map lies in the square mgrs_grid {parameters.mgrs_grid}'
    )
