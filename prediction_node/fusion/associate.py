"""Global nearest neighbour: at most one report a track, at most one track a report."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

_ROUNDS = 2  # of taking clear pairs: each makes others clear, and the rest is small after two


def associate(
    track: np.ndarray, report: np.ndarray, cost: np.ndarray, tracks: int, reports: int
) -> np.ndarray:
    """Which of P candidate pairs (rising indices) make the cheapest assignment.

    Numbers of tracks (P,) are below `tracks`, those of reports (P,) below `reports`. A track that
    takes reports of several messages, one of each, has a number for each message. A pair whose cost
    (P,) is not negative is worse than leaving both alone. Clear pairs are taken at once; only the
    rest goes into the assignment problem, which keeps the answer exact and the problem small.
    """
    good = np.flatnonzero(cost < 0.0)
    taken = []
    for _ in range(_ROUNDS):
        at_track, at_report, gain = track[good], report[good], -cost[good]
        # A pair keeps its track and its report from their next best pairs at worst: where it gains
        # more than these together, no assignment without it is as cheap.
        clear = gain > _next_best(at_track, gain, tracks) + _next_best(at_report, gain, reports)
        taken.append(good[clear])
        if clear.all():
            break
        served_track, served_report = np.zeros(tracks, bool), np.zeros(reports, bool)
        served_track[at_track[clear]] = True
        served_report[at_report[clear]] = True
        good = good[~(served_track[at_track] | served_report[at_report])]
    else:
        taken.append(good[_assign(track[good], report[good], cost[good], tracks, reports)])
    chosen: np.ndarray = np.sort(np.concatenate(taken))
    return chosen


def _next_best(node: np.ndarray, gain: np.ndarray, nodes: int) -> np.ndarray:
    """(P,) the largest gain (above 0) among the other pairs of the same node, or 0."""
    best, second = np.zeros(nodes), np.zeros(nodes)
    np.maximum.at(best, node, gain)
    is_best = gain == best[node]
    np.maximum.at(second, node, np.where(is_best, 0.0, gain))
    several = np.bincount(node[is_best], minlength=nodes) > 1
    other: np.ndarray = np.where(is_best & ~several[node], second[node], best[node])
    return other


def _assign(
    track: np.ndarray, report: np.ndarray, cost: np.ndarray, tracks: int, reports: int
) -> np.ndarray:
    """As associate, by the assignment problem alone, of pairs that are all good."""
    if not len(cost):
        return np.zeros(0, np.int64)
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
