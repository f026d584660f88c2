"""Pasts and proposals in every actor's own frame.

Stands alone: imports nothing of ours but `compiled`, see there.
"""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled


@compiled
def write_histories(
    centre_m: np.ndarray,
    yaw_rad: np.ndarray,
    past_position_m: np.ndarray,
    past_yaw_rad: np.ndarray,
    past_velocity_mps: np.ndarray,
    past_valid: np.ndarray,
    stride: int,
    first: int,
    out: np.ndarray,
    out_valid: np.ndarray,
) -> None:
    """Write pasts of N actors to rows `first` on of `out` (., H, 6) and `out_valid` (., H).

    centre_m (N, 2) and yaw_rad (N,) now; pasts (N, T, ...) as in `History`. Every `stride`-th
    instant is taken, counted from the present, which is the last column of both. What is not known
    stays as it is.
    """
    steps, known = out.shape[1], past_valid.shape[1]
    for i in range(len(yaw_rad)):
        cos, sin = math.cos(yaw_rad[i]), math.sin(yaw_rad[i])
        row = first + i
        for back in range(steps):
            t, h = known - 1 - back * stride, steps - 1 - back
            if t < 0:
                break
            if not past_valid[i, t]:
                continue
            dx = past_position_m[i, t, 0] - centre_m[i, 0]
            dy = past_position_m[i, t, 1] - centre_m[i, 1]
            vx, vy = past_velocity_mps[i, t, 0], past_velocity_mps[i, t, 1]
            turn = past_yaw_rad[i, t] - yaw_rad[i]
            out[row, h, 0] = cos * dx + sin * dy
            out[row, h, 1] = cos * dy - sin * dx
            out[row, h, 2], out[row, h, 3] = math.cos(turn), math.sin(turn)
            out[row, h, 4] = cos * vx + sin * vy
            out[row, h, 5] = cos * vy - sin * vx
            out_valid[row, h] = 1.0


@compiled
def write_proposals(
    centre_m: np.ndarray, yaw_rad: np.ndarray, pose: np.ndarray, out: np.ndarray
) -> None:
    """Write futures (N, M, T + 1, 3), map frame, without the present to `out` (., M, T, 3).

    Own frames: centre_m (N, 2), yaw_rad (N,). Yaw is continuous and starts within half a turn of
    the present heading.
    """
    whole = 2.0 * math.pi
    for i in range(len(yaw_rad)):
        cos, sin = math.cos(yaw_rad[i]), math.sin(yaw_rad[i])
        for m in range(pose.shape[1]):
            surplus = whole * np.rint((pose[i, m, 1, 2] - yaw_rad[i]) / whole)
            for t in range(out.shape[2]):
                dx = pose[i, m, t + 1, 0] - centre_m[i, 0]
                dy = pose[i, m, t + 1, 1] - centre_m[i, 1]
                out[i, m, t, 0] = cos * dx + sin * dy
                out[i, m, t, 1] = cos * dy - sin * dx
                out[i, m, t, 2] = pose[i, m, t + 1, 2] - yaw_rad[i] - surplus
