"""Which reports start tracks, and how; see initiate.py of fusion."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from prediction_node.compiled import compiled

X, Y, VX, VY, ACCELERATION, YAW, YAW_RATE = range(7)
UNAVAILABLE, SIGN_UNKNOWN = 0, 1  # kinds.Orientation
UNKNOWN = 0  # kinds.ObjectClass
NOBODY = -1

SIDEWAYS_VARIANCE = 0.5**2  # of a body whose heading is known
FIRST_YAW_RATE_VARIANCE = 0.3**2  # as in heading.py
FIRST_ACCELERATION_VARIANCE = 1.0


class Newborn(NamedTuple):
    """Motion of N tracks, all zero."""

    mean: np.ndarray  # (N, 7)
    independent: np.ndarray  # (N, 7, 7)
    shared: np.ndarray  # (N, 7, 7)
    has_heading: np.ndarray  # (N,) bool


class Founding(NamedTuple):
    """R reports."""

    modality: np.ndarray  # (R,) int64
    position_m: np.ndarray  # (R, 3)
    position_covariance: np.ndarray  # (R, 2, 2)
    has_velocity: np.ndarray  # (R,) bool
    velocity_mps: np.ndarray  # (R, 2)
    velocity_covariance: np.ndarray  # (R, 2, 2)
    orientation: np.ndarray  # (R,) int8
    yaw_rad: np.ndarray  # (R,)
    yaw_variance: np.ndarray  # (R,)
    has_class: np.ndarray  # (R,) bool
    class_probabilities: np.ndarray  # (R, C)


@compiled
def founders(
    position_m: np.ndarray, message: np.ndarray, is_free: np.ndarray, reach_m: float
) -> np.ndarray:
    """(R,) bool: which of the free reports (R,) at (R, 3) nobody before them may have made as well.

    One message (R,) int64, rising, reports an object once, so that only free reports of other,
    earlier messages within reach_m count.
    """
    out = np.zeros(len(message), np.bool_)
    free = np.empty(len(message), np.int64)
    count = 0
    for r in range(len(message)):
        if not is_free[r]:
            continue
        free[count] = r
        count += 1
        out[r] = True
        for k in range(count - 1):
            q = free[k]
            if message[q] == message[r]:
                break
            dx = position_m[q, 0] - position_m[r, 0]
            dy = position_m[q, 1] - position_m[r, 1]
            if dx * dx + dy * dy < reach_m * reach_m:
                out[r] = False
                break
    return out


@compiled
def start_motion(
    born: Newborn,
    reports: Founding,
    report: np.ndarray,
    shared_error: np.ndarray,
    log_speed_sigma: np.ndarray,
) -> None:
    """Fill N tracks, each from one of the reports in the rows `report` (N,) int64.

    What a report does not say is wide open: the speed by its class (logarithms of sigmas (C,), in
    m/s), hardly sideways if a heading is told. The part `shared_error` of its modality is shared.
    """
    for n in range(len(report)):
        r = report[n]
        part = shared_error[reports.modality[r]]
        for i in range(2):
            born.mean[n, i] = reports.position_m[r, i]
            for j in range(2):
                place = reports.position_covariance[r, i, j]
                born.independent[n, i, j] = (1.0 - part) * place
                born.shared[n, i, j] = part * place
        if reports.has_velocity[r]:
            for i in range(2):
                born.mean[n, VX + i] = reports.velocity_mps[r, i]
                for j in range(2):
                    velocity = reports.velocity_covariance[r, i, j]
                    born.independent[n, VX + i, VX + j] = (1.0 - part) * velocity
                    born.shared[n, VX + i, VX + j] = part * velocity
        born.independent[n, YAW, YAW] = math.pi**2 / 3.0  # any heading
        yaw = reports.yaw_rad[r]
        ahead = born.mean[n, VX] * math.cos(yaw) + born.mean[n, VY] * math.sin(yaw)
        if reports.orientation[r] == SIGN_UNKNOWN and ahead < 0.0:
            yaw += math.pi
        if not reports.has_velocity[r]:
            _open_velocity(born, n, reports, r, yaw, log_speed_sigma)
        if reports.orientation[r] != UNAVAILABLE:
            born.mean[n, YAW] = (yaw + math.pi) % (2.0 * math.pi) - math.pi
            born.independent[n, YAW, YAW] = reports.yaw_variance[r]
            born.independent[n, YAW_RATE, YAW_RATE] = FIRST_YAW_RATE_VARIANCE
            born.independent[n, ACCELERATION, ACCELERATION] = FIRST_ACCELERATION_VARIANCE
            born.has_heading[n] = True


@compiled
def _open_velocity(
    born: Newborn, n: int, reports: Founding, r: int, yaw: float, log_speed_sigma: np.ndarray
) -> None:
    """The covariance of a velocity that nobody told, along the yaw if there is one."""
    logarithm = log_speed_sigma[UNKNOWN]
    if reports.has_class[r]:
        logarithm = 0.0
        for c in range(len(log_speed_sigma)):
            logarithm += reports.class_probabilities[r, c] * log_speed_sigma[c]
    along = math.exp(2.0 * logarithm)
    across = along
    if reports.orientation[r] != UNAVAILABLE:
        across = min(SIDEWAYS_VARIANCE, along)
    cos, sin = math.cos(yaw), math.sin(yaw)
    covariance = born.independent[n]
    covariance[VX, VX] = across + (along - across) * cos * cos
    covariance[VY, VY] = across + (along - across) * sin * sin
    covariance[VX, VY] = covariance[VY, VX] = (along - across) * cos * sin
