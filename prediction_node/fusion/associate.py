"""Global nearest neighbour: at most one report a track, at most one track a report."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from prediction_node.fusion.kernels import assign
from prediction_node.fusion.matches import Matches


def associate(
    track: np.ndarray,
    report: np.ndarray,
    cost: np.ndarray,
    tracks: int,
    message: np.ndarray,
    messages: int,
) -> np.ndarray:
    """(R,) int64 the track of each report, -1 for none, in the cheapest assignment.

    P candidate pairs (track, report) cost (P,) less than nothing, that is, less than leaving both
    alone; tracks are below `tracks`, and `message` (R,) of each report below `messages`. A message
    gives a track at most one report, and one track may take one of each message. What has no rivals
    is taken at once; only true contests go to the solver, one by one, which keeps the answer exact
    and the problems small.
    """
    owner = np.empty(len(message), np.int64)
    # One track is another for each message.
    node = message[report] * tracks + track
    nodes = tracks * messages
    start, contested = assign.settle(node, report, cost, nodes, owner)
    for k in range(len(start) - 1):
        pairs = contested[start[k] : start[k + 1]]
        matrix, of_node, of_row = assign.matrix_of(node, report, cost, pairs, nodes, len(owner))
        i, j = linear_sum_assignment(matrix)
        won = matrix[i, j] < 0.0
        owner[of_row[j[won]]] = of_node[i[won]]
    given = owner >= 0
    owner[given] %= tracks
    return owner


def by_track(owner: np.ndarray, tracks: int) -> Matches:
    """The reports of each of `tracks` tracks, from the track (R,) of each report or -1."""
    return Matches(*assign.by_owner(owner, tracks))
