"""From many weighted hypotheses to the few modes that stand for them best."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

# A mode that brings the expected nearest end closer by less than this is not worth having.
MIN_GAIN_M = 0.02
SAME_GAIN_M = 1e-4
FARTHEST_APART_M = 25.0
# Rounding must not choose between routes that weigh the same: compared in these units.
WEIGHT_UNITS = 1e9
MAX_EXCESS_MPS2 = 30.0
# Probabilities are multiples of this part of one.
UNIT_PARTS = 2.0**40
# Lit brake lights make slower behaviours so many times likelier, and one more.
BRAKE_LIGHT_GAIN = 1.0
PARKED_STAYS = 0.97


@compiled
def feasible_routes(
    begin: np.ndarray, weight: np.ndarray, needed_mps2: np.ndarray, comfortable_mps2: float
) -> tuple[np.ndarray, np.ndarray]:
    """(M,) weights, less for routes with curves the mover is too fast for; (N,) the heaviest rows.

    Rows begin[i] to begin[i + 1] - 1 are mover i's; `needed_mps2` (M,) is the braking they ask.
    """
    n = len(begin) - 1
    feasible = np.empty(len(weight))
    heaviest = np.empty(n, np.int64)
    for i in range(n):
        total = 0.0
        for row in range(begin[i], begin[i + 1]):
            excess = min(max(needed_mps2[row] - comfortable_mps2, 0.0), MAX_EXCESS_MPS2)
            feasible[row] = weight[row] * math.exp(-excess)
            total += feasible[row]
        most = -1.0
        for row in range(begin[i], begin[i + 1]):
            feasible[row] /= total
            units = np.rint(feasible[row] * WEIGHT_UNITS)
            if units > most:
                most, heaviest[i] = units, row
    return feasible, heaviest


@compiled
def behaviour_shares(
    stands: bool,
    brakes: float,
    parked: float,
    weight: np.ndarray,
    acceleration_mps2: np.ndarray,
    standing_stays: float,
    share: np.ndarray,
) -> None:
    """Write to `share` (B,) how likely each behaviour is; they sum to one.

    Who stands mostly goes on standing, the first behaviour.
    """
    total = 0.0
    for b in range(len(weight)):
        share[b] = weight[b]
        if acceleration_mps2[b] < 0.0:
            share[b] *= 1.0 + BRAKE_LIGHT_GAIN * brakes
        total += share[b]
    stays = max(standing_stays, PARKED_STAYS * parked) if stands else 0.0
    for b in range(len(weight)):
        share[b] *= (1.0 - stays) / total
    share[0] += stays


@compiled
def expected_gains(
    apart_m: np.ndarray, weight: np.ndarray, nearest_m: np.ndarray, count: int, gain: np.ndarray
) -> None:
    """Write to `gain` by how much each of `count` hypotheses lowers the expected distance.

    apart_m (H, H) distances of hypotheses, nearest_m (H,) to the nearest chosen one.
    """
    for j in range(count):
        gain[j] = 0.0
    for k in range(count):
        for j in range(count):
            gain[j] += weight[k] * max(nearest_m[k] - apart_m[k, j], 0.0)


@compiled
def choose_one_by_one(
    apart_m: np.ndarray,
    weight: np.ndarray,
    count: int,
    nearest_m: np.ndarray,
    gain: np.ndarray,
    chosen: np.ndarray,
) -> int:
    """Write to `chosen` (K,) the hypotheses that represent all `count` best; how many it takes.

    Greedy facility location: each choice lowers the expected distance to the nearest chosen
    hypothesis the most, so the first is the median of all. `nearest_m` and `gain` (H,) are room to
    work in.
    """
    for k in range(count):
        nearest_m[k] = FARTHEST_APART_M
    for mode in range(min(len(chosen), count)):
        expected_gains(apart_m, weight, nearest_m, count, gain)
        most = -1.0
        for k in range(count):
            if weight[k] > 0.0:
                most = max(most, gain[k])
        # The first of those as good as the best, so that rounding does not choose.
        best = 0
        while not (weight[best] > 0.0 and gain[best] >= most - SAME_GAIN_M):
            best += 1
        if mode > 0 and gain[best] <= MIN_GAIN_M:
            return mode
        chosen[mode] = best
        for k in range(count):
            nearest_m[k] = min(nearest_m[k], apart_m[best, k])
    return min(len(chosen), count)


@compiled
def normalise(weight: np.ndarray) -> None:
    """Scale weights (K,) to sum to exactly one, in whichever order they are added.

    Probabilities are multiples of a power of one half, so sums are exact; the largest entry takes
    the remainder.
    """
    total = 0.0
    for k in range(len(weight)):
        total += weight[k]
    largest, rest = 0, UNIT_PARTS
    for k in range(len(weight)):
        weight[k] = np.rint(weight[k] / total * UNIT_PARTS)
        rest -= weight[k]
        if weight[k] > weight[largest]:
            largest = k
    weight[largest] += rest
    for k in range(len(weight)):
        weight[k] /= UNIT_PARTS


@compiled
def sort_by_weight(weight: np.ndarray, order: np.ndarray) -> None:
    """Put weights (K,) in falling order, equals as they were; write to `order` whence they came."""
    for k in range(len(weight)):
        moved = weight[k]
        at = k
        while at > 0 and weight[at - 1] < moved:
            weight[at], order[at] = weight[at - 1], order[at - 1]
            at -= 1
        weight[at], order[at] = moved, k


@compiled
def rank_modes(weight: np.ndarray) -> np.ndarray:
    """Make probabilities of weights (N, K), in falling order; returns (N, K) whence they came."""
    order = np.empty(weight.shape, np.int64)
    for i in range(len(weight)):
        normalise(weight[i])
        sort_by_weight(weight[i], order[i])
    return order


@compiled
def choose_modes(
    begin: np.ndarray,
    weight: np.ndarray,
    stands: np.ndarray,
    brakes: np.ndarray,
    parked: np.ndarray,
    distance_m: np.ndarray,
    step_m: np.ndarray,
    x_m: np.ndarray,
    y_m: np.ndarray,
    compared_knots: np.ndarray,
    behaviour_weight: np.ndarray,
    behaviour_mps2: np.ndarray,
    standing_stays: float,
    modes: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N, modes) path, behaviour and probability of each mover's modes, likeliest first.

    Rows begin[i] to begin[i + 1] - 1 of the M paths with `weight` are mover i's, times B behaviours
    at distances (KNOTS, M, B); step (M,) and nodes (M, NODES) of the paths. Hypotheses are told
    apart by where they are at `compared_knots`. A mode's probability is the weight of the
    hypotheses nearest to it; modes not needed repeat another with probability 0.
    """
    n, behaviours = len(begin) - 1, len(behaviour_weight)
    most = 1
    for i in range(n):
        most = max(most, (begin[i + 1] - begin[i]) * behaviours)
    instants = len(compared_knots)
    x, y = np.empty((instants, most)), np.empty((instants, most))
    apart = np.empty((most, most))
    share, hypothesis = np.empty(behaviours), np.empty(most)
    nearest, gain = np.empty(most), np.empty(most)
    chosen, order = np.empty(modes, np.int64), np.empty(modes, np.int64)
    path = np.empty((n, modes), np.int64)
    behaviour = np.empty((n, modes), np.int64)
    probability = np.empty((n, modes))
    last = x_m.shape[1] - 2
    for i in range(n):
        behaviour_shares(
            stands[i],
            brakes[i],
            parked[i],
            behaviour_weight,
            behaviour_mps2,
            standing_stays,
            share,
        )
        count = (begin[i + 1] - begin[i]) * behaviours
        at = 0
        for row in range(begin[i], begin[i + 1]):
            for b in range(behaviours):
                hypothesis[at] = weight[row] * share[b]
                for p in range(instants):
                    along = distance_m[compared_knots[p], row, b] / step_m[row]
                    node = min(int(along), last)
                    along -= node
                    x[p, at] = x_m[row, node] + along * (x_m[row, node + 1] - x_m[row, node])
                    y[p, at] = y_m[row, node] + along * (y_m[row, node + 1] - y_m[row, node])
                at += 1
        for k in range(count):
            for j in range(count):
                apart[k, j] = 0.0
            for p in range(instants):
                for j in range(count):
                    dx, dy = x[p, j] - x[p, k], y[p, j] - y[p, k]
                    apart[k, j] += math.sqrt(dx * dx + dy * dy) / instants
            for j in range(count):
                apart[k, j] = min(apart[k, j], FARTHEST_APART_M)
        used = choose_one_by_one(apart, hypothesis, count, nearest, gain, chosen)
        for mode in range(modes):
            probability[i, mode] = 0.0
        for k in range(count):
            owner = 0
            for mode in range(1, used):
                if apart[chosen[mode], k] < apart[chosen[owner], k]:
                    owner = mode
            probability[i, owner] += hypothesis[k]
        normalise(probability[i])
        sort_by_weight(probability[i], order)
        for mode in range(modes):
            picked = chosen[order[mode]] if order[mode] < used else chosen[0]
            path[i, mode] = begin[i] + picked // behaviours
            behaviour[i, mode] = picked % behaviours
    return path, behaviour, probability
