"""Global nearest neighbour: at most one report a track, at most one track a report."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from prediction_node.fusion.groups import firsts


def associate(
    track: np.ndarray, report: np.ndarray, message: np.ndarray, cost: np.ndarray, tracks: int
) -> np.ndarray:
    """Which of P candidate pairs (rising indices) make the cheapest assignment.

    Tracks (P,) are below `tracks`; a report (P,) belongs to one message (P,), both count from
    about 0. A message gives a track at most one report, and one track may take one of each message.
    A pair whose cost (P,) is not negative is worse than leaving both alone. Clear pairs are taken
    at once; only the rest goes into an assignment problem for each message, which keeps the answer
    exact and the problems small.
    """
    good = np.flatnonzero(cost < 0.0)
    if not len(good):
        return good
    # One track is another for each message.
    node, row, gain = message[good] * tracks + track[good], report[good], -cost[good]
    nodes, rows = int(node.max()) + 1, int(row.max()) + 1
    # A pair keeps its track and its report from their next best pairs at worst: where it gains more
    # than these together, no assignment without it is as cheap.
    clear = gain > _next_best(node, gain, nodes) + _next_best(row, gain, rows)
    served_node, served_row = np.zeros(nodes, bool), np.zeros(rows, bool)
    served_node[node[clear]] = True
    served_row[row[clear]] = True
    rest = np.flatnonzero(~(served_node[node] | served_row[row]))
    rest = rest[np.argsort(node[rest], kind='stable')]
    clear[rest[_assign(node[rest], row[rest], node[rest] // tracks, -gain[rest])]] = True
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


def _assign(node: np.ndarray, row: np.ndarray, message: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """As associate, by one assignment problem for each message, of pairs that are all good and in
    the order of their messages.
    """
    if not len(cost):
        return np.zeros(0, np.int64)
    # The nodes and the rows of one message are side by side also among those that are left.
    node, row = _rank(node), _rank(row)
    first = firsts(message)
    ends = (*first[1:].tolist(), len(cost))
    low_row, high_row = np.minimum.reduceat(row, first), np.maximum.reduceat(row, first)
    taken = []
    for k, (start, end) in enumerate(zip(first.tolist(), ends, strict=True)):
        i, j = node[start:end] - node[start], row[start:end] - low_row[k]
        matrix = np.zeros((i[-1] + 1, high_row[k] - low_row[k] + 1))
        matrix[i, j] = cost[start:end]
        match = np.full(len(matrix), -1)
        chosen_row, chosen_column = linear_sum_assignment(matrix)
        match[chosen_row] = chosen_column
        taken.append(start + np.flatnonzero(match[i] == j))
    return np.concatenate(taken)


def _rank(index: np.ndarray) -> np.ndarray:
    """(P,) the rank of each element of `index` (P,) among its different values."""
    there = np.zeros(int(index.max()) + 1, bool)
    there[index] = True
    rank: np.ndarray = (np.cumsum(there) - 1)[index]
    return rank
