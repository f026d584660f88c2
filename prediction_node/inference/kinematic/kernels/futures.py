"""Where modes are at every pose, and how far from there the truth may lie, in the map frame."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

MIN_SIGMA_M = 0.05
MAX_SIGMA_M = 1.0e3
MAX_PRESENT_CORRELATION = 0.99
MAX_CORRELATION = 0.999
# Spreads of steered bodies, from how far the nearest modes missed recorded vehicles
# (docs/evaluation.md): the part that standing ones have too, and the part that motion adds.
ALONG_STANDING_MPS = 0.15
ALONG_STANDING_MPS2 = 0.06
ALONG_MOVING_MPS = 0.25
ALONG_MOVING_MPS2 = 0.01
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
# Spreads of walkers: what standing ones have too, the parts of the speed up to a walk, and what
# grows with the square of time.
WALKERS_STANDING_MPS = 0.08
WALKERS_ALONG = 0.10
WALKERS_ACROSS = 0.08
WALKERS_MPS2 = 0.01
WALKING_MPS = 3.0
# Tangents below it have a short series.
SLIGHT_TURN = 0.04


@compiled
def within(value: float, low: float, high: float) -> float:
    """`value` within bounds, the lower one where it is not a number."""
    return min(max(value, low), high) if value == value else low


@compiled
def present_variance(covariance: np.ndarray) -> tuple[float, float, float]:
    """Variances of x and y and their covariance from (5, 5) as in `Agents`, kept within sense."""
    low, high = MIN_SIGMA_M * MIN_SIGMA_M, MAX_SIGMA_M * MAX_SIGMA_M
    xx = within(covariance[0, 0], low, high)
    yy = within(covariance[1, 1], low, high)
    bound = MAX_PRESENT_CORRELATION * math.sqrt(xx * yy)
    xy = covariance[0, 1] if covariance[0, 1] == covariance[0, 1] else 0.0
    return xx, yy, within(xy, -bound, bound)


@compiled
def mover_variances(
    speed_mps: float, covariance: np.ndarray, step_s: float, along: np.ndarray, across: np.ndarray
) -> None:
    """Write variances (T,) along and across the path of a steered body, T instants step_s apart.

    covariance (5, 5) as in `Agents`: errors of the present speed and heading are carried on, the
    speed's until drivers come back to what they want, the heading's until the lane corrects it.
    """
    moving = min(speed_mps / MOVING_MPS, 1.0)
    yaw2 = within(covariance[2, 2], 0.0, MAX_YAW_SIGMA_RAD * MAX_YAW_SIGMA_RAD)
    speed2 = within(covariance[3, 3], 0.0, MAX_SPEED_SIGMA_MPS * MAX_SPEED_SIGMA_MPS)
    aside2 = yaw2 * speed_mps * speed_mps
    per_s = ALONG_STANDING_MPS + moving * ALONG_MOVING_MPS
    per_s2 = ALONG_STANDING_MPS2 + moving * ALONG_MOVING_MPS2
    speed_fades, yaw_fades = math.exp(-step_s / SPEED_MEMORY_S), math.exp(-step_s / YAW_MEMORY_S)
    speed_left, yaw_left = 1.0, 1.0
    for k in range(len(along)):
        t = step_s * k
        later = t * (per_s + t * per_s2)
        # An error that fades has lasted effectively as long as its integral.
        lasted = SPEED_MEMORY_S * (1.0 - speed_left)
        along[k] = later * later + speed2 * lasted * lasted
        aside = ACROSS_MOVING_MPS / (1.0 + t / ACROSS_SATURATION_S)
        later = t * (ACROSS_STANDING_MPS + moving * aside)
        lasted = YAW_MEMORY_S * (1.0 - yaw_left)
        across[k] = later * later + aside2 * lasted * lasted
        speed_left *= speed_fades
        yaw_left *= yaw_fades


@compiled
def write_sigma(
    cos2: np.ndarray,
    cos_sin: np.ndarray,
    along: np.ndarray,
    across: np.ndarray,
    factor: float,
    covariance: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write sigma_x, sigma_y, rho (T, 3) of variances (T,) along and across headings.

    Headings come as cos^2 and cos * sin (T,). The variances count `factor` times; every instant
    inherits what `covariance` (5, 5) says of the present place.
    """
    present_xx, present_yy, present_xy = present_variance(covariance)
    count = len(cos2)
    # Columns of their own, written out last: such loops become vector instructions.
    sigma_x, sigma_y, rho = np.empty(count), np.empty(count), np.empty(count)
    for k in range(count):
        side = factor * across[k]
        difference = factor * along[k] - side
        turned = cos2[k] * difference
        sigma_x[k] = math.sqrt(present_xx + side + turned)
        sigma_y[k] = math.sqrt(present_yy + side + (difference - turned))
        share = (present_xy + cos_sin[k] * difference) / (sigma_x[k] * sigma_y[k])
        # Rounding must not make a matrix that is not positive definite.
        rho[k] = min(max(share, -MAX_CORRELATION), MAX_CORRELATION)
    for k in range(count):
        out[k, 0], out[k, 1], out[k, 2] = sigma_x[k], sigma_y[k], rho[k]


