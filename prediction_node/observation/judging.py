"""Which objects of a message have usable values. All objects at once; the first reason counts."""

from __future__ import annotations

from collections import Counter

import numpy as np

from prediction_node.observation.reasons import Reason

# Relative slack of the tests below: covariances come as float32, rounded by 6e-8.
SLACK = 1e-5
# Variances below the square of a micrometre are no measurement: they count as not given.
NOT_GIVEN = 1e-12
SHORTEST_QUATERNION = 1e-6


class Judge:
    """Collects verdicts over N objects."""

    def __init__(self, count: int) -> None:
        self.good = np.ones(count, dtype=bool)
        self.all_good = True
        self.refused: Counter[Reason] = Counter()

    def require(self, passed: np.ndarray, reason: Reason) -> None:
        """Refuse the objects for which any of `passed` (N, ...) is false.

        Those that are refused already are not counted again.
        """
        if passed.all():
            return
        remaining = self.good & passed.reshape(len(passed), -1).all(axis=1)
        lost = int(np.count_nonzero(self.good)) - int(np.count_nonzero(remaining))
        if lost:
            self.refused[reason] += lost
            self.good = remaining
            self.all_good = False


def within(values: np.ndarray, bound: float) -> np.ndarray:
    """Elementwise: finite and at most `bound` in size."""
    return np.asarray(np.abs(values) <= bound)  # false for nan


def between(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Elementwise: finite and from `low` to `high`."""
    return np.asarray((values >= low) & (values <= high))


def probability(values: np.ndarray) -> np.ndarray:
    """(N,) true where a value lies in [0, 1]; one rounding of float32 beyond is allowed."""
    return between(values, -1e-6, 1.0 + 1e-6)


def has_length(quaternion: np.ndarray) -> np.ndarray:
    """(N, 4) to (N,): finite, and long enough to mean a direction."""
    # Components beyond 10 belong to no quaternion, whatever its normalisation.
    squared = np.einsum('ni,ni->n', quaternion, quaternion)
    return np.asarray(within(quaternion, 10.0).all(axis=1) & (squared > SHORTEST_QUATERNION**2))


def given(covariances: np.ndarray) -> np.ndarray:
    """(..., D, D) to (...): any entry that is more than nothing."""
    return np.asarray((np.abs(covariances) > NOT_GIVEN).any(axis=(-2, -1)))


# Pairs of axes xy, xz, yz: entries of the flattened matrix above and below the diagonal, and the
# two axes themselves.
_ABOVE, _BELOW = np.array([1, 2, 5]), np.array([3, 6, 7])
_FIRST, _SECOND = np.array([0, 0, 1]), np.array([1, 2, 2])


def semidefinite(covariances: np.ndarray, bound: float) -> np.ndarray:
    """(..., 3, 3) to (...): finite, bounded, symmetric, no negative variance in any direction.

    By the principal minors (Sylvester); zero variances pass, as senders leave z zero.
    """
    entries = covariances.reshape(-1, 9).T.copy()  # long rows make short work
    variance, above = entries[::4], entries[_ABOVE]
    a, d, f = variance
    b, e, g = above
    squares, products = above * above, variance[_FIRST] * variance[_SECOND]
    passed = (np.abs(entries) <= bound).all(axis=0)
    of_pairs = (
        (np.abs(above - entries[_BELOW]) <= SLACK * (a + d + f))
        & (variance >= 0.0)
        & (squares <= (1.0 + SLACK) * products)
    )
    bb, ee, gg = squares
    volume = a * products[2]
    determinant = volume + 2.0 * (b * e * g) - a * gg - d * ee - f * bb
    passed &= of_pairs.all(axis=0) & (determinant >= -SLACK * volume)
    return np.asarray(passed.reshape(covariances.shape[:-2]))
