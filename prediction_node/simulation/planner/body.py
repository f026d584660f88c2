"""The robotaxi's body: a bicycle model that follows trajectories as well as a car can."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.prediction import STEP_S
from prediction_node.simulation.planner.parameters import BodyParameters
from prediction_node.simulation.planner.path import Path

_TICK_S = 0.01
_SPEED_GAIN = 1.5  # 1/s: of the speed error, on top of the planned acceleration
_SILENT_BRAKING_MPS2 = 3.0  # without a plan
_PLAN_VALID_S = 1.0  # a plan older than this is none


@dataclass(frozen=True, slots=True)
class BodyState:
    """Rear axle on the ground, map frame."""

    x_m: float
    y_m: float
    yaw_rad: float
    speed_mps: float
    acceleration_mps2: float = 0.0
    curvature_1pm: float = 0.0


class Follower:
    """One plan at a time: the middle of the box shall be where its poses are, as fast as they say.

    Speeds follow the plan's with a bounded jerk, steering with a bounded rate. Without a fresh plan
    it brakes in the lane it knows.
    """

    def __init__(self, parameters: BodyParameters) -> None:
        self._p = parameters
        self._path: Path | None = None
        self._stamp_ns = 0
        self._speed = np.zeros(1)
        self._acceleration = np.zeros(1)

    def take(
        self, stamp_ns: int, pose: np.ndarray, speed_mps: np.ndarray, acceleration_mps2: np.ndarray
    ) -> None:
        """A newer plan: (T, 3) poses of the middle every 0.1 s from `stamp_ns` on. Older ones and
        such as are not finite are ignored.
        """
        usable = np.isfinite(pose).all() and np.isfinite(speed_mps).all()
        if stamp_ns <= self._stamp_ns or len(pose) < 2 or not usable:
            return
        self._stamp_ns = stamp_ns
        self._speed, self._acceleration = speed_mps, acceleration_mps2
        self._path = _extended(pose)

    def move(self, state: BodyState, from_ns: int, to_ns: int) -> BodyState:
        """Where the body is at `to_ns` if it was `state` at `from_ns`."""
        ticks = max(round((to_ns - from_ns) * 1e-9 / _TICK_S), 1)
        dt = (to_ns - from_ns) * 1e-9 / ticks
        for k in range(ticks):
            since_s = (from_ns - self._stamp_ns) * 1e-9 + k * dt
            state = self._tick(state, since_s, dt)
        return state

    def _tick(self, state: BodyState, since_s: float, dt: float) -> BodyState:
        p = self._p
        wish = np.clip(self._wish(state, since_s), -p.max_braking_mps2, p.max_acceleration_mps2)
        change = np.clip(
            wish - state.acceleration_mps2, -p.max_jerk_mps3 * dt, p.max_jerk_mps3 * dt
        )
        acceleration = state.acceleration_mps2 + float(change)
        speed = state.speed_mps + acceleration * dt
        if speed <= 0.0:
            speed, acceleration = 0.0, max(acceleration, 0.0)
        limit = p.max_curvature_rate * dt
        steer = np.clip(self._steering(state) - state.curvature_1pm, -limit, limit)
        curvature = state.curvature_1pm + float(steer)
        way = 0.5 * (state.speed_mps + speed) * dt
        turn = way * curvature
        middle = state.yaw_rad + 0.5 * turn
        return BodyState(
            state.x_m + way * float(np.cos(middle)),
            state.y_m + way * float(np.sin(middle)),
            state.yaw_rad + turn,
            speed,
            acceleration,
            curvature,
        )

    def _wish(self, state: BodyState, since_s: float) -> float:
        if self._path is None or not 0.0 <= since_s <= _PLAN_VALID_S:
            return -_SILENT_BRAKING_MPS2 if state.speed_mps > 0.0 else 0.0
        place = min(since_s / STEP_S, len(self._speed) - 1.001)
        row, share = int(place), place - int(place)
        planned = self._speed[row] + share * (self._speed[row + 1] - self._speed[row])
        if planned <= 0.01 and state.speed_mps < 0.3:
            return -2.0  # to a stop, and stay
        return float(self._acceleration[row] + _SPEED_GAIN * (planned - state.speed_mps))

    def _steering(self, state: BodyState) -> float:
        """Curvature that brings the middle of the box to the path and along it: the path's own a
        little ahead, less what offset and heading are wrong by.
        """
        if self._path is None:
            return 0.0
        p, path = self._p, self._path
        arc, offset = path.project(middle_of(state, p))
        preview = p.preview_s * state.speed_mps
        ahead, here = (
            float(np.interp(float(arc) + far, path.arc_m, path.curvature_1pm))
            for far in (preview, 0.0)
        )
        # In a curve the middle moves to the outside of where the body points.
        slip = np.arctan(p.centre_offset_m * here)
        heading = float(wrap_angle(np.array(state.yaw_rad + slip - path.at(arc)[2])))
        curvature = ahead - p.offset_gain_1pm2 * float(offset) - p.heading_gain_1pm * heading
        return float(np.clip(curvature, -p.max_curvature_1pm, p.max_curvature_1pm))


def middle_of(state: BodyState, parameters: BodyParameters) -> np.ndarray:
    """(2,) middle of the box."""
    ahead = parameters.centre_offset_m
    return np.array(
        [state.x_m + ahead * np.cos(state.yaw_rad), state.y_m + ahead * np.sin(state.yaw_rad)]
    )


def body_at(
    middle_m: np.ndarray, yaw_rad: float, speed_mps: float, parameters: BodyParameters
) -> BodyState:
    """The body whose box has its middle there."""
    back = parameters.centre_offset_m
    return BodyState(
        float(middle_m[0] - back * np.cos(yaw_rad)),
        float(middle_m[1] - back * np.sin(yaw_rad)),
        float(yaw_rad),
        float(speed_mps),
    )


def _extended(pose: np.ndarray) -> Path:
    """The poses' line, from some metres behind the first one to some beyond the last."""
    first, last = pose[0], pose[-1]
    behind = first[:2] - 6.0 * np.array([np.cos(first[2]), np.sin(first[2])])
    beyond = last[:2] + 15.0 * np.array([np.cos(last[2]), np.sin(last[2])])
    return Path.of(np.concatenate([behind[None], pose[:, :2], beyond[None]]))
