"""Known answers and laws of the forecasting metrics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.metrics import (
    ALL,
    HORIZONS_S,
    MEANS,
    MOVING,
    Calibration,
    Figures,
    is_moving,
    score,
)

T = 80


def random_windows(seed: int, n: int = 7, k: int = 6) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    probability = rng.dirichlet(np.ones(k), n)
    probability[rng.random((n, k)) < 0.2] = 0.0
    probability[:, 0] += 1e-3
    probability /= probability.sum(1, keepdims=True)
    sigma = np.empty((n, k, T, 3))
    sigma[..., :2] = rng.uniform(0.2, 4.0, (n, k, T, 2))
    sigma[..., 2] = rng.uniform(-0.9, 0.9, (n, k, T))
    return {
        'pose': np.cumsum(rng.normal(0.5, 0.3, (n, k, T, 2)), axis=2),
        'probability': probability,
        'truth': np.cumsum(rng.normal(0.5, 0.3, (n, T, 2)), axis=1),
        'valid': rng.random((n, T)) < 0.9,
        'sigma': sigma,
    }


def scored(windows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    sigma = windows['sigma']
    rest = {name: value for name, value in windows.items() if name != 'sigma'}
    return score(**rest, sigma=sigma)


def two_modes() -> dict[str, np.ndarray]:
    """Truth runs along x at 1 m per step; the likely mode is 3 m to the left, the other 1 m."""
    x = np.arange(1.0, T + 1)
    truth = np.stack([x, np.zeros(T)], -1)[None]
    pose = np.stack([truth + np.array([0.0, 3.0]), truth + np.array([0.0, 1.0])], 1)
    return {
        'pose': pose,
        'probability': np.array([[0.75, 0.25]]),
        'truth': truth,
        'valid': np.ones((1, T), bool),
    }


def test_known_answer_of_two_parallel_modes() -> None:
    result = score(**two_modes())
    expected = {
        'ade': 3.0,
        'fde': 3.0,
        'min_ade': 1.0,
        'min_fde': 1.0,
        'miss_rate': 0.0,
        'brier_min_fde': 1.0 + 0.75**2,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(result[name], value, err_msg=name)
    assert (result['closest'] == 1).all()
    assert result['counts'].all()


def test_errors_that_grow_are_averaged_up_to_each_horizon() -> None:
    truth = np.zeros((1, T, 2))
    pose = np.zeros((1, 1, T, 2))
    pose[0, 0, :, 0] = 0.1 * np.arange(1, T + 1)
    result = score(pose, np.ones((1, 1)), truth, np.ones((1, T), bool))
    np.testing.assert_allclose(result['fde'][0], [1.0, 3.0, 5.0, 8.0])
    np.testing.assert_allclose(result['ade'][0], [0.55, 1.55, 2.55, 4.05])
    np.testing.assert_array_equal(result['miss_rate'][0], [0, 1, 1, 1])


def test_unused_modes_do_not_count_however_close_they_are() -> None:
    windows = two_modes()
    windows['probability'] = np.array([[1.0, 0.0]])
    result = score(**windows)
    np.testing.assert_allclose(result['min_fde'], 3.0)
    np.testing.assert_allclose(result['brier_min_fde'], 3.0)


def test_uniform_probabilities_over_six_modes_cost_0694() -> None:
    windows = random_windows(0)
    windows['probability'] = np.full((7, 6), 1 / 6)
    result = scored(windows)
    gap = (result['brier_min_fde'] - result['min_fde'])[result['counts']]
    np.testing.assert_allclose(gap, 0.694, atol=5e-4)


def test_nll_of_one_gaussian_is_its_density() -> None:
    windows = two_modes()
    windows['pose'], windows['probability'] = windows['pose'][:, 1:], np.ones((1, 1))
    sigma = np.broadcast_to([2.0, 0.5, 0.6], (1, 1, T, 3))
    covariance = np.array([[4.0, 0.6], [0.6, 0.25]])
    off = np.array([0.0, -1.0])
    expected = 0.5 * off @ np.linalg.inv(covariance) @ off + 0.5 * np.log(
        (2 * np.pi) ** 2 * np.linalg.det(covariance)
    )
    np.testing.assert_allclose(score(**windows, sigma=sigma)['nll'], expected)


def test_nll_of_a_mixture_of_equal_modes_is_that_of_one() -> None:
    windows = random_windows(3, k=1)
    windows['probability'] = np.ones((7, 1))
    single = scored(windows)['nll']
    doubled = {
        **windows,
        'pose': np.repeat(windows['pose'], 3, 1),
        'sigma': np.repeat(windows['sigma'], 3, 1),
        'probability': np.tile([0.5, 0.5, 0.0], (7, 1)),
    }
    np.testing.assert_allclose(scored(doubled)['nll'], single)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(-3.1, 3.1), st.floats(-1e6, 1e6))
def test_moving_and_turning_the_world_changes_nothing(seed: int, yaw: float, shift: float) -> None:
    windows = random_windows(seed)
    del windows['sigma']
    turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    moved = {**windows}
    for name in ('pose', 'truth'):
        moved[name] = windows[name] @ turn.T + shift
    before, after = score(**windows), score(**moved)
    for name in ('ade', 'fde', 'min_ade', 'min_fde', 'brier_min_fde'):
        np.testing.assert_allclose(after[name], before[name], atol=1e-6, err_msg=name)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.permutations(range(6)))
def test_the_order_of_modes_does_not_matter(seed: int, order: list[int]) -> None:
    windows = random_windows(seed)
    shuffled = {
        **windows,
        **{name: windows[name][:, order] for name in ('pose', 'probability', 'sigma')},
    }
    before, after = scored(windows), scored(shuffled)
    for name in (*MEANS, 'nll'):
        np.testing.assert_allclose(after[name], before[name], err_msg=name)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_best_of_many_is_never_worse_than_the_most_likely(seed: int) -> None:
    result = scored(random_windows(seed))
    counts = result['counts']
    assert (result['min_ade'] <= result['ade'] + 1e-12)[counts].all()
    assert (result['min_fde'] <= result['fde'] + 1e-12)[counts].all()
    gap = (result['brier_min_fde'] - result['min_fde'])[counts]
    assert ((gap >= 0) & (gap <= 1)).all()


def test_the_truth_itself_scores_zero() -> None:
    windows = random_windows(1)
    windows['pose'] = np.repeat(windows['truth'][:, None], 6, 1)
    result = scored(windows)
    for name in ('ade', 'fde', 'min_ade', 'min_fde', 'miss_rate'):
        assert (result[name][result['counts']] == 0).all(), name


def test_windows_without_truth_at_the_horizon_do_not_count() -> None:
    windows = random_windows(2)
    windows['valid'][:, 49] = False  # 5 s
    windows['truth'][~windows['valid']] = np.nan
    result = scored(windows)
    assert not result['counts'][:, 2].any()
    assert np.isnan(result['min_fde'][:, 2]).all()
    assert np.isfinite(result['ade'][result['counts']]).all()


def test_unknown_steps_are_left_out_of_averages() -> None:
    windows = two_modes()
    windows['valid'][0, 3:7] = False
    windows['truth'][0, 3:7] = 1e9
    np.testing.assert_allclose(score(**windows)['ade'], 3.0)


def test_no_windows_give_empty_arrays() -> None:
    result = score(
        np.zeros((0, 6, T, 2)), np.zeros((0, 6)), np.zeros((0, T, 2)), np.zeros((0, T), bool)
    )
    assert result['ade'].shape == (0, len(HORIZONS_S))


def test_a_horizon_beyond_the_arrays_is_an_error() -> None:
    with pytest.raises(ValueError, match=r'\(0, 8\] s, got \[9.0\]'):
        score(**two_modes(), horizons_s=[9.0])


def test_moving_needs_speed_and_distance() -> None:
    present = np.zeros((4, 2))
    truth = np.zeros((4, T, 2))
    truth[0, :, 0] = 0.1 * np.arange(1, T + 1)  # 1 m/s: moving
    truth[1, :, 0] = 0.02 * np.arange(1, T + 1)  # 0.2 m/s: too slow
    truth[2, ::2, 0] = 1.0  # swings back and forth without getting anywhere
    truth[3, :, 0] = 0.1 * np.arange(1, T + 1)
    valid = np.ones((4, T), bool)
    valid[3] = False  # nothing known
    np.testing.assert_array_equal(is_moving(present, truth, valid), [True, False, False, False])


def test_calibrated_modes_have_no_calibration_error() -> None:
    """Of 100 windows with modes 0.75 and 0.25, the likely one is right 75 times."""
    truth = np.zeros((100, T, 2))
    pose = np.zeros((100, 2, T, 2))
    pose[:75, 1] = 5.0
    pose[75:, 0] = 5.0
    probability = np.tile([0.75, 0.25], (100, 1))
    calibration = Calibration()
    calibration.add(probability, score(pose, probability, truth, np.ones((100, T), bool)))
    assert calibration.error == pytest.approx(0.0)


def test_overconfidence_is_the_gap_between_claimed_and_right() -> None:
    """Always 0.95 sure, right half of the time: 0.45 off in both bins."""
    truth = np.zeros((100, T, 2))
    pose = np.zeros((100, 2, T, 2))
    pose[:50, 1] = 5.0
    pose[50:, 0] = 5.0
    probability = np.tile([0.95, 0.05], (100, 1))
    calibration = Calibration()
    calibration.add(probability, score(pose, probability, truth, np.ones((100, T), bool)))
    assert calibration.error == pytest.approx(0.45)
    assert Calibration().error is None


def figures_of(windows: dict[str, np.ndarray], rows: slice) -> Figures:
    part = {name: value[rows] for name, value in windows.items()}
    figures = Figures()
    names = np.array(['car', 'bus', 'car', 'pedestrian', 'car', 'bus', 'car'])[rows]
    moving = np.array([True, False, False, True, True, True, False])[rows]
    figures.add(scored(part), part['probability'], list(names), moving)
    return figures


@given(st.integers(0, 100), st.integers(0, 7))
@settings(max_examples=20, deadline=None)
def test_parts_merge_into_the_whole(seed: int, cut: int) -> None:
    windows = random_windows(seed)
    whole = figures_of(windows, slice(None))
    parts = figures_of(windows, slice(0, cut))
    parts.merge(figures_of(windows, slice(cut, None)))
    assert parts.classes == whole.classes
    assert parts.calibration.error == pytest.approx(whole.calibration.error)
    for name in whole.classes:
        for motion in (MOVING, ALL):
            for horizon in HORIZONS_S:
                a, b = parts.cell(name, motion, horizon), whole.cell(name, motion, horizon)
                assert a.windows == b.windows
                assert a.sums == pytest.approx(b.sums)


def test_figures_have_the_promised_keys_and_are_null_without_windows() -> None:
    windows = random_windows(5)
    windows['valid'][:, 30:] = False
    result = figures_of(windows, slice(None)).as_dict()
    assert set(result) == {'bus', 'car', 'pedestrian'}
    assert set(result['car']) == {'moving', 'all'}
    assert list(result['car']['all']) == ['1s', '3s', '5s', '8s']
    assert set(result['car']['all']['1s']) == {*MEANS, 'windows'}
    assert result['car']['all']['8s']['windows'] == 0
    assert result['car']['all']['8s']['ade'] is None


def test_all_classes_together_weigh_every_window_alike() -> None:
    windows = random_windows(6)
    windows['valid'][:] = True
    result = scored(windows)
    figures = figures_of(windows, slice(None))
    assert figures.over_classes(ALL, 5.0).mean('fde') == pytest.approx(result['fde'][:, 2].mean())
    assert figures.over_classes(ALL, 5.0, ['car', 'animal']).windows == 4
