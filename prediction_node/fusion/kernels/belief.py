"""What follows from the class evidence of tracks: probabilities, noise of the motion, length."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

NOISE_COUNT = 6


@compiled
def class_probabilities(evidence: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """(N, C) posterior from accumulated log-likelihoods (N, C) and the prior (C,)."""
    tracks, classes = evidence.shape
    out = np.empty((tracks, classes))
    for n in range(tracks):
        largest = evidence[n, 0]
        for c in range(1, classes):
            largest = max(largest, evidence[n, c])
        total = 0.0
        for c in range(classes):
            out[n, c] = prior[c] * math.exp(evidence[n, c] - largest)
            total += out[n, c]
        for c in range(classes):
            out[n, c] /= total
    return out


@compiled
def motion_noise(
    log_variance: np.ndarray, probabilities: np.ndarray, has_heading: np.ndarray
) -> np.ndarray:
    """(N, 6) noise of motion from log variances (C, 7) by class and probabilities (N, C).

    Columns of the table are those of the answer with a third one, drift without a heading.
    """
    tracks, classes = probabilities.shape
    out = np.empty((tracks, NOISE_COUNT))
    mixed = np.empty(7)
    for n in range(tracks):
        for k in range(7):
            logarithm = 0.0
            for c in range(classes):
                logarithm += probabilities[n, c] * log_variance[c, k]
            mixed[k] = math.exp(logarithm)
        steered = has_heading[n]
        out[n, 0] = mixed[0] if steered else 0.0
        out[n, 1] = mixed[1] if steered else mixed[2]
        out[n, 2] = mixed[3] if steered else 0.0
        out[n, 3] = mixed[4]
        out[n, 4] = mixed[5]
        out[n, 5] = math.sqrt(mixed[6])
    return out


@compiled
def likely_size(
    size_m: np.ndarray,
    weight: np.ndarray,
    probabilities: np.ndarray,
    usual_m: np.ndarray,
    prior_weight: float,
) -> np.ndarray:
    """(N, 3) best guess: measured sizes (N, 3) by their weights (N, 3), leaning on the usual sizes
    (C, 3) with a weight of `prior_weight`.
    """
    tracks, classes = probabilities.shape
    out = np.empty((tracks, 3))
    for n in range(tracks):
        for k in range(3):
            usual = 0.0
            for c in range(classes):
                usual += probabilities[n, c] * usual_m[c, k]
            known = weight[n, k] * size_m[n, k]
            out[n, k] = (prior_weight * usual + known) / (prior_weight + weight[n, k])
    return out