@compiled
def turn_between(from_x: float, from_y: float, to_x: float, to_y: float) -> float:
    """Angle in [-pi, pi] from one vector to another; 0 where one has no length."""
    cross = from_x * to_y - from_y * to_x
    dot = from_x * to_x + from_y * to_y
    if abs(cross) < SLIGHT_TURN * dot:
        # The series of the arctangent, several times as fast; the first term left out is below
        # the last digit.
        t = cross / dot
        t2 = t * t
        return t * (1.0 - t2 * (1.0 / 3.0 - t2 * (1.0 / 5.0 - t2 * (1.0 / 7.0 - t2 / 9.0))))
    return math.atan2(cross, dot)


@compiled
def head_along(
    x_m: np.ndarray, y_m: np.ndarray, yaw_rad: float, until: int, table: np.ndarray
) -> None:
    """Write heading, cos^2 and cos * sin of the way to the first `until` rows of `table` (., 5).

    The heading of a path (NODES,) at a node is the direction from the node before to the one after,
    unwrapped from the mover's own, `yaw_rad`, at node 0.
    """
    ux, uy = math.cos(yaw_rad), math.sin(yaw_rad)
    table[0, 2], table[0, 3], table[0, 4] = yaw_rad, ux * ux, ux * uy
    last = len(x_m) - 1
    for k in range(1, until):
        before, after = (k - 1, k + 1) if k < last else (last - 1, last)
        dx, dy = x_m[after] - x_m[before], y_m[after] - y_m[before]
        square = dx * dx + dy * dy
        if square > 0.0:
            table[k, 2] = table[k - 1, 2] + turn_between(ux, uy, dx, dy)
            table[k, 3], table[k, 4] = dx * dx / square, dx * dy / square
            ux, uy = dx, dy
        else:
            for c in range(2, 5):
                table[k, c] = table[k - 1, c]


@compiled
def head_freely(yaw_rad: np.ndarray, until: int, table: np.ndarray) -> None:
    """As `head_along`, of a free path whose heading at its nodes (NODES,) is known."""
    for k in range(until):
        cos, sin = math.cos(yaw_rad[k]), math.sin(yaw_rad[k])
        table[k, 2], table[k, 3], table[k, 4] = yaw_rad[k], cos * cos, cos * sin


@compiled
def advance(
    distance_m: np.ndarray,
    speed_mps: np.ndarray,
    path: int,
    behaviour: int,
    knot_steps: int,
    step_s: float,
    out_m: np.ndarray,
) -> None:
    """Write how far a mode is at each pose (T,), T being `knot_steps` per knot and one.

    distance_m, speed_mps (KNOTS, M, B). Between knots the acceleration is constant, as in the
    integration.
    """
    knots = len(distance_m)
    for knot in range(knots - 1):
        s, v = distance_m[knot, path, behaviour], speed_mps[knot, path, behaviour]
        gained = (speed_mps[knot + 1, path, behaviour] - v) / (2.0 * step_s * knot_steps)
        for step in range(knot_steps):
            t = step_s * step
            out_m[knot * knot_steps + step] = s + t * (v + t * gained)
    out_m[(knots - 1) * knot_steps] = distance_m[knots - 1, path, behaviour]


