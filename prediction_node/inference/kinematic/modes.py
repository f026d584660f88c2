"""From many weighted hypotheses to the few modes that stand for them best."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.prediction import MODE_COUNT

# A mode that brings the expected nearest end closer by less than this is not worth having.
MIN_GAIN_M = 0.02
SAME_GAIN_M = 1e-4
UNIT_PARTS = 2.0**40


def representatives(
    x_m: np.ndarray, y_m: np.ndarray, weight: np.ndarray, cap_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """(N, MODE_COUNT) chosen hypotheses and their probabilities, for H hypotheses of N agents.

    `x_m`, `y_m` (N, P, H): where each hypothesis is at P instants; `weight` (N, H) sums to one,
    0 is no hypothesis. Greedy facility location: each choice lowers the expected distance (at most
    `cap_m`) to the nearest chosen hypothesis the most, so the first is the median of all. A mode's
    probability is the weight of the hypotheses nearest to it. Modes not needed repeat the first
    with probability 0.
    """
    n, instants, h = x_m.shape
    # Choosing needs no more than single precision, and half the memory is half the time.
    x, y = x_m.astype(np.float32), y_m.astype(np.float32)
    wide = weight.astype(np.float32)[..., None]
    distance = np.zeros((n, h, h), np.float32)
    for p in range(instants):
        dx = x[:, p, :, None] - x[:, p, None]
        dy = y[:, p, :, None] - y[:, p, None]
        dx *= dx
        dy *= dy
        dx += dy
        distance += np.sqrt(dx, out=dx)
    distance *= np.float32(1.0 / instants)
    np.minimum(distance, cap_m, out=distance)
    chosen = np.zeros((n, MODE_COUNT), np.int64)
    used = np.zeros((n, MODE_COUNT), bool)
    nearest = np.full((n, h), cap_m, np.float32)
    row = np.arange(n)
    possible = weight > 0.0
    for mode in range(min(MODE_COUNT, h)):
        closer = nearest[:, None, :] - distance
        np.maximum(closer, 0.0, out=closer)
        gain = np.matmul(closer, wide)[..., 0]
        gain = np.where(possible, gain, -1.0)
        # The first of those as good as the best, so that rounding does not choose.
        best = np.argmax(gain >= gain.max(axis=1, keepdims=True) - SAME_GAIN_M, axis=1)
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
    """Rows scaled to sum to exactly one, in whichever order they are added.

    Probabilities are multiples of 2^-40, so sums are exact; the largest entry takes the remainder.
    """
    share = weight / weight.sum(axis=1, keepdims=True)
    parts = np.round(share * UNIT_PARTS)
    largest = np.argmax(parts, axis=1)
    parts[np.arange(len(parts)), largest] += UNIT_PARTS - parts.sum(axis=1)
    return np.asarray(parts / UNIT_PARTS)
