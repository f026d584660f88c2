"""Update by split covariance intersection.

Reports of one source are tracks, already filtered: part of the error of one report comes again in
the next, and counting it twice makes a filter sure of what it does not know. Split covariance
intersection (S. J. Julier, J. K. Uhlmann, in Handbook of Multisensor Data Fusion, 2001, ch. 12; H.
Li, F. Nashashibi, M. Yang, IEEE Trans. ITS 14(4), 2013) keeps the shared part of all errors apart
and intersects it, while the independent part is combined as a Kalman filter would:

    P1 = S/omega + I,  P2 = R_shared/(1 - omega) + R_independent,  K = P1 H'(H P1 H' + P2)^-1.

With `shared_error` 1 this is plain covariance intersection, with 0 the Kalman filter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from prediction_node.fusion.tracks import STATE_COUNT, VX, VY, YAW, X, Y

# omega is searched on this grid, track by track: the cost is flat near its minimum.
SURPRISING = 0.002  # share of innovations that are larger, if all is as modelled
MAX_OPENING = 50.0
_ROUNDING = 1e-10 * np.eye(STATE_COUNT)
WIDEST_M, WIDEST_MPS = 3.0, 10.0  # nothing is opened beyond these sigmas
OMEGA_GRID = np.array([0.5, 0.7, 0.83, 0.91, 0.96, 0.985, 1.0 - 1e-6])


@dataclass(frozen=True, slots=True, eq=False)
class Reports:
    """What K tracks are told, linearised: z - h(x), dh/dx and the noise, M numbers each."""

    innovation: np.ndarray  # (K, M); the first two are of position
    jacobian: np.ndarray  # (K, M, STATE_COUNT)
    independent: np.ndarray  # (K, M, M)
    shared: np.ndarray  # (K, M, M)
    has_velocity: bool  # the third and the fourth are of velocity
    has_yaw: bool  # one of them is of the heading


def omega_of(
    independent: np.ndarray, shared: np.ndarray, r_independent: np.ndarray, r_shared: np.ndarray
) -> np.ndarray:
    """(K,) weights that minimise the determinant of the fused position, all inputs (K, 2, 2).

    With P1, P2 as above the fused covariance has the determinant |P1||P2| / |P1 + P2|.
    """
    omega = OMEGA_GRID[:, None]

    def mixed(part: np.ndarray, whole: np.ndarray, weight: np.ndarray) -> list[np.ndarray]:
        return [whole[:, i, j] / weight + part[:, i, j] for i, j in ((0, 0), (1, 1), (0, 1))]

    first = mixed(independent, shared, omega)
    second = mixed(r_independent, r_shared, 1.0 - omega)

    def determinant(xx: np.ndarray, yy: np.ndarray, xy: np.ndarray) -> np.ndarray:
        area: np.ndarray = np.maximum(xx * yy - xy * xy, 1e-300)
        return area

    both = determinant(*(a + b for a, b in zip(first, second, strict=True)))
    fused = determinant(*first) / both * determinant(*second)
    best: np.ndarray = OMEGA_GRID[np.argmin(fused, axis=0)]
    return best


def split_update(
    mean: np.ndarray, independent: np.ndarray, shared: np.ndarray, reports: Reports
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (K, 7) and both covariance parts (K, 7, 7) after the reports.

    Where the reports surprise the track (a jump that neither noise explains) its covariance is
    opened first, by as much as they surprise: it then follows at once what it had not foreseen (a
    strong tracking filter, D. H. Zhou, P. M. Frank, Int. J. Control 65(2), 1996, with one factor a
    track).
    """
    new_mean, new_independent, new_shared, surprise = _combine(mean, independent, shared, reports)
    jumped = np.flatnonzero(surprise > 1.0)
    if len(jumped):
        opening = _opening(surprise[jumped], independent[jumped] + shared[jumped])
        new_mean[jumped], new_independent[jumped], new_shared[jumped], _ = _combine(
            mean[jumped],
            opening * independent[jumped],
            opening * shared[jumped],
            Reports(
                reports.innovation[jumped],
                reports.jacobian[jumped],
                reports.independent[jumped],
                reports.shared[jumped],
                reports.has_velocity,
                reports.has_yaw,
            ),
        )
    return new_mean, new_independent, new_shared


