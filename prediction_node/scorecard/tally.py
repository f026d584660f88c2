"""Sums of scores by class and horizon that fade with time, and the figures they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from prediction_node.domain.kinds import CLASS_COUNT, CLASS_NAMES

HORIZONS_S = (1.0, 3.0, 5.0, 8.0)
MISS_M = 2.0
CALIBRATION_BINS = 10
_INSIDE_90 = 4.605  # squared Mahalanobis distance within which 90 % of a plane Gaussian lie
_FEWEST = 0.5  # faded scores: below this a cell says nothing


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """N agents at one horizon against the truth, K modes."""

    label: np.ndarray  # (N,)
    error_m: np.ndarray  # (N,) of the most likely mode
    least_error_m: np.ndarray  # (N,) of the mode that came closest
    baseline_m: np.ndarray  # (N,) of what is compared with
    confidence: np.ndarray  # (N, K) probabilities; 0: no such mode
    closest: np.ndarray  # (N,) the mode that came closest
    inside: np.ndarray  # (N,) bool: within the 90 % ellipse of that mode


def score(
    label: np.ndarray,
    pose: np.ndarray,
    sigma: np.ndarray,
    probability: np.ndarray,
    baseline: np.ndarray,
    truth: np.ndarray,
) -> Scores:
    """pose (N, K, 2) and sigma (N, K, 3) of the modes at the horizon, baseline and truth (N, 2)."""
    off = pose - truth[:, None]
    distance = np.hypot(off[..., 0], off[..., 1])
    distance_used = np.where(probability > 0.0, distance, np.inf)
    rows = np.arange(len(label))
    likely = np.argmax(probability, axis=1)
    closest = np.argmin(distance_used, axis=1)
    nearest = off[rows, closest]
    sx, sy, rho = np.moveaxis(sigma[rows, closest], -1, 0)
    sx, sy = np.maximum(sx, 1e-3), np.maximum(sy, 1e-3)
    zx, zy = nearest[:, 0] / sx, nearest[:, 1] / sy
    square = (zx**2 - 2.0 * rho * zx * zy + zy**2) / np.maximum(1.0 - rho**2, 1e-6)
    return Scores(
        label=label,
        error_m=distance[rows, likely],
        least_error_m=distance_used[rows, closest],
        baseline_m=np.hypot(*(baseline - truth).T),
        confidence=probability,
        closest=closest,
        inside=square <= _INSIDE_90,
    )


class Tally:
    """Running means by class and horizon. `baseline` names what is compared with."""

    def __init__(self, half_life_s: float, baseline: str) -> None:
        self._half_life_s, self._baseline = half_life_s, baseline
        # count, error, least error, miss, baseline error, baseline miss, inside
        self._sums = np.zeros((len(HORIZONS_S), CLASS_COUNT, 7))
        # count, confidence, right ones; of each class one bin after the other
        self._bins = np.zeros((len(HORIZONS_S), CLASS_COUNT * CALIBRATION_BINS, 3))
        self.total = 0  # scores ever

    def fade(self, dt_s: float) -> None:
        """Let `dt_s` go by."""
        share = 0.5 ** (max(dt_s, 0.0) / self._half_life_s)
        self._sums *= share
        self._bins *= share

    def add(self, horizon: int | np.ndarray, scores: Scores) -> None:
        """Scores at `HORIZONS_S[horizon]`; one for all, or (N,)."""
        n = len(scores.label)
        self.total += n
        values = np.column_stack(
            [
                np.ones(n),
                scores.error_m,
                scores.least_error_m,
                scores.least_error_m > MISS_M,
                scores.baseline_m,
                scores.baseline_m > MISS_M,
                scores.inside,
            ]
        )
        cell = np.asarray(horizon) * CLASS_COUNT + scores.label.astype(np.int64)
        self._sums += _summed(cell, values, self._sums)
        owner, mode = np.nonzero(scores.confidence > 0.0)
        confidence = scores.confidence[owner, mode]
        row = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
        right = (scores.closest[owner] == mode).astype(float)
        entry = np.column_stack([np.ones(len(owner)), confidence, right])
        self._bins += _summed(cell[owner] * CALIBRATION_BINS + row, entry, self._bins)

    def figures(self) -> dict[str, dict[str, dict[str, float]]]:
        """{class: {'3s': {...}}}: n (faded), fde_m, min_fde_m, miss_rate, the baseline's fde_m and
        miss_rate, ece (expected calibration error of the modes' probabilities), within_90 (share of
        truths within the 90 % ellipse of the mode that came closest).
        """
        out: dict[str, dict[str, dict[str, float]]] = {}
        for label, name in enumerate(CLASS_NAMES):
            cells = {
                f'{seconds:g}s': self._cell(self._sums[h, label], self._bins_of(h)[label])
                for h, seconds in enumerate(HORIZONS_S)
                if self._sums[h, label, 0] >= _FEWEST
            }
            if cells:
                out[name] = cells
        return out

    def overall(self) -> dict[str, dict[str, float]]:
        """The same of all classes together, by horizon."""
        sums = self._sums.sum(axis=1)
        return {
            f'{seconds:g}s': self._cell(sums[h], self._bins_of(h).sum(axis=0))
            for h, seconds in enumerate(HORIZONS_S)
            if sums[h, 0] >= _FEWEST
        }

    def _bins_of(self, horizon: int) -> np.ndarray:
        """(CLASS_COUNT, CALIBRATION_BINS, 3)."""
        return np.asarray(self._bins[horizon].reshape(CLASS_COUNT, CALIBRATION_BINS, 3))

    def _cell(self, sums: np.ndarray, bins: np.ndarray) -> dict[str, float]:
        n = float(sums[0])
        gap = np.abs(bins[:, 1] - bins[:, 2]).sum() / max(float(bins[:, 0].sum()), 1e-9)
        values: dict[str, Any] = {
            'n': n,
            'fde_m': sums[1] / n,
            'min_fde_m': sums[2] / n,
            'miss_rate': sums[3] / n,
            f'{self._baseline}_fde_m': sums[4] / n,
            f'{self._baseline}_miss_rate': sums[5] / n,
            'ece': gap,
            'within_90': sums[6] / n,
        }
        return {key: round(float(value), 4) for key, value in values.items()}


def _summed(row: np.ndarray, values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Sums of values (N, V) by row (N,), of the shape of `like`, whose last axis is V."""
    rows = like.size // like.shape[-1]
    columns = [np.bincount(row, each, rows) for each in values.T]
    return np.stack(columns, axis=-1).reshape(like.shape)
