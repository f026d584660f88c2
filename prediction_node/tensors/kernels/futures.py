"""Paths that bodies can follow, and the network's futures in the map frame.

Stands alone: imports nothing of ours but `compiled`, see there.
"""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

# Columns of a row of limits, see `Limits`.
SPEED, ACCELERATION, BRAKING, REVERSE, CURVATURE, LATERAL, TURN, STEERS = 0, 1, 2, 3, 4, 5, 6, 7
# Of the bounds, this share is spent on coming back to a path that was lost.
CATCH_UP = 0.5
MOST_CATCH_UP_RAD = 0.5
# Angles of one step stay below it: their sines have a short series.
MOST_TURN_RAD = 0.3
NEGLIGIBLE_M = 1e-9
# A path that moves back by less than this in a step does not reverse.
STILL_M = 1e-3
# From this speed on walkers fully turn to where they go.
FACING_MPS = 0.5
# Slower than this they may also step back.
BACKING_MPS = 0.8
MIN_SIGMA_M, MAX_SIGMA_M = 0.02, 1.0e3
MIN_PRESENT_SIGMA_M = 0.05
MAX_CORRELATION = 0.999


@compiled
def limited(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


@compiled
def arc_sine(x: float) -> float:
    """Of sines up to that of MOST_TURN_RAD, within 1e-6."""
    x2 = x * x
    return x * (1.0 + x2 * (1.0 / 6.0 + x2 * (3.0 / 40.0 + x2 * 15.0 / 336.0)))


@compiled
def sine(x: float) -> float:
    """Of angles up to MOST_TURN_RAD, within 1e-8."""
    x2 = x * x
    return x * (1.0 - x2 * (1.0 / 6.0 - x2 * (1.0 / 120.0 - x2 / 5040.0)))


@compiled
def caught_up(error_m: float, bound_m: float) -> float:
    """How much of an error to undo in one step: all, or its square root in units of `bound_m`."""
    if abs(error_m) <= bound_m:
        return error_m
    reach = math.sqrt(bound_m * abs(error_m))
    return limited(error_m, -reach, reach)


@compiled
def follow_steering(
    mean: np.ndarray,
    speed_mps: float,
    free_turn_rad: float,
    free_speed_mps: float,
    limit: np.ndarray,
    dt_s: float,
    out: np.ndarray,
) -> None:
    """Write the path (T, 3), x, y, yaw in the own frame, of a body that moves along its heading.

    It follows the means (T, 2) within its limits from standing in the origin, heading along x: a
    step goes straight along the heading at its end, so a path of admissible turns and speeds is
    met exactly. Who has lost the path comes back on a curve, and at a speed, that does not
    overshoot: errors shrink at the square root of twice the bound times the error. Steps depend on
    the means up to themselves only.
    """
    x, y, yaw, ux, uy = 0.0, 0.0, 0.0, 1.0, 0.0
    before_x, before_y = 0.0, 0.0
    top, reverse = limit[SPEED], limit[REVERSE]
    speed = limited(speed_mps, -reverse, top)
    rate, dt2, most_turn = 1.0 / dt_s, dt_s * dt_s, limit[TURN] * dt_s
    catch_up_m = 2.0 * CATCH_UP * limit[ACCELERATION] * dt2
    for k in range(len(mean)):
        step_x, step_y = mean[k, 0] - before_x, mean[k, 1] - before_y
        error_x, error_y = before_x - x, before_y - y
        before_x, before_y = mean[k, 0], mean[k, 1]
        along, aside = ux * step_x + uy * step_y, ux * step_y - uy * step_x
        behind, beside = ux * error_x + uy * error_y, ux * error_y - uy * error_x
        slack, spin = (free_speed_mps, free_turn_rad) if k == 0 else (0.0, 0.0)
        wanted = along + caught_up(behind, catch_up_m)
        if abs(beside) > NEGLIGIBLE_M:
            angle = math.sqrt(2.0 * CATCH_UP * limit[CURVATURE] * abs(beside))
            reach = abs(along) * min(angle, MOST_CATCH_UP_RAD)
            aside += limited(beside, -reach, reach)
        if wanted < 0.0 and along > -STILL_M:
            wanted = 0.0
        # As far as it may turn on the way it wants to go.
        length = math.sqrt(wanted * wanted + aside * aside)
        turn, cos, goal, sharp = 0.0, 1.0, 0.0, False
        if length > NEGLIGIBLE_M:
            per_m = 1.0 / length
            most = min(length * limit[CURVATURE], limit[LATERAL] * dt2 * per_m)
            bound = sine(min(min(most, most_turn) + spin, MOST_TURN_RAD))
            sign = -1.0 if wanted < 0.0 else 1.0
            turn, cos, goal = sign * aside * per_m, sign * wanted * per_m, sign * length * rate
            sharp = abs(turn) > bound
            if sharp:
                turn = limited(turn, -bound, bound)
                cos = math.sqrt(1.0 - turn * turn)
                goal = (wanted * cos + aside * turn) * rate
        faster = (limit[ACCELERATION] if speed >= 0.0 else limit[BRAKING]) * dt_s + slack
        slower = (limit[BRAKING] if speed > 0.0 else limit[ACCELERATION]) * dt_s + slack
        speed = limited(limited(goal, speed - slower, speed + faster), -reverse, top)
        if sharp or speed != goal:
            # Who cannot turn, go or brake as it wants turns as the step that it takes allows.
            step = abs(speed) * dt_s
            most = min(step * limit[CURVATURE], limit[LATERAL] * dt2 / max(step, NEGLIGIBLE_M))
            bound = sine(min(min(most, most_turn) + spin, MOST_TURN_RAD))
            if abs(turn) > bound:
                turn = limited(turn, -bound, bound)
                cos = math.sqrt(1.0 - turn * turn)
        ux, uy = ux * cos - uy * turn, uy * cos + ux * turn
        turned = arc_sine(turn)
        yaw += turned
        x, y = x + speed * dt_s * ux, y + speed * dt_s * uy
        out[k, 0], out[k, 1] = x, y
        # The step's heading is that of its middle: half a turn later it has arrived.
        out[k, 2] = yaw + 0.5 * turned if k > 0 else yaw


@compiled
def follow_freely(
    mean: np.ndarray,
    vx_mps: float,
    vy_mps: float,
    free_speed_mps: float,
    limit: np.ndarray,
    dt_s: float,
    out: np.ndarray,
) -> None:
    """As `follow_steering`, of a body that may step in any direction, and turns to where it goes.

    Bounds hold for the lengths of velocity and acceleration.
    """
    x, y, yaw, ux, uy = 0.0, 0.0, 0.0, 1.0, 0.0
    before_x, before_y = 0.0, 0.0
    top, rate = limit[SPEED], 1.0 / dt_s
    catch_up_m = 2.0 * CATCH_UP * limit[ACCELERATION] * dt_s * dt_s
    speed = math.sqrt(vx_mps * vx_mps + vy_mps * vy_mps)
    share = min(top / max(speed, 1e-9), 1.0)
    vx, vy = vx_mps * share, vy_mps * share
    for k in range(len(mean)):
        # Roots and quotients take most of the time: only where a bound is met.
        error_x, error_y = before_x - x, before_y - y
        lost = error_x * error_x + error_y * error_y
        if lost > catch_up_m * catch_up_m:
            lost = math.sqrt(lost)
            share = caught_up(lost, catch_up_m) / lost
            error_x, error_y = share * error_x, share * error_y
        wanted_x = (mean[k, 0] - before_x + error_x) * rate
        wanted_y = (mean[k, 1] - before_y + error_y) * rate
        before_x, before_y = mean[k, 0], mean[k, 1]
        change_x, change_y = wanted_x - vx, wanted_y - vy
        change = change_x * change_x + change_y * change_y
        most = limit[ACCELERATION] * dt_s + (free_speed_mps if k == 0 else 0.0)
        if change > most * most:
            share = most / math.sqrt(change)
            change_x, change_y = share * change_x, share * change_y
        vx, vy = vx + change_x, vy + change_y
        speed = math.sqrt(vx * vx + vy * vy)
        if speed > top:
            share = top / speed
            vx, vy, speed = vx * share, vy * share, top
        x, y = x + vx * dt_s, y + vy * dt_s
        ahead = ux * vx + uy * vy
        if speed > 1e-6 and (ahead > 0.0 or speed > BACKING_MPS):
            most = limit[TURN] * dt_s * min(speed * (1.0 / FACING_MPS), 1.0)
            bound = sine(min(most, MOST_TURN_RAD))
            turn = (ux * vy - uy * vx) / speed
            if ahead < 0.0:
                turn = bound if turn >= 0.0 else -bound
            turn = limited(turn, -bound, bound)
            cos = math.sqrt(1.0 - turn * turn)
            ux, uy = ux * cos - uy * turn, uy * cos + ux * turn
            yaw += arc_sine(turn)
        out[k, 0], out[k, 1], out[k, 2] = x, y, yaw


@compiled
def write_spread(
    xx: float, xy: float, yy: float, cos: float, sin: float, least_m: float, out: np.ndarray
) -> None:
    """Write sigma_x, sigma_y, rho (3,) of a covariance turned by the angle of cos and sin."""
    mixed = 2.0 * cos * sin * xy
    turned_xx = cos * cos * xx - mixed + sin * sin * yy
    turned_yy = sin * sin * xx + mixed + cos * cos * yy
    turned_xy = cos * sin * (xx - yy) + (cos * cos - sin * sin) * xy
    sigma_x = limited(math.sqrt(max(turned_xx, 0.0)), least_m, MAX_SIGMA_M)
    sigma_y = limited(math.sqrt(max(turned_yy, 0.0)), least_m, MAX_SIGMA_M)
    rho = turned_xy / (sigma_x * sigma_y)
    out[0], out[1] = sigma_x, sigma_y
    out[2] = limited(rho, -MAX_CORRELATION, MAX_CORRELATION)


@compiled
def write_futures(
    mean: np.ndarray,
    spread: np.ndarray,
    position_m: np.ndarray,
    yaw_rad: np.ndarray,
    velocity_mps: np.ndarray,
    covariance: np.ndarray,
    freedom: np.ndarray,
    limits: np.ndarray,
    limit_row: np.ndarray,
    sigma_scale: np.ndarray,
    dt_s: float,
    pose: np.ndarray,
    sigma: np.ndarray,
) -> None:
    """Write poses and spreads (N, M, T + 1, 3) of N agents in the map frame.

    mean (A, M, T, 2) and spread (A, M, T, 3) in own frames. freedom (N, 2) as of `freedoms`, limits
    (., 8) and limit_row (N,) as of `limit_rows`, sigma_scale (N,). Pose 0 is the present.
    """
    modes, steps = mean.shape[1], mean.shape[2]
    path, straight = np.empty((steps, 3)), np.empty((steps, 2))
    for i in range(len(yaw_rad)):
        cos, sin = math.cos(yaw_rad[i]), math.sin(yaw_rad[i])
        vx = cos * velocity_mps[i, 0] + sin * velocity_mps[i, 1]
        vy = cos * velocity_mps[i, 1] - sin * velocity_mps[i, 0]
        limit = limits[limit_row[i]]
        for m in range(modes):
            for k in range(steps):
                straight[k, 0], straight[k, 1] = mean[i, m, k, 0], mean[i, m, k, 1]
            if limit[STEERS] > 0.0:
                follow_steering(straight, vx, freedom[i, 0], freedom[i, 1], limit, dt_s, path)
            else:
                follow_freely(straight, vx, vy, freedom[i, 1], limit, dt_s, path)
            pose[i, m, 0, 0], pose[i, m, 0, 1] = position_m[i, 0], position_m[i, 1]
            pose[i, m, 0, 2] = yaw_rad[i]
            write_spread(
                covariance[i, 0, 0], covariance[i, 0, 1], covariance[i, 1, 1], 1.0, 0.0,
                MIN_PRESENT_SIGMA_M, sigma[i, m, 0],
            )  # fmt: skip
            for k in range(steps):
                x, y = path[k, 0], path[k, 1]
                pose[i, m, k + 1, 0] = position_m[i, 0] + (cos * x - sin * y)
                pose[i, m, k + 1, 1] = position_m[i, 1] + (sin * x + cos * y)
                pose[i, m, k + 1, 2] = yaw_rad[i] + path[k, 2]
                sx = sigma_scale[i] * spread[i, m, k, 0]
                sy = sigma_scale[i] * spread[i, m, k, 1]
                write_spread(
                    sx * sx, sx * sy * spread[i, m, k, 2], sy * sy, cos, sin,
                    MIN_SIGMA_M, sigma[i, m, k + 1],
                )  # fmt: skip


@compiled
def write_weights(logit: np.ndarray, least: float, out: np.ndarray) -> None:
    """Write probabilities of modes (N, M, W) of logits (A, M, W).

    Modes below `least` at the last instant are unused: exactly 0 at every instant.
    """
    modes, instants = out.shape[1], out.shape[2]
    used = np.empty(modes, np.bool_)
    for i in range(len(out)):
        for k in range(modes):
            used[k] = True
        # The last instant first: it says who is used.
        for back in range(instants):
            w = instants - 1 - back
            most = -1e30
            for k in range(modes):
                if used[k]:
                    most = max(most, logit[i, k, w])
            total = 0.0
            for k in range(modes):
                out[i, k, w] = 0.0
                if used[k]:
                    out[i, k, w] = math.exp(logit[i, k, w] - most)
                    total += out[i, k, w]
            if back == 0:
                kept = 0.0
                for k in range(modes):
                    used[k] = out[i, k, w] >= least * total
                    if used[k]:
                        kept += out[i, k, w]
                    else:
                        out[i, k, w] = 0.0
                total = kept
            for k in range(modes):
                out[i, k, w] /= total
