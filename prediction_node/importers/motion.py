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


def trailing_velocity(
    position_m: np.ndarray, valid: np.ndarray, stamp_ns: np.ndarray, gap_ns: int, steps: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """(N, T, 2) slopes of lines through each position and up to `steps` before it; (N, T) known.

    For positions that shake from instant to instant: with errors of sigma and steps of dt, three
    steps give sigma / (2.2 dt) where one gives 1.4 sigma / dt, at the price of a delay of 1.5 dt. A
    line never reaches over an instant that is not valid, nor over a pause longer than `gap_ns`.
    Where not even one step can be made, nothing is known and the velocity is zero.
    """
    n, t = valid.shape
    velocity = np.zeros((n, t, 2))
    time_s = (stamp_ns - stamp_ns[0]) / NS_PER_S
    joined = np.zeros((n, t), dtype=bool)  # with the instant before
    joined[:, 1:] = valid[:, 1:] & valid[:, :-1] & (np.diff(stamp_ns) <= gap_ns)
    run = np.zeros(n, dtype=np.int64)  # steps that lead up to this instant
    for k in range(1, t):
        run = np.where(joined[:, k], run + 1, 0)
        for used in range(1, min(steps, k) + 1):
            rows = np.flatnonzero(np.minimum(run, steps) == used)
            since_s = time_s[k - used : k + 1] - time_s[k - used : k + 1].mean()
            weight = since_s / np.sum(since_s**2)
            window = position_m[rows, k - used : k + 1, :2]
            velocity[rows, k] = np.einsum('t,ntd->nd', weight, window)
    return velocity, joined
