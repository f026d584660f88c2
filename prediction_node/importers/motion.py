"""Velocities from positions without a look into the future."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.stamps import NS_PER_S


def backward_velocity(
    position_m: np.ndarray, valid: np.ndarray, stamp_ns: np.ndarray, otherwise_mps: np.ndarray
) -> np.ndarray:
    """(N, T, 2) velocity at each instant from it and the instant before.

    `position_m` (N, T, 2 or 3), `valid` (N, T), `stamp_ns` (T,). Where the instant before is not
    valid, `otherwise_mps` (N, T, 2) stands.
    """
    velocity = np.array(otherwise_mps, dtype=np.float64)
    if len(stamp_ns) > 1:
        dt_s = np.diff(stamp_ns) / NS_PER_S
        step = np.diff(position_m[..., :2], axis=1) / dt_s[None, :, None]
        known = valid[:, 1:] & valid[:, :-1]
        velocity[:, 1:][known] = step[known]
    return velocity
