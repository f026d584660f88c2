"""Bodies that steer - cars to bicycles - as arrays, in the direction in which they move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_COUNT
from prediction_node.domain.prediction import POSE_COUNT, STEP_S
from prediction_node.domain.scene import Scene

MAX_SPEED_MPS = 100.0
MAX_ACCELERATION_MPS2 = 5.0
MAX_YAW_RATE_RADPS = 1.5
REVERSING_MPS = 0.5
HORIZON_S = STEP_S * (POSE_COUNT - 1)
MIN_REACH_M = 30.0
STANDING_MPS = 0.3
# A speed that may be noise, and how slow the past second must have been for it to be noise.
DOUBTFUL_MPS = 0.8
CREEPING_MPS = 0.25
LOOK_BACK_STEPS = 10
MIN_LOOK_BACK_STEPS = 4
# Acceleration is worth what the past was smooth: half where it scattered so much about a parabola.
SMOOTH_STEPS = (20, 10)
SMOOTH_M = 0.02
UNKNOWN_TRUST = 0.4
# Speeding up shows as a slope of the past speeds. Errors of neighbouring speeds are alike, so that
# only every fourth counts.
TREND_STEPS, MIN_TREND_STEPS = 20, 10
LASTING_STEPS = 4.0
# Standard errors of that slope at which it is half believed: as an acceleration, and as a proof
# that there is none.
TREND_ERROR_MPS2 = 0.4
STEADY_ERROR_MPS2 = 0.2
SPEEDS_UP_MPS2 = 0.2
SPEEDS_UP_SCALE_MPS2 = 0.15
# So much less than speeding up counts as braking.
BRAKES_MPS2 = -0.6


@dataclass(frozen=True, slots=True, eq=False)
class Movers:
    """N steered bodies. A reversing one moves along its path backwards: path yaw is yaw plus pi."""

    row: np.ndarray  # (N,) of the scene's agents
    xy_m: np.ndarray  # (N, 2) map frame
    path_yaw_rad: np.ndarray  # (N,) direction of motion
    reversing: np.ndarray  # (N,) bool
    path_speed_mps: np.ndarray  # (N,) not negative, 0 for who stands
    stands: np.ndarray  # (N,) bool
    acceleration_mps2: np.ndarray  # (N,) along the path
    smoothness: np.ndarray  # (N,) in [0, 1], what that acceleration is worth
    trend_mps2: np.ndarray  # (N,) slope of the past speeds, 0 where the past is too short
    trend_trust: np.ndarray  # (N,) in [0, 1], what that slope is worth
    steadiness: np.ndarray  # (N,) in [0, 1], how surely the past speeds show no speeding up
    brakes: np.ndarray  # (N,) in [0, 1], how surely the past speeds show that it brakes
    yaw_rate_radps: np.ndarray  # (N,)
    length_m: np.ndarray  # (N,)
    width_m: np.ndarray  # (N,)
    label: np.ndarray  # (N,) kinds.ObjectClass
    reach_m: np.ndarray  # (N,) how far it may get within the horizon
    attributes: np.ndarray  # (N, ATTRIBUTE_COUNT), 0 where not reported

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def of(cls, scene: Scene, row: np.ndarray, acceleration_mps2: float) -> Movers:
        """The agents in `row`; values beyond what bodies do are limited to it."""
        picked = scene.agents.select(row)
        speed = np.clip(_finite(picked.speed_mps), -MAX_SPEED_MPS, MAX_SPEED_MPS)
        stands = np.abs(speed) < STANDING_MPS
        stands |= (np.abs(speed) < DOUBTFUL_MPS) & (_past_speed(scene, row) < CREEPING_MPS)
        speed = np.where(stands, 0.0, speed)
        reversing = speed < -REVERSING_MPS
        sign = np.where(reversing, -1.0, 1.0)
        path_speed = np.maximum(sign * speed, 0.0)
        acceleration = np.clip(
            sign * _finite(picked.acceleration_mps2),
            -MAX_ACCELERATION_MPS2,
            MAX_ACCELERATION_MPS2,
        )
        yaw_rate = _finite(picked.yaw_rate_radps)
        attributes = np.where(picked.has_attribute, _finite(picked.attributes), 0.0)
        trend, trend_error = speed_trend(scene, row)
        # Half the comfortable acceleration all the way: few speed up longer.
        reach = HORIZON_S * path_speed + 0.5 * (0.5 * acceleration_mps2) * HORIZON_S**2
        return cls(
            row=row,
            xy_m=picked.position_m[:, :2],
            path_yaw_rad=picked.yaw_rad + np.where(reversing, np.pi, 0.0),
            reversing=reversing,
            path_speed_mps=path_speed,
            stands=stands,
            acceleration_mps2=acceleration,
            smoothness=_smoothness(scene, row),
            trend_mps2=np.clip(trend, -MAX_ACCELERATION_MPS2, MAX_ACCELERATION_MPS2),
            trend_trust=_trust(trend_error, TREND_ERROR_MPS2),
            steadiness=steadiness(trend, trend_error),
            brakes=steadiness(trend - BRAKES_MPS2, trend_error),
            yaw_rate_radps=np.clip(yaw_rate, -MAX_YAW_RATE_RADPS, MAX_YAW_RATE_RADPS),
            length_m=np.clip(_finite(picked.size_m[:, 0]), 0.3, 40.0),
            width_m=np.clip(_finite(picked.size_m[:, 1]), 0.3, 5.0),
            label=picked.label,
            reach_m=np.maximum(reach, MIN_REACH_M),
            attributes=np.clip(attributes, -np.pi, np.pi).reshape(-1, ATTRIBUTE_COUNT),
        )

    def attribute(self, index: int) -> np.ndarray:
        """(N,) value of one attribute, 0 where it was not reported."""
        return np.asarray(self.attributes[:, index])


def _past_speed(scene: Scene, row: np.ndarray) -> np.ndarray:
    """(N,) mean speed of net motion over the last second as far as known; inf if hardly known."""
    history = scene.history
    valid = history.valid[row, -LOOK_BACK_STEPS - 1 :]
    steps = valid.shape[1] - 1 - np.argmax(valid, axis=1)
    then = history.position_m[row, history.valid.shape[1] - 1 - steps]
    moved = history.position_m[row, -1] - then
    distance = np.hypot(moved[:, 0], moved[:, 1])
    known = valid[:, -1] & (steps >= MIN_LOOK_BACK_STEPS)
    return np.where(known, distance / np.maximum(STEP_S * steps, STEP_S), np.inf)


def speed_trend(scene: Scene, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) slope of a line through the past speeds, and its standard error; 0 and inf: unknown."""
    history = scene.history
    valid = history.valid[row, -TREND_STEPS - 1 :]
    velocity = _finite(history.velocity_mps[row, -TREND_STEPS - 1 :])
    velocity = np.clip(velocity, -MAX_SPEED_MPS, MAX_SPEED_MPS)
    weight = valid.astype(float)
    count = weight.sum(axis=1)
    known = valid[:, -1] & (count > MIN_TREND_STEPS)
    count = np.maximum(count, 1.0)
    speed = np.hypot(velocity[..., 0], velocity[..., 1])
    time_s = STEP_S * np.arange(1 - weight.shape[1], 1)
    time_s = time_s - ((weight @ time_s) / count)[:, None]
    speed = speed - ((weight * speed).sum(axis=1) / count)[:, None]
    lever = weight * time_s
    spread = np.maximum((lever * time_s).sum(axis=1), STEP_S**2)
    slope = (lever * speed).sum(axis=1) / spread
    scatter = (weight * np.square(speed - slope[:, None] * time_s)).sum(axis=1)
    error = np.sqrt(scatter / count * LASTING_STEPS / spread)
    return np.where(known, slope, 0.0), np.where(known, error, np.inf)


