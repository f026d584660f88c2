"""Motion: coordinated turn with an acceleration along the heading, noise by class.

State [x, y, vx, vy, a, yaw, w]: velocity turns with the yaw rate w, so does the heading; a decays
(a Singer model along the heading, R. A. Singer, IEEE AES-6(4), 1970) and so does w, at once where
the body stands: a stopped car does not spin. Bodies that may step anywhere have no a and no w worth
speaking of and drift isotropically instead. Velocity in map axes keeps the model linear where it
matters most: at standstill and before any heading is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import wrap_angle
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.fusion.tracks import (
    ACCELERATION,
    STATE_COUNT,
    VX,
    VY,
    YAW,
    YAW_RATE,
    TrackTable,
    X,
    Y,
)

WALKING_MPS = 1.0  # turning is free above about this speed
_SMALLEST = 1e-8  # stands for a variance of zero
STANDSTILL_MEMORY_S = 0.2  # a yaw rate at standstill is gone after this
LONGEST_STEP_S = 0.2  # the linearisation is good for this long
_PLACE, _MOTION = slice(X, Y + 1), slice(VX, VY + 1)


@dataclass(frozen=True, slots=True, eq=False)
class MotionNoise:
    """Process noise and body model of N tracks, expected over their class probabilities."""

    acceleration_variance: np.ndarray  # (N,) (m/s^2)^2 of the Singer process
    drift: np.ndarray  # (N,) m^2/s^3
    yaw_rate_drift: np.ndarray  # (N,) rad^2/s^3
    yaw_drift: np.ndarray  # (N,) rad^2/s
    slip_variance: np.ndarray  # (N,) m^2/s^2
    axle_fraction: np.ndarray  # (N,)

    def of(self, rows: np.ndarray) -> MotionNoise:
        """Of the rows that `rows` picks."""
        return MotionNoise(
            self.acceleration_variance[rows],
            self.drift[rows],
            self.yaw_rate_drift[rows],
            self.yaw_drift[rows],
            self.slip_variance[rows],
            self.axle_fraction[rows],
        )

    def with_more(self, more: MotionNoise) -> MotionNoise:
        """Of these tracks and then of more."""
        return MotionNoise(
            np.concatenate([self.acceleration_variance, more.acceleration_variance]),
            np.concatenate([self.drift, more.drift]),
            np.concatenate([self.yaw_rate_drift, more.yaw_rate_drift]),
            np.concatenate([self.yaw_drift, more.yaw_drift]),
            np.concatenate([self.slip_variance, more.slip_variance]),
            np.concatenate([self.axle_fraction, more.axle_fraction]),
        )


def motion_table(parameters: FusionParameters) -> np.ndarray:
    """(CLASS_COUNT, 7) log variances by class: the columns that `motion_noise` mixes."""
    table = np.column_stack(
        [
            np.square(parameters.acceleration_sigma_mps2),
            np.square(parameters.drift_mps),
            np.square(parameters.headless_drift_mps),
            np.square(parameters.yaw_rate_drift_radps),
            np.square(parameters.yaw_drift_rad),
            np.square(parameters.slip_sigma_mps),
            np.square(parameters.axle_fraction),
        ]
    )
    logarithms: np.ndarray = np.log(np.maximum(table, _SMALLEST))
    return logarithms


def motion_noise(
    table: np.ndarray, class_probabilities: np.ndarray, has_heading: np.ndarray
) -> MotionNoise:
    """Mix the rows of `motion_table` by class probability; without a heading only drift is left.

    The mean is geometric: a remainder of doubt whether a parked car is a pedestrian must not let it
    turn like one.
    """
    mixed = np.exp(class_probabilities @ table)
    return MotionNoise(
        acceleration_variance=np.where(has_heading, mixed[:, 0], 0.0),
        drift=np.where(has_heading, mixed[:, 1], mixed[:, 2]),
        yaw_rate_drift=np.where(has_heading, mixed[:, 3], 0.0),
        yaw_drift=mixed[:, 4],
        slip_variance=mixed[:, 5],
        axle_fraction=np.sqrt(mixed[:, 6]),
    )


def moved(
    mean: np.ndarray, dt_s: np.ndarray | float, parameters: FusionParameters
) -> tuple[np.ndarray, np.ndarray]:
    """The states (N, 7) after dt_s (before, if negative) and the Jacobians (N, 7, 7).

    `dt_s` is one number or (N,) of one sign. Vectors in the plane are complex numbers here: x + iy,
    and a factor of i is a quarter turn.
    """
    a, yaw, w = mean[:, ACCELERATION], mean[:, YAW], mean[:, YAW_RATE]
    velocity = mean[:, VX] + 1j * mean[:, VY]
    forget_a, forget_w = _forgetting(mean[:, VX], mean[:, VY], dt_s, parameters)
    half_turn = np.exp(0.5j * dt_s * w)
    full_turn = half_turn * half_turn
    # Velocity at the middle of the step (its chord) and turned fully, before the acceleration.
    middle, end = half_turn * velocity, full_turn * velocity
    ahead = np.exp(1j * yaw)
    half_dt2 = 0.5 * dt_s * dt_s

    out = mean.copy()
    out[:, _PLACE] += _pairs(dt_s * middle + half_dt2 * a * ahead)
    out[:, _MOTION] = _pairs(end + dt_s * a * ahead)
    out[:, ACCELERATION] *= forget_a
    out[:, YAW] = wrap_angle(yaw + dt_s * w)
    out[:, YAW_RATE] *= forget_w

    jacobian = np.repeat(np.eye(STATE_COUNT)[None], len(mean), axis=0)
    jacobian[:, _PLACE, VX] = _pairs(dt_s * half_turn)
    jacobian[:, _PLACE, VY] = _pairs(1j * dt_s * half_turn)
    jacobian[:, _PLACE, ACCELERATION] = _pairs(half_dt2 * ahead)
    jacobian[:, _PLACE, YAW] = _pairs(1j * half_dt2 * a * ahead)
    jacobian[:, _PLACE, YAW_RATE] = _pairs(1j * half_dt2 * middle)
    jacobian[:, _MOTION, VX] = _pairs(full_turn)
    jacobian[:, _MOTION, VY] = _pairs(1j * full_turn)
    jacobian[:, _MOTION, ACCELERATION] = _pairs(dt_s * ahead)
    jacobian[:, _MOTION, YAW] = _pairs(1j * dt_s * a * ahead)
    jacobian[:, _MOTION, YAW_RATE] = _pairs(1j * dt_s * end)
    jacobian[:, ACCELERATION, ACCELERATION] = forget_a
    jacobian[:, YAW, YAW_RATE] = dt_s
    jacobian[:, YAW_RATE, YAW_RATE] = forget_w
    return out, jacobian


def moved_place(mean: np.ndarray, dt_s: np.ndarray) -> np.ndarray:
    """(N, 4) places and velocities of `moved` alone, dt_s (N,)."""
    velocity = mean[:, VX] + 1j * mean[:, VY]
    half_turn = np.exp(0.5j * dt_s * mean[:, YAW_RATE])
    middle = half_turn * velocity
    gained = dt_s * mean[:, ACCELERATION] * np.exp(1j * mean[:, YAW])
    out = np.empty((len(mean), 4))
    out[:, :2] = mean[:, _PLACE] + _pairs(dt_s * (middle + 0.5 * gained))
    out[:, 2:] = _pairs(half_turn * middle + gained)
    return out


def _pairs(vectors: np.ndarray) -> np.ndarray:
    """(N,) complex numbers as (N, 2) x, y."""
    return vectors.view(np.float64).reshape(-1, 2)


def _forgetting(
    vx: np.ndarray, vy: np.ndarray, dt_s: np.ndarray | float, parameters: FusionParameters
) -> tuple[np.ndarray | float, np.ndarray]:
    """Factors of the acceleration and of the yaw rates (N,). Going back in time forgets nothing."""
    if np.max(dt_s, initial=0.0) <= 0.0:
        return 1.0, np.ones_like(vx)
    moving = share_moving(vx, vy)
    rate = moving / parameters.yaw_rate_memory_s + (1.0 - moving) / STANDSTILL_MEMORY_S
    return np.exp(-dt_s / parameters.acceleration_memory_s), np.exp(-dt_s * rate)


def share_moving(vx: np.ndarray, vy: np.ndarray) -> np.ndarray:
    """(N,) 0 for standing bodies to 1 for those fast enough to turn freely."""
    squared = vx * vx + vy * vy
    share: np.ndarray = squared / (squared + WALKING_MPS**2)
    return share


def process_noise(
    noise: MotionNoise, mean: np.ndarray, dt_s: np.ndarray | float, parameters: FusionParameters
) -> np.ndarray:
    """(N, 7, 7) covariance that |dt_s|, one number or (N,), adds."""
    dt = np.abs(dt_s)
    half_dt2 = 0.5 * dt * dt
    turning = noise.yaw_rate_drift * share_moving(mean[:, VX], mean[:, VY])
    place, motion, yaw, rate = variances_since(noise, turning, dt)
    q = np.zeros((len(mean), STATE_COUNT, STATE_COUNT))
    q[:, X, X] = q[:, Y, Y] = place
    q[:, VX, VX] = q[:, VY, VY] = motion
    q[:, X, VX] = q[:, VX, X] = q[:, Y, VY] = q[:, VY, Y] = noise.drift * half_dt2
    forgotten = 1.0 - np.exp(-2.0 * dt / parameters.acceleration_memory_s)
    q[:, ACCELERATION, ACCELERATION] = noise.acceleration_variance * forgotten
    q[:, YAW, YAW] = yaw
    q[:, YAW, YAW_RATE] = q[:, YAW_RATE, YAW] = turning * half_dt2
    q[:, YAW_RATE, YAW_RATE] = rate
    return q


def variances_since(
    noise: MotionNoise, turning: np.ndarray, dt_s: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(N,) that dt_s >= 0 adds to place and velocity (each axis), yaw and yaw rate.

    `turning` (N,) is how much of the drift of yaw rates is left at the body's speed.
    """
    third = dt_s**3 / 3.0
    # Walkers may face anywhere at once, but nobody turns while standing without being seen to.
    return (
        noise.drift * third,
        noise.drift * dt_s,
        noise.yaw_drift * dt_s + turning * third,
        turning * dt_s,
    )


def predict(
    tracks: TrackTable, noise: MotionNoise, dt_s: np.ndarray | float, parameters: FusionParameters
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, independent and shared covariance of all tracks after dt_s >= 0; `tracks` stays.

    `dt_s` is one number or (N,).
    Noise of the motion belongs to the independent part: no sensor repeats it.
    """
    mean, independent, shared = tracks.mean, tracks.independent, tracks.shared
    steps = max(1, int(np.ceil(np.max(dt_s, initial=0.0) / LONGEST_STEP_S - 1e-9)))
    for _ in range(steps):
        step_s = dt_s / steps
        added = process_noise(noise, mean, step_s, parameters)
        mean, jacobian = moved(mean, step_s, parameters)
        transposed = jacobian.swapaxes(1, 2)
        independent = jacobian @ independent @ transposed + added
        shared = jacobian @ shared @ transposed
    return mean, independent, shared
