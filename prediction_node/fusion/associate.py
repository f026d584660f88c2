"""Global nearest neighbour: at most one report a track, at most one track a report."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from prediction_node.fusion.gate import Pairs


def associate(pairs: Pairs, tracks: int, reports: int) -> tuple[np.ndarray, np.ndarray]:
    """Track rows (K,) and report rows (K,) of the cheapest assignment of all candidate pairs.

    A pair whose cost is not negative is worse than leaving both alone. A pair that competes with no
    other is taken at once; only the contested rest goes into the assignment problem, which keeps
    the answer exact and the problem small.
    """
    good = pairs.cost < 0.0
    track, report, cost = pairs.track[good], pairs.report[good], pairs.cost[good]
    alone = (np.bincount(track, minlength=tracks)[track] == 1) & (
        np.bincount(report, minlength=reports)[report] == 1
    )
    if alone.all():
        return track, report
    rows, row_of = _numbered(track[~alone], tracks)
    columns, column_of = _numbered(report[~alone], reports)
    matrix = np.zeros((len(rows), len(columns)))
    matrix[row_of, column_of] = cost[~alone]
    chosen_row, chosen_column = linear_sum_assignment(matrix)
    taken = matrix[chosen_row, chosen_column] < 0.0
    return (
        np.concatenate([track[alone], rows[chosen_row[taken]]]),
        np.concatenate([report[alone], columns[chosen_column[taken]]]),
    )


def _numbered(index: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The different values of `index` (P,), rising, and the place of each element among them."""
    there = np.zeros(size, bool)
    there[index] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[index]
