"""Length, width and height: a weighted running mean of reports over a prior by class."""

from __future__ import annotations

import numpy as np

from prediction_node.fusion.groups import lengths

# What a body of each class usually measures, (CLASS_COUNT, 3) length, width, height in metres.
USUAL_SIZE_M = np.array(
    [
        [3.5, 1.6, 1.6],
        [4.6, 1.9, 1.6],
        [8.5, 2.5, 3.2],
        [11.5, 2.6, 3.2],
        [10.0, 2.5, 3.2],
        [2.1, 0.8, 1.5],
        [1.8, 0.6, 1.6],
        [0.6, 0.6, 1.7],
        [0.9, 0.4, 0.7],
    ]
)
_PRIOR_WEIGHT = 0.05  # of the class against one trusted report
_MAX_WEIGHT = (
    20.0  # a body whose size was learnt wrongly unlearns it within about that many reports
)
_OUTLIER_RATIO = 1.5  # a report further off than this factor moves the mean only this far


def fuse_size(
    size_m: np.ndarray,
    weight: np.ndarray,
    reported_m: np.ndarray,
    has_size: np.ndarray,
    trust: np.ndarray | float,
    first: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and weight (K, 3) after the reports (R, 3).

    `trust` is one number or (R,), `first` (K,) are the first reports of each track, by default
    there is one for each. Once a size is known, a report that is grossly off (merged or half hidden
    bodies) is pulled in to a bounded ratio (a Huber estimate in the logarithm).
    """
    known = weight > 2.0
    low = np.where(known, size_m / _OUTLIER_RATIO, -np.inf)
    high = np.where(known, size_m * _OUTLIER_RATIO, np.inf)
    added = np.where(has_size, trust, 0.0)[:, None]
    if first is None:
        said = added * np.clip(reported_m, low, high)
    else:
        track = np.repeat(np.arange(len(first)), lengths(first, len(added)))
        said = added * np.clip(reported_m, low[track], high[track])
        added, said = (np.add.reduceat(rows, first, axis=0) for rows in (added, said))
    total = weight + added
    mean = (weight * size_m + said) / np.maximum(total, 1e-12)
    return np.where(added > 0.0, mean, size_m), np.minimum(total, _MAX_WEIGHT)


def published_size(
    size_m: np.ndarray, weight: np.ndarray, class_probabilities: np.ndarray
) -> np.ndarray:
    """(N, 3) best guess: what was measured, leaning on the usual size where little was."""
    usual = class_probabilities @ USUAL_SIZE_M
    guess: np.ndarray = (_PRIOR_WEIGHT * usual + weight * size_m) / (_PRIOR_WEIGHT + weight)
    return guess
