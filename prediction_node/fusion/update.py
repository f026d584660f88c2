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

# omega is searched on this grid, track by track: the cost is flat near its minimum.
SURPRISING = 0.01  # share of innovations that are larger, if all is as modelled
MAX_OPENING = 50.0
OMEGA_GRID = np.array([0.5, 0.7, 0.8, 0.87, 0.92, 0.96, 0.98, 0.99, 0.995, 1.0 - 1e-6])


@dataclass(frozen=True, slots=True, eq=False)
class Reports:
    """What K tracks are told, linearised: z - h(x), dh/dx and the noise, M numbers each."""

    innovation: np.ndarray  # (K, M); the first two are of position
    jacobian: np.ndarray  # (K, M, STATE_COUNT)
    independent: np.ndarray  # (K, M, M)
    shared: np.ndarray  # (K, M, M)


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
    new_mean, new_independent, new_shared, ratio = _combine(mean, independent, shared, reports)
    jumped = np.flatnonzero(ratio > 1.0)
    if len(jumped):
        opening = np.minimum(ratio[jumped], MAX_OPENING)[:, None, None]
        new_mean[jumped], new_independent[jumped], new_shared[jumped], _ = _combine(
            mean[jumped],
            opening * independent[jumped],
            opening * shared[jumped],
            Reports(
                reports.innovation[jumped],
                reports.jacobian[jumped],
                reports.independent[jumped],
                reports.shared[jumped],
            ),
        )
    return new_mean, new_independent, new_shared


def _combine(
    mean: np.ndarray, independent: np.ndarray, shared: np.ndarray, reports: Reports
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """As split_update, and the squared normalised innovations (K,) in parts of their quantile."""
    h, innovation = reports.jacobian, reports.innovation
    transposed = h.swapaxes(1, 2)
    cross_independent, cross_shared = h @ independent, h @ shared  # (K, M, 7)
    seen_independent, seen_shared = cross_independent @ transposed, cross_shared @ transposed
    place = (slice(None), slice(0, 2), slice(0, 2))
    omega = omega_of(
        seen_independent[place],
        seen_shared[place],
        reports.independent[place],
        reports.shared[place],
    )[:, None, None]
    told_shared = seen_shared / omega + reports.shared / (1.0 - omega)
    told_independent = seen_independent + reports.independent
    cross_shared /= omega
    right = np.concatenate([cross_independent + cross_shared, innovation[:, :, None]], axis=2)
    solved = np.linalg.solve(told_independent + told_shared, right)
    gain_transposed = np.ascontiguousarray(solved[:, :, :-1])
    gain = gain_transposed.swapaxes(1, 2)
    new_mean = mean + (gain @ innovation[:, :, None])[:, :, 0]
    ratio = (innovation * solved[:, :, -1]).sum(axis=1) / chdtri(innovation.shape[1], SURPRISING)
    return (
        new_mean,
        _reduced(independent, gain, cross_independent, told_independent),
        _reduced(shared / omega, gain, cross_shared, told_shared),
        ratio,
    )


def _reduced(
    covariance: np.ndarray, gain: np.ndarray, cross: np.ndarray, told: np.ndarray
) -> np.ndarray:
    """(I - K H) C (I - K H)' + K R K' multiplied out, with cross = H C and told = H C H' + R."""
    half = gain @ (0.5 * told @ gain.swapaxes(1, 2) - cross)
    reduced: np.ndarray = covariance + half + half.swapaxes(1, 2)
    return reduced
