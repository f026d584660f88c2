"""Update of tracks by split covariance intersection; see update.py of fusion for what and why."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from prediction_node.compiled import compiled

X, Y, VX, VY, ACCELERATION, YAW, YAW_RATE = range(7)
STATE_COUNT = 7

# omega is searched on this grid, track by track: the cost is flat near its minimum.
OMEGA_GRID = (0.5, 0.7, 0.83, 0.91, 0.96, 0.985, 1.0 - 1e-6)
SURPRISING = 0.002  # share of innovations that are larger, if all is as modelled
# Quantile of the chi-squared distribution with two degrees of freedom.
_SURPRISING_SQUARED = -2.0 * math.log(SURPRISING)
MAX_OPENING = 50.0
WIDEST_M, WIDEST_MPS = 3.0, 10.0  # nothing is opened beyond these sigmas
_ROUNDING = 1e-10
_LEAST_VARIANCE = 1e-12


class Told(NamedTuple):
    """What K tracks are told by T reports, linearised; reports of one track lie side by side.

    Innovation and information are of the state as it was when the report was made, zero where the
    report says nothing. The information is that of the report alone: xx, yy, xy of the place,
    xx, yy, xy of the velocity, yaw, yaw rate. What is known besides all reports (that a body does
    not slip) is one more number of the present state.
    """

    start: np.ndarray  # (K + 1,) int64 first report of each track, and T
    innovation: np.ndarray  # (T, 7) z - x
    information: np.ndarray  # (T, 8) inverse covariances
    jacobian: np.ndarray  # (T, 7, 7) of the past by the present state
    shared_part: np.ndarray  # (T,) of the report's covariance that its source repeats
    known_jacobian: np.ndarray  # (K, 7)
    known: np.ndarray  # (K, 2) innovation and information of that number


class _Evidence(NamedTuple):
    """All reports of one track added up, and room for its update."""

    direction: np.ndarray  # (7,) information times innovation
    information: np.ndarray  # (7, 7)
    shared: np.ndarray  # (7, 7) covariance of the shared errors in `direction`
    seen: np.ndarray  # (4,) of place and velocity alone, as they were reported
    seen_information: np.ndarray  # (2, 3) xx, yy, xy of place and of velocity
    known: np.ndarray  # (4,) variances of place and velocity before
    factor: np.ndarray  # (7,) room
    room: np.ndarray  # (4, 7, 7)


@compiled
def split_update(
    mean: np.ndarray, independent: np.ndarray, shared: np.ndarray, at: np.ndarray, told: Told
) -> None:
    """Use the reports in the rows `at` (K,) of means (N, 7) and covariance parts (N, 7, 7).

    Where the reports surprise the track (a jump that neither noise explains) its covariance is
    opened first, by as much as they surprise.
    """
    evidence = _Evidence(
        np.empty(STATE_COUNT),
        np.empty((STATE_COUNT, STATE_COUNT)),
        np.empty((STATE_COUNT, STATE_COUNT)),
        np.empty(4),
        np.empty((2, 3)),
        np.empty(4),
        np.empty(STATE_COUNT),
        np.empty((4, STATE_COUNT, STATE_COUNT)),
    )
    for k in range(len(at)):
        n = at[k]
        omega, oriented = _omega_of_all(independent[n], shared[n], told, k)
        _add_up(evidence, omega, told, k)
        for i in range(4):
            evidence.known[i] = independent[n, i, i] + shared[n, i, i]
        _inflate(shared[n], omega, oriented)
        surprise = _surprise(independent[n], shared[n], evidence)
        if surprise > 1.0:
            _open(independent[n], shared[n], surprise, evidence.known, evidence.factor)
        _fuse(mean[n], independent[n], shared[n], evidence)


@compiled
def _omega_of(
    independent: np.ndarray,
    shared: np.ndarray,
    xx: float,
    yy: float,
    xy: float,
    shared_part: float,
) -> float:
    """The weight that minimises the determinant of the fused place.

    The covariance of the place is independent[:2, :2] + shared[:2, :2], that of what is told of it
    xx, yy, xy. With P1, P2 as in fusion.update it is |P1||P2| / |P1 + P2|.
    """
    best, least = OMEGA_GRID[0], math.inf
    for omega in OMEGA_GRID:
        scale = 1.0 - shared_part + shared_part / (1.0 - omega)
        a = shared[X, X] / omega + independent[X, X]
        b = shared[Y, Y] / omega + independent[Y, Y]
        c = shared[X, Y] / omega + independent[X, Y]
        first = max(a * b - c * c, 1e-300)
        second = max(scale * scale * (xx * yy - xy * xy), 1e-300)
        a, b, c = a + scale * xx, b + scale * yy, c + scale * xy
        fused = first / max(a * b - c * c, 1e-300) * second
        if fused < least:
            best, least = omega, fused
    return best


@compiled
def _omega_of_all(
    independent: np.ndarray, shared: np.ndarray, told: Told, k: int
) -> tuple[float, bool]:
    """The weight for all reports of track k together, about 1 where none repeats anything; and
    whether any tells a yaw.
    """
    xx, yy, xy, weight, repeated, oriented = 0.0, 0.0, 0.0, 0.0, 0.0, False
    for t in range(told.start[k], told.start[k + 1]):
        xx += told.information[t, 0]
        yy += told.information[t, 1]
        xy += told.information[t, 2]
        trace = told.information[t, 0] + told.information[t, 1]
        weight += trace
        repeated += trace * told.shared_part[t]
        oriented = oriented or told.information[t, 6] > 0.0
    part = repeated / weight
    if not part > 0.0:
        return OMEGA_GRID[-1], oriented
    determinant = xx * yy - xy * xy
    omega = _omega_of(
        independent, shared, yy / determinant, xx / determinant, -xy / determinant, part
    )
    return omega, oriented


@compiled
def _inflate(shared: np.ndarray, omega: float, oriented: bool) -> None:
    """Divide the shared part (7, 7) by omega, in place, where the reports can have a share in it.

    A report of a place shares nothing with what is known of the heading; divided by omega ten times
    a second, the heading of a standing car would soon be forgotten for nothing.
    """
    end = STATE_COUNT if oriented else YAW
    root = math.sqrt(omega)
    for i in range(STATE_COUNT):
        for j in range(STATE_COUNT):
            if i < end and j < end:
                shared[i, j] /= omega
            elif i < end or j < end:
                shared[i, j] /= root


@compiled
def _add_up(evidence: _Evidence, omega: float, told: Told, k: int) -> None:
    """Fill the evidence with all that track k is told."""
    direction, information, shared = evidence.direction, evidence.information, evidence.shared
    seen, seen_information = evidence.seen, evidence.seen_information
    slip, slip_weight = told.known_jacobian[k], told.known[k, 1]
    for i in range(STATE_COUNT):
        direction[i] = slip_weight * told.known[k, 0] * slip[i]
        for j in range(STATE_COUNT):
            information[i, j] = slip_weight * slip[i] * slip[j]
            shared[i, j] = 0.0
    for i in range(4):
        seen[i] = 0.0
    for i in range(2):
        for j in range(3):
            seen_information[i, j] = 0.0
    report, own = evidence.room[0], evidence.factor
    for t in range(told.start[k], told.start[k + 1]):
        repeated = told.shared_part[t] / (1.0 - omega)
        certainty = 1.0 / (1.0 - told.shared_part[t] + repeated)
        info, off = told.information[t], told.innovation[t]
        for block in range(2):
            xx = certainty * info[3 * block]
            yy = certainty * info[3 * block + 1]
            xy = certainty * info[3 * block + 2]
            x, y = off[2 * block], off[2 * block + 1]
            own[2 * block], own[2 * block + 1] = xx * x + xy * y, xy * x + yy * y
            seen[2 * block] += own[2 * block]
            seen[2 * block + 1] += own[2 * block + 1]
            seen_information[block, 0] += xx
            seen_information[block, 1] += yy
            seen_information[block, 2] += xy
        own[ACCELERATION] = 0.0
        own[YAW] = certainty * info[6] * off[YAW]
        own[YAW_RATE] = certainty * info[7] * off[YAW_RATE]
        _to_present(told.jacobian[t], info, certainty, report)
        share = certainty * repeated
        for i in range(STATE_COUNT):
            for j in range(STATE_COUNT):
                direction[i] += told.jacobian[t, j, i] * own[j]
                information[i, j] += report[i, j]
                shared[i, j] += share * report[i, j]


@compiled
def _to_present(
    jacobian: np.ndarray, information: np.ndarray, certainty: float, out: np.ndarray
) -> None:
    """Write J' (certainty * information) J (7, 7) of the blocks in `information` (8,)."""
    for i in range(STATE_COUNT):
        for j in range(i, STATE_COUNT):
            out[i, j] = (
                information[6] * jacobian[YAW, i] * jacobian[YAW, j]
                + information[7] * jacobian[YAW_RATE, i] * jacobian[YAW_RATE, j]
            )
    for first, at in ((X, 0), (VX, 3)):
        xx, yy, xy = information[at], information[at + 1], information[at + 2]
        if xx == 0.0:
            continue
        for i in range(STATE_COUNT):
            x, y = jacobian[first, i], jacobian[first + 1, i]
            x, y = xx * x + xy * y, xy * x + yy * y
            for j in range(i, STATE_COUNT):
                out[i, j] += x * jacobian[first, j] + y * jacobian[first + 1, j]
    for i in range(STATE_COUNT):
        for j in range(i, STATE_COUNT):
            out[i, j] *= certainty
            out[j, i] = out[i, j]


