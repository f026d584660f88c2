"""What moves how: states of bodies, and what their pasts say, limited to what bodies do."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

MAX_SPEED_MPS = 100.0
MAX_ACCELERATION_MPS2 = 5.0
MAX_YAW_RATE_RADPS = 1.5
REVERSING_MPS = 0.5
MIN_REACH_M = 30.0
# Nobody walks that fast: what is unknown and does so steers.
UNKNOWN_STEERS_MPS = 3.5
STANDING_MPS = 0.3
# A speed that may be noise, and how slow the past second must have been for it to be noise.
DOUBTFUL_MPS = 0.8
CREEPING_MPS = 0.25
LOOK_BACK_STEPS = 10
MIN_LOOK_BACK_STEPS = 4
# Acceleration is worth what the past was smooth: half where it scattered so much about a parabola.
# The longer past counts where it is known.
SHORT_SMOOTH_STEPS = 10
LONG_SMOOTH_STEPS = 20
SMOOTH_M = 0.02
UNKNOWN_TRUST = 0.4
# Speeding up shows as a slope of the past speeds. Errors of neighbouring speeds are alike, so that
# only every fourth counts.
TREND_STEPS = 20
MIN_TREND_STEPS = 10
LASTING_STEPS = 4.0
# Standard errors of that slope at which it is half believed: as an acceleration, and as a proof
# that there is none.
TREND_ERROR_MPS2 = 0.4
STEADY_ERROR_MPS2 = 0.2
SPEEDS_UP_MPS2 = 0.2
SPEEDS_UP_SCALE_MPS2 = 0.15
# So much less than speeding up counts as braking.
BRAKES_MPS2 = -0.6


@compiled
def limited(value: float, low: float, high: float) -> float:
    """`value` within bounds; 0 where it is not a number."""
    if value != value:
        return 0.0
    return min(max(value, low), high)


@compiled
def trust(error: float, half: float) -> float:
    """1 for no error, one half at `half`, 0 for an infinite one."""
    share = error / half
    square = share * share
    return 1.0 / (1.0 + square * square)


@compiled
def steadiness(slope_mps2: float, error_mps2: float) -> float:
    """How surely a slope of the past speeds shows that a vehicle does not speed up, in [0, 1]."""
    beyond = limited((slope_mps2 - SPEEDS_UP_MPS2) / SPEEDS_UP_SCALE_MPS2, -30.0, 30.0)
    return trust(error_mps2, STEADY_ERROR_MPS2) / (1.0 + math.exp(beyond))


@compiled
def past_speed(position_m: np.ndarray, valid: np.ndarray, step_s: float) -> float:
    """Mean speed of net motion over the last second as far as known; inf if hardly known.

    position_m (T, 2), valid (T,): one body's past, the present last.
    """
    last = len(valid) - 1
    first = max(last - LOOK_BACK_STEPS, 0)
    while first < last and not valid[first]:
        first += 1
    if not valid[last] or last - first < MIN_LOOK_BACK_STEPS:
        return math.inf
    dx = position_m[last, 0] - position_m[first, 0]
    dy = position_m[last, 1] - position_m[first, 1]
    return math.hypot(dx, dy) / (step_s * (last - first))


@compiled
def speed_trend(velocity_mps: np.ndarray, valid: np.ndarray, step_s: float) -> tuple[float, float]:
    """Slope in m/s^2 of a line through the past speeds, and its standard error; 0 and inf: unknown.

    velocity_mps (T, 2), valid (T,): one body's past, the present last.
    """
    last = len(valid) - 1
    first = max(last - TREND_STEPS, 0)
    count = 0
    mean_time, mean_speed = 0.0, 0.0
    speed = np.empty(last + 1 - first)
    for k in range(first, last + 1):
        if valid[k]:
            vx = limited(velocity_mps[k, 0], -MAX_SPEED_MPS, MAX_SPEED_MPS)
            vy = limited(velocity_mps[k, 1], -MAX_SPEED_MPS, MAX_SPEED_MPS)
            speed[k - first] = math.sqrt(vx * vx + vy * vy)
            mean_time += step_s * (k - last)
            mean_speed += speed[k - first]
            count += 1
    if not valid[last] or count <= MIN_TREND_STEPS:
        return 0.0, math.inf
    mean_time /= count
    mean_speed /= count
    spread, product = 0.0, 0.0
    for k in range(first, last + 1):
        if valid[k]:
            time = step_s * (k - last) - mean_time
            spread += time * time
            product += time * (speed[k - first] - mean_speed)
    slope = product / spread
    scatter = 0.0
    for k in range(first, last + 1):
        if valid[k]:
            time = step_s * (k - last) - mean_time
            missed = speed[k - first] - mean_speed - slope * time
            scatter += missed * missed
    return slope, math.sqrt(scatter / count * LASTING_STEPS / spread)


@compiled
def scatter_about_parabola(along_m: np.ndarray) -> float:
    """Mean square in m^2 of what no parabola explains of equidistant places (K,), K > 2.

    Legendre's polynomials of the first three degrees, made orthogonal on the K instants.
    """
    count = len(along_m)
    middle = 0.5 * (count - 1)
    mean_square = (count * count - 1) / 12.0
    mean, slope, bend = 0.0, 0.0, 0.0
    lever, warp = 0.0, 0.0
    for k in range(count):
        u = k - middle
        q = u * u - mean_square
        mean += along_m[k]
        slope += u * along_m[k]
        bend += q * along_m[k]
        lever += u * u
        warp += q * q
    mean /= count
    slope /= lever
    bend /= warp
    total = 0.0
    for k in range(count):
        u = k - middle
        missed = along_m[k] - mean - slope * u - bend * (u * u - mean_square)
        total += missed * missed
    return total / count


@compiled
def smoothness(position_m: np.ndarray, valid: np.ndarray, yaw_rad: float) -> float:
    """Trust in [0, 1] in a measured acceleration, from how the past positions scatter.

    position_m (T, 2), valid (T,): one body's past, the present last.
    """
    last = len(valid) - 1
    known = 0
    while known <= last and valid[last - known]:
        known += 1
    steps = LONG_SMOOTH_STEPS
    if known <= steps:
        steps = SHORT_SMOOTH_STEPS
    if known <= steps:
        return UNKNOWN_TRUST
    cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
    along = np.empty(steps + 1)
    for k in range(steps + 1):
        dx = position_m[last - steps + k, 0] - position_m[last, 0]
        dy = position_m[last - steps + k, 1] - position_m[last, 1]
        along[k] = dx * cos + dy * sin
    mean_square = scatter_about_parabola(along) / (SMOOTH_M * SMOOTH_M)
    # Positions that are not numbers are not smooth.
    return 1.0 / (1.0 + mean_square * mean_square) if mean_square == mean_square else 0.0


@compiled
def read_classes(
    class_probabilities: np.ndarray, velocity_mps: np.ndarray, steers: np.ndarray, unknown: int
) -> tuple[np.ndarray, np.ndarray]:
    """(N,) most probable class, and (N,) whether the body steers; others step in any direction.

    class_probabilities (N, K), velocity_mps (N, 2). Classes steer as `steers` (K,) says, and the
    class `unknown` if fast.
    """
    label = np.empty(len(velocity_mps), np.int64)
    steered = np.empty(len(velocity_mps), np.bool_)
    for i in range(len(label)):
        best = 0
        for k in range(class_probabilities.shape[1]):
            if class_probabilities[i, k] > class_probabilities[i, best]:
                best = k
        speed = math.hypot(velocity_mps[i, 0], velocity_mps[i, 1])
        label[i] = best
        steered[i] = steers[best] or (best == unknown and speed > UNKNOWN_STEERS_MPS)
    return label, steered


@compiled
def read_attributes(
    row: np.ndarray, attribute: np.ndarray, has_attribute: np.ndarray
) -> np.ndarray:
    """(K, N) attributes of the agents in `row` (N,), of (A, K); 0 where not reported."""
    count = attribute.shape[1]
    value = np.empty((count, len(row)))
    for i in range(len(row)):
        for k in range(count):
            value[k, i] = 0.0
            if has_attribute[row[i], k]:
                value[k, i] = limited(attribute[row[i], k], -math.pi, math.pi)
    return value


@compiled
def read_bodies(
    row: np.ndarray,
    yaw_rad: np.ndarray,
    velocity_mps: np.ndarray,
    yaw_rate_radps: np.ndarray,
    acceleration_mps2: np.ndarray,
    size_m: np.ndarray,
    past_position_m: np.ndarray,
    past_velocity_mps: np.ndarray,
    past_valid: np.ndarray,
    step_s: float,
    horizon_s: float,
    lasting_acceleration_mps2: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States of the agents in `row` (N,), the other arrays being of all agents.

    size_m (., 3); past_position_m, past_velocity_mps (., T, 2), past_valid (., T), step_s apart.
    Returns values (12, N) - path yaw, path speed, acceleration along the path, smoothness, trend of
    the past speeds, trust in it, steadiness, braking, yaw rate, length, width, reach - and (N,)
    whether the body reverses and whether it stands; the units are those of `Movers`.
    """
    n = len(row)
    value = np.empty((12, n))
    reversing = np.empty(n, np.bool_)
    stands = np.empty(n, np.bool_)
    for i in range(n):
        a = row[i]
        yaw = yaw_rad[a]
        speed = velocity_mps[a, 0] * math.cos(yaw) + velocity_mps[a, 1] * math.sin(yaw)
        speed = limited(speed, -MAX_SPEED_MPS, MAX_SPEED_MPS)
        stands[i] = abs(speed) < STANDING_MPS
        if not stands[i] and abs(speed) < DOUBTFUL_MPS:
            stands[i] = past_speed(past_position_m[a], past_valid[a], step_s) < CREEPING_MPS
        if stands[i]:
            speed = 0.0
        reversing[i] = speed < -REVERSING_MPS
        sign = -1.0 if reversing[i] else 1.0
        path_speed = max(sign * speed, 0.0)
        slope, error = speed_trend(past_velocity_mps[a], past_valid[a], step_s)
        value[0, i] = yaw + (math.pi if reversing[i] else 0.0)
        value[1, i] = path_speed
        value[2, i] = limited(
            sign * acceleration_mps2[a], -MAX_ACCELERATION_MPS2, MAX_ACCELERATION_MPS2
        )
        value[3, i] = smoothness(past_position_m[a], past_valid[a], yaw)
        value[4, i] = limited(slope, -MAX_ACCELERATION_MPS2, MAX_ACCELERATION_MPS2)
        value[5, i] = trust(error, TREND_ERROR_MPS2)
        value[6, i] = steadiness(slope, error)
        value[7, i] = steadiness(slope - BRAKES_MPS2, error)
        value[8, i] = limited(yaw_rate_radps[a], -MAX_YAW_RATE_RADPS, MAX_YAW_RATE_RADPS)
        value[9, i] = max(limited(size_m[a, 0], 0.0, 40.0), 0.3)
        value[10, i] = max(limited(size_m[a, 1], 0.0, 5.0), 0.3)
        gained = 0.5 * lasting_acceleration_mps2 * horizon_s * horizon_s
        value[11, i] = max(horizon_s * path_speed + gained, MIN_REACH_M)
    return value, reversing, stands
