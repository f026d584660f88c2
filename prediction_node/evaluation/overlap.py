"""Do likeliest futures run into each other? Two bodies cannot be in one place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prediction_node.domain.prediction import STEP_S, Prediction

STRIDE_STEPS = 2
# Boxes are a little larger than bodies, and positions are not exact: as much as this is no overlap.
SHRINK = 0.9


def overlaps(prediction: Prediction, horizons_s: Sequence[float]) -> np.ndarray:
    """(N, H) bool: until the horizon the agent's likeliest box meets that of another agent.

    Pairs that overlap at present (a trailer on its hitch) are left out. Boxes are shrunk by a
    tenth and compared every 0.2 s.
    """
    agents = prediction.agents
    n = len(agents)
    likely = np.argmax(prediction.probability, axis=1)
    path = prediction.pose[np.arange(n), likely][:, ::STRIDE_STEPS]  # (N, S, 3)
    half = 0.5 * SHRINK * agents.size_m[:, :2]
    radius = np.hypot(half[:, 0], half[:, 1])
    a, b = np.triu_indices(n, 1)
    gap = path[a, :, :2] - path[b, :, :2]
    close = np.hypot(gap[..., 0], gap[..., 1]) < (radius[a] + radius[b])[:, None]
    close &= ~_intersect(path[a, 0], half[a], path[b, 0], half[b])[:, None]
    pair, step = np.nonzero(close)
    meet = _intersect(path[a[pair], step], half[a[pair]], path[b[pair], step], half[b[pair]])
    first = np.full(n, np.inf)
    when_s = step[meet] * STRIDE_STEPS * STEP_S
    for side in (a, b):
        np.minimum.at(first, side[pair[meet]], when_s)
    return first[:, None] <= np.asarray(horizons_s) + 1e-9


def _intersect(
    pose: np.ndarray, half: np.ndarray, other: np.ndarray, other_half: np.ndarray
) -> np.ndarray:
    """(P,) bool: oriented boxes (P, 3) with half lengths and widths (P, 2) share a point.

    Separating axes: two boxes are apart if their shadows are, on an axis of one of them (Gottschalk
    et al., OBBTree, 1996).
    """
    between = other[:, :2] - pose[:, :2]
    turn = other[:, 2] - pose[:, 2]
    cos, sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    apart = np.zeros(len(pose), bool)
    for yaw, own, far in ((pose[:, 2], half, other_half), (other[:, 2], other_half, half)):
        along = np.abs(between[:, 0] * np.cos(yaw) + between[:, 1] * np.sin(yaw))
        across = np.abs(-between[:, 0] * np.sin(yaw) + between[:, 1] * np.cos(yaw))
        apart |= along > own[:, 0] + far[:, 0] * cos + far[:, 1] * sin
        apart |= across > own[:, 1] + far[:, 0] * sin + far[:, 1] * cos
    return np.asarray(~apart)
