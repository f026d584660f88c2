"""The assignment of reports to tracks: the cheapest of all, message by message."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from prediction_node.fusion.associate import associate, by_track


def owners(cost: np.ndarray, message: np.ndarray | None = None) -> np.ndarray:
    """(R,) track of each report, for costs (N, R) of which those below zero are pairs."""
    track, report = np.nonzero(cost < 0.0)
    if message is None:
        message = np.zeros(cost.shape[1], np.int64)
    return associate(track, report, cost[track, report], len(cost), message, 3)


def total(cost: np.ndarray, owner: np.ndarray) -> float:
    rows = np.flatnonzero(owner >= 0)
    return float(cost[owner[rows], rows].sum())


@given(seed=st.integers(0, 2**32), n=st.integers(1, 5), m=st.integers(1, 5))
def test_the_assignment_is_the_cheapest_of_all(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    cost = rng.normal(-1.0, 5.0, (n, m))
    owner = owners(cost)
    taken = owner[owner >= 0]
    assert len(set(taken)) == len(taken)
    assert (cost[taken, np.flatnonzero(owner >= 0)] < 0.0).all()
    best = 0.0
    for size in range(1, min(n, m) + 1):
        for some in itertools.combinations(range(n), size):
            for others in itertools.permutations(range(m), size):
                best = min(best, cost[some, others].sum())
    assert total(cost, owner) == pytest.approx(best)


@given(seed=st.integers(0, 2**32), spread=st.sampled_from([0.0, 0.3, 5.0]))
def test_large_contests_and_many_small_ones_are_decided_as_one_problem_would_be(
    seed: int, spread: float
) -> None:
    """Costs so alike, or the same, that hardly a pair is without rivals."""
    rng = np.random.default_rng(seed)
    cost = -10.0 + spread * rng.standard_normal((40, 45))
    cost[rng.random(cost.shape) < rng.uniform(0.5, 0.98)] = 0.0
    owner = owners(np.minimum(cost, 0.0))
    whole = np.minimum(cost, 0.0)
    assert total(cost, owner) == pytest.approx(whole[linear_sum_assignment(whole)].sum())


@given(seed=st.integers(0, 2**32))
def test_messages_are_assigned_as_if_each_came_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    message = np.sort(rng.integers(0, 3, 9))
    cost = rng.normal(0.0, 5.0, (4, 9))
    together = owners(cost, message)
    for m in range(3):
        assert together[message == m].tolist() == owners(cost[:, message == m]).tolist()


def test_nothing_to_assign() -> None:
    assert owners(np.ones((3, 2))).tolist() == [-1, -1]
    assert owners(np.ones((0, 2))).tolist() == [-1, -1]
    assert owners(np.ones((3, 0))).tolist() == []


@given(seed=st.integers(0, 2**32), tracks=st.integers(0, 6), reports=st.integers(0, 12))
def test_reports_are_sorted_by_their_tracks(seed: int, tracks: int, reports: int) -> None:
    owner = np.random.default_rng(seed).integers(-1, max(tracks, 0), reports)
    matches = by_track(owner, tracks)
    assert matches.at.tolist() == sorted({int(o) for o in owner if o >= 0})
    for k, n in enumerate(matches.at):
        mine = matches.report[matches.start[k] : matches.start[k + 1]]
        assert mine.tolist() == np.flatnonzero(owner == n).tolist()
    assert matches.start[-1] == len(matches.report)
    assert matches.row.tolist() == owner[matches.report].tolist()
