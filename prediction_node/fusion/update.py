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

from prediction_node.fusion.tracks import STATE_COUNT

# omega is searched on this grid, track by track: the cost is flat near its minimum.
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
    """Mean (K, 7) and both covariance parts (K, 7, 7) after the reports, in Joseph's form."""
    h, transposed = reports.jacobian, reports.jacobian.swapaxes(1, 2)
    seen_independent = h @ independent @ transposed
    seen_shared = h @ shared @ transposed
    place = (slice(None), slice(0, 2), slice(0, 2))
    omega = omega_of(
        seen_independent[place],
        seen_shared[place],
        reports.independent[place],
        reports.shared[place],
    )[:, None, None]
    inflated = shared / omega
    noise_shared = reports.shared / (1.0 - omega)
    innovation_covariance = (
        seen_independent + seen_shared / omega + reports.independent + noise_shared
    )
    cross = (independent + inflated) @ transposed
    gain = np.linalg.solve(innovation_covariance, cross.swapaxes(1, 2)).swapaxes(1, 2)
    kept = np.eye(STATE_COUNT) - gain @ h
    kept_transposed, gain_transposed = kept.swapaxes(1, 2), gain.swapaxes(1, 2)
    return (
        mean + (gain @ reports.innovation[:, :, None])[:, :, 0],
        _symmetric(
            kept @ independent @ kept_transposed + gain @ reports.independent @ gain_transposed
        ),
        _symmetric(kept @ inflated @ kept_transposed + gain @ noise_shared @ gain_transposed),
    )


def _symmetric(covariance: np.ndarray) -> np.ndarray:
    symmetric: np.ndarray = 0.5 * (covariance + covariance.swapaxes(1, 2))
    return symmetric
