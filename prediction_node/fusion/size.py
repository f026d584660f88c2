"""Length, width and height: a weighted running mean of reports over a prior by class."""

from __future__ import annotations

import numpy as np

from prediction_node.fusion.kernels import belief, describe
from prediction_node.fusion.matches import Matches

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
_KNOWN_WEIGHT = 2.0  # from which a size is held against outliers
_MAX_WEIGHT = (
    20.0  # a body whose size was learnt wrongly unlearns it within about that many reports
)
_OUTLIER_RATIO = 1.5  # a report further off than this factor moves the mean only this far


def fuse_sizes(
    size_m: np.ndarray,
    weight: np.ndarray,
    matches: Matches,
    modality: np.ndarray,
    has_size: np.ndarray,
    reported_m: np.ndarray,
    trust: np.ndarray,
) -> None:
    """Fuse reports (R, 3) into mean and weight (N, 3), in place; `trust` is by modality (R,).

    Once a size is known, a report that is grossly off (merged or half hidden bodies) is pulled in
    to a bounded ratio (a Huber estimate in the logarithm).
    """
    describe.fuse_sizes(
        size_m,
        weight,
        *matches,
        modality,
        has_size,
        reported_m,
        trust,
        _KNOWN_WEIGHT,
        _OUTLIER_RATIO,
        _MAX_WEIGHT,
    )


def published_size(
    size_m: np.ndarray, weight: np.ndarray, class_probabilities: np.ndarray
) -> np.ndarray:
    """(N, 3) best guess: what was measured, leaning on the usual size where little was."""
    guess: np.ndarray = belief.likely_size(
        size_m, weight, class_probabilities, USUAL_SIZE_M, _PRIOR_WEIGHT
    )
    return guess
