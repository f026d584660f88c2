"""The errors of a scan, in compiled passes over its objects.

Directions come from outside, by domain.frames.direction_rad: the arctan2 of machine code differs
from numpy's in the last bit, and recordings made anew must come out the same.
"""

from __future__ import annotations

import numpy as np

from prediction_node.compiled import compiled


@compiled
def add_noise(
    exact: np.ndarray,
    sight: np.ndarray,
    velocity: np.ndarray,
    yaw: np.ndarray,
    size: np.ndarray,
    normal: np.ndarray,
    along: tuple[float, float],
    across: tuple[float, float],
    sigma_height: float,
    sigma_yaw: float,
    sigma_size: float,
    sigma_speed: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Measured positions (M, 3), velocities (M, 2), headings (M,) and sizes (M, 3).

    `exact` (M, 3), `velocity` and `yaw` are in the frame of the sensor, `sight` (M,) are the lines
    of sight, `normal` (M, 10) standard normal numbers. `along` and `across` are a fixed sigma in
    metres and a share of the range; `sigma_speed` is along and across the line of sight.
    """
    n = len(exact)
    position, moving = np.empty((n, 3)), np.empty((n, 2))
    heading, extent = np.empty(n), np.empty((n, 3))
    for i in range(n):
        reach = np.hypot(exact[i, 0], exact[i, 1])
        forward = np.hypot(along[0], along[1] * reach) * normal[i, 0]
        left = np.hypot(across[0], across[1] * reach) * normal[i, 1]
        cos, sin = np.cos(sight[i]), np.sin(sight[i])
        position[i, 0] = exact[i, 0] + (cos * forward - sin * left)
        position[i, 1] = exact[i, 1] + (sin * forward + cos * left)
        position[i, 2] = exact[i, 2] + sigma_height * normal[i, 2]
        forward, left = sigma_speed[0] * normal[i, 3], sigma_speed[1] * normal[i, 4]
        moving[i, 0] = velocity[i, 0] + (cos * forward - sin * left)
        moving[i, 1] = velocity[i, 1] + (sin * forward + cos * left)
        heading[i] = (yaw[i] + sigma_yaw * normal[i, 5] + np.pi) % (2.0 * np.pi) - np.pi
        for k in range(3):
            extent[i, k] = max(size[i, k] * (1.0 + sigma_size * normal[i, 6 + k]), 0.1)
    return position, moving, heading, extent


@compiled
def sight_axes(
    position: np.ndarray,
    sight: np.ndarray,
    along: tuple[float, float],
    across: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Covariances (M, 2, 2) along and across the lines of sight (M,), and the turns (M, 2, 2) that
    bring them into the frame of `position` (M, 2 or 3). Sigmas as in `add_noise`.
    """
    n = len(position)
    covariance, turn = np.zeros((n, 2, 2)), np.empty((n, 2, 2))
    for i in range(n):
        reach = np.hypot(position[i, 0], position[i, 1])
        covariance[i, 0, 0] = np.hypot(along[0], along[1] * reach) ** 2
        covariance[i, 1, 1] = np.hypot(across[0], across[1] * reach) ** 2
        cos, sin = np.cos(sight[i]), np.sin(sight[i])
        turn[i, 0, 0], turn[i, 0, 1], turn[i, 1, 0], turn[i, 1, 1] = cos, -sin, sin, cos
    return covariance, turn


@compiled
def taken_for(
    true: np.ndarray, uniform: np.ndarray, right: float, cumulative: np.ndarray
) -> np.ndarray:
    """(M,) reported classes, from two uniform numbers (M, 2) each.

    `cumulative` (classes, classes): by true class, the running sum of what it is mistaken for.
    """
    out = true.copy()
    last = cumulative.shape[1] - 1
    for i in range(len(true)):
        if uniform[i, 0] >= right:
            wrong = 0
            while wrong < last and uniform[i, 1] >= cumulative[true[i], wrong]:
                wrong += 1
            out[i] = wrong
    return out


@compiled
def recognised(
    exact: np.ndarray,
    true: np.ndarray,
    shown: np.ndarray,
    uniform: np.ndarray,
    normal: np.ndarray,
    reach: float,
    right: float,
    angle: int,
    sigma_angle: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Attributes (M, A) of objects within `reach`, and which are told.

    Each is on the true side of one half with probability `right`; column `angle` is a number of
    its own, with an error of `normal` (M,) times `sigma_angle`.
    """
    value, told = np.empty_like(true), np.zeros_like(shown)
    for i in range(len(true)):
        near = np.hypot(exact[i, 0], exact[i, 1]) <= reach
        for k in range(true.shape[1]):
            same = (true[i, k] > 0.5) == (uniform[i, k] < right)
            value[i, k] = right if same else 1.0 - right
            told[i, k] = shown[i, k] and near
        value[i, angle] = true[i, angle] + sigma_angle * normal[i]
    return value, told
