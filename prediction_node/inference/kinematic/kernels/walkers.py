"""Bodies that may step in any direction: constant velocity, and the far side of a crosswalk."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

TURN_S = 1.5
SPEED_S = 1.5
MAX_SPEED_MPS = 12.0
# Who is slower has no course: who stands walks off, if at all, the way the body faces.
MOVES_MPS = 1e-3
FACING_S = 0.6
# From this speed on bodies fully turn to where they go.
FACING_MPS = 0.5
CROSSWALK_WEIGHT = 0.2
ON_CROSSWALK_GAIN = 2.0
CROSSING_MPS = 1.3
ON_CROSSWALK_M = 3.0
# Slower than this a course says little about a goal; so well does any crosswalk fit then.
AIMS_MPS = 0.3
AIMLESS_FIT = 0.2
LEAST_FIT = 0.1
LEAST_LEFT_M = 0.5
# Who faces neither end, walks along the crosswalk: rounding must not choose.
FACES = 1e-6


@compiled
def wrapped(angle_rad: float) -> float:
    """The same angle in [-pi, pi)."""
    return (angle_rad + math.pi) % (2.0 * math.pi) - math.pi


@compiled
def read_courses(
    row: np.ndarray, yaw_rad: np.ndarray, velocity_mps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(N,) speeds and directions of motion of agents `row` (N,); arrays are of all agents."""
    speed, course = np.empty(len(row)), np.empty(len(row))
    for i in range(len(row)):
        vx, vy = velocity_mps[row[i], 0], velocity_mps[row[i], 1]
        vx, vy = vx if vx == vx else 0.0, vy if vy == vy else 0.0
        speed[i] = min(math.hypot(vx, vy), MAX_SPEED_MPS)
        course[i] = math.atan2(vy, vx) if speed[i] > MOVES_MPS else yaw_rad[row[i]]
    return speed, course


