"""How wrong a mode may be by when: standard deviations along and across, turned into the map frame."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.prediction import POSE_COUNT, STEP_S

MIN_SIGMA_M = 0.05
MAX_SIGMA_M = 1.0e3


def sigma_in_map(
    yaw_rad: np.ndarray, along_m: np.ndarray, across_m: np.ndarray, present: np.ndarray
) -> np.ndarray:
    """(N, K, T, 3) sigma_x, sigma_y, rho from headings (N, K, T) and spreads (N, 1 or K, T).

    `present` (N, 3): variances of x and y and their covariance now, which every step inherits.
    """
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    along2, across2 = along_m**2, across_m**2
    cos2 = cos * cos
    difference = along2 - across2
    xx = across2 + cos2 * difference + present[:, 0, None, None]
    yy = along2 - cos2 * difference + present[:, 1, None, None]
    xy = cos * sin * difference + present[:, 2, None, None]
    out = np.empty((*yaw_rad.shape, 3))
    np.sqrt(xx, out=out[..., 0])
    np.sqrt(yy, out=out[..., 1])
    out[..., 2] = np.clip(xy / (out[..., 0] * out[..., 1]), -0.999, 0.999)
    return out


def present_variance(covariance: np.ndarray) -> np.ndarray:
    """(N, 3) variances of x and y and their covariance from (N, 5, 5), kept within sense."""
    low, high = MIN_SIGMA_M**2, MAX_SIGMA_M**2
    finite = np.nan_to_num(covariance, nan=0.0)
    xx = np.clip(finite[:, 0, 0], low, high)
    yy = np.clip(finite[:, 1, 1], low, high)
    bound = 0.99 * np.sqrt(xx * yy)
    return np.stack([xx, yy, np.clip(finite[:, 0, 1], -bound, bound)], axis=-1)


TIME_S = STEP_S * np.arange(POSE_COUNT)


def spread_of_movers(speed_mps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 1, T) standard deviations along and across of steered bodies moving at `speed_mps` (N,)."""
    speed = speed_mps[:, None, None]
    along = TIME_S * (0.15 + 0.03 * np.minimum(speed, 30.0)) + 0.05 * TIME_S**2
    across = TIME_S * (0.02 + 0.010 * np.minimum(speed, 30.0)) + 0.01 * TIME_S**2
    return along, across


def spread_of_walkers(speed_mps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 1, T) standard deviations along and across of bodies that may step in any direction."""
    speed = speed_mps[:, None, None]
    along = TIME_S * (0.08 + 0.10 * np.minimum(speed, 3.0)) + 0.01 * TIME_S**2
    across = TIME_S * (0.08 + 0.08 * np.minimum(speed, 3.0)) + 0.01 * TIME_S**2
    return along, across
