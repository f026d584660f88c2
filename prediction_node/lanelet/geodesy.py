"""Latitude and longitude on the WGS 84 ellipsoid -> metres in a plane, for arrays of points.

Transverse Mercator is Krueger's series to the sixth order in the third flattening (Karney 2011,
"Transverse Mercator with an accuracy of a few nanometers", equations 7 to 14 and 35).
"""

from __future__ import annotations

import math

import numpy as np

SQUARE_M = 100_000.0  # of the military grid

_EQUATOR_M = 6378137.0
_FLATTENING = 1 / 298.257223563
_ECCENTRICITY2 = _FLATTENING * (2 - _FLATTENING)
UTM_SCALE = 0.9996
_UTM_FALSE_EASTING_M = 500_000.0

_MGRS_COLUMNS = ('ABCDEFGH', 'JKLMNPQR', 'STUVWXYZ')  # by zone, modulo 3
_MGRS_ROWS = 'ABCDEFGHJKLMNPQRSTUV'
_MGRS_BANDS = 'CDEFGHJKLMNPQRSTUVWX'


def _krueger_coefficients() -> tuple[float, np.ndarray]:
    n = _FLATTENING / (2 - _FLATTENING)
    radius = _EQUATOR_M / (1 + n) * (1 + n**2 / 4 + n**4 / 64 + n**6 / 256)
    alpha = np.array([
        n / 2 - 2 * n**2 / 3 + 5 * n**3 / 16 + 41 * n**4 / 180 - 127 * n**5 / 288
        + 7891 * n**6 / 37800,
        13 * n**2 / 48 - 3 * n**3 / 5 + 557 * n**4 / 1440 + 281 * n**5 / 630
        - 1983433 * n**6 / 1935360,
        61 * n**3 / 240 - 103 * n**4 / 140 + 15061 * n**5 / 26880 + 167603 * n**6 / 181440,
        49561 * n**4 / 161280 - 179 * n**5 / 168 + 6601661 * n**6 / 7257600,
        34729 * n**5 / 80640 - 3418889 * n**6 / 1995840,
        212378941 * n**6 / 319334400,
    ])  # fmt: skip
    return radius, alpha


def transverse_mercator(
    latitude_deg: np.ndarray, longitude_deg: np.ndarray, meridian_deg: float, scale: float
) -> np.ndarray:
    """(N, 2) easting from the meridian and northing from the equator, metres."""
    radius, alpha = _krueger_coefficients()
    e = np.sqrt(_ECCENTRICITY2)
    phi = np.radians(np.asarray(latitude_deg, float))
    lam = np.radians((np.asarray(longitude_deg, float) - meridian_deg + 180.0) % 360.0 - 180.0)
    tau = np.tan(phi)
    sigma = np.sinh(e * np.arctanh(e * tau / np.hypot(1.0, tau)))
    conformal = tau * np.hypot(1.0, sigma) - sigma * np.hypot(1.0, tau)
    xi = np.arctan2(conformal, np.cos(lam))
    eta = np.arcsinh(np.sin(lam) / np.hypot(conformal, np.cos(lam)))
    j = 2 * np.arange(1, 7)[:, None]
    northing = xi + (alpha[:, None] * np.sin(j * xi) * np.cosh(j * eta)).sum(axis=0)
    easting = eta + (alpha[:, None] * np.cos(j * xi) * np.sinh(j * eta)).sum(axis=0)
    return np.asarray(scale * radius * np.stack([easting, northing], axis=-1))


def utm_zone(latitude_deg: float, longitude_deg: float) -> int:
    """The zone, with the exceptions for Norway and Svalbard."""
    if 56 <= latitude_deg < 64 and 3 <= longitude_deg < 12:
        return 32
    if 72 <= latitude_deg < 84 and 0 <= longitude_deg < 42:
        return 31 + 2 * int((longitude_deg + 3) // 12)
    return (math.floor(longitude_deg) + 180) % 360 // 6 + 1


def utm(latitude_deg: np.ndarray, longitude_deg: np.ndarray, zone: int) -> np.ndarray:
    """(N, 2) UTM easting and northing from the equator (negative in the south), metres."""
    xy = transverse_mercator(latitude_deg, longitude_deg, zone * 6.0 - 183.0, UTM_SCALE)
    return np.asarray(xy + np.array([_UTM_FALSE_EASTING_M, 0.0]))


def mgrs_square(easting_m: float, northing_m: float, latitude_deg: float, zone: int) -> str:
    """Name of the 100 km square, such as 54SUE."""
    band = _MGRS_BANDS[int(np.clip((latitude_deg + 80) // 8, 0, 19))]
    column = _MGRS_COLUMNS[(zone - 1) % 3][int(easting_m // SQUARE_M) - 1]
    row = _MGRS_ROWS[(int(northing_m // SQUARE_M) + (0 if zone % 2 else 5)) % 20]
    return f'{zone}{band}{column}{row}'


def local_cartesian(
    latitude_deg: np.ndarray, longitude_deg: np.ndarray, altitude_m: np.ndarray,
    origin: tuple[float, float, float],
) -> np.ndarray:  # fmt: skip
    """(N, 3) east, north, up in the plane that touches the ellipsoid at the origin (lat, lon,
    alt).
    """
    phi, lam = np.radians(origin[0]), np.radians(origin[1])
    offset = _geocentric(np.radians(latitude_deg), np.radians(longitude_deg), altitude_m)
    offset = offset - _geocentric(np.array(phi), np.array(lam), np.array(origin[2]))
    turn = np.array([
        [-np.sin(lam), np.cos(lam), 0.0],
        [-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)],
        [np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)],
    ])  # fmt: skip
    return np.asarray(offset @ turn.T)


def _geocentric(phi: np.ndarray, lam: np.ndarray, altitude_m: np.ndarray) -> np.ndarray:
    normal = _EQUATOR_M / np.sqrt(1 - _ECCENTRICITY2 * np.sin(phi) ** 2)
    across = (normal + altitude_m) * np.cos(phi)
    up = (normal * (1 - _ECCENTRICITY2) + altitude_m) * np.sin(phi)
    return np.stack([across * np.cos(lam), across * np.sin(lam), up], axis=-1)
