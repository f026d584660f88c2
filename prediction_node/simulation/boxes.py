"""Boxes on the ground: which overlap, and how deeply."""

from __future__ import annotations

import numpy as np


def penetration_m(
    centre_a: np.ndarray,
    yaw_a: np.ndarray,
    size_a: np.ndarray,
    centre_b: np.ndarray,
    yaw_b: np.ndarray,
    size_b: np.ndarray,
) -> np.ndarray:
    """(...) how far pairs of boxes reach into each other; negative: the widest gap found.

    Centres (..., 2), yaws (...), sizes (..., 2) length and width; all broadcast. Separating axis
    theorem: boxes overlap if they do along each of their four axes; the least overlap is the
    shortest way out.
    """
    dx = centre_b[..., 0] - centre_a[..., 0]
    dy = centre_b[..., 1] - centre_a[..., 1]
    turn = yaw_b - yaw_a
    cos, sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    length_a, width_a = 0.5 * size_a[..., 0], 0.5 * size_a[..., 1]
    length_b, width_b = 0.5 * size_b[..., 0], 0.5 * size_b[..., 1]
    depth = np.inf
    for yaw, own, other in (
        (yaw_a, (length_a, width_a), (length_b, width_b)),
        (yaw_b, (length_b, width_b), (length_a, width_a)),
    ):
        c, s = np.cos(yaw), np.sin(yaw)
        along = own[0] + other[0] * cos + other[1] * sin - np.abs(c * dx + s * dy)
        across = own[1] + other[0] * sin + other[1] * cos - np.abs(c * dy - s * dx)
        depth = np.minimum(depth, np.minimum(along, across))
    return np.asarray(depth)
