"""What kind of body a track is: Bayes over class reports, each trusted as its modality deserves."""

from __future__ import annotations

import numpy as np

from prediction_node.fusion.kernels import belief, describe
from prediction_node.fusion.matches import Matches
from prediction_node.fusion.parameters import FusionParameters

# What road users are before anything is known of them; unknown is the sum of all that is rare.
PRIOR = np.array([0.40, 0.35, 0.05, 0.02, 0.01, 0.02, 0.05, 0.09, 0.01])


def class_probabilities(evidence: np.ndarray) -> np.ndarray:
    """(N, CLASS_COUNT) posterior from accumulated log-likelihoods and the prior."""
    probabilities: np.ndarray = belief.class_probabilities(evidence, PRIOR)
    return probabilities


def fuse_classes(
    evidence: np.ndarray,
    matches: Matches,
    modality: np.ndarray,
    has_class: np.ndarray,
    reported: np.ndarray,
    trust: np.ndarray,
    parameters: FusionParameters,
) -> None:
    """Add to the evidence (N, CLASS_COUNT) what the reports (R, CLASS_COUNT) say, in place.

    Those without a class, has_class (R,), say nothing. `trust` is by modality (R,). Successive
    reports of one classifier err alike, so a report counts for a part of its likelihood; the bound
    keeps a mistaken belief open to correction.
    """
    describe.fuse_classes(
        evidence,
        *matches,
        modality,
        has_class,
        reported,
        trust,
        parameters.class_correlation,
        parameters.max_class_log_odds,
    )


def forget_classes(evidence: np.ndarray, dt_s: float, parameters: FusionParameters) -> None:
    """Evidence (N, CLASS_COUNT) fades toward the prior while time passes, in place."""
    evidence *= np.exp(-dt_s / parameters.class_memory_s)