@compiled
def find_crossings(
    x_m: np.ndarray,
    y_m: np.ndarray,
    speed_mps: np.ndarray,
    course_rad: np.ndarray,
    query: np.ndarray,
    lane: np.ndarray,
    arc_length_m: np.ndarray,
    offset_m: np.ndarray,
    beyond_m: np.ndarray,
    heading_error_rad: np.ndarray,
    first: np.ndarray,
    count: np.ndarray,
    length_m: np.ndarray,
    sample_x_m: np.ndarray,
    sample_y_m: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The crosswalk that each of N walkers may take: its weight (N,), 0 for none, and (N, 4).

    The four are the ways in metres, x and y, to where it is entered, 0 for who is on it, and from
    there to its far end. C pairs of walker (`query`) and crosswalk as in `LaneCandidates`; lanes
    and samples as in `LaneGeometry`, in the same coordinates as the walkers.
    """
    n = len(x_m)
    weight, way, best_fit = np.empty(n), np.empty((n, 4)), np.empty(n)
    for i in range(n):
        weight[i], best_fit[i] = 0.0, LEAST_FIT
        for k in range(4):
            way[i, k] = 0.0
    for c in range(len(query)):
        on, i = lane[c], query[c]
        at, end = first[on], first[on] + count[on] - 1
        # Crosswalks are walked both ways; the destination is the end the walker faces.
        walked = arc_length_m[c]
        if math.cos(heading_error_rad[c]) < -FACES:
            at, end = end, at
            walked = length_m[on] - walked
        entry_x, entry_y = sample_x_m[at] - x_m[i], sample_y_m[at] - y_m[i]
        goal_x, goal_y = sample_x_m[end] - x_m[i], sample_y_m[end] - y_m[i]
        inside = abs(offset_m[c]) < ON_CROSSWALK_M and beyond_m[c] == 0.0
        if inside:
            entry_x, entry_y = 0.0, 0.0
            aim = math.atan2(goal_y, goal_x)
        else:
            aim = math.atan2(entry_y, entry_x)
        fit = math.cos(aim - course_rad[i]) if speed_mps[i] > AIMS_MPS else AIMLESS_FIT
        if length_m[on] - walked <= LEAST_LEFT_M or fit <= best_fit[i]:
            continue
        best_fit[i] = fit
        weight[i] = (ON_CROSSWALK_GAIN if inside else 1.0) * CROSSWALK_WEIGHT * fit
        way[i, 0], way[i, 1] = entry_x, entry_y
        way[i, 2], way[i, 3] = goal_x - entry_x, goal_y - entry_y
    return weight, way


@compiled
def write_crossing(
    speed_mps: float,
    course_rad: float,
    way_m: np.ndarray,
    step_s: float,
    eased: np.ndarray,
    x_m: np.ndarray,
    y_m: np.ndarray,
    turned_rad: np.ndarray,
) -> None:
    """Write the way over a crosswalk, `way_m` (4,) as of `find_crossings`, from the walker.

    x and y (T,) and how far it has turned from its course; `eased` (T,): how much of a change of
    speed has happened by each instant.
    """
    pace = max(speed_mps, CROSSING_MPS)
    leg = math.hypot(way_m[0], way_m[1])
    rest = max(math.hypot(way_m[2], way_m[3]), 1e-6)
    then = wrapped(math.atan2(way_m[3], way_m[2]) - course_rad)
    first = wrapped(math.atan2(way_m[1], way_m[0]) - course_rad) if leg > 0.0 else then
    for k in range(len(x_m)):
        gone = pace * step_s * k - (pace - speed_mps) * SPEED_S * eased[k]
        to_entry = min(max(gone / max(leg, 1e-6), 0.0), 1.0)
        # Past the far kerb the walk goes on the same way: the crosswalk is not the journey's end.
        beyond = max(gone - leg, 0.0) / rest
        x_m[k] = to_entry * way_m[0] + beyond * way_m[2]
        y_m[k] = to_entry * way_m[1] + beyond * way_m[3]
        turned_rad[k] = then if beyond > 0.0 else first


@compiled
def write_walk(
    speed_mps: float,
    course_rad: float,
    share: float,
    step_s: float,
    eased: np.ndarray,
    aside: np.ndarray,
    x_m: np.ndarray,
    y_m: np.ndarray,
) -> None:
    """Write x and y (T,), from the walker, of who changes to `share` of the speed and turns.

    `eased` (T,): how much of the change of speed has happened by each instant. aside (T, 2): cosine
    and sine of how far the way from the instant before has turned from the course.
    """
    x_m[0], y_m[0] = 0.0, 0.0
    cos, sin = math.cos(course_rad), math.sin(course_rad)
    for k in range(1, len(x_m)):
        step = speed_mps * (1.0 + (share - 1.0) * eased[k]) * step_s
        x_m[k] = x_m[k - 1] + step * (cos * aside[k, 0] - sin * aside[k, 1])
        y_m[k] = y_m[k - 1] + step * (sin * aside[k, 0] + cos * aside[k, 1])


@compiled
def write_walkers(
    row: np.ndarray,
    order: np.ndarray,
    position_m: np.ndarray,
    yaw_rad: np.ndarray,
    speed_mps: np.ndarray,
    course_rad: np.ndarray,
    behaviour: np.ndarray,
    crosses: np.ndarray,
    way_m: np.ndarray,
    step_s: float,
    pose: np.ndarray,
) -> None:
    """Write poses (A, K, T, 3) of walkers, agents `row` (N,) of A.

    Mode k of walker i has behaviour order[i, k] of `behaviour` (K, 3) - share of the speed, turn,
    weight - or crosses (N,) instead of having the last. Yaw turns from the body's to the direction
    of motion; whoever stands keeps facing the same way.
    """
    modes, poses = pose.shape[1], pose.shape[2]
    x, y = np.empty(poses), np.empty(poses)
    eased, faced = np.empty(poses), np.empty(poses)
    # Turns, and their cosines and sines on the way there, are everybody's: found once.
    turned, aside = np.empty((modes + 1, poses)), np.empty((modes, poses, 2))
    for k in range(poses):
        eased[k] = 1.0 - math.exp(-step_s * k / SPEED_S)
        faced[k] = 1.0 - math.exp(-step_s * k / FACING_S)
        for b in range(modes):
            turned[b, k] = behaviour[b, 1] * (1.0 - math.exp(-step_s * k / TURN_S))
            middle = 0.5 * (turned[b, k] + turned[b, max(k - 1, 0)])
            aside[b, k, 0], aside[b, k, 1] = math.cos(middle), math.sin(middle)
    for i in range(len(row)):
        a = row[i]
        turns = min(speed_mps[i] / FACING_MPS, 1.0)
        to_course = wrapped(course_rad[i] - yaw_rad[a])
        for mode in range(modes):
            b = order[i, mode]
            if crosses[i] and b == len(behaviour) - 1:
                b = modes
                write_crossing(
                    speed_mps[i], course_rad[i], way_m[i], step_s, eased, x, y, turned[b]
                )
            else:
                write_walk(
                    speed_mps[i], course_rad[i], behaviour[b, 0], step_s, eased, aside[b], x, y
                )
            for k in range(poses):
                pose[a, mode, k, 0] = position_m[a, 0] + x[k]
                pose[a, mode, k, 1] = position_m[a, 1] + y[k]
                # Both parts are at most half a turn: one turn back is enough.
                turn = to_course + turned[b, k]
                if turn >= math.pi:
                    turn -= 2.0 * math.pi
                elif turn < -math.pi:
                    turn += 2.0 * math.pi
                pose[a, mode, k, 2] = yaw_rad[a] + turns * faced[k] * turn
