"""Which pairs of a node (a track, for one message) and a row (a report) are one.

Pairs cost less than nothing, each node and each row is in one pair of the answer at most, and the
sum of costs is the least.
"""

from __future__ import annotations

import numpy as np

from prediction_node.compiled import compiled

NOBODY = -1


@compiled
def settle(
    node: np.ndarray, row: np.ndarray, cost: np.ndarray, nodes: int, owner: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Assign what is easy. Return what is not: C contests without a pair in common, by where they
    start (C + 1,) in a list of pairs (L,), both int64.

    P pairs of a node (P,) int64 below `nodes` and a row (P,) int64 of `owner` (R,), which is filled
    with the node that each row is given to, or -1. Pairs without rivals are taken first, then the
    contests between two nodes, or for two rows, are decided.
    """
    for r in range(len(owner)):
        owner[r] = NOBODY
    left = _without_rivals_taken(node, row, cost, nodes, owner)
    contest, count = _number_contests(node, row, nodes, len(owner), left)
    start, order = _sorted_by(contest, count)
    place = np.empty(max(nodes, len(owner)), np.int64)
    hard, kept = 0, 0
    for c in range(count):
        first, last = start[c], start[c + 1]
        pairs = order[first:last]
        if _number(node, pairs, place) <= 2 or _number(row, pairs, place) <= 2:
            _decide_small(node, row, cost, pairs, owner)
            continue
        # Those kept move up to where others were.
        start[hard] = kept
        for p in pairs:
            order[kept] = p
            kept += 1
        hard += 1
    start[hard] = kept
    return start[: hard + 1].copy(), order[:kept].copy()


@compiled
def matrix_of(
    node: np.ndarray, row: np.ndarray, cost: np.ndarray, pairs: np.ndarray, nodes: int, rows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One contest as a matrix (N, M) of costs, zero where there is no pair, and the nodes (N,) and
    rows (M,) of its axes; arguments as for settle, `pairs` (L,) those of the contest.
    """
    place_of_node, place_of_row = np.empty(nodes, np.int64), np.empty(rows, np.int64)
    matrix = np.zeros((_number(node, pairs, place_of_node), _number(row, pairs, place_of_row)))
    node_of, row_of = np.empty(matrix.shape[0], np.int64), np.empty(matrix.shape[1], np.int64)
    for p in pairs:
        i, j = place_of_node[node[p]], place_of_row[row[p]]
        matrix[i, j] = cost[p]
        node_of[i], row_of[j] = node[p], row[p]
    return matrix, node_of, row_of


@compiled
def _without_rivals_taken(
    node: np.ndarray, row: np.ndarray, cost: np.ndarray, nodes: int, owner: np.ndarray
) -> np.ndarray:
    """Take pairs that are in every cheapest assignment; return (L,) int64 those that are still to
    be decided.

    A pair keeps its node and its row from their next best pairs at worst: where it gains more than
    these together, no assignment without it is as cheap. What was taken leaves others without
    rivals, so this is repeated.
    """
    left = np.arange(len(node))
    served = np.zeros(nodes, np.bool_)
    best_of_node, next_of_node = np.empty(nodes), np.empty(nodes)
    best_of_row, next_of_row = np.empty(len(owner)), np.empty(len(owner))
    count, before = len(node), -1
    while count != before:
        before = count
        _find_best(node, cost, left[:count], best_of_node, next_of_node)
        _find_best(row, cost, left[:count], best_of_row, next_of_row)
        for p in left[:count]:
            i, j, gain = node[p], row[p], -cost[p]
            rival_i = next_of_node[i] if gain == best_of_node[i] else best_of_node[i]
            rival_j = next_of_row[j] if gain == best_of_row[j] else best_of_row[j]
            if gain > rival_i + rival_j:
                owner[j] = i
                served[i] = True
        kept = 0
        for p in left[:count]:
            if not served[node[p]] and owner[row[p]] == NOBODY:
                left[kept] = p
                kept += 1
        count = kept
    return left[:count].copy()


@compiled
def _find_best(
    index: np.ndarray, cost: np.ndarray, pairs: np.ndarray, best: np.ndarray, second: np.ndarray
) -> None:
    """The largest gain of the pairs of each node or row, and the next, 0 where there is none.

    Two equal largest gains are the best and the next.
    """
    for p in pairs:
        best[index[p]] = second[index[p]] = 0.0
    for p in pairs:
        i, gain = index[p], -cost[p]
        if gain > best[i]:
            best[i], second[i] = gain, best[i]
        elif gain > second[i]:
            second[i] = gain


@compiled
def _number_contests(
    node: np.ndarray, row: np.ndarray, nodes: int, rows: int, left: np.ndarray
) -> tuple[np.ndarray, int]:
    """(P,) int64 the connected component of each of the pairs left, by rising first pairs, -1 for
    the others; and how many there are.
    """
    parent, number = np.arange(nodes + rows), np.empty(nodes + rows, np.int64)
    for p in left:
        a, b = _root(parent, node[p]), _root(parent, nodes + row[p])
        parent[max(a, b)] = min(a, b)
        number[a] = number[b] = NOBODY
    contest, count = np.empty(len(node), np.int64), 0
    for p in range(len(node)):
        contest[p] = NOBODY
    for p in left:
        root = _root(parent, node[p])
        if number[root] == NOBODY:
            number[root] = count
            count += 1
        contest[p] = number[root]
    return contest, count


@compiled
def _root(parent: np.ndarray, i: int) -> int:
    """The representative of i; halves the way to it."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@compiled
def _number(index: np.ndarray, pairs: np.ndarray, place: np.ndarray) -> int:
    """Number the different nodes or rows of `pairs` from 0 on; return how many there are."""
    for p in pairs:
        place[index[p]] = NOBODY
    count = 0
    for p in pairs:
        if place[index[p]] == NOBODY:
            place[index[p]] = count
            count += 1
    return count


@compiled
def _decide_small(
    node: np.ndarray, row: np.ndarray, cost: np.ndarray, pairs: np.ndarray, owner: np.ndarray
) -> None:
    """Of `pairs`, which have two nodes or two rows at most, take the cheapest one or two."""
    least, first, second = 0.0, NOBODY, NOBODY
    for p in pairs:
        if cost[p] < least:
            least, first, second = cost[p], p, NOBODY
        for q in pairs:
            if node[p] < node[q] and row[p] != row[q] and cost[p] + cost[q] < least:
                least, first, second = cost[p] + cost[q], p, q
    if first != NOBODY:
        owner[row[first]] = node[first]
    if second != NOBODY:
        owner[row[second]] = node[second]


@compiled
def _sorted_by(group: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each group starts, (groups + 1,), in the order of rows by group, rising in each.

    `group` (P,) int64 is below `groups`, or -1 for those that are left out.
    """
    start = np.zeros(groups + 1, np.int64)
    for p in range(len(group)):
        if group[p] != NOBODY:
            start[group[p] + 1] += 1
    for g in range(groups):
        start[g + 1] += start[g]
    order = np.empty(start[groups], np.int64)
    filled = start.copy()
    for p in range(len(group)):
        if group[p] != NOBODY:
            order[filled[group[p]]] = p
            filled[group[p]] += 1
    return start, order


@compiled
def by_owner(owner: np.ndarray, tracks: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reports sorted by their tracks: rows `at` (K,) of tracks that have any, `start` (K + 1,) of
    their reports in `report` (T,), which rises for each track. All int64.

    `owner` (R,) is a track row below `tracks`, or -1.
    """
    first, report = _sorted_by(owner, tracks)
    busy = 0
    for n in range(tracks):
        busy += first[n + 1] > first[n]
    at, start = np.empty(busy, np.int64), np.empty(busy + 1, np.int64)
    k = 0
    for n in range(tracks):
        if first[n + 1] > first[n]:
            at[k], start[k] = n, first[n]
            k += 1
    start[busy] = len(report)
    return at, start, report
