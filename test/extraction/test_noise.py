"""Errors like those of a fusion: seeded, slow, larger for new tracks, and never in the labels."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np

from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.kinds import ObjectClass
from prediction_node.extraction.asking import Asking
from prediction_node.extraction.noise import (
    POSITION_SIGMA_M,
    SPEED_SIGMA_MPS,
    YAW_SIGMA_RAD,
    Distortion,
)
from prediction_node.extraction.truth_scenes import samples_of
from prediction_node.learning.samples.sample import Sample

N = 200


def watched(agents_of: Any, seed: int = 0, instants: int = 60) -> list[Any]:
    """The same agents over and over, with errors."""
    distortion = Distortion(np.random.default_rng(seed))
    out = []
    for k in range(instants):
        agents = agents_of(N, stamp_ns=1_000_000_000 + 100_000_000 * k)
        out.append(distortion.apply(agents, np.arange(N), np.zeros(N, bool), np.zeros(2)))
    return out


def cut(recording: Any, **settings: Any) -> list[Sample]:
    asking = Asking(stride_s=1.0, **settings)
    return list(samples_of(recording, None, asking, group='g', origin='simulated'))


def test_labels_stay_true(recording_of: Any) -> None:
    recording = recording_of(12.0)
    for exact, noisy in zip(cut(recording), cut(recording, noise=True), strict=True):
        np.testing.assert_array_equal(exact.future_m, noisy.future_m)
        np.testing.assert_array_equal(exact.label, noisy.label)
        np.testing.assert_array_equal(exact.ego_future, noisy.ego_future)
        assert (exact.scene.agents.position_m[:, :2] != noisy.scene.agents.position_m[:, :2]).all()
        np.testing.assert_array_equal(
            exact.scene.ego.map_from_base.translation_m, noisy.scene.ego.map_from_base.translation_m
        )


def test_the_seed_and_the_recording_decide(recording_of: Any) -> None:
    recording = recording_of(9.0)
    other = dataclasses.replace(recording, name='another')

    def places(recording: Any, seed: int) -> np.ndarray:
        samples = cut(recording, noise=True, seed=seed)
        return np.stack([s.scene.agents.position_m for s in samples])

    np.testing.assert_array_equal(places(recording, 1), places(recording, 1))
    assert (places(recording, 1) != places(recording, 2)).any()
    assert (places(recording, 1) != places(other, 1)).any()


def test_errors_are_as_large_as_stated_and_slow(agents_of: Any) -> None:
    exact = agents_of(N)
    noisy = watched(agents_of)
    old = noisy[30:]
    error = np.stack([a.position_m[:, :2] - exact.position_m[:, :2] for a in old])
    near = np.hypot(*exact.position_m[:, :2].T) < 20.0
    assert 0.8 * POSITION_SIGMA_M < error[:, near].std() < 1.6 * POSITION_SIGMA_M
    yaw = np.stack([wrap_angle(a.yaw_rad - exact.yaw_rad) for a in old])
    assert 0.8 * YAW_SIGMA_RAD < yaw.std() < 1.3 * YAW_SIGMA_RAD
    speed = np.stack([a.speed_mps - exact.speed_mps for a in old])
    assert 0.8 * SPEED_SIGMA_MPS < speed.std() < 1.4 * SPEED_SIGMA_MPS
    step = np.diff(error, axis=0)
    assert step.std() < 0.8 * error.std()
    first = noisy[0].position_m[:, :2] - exact.position_m[:, :2]
    assert first.std() > 2.0 * error.std()


def test_what_is_claimed_covers_what_is_wrong(agents_of: Any) -> None:
    exact = agents_of(N)
    last = watched(agents_of)[-1]
    sigma = np.sqrt(last.covariance[:, [0, 1], [0, 1]])
    share = (np.abs(last.position_m[:, :2] - exact.position_m[:, :2]) < 2.0 * sigma).mean()
    assert share > 0.9
    np.testing.assert_allclose(last.class_probabilities.sum(axis=1), 1.0)
    assert ((last.existence > 0.0) & (last.existence <= 1.0)).all()


def test_now_and_then_a_track_gets_a_new_id(agents_of: Any) -> None:
    noisy = watched(agents_of, instants=200)
    changed = [(a.uuid != b.uuid).any(axis=1).sum() for a, b in itertools.pairwise(noisy)]
    assert 0.001 < np.mean(changed) / N / 0.1 < 0.01


def test_whom_nobody_saw_for_long_comes_back_as_somebody_else(agents_of: Any) -> None:
    distortion = Distortion(np.random.default_rng(0))
    seen = [
        distortion.apply(
            agents_of(1, stamp_ns=stamp_ns), np.zeros(1, np.int64), np.zeros(1, bool), np.zeros(2)
        )
        for stamp_ns in (1_000_000_000, 1_100_000_000, 3_000_000_000)
    ]
    np.testing.assert_array_equal(seen[0].uuid, seen[1].uuid)
    assert (seen[1].uuid != seen[2].uuid).any()


def test_most_tracks_are_taken_for_what_they_are_and_doubt_comes_first(agents_of: Any) -> None:
    noisy = watched(agents_of)
    right = [(a.label == ObjectClass.CAR).mean() for a in (noisy[0], noisy[-1])]
    certainty = [a.class_probabilities[:, ObjectClass.CAR].mean() for a in (noisy[0], noisy[-1])]
    assert right[1] > 0.88
    assert certainty[0] < certainty[1]


def test_whom_it_leaves_alone_is_exact(agents_of: Any) -> None:
    exact = np.arange(N) == 7
    agents = agents_of(N)
    noisy = Distortion(np.random.default_rng(0)).apply(agents, np.arange(N), exact, np.zeros(2))
    for name in ('position_m', 'velocity_mps', 'size_m', 'yaw_rad', 'class_probabilities'):
        np.testing.assert_array_equal(
            getattr(noisy, name)[7], getattr(agents, name)[7], err_msg=name
        )
    assert (noisy.position_m[~exact, :2] != agents.position_m[~exact, :2]).all()
