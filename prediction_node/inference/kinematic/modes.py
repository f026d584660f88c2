"""From many weighted hypotheses to the few modes that stand for them best."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.prediction import MODE_COUNT

# A mode that brings the expected nearest end closer by less than this is not worth having.
MIN_GAIN_M = 0.02


def representatives(
    place_m: np.ndarray, weight: np.ndarray, cap_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """(N, MODE_COUNT) chosen hypotheses and their probabilities, for H hypotheses of N agents.

    `place_m` (N, H, P, 2): where each hypothesis is at P instants; `weight` (N, H) sums to one, 0 is no
    hypothesis. Greedy facility location: each choice lowers the expected distance (at most `cap_m`)
    to the nearest chosen hypothesis the most, so the first is the median of all. A mode's probability
    is the weight of the hypotheses nearest to it. Modes not needed repeat the first with probability 0.
    """
    n, h, instants, _ = place_m.shape
    distance = np.zeros((n, h, h))
    for p in range(instants):
        x, y = place_m[:, :, p, 0], place_m[:, :, p, 1]
        dx = x[:, :, None] - x[:, None]
        dy = y[:, :, None] - y[:, None]
        distance += np.sqrt(dx * dx + dy * dy)
    distance *= 1.0 / instants
    np.minimum(distance, cap_m, out=distance)
    chosen = np.zeros((n, MODE_COUNT), np.int64)
    used = np.zeros((n, MODE_COUNT), bool)
    nearest = np.full((n, h), cap_m)
    row = np.arange(n)
    possible = weight > 0.0
    for mode in range(min(MODE_COUNT, h)):
        closer = nearest[:, None, :] - distance
        np.maximum(closer, 0.0, out=closer)
        gain = np.matmul(closer, weight[..., None])[..., 0]
        gain = np.where(possible, gain, -1.0)
        best = np.argmax(gain, axis=1)
        needed = gain[row, best] > MIN_GAIN_M if mode else np.ones(n, bool)
        chosen[:, mode] = np.where(needed, best, chosen[:, 0])
        used[:, mode] = needed
        nearest = np.minimum(nearest, distance[row, chosen[:, mode]])
    to_mode = np.where(used[:, :, None], distance[row[:, None], chosen], np.inf)
    owner = np.argmin(to_mode, axis=1)
    probability = np.zeros((n, MODE_COUNT))
    np.add.at(probability, (row[:, None], owner), weight)
    return chosen, normalised(probability)


def normalised(weight: np.ndarray) -> np.ndarray:
    """Rows scaled to sum to one; the largest entry takes what rounding leaves over."""
    probability = weight / weight.sum(axis=1, keepdims=True)
    row = np.arange(len(weight))
    largest = np.argmax(probability, axis=1)
    for _ in range(4):
        rest = 1.0 - probability.sum(axis=1)
        if not rest.any():
            break
        probability[row, largest] += rest
    return np.asarray(probability)
