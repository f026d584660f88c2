"""Which objects of a message have usable values. All objects at once; the first reason counts."""

from __future__ import annotations

from collections import Counter

import numpy as np

from prediction_node.compiled import compiled
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
    return _has_length(np.ascontiguousarray(quaternion, np.float64))


@compiled
def _has_length(quaternion: np.ndarray) -> np.ndarray:
    passed = np.empty(len(quaternion), np.bool_)
    for i in range(len(quaternion)):
        squared = 0.0
        bounded = True
        for k in range(4):
            squared += quaternion[i, k] * quaternion[i, k]
            # Components beyond 10 belong to no quaternion, whatever its normalisation.
            bounded = bounded and abs(quaternion[i, k]) <= 10.0
        passed[i] = bounded and squared > SHORTEST_QUATERNION**2
    return passed


def given(covariances: np.ndarray) -> np.ndarray:
    """(..., 3, 3) to (...): any entry that is more than nothing."""
    entries = np.ascontiguousarray(covariances, np.float64).reshape(-1, 9)
    return _given(entries).reshape(covariances.shape[:-2])


@compiled
def _given(entries: np.ndarray) -> np.ndarray:
    some = np.zeros(len(entries), np.bool_)
    for i in range(len(entries)):
        for k in range(9):
            if abs(entries[i, k]) > NOT_GIVEN:
                some[i] = True
    return some


def semidefinite(covariances: np.ndarray, bound: float) -> np.ndarray:
    """(..., 3, 3) to (...): finite, bounded, symmetric, no negative variance in any direction.

    By the principal minors (Sylvester); zero variances pass, as senders leave z zero.
    """
    entries = np.ascontiguousarray(covariances, np.float64).reshape(-1, 9)
    return _semidefinite(entries, float(bound)).reshape(covariances.shape[:-2])


@compiled
def _semidefinite(entries: np.ndarray, bound: float) -> np.ndarray:
    """Every comparison is false for nan."""
    passed = np.empty(len(entries), np.bool_)
    for i in range(len(entries)):
        a, b, e = entries[i, 0], entries[i, 1], entries[i, 2]
        d, g, f = entries[i, 4], entries[i, 5], entries[i, 8]
        fine = True
        for k in range(9):
            fine = fine and abs(entries[i, k]) <= bound
        slack = SLACK * (a + d + f)
        fine = (
            fine
            and abs(b - entries[i, 3]) <= slack
            and abs(e - entries[i, 6]) <= slack
            and abs(g - entries[i, 7]) <= slack
            and a >= 0.0
            and d >= 0.0
            and f >= 0.0
            and b * b <= (1.0 + SLACK) * (a * d)
            and e * e <= (1.0 + SLACK) * (a * f)
            and g * g <= (1.0 + SLACK) * (d * f)
        )
        volume = a * (d * f)
        determinant = volume + 2.0 * (b * e * g) - a * (g * g) - d * (e * e) - f * (b * b)
        passed[i] = fine and determinant >= -SLACK * volume
    return passed
