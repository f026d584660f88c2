"""Geometry of polylines that lane maps are made of."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from prediction_node.domain.frames import direction_rad

LONGEST_LANE_M = 100_000.0  # bounds the work that a broken file can ask for
SPACING_M = 0.5


def arc_length_m(line_m: np.ndarray) -> np.ndarray:
    """(n,) distance travelled along an (n, D) polyline at each of its points."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line_m, axis=0), axis=1))])


def at_shares(line_m: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(k, D) points at the given shares, 0 to 1, of the length of an (n, D) polyline."""
    along = arc_length_m(line_m)
    if along[-1] == 0.0:
        return np.repeat(line_m[:1], len(share), axis=0)
    return np.stack(
        [np.interp(share * along[-1], along, line_m[:, d]) for d in range(line_m.shape[1])], -1
    )


def centreline_of(left_m: np.ndarray, right_m: np.ndarray) -> np.ndarray:
    """(k, D) mean of two borders at equal shares of their lengths; keeps both their corners."""
    shares = []
    for line in (left_m, right_m):
        along = arc_length_m(line)
        shares.append(along / along[-1] if along[-1] > 0.0 else np.array([0.0, 1.0]))
    share = np.unique(np.round(np.concatenate([*shares, [0.0, 1.0]]), 9))
    return np.asarray(0.5 * (at_shares(left_m, share) + at_shares(right_m, share)))


def headings_rad(line_m: np.ndarray) -> np.ndarray:
    """(n - 1,) direction of each segment of an (n, 2 or 3) polyline."""
    return direction_rad(np.diff(line_m[:, :2], axis=0))


def cross_or_touch(a_m: np.ndarray, b_m: np.ndarray, within_m: float) -> bool:
    """Whether two polylines come closer than `within_m` in the plane, sampled every half metre."""
    a, b = a_m[:, :2], b_m[:, :2]
    apart = np.maximum(a.min(axis=0) - b.max(axis=0), b.min(axis=0) - a.max(axis=0))
    if apart.max() >= within_m:
        return False
    dense = [
        at_shares(line, np.linspace(0.0, 1.0, int(arc_length_m(line)[-1] / SPACING_M) + 2))
        for line in (a, b)
    ]
    return bool(cKDTree(dense[0]).query(dense[1])[0].min() < within_m)