def steadiness(slope_mps2: np.ndarray, error_mps2: np.ndarray) -> np.ndarray:
    """(N,) how surely a slope of the past speeds shows that a vehicle does not speed up."""
    beyond = np.clip((slope_mps2 - SPEEDS_UP_MPS2) / SPEEDS_UP_SCALE_MPS2, -30.0, 30.0)
    return np.asarray(_trust(error_mps2, STEADY_ERROR_MPS2) / (1.0 + np.exp(beyond)))


def _trust(error: np.ndarray, half: float) -> np.ndarray:
    """(N,) 1 for no error, one half at `half`, 0 for an infinite one."""
    return np.asarray(1.0 / (1.0 + np.square(np.square(error / half))))


def _smoothness(scene: Scene, row: np.ndarray) -> np.ndarray:
    """(N,) trust in [0, 1] in measured accelerations, from how the past positions scatter."""
    history, yaw = scene.history, scene.agents.yaw_rad[row]
    trust = np.full(len(row), UNKNOWN_TRUST)
    for steps in sorted(SMOOTH_STEPS):
        if history.valid.shape[1] <= steps:
            break
        known = np.flatnonzero(history.valid[row, -steps - 1 :].all(axis=1))
        past = history.position_m[row[known], -steps - 1 :]
        past = past - past[:, -1:]
        along = past[..., 0] * np.cos(yaw[known, None]) + past[..., 1] * np.sin(yaw[known, None])
        scatter = (along @ _PARABOLA_RESIDUAL[steps]) / SMOOTH_M
        trust[known] = 1.0 / (1.0 + np.mean(np.square(scatter), axis=1) ** 2)
    return trust


def _residual_of_parabola(steps: int) -> np.ndarray:
    """(steps + 1, steps + 1) matrix that takes equidistant values to what no parabola explains."""
    basis = np.vander(np.linspace(-1.0, 0.0, steps + 1), 3)
    return np.asarray(np.eye(steps + 1) - basis @ np.linalg.pinv(basis))


_PARABOLA_RESIDUAL = {steps: _residual_of_parabola(steps) for steps in SMOOTH_STEPS}


def _finite(value: np.ndarray) -> np.ndarray:
    """NaN becomes 0, infinities the largest numbers."""
    return value if np.isfinite(value).all() else np.asarray(np.nan_to_num(value))
