"""Loops of the planner as machine code; see candidates.py and path.py for what they mean."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

_STEP_S = 0.1
_REACT_S, _SLOW_S = 0.8, 0.4  # in which a wanted speed is aimed at, faster and slower ones
_ALONGSIDE_M = 2.0  # an end this far behind our front is still ahead: it was overlooked


@compiled
def closest(
    points_m: np.ndarray,
    x_m: np.ndarray,
    y_m: np.ndarray,
    yaw_rad: np.ndarray,
    arc_m: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(K,) arc lengths and offsets of (K, 2) points beside a line of S samples."""
    arc, offset = np.empty(len(points_m)), np.empty(len(points_m))
    for k in range(len(points_m)):
        best, at = np.inf, 0
        for s in range(len(x_m)):
            dx, dy = points_m[k, 0] - x_m[s], points_m[k, 1] - y_m[s]
            square = dx * dx + dy * dy
            if square < best:
                best, at = square, s
        dx, dy = points_m[k, 0] - x_m[at], points_m[k, 1] - y_m[at]
        cos, sin = math.cos(yaw_rad[at]), math.sin(yaw_rad[at])
        arc[k] = arc_m[at] + cos * dx + sin * dy
        offset[k] = cos * dy - sin * dx
    return arc, offset


@compiled
def roll_out(
    speed_mps: float,
    target_mps: float,
    braking_mps2: float,
    gentle_mps2: float,
    hardest_mps2: float,
    acceleration_mps2: float,
    following_mps2: float,
    time_gap_s: float,
    standing_gap_m: float,
    front_m: float,
    envelope_mps: np.ndarray,
    spacing_m: float,
    rear_m: np.ndarray,
    rear_mps: np.ndarray,
    steps: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(steps,) arc lengths, speeds and accelerations along a line.

    `braking_mps2` > 0: that and nothing else. Otherwise towards the lesser of `target_mps` and the
    envelope (S,), behind those whose ends are at `rear_m` (A, steps) at speeds `rear_mps`: the
    intelligent driver model with `following_mps2` as its comfortable braking, which is exceeded
    only where that would not do to get no closer than `standing_gap_m`.
    """
    arcs, speeds, accelerations = np.empty(steps), np.empty(steps), np.empty(steps)
    last = len(envelope_mps) - 1
    arc, speed = 0.0, max(speed_mps, 0.0)
    slope = 2.0 * math.sqrt(acceleration_mps2 * following_mps2)
    for k in range(steps):
        place = min(arc / spacing_m, float(last))
        row = min(int(place), last - 1)
        allowed = envelope_mps[row] + (place - row) * (envelope_mps[row + 1] - envelope_mps[row])
        if braking_mps2 > 0.0:
            wish = -braking_mps2
        else:
            off = min(allowed, target_mps) - speed
            if off >= 0.0:
                wish = min(acceleration_mps2, off / _REACT_S)
            else:
                wish = max(-gentle_mps2, off / _SLOW_S)
            # Only the envelope may call for more, and only for what is above it.
            if allowed < speed:
                wish = min(wish, max(-hardest_mps2, (allowed - speed) / _SLOW_S))
            free = min(1.0 - (speed / max(allowed, 0.5)) ** 4, 1.0)
            for a in range(len(rear_m)):
                gap = rear_m[a, k] - arc - front_m
                if not -_ALONGSIDE_M < gap < np.inf:
                    continue
                gap = max(gap, 0.1)
                dynamic = speed * time_gap_s + speed * (speed - rear_mps[a, k]) / slope
                wanted = (standing_gap_m + max(dynamic, 0.0)) / gap
                follow = acceleration_mps2 * (free - wanted * wanted)
                # A gap that is merely too short is opened gently: the model itself would brake as
                # for an obstacle for whoever cuts in, be he no slower.
                closing = max(speed - rear_mps[a, k], 0.0)
                needed = closing * closing / (2.0 * max(gap - standing_gap_m, 0.1))
                wish = min(wish, max(follow, -max(following_mps2, needed)))
            wish = max(wish, -hardest_mps2)
        after = max(speed + wish * _STEP_S, 0.0)
        arcs[k], speeds[k], accelerations[k] = arc, speed, (after - speed) / _STEP_S
        arc += 0.5 * (speed + after) * _STEP_S
        speed = after
    return arcs, speeds, accelerations