@compiled
def _surprise(independent: np.ndarray, shared: np.ndarray, evidence: _Evidence) -> float:
    """How surprising place and velocity are, above 1: too much."""
    largest = 0.0
    for block in range(2):
        i, j = 2 * block, 2 * block + 1
        xx = evidence.seen_information[block, 0]
        yy = evidence.seen_information[block, 1]
        xy = evidence.seen_information[block, 2]
        if xx == 0.0:
            continue
        determinant = xx * yy - xy * xy
        xx, yy, xy = yy / determinant, xx / determinant, -xy / determinant
        x, y = evidence.seen[i], evidence.seen[j]
        x, y = xx * x + xy * y, xy * x + yy * y
        xx += independent[i, i] + shared[i, i]
        yy += independent[j, j] + shared[j, j]
        xy += independent[i, j] + shared[i, j]
        largest = max(largest, (yy * x * x - 2.0 * xy * x * y + xx * y * y) / (xx * yy - xy * xy))
    return largest / _SURPRISING_SQUARED


@compiled
def _open(
    independent: np.ndarray,
    shared: np.ndarray,
    surprise: float,
    known: np.ndarray,
    scale: np.ndarray,
) -> None:
    """Open place and velocity of both parts (7, 7), in place and in bounds; `scale` (7,) is room.

    Only what jumped is opened. Acceleration and turning are seen too little to close again before
    the next surprise, and without a bound a series of surprises would make everything possible.
    `known` (4,) are the variances that the bounds are for.
    """
    for i in range(STATE_COUNT):
        scale[i] = 1.0
    for i in range(4):
        widest = WIDEST_M if i < VX else WIDEST_MPS
        room = widest * widest / max(known[i], _LEAST_VARIANCE)
        scale[i] = math.sqrt(min(max(min(surprise, room), 1.0), MAX_OPENING))
    for i in range(STATE_COUNT):
        for j in range(STATE_COUNT):
            independent[i, j] *= scale[i] * scale[j]
            shared[i, j] *= scale[i] * scale[j]


