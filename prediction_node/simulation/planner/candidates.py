"""Trajectories the robotaxi could drive: lines on the road, and speeds along them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.prediction import POSE_COUNT, STEP_S
from prediction_node.simulation.planner.parameters import PlannerParameters
from prediction_node.simulation.planner.path import Path

KEEP, FASTER, SLOWER, STOP, BRAKE = 'keep', 'faster', 'slower', 'stop', 'brake'
NUDGE_LEFT, NUDGE_RIGHT = 'nudge_left', 'nudge_right'
CHANGE_LEFT, CHANGE_RIGHT = 'lane_change_left', 'lane_change_right'
NAMES = (
    KEEP, FASTER, SLOWER, STOP, BRAKE,
    NUDGE_LEFT, NUDGE_RIGHT, CHANGE_LEFT, CHANGE_RIGHT,
)  # fmt: skip

_STEEPEST = 0.5  # slope of a line that leaves the present heading


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line on the ground from the robotaxi on, and how fast it may be driven."""

    path: Path
    envelope_mps: np.ndarray  # (S,) highest speed at the path's samples, stops ahead included
    reference_mps: float  # mean speed limit ahead: what progress is measured by


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """Where the middle of the box will be: pose k is k x 0.1 s after `stamp_ns`, map frame."""

    stamp_ns: int
    name: str
    pose: np.ndarray  # (T, 3) x_m, y_m, yaw_rad
    speed_mps: np.ndarray  # (T,)
    acceleration_mps2: np.ndarray  # (T,) from pose k on


def blend(
    reference: Path, offset_m: float, heading_rad: float, target_m: float, length_m: float
) -> Path:
    """From `offset_m` beside the start of `reference`, heading by `heading_rad` off it, to
    `target_m` beside it after `length_m`: a cubic (Hermite) in the arc length.
    """
    share = np.clip(reference.arc_m / length_m, 0.0, 1.0)
    slope = float(np.clip(np.tan(np.clip(heading_rad, -1.2, 1.2)), -_STEEPEST, _STEEPEST))
    start = 2.0 * share**3 - 3.0 * share**2 + 1.0
    leave = (share**3 - 2.0 * share**2 + share) * length_m
    return reference.moved_sideways(start * offset_m + leave * slope + (1.0 - start) * target_m)


def envelope(
    path: Path,
    limit_mps: np.ndarray,
    stops_m: list[float],
    front_m: float,
    parameters: PlannerParameters,
) -> np.ndarray:
    """(S,) highest speeds of the box's middle: limits, curves, and braking for what lies ahead.

    `limit_mps` (S,) at the path's samples; `stops_m` are lines that the front, `front_m` ahead of
    the middle, must not cross.
    """
    curve = np.sqrt(parameters.lateral_mps2 / np.maximum(np.abs(path.curvature_1pm), 1e-4))
    speed = np.minimum(np.minimum(limit_mps, curve), parameters.cruise_mps)
    for stop in stops_m:
        halt = stop - front_m - parameters.stop_line_gap_m
        # A line that can no longer be kept is still a line: the way to it counts from here on.
        room = np.maximum(halt - path.arc_m, 0.0)
        speed = np.minimum(speed, np.sqrt(2.0 * 0.8 * parameters.stopping_mps2 * room))
    square = np.square(speed)
    step = np.diff(path.arc_m)
    for k in range(len(square) - 2, -1, -1):
        ahead = square[k + 1] + 2.0 * 0.8 * parameters.stopping_mps2 * step[k]
        if square[k] > ahead:
            square[k] = ahead
    return np.asarray(np.sqrt(square))


@dataclass(frozen=True, slots=True, eq=False)
class Obstacles:
    """What stands or moves on a line: A road users at the poses' instants."""

    rear_m: np.ndarray  # (A, T) arc length of the end they turn to us; inf when off the line
    speed_mps: np.ndarray  # (A, T) along the line

    @classmethod
    def none(cls) -> Obstacles:
        return cls(np.zeros((0, POSE_COUNT)), np.zeros((0, POSE_COUNT)))


def drive(
    name: str,
    stamp_ns: int,
    line: Line,
    obstacles: Obstacles,
    speed_mps: float,
    front_m: float,
    parameters: PlannerParameters,
) -> Trajectory:
    """How the candidate `name` drives along a line, starting at its first sample.

    Follows whoever is ahead by the intelligent driver model (Treiber et al. 2000), below the
    line's envelope; stop and brake heed nothing but their own braking.
    """
    arc, speed = 0.0, max(speed_mps, 0.0)
    arcs, speeds, accelerations = np.zeros(POSE_COUNT), np.zeros(POSE_COUNT), np.zeros(POSE_COUNT)
    spacing = line.path.length_m / (len(line.path.arc_m) - 1)
    last = len(line.envelope_mps) - 1
    bound = line.envelope_mps.tolist()
    start_speed = speed
    for k in range(POSE_COUNT):
        place = min(arc / spacing, last)
        row = min(int(place), last - 1)
        allowed = bound[row] + (place - row) * (bound[row + 1] - bound[row])
        wish = _wish(name, speed, start_speed, allowed, parameters)
        if name not in (STOP, BRAKE) and len(obstacles.rear_m):
            wish = min(wish, _following(obstacles, k, arc + front_m, speed, allowed, parameters))
        wish = max(wish, -parameters.braking_mps2)
        after = max(speed + wish * STEP_S, 0.0)
        arcs[k], speeds[k], accelerations[k] = arc, speed, (after - speed) / STEP_S
        arc += 0.5 * (speed + after) * STEP_S
        speed = after
    return Trajectory(stamp_ns, name, line.path.at(arcs), speeds, accelerations)


def _wish(
    name: str, speed: float, start_speed: float, allowed: float, parameters: PlannerParameters
) -> float:
    """Acceleration towards what the candidate wants, never above what the line allows."""
    if name == STOP:
        return -parameters.stopping_mps2
    if name == BRAKE:
        return -parameters.braking_mps2
    target = allowed
    if name == KEEP:
        target = min(allowed, start_speed)
    elif name == SLOWER:
        target = min(allowed, 0.5 * start_speed)
    off = target - speed
    if off >= 0.0:
        return min(parameters.acceleration_mps2, off / 0.8)
    gentle = parameters.slowing_mps2 if allowed >= speed else parameters.braking_mps2
    return max(-gentle, off / 0.4)


def _following(
    obstacles: Obstacles,
    k: int,
    front: float,
    speed: float,
    allowed: float,
    parameters: PlannerParameters,
) -> float:
    """The least acceleration that the intelligent driver model has for those ahead."""
    gap = obstacles.rear_m[:, k] - front
    ahead = np.isfinite(gap) & (gap > -2.0)
    if not ahead.any():
        return np.inf
    gap = np.maximum(gap[ahead], 0.1)
    closing = speed - obstacles.speed_mps[ahead, k]
    a, b = parameters.acceleration_mps2, parameters.stopping_mps2
    wanted = parameters.standing_gap_m + np.maximum(
        speed * parameters.time_gap_s + speed * closing / (2.0 * np.sqrt(a * b)), 0.0
    )
    free = 1.0 - (speed / max(allowed, 0.5)) ** 4
    return float((a * (min(free, 1.0) - np.square(wanted / gap))).min())
