"""Pasts on a uniform grid, between the instants at which agents were seen, as machine code.

Stands alone: imports nothing of ours but `compiled`, see there.
"""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled


@compiled
def wrapped(angle_rad: float) -> float:
    """The same angle in [-pi, pi)."""
    return (angle_rad + math.pi) % (2.0 * math.pi) - math.pi


@compiled
def remember(
    slot: np.ndarray,
    column: int,
    position_m: np.ndarray,
    yaw_rad: np.ndarray,
    velocity_mps: np.ndarray,
    value: np.ndarray,
    valid: np.ndarray,
) -> None:
    """Write what was seen of N agents to one column of the memory.

    slot (N,), negative: no room; position_m (N, 3), yaw_rad (N,), velocity_mps (N, 2); value
    (S, C, 5) holds x, y, yaw and velocity, valid (S, C) whether it was seen.
    """
    for i in range(len(slot)):
        s = slot[i]
        if s >= 0:
            valid[s, column] = True
            value[s, column, 0], value[s, column, 1] = position_m[i, 0], position_m[i, 1]
            value[s, column, 2] = yaw_rad[i]
            value[s, column, 3], value[s, column, 4] = velocity_mps[i, 0], velocity_mps[i, 1]


@compiled
def read_pasts(
    slot: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    share: np.ndarray,
    bridged: np.ndarray,
    position_m: np.ndarray,
    yaw_rad: np.ndarray,
    velocity_mps: np.ndarray,
    value: np.ndarray,
    valid: np.ndarray,
    past_position_m: np.ndarray,
    past_yaw_rad: np.ndarray,
    past_velocity_mps: np.ndarray,
    past_valid: np.ndarray,
) -> None:
    """Write the pasts of N agents at T instants to the last four arrays, as in `History`.

    Instant t lies the share[t] of the way from column before[t] to column after[t] of the memory,
    as of `remember`, unless the gap between them is not bridged[t]. The last instant is the
    present, which needs no memory: it is the observation itself. What is not known is 0.
    """
    present = len(before) - 1
    for i in range(len(slot)):
        s = slot[i]
        for t in range(present):
            b, a = before[t], after[t]
            known = s >= 0 and bridged[t] and valid[s, b] and valid[s, a]
            past_valid[i, t] = known
            if not known:
                past_yaw_rad[i, t] = 0.0
                for c in range(2):
                    past_position_m[i, t, c], past_velocity_mps[i, t, c] = 0.0, 0.0
                continue
            for c in range(2):
                first, second = value[s, b, c], value[s, a, c]
                past_position_m[i, t, c] = first + share[t] * (second - first)
                first, second = value[s, b, 3 + c], value[s, a, 3 + c]
                past_velocity_mps[i, t, c] = first + share[t] * (second - first)
            yaw = value[s, b, 2]
            if share[t] != 0.0:
                yaw += share[t] * wrapped(value[s, a, 2] - yaw)
            past_yaw_rad[i, t] = wrapped(yaw)
        past_valid[i, present] = True
        past_yaw_rad[i, present] = yaw_rad[i]
        for c in range(2):
            past_position_m[i, present, c] = position_m[i, c]
            past_velocity_mps[i, present, c] = velocity_mps[i, c]
