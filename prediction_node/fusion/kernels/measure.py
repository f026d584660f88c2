"""What each report tells of its track, linearised; see measure.py of fusion."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from prediction_node.compiled import compiled

X, Y, VX, VY, ACCELERATION, YAW, YAW_RATE = range(7)
STATE_COUNT = 7
DRIFT, YAW_RATE_DRIFT, YAW_DRIFT, SLIP_VARIANCE, AXLE_FRACTION = range(1, 6)
UNAVAILABLE, SIGN_UNKNOWN, AVAILABLE = range(3)  # kinds.Orientation
# Columns of a report's information, that of the report alone: place, velocity, yaw, yaw rate.
INFORMATION_COUNT = 8

YAW_RATE_VARIANCE = 0.3**2  # messages carry none for it
REPORT_EVIDENCE = 1.0  # nats of one report that tells front from back
WALKING_MPS = 1.0  # as in motion.py
_LEAST_SILENCE_S = 1e-3


class MeasuredTracks(NamedTuple):
    """N tracks."""

    mean: np.ndarray  # (N, 7)
    noise: np.ndarray  # (N, 6)
    length_m: np.ndarray  # (N,)
    has_heading: np.ndarray  # (N,) bool
    front_told: np.ndarray  # (N,) bool
    heading_evidence: np.ndarray  # (N,)


class Measured(NamedTuple):
    """R reports."""

    position_m: np.ndarray  # (R, 3)
    position_covariance: np.ndarray  # (R, 2, 2)
    has_velocity: np.ndarray  # (R,) bool
    velocity_mps: np.ndarray  # (R, 2)
    velocity_covariance: np.ndarray  # (R, 2, 2)
    orientation: np.ndarray  # (R,) int8
    yaw_rad: np.ndarray  # (R,)
    yaw_variance: np.ndarray  # (R,)
    has_yaw_rate: np.ndarray  # (R,) bool
    yaw_rate_radps: np.ndarray  # (R,)


@compiled
def measure(
    tracks: MeasuredTracks,
    row: np.ndarray,
    reports: Measured,
    report: np.ndarray,
    past: np.ndarray,
    late_s: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Innovations (T, 7) and information (T, 8) of T pairs of a track and a report.

    The reports in the rows `report` (T,) are of the tracks in the rows `row` (T,), which were at
    `past` (T, 7) when they were made, late_s (T,) ago; what may have happened since is noise of
    the report. Columns of the information: xx, yy, xy of the place, xx, yy, xy of the velocity,
    yaw, yaw rate; zero where nothing is told.

    Boxes are symmetric: a report half a turn off agrees on the axis and disagrees on the sign, so
    the axis is corrected and the sign is voted on, in heading_evidence.
    """
    innovation = np.zeros((len(row), STATE_COUNT))
    information = np.zeros((len(row), INFORMATION_COUNT))
    for t in range(len(row)):
        n, r, late = row[t], report[t], late_s[t]
        speed2 = tracks.mean[n, VX] * tracks.mean[n, VX] + tracks.mean[n, VY] * tracks.mean[n, VY]
        turning = tracks.noise[n, YAW_RATE_DRIFT] * speed2 / (speed2 + WALKING_MPS * WALKING_MPS)
        third = late * late * late / 3.0
        drift = tracks.noise[n, DRIFT]
        innovation[t, X] = reports.position_m[r, 0] - past[t, X]
        innovation[t, Y] = reports.position_m[r, 1] - past[t, Y]
        information[t, 0], information[t, 1], information[t, 2] = _inverse(
            reports.position_covariance[r], drift * third
        )
        if reports.has_velocity[r]:
            innovation[t, VX] = reports.velocity_mps[r, 0] - past[t, VX]
            innovation[t, VY] = reports.velocity_mps[r, 1] - past[t, VY]
            information[t, 3], information[t, 4], information[t, 5] = _inverse(
                reports.velocity_covariance[r], drift * late
            )
        if reports.orientation[r] != UNAVAILABLE:
            difference = _wrapped(reports.yaw_rad[r] - past[t, YAW])
            opposite = abs(difference) > 0.5 * math.pi
            innovation[t, YAW] = _wrapped(difference + math.pi) if opposite else difference
            since = tracks.noise[n, YAW_DRIFT] * late + turning * third
            information[t, 6] = 1.0 / (reports.yaw_variance[r] + since)
            if reports.orientation[r] == AVAILABLE:
                tracks.front_told[n] = True
                tracks.heading_evidence[n] += -REPORT_EVIDENCE if opposite else REPORT_EVIDENCE
        if reports.has_yaw_rate[r]:
            innovation[t, YAW_RATE] = reports.yaw_rate_radps[r] - past[t, YAW_RATE]
            information[t, 7] = 1.0 / (YAW_RATE_VARIANCE + turning * late)
    return innovation, information


@compiled
def no_slip(
    tracks: MeasuredTracks, at: np.ndarray, silence_s: np.ndarray, slip_memory_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """That the unsteered axle of the tracks `at` (K,) does not move sideways: Jacobians (K, 7), and
    innovations and information (K, 2), zero without a heading.

    The axle lies a fraction of the length behind the centre. Said anew with every report of any
    source, it must not count more often than slip changes: silence_s (K,) is the time since.
    """
    jacobian = np.zeros((len(at), STATE_COUNT))
    told = np.zeros((len(at), 2))
    for k in range(len(at)):
        n = at[k]
        if not tracks.has_heading[n]:
            continue
        vx, vy = tracks.mean[n, VX], tracks.mean[n, VY]
        cos, sin = math.cos(tracks.mean[n, YAW]), math.sin(tracks.mean[n, YAW])
        lever = tracks.noise[n, AXLE_FRACTION] * tracks.length_m[n]
        jacobian[k, VX], jacobian[k, VY] = -sin, cos
        # Standing, the noise of the speed would turn the body bit by bit: no motion, no heading
        # from it.
        jacobian[k, YAW] = -(vx * cos + vy * sin)
        jacobian[k, YAW_RATE] = -lever
        told[k, 0] = -(vy * cos - vx * sin - lever * tracks.mean[n, YAW_RATE])
        said = min(max(silence_s[k], _LEAST_SILENCE_S), slip_memory_s) / slip_memory_s
        told[k, 1] = said / tracks.noise[n, SLIP_VARIANCE]
    return jacobian, told


@compiled
def _inverse(covariance: np.ndarray, added: float) -> tuple[float, float, float]:
    """xx, yy, xy of the inverse of covariance (2, 2) + added * I."""
    xx, yy, xy = covariance[0, 0] + added, covariance[1, 1] + added, covariance[0, 1]
    determinant = xx * yy - xy * xy
    return yy / determinant, xx / determinant, -xy / determinant


@compiled
def _wrapped(angle_rad: float) -> float:
    """The same angle in [-pi, pi)."""
    return (angle_rad + math.pi) % (2.0 * math.pi) - math.pi
