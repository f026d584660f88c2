"""Trajectories the robotaxi could drive: lines on the road, and speeds along them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.prediction import POSE_COUNT
from prediction_node.simulation.planner import kernels
from prediction_node.simulation.planner.parameters import PlannerParameters
from prediction_node.simulation.planner.path import Path

KEEP, FASTER, SLOWER = 'keep', 'faster', 'slower'
STOP, FIRM_STOP, BRAKE = 'stop', 'firm_stop', 'brake'
PASS = 'pass'  # before walkers who will come
NUDGE_LEFT, NUDGE_RIGHT = 'nudge_left', 'nudge_right'
CHANGE_LEFT, CHANGE_RIGHT = 'lane_change_left', 'lane_change_right'
ALONG = (KEEP, FASTER, SLOWER, STOP, FIRM_STOP, BRAKE)  # on the line of the lane
NAMES = (*ALONG, PASS, NUDGE_LEFT, NUDGE_RIGHT, CHANGE_LEFT, CHANGE_RIGHT)

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
    line's envelope; stop, firm_stop and brake heed nothing but their own braking.
    """
    target = {KEEP: speed_mps, SLOWER: 0.5 * speed_mps}.get(name, np.inf)
    braking = {
        STOP: parameters.stopping_mps2,
        FIRM_STOP: parameters.firm_stopping_mps2,
        BRAKE: parameters.braking_mps2,
    }.get(name, 0.0)
    arcs, speeds, accelerations = kernels.roll_out(
        float(speed_mps),
        float(target),
        braking,
        parameters.slowing_mps2,
        parameters.braking_mps2,
        parameters.acceleration_mps2,
        parameters.stopping_mps2,
        parameters.time_gap_s,
        parameters.standing_gap_m,
        front_m,
        line.envelope_mps,
        line.path.length_m / (len(line.path.arc_m) - 1),
        obstacles.rear_m,
        obstacles.speed_mps,
        POSE_COUNT,
    )
    return Trajectory(stamp_ns, name, line.path.at(arcs), speeds, accelerations)


def warm_up() -> None:
    """Have the kernels compiled or loaded, so that the first plan is not the slow one."""
    path = Path.of(np.array([[0.0, 0.0], [10.0, 0.0]]))
    path.project(np.zeros((1, 2)))
    line = Line(path, np.full(len(path.arc_m), 5.0), 5.0)
    obstacles = Obstacles(np.full((1, POSE_COUNT), 8.0), np.zeros((1, POSE_COUNT)))
    drive(KEEP, 0, line, obstacles, 5.0, 2.0, PlannerParameters())