def _opening(surprise: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """(K, 7, 7) factors for covariances (K, 7, 7) that open place and velocity, in bounds.

    Only what jumped is opened. Acceleration and turning are seen too little to close again before
    the next surprise, and without a bound a series of surprises would make everything possible.
    """
    scale = np.ones((len(surprise), STATE_COUNT))
    for state, bound in ((X, WIDEST_M), (Y, WIDEST_M), (VX, WIDEST_MPS), (VY, WIDEST_MPS)):
        room = bound**2 / np.maximum(covariance[:, state, state], 1e-12)
        scale[:, state] = np.sqrt(np.clip(np.minimum(surprise, room), 1.0, MAX_OPENING))
    factors: np.ndarray = scale[:, :, None] * scale[:, None, :]
    return factors


def _combine(
    mean: np.ndarray, independent: np.ndarray, shared: np.ndarray, reports: Reports
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """As split_update, and how surprising (K,) place and velocity are, above 1: too much."""
    h, innovation = reports.jacobian, reports.innovation
    transposed = h.swapaxes(1, 2)
    inflated, noise_shared = shared, reports.shared
    if reports.shared.any():  # else there is nothing that the report could repeat
        placed = h[:, :2]
        omega = omega_of(
            placed @ independent @ placed.swapaxes(1, 2),
            placed @ shared @ placed.swapaxes(1, 2),
            reports.independent[:, :2, :2],
            reports.shared[:, :2, :2],
        )[:, None, None]
        inflated = _inflated(shared, omega, reports.has_yaw)
        noise_shared = reports.shared / (1.0 - omega)
    cross = h @ (independent + inflated)
    told = cross @ transposed + reports.independent + noise_shared
    gain = np.linalg.solve(told, cross).swapaxes(1, 2)
    new_mean = mean + (gain @ innovation[:, :, None])[:, :, 0]
    surprise = _squared_distance(innovation[:, :2], told[:, :2, :2])
    if reports.has_velocity:
        velocity = _squared_distance(innovation[:, 2:4], told[:, 2:4, 2:4])
        surprise = np.maximum(surprise, velocity)
    new = independent + inflated - gain @ cross
    new_shared = _joseph(inflated, np.eye(STATE_COUNT) - gain @ h, noise_shared, gain)
    return (
        new_mean,
        0.5 * (new + new.swapaxes(1, 2)) - new_shared + 2.0 * _ROUNDING,
        new_shared,
        surprise / chdtri(2, SURPRISING),
    )


def _inflated(shared: np.ndarray, omega: np.ndarray, has_yaw: bool) -> np.ndarray:
    """The shared part (K, 7, 7) divided by omega (K, 1, 1), where the report can have a share in
    it.

    A report of a place shares nothing with what is known of the heading; divided by omega ten times
    a second, the heading of a standing car would soon be forgotten for nothing.
    """
    scale = np.repeat(1.0 / np.sqrt(omega[:, 0]), STATE_COUNT, axis=1)
    if not has_yaw:
        scale[:, YAW:] = 1.0
    inflated: np.ndarray = shared * scale[:, :, None] * scale[:, None, :]
    return inflated


def _joseph(
    covariance: np.ndarray, kept: np.ndarray, noise: np.ndarray, gain: np.ndarray
) -> np.ndarray:
    """(I - K H) C (I - K H)' + K R K', kept = I - K H.

    Multiplied out it would be cheaper, but not positive whatever the rounding; intersection divides
    by omega at every report and would blow a small negative remainder up. A positive one larger
    than any rounding is blown up alike and keeps the sum positive.
    """
    new = kept @ covariance @ kept.swapaxes(1, 2) + gain @ noise @ gain.swapaxes(1, 2)
    symmetric: np.ndarray = 0.5 * (new + new.swapaxes(1, 2)) + _ROUNDING
    return symmetric


def _squared_distance(offset: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """(K,) squared Mahalanobis distances of offsets (K, 2)."""
    xx, yy, xy = covariance[:, 0, 0], covariance[:, 1, 1], covariance[:, 0, 1]
    dx, dy = offset[:, 0], offset[:, 1]
    squared: np.ndarray = (yy * dx * dx - 2.0 * xy * dx * dy + xx * dy * dy) / (xx * yy - xy * xy)
    return squared