@compiled
def _fuse(
    mean: np.ndarray, independent: np.ndarray, shared: np.ndarray, evidence: _Evidence
) -> None:
    """Mean (7,) and parts (7, 7) with the evidence, in place; `shared` is inflated already.

    With T = (1 + P1 L)^-1 and the fused covariance G = T P1 both parts have the form
    T C T' + G N G', which is positive whatever the rounding: intersection divides by omega at every
    report and would blow a small negative remainder up. A positive one larger than any rounding is
    blown up alike and keeps the sum positive.
    """
    left, fused = evidence.room[0], evidence.room[1]
    product, result = evidence.room[2], evidence.room[3]
    for i in range(STATE_COUNT):
        for j in range(STATE_COUNT):
            total = 1.0 if i == j else 0.0
            for m in range(STATE_COUNT):
                total += (independent[i, m] + shared[i, m]) * evidence.information[m, j]
            left[i, j] = total
    _invert(left)
    for i in range(STATE_COUNT):
        for j in range(STATE_COUNT):
            total = 0.0
            for m in range(STATE_COUNT):
                total += left[i, m] * (independent[m, j] + shared[m, j])
            fused[i, j] = total
    for i in range(STATE_COUNT):
        for j in range(STATE_COUNT):
            mean[i] += fused[i, j] * evidence.direction[j]
            evidence.information[i, j] -= evidence.shared[i, j]
    mean[YAW] = (mean[YAW] + math.pi) % (2.0 * math.pi) - math.pi
    for part, noise in ((independent, evidence.information), (shared, evidence.shared)):
        for i in range(STATE_COUNT):
            for j in range(STATE_COUNT):
                result[i, j] = _ROUNDING if i == j else 0.0
        _add_congruent(result, left, part, product)
        _add_congruent(result, fused, noise, product)
        for i in range(STATE_COUNT):
            for j in range(STATE_COUNT):
                part[i, j] = result[max(i, j), min(i, j)]


