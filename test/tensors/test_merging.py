"""Modes that tell the same future are told once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT
from prediction_node.tensors.decode import LEAST_PROBABILITY, SAME_SIGMAS, Same
from prediction_node.tensors.kernels import merging
from prediction_node.tensors.kernels.futures import MAX_CORRELATION

SIGMA_M = 2.0
SPEED = np.linspace(0.0, 1.0, POSE_COUNT)  # share of the way gone


def fan(*ends_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Poses and sigmas (1, M, POSE_COUNT, .) of modes that end so far apart, straight on."""
    pose = np.zeros((1, len(ends_m), POSE_COUNT, 3))
    pose[0, :, :, 0] = np.array(ends_m)[:, None] * SPEED
    sigma = np.zeros_like(pose)
    sigma[..., :2] = SIGMA_M
    return pose, sigma


def told(ends_m: list[float], *probability: float) -> list[int]:
    same = Same.of(*fan(*ends_m), np.array([probability]))
    return [int(mode) for mode in same.told[0]]


NEAR, FAR = 0.9 * SAME_SIGMAS * SIGMA_M, 1.1 * SAME_SIGMAS * SIGMA_M


def test_a_likelier_mode_tells_what_is_near_it() -> None:
    assert told([0.0, NEAR, FAR], 0.5, 0.3, 0.2) == [0, 0, 2]
    assert told([0.0, NEAR, 40.0], 0.2, 0.5, 0.3) == [1, 1, 2]


def test_chains_do_not_swallow_everything() -> None:
    """The middle one is near to both sides; whoever is likeliest decides."""
    assert told([0.0, NEAR, 2.0 * NEAR], 0.2, 0.5, 0.3) == [1, 1, 1]
    assert told([0.0, NEAR, 2.0 * NEAR], 0.5, 0.2, 0.3) == [0, 0, 2]


def test_who_parts_on_the_way_and_meets_again_stays_apart() -> None:
    pose, sigma = fan(0.0, 0.0)
    pose[0, 1, :, 1] = FAR * np.sin(np.pi * SPEED)
    assert Same.of(pose, sigma, np.array([[0.6, 0.4]])).told.tolist() == [[0, 1]]


def test_small_spreads_tell_apart_what_large_ones_do_not() -> None:
    """Along the path the spread is large, across it small: a metre there is another future."""
    pose, sigma = fan(0.0, 1.0, 0.0)
    pose[0, 2, :, 1] = SPEED
    sigma[..., 1] = 0.5
    assert Same.of(pose, sigma, np.array([[0.5, 0.3, 0.2]])).told.tolist() == [[0, 0, 2]]
    turned = np.stack([-pose[..., 1], pose[..., 0], pose[..., 2]], axis=-1)
    swapped = sigma[..., [1, 0, 2]]
    assert Same.of(turned, swapped, np.array([[0.5, 0.3, 0.2]])).told.tolist() == [[0, 0, 2]]


def test_unused_modes_neither_tell_nor_are_told() -> None:
    same = Same.of(*fan(0.0, 0.0, 0.1), np.array([[0.7, 0.0, 0.3]]))
    assert same.told.tolist() == [[0, 1, 0]]
    np.testing.assert_allclose(same.share, [[0.7, 0.0, 0.3]])


def test_spreads_are_those_of_the_mixture() -> None:
    rng = np.random.default_rng(0)
    pose, sigma = fan(0.0, 0.4 * NEAR, -0.5 * NEAR)
    pose[0, :, :, 1] += rng.normal(0.0, 0.1, (3, 1)) * SPEED
    sigma[0, 1, :, 2] = 0.4
    p = np.array([0.5, 0.3, 0.2])
    same = Same.of(pose, sigma, p[None])
    assert same.told.tolist() == [[0, 0, 0]]
    draws = rng.choice(3, 400_000, p=p)
    end, spread = pose[0, :, -1, :2], sigma[0, :, -1].copy()
    z = rng.normal(size=(len(draws), 2))
    rho = spread[draws, 2]
    y = rho * z[:, 0] + np.sqrt(1.0 - rho**2) * z[:, 1]
    at = end[draws] + np.stack([spread[draws, 0] * z[:, 0], spread[draws, 1] * y], axis=1)
    moment = np.einsum('ni,nj->ij', at - end[0], at - end[0]) / len(at)
    merging.merge_spreads(pose, sigma, same.told, same.share, MAX_CORRELATION)
    sx, sy, rho = sigma[0, 0, -1]
    np.testing.assert_allclose([sx**2, sy**2], np.diag(moment), rtol=0.01)
    np.testing.assert_allclose(rho * sx * sy, moment[0, 1], atol=0.02)
    np.testing.assert_array_equal(sigma[0, 1, -1], spread[1])


