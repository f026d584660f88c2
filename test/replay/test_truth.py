"""The truth is looked up, matched and scored as it was recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, STEP_S, Prediction
from prediction_node.domain.stamps import STEP_NS
from prediction_node.metrics import ALL, HORIZONS_S, MOVING
from prediction_node.replay.scorer import Scorer
from prediction_node.replay.truth import (
    MAX_GAP_NS,
    TruthFrames,
    match_by_id,
    match_by_position,
)

T0 = 1_700_000_000_000_000_000


def ids(n: int) -> np.ndarray:
    return np.arange(16 * n, dtype=np.uint8).reshape(n, 16)


def frames(stamps: list[int], speed_mps: float = 3.0) -> TruthFrames:
    """One object along x."""
    truth = TruthFrames()
    for stamp in stamps:
        position = np.array([[speed_mps * (stamp - T0) / 1e9, 1.0]])
        truth.add(stamp, ids(1), position, np.array([1]))
    return truth


def test_positions_between_instants_are_interpolated_and_beyond_unknown() -> None:
    dense = frames([T0 + k * STEP_NS for k in range(11)]).dense()
    query = np.array([T0 - 1, T0, T0 + 123_456_789, T0 + 10 * STEP_NS, T0 + 10 * STEP_NS + 1])
    position, known = dense.at(query)
    np.testing.assert_array_equal(known[:, 0], [False, True, True, True, False])
    np.testing.assert_allclose(position[1:4, 0, 0], 3.0 * (query[1:4] - T0) / 1e9, atol=1e-9)


def test_gaps_are_not_bridged() -> None:
    dense = frames([T0, T0 + MAX_GAP_NS, T0 + 2 * MAX_GAP_NS + 2]).dense()
    _, known = dense.at(np.array([T0 + 1, T0 + MAX_GAP_NS + 1, T0 + 2 * MAX_GAP_NS + 2]))
    np.testing.assert_array_equal(known[:, 0], [True, False, True])


def test_an_object_is_unknown_while_it_is_not_recorded() -> None:
    truth = TruthFrames()
    for k, count in enumerate([2, 1, 2]):
        truth.add(T0 + k * STEP_NS, ids(count), np.zeros((count, 2)), np.ones(count, int))
    _, known = truth.dense().at(T0 + np.array([0, 1, 2]) * STEP_NS)
    np.testing.assert_array_equal(known, [[True, True], [True, False], [True, True]])


def test_forgetting_keeps_what_interpolation_needs() -> None:
    truth = frames([T0 + k * STEP_NS for k in range(11)])
    at = np.array([T0 + 5 * STEP_NS + 1])
    before, _ = truth.dense().at(at)
    truth.drop_before(int(at[0]))
    after, known = truth.dense().at(at)
    assert known.all()
    np.testing.assert_array_equal(before, after)
    assert len(truth.dense().stamp_ns) == 6


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_shuffled_objects_find_themselves(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    truth = 20.0 * np.column_stack([np.arange(n), rng.uniform(-1, 1, n)])
    order = rng.permutation(n)
    noisy = truth[order] + rng.uniform(-1, 1, (n, 2))
    np.testing.assert_array_equal(match_by_position(noisy, truth, np.ones(n, bool)), order)


def test_matches_are_one_to_one_within_the_gate_and_of_known_objects() -> None:
    truth = np.array([[0.0, 0.0], [10.0, 0.0], [20.0, 0.0]])
    known = np.array([True, True, False])
    agents = np.array([[0.5, 0.0], [0.1, 0.0], [13.5, 0.0], [20.0, 0.0]])
    np.testing.assert_array_equal(match_by_position(agents, truth, known), [-1, 0, -1, -1])


def test_more_pairs_win_over_one_nearer() -> None:
    """Two agents between two objects: the nearest pair would leave the others alone."""
    truth = np.array([[0.0, 0.0], [2.0, 0.0]])
    agents = np.array([[2.2, 0.0], [4.5, 0.0]])
    np.testing.assert_array_equal(match_by_position(agents, truth, np.ones(2, bool)), [0, 1])


def test_ids_match_by_value() -> None:
    truth = TruthFrames()
    truth.add(T0, ids(3)[::-1], np.zeros((3, 2)), np.ones(3, int))
    np.testing.assert_array_equal(match_by_id(ids(4), truth.dense()), [2, 1, 0, -1])


def predictions_of(agents: Any, *, ahead_m: float = 0.0) -> Prediction:
    """For agents of constant velocity: the true future in mode 1, a likelier wrong one in 0."""
    t = STEP_S * np.arange(POSE_COUNT)
    n = len(agents)
    pose = np.zeros((n, MODE_COUNT, POSE_COUNT, 3))
    right = agents.position_m[:, None, :2] + agents.velocity_mps[:, None] * t[:, None]
    pose[..., :2] = right[:, None]
    pose[:, 0, :, 0] += 1.0 * t
    pose[:, 1, :, 1] += ahead_m
    sigma = np.tile([1.0, 1.0, 0.0], (n, MODE_COUNT, POSE_COUNT, 1))
    probability = np.tile([0.6, 0.4, 0.0, 0.0, 0.0, 0.0], (n, 1))
    return Prediction(agents, pose, sigma, probability, 'test')


@pytest.mark.parametrize('own_truth', [True, False])
def test_predictions_are_scored_against_what_happened(agents_of: Any, own_truth: bool) -> None:
    heard: dict[int, np.ndarray] = {}
    scorer = Scorer(own_truth=own_truth, on_truth=lambda key, xy, known: heard.update({key: known}))
    first = agents_of(5, stamp_ns=T0)
    apart = np.arange(5)[:, None] * np.array([0.0, 100.0, 0.0])
    for k in range(121):
        moved = first.position_m + apart
        moved[:, :2] += first.velocity_mps * k * STEP_S
        now = agents_of(5, stamp_ns=T0 + k * STEP_NS, position_m=moved)
        if own_truth:
            scorer.add_own_truth(now)
        else:
            scorer.add_truth(now.stamp_ns, now.uuid[::-1], moved[::-1, :2], now.label[::-1])
        if k < 80:
            scorer.add_prediction(k, predictions_of(now, ahead_m=0.5))
    scorer.finish()
    assert (scorer.matched, scorer.unmatched) == (400, 0)
    assert len(heard) == 80
    moving = scorer.engine.cell('car', MOVING, 8.0)
    assert moving.windows > 0
    for horizon, windows in zip(HORIZONS_S, (5 * 80, 5 * 80, 5 * 71, 5 * 41), strict=True):
        cell = scorer.engine.cell('car', ALL, horizon)
        steady = scorer.constant_velocity.cell('car', ALL, horizon)
        assert cell.windows == steady.windows == windows
        assert cell.mean('fde') == pytest.approx(horizon, abs=1e-4)
        assert cell.mean('min_fde') == pytest.approx(0.5, abs=1e-4)
        assert cell.mean('brier_min_fde') == pytest.approx(0.5 + 0.36, abs=1e-4)
        assert steady.mean('fde') == pytest.approx(0.0, abs=1e-4)
        assert steady.mean('brier_min_fde') == pytest.approx(0.0, abs=1e-4)
    assert scorer.engine.calibration.error == pytest.approx(0.6)


def test_coasting_tracks_are_not_their_own_truth(agents_of: Any) -> None:
    scorer = Scorer(own_truth=True, on_truth=lambda *_: None)
    for k in range(40):
        blind = np.full((3, 4), 0.1 if k < 20 else 5.0)
        agents = agents_of(3, stamp_ns=T0 + k * STEP_NS, modality_age_s=blind)
        scorer.add_own_truth(agents)
        scorer.add_prediction(k, predictions_of(agents))
    scorer.finish()
    assert scorer.engine.cell('car', ALL, 1.0).windows == 3 * 10


def test_late_truth_is_dropped_and_a_jump_back_starts_afresh(agents_of: Any) -> None:
    scorer = Scorer(own_truth=False, on_truth=lambda *_: None)

    def add(stamp_ns: int, x: float) -> None:
        scorer.add_truth(stamp_ns, ids(1), np.array([[x, 0.0]]), np.array([1]))

    still = {'position_m': np.zeros((1, 3)), 'velocity_mps': np.zeros((1, 2))}
    for lap in range(2):
        for k in range(21):
            add(T0 + k * STEP_NS, 0.0)
        add(T0 + 19 * STEP_NS, 99.0)  # late: must not move anything
        if lap == 0:
            scorer.add_prediction(0, predictions_of(agents_of(1, stamp_ns=T0, **still)))
    scorer.finish()
    cell = scorer.engine.cell('car', ALL, 1.0)
    assert (cell.windows, cell.mean('min_fde')) == (1, 0.0)


def test_agents_without_truth_are_counted_apart(agents_of: Any) -> None:
    scorer = Scorer(own_truth=False, on_truth=lambda *_: None)
    scorer.add_truth(T0, ids(1), np.array([[500.0, 500.0]]), np.array([1]))
    scorer.add_prediction(0, predictions_of(agents_of(3, stamp_ns=T0)))
    scorer.finish()
    assert (scorer.matched, scorer.unmatched) == (0, 3)
    assert scorer.engine.classes == ()