@compiled
def write_poses(
    origin_x_m: float,
    origin_y_m: float,
    turned_rad: float,
    step_m: float,
    table: np.ndarray,
    distance_m: np.ndarray,
    out: np.ndarray,
    cos2: np.ndarray,
    cos_sin: np.ndarray,
) -> None:
    """Write x, y and yaw (T, 3), cos^2 and cos * sin of the way (T,) at distances (T,).

    `table` (NODES, 5): x, y from the origin, heading, its cos^2 and cos * sin at nodes step_m
    apart. Past the last node the path goes straight on.
    """
    last = len(table) - 2
    per_m = 1.0 / step_m
    for k in range(len(out)):
        share = distance_m[k] * per_m
        node = min(int(share), last)
        share -= node
        after = node + 1
        x = table[node, 0] + share * (table[after, 0] - table[node, 0])
        y = table[node, 1] + share * (table[after, 1] - table[node, 1])
        out[k, 0], out[k, 1] = origin_x_m + x, origin_y_m + y
        share = min(share, 1.0)
        yaw = table[node, 2] + share * (table[after, 2] - table[node, 2])
        out[k, 2] = yaw - turned_rad
        cos2[k] = table[node, 3] + share * (table[after, 3] - table[node, 3])
        cos_sin[k] = table[node, 4] + share * (table[after, 4] - table[node, 4])


@compiled
def widened_mode(probability: np.ndarray) -> int:
    """Which of the modes (K,) stands for the unforeseen too: the least likely; -1: only one is."""
    least, several = -1, 0
    for k in range(len(probability)):
        if probability[k] > 0.0:
            several += 1
            if least < 0 or probability[k] < probability[least]:
                least = k
    return least if several > 1 else -1


@compiled
def earlier_mode(
    path: np.ndarray, behaviour: np.ndarray, probability: np.ndarray, mode: int
) -> int:
    """The mode that one without probability repeats; -1 where there is none before it."""
    if probability[mode] == 0.0:
        for k in range(mode):
            if path[k] == path[mode] and behaviour[k] == behaviour[mode]:
                return k
    return -1


