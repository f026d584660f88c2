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
        self.refused: Counter[Reason] = Counter()

    def require(self, passed: np.ndarray, reason: Reason) -> None:
        """Refuse the objects for which `passed` (N,) is false, unless they are refused already."""
        remaining = self.good & passed
        lost = int(np.count_nonzero(self.good)) - int(np.count_nonzero(remaining))
        if lost:
            self.refused[reason] += lost
            self.good = remaining


def within(values: np.ndarray, bound: float) -> np.ndarray:
    """(N, ...) to (N,): every component finite and at most `bound` in size."""
    inside = np.abs(values) <= bound  # false for nan
    return np.asarray(inside.all(axis=tuple(range(1, inside.ndim))))


def probability(values: np.ndarray) -> np.ndarray:
    """(N,) true where a value lies in [0, 1]; one rounding of float32 beyond is allowed."""
    return np.asarray((values >= -1e-6) & (values <= 1.0 + 1e-6))


def has_length(quaternion: np.ndarray) -> np.ndarray:
    """(N, 4) to (N,): finite, and long enough to mean a direction."""
    # Components beyond 10 belong to no quaternion, whatever its normalisation.
    squared = np.einsum('ni,ni->n', quaternion, quaternion)
    return np.asarray(within(quaternion, 10.0) & (squared > SHORTEST_QUATERNION**2))


def given(covariance: np.ndarray) -> np.ndarray:
    """(N, D, D) to (N,): any entry that is more than nothing."""
    return np.asarray((np.abs(covariance) > NOT_GIVEN).any(axis=(1, 2)))


def semidefinite(covariance: np.ndarray, bound: float) -> np.ndarray:
    """(N, 3, 3) to (N,): finite, bounded, symmetric, no negative variance in any direction.

    By the principal minors (Sylvester); zero variances pass, as senders leave z zero.
    """
    c = covariance
    a, d, f = c[:, 0, 0], c[:, 1, 1], c[:, 2, 2]
    b, e, g = c[:, 0, 1], c[:, 0, 2], c[:, 1, 2]
    passed = within(c, bound) & (a >= 0.0) & (d >= 0.0) & (f >= 0.0)
    slack = SLACK * (a + d + f)
    for one, other in ((b, c[:, 1, 0]), (e, c[:, 2, 0]), (g, c[:, 2, 1])):
        passed &= np.abs(one - other) <= slack
    for variance, another, between in ((a, d, b), (a, f, e), (d, f, g)):
        passed &= between * between <= (1.0 + SLACK) * variance * another
    determinant = a * (d * f - g * g) - b * (b * f - g * e) + e * (b * g - d * e)
    return np.asarray(passed & (determinant >= -SLACK * a * d * f))
