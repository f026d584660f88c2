"""From tracks to what the rest of the system sees; see publish.py and attributes.py of fusion."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

X, Y, VX, VY, ACCELERATION, YAW, YAW_RATE = range(7)


@compiled
def seen_covariances(
    mean: np.ndarray,
    independent: np.ndarray,
    shared: np.ndarray,
    has_heading: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Yaws (N,) and covariances (N, 5, 5) of x, y, yaw, speed along it, yaw rate.

    States (N, 7), both parts of their covariances (N, 7, 7). Without a heading the direction of
    motion is the best guess of it, and open as its variance says.
    """
    tracks = len(mean)
    yaws, out = np.empty(tracks), np.empty((tracks, 5, 5))
    jacobian, product = np.zeros((5, 7)), np.empty((5, 7))
    jacobian[0, X] = jacobian[1, Y] = jacobian[2, YAW] = jacobian[4, YAW_RATE] = 1.0
    for n in range(tracks):
        vx, vy = mean[n, VX], mean[n, VY]
        yaw = mean[n, YAW] if has_heading[n] else math.atan2(vy, vx)
        cos, sin = math.cos(yaw), math.sin(yaw)
        jacobian[3, VX], jacobian[3, VY], jacobian[3, YAW] = cos, sin, vy * cos - vx * sin
        yaws[n] = yaw
        for i in range(5):
            for j in range(7):
                total = 0.0
                for k in range(7):
                    total += jacobian[i, k] * (independent[n, k, j] + shared[n, k, j])
                product[i, j] = total
        for i in range(5):
            for j in range(i + 1):
                total = 0.0
                for k in range(7):
                    total += product[i, k] * jacobian[j, k]
                out[n, i, j] = out[n, j, i] = total
    return yaws, out


@compiled
def known_attributes(
    belief: np.ndarray,
    weight: np.ndarray,
    angle: int,
    least_weight: float,
    certain_weight: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Attributes (N, A) of beliefs and weights (N, A), zero where masked out, and the mask.

    A belief of log-odds leans back to "even" as its weight fades below `certain_weight`, so that it
    does not stay sharp to the end; the column `angle` is an angle, which stays.
    """
    tracks, attributes = belief.shape
    out, known = np.zeros((tracks, attributes)), np.zeros((tracks, attributes), np.bool_)
    for n in range(tracks):
        for a in range(attributes):
            if weight[n, a] <= least_weight:
                continue
            known[n, a] = True
            out[n, a] = belief[n, a]
            if a != angle:
                certainty = min(weight[n, a] / certain_weight, 1.0)
                out[n, a] = 1.0 / (1.0 + math.exp(-certainty * belief[n, a]))
    return out, known


@compiled
def modality_ages(
    source_seen_ns: np.ndarray,
    source_modality: np.ndarray,
    modalities: int,
    stamp_ns: int,
    never_ns: int,
) -> np.ndarray:
    """(N, modalities) seconds from when each modality saw the track to stamp_ns, inf if it never
    did: source_seen_ns (N, S) by sources of modalities (S,), never_ns where they did not.
    """
    tracks, sources = source_seen_ns.shape
    out = np.full((tracks, modalities), np.inf)
    for n in range(tracks):
        for s in range(sources):
            if source_seen_ns[n, s] > never_ns:
                age_s = max(stamp_ns - source_seen_ns[n, s], 0) / 1e9
                m = source_modality[s]
                out[n, m] = min(out[n, m], age_s)
    return out