@compiled
def write_futures(
    row: np.ndarray,
    begin: np.ndarray,
    path: np.ndarray,
    behaviour: np.ndarray,
    probability: np.ndarray,
    route: np.ndarray,
    step_m: np.ndarray,
    x_m: np.ndarray,
    y_m: np.ndarray,
    free_yaw_rad: np.ndarray,
    path_yaw_rad: np.ndarray,
    distance_m: np.ndarray,
    speed_mps: np.ndarray,
    mover_speed_mps: np.ndarray,
    reversing: np.ndarray,
    position_m: np.ndarray,
    covariance: np.ndarray,
    knot_steps: int,
    step_s: float,
    pose: np.ndarray,
    sigma: np.ndarray,
) -> None:
    """Write poses and spreads (A, K, T, 3) of all modes of N movers, agents `row` (N,) of A.

    Mode k of mover i is path[i, k], one of rows begin[i] to begin[i + 1] - 1 of the M paths, at the
    distances and speeds (KNOTS, M, B) of its behaviour. Modes without probability repeat another.
    """
    knots, modes, poses = len(distance_m), path.shape[1], pose.shape[2]
    nodes = x_m.shape[1]
    table = np.empty((nodes, 5))
    along, across = np.empty(poses), np.empty(poses)
    cos2, cos_sin, distance = np.empty(poses), np.empty(poses), np.empty(poses)
    for i in range(len(row)):
        a = row[i]
        mover_variances(mover_speed_mps[i], covariance[a], step_s, along, across)
        widened = widened_mode(probability[i])
        turned = math.pi if reversing[i] else 0.0
        for m in range(begin[i], begin[i + 1]):
            furthest = -1.0
            for mode in range(modes):
                if path[i, mode] == m:
                    furthest = max(furthest, distance_m[knots - 1, m, behaviour[i, mode]])
            if furthest < 0.0:
                continue
            until = min(int(furthest / step_m[m]), nodes - 2) + 2
            for k in range(until):
                table[k, 0], table[k, 1] = x_m[m, k], y_m[m, k]
            if route[m] < 0:
                head_freely(free_yaw_rad[i], until, table)
            else:
                head_along(x_m[m], y_m[m], path_yaw_rad[i], until, table)
            for mode in range(modes):
                if path[i, mode] != m:
                    continue
                same = earlier_mode(path[i], behaviour[i], probability[i], mode)
                if same >= 0:
                    for k in range(poses):
                        for c in range(3):
                            pose[a, mode, k, c] = pose[a, same, k, c]
                            sigma[a, mode, k, c] = sigma[a, same, k, c]
                    continue
                advance(distance_m, speed_mps, m, behaviour[i, mode], knot_steps, step_s, distance)
                write_poses(
                    position_m[a, 0],
                    position_m[a, 1],
                    turned,
                    step_m[m],
                    table,
                    distance,
                    pose[a, mode],
                    cos2,
                    cos_sin,
                )
                factor = UNFORESEEN_SPREAD if mode == widened else 1.0
                factor *= factor
                write_sigma(cos2, cos_sin, along, across, factor, covariance[a], sigma[a, mode])


@compiled
def walker_variances(
    speed_mps: float, step_s: float, along: np.ndarray, across: np.ndarray
) -> None:
    """Write variances (T,) along and across the way of a walker of at most WALKING_MPS."""
    for k in range(len(along)):
        t = step_s * k
        ahead = t * (WALKERS_STANDING_MPS + WALKERS_ALONG * speed_mps + t * WALKERS_MPS2)
        aside = t * (WALKERS_STANDING_MPS + WALKERS_ACROSS * speed_mps + t * WALKERS_MPS2)
        along[k], across[k] = ahead * ahead, aside * aside


@compiled
def turn_to(yaw_rad: float, k: int, cos2: np.ndarray, cos_sin: np.ndarray) -> None:
    """Write cos^2 and cos * sin of a heading to place k of (T,)."""
    cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
    cos2[k], cos_sin[k] = cos * cos, cos * sin


@compiled
def write_walker_sigma(
    row: np.ndarray,
    velocity_mps: np.ndarray,
    covariance: np.ndarray,
    step_s: float,
    pose: np.ndarray,
    sigma: np.ndarray,
) -> None:
    """Write spreads (A, K, T, 3) of walkers, agents `row` (N,) of A, along the headings of poses.

    velocity_mps (A, 2) and covariance (A, 5, 5) as in `Agents`.
    """
    modes, poses = pose.shape[1], pose.shape[2]
    along, across = np.empty(poses), np.empty(poses)
    cos2, cos_sin = np.empty(poses), np.empty(poses)
    first_cos2, first_cos_sin = np.empty(poses), np.empty(poses)
    for i in range(len(row)):
        a = row[i]
        speed = math.hypot(velocity_mps[a, 0], velocity_mps[a, 1])
        walker_variances(within(speed, 0.0, WALKING_MPS), step_s, along, across)
        for mode in range(modes):
            for k in range(poses):
                # Most modes look where the first looks: no angle is turned twice.
                if mode == 0:
                    turn_to(pose[a, 0, k, 2], k, first_cos2, first_cos_sin)
                if pose[a, mode, k, 2] == pose[a, 0, k, 2]:
                    cos2[k], cos_sin[k] = first_cos2[k], first_cos_sin[k]
                else:
                    turn_to(pose[a, mode, k, 2], k, cos2, cos_sin)
            write_sigma(cos2, cos_sin, along, across, 1.0, covariance[a], sigma[a, mode])