@compiled
def _add_congruent(
    result: np.ndarray, factor: np.ndarray, middle: np.ndarray, product: np.ndarray
) -> None:
    """Add the lower half of F M F' (7, 7) to the result; `product` is room for F M."""
    for i in range(STATE_COUNT):
        for j in range(STATE_COUNT):
            total = 0.0
            for m in range(STATE_COUNT):
                total += factor[i, m] * middle[m, j]
            product[i, j] = total
    for i in range(STATE_COUNT):
        for j in range(i + 1):
            total = 0.0
            for m in range(STATE_COUNT):
                total += product[i, m] * factor[j, m]
            result[i, j] += total


@compiled
def _invert(matrix: np.ndarray) -> None:
    """Invert (7, 7) in place by Gauss-Jordan elimination with exchange of rows."""
    exchanged = np.empty(STATE_COUNT, np.int64)
    for k in range(STATE_COUNT):
        pivot = k
        for i in range(k + 1, STATE_COUNT):
            if abs(matrix[i, k]) > abs(matrix[pivot, k]):
                pivot = i
        exchanged[k] = pivot
        if pivot != k:
            for j in range(STATE_COUNT):
                matrix[k, j], matrix[pivot, j] = matrix[pivot, j], matrix[k, j]
        inverse = 1.0 / matrix[k, k]
        matrix[k, k] = 1.0
        for j in range(STATE_COUNT):
            matrix[k, j] *= inverse
        for i in range(STATE_COUNT):
            if i != k:
                factor = matrix[i, k]
                matrix[i, k] = 0.0
                for j in range(STATE_COUNT):
                    matrix[i, j] -= factor * matrix[k, j]
    for k in range(STATE_COUNT - 1, -1, -1):
        if exchanged[k] != k:
            for i in range(STATE_COUNT):
                swap = matrix[i, k]
                matrix[i, k] = matrix[i, exchanged[k]]
                matrix[i, exchanged[k]] = swap
