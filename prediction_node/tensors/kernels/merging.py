"""Modes that tell the same future, told once.

Stands alone: imports nothing of ours but `compiled`, see there.
"""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled


@compiled
def find_same(
    pose: np.ndarray,
    sigma: np.ndarray,
    probability: np.ndarray,
    every: int,
    apart: float,
    told: np.ndarray,
    share: np.ndarray,
) -> None:
    """Find which modes of N agents are told by a likelier one.

    pose (N, M, P, 2 or more) of x and y, sigma (N, M, P, 3) of sigma x, sigma y and rho in the same
    frame, probability (N, M); the first pose is the present. Two modes are the same where at every
    `every`-th pose their places are no more than `apart` standard deviations from each other
    (Mahalanobis, by the mean of both covariances). The likeliest mode takes all that are the same
    as it is, then the likeliest of the others does. Writes told (N, M), the mode by which each is
    told, and share (N, M) of its probability in what that one tells.
    """
    modes, poses = pose.shape[1], pose.shape[2]
    limit = apart * apart
    free = np.empty(modes, np.bool_)
    for i in range(len(pose)):
        for m in range(modes):
            free[m] = probability[i, m] > 0.0
            told[i, m] = m
            share[i, m] = 1.0 if free[m] else 0.0
        while True:
            k = -1
            for m in range(modes):
                if free[m] and (k < 0 or probability[i, m] > probability[i, k]):
                    k = m
            if k < 0:
                break
            free[k] = False
            total = probability[i, k]
            for m in range(modes):
                if not free[m]:
                    continue
                same = True
                at = every
                while same and at < poses:
                    dx = pose[i, m, at, 0] - pose[i, k, at, 0]
                    dy = pose[i, m, at, 1] - pose[i, k, at, 1]
                    xx = 0.5 * (sigma[i, m, at, 0] ** 2 + sigma[i, k, at, 0] ** 2)
                    yy = 0.5 * (sigma[i, m, at, 1] ** 2 + sigma[i, k, at, 1] ** 2)
                    xy = 0.5 * (
                        sigma[i, m, at, 0] * sigma[i, m, at, 1] * sigma[i, m, at, 2]
                        + sigma[i, k, at, 0] * sigma[i, k, at, 1] * sigma[i, k, at, 2]
                    )
                    square = yy * dx * dx - 2.0 * xy * dx * dy + xx * dy * dy
                    same = square <= limit * (xx * yy - xy * xy)
                    at += every
                if same:
                    free[m] = False
                    told[i, m] = k
                    total += probability[i, m]
            for m in range(modes):
                if told[i, m] == k and probability[i, m] > 0.0:
                    share[i, m] = probability[i, m] / total


@compiled
def merge_weights(
    weight: np.ndarray, told: np.ndarray, temperature: np.ndarray, least: float
) -> None:
    """Give the weights (N, M, W) of modes to those that tell them, flatten by temperature (N,).

    What falls below `least` at the last instant is unused: exactly 0 at every instant.
    """
    modes, instants = weight.shape[1], weight.shape[2]
    for i in range(len(weight)):
        for m in range(modes):
            if told[i, m] != m:
                for w in range(instants):
                    weight[i, told[i, m], w] += weight[i, m, w]
                    weight[i, m, w] = 0.0
        power = 1.0 / temperature[i]
        for back in range(instants):
            w = instants - 1 - back
            total = 0.0
            for m in range(modes):
                used = weight[i, m, w] > 0.0 and (back == 0 or weight[i, m, instants - 1] > 0.0)
                weight[i, m, w] = weight[i, m, w] ** power if used else 0.0
                total += weight[i, m, w]
            if back == 0:
                kept = 0.0
                for m in range(modes):
                    if weight[i, m, w] < least * total:
                        weight[i, m, w] = 0.0
                    kept += weight[i, m, w]
                total = kept
            for m in range(modes):
                # Who alone was likely on the way may be unused in the end: nothing is left then.
                if total > 0.0:
                    weight[i, m, w] /= total
                else:
                    weight[i, m, w] = weight[i, m, instants - 1]


@compiled
def merge_spreads(
    pose: np.ndarray, sigma: np.ndarray, told: np.ndarray, share: np.ndarray, most_rho: float
) -> None:
    """Widen the sigmas (N, M, P, 3) of modes that tell others by where those are and by theirs: the
    second moment of their mixture about the path that is told.
    """
    modes, poses = pose.shape[1], pose.shape[2]
    for i in range(len(pose)):
        for k in range(modes):
            if not (told[i, k] == k and 0.0 < share[i, k] < 1.0):
                continue
            for t in range(poses):
                xx, xy, yy = 0.0, 0.0, 0.0
                for m in range(modes):
                    if told[i, m] != k:
                        continue
                    dx = pose[i, m, t, 0] - pose[i, k, t, 0]
                    dy = pose[i, m, t, 1] - pose[i, k, t, 1]
                    sx, sy, rho = sigma[i, m, t, 0], sigma[i, m, t, 1], sigma[i, m, t, 2]
                    xx += share[i, m] * (sx * sx + dx * dx)
                    xy += share[i, m] * (rho * sx * sy + dx * dy)
                    yy += share[i, m] * (sy * sy + dy * dy)
                sx, sy = math.sqrt(xx), math.sqrt(yy)
                sigma[i, k, t, 0], sigma[i, k, t, 1] = sx, sy
                sigma[i, k, t, 2] = min(max(xy / (sx * sy), -most_rho), most_rho)
