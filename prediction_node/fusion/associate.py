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
    (P,) is not negative is worse than leaving both alone. Clear pairs are taken at once; only the
    rest goes into the assignment problem, which keeps the answer exact and the problem small.
    """
    good = np.flatnonzero(cost < 0.0)
    at_track, at_report, gain = track[good], report[good], -cost[good]
    # A pair keeps its track and its report from their next best pairs at worst: where it gains more
    # than these together, no assignment without it is as cheap.
    clear = gain > _next_best(at_track, gain, tracks) + _next_best(at_report, gain, reports)
    if clear.all():
        return good
    served = np.zeros(tracks, bool), np.zeros(reports, bool)
    served[0][at_track[clear]] = True
    served[1][at_report[clear]] = True
    rest = np.flatnonzero(~(served[0][at_track] | served[1][at_report]))
    if len(rest):
        clear[rest[_assign(at_track[rest], at_report[rest], -gain[rest], tracks, reports)]] = True
    chosen: np.ndarray = good[clear]
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
    """As associate, by the assignment problem alone, of pairs (at least one) that are all good."""
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
