"""How wrong a mode may be by when: standard deviations, turned into the map frame."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.prediction import POSE_COUNT, STEP_S

MIN_SIGMA_M = 0.05
MAX_SIGMA_M = 1.0e3
MAX_CORRELATION = 0.999


def sigma_in_map(
    cos2: np.ndarray,
    cos_sin: np.ndarray,
    along_m: np.ndarray,
    across_m: np.ndarray,
    present: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write sigma_x, sigma_y, rho (N, K, T, 3) of spreads (N, 1, T) along and across headings.

    Headings come as cos^2 and cos * sin (N, K, T). `present` (N, 3): variances of x and y and their
    covariance now, which every step inherits.
    """
    across2 = across_m * across_m
    difference = along_m * along_m - across2
    xx = cos2 * difference
    yy = (along_m * along_m + present[:, 1, None, None]) - xx
    xx += across2 + present[:, 0, None, None]
    xy = cos_sin * difference
    xy += present[:, 2, None, None]
    np.sqrt(xx, out=out[..., 0])
    np.sqrt(yy, out=out[..., 1])
    xx *= yy
    xy /= np.sqrt(xx, out=xx)
    # Rounding must not make a matrix that is not positive definite.
    np.clip(xy, -MAX_CORRELATION, MAX_CORRELATION, out=out[..., 2])


def present_variance(covariance: np.ndarray) -> np.ndarray:
    """(N, 3) variances of x and y and their covariance from (N, 5, 5), kept within sense."""
    low, high = MIN_SIGMA_M**2, MAX_SIGMA_M**2
    finite = np.nan_to_num(covariance, nan=0.0)
    xx = np.clip(finite[:, 0, 0], low, high)
    yy = np.clip(finite[:, 1, 1], low, high)
    bound = 0.99 * np.sqrt(xx * yy)
    return np.stack([xx, yy, np.clip(finite[:, 0, 1], -bound, bound)], axis=-1)


TIME_S = STEP_S * np.arange(POSE_COUNT)


# Spreads of steered bodies, from how far the nearest modes missed recorded vehicles
# (docs/evaluation.md): the part that standing ones have too, and the part that motion adds.
ALONG_STANDING = (0.15, 0.06)  # per s, per s^2
ALONG_MOVING = (0.22, 0.01)
ACROSS_STANDING_MPS = 0.04
ACROSS_MOVING_MPS = 0.34
# Lanes hold vehicles: across, the spread stops growing after some seconds.
ACROSS_SATURATION_S = 6.0
MOVING_MPS = 2.0


def spread_of_movers(speed_mps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 1, T) standard deviations along and across of steered bodies, speeds (N,)."""
    moving = np.minimum(speed_mps / MOVING_MPS, 1.0)[:, None, None]
    t = TIME_S
    along = ALONG_STANDING[0] * t + ALONG_STANDING[1] * t**2
    along = along + moving * (ALONG_MOVING[0] * t + ALONG_MOVING[1] * t**2)
    across = ACROSS_STANDING_MPS * t + moving * ACROSS_MOVING_MPS * t / (
        1.0 + t / ACROSS_SATURATION_S
    )
    return along, across


def spread_of_walkers(speed_mps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 1, T) standard deviations along and across of walkers, speeds (N,)."""
    speed = speed_mps[:, None, None]
    along = TIME_S * (0.08 + 0.10 * np.minimum(speed, 3.0)) + 0.01 * TIME_S**2
    across = TIME_S * (0.08 + 0.08 * np.minimum(speed, 3.0)) + 0.01 * TIME_S**2
    return along, across
