"""Which recordings show the same traffic at the same time, so that they never sit in two splits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from prediction_node.domain.recording import Recording

STEPS = 10  # steps compared: one second
SAME_STEP_M = 0.01  # files round positions
MIN_SPREAD_M = 0.01  # steadier drivers are too much alike to be told apart
SAME_GAP_M = 0.05
SAME_SIZE_M = 0.02
MIN_SHARED_VEHICLES = 3


def group_by_time_span(
    recordings: Sequence[Recording], by_vehicles: bool = False
) -> list[list[int]]:
    """Partition of the recordings: those of one group share part of their time span.

    Two recordings share time if three moving road users make the same ten steps in both, at the
    same moments and as far from each other. Lengths and distances are compared, so another origin,
    a turned frame and other names hide nothing. Groups and their members keep the order of the
    recordings.

    `by_vehicles` also joins recordings with three or more road users of the same id and size: the
    same visits of the site, so at most a minute or so apart. Stricter splits follow.
    """
    pairs = _same_time(recordings)
    if by_vehicles:
        pairs.extend(_same_vehicles(recordings))
    n = len(recordings)
    a, b = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    _, label = connected_components(coo_matrix((np.ones(len(a)), (a, b)), shape=(n, n)), False)
    groups: dict[int, list[int]] = {}
    for k in range(n):
        groups.setdefault(int(label[k]), []).append(k)
    return list(groups.values())


def _same_time(recordings: Sequence[Recording]) -> list[tuple[int, int]]:
    steps, owners = [np.zeros((0, STEPS))], [np.zeros((0, 3), np.int64)]
    for k, recording in enumerate(recordings):
        lengths, row, start = _windows(recording)
        steps.append(lengths)
        owners.append(np.stack([np.full(len(row), k), row, start], axis=1))
    owner = np.concatenate(owners)  # recording, row, first instant
    tree = cKDTree(np.concatenate(steps))
    alike = tree.query_pairs(SAME_STEP_M, p=np.inf, output_type='ndarray')
    first, second = owner[alike[:, 0]], owner[alike[:, 1]]
    apart = first[:, 0] != second[:, 0]
    # Candidates by recordings and moments; road users that agree with each other confirm them.
    moments: dict[tuple[int, int, int, int], set[tuple[int, int]]] = {}
    for a, b in zip(first[apart].tolist(), second[apart].tolist(), strict=True):
        a, b = min(a, b), max(a, b)
        moments.setdefault((a[0], b[0], a[2], b[2]), set()).add((a[1], b[1]))
    found: set[tuple[int, int]] = set()
    for (a, b, at_a, at_b), rows in moments.items():
        if len(rows) < MIN_SHARED_VEHICLES or (a, b) in found:
            continue
        of_a, of_b = np.array(sorted(rows)).T
        gap_a = _gaps(recordings[a].position_m[of_a, at_a, :2])
        gap_b = _gaps(recordings[b].position_m[of_b, at_b, :2])
        distinct = (of_a[:, None] != of_a) & (of_b[:, None] != of_b)
        agreeing = (distinct & (np.abs(gap_a - gap_b) < SAME_GAP_M)).sum(axis=1)
        if agreeing.max() >= MIN_SHARED_VEHICLES - 1:
            found.add((a, b))
    return sorted(found)


def _windows(recording: Recording) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(W, STEPS) lengths of steps, (W,) row and (W,) first instant, of users that change speed."""
    step_m = np.linalg.norm(np.diff(recording.position_m[..., :2], axis=1), axis=-1)
    step_m = np.where(recording.valid[:, 1:] & recording.valid[:, :-1], step_m, np.nan)
    if step_m.shape[1] < STEPS:
        return np.zeros((0, STEPS)), np.zeros(0, np.int64), np.zeros(0, np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(step_m, STEPS, axis=1)
    row, start = np.nonzero(windows.std(axis=-1) > MIN_SPREAD_M)  # nan, not there: false
    return windows[row, start], row, start


def _gaps(points_m: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(points_m[:, None] - points_m[None], axis=-1))


def _same_vehicles(recordings: Sequence[Recording]) -> list[tuple[int, int]]:
    sizes = [dict(zip(r.track_id, r.size_m[:, :2], strict=True)) for r in recordings]
    pairs = []
    for a in range(len(sizes)):
        for b in range(a + 1, len(sizes)):
            shared = sizes[a].keys() & sizes[b].keys()
            same = sum(bool(np.abs(sizes[a][i] - sizes[b][i]).max() < SAME_SIZE_M) for i in shared)
            if same >= MIN_SHARED_VEHICLES:
                pairs.append((a, b))
    return pairs
