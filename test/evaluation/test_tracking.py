"""Tracking figures against motmetrics, and against answers known by hand."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.agents import Agents
from prediction_node.domain.kinds import ObjectClass
from prediction_node.evaluation.tracking import (
    GATE_M,
    Identities,
    TruthFrame,
    figures,
    joined,
    judge_tracking,
)


def truth_frame(
    ids: Any, position_m: Any, stamp_ns: int = 0, in_view: Any = None, **changes: Any
) -> TruthFrame:
    n = len(ids)
    fields: dict[str, Any] = {
        'stamp_ns': stamp_ns,
        'id': np.asarray(ids, np.int64),
        'position_m': np.asarray(position_m, float).reshape(n, 2),
        'yaw_rad': np.zeros(n),
        'velocity_mps': np.tile([5.0, 0.0], (n, 1)),
        'label': np.full(n, int(ObjectClass.CAR)),
        'in_view': np.ones(n, bool) if in_view is None else np.asarray(in_view, bool),
        **changes,
    }
    return TruthFrame(**fields)


@pytest.fixture
def agents(agents_of: Any) -> Any:
    def build(names: Any, position_m: Any, stamp_ns: int = 0, **changes: Any) -> Agents:
        n = len(names)
        uuid = np.zeros((n, 16), np.uint8)
        uuid[:, 0] = names
        xy = np.asarray(position_m, float).reshape(n, 2)
        fields: dict[str, Any] = {
            'uuid': uuid,
            'position_m': np.column_stack([xy, np.zeros(n)]),
            'yaw_rad': np.zeros(n),
            'velocity_mps': np.tile([5.0, 0.0], (n, 1)),
            **changes,
        }
        return agents_of(n, stamp_ns=stamp_ns, **fields)

    return build


def random_scene(agents: Any, seed: int) -> tuple[list[TruthFrame], list[Agents]]:
    """Walkers that come near each other, followed with gaps, strays and exchanged names."""
    rng = np.random.default_rng(seed)
    position = rng.uniform(-6, 6, (6, 2))
    names = np.arange(6)
    truth, frames = [], []
    for k in range(40):
        position += 0.5 * rng.standard_normal((6, 2))
        there = rng.random(6) < 0.9
        truth.append(truth_frame(np.flatnonzero(there), position[there], k))
        if rng.random() < 0.15:
            names = rng.permutation(names)
        seen = there & (rng.random(6) < 0.85)
        places = position[seen] + 0.6 * rng.standard_normal((seen.sum(), 2))
        strays = rng.uniform(-6, 6, (int(rng.integers(0, 3)), 2))
        called = np.concatenate([names[seen], 100 + rng.integers(0, 5, len(strays))])
        called, first = np.unique(called, return_index=True)
        frames.append(agents(called, np.concatenate([places, strays])[first], k))
    return truth, frames


@pytest.mark.parametrize('seed', range(8))
def test_figures_are_those_of_motmetrics(agents: Any, seed: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        import motmetrics

        truth, frames = random_scene(agents, seed)
        accumulator = motmetrics.MOTAccumulator(auto_id=True)
        for true, found in zip(truth, frames, strict=True):
            offset = true.position_m[:, None] - found.position_m[None, :, :2]
            distance = np.hypot(offset[..., 0], offset[..., 1])
            distance[distance > GATE_M] = np.nan
            accumulator.update(true.id.tolist(), found.uuid[:, 0].tolist(), distance)
        wanted = motmetrics.metrics.create().compute(
            accumulator, metrics=['idf1', 'mota', 'num_switches', 'num_misses', 'num_objects']
        )
    identities, _ = judge_tracking(truth, frames)
    assert identities.truths == wanted['num_objects'].iloc[0]
    assert identities.switches == wanted['num_switches'].iloc[0]
    assert identities.misses == wanted['num_misses'].iloc[0]
    assert identities.mota == pytest.approx(wanted['mota'].iloc[0])
    assert identities.idf1 == pytest.approx(wanted['idf1'].iloc[0])


def test_perfect_tracking(agents: Any) -> None:
    truth = [truth_frame([1, 2], [[0, 0], [9, 0]], k) for k in range(5)]
    frames = [agents([7, 8], [[0, 0], [9, 0]], k) for k in range(5)]
    identities, matches = judge_tracking(truth, frames)
    assert identities == Identities(10, 10, 0, 0, 0, 10)
    result = figures(identities, matches, matches)
    assert result['idf1'] == result['mota'] == result['recall'] == 1.0
    assert result['position_rmse_m'] == result['position_rmse_paired_m'] == 0.0


def test_one_exchange_of_names_is_two_switches_and_halves_the_identity(agents: Any) -> None:
    places = [[0, 0], [9, 0]]
    truth = [truth_frame([1, 2], places, k) for k in range(10)]
    frames = [agents([7, 8] if k < 5 else [8, 7], places, k) for k in range(10)]
    identities, _ = judge_tracking(truth, frames)
    assert identities.switches == 2
    assert identities.idf1 == pytest.approx(0.5)


def test_what_is_out_of_view_counts_neither_way(agents: Any) -> None:
    truth = [truth_frame([1, 2], [[0, 0], [9, 0]], k, in_view=[True, False]) for k in range(3)]
    followed = [agents([7, 8], [[0, 0], [9, 0]], k) for k in range(3)]
    ignored = [agents([7], [[0, 0]], k) for k in range(3)]
    for frames in (followed, ignored):
        identities, matches = judge_tracking(truth, frames)
        assert identities == Identities(3, 3, 0, 0, 0, 3)
        assert len(matches.frame) == 3


def test_agents_beyond_the_gate_are_a_miss_and_a_false_positive(agents: Any) -> None:
    identities, matches = judge_tracking(
        [truth_frame([1], [[0, 0]])], [agents([7], [[GATE_M + 0.01, 0]])]
    )
    assert (identities.misses, identities.false_positives) == (1, 1)
    assert len(matches.frame) == 0
    result = figures(identities, matches)
    assert np.isnan(result['position_rmse_m'])
    assert result['position_rmse_missed_m'] == GATE_M


def test_errors_are_those_made(agents: Any) -> None:
    truth = [truth_frame([1], [[0, 0]], k) for k in range(15)]
    covariance = np.diag([0.25, 0.25, 0.01, 0.04, 0.01])[None]
    frames = [
        agents(
            [7],
            [[0.3, 0.4]],
            k,
            yaw_rad=np.array([0.1]),
            velocity_mps=np.array([[5.2, 0.0]]),
            covariance=covariance,
        )
        for k in range(15)
    ]
    identities, matches = judge_tracking(truth, frames)
    result = figures(identities, matches)
    assert result['position_rmse_m'] == pytest.approx(0.5)
    assert result['position_nees'] == pytest.approx(0.5)  # 0.5 m at a sigma of 0.5, over two axes
    assert result['moving_velocity_rmse_mps'] == pytest.approx(0.2)
    assert result['moving_heading_error_deg'] == pytest.approx(np.rad2deg(0.1))
    assert result['yaw_nees'] == pytest.approx(1.0)
    assert matches.settled.sum() == 5


def test_pairs_are_counted_where_both_match(agents: Any) -> None:
    truth = [truth_frame([1, 2], [[0, 0], [50, 0]])]
    near_only, near = judge_tracking(truth, [agents([7], [[0.1, 0]])])
    both_counts, both = judge_tracking(truth, [agents([7, 8], [[0.1, 0], [51, 0]])])
    assert figures(both_counts, both)['position_rmse_m'] > 0.7
    assert figures(both_counts, both, near)['position_rmse_paired_m'] == pytest.approx(0.1)
    assert figures(near_only, near, both)['position_rmse_paired_m'] == pytest.approx(0.1)


def test_recordings_are_kept_apart_when_joined(agents: Any) -> None:
    _, one = judge_tracking([truth_frame([1], [[0, 0]])], [agents([7], [[0.1, 0]])])
    two = joined([one, one], frames=1)
    assert len(set(zip(two.frame.tolist(), two.truth_id.tolist(), strict=True))) == 2


def test_variants_are_compared_at_the_same_instants_of_every_recording(agents: Any) -> None:
    truth = [truth_frame([1], [[0, 0]], stamp) for stamp in range(4)]
    # Good at first, then bad; the other variant sees it at first alone.
    all_the_time = [agents([7], [[0.1 if k < 2 else 0.9, 0]], k) for k in range(4)]
    at_first = [agents([7] if k < 2 else [], [[0.1, 0]][: k < 2], k) for k in range(4)]
    counts, one = judge_tracking(truth, all_the_time)
    _, other = judge_tracking(truth, at_first)
    both, seldom = (joined([each, each], frames=4) for each in (one, other))
    found = figures(counts + counts, both, seldom)['position_rmse_paired_m']
    assert found == pytest.approx(0.1)


def test_frames_of_other_instants_are_refused(agents: Any) -> None:
    with pytest.raises(ValueError, match='but agents at 6 ns'):
        judge_tracking([truth_frame([1], [[0, 0]], 5)], [agents([7], [[0, 0]], 6)])
    with pytest.raises(ValueError, match='frames'):
        judge_tracking([], [agents([7], [[0, 0]], 6)])
