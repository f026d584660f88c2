"""Line of sight: which bodies are hidden behind nearer ones."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.frames import direction_rad, rotation_2d, wrap_angle

RAYS = 15  # spread evenly over the width of a body


def hidden_shares(
    sensor_m: np.ndarray,
    position_m: np.ndarray,
    yaw_rad: np.ndarray,
    size_m: np.ndarray,
) -> np.ndarray:
    """(N,) share of each box's apparent width that other boxes hide from a sensor at (3,).

    Boxes (N, 3) centre, (N,) yaw, (N, 3) size, all in one frame with level ground. A ray goes to
    each of 15 places over the width at the height of the centre; a box blocks it that covers its
    bearing, is nearer, and reaches up to the ray. A box around the sensor blocks nothing.
    """
    n = len(position_m)
    if n == 0:
        return np.zeros(0)
    offset = position_m[:, :2] - sensor_m[:2]
    distance = np.hypot(offset[:, 0], offset[:, 1])
    bearing = direction_rad(offset)
    half = 0.5 * size_m[:, None, :2] * np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]])
    corner = offset[:, None] + np.einsum('nij,nkj->nki', rotation_2d(yaw_rad), half)
    spread = wrap_angle(direction_rad(corner) - bearing[:, None])
    low, high = spread.min(axis=1), spread.max(axis=1)
    around = high - low > np.pi  # the sensor sits inside of it

    share = (np.arange(RAYS) + 0.5) / RAYS
    ray = bearing[:, None] + low[:, None] + share * (high - low)[:, None]  # (N, RAYS)
    off = wrap_angle(ray[:, :, None] - bearing)  # of blocker k, seen from its own bearing
    covers = (off >= low) & (off <= high)
    nearer = distance[None, :] < distance[:, None]
    # The line of sight from the sensor to the centre of body i, at the distance of body k.
    passed = distance[None, :] / np.maximum(distance[:, None], 1e-9)
    height = sensor_m[2] + passed * (position_m[:, None, 2] - sensor_m[2])
    top = position_m[:, 2] + 0.5 * size_m[:, 2]
    blocks = nearer & (top[None, :] >= height) & ~around[None, :] & ~np.eye(n, dtype=bool)
    return np.asarray((covers & blocks[:, None, :]).any(axis=2).mean(axis=1))
