"""What kind of body a track is: Bayes over class reports, each trusted as its modality deserves."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.kinds import CLASS_COUNT, ObjectClass
from prediction_node.fusion.parameters import FusionParameters

# What road users are before anything is known of them; unknown is the sum of all that is rare.
_PRIOR = np.array([0.40, 0.35, 0.05, 0.02, 0.01, 0.02, 0.05, 0.09, 0.01])


def class_probabilities(evidence: np.ndarray) -> np.ndarray:
    """(N, CLASS_COUNT) posterior from accumulated log-likelihoods and the prior."""
    weight = _PRIOR * np.exp(evidence - evidence.max(axis=1, keepdims=True, initial=-np.inf))
    probabilities: np.ndarray = weight / weight.sum(axis=1, keepdims=True)
    return probabilities


def report_log_likelihood(reported: np.ndarray, trust: np.ndarray | float) -> np.ndarray:
    """(R, CLASS_COUNT) log-likelihood of each true class, given reported probabilities.

    A source names the true class with probability `trust`, one number or (R,), and any other
    equally often. Naming "unknown" says nothing; an object which truly is of an unknown kind is
    named anything.
    """
    trust = np.asarray(trust)[..., None]
    wrong = (1.0 - trust) / (CLASS_COUNT - 2)
    nothing = 1.0 / (CLASS_COUNT - 1)
    total = reported.sum(axis=1, keepdims=True)
    unknown = reported[:, ObjectClass.UNKNOWN, None]
    likelihood = wrong * (total - unknown) + (trust - wrong) * reported + nothing * unknown
    likelihood[:, ObjectClass.UNKNOWN] = nothing * total[:, 0]
    log_likelihood: np.ndarray = np.log(np.maximum(likelihood, 1e-12))
    return log_likelihood


def fuse_classes(
    evidence: np.ndarray,
    reported: np.ndarray,
    has_class: np.ndarray,
    trust: np.ndarray | float,
    parameters: FusionParameters,
    first: np.ndarray | None = None,
) -> np.ndarray:
    """(K, CLASS_COUNT) evidence after the reports (R, CLASS_COUNT); those without a class say
    nothing.

    `first` (K,) are the first reports of each track, by default there is one for each. Successive
    reports of one classifier err alike, so a report counts for a part of its likelihood; the bound
    keeps a mistaken belief open to correction.
    """
    gained = np.where(has_class[:, None], report_log_likelihood(reported, trust), 0.0)
    if first is not None:
        gained = np.add.reduceat(gained, first, axis=0)
    summed = evidence + parameters.class_correlation * gained
    summed -= summed.max(axis=1, keepdims=True, initial=-np.inf)
    bounded: np.ndarray = np.maximum(summed, -parameters.max_class_log_odds)
    return bounded


def forget_classes(evidence: np.ndarray, dt_s: float, parameters: FusionParameters) -> np.ndarray:
    """Evidence fades toward the prior while time passes."""
    faded: np.ndarray = evidence * np.exp(-dt_s / parameters.class_memory_s)
    return faded


def class_disagreement(track: np.ndarray, reported: np.ndarray) -> np.ndarray:
    """Association cost of P pairs of class distributions (P, CLASS_COUNT) each.

    -2 log of how much likelier the pair is one object than two, as a squared Mahalanobis distance
    is: negative where both name the same class, positive where they differ, about 0 where one is
    vague.
    """
    shared = (track * reported / _PRIOR).sum(axis=1)
    cost: np.ndarray = -2.0 * np.log(np.maximum(shared, 1e-3))
    return cost
