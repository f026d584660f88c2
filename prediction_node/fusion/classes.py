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


def report_log_likelihood(reported: np.ndarray, trust: float) -> np.ndarray:
    """(K, CLASS_COUNT) log-likelihood of each true class, given reported probabilities.

    A source names the true class with probability `trust` and any other equally often. Naming
    "unknown" says nothing; an object which truly is of an unknown kind is named anything.
    """
    likelihood_of_name = np.full((CLASS_COUNT, CLASS_COUNT), (1.0 - trust) / (CLASS_COUNT - 2))
    np.fill_diagonal(likelihood_of_name, trust)
    nothing = 1.0 / (CLASS_COUNT - 1)
    likelihood_of_name[ObjectClass.UNKNOWN, :] = nothing  # any true class, named unknown
    likelihood_of_name[:, ObjectClass.UNKNOWN] = nothing
    log_likelihood: np.ndarray = np.log(np.maximum(reported @ likelihood_of_name, 1e-12))
    return log_likelihood


def fuse_classes(
    evidence: np.ndarray,
    reported: np.ndarray,
    has_class: np.ndarray,
    trust: float,
    parameters: FusionParameters,
) -> np.ndarray:
    """(K, CLASS_COUNT) evidence after the reports (K, CLASS_COUNT); rows without a class stay.

    Successive reports of one classifier err alike, so a report counts for a part of its likelihood;
    the bound keeps a mistaken belief open to correction.
    """
    gained = parameters.class_correlation * report_log_likelihood(reported, trust)
    summed = np.where(has_class[:, None], evidence + gained, evidence)
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
