"""Bounded work: what is left out when there is too much, and the local origin."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.kinds import VULNERABLE, class_mask

_FAR_M = 4096.0  # the origin follows when the scene is further from it than this


def most_important(
    position_m: np.ndarray, label: np.ndarray, centre_m: np.ndarray, limit: int
) -> np.ndarray:
    """Rows (limit,) to keep of positions (N, 2) with classes (N,), in rising order.

    The nearest quarter of the places goes by distance alone, so that no crowd hides what is next to
    the vehicle; then come the vulnerable road users, then the others, each nearest first.
    """
    distance = np.hypot(*(position_m - centre_m).T)
    tier = np.where(class_mask(VULNERABLE)[label], 1, 2)
    tier[np.argsort(distance, kind='stable')[: limit // 4]] = 0
    kept: np.ndarray = np.sort(np.lexsort((distance, tier))[:limit])
    return kept


def origin_for(centre_m: np.ndarray, origin_m: np.ndarray | None) -> np.ndarray:
    """The local origin (2,), in whole metres: the old one while the scene is near it.

    Map coordinates may reach 1e7 m; differences of them are taken once, in double precision, and
    everything after works with small numbers.
    """
    if origin_m is not None and np.abs(centre_m - origin_m).max() < _FAR_M:
        return origin_m
    return np.asarray(np.rint(centre_m))
