"""Global nearest neighbour: at most one report a track, at most one track a report."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment


def associate(
    track: np.ndarray, report: np.ndarray, cost: np.ndarray, tracks: int, reports: int
) -> np.ndarray:
    """Which of P candidate pairs (rising indices) make the cheapest assignment.

    Numbers of tracks (P,) are below `tracks`, those of reports (P,) below `reports`. A track that
    takes reports of several messages, one of each, has a number for each message. A pair whose cost
    (P,) is not negative is worse than leaving both alone. A pair that competes with no other is
    taken at once; only the contested rest goes into the assignment problem, which keeps the answer
    exact and the problem small.
    """
    good = np.flatnonzero(cost < 0.0)
    track, report, cost = track[good], report[good], cost[good]
    of_track = np.bincount(track, minlength=tracks)
    of_report = np.bincount(report, minlength=reports)
    alone = (of_track[track] == 1) & (of_report[report] == 1)
    if alone.all():
        return good
    rest = np.flatnonzero(~alone)
    chosen = rest[_assign(track[rest], report[rest], cost[rest], tracks, reports)]
    taken: np.ndarray = good[np.sort(np.concatenate([np.flatnonzero(alone), chosen]))]
    return taken


def _assign(
    track: np.ndarray, report: np.ndarray, cost: np.ndarray, tracks: int, reports: int
) -> np.ndarray:
    """As associate, by the assignment problem alone, of pairs that are all good."""
    rows, row = _numbered(track, tracks)
    columns, column = _numbered(report, reports)
    matrix = np.zeros((rows, columns))
    matrix[row, column] = cost
    pair = np.zeros((rows, columns), np.int64)
    pair[row, column] = np.arange(len(cost))
    chosen = linear_sum_assignment(matrix)
    taken: np.ndarray = pair[chosen][matrix[chosen] < 0.0]
    return taken


def _numbered(index: np.ndarray, size: int) -> tuple[int, np.ndarray]:
    """How many different values `index` (P,) has, and the rank of each element among them."""
    there = np.zeros(size, bool)
    there[index] = True
    rank = np.cumsum(there)
    return int(rank[-1]), rank[index] - 1
