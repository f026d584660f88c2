"""How wrong a mode may be by when: standard deviations, turned into the map frame.

A spread has three parts: where the body is now, its present speed and heading carried on, and what
drivers do later.
"""

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
    """Write sigma_x, sigma_y, rho (N, K, T, 3) of spreads along and across headings.

    Spreads are (N, K, T) or (N, 1, T); headings come as cos^2 and cos * sin (N, K, T). `present`
    (N, 3): variances of x and y and their covariance now, which every step inherits.
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
ALONG_MOVING = (0.25, 0.01)
ACROSS_STANDING_MPS = 0.04
ACROSS_MOVING_MPS = 0.27
# Lanes hold vehicles: across, the spread stops growing after some seconds.
ACROSS_SATURATION_S = 6.0
MOVING_MPS = 2.0
# Beyond these a heading or a speed is unknown.
MAX_YAW_SIGMA_RAD = 0.6
MAX_SPEED_SIGMA_MPS = 5.0
# So long an error of the present speed, or heading, goes on: then drivers come back to the speed
# they want, and lanes correct the heading.
SPEED_MEMORY_S = 4.0
YAW_MEMORY_S = 0.5
# The least likely mode also stands for what no rule foresees: its spread is so many times wider.
UNFORESEEN_SPREAD = 4.0


def spread_of_movers(
    speed_mps: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(N, 1, T) standard deviations along and across of steered bodies.

    speed_mps (N,); covariance (N, 5, 5) as in `Agents`: errors of the present speed and heading are
    carried on, the speed's until drivers come back to what they want, the heading's until the lane
    corrects it.
    """
    moving = np.minimum(speed_mps / MOVING_MPS, 1.0)[:, None, None]
    t = TIME_S
    along = ALONG_STANDING[0] * t + ALONG_STANDING[1] * t**2
    along = along + moving * (ALONG_MOVING[0] * t + ALONG_MOVING[1] * t**2)
    across = ACROSS_STANDING_MPS * t + moving * ACROSS_MOVING_MPS * t / (
        1.0 + t / ACROSS_SATURATION_S
    )
    yaw, speed = present_deviation(covariance)
    ahead = speed[:, None, None] * _carried_s(SPEED_MEMORY_S)
    aside = (yaw * speed_mps)[:, None, None] * _carried_s(YAW_MEMORY_S)
    return np.sqrt(along * along + ahead * ahead), np.sqrt(across * across + aside * aside)


def widening(probability: np.ndarray) -> np.ndarray:
    """(N, K, 1) factors of the spreads of modes with probabilities (N, K).

    One where a mode is the only one.
    """
    factor = np.ones(probability.shape)
    used = probability > 0.0
    least = np.argmin(np.where(used, probability, np.inf), axis=1)
    several = np.flatnonzero(used.sum(axis=1) > 1)
    factor[several, least[several]] = UNFORESEEN_SPREAD
    return factor[:, :, None]


def _carried_s(memory_s: float) -> np.ndarray:
    """(T,) how long a present error has effectively lasted by each instant; it fades."""
    return np.asarray(memory_s * (1.0 - np.exp(-TIME_S / memory_s)))


def present_deviation(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) standard deviations of heading and speed now from (N, 5, 5), kept within sense."""
    variance = np.nan_to_num(covariance[:, [2, 3], [2, 3]], nan=0.0)
    deviation = np.sqrt(np.clip(variance, 0.0, np.square([MAX_YAW_SIGMA_RAD, MAX_SPEED_SIGMA_MPS])))
    return deviation[:, 0], deviation[:, 1]


def spread_of_walkers(speed_mps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 1, T) standard deviations along and across of walkers, speeds (N,)."""
    speed = speed_mps[:, None, None]
    along = TIME_S * (0.08 + 0.10 * np.minimum(speed, 3.0)) + 0.01 * TIME_S**2
    across = TIME_S * (0.08 + 0.08 * np.minimum(speed, 3.0)) + 0.01 * TIME_S**2
    return along, across