def test_weights_go_to_those_that_tell_and_are_flattened_then() -> None:
    same = Same(np.array([[0, 0, 2]]), np.array([[0.6, 0.4, 1.0]]))
    weight = np.array([[[0.5], [0.3], [0.2]]])
    same.merge_weights(weight, np.array([2.0]))
    expected = np.sqrt([0.8, 0.2]) / np.sqrt([0.8, 0.2]).sum()
    np.testing.assert_allclose(weight[0, [0, 2], 0], expected)
    assert weight[0, 1, 0] == 0.0


def test_who_is_likely_on_the_way_alone_leaves_something_behind() -> None:
    """The one mode with any weight after a second is not worth a path in the end."""
    same = Same(np.array([[0, 1]]), np.ones((1, 2)))
    weight = np.array([[[1.0, 1e-6], [0.0, 1.0 - 1e-6]]])
    same.merge_weights(weight, np.ones(1))
    np.testing.assert_array_equal(weight, [[[0.0, 0.0], [1.0, 1.0]]])


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    spread_m=st.floats(0.02, 1e3),
    reach_m=st.floats(0.0, 1e4),
    temperature=st.floats(0.05, 20.0),
    sharp=st.floats(0.0, 60.0),
)
def test_whatever_comes_probabilities_add_up(
    seed: int, spread_m: float, reach_m: float, temperature: float, sharp: float
) -> None:
    rng = np.random.default_rng(seed)
    n = 5
    pose = rng.normal(0.0, reach_m, (n, MODE_COUNT, POSE_COUNT, 3)).cumsum(axis=2) / POSE_COUNT
    sigma = np.full(pose.shape, spread_m)
    sigma[..., 2] = rng.uniform(-MAX_CORRELATION, MAX_CORRELATION, pose.shape[:3])
    logit = rng.normal(0.0, sharp, (n, MODE_COUNT, 8))
    weight = np.exp(logit - logit.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    same = Same.of(pose, sigma, np.ascontiguousarray(weight[:, :, -1]))
    rows = np.arange(n)[:, None]
    assert np.array_equal(same.told[rows, same.told], same.told)  # who is told tells nobody
    merging.merge_spreads(pose, sigma, same.told, same.share, MAX_CORRELATION)
    same.merge_weights(weight, np.full(n, temperature))
    assert np.isfinite(sigma).all()
    assert (sigma[..., :2] > 0.0).all()
    np.testing.assert_allclose(weight.sum(axis=1), 1.0, atol=1e-12)
    last = weight[:, :, -1]
    assert not last[same.told != np.arange(MODE_COUNT)].any()
    assert not weight[last == 0.0].any()
    assert (last[last > 0.0] >= LEAST_PROBABILITY).all()


@pytest.mark.parametrize('order', [[1, 0, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]])
def test_modes_in_another_order_are_told_in_another_order(order: list[int]) -> None:
    rng = np.random.default_rng(1)
    pose, sigma = fan(*rng.normal(0.0, 3.0, MODE_COUNT))
    probability = rng.dirichlet(np.ones(MODE_COUNT))[None]
    one = Same.of(pose, sigma, probability)
    other = Same.of(
        np.ascontiguousarray(pose[:, order]),
        np.ascontiguousarray(sigma[:, order]),
        np.ascontiguousarray(probability[:, order]),
    )
    np.testing.assert_array_equal(np.array(order)[other.told[0]], one.told[0, order])
    np.testing.assert_allclose(other.share, one.share[:, order])
