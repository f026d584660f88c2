"""How sure a gain is, given that windows of one recording are anything but independent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
SEED = 20260101
_NOTHING_M = 1e-9


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval; None: nobody can tell how sure it is."""

    value: float
    low: float | None
    high: float | None

    def as_dict(self) -> dict[str, float | None]:
        return {'value': self.value, 'low': self.low, 'high': self.high}


def relative_gain(error_m: np.ndarray, baseline_m: np.ndarray, group: np.ndarray) -> Interval:
    """1 - mean error / mean baseline error of paired windows (W,), resampling whole groups (W,).

    Groups are anything that can be told apart: numbers or names. Percentile bootstrap (Efron and
    Tibshirani, An Introduction to the Bootstrap, 1993) with a fixed seed; of one group there is no
    interval, and of fewer than ten it is too narrow. Raises ValueError without windows.
    """
    names, member = np.unique(group, return_inverse=True)
    if not len(names):
        raise ValueError('a gain needs at least one window, got 0')
    error = np.bincount(member, error_m, len(names))
    baseline = np.bincount(member, baseline_m, len(names))
    value = float(_gain(error, baseline))
    if len(names) == 1:
        return Interval(value, None, None)
    picks = np.random.default_rng(SEED).integers(0, len(names), (RESAMPLES, len(names)))
    low, high = np.quantile(_gain(error[picks], baseline[picks]), [0.025, 0.975])
    return Interval(value, float(low), float(high))


def _gain(error_m: np.ndarray, baseline_m: np.ndarray) -> np.ndarray:
    """Of sums over the last axis; 0 where there is neither error."""
    gain: np.ndarray = 1.0 - (error_m.sum(axis=-1) + _NOTHING_M) / (
        baseline_m.sum(axis=-1) + _NOTHING_M
    )
    return gain
