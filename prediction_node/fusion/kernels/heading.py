"""Which way bodies face; see heading.py of fusion."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from prediction_node.compiled import compiled

VX, VY, ACCELERATION, YAW, YAW_RATE = range(2, 7)
STATE_COUNT = 7
UNAVAILABLE, SIGN_UNKNOWN = 0, 1  # of kinds.Orientation

MAX_EVIDENCE = 4.0
FLIP_EVIDENCE = -2.0
MOTION_EVIDENCE_PER_S = 1.0  # times the square of the speed along the heading: reversing is slow
MAX_MOTION_EVIDENCE_PER_S = 60.0
SIGNIFICANT = 4.0  # sigmas of speed from which a direction of motion is a heading
SLOWEST_MPS = 0.5
FIRST_YAW_RATE_VARIANCE = 0.3**2
FIRST_ACCELERATION_VARIANCE = 1.0
_LEAST_SPEED_MPS = 0.3


class Headings(NamedTuple):
    """N tracks, as far as their headings go."""

    mean: np.ndarray  # (N, 7)
    independent: np.ndarray  # (N, 7, 7)
    shared: np.ndarray  # (N, 7, 7)
    has_heading: np.ndarray  # (N,) bool
    front_told: np.ndarray  # (N,) bool
    evidence: np.ndarray  # (N,) nats for the yaw against the opposite one


@compiled
def adopt(
    tracks: Headings,
    at: np.ndarray,
    start: np.ndarray,
    report: np.ndarray,
    orientation: np.ndarray,
    yaw_rad: np.ndarray,
    yaw_variance: np.ndarray,
    opening: float,
) -> None:
    """Give those of the tracks `at` (K,) that lack a heading the first reported one, if any.

    Track k has the rows report[start[k]:start[k + 1]] of the reports (R,). The variance is opened
    by the factor `opening`. A yaw whose sign is unknown looks the way the body moves.
    """
    for k in range(len(at)):
        n = at[k]
        for p in range(start[k], start[k + 1]):
            r = report[p]
            if tracks.has_heading[n] or orientation[r] == UNAVAILABLE:
                continue
            yaw = yaw_rad[r]
            ahead = tracks.mean[n, VX] * math.cos(yaw) + tracks.mean[n, VY] * math.sin(yaw)
            if orientation[r] == SIGN_UNKNOWN and ahead < 0.0:
                yaw += math.pi
            _set(tracks, n, yaw, opening * yaw_variance[r])


@compiled
def begin(tracks: Headings, at: np.ndarray) -> None:
    """Give those of the tracks `at` (K,) that lack a heading the direction of a certain motion."""
    for n in at:
        if tracks.has_heading[n]:
            continue
        vx, vy = tracks.mean[n, VX], tracks.mean[n, VY]
        xx, yy, xy = _velocity_covariance(tracks, n)
        largest = 0.5 * (xx + yy) + math.sqrt(0.25 * (xx - yy) * (xx - yy) + xy * xy)
        speed2 = vx * vx + vy * vy
        if speed2 > SIGNIFICANT * SIGNIFICANT * largest and speed2 > SLOWEST_MPS * SLOWEST_MPS:
            # The error across the motion turns it.
            across = (vy * vy * xx - 2.0 * vx * vy * xy + vx * vx * yy) / speed2
            _set(tracks, n, math.atan2(vy, vx), across / speed2)
            tracks.evidence[n] = 1.0


@compiled
def judge(
    tracks: Headings,
    unseen_ns: np.ndarray,
    longest_unseen_ns: int,
    class_probabilities: np.ndarray,
    is_walker: np.ndarray,
    dt_s: float,
) -> None:
    """Weigh dt_s of motion of the tracks unseen (N,) for no longer than a bound, and turn those by
    half whose sign it contradicts; classes (N, C), is_walker (C,) bool.
    """
    for n in range(len(tracks.mean)):
        if unseen_ns[n] > longest_unseen_ns or not tracks.has_heading[n]:
            continue
        cos, sin = math.cos(tracks.mean[n, YAW]), math.sin(tracks.mean[n, YAW])
        speed = tracks.mean[n, VX] * cos + tracks.mean[n, VY] * sin
        xx, yy, xy = _velocity_covariance(tracks, n)
        variance = cos * cos * xx + 2.0 * cos * sin * xy + sin * sin * yy
        certain = abs(speed) > max(2.0 * math.sqrt(max(variance, 0.0)), _LEAST_SPEED_MPS)
        if certain:
            rate = MOTION_EVIDENCE_PER_S * speed * abs(speed)
            bound = MAX_MOTION_EVIDENCE_PER_S
            tracks.evidence[n] += min(max(rate, -bound), bound) * dt_s
        tracks.evidence[n] = min(max(tracks.evidence[n], -MAX_EVIDENCE), MAX_EVIDENCE)
        walking = 0.0
        for c in range(len(is_walker)):
            if is_walker[c]:
                walking += class_probabilities[n, c]
        free = walking > 0.5 or not tracks.front_told[n]
        if tracks.evidence[n] < FLIP_EVIDENCE or (free and certain and speed < 0.0):
            tracks.evidence[n] = abs(tracks.evidence[n])
            _turn_round(tracks, n)


@compiled
def _velocity_covariance(tracks: Headings, n: int) -> tuple[float, float, float]:
    """xx, yy, xy."""
    return (
        tracks.independent[n, VX, VX] + tracks.shared[n, VX, VX],
        tracks.independent[n, VY, VY] + tracks.shared[n, VY, VY],
        tracks.independent[n, VX, VY] + tracks.shared[n, VX, VY],
    )


@compiled
def _turn_round(tracks: Headings, n: int) -> None:
    """Turn a body by half. The acceleration acts along the heading: it changes its sign."""
    tracks.mean[n, YAW] = _wrapped(tracks.mean[n, YAW] + math.pi)
    tracks.mean[n, ACCELERATION] = -tracks.mean[n, ACCELERATION]
    for i in range(STATE_COUNT):
        if i != ACCELERATION:
            for part in (tracks.independent, tracks.shared):
                part[n, ACCELERATION, i] = -part[n, ACCELERATION, i]
                part[n, i, ACCELERATION] = -part[n, i, ACCELERATION]


@compiled
def _set(tracks: Headings, n: int, yaw_rad: float, variance: float) -> None:
    """Start heading, yaw rate and acceleration of a body, uncorrelated with the rest."""
    tracks.mean[n, YAW] = _wrapped(yaw_rad)
    tracks.mean[n, ACCELERATION] = 0.0
    tracks.mean[n, YAW_RATE] = 0.0
    for i in range(ACCELERATION, STATE_COUNT):
        for j in range(STATE_COUNT):
            for part in (tracks.independent, tracks.shared):
                part[n, i, j] = 0.0
                part[n, j, i] = 0.0
    tracks.independent[n, YAW, YAW] = variance
    tracks.independent[n, YAW_RATE, YAW_RATE] = FIRST_YAW_RATE_VARIANCE
    tracks.independent[n, ACCELERATION, ACCELERATION] = FIRST_ACCELERATION_VARIANCE
    tracks.has_heading[n] = True


@compiled
def _wrapped(angle_rad: float) -> float:
    """The same angle in [-pi, pi)."""
    return (angle_rad + math.pi) % (2.0 * math.pi) - math.pi
