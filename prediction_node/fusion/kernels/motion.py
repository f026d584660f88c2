"""Motion of bodies: the coordinated turn of predict.py, its Jacobian and its noise."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

X, Y, VX, VY, ACCELERATION, YAW, YAW_RATE = range(7)
STATE_COUNT = 7
ACCELERATION_VARIANCE, DRIFT, YAW_RATE_DRIFT, YAW_DRIFT = range(4)

WALKING_MPS = 1.0  # turning is free above about this speed
STANDSTILL_MEMORY_S = 0.2  # a yaw rate at standstill is gone after this
LONGEST_STEP_S = 0.2  # the linearisation is good for this long
# The Jacobian has nothing left of the diagonal but in the turn of the velocity: its first column.
_FIRST_COLUMN = (X, Y, VX, VX, ACCELERATION, YAW, YAW_RATE)


@compiled
def advance(
    mean: np.ndarray,
    independent: np.ndarray,
    shared: np.ndarray,
    noise: np.ndarray,
    dt_s: np.ndarray,
    acceleration_memory_s: float,
    yaw_rate_memory_s: float,
) -> None:
    """Move means (N, 7) and both covariance parts (N, 7, 7) by dt_s (N,), in place.

    Times may be negative: the past is as uncertain as the future. `noise` is (N, 6), see
    predict.motion_noise; it belongs to the independent part, since no sensor repeats it.
    """
    jacobian = np.empty((STATE_COUNT, STATE_COUNT))
    product = np.empty((STATE_COUNT, STATE_COUNT))
    for n in range(len(mean)):
        steps = max(1, math.ceil(abs(dt_s[n]) / LONGEST_STEP_S - 1e-9))
        step_s = dt_s[n] / steps
        for _ in range(steps):
            turning = noise[n, YAW_RATE_DRIFT] * _share_moving(mean[n, VX], mean[n, VY])
            _move(mean[n], step_s, acceleration_memory_s, yaw_rate_memory_s, jacobian)
            _transform(independent[n], jacobian, product)
            _transform(shared[n], jacobian, product)
            _add_noise(independent[n], noise[n], turning, abs(step_s), acceleration_memory_s)


@compiled
def moved(
    mean: np.ndarray,
    rows: np.ndarray,
    dt_s: np.ndarray,
    acceleration_memory_s: float,
    yaw_rate_memory_s: float,
) -> tuple[np.ndarray, np.ndarray]:
    """States (R, 7) of `mean` (N, 7) in `rows` (R,) int64 after dt_s (R,), Jacobians (R, 7, 7)."""
    out = np.empty((len(rows), STATE_COUNT))
    jacobian = np.empty((len(rows), STATE_COUNT, STATE_COUNT))
    for r in range(len(rows)):
        for i in range(STATE_COUNT):
            out[r, i] = mean[rows[r], i]
        _move(out[r], dt_s[r], acceleration_memory_s, yaw_rate_memory_s, jacobian[r])
    return out, jacobian


@compiled
def past_places(mean: np.ndarray, late_s: np.ndarray) -> np.ndarray:
    """(M, N, 4) places and velocities of the states (N, 7) at M times late_s (M,) ago."""
    out = np.empty((len(late_s), len(mean), 4))
    for n in range(len(mean)):
        vx, vy, a = mean[n, VX], mean[n, VY], mean[n, ACCELERATION]
        ahead_x, ahead_y = math.cos(mean[n, YAW]), math.sin(mean[n, YAW])
        for m in range(len(late_s)):
            dt = -late_s[m]
            half = 0.5 * dt * mean[n, YAW_RATE]
            cos, sin = math.cos(half), math.sin(half)
            middle_x, middle_y = cos * vx - sin * vy, sin * vx + cos * vy
            out[m, n, 0] = mean[n, X] + dt * (middle_x + 0.5 * dt * a * ahead_x)
            out[m, n, 1] = mean[n, Y] + dt * (middle_y + 0.5 * dt * a * ahead_y)
            out[m, n, 2] = cos * middle_x - sin * middle_y + dt * a * ahead_x
            out[m, n, 3] = sin * middle_x + cos * middle_y + dt * a * ahead_y
    return out


@compiled
def _share_moving(vx: float, vy: float) -> float:
    """0 for a standing body to 1 for one fast enough to turn freely."""
    squared = vx * vx + vy * vy
    return squared / (squared + WALKING_MPS * WALKING_MPS)


@compiled
def _move(
    state: np.ndarray,
    dt: float,
    acceleration_memory_s: float,
    yaw_rate_memory_s: float,
    jacobian: np.ndarray,
) -> None:
    """Move one state (7,) by dt seconds in place; write the Jacobian (7, 7).

    Going back in time forgets nothing. How fast memories fade depends weakly on speed; that the
    Jacobian takes as given.
    """
    vx, vy, a, w = state[VX], state[VY], state[ACCELERATION], state[YAW_RATE]
    forget_a, forget_w = 1.0, 1.0
    if dt > 0.0:
        moving = _share_moving(vx, vy)
        rate = moving / yaw_rate_memory_s + (1.0 - moving) / STANDSTILL_MEMORY_S
        forget_a, forget_w = math.exp(-dt / acceleration_memory_s), math.exp(-dt * rate)
    cos, sin = math.cos(0.5 * dt * w), math.sin(0.5 * dt * w)
    ahead_x, ahead_y = math.cos(state[YAW]), math.sin(state[YAW])
    # Velocity at the middle of the step (its chord) and turned fully, before the acceleration.
    middle_x, middle_y = cos * vx - sin * vy, sin * vx + cos * vy
    end_x, end_y = cos * middle_x - sin * middle_y, sin * middle_x + cos * middle_y
    half_dt2 = 0.5 * dt * dt

    state[X] += dt * middle_x + half_dt2 * a * ahead_x
    state[Y] += dt * middle_y + half_dt2 * a * ahead_y
    state[VX] = end_x + dt * a * ahead_x
    state[VY] = end_y + dt * a * ahead_y
    state[ACCELERATION] = forget_a * a
    state[YAW] = (state[YAW] + dt * w + math.pi) % (2.0 * math.pi) - math.pi
    state[YAW_RATE] = forget_w * w

    for i in range(STATE_COUNT):
        for j in range(STATE_COUNT):
            jacobian[i, j] = 0.0
    jacobian[X, X] = jacobian[Y, Y] = jacobian[YAW, YAW] = 1.0
    jacobian[X, VX] = jacobian[Y, VY] = dt * cos
    jacobian[X, VY], jacobian[Y, VX] = -dt * sin, dt * sin
    jacobian[X, ACCELERATION], jacobian[Y, ACCELERATION] = half_dt2 * ahead_x, half_dt2 * ahead_y
    jacobian[X, YAW], jacobian[Y, YAW] = -half_dt2 * a * ahead_y, half_dt2 * a * ahead_x
    jacobian[X, YAW_RATE], jacobian[Y, YAW_RATE] = -half_dt2 * middle_y, half_dt2 * middle_x
    jacobian[VX, VX] = jacobian[VY, VY] = cos * cos - sin * sin
    jacobian[VX, VY], jacobian[VY, VX] = -2.0 * sin * cos, 2.0 * sin * cos
    jacobian[VX, ACCELERATION], jacobian[VY, ACCELERATION] = dt * ahead_x, dt * ahead_y
    jacobian[VX, YAW], jacobian[VY, YAW] = -dt * a * ahead_y, dt * a * ahead_x
    jacobian[VX, YAW_RATE], jacobian[VY, YAW_RATE] = -dt * end_y, dt * end_x
    jacobian[ACCELERATION, ACCELERATION] = forget_a
    jacobian[YAW, YAW_RATE] = dt
    jacobian[YAW_RATE, YAW_RATE] = forget_w


@compiled
def _transform(covariance: np.ndarray, jacobian: np.ndarray, product: np.ndarray) -> None:
    """`covariance` (7, 7) becomes J C J', exactly symmetric; `product` (7, 7) is room for J C."""
    for i in range(STATE_COUNT):
        for j in range(STATE_COUNT):
            total = 0.0
            for k in range(_FIRST_COLUMN[i], STATE_COUNT):
                total += jacobian[i, k] * covariance[k, j]
            product[i, j] = total
    for i in range(STATE_COUNT):
        for j in range(i + 1):
            total = 0.0
            for k in range(_FIRST_COLUMN[j], STATE_COUNT):
                total += product[i, k] * jacobian[j, k]
            covariance[i, j] = covariance[j, i] = total


@compiled
def _add_noise(
    covariance: np.ndarray,
    noise: np.ndarray,
    turning: float,
    dt: float,
    acceleration_memory_s: float,
) -> None:
    """Add to one covariance (7, 7) what may happen in dt >= 0 seconds.

    `turning` is how much of the drift of yaw rates is left at the body's speed. Walkers may face
    anywhere at once, but nobody turns while standing without being seen to.
    """
    drift, third, half_dt2 = noise[DRIFT], dt * dt * dt / 3.0, 0.5 * dt * dt
    for place, motion in ((X, VX), (Y, VY)):
        covariance[place, place] += drift * third
        covariance[motion, motion] += drift * dt
        covariance[place, motion] += drift * half_dt2
        covariance[motion, place] += drift * half_dt2
    forgotten = 1.0 - math.exp(-2.0 * dt / acceleration_memory_s)
    covariance[ACCELERATION, ACCELERATION] += noise[ACCELERATION_VARIANCE] * forgotten
    covariance[YAW, YAW] += noise[YAW_DRIFT] * dt + turning * third
    covariance[YAW, YAW_RATE] += turning * half_dt2
    covariance[YAW_RATE, YAW] += turning * half_dt2
    covariance[YAW_RATE, YAW_RATE] += turning * dt
