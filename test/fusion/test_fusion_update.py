"""Split covariance intersection: its two ends are known, and what it claims holds."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.kinds import Modality
from prediction_node.fusion import Fusion, FusionParameters
from prediction_node.fusion.kernels import update
from prediction_node.fusion.kernels.update import OMEGA_GRID, Told
from prediction_node.fusion.tracks import STATE_COUNT, YAW, X, Y


def random_covariance(rng: np.random.Generator, n: int, size: int = STATE_COUNT) -> np.ndarray:
    root = rng.standard_normal((n, size, size))
    return root @ root.swapaxes(1, 2) + 0.1 * np.eye(size)


def place_reports(
    innovation: np.ndarray, covariance: np.ndarray, shared_part: float, per_track: int = 1
) -> Told:
    """Reports of places (R, 2) with covariances (R, 2, 2), `per_track` for each track."""
    n = len(innovation)
    told = np.zeros((n, STATE_COUNT))
    told[:, :2] = innovation
    inverse = np.linalg.inv(covariance)
    information = np.zeros((n, 8))
    information[:, 0], information[:, 1] = inverse[:, 0, 0], inverse[:, 1, 1]
    information[:, 2] = inverse[:, 0, 1]
    tracks = n // per_track
    return Told(
        start=per_track * np.arange(tracks + 1),
        innovation=told,
        information=information,
        jacobian=np.tile(np.eye(STATE_COUNT), (n, 1, 1)),
        shared_part=np.full(n, shared_part),
        known_jacobian=np.zeros((tracks, STATE_COUNT)),
        known=np.zeros((tracks, 2)),
    )


def same_state(state: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether states (..., 7) are those wanted, which may have turned round."""
    difference = state - wanted
    difference[..., YAW] = wrap_angle(difference[..., YAW])
    return np.allclose(difference, 0.0, atol=1e-6)


def omega_for(
    independent: np.ndarray, shared: np.ndarray, covariance: np.ndarray, shared_part: float
) -> float:
    """The weight for a report of a place, all covariances (2, 2)."""
    xx, yy, xy = covariance[0, 0], covariance[1, 1], covariance[0, 1]
    return update._omega_of(independent.copy(), shared.copy(), xx, yy, xy, shared_part)


def split_update(
    mean: np.ndarray, independent: np.ndarray, shared: np.ndarray, told: Told
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means (K, 7) and covariance parts (K, 7, 7) after the update of all; the old ones stay."""
    mean, independent, shared = mean.copy(), independent.copy(), shared.copy()
    update.split_update(mean, independent, shared, np.arange(len(mean)), told)
    return mean, independent, shared


@given(seed=st.integers(0, 2**32))
def test_without_shared_errors_it_is_the_kalman_filter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, r = random_covariance(rng, 4), random_covariance(rng, 4, 2)
    mean = rng.standard_normal((4, STATE_COUNT))
    innovation = 0.5 * rng.standard_normal((4, 2))
    new, independent, shared = split_update(
        mean, p, np.zeros_like(p), place_reports(innovation, r, 0.0)
    )
    h = np.zeros((2, STATE_COUNT))
    h[0, X] = h[1, Y] = 1.0
    for i in range(4):
        gain = p[i] @ h.T @ np.linalg.inv(h @ p[i] @ h.T + r[i])
        assert same_state(new[i], mean[i] + gain @ innovation[i])
        assert np.allclose(independent[i], p[i] - gain @ h @ p[i], atol=1e-6)
    assert np.allclose(shared, 0.0, atol=1e-5)


@given(seed=st.integers(0, 2**32))
def test_with_shared_errors_only_it_is_covariance_intersection(seed: int) -> None:
    """Inverse covariances add with the weights omega and 1 - omega."""
    rng = np.random.default_rng(seed)
    p, r = random_covariance(rng, 3), random_covariance(rng, 3, 2)
    none, r_none = np.zeros_like(p), np.zeros_like(r)
    _, independent, shared = split_update(
        np.zeros((3, STATE_COUNT)), none, p, place_reports(np.zeros((3, 2)), r, 1.0)
    )
    # A place shares nothing with what is known of the heading, which does not become less certain.
    assert (shared[:, YAW, YAW] <= p[:, YAW, YAW] + 1e-9).all()
    shared, p = shared[:, :YAW, :YAW], p[:, :YAW, :YAW]
    h = np.eye(2, YAW)
    omega = [omega_for(r_none[i], p[i, :2, :2], r[i], 1.0) for i in range(3)]
    assert np.allclose(independent, 0.0)
    for i in range(3):
        wanted = np.linalg.inv(
            omega[i] * np.linalg.inv(p[i]) + (1 - omega[i]) * h.T @ np.linalg.inv(r[i]) @ h
        )
        assert np.allclose(shared[i], wanted, rtol=1e-5, atol=1e-8)


@given(seed=st.integers(0, 2**32))
def test_reports_used_together_say_what_they_say_one_after_the_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, r = random_covariance(rng, 4), random_covariance(rng, 12, 2)
    mean, none = rng.standard_normal((4, STATE_COUNT)), np.zeros((4, STATE_COUNT, STATE_COUNT))
    place = mean[np.repeat(np.arange(4), 3), :2] + 0.2 * rng.standard_normal((12, 2))
    together = split_update(
        mean, p, none, place_reports(place - np.repeat(mean[:, :2], 3, axis=0), r, 0.0, 3)
    )
    step = (mean, p, none)
    for k in range(3):
        step = split_update(*step, place_reports(place[k::3] - step[0][:, :2], r[k::3], 0.0))
    assert same_state(together[0], step[0])
    assert np.allclose(together[1], step[1], atol=1e-6)


@given(seed=st.integers(0, 2**32), part=st.floats(0.0, 1.0))
def test_omega_is_the_best_of_its_grid(seed: int, part: float) -> None:
    rng = np.random.default_rng(seed)
    p_i, p_s, r = random_covariance(rng, 3, 2)
    chosen = omega_for(p_i, p_s, r, part)

    def fused(omega: float) -> float:
        first, second = p_i + p_s / omega, (1.0 - part) * r + part * r / (1.0 - omega)
        return float(np.linalg.det(np.linalg.inv(np.linalg.inv(first) + np.linalg.inv(second))))

    assert chosen in OMEGA_GRID
    assert fused(chosen) <= min(fused(omega) for omega in OMEGA_GRID) * (1 + 1e-9)


@given(seed=st.integers(0, 2**32), part=st.floats(0.0, 1.0))
def test_late_reports_of_everything_are_fused_as_the_formula_says(seed: int, part: float) -> None:
    """With omega chosen, T = (1 + P L)^-1 in plain matrices."""
    rng = np.random.default_rng(seed)
    independent, shared = random_covariance(rng, 2)
    mean = rng.uniform(-1.0, 1.0, STATE_COUNT)
    blocks = [np.linalg.inv(random_covariance(rng, 2, 2)) for _ in range(3)]
    rates = rng.uniform(0.1, 5.0, (3, 2))
    jacobian = np.eye(STATE_COUNT) + np.triu(0.1 * rng.standard_normal((3, 7, 7)), 1)
    innovation, slip = 0.1 * rng.standard_normal((3, 7)), rng.standard_normal(7)
    innovation[:, 4] = 0.0  # nobody reports accelerations
    packed = [
        [block[i] for block in pair for i in ((0, 0), (1, 1), (0, 1))] + [*rate]
        for pair, rate in zip(blocks, rates, strict=True)
    ]
    told = Told(
        np.array([0, 3]),
        innovation,
        np.array(packed),
        jacobian,
        np.full(3, part),
        slip[None].copy(),
        np.array([[0.2, 1.5]]),
    )
    new = split_update(mean[None], independent[None], shared[None], told)

    place = np.linalg.inv(sum(b[0] for b in blocks))
    omega = omega_for(independent, shared, place, part) if part > 0.0 else OMEGA_GRID[-1]
    total, errors, direction = 1.5 * np.outer(slip, slip), np.zeros((7, 7)), 0.3 * slip
    repeated = part / (1.0 - omega)
    certainty = 1.0 / (1.0 - part + repeated)
    for t in range(3):
        alone = np.zeros((7, 7))
        alone[:2, :2], alone[2:4, 2:4] = blocks[t]
        alone[5, 5], alone[6, 6] = rates[t]
        present = certainty * jacobian[t].T @ alone @ jacobian[t]
        total += present
        errors += certainty * repeated * present
        direction += certainty * jacobian[t].T @ alone @ innovation[t]
    inflated = shared / omega
    prior = independent + inflated
    left = np.linalg.inv(np.eye(7) + prior @ total)
    fused = left @ prior
    tight = {'rtol': 1e-6, 'atol': 1e-8}
    assert same_state(new[0][0], mean + fused @ direction)
    wanted = left @ independent @ left.T + fused @ (total - errors) @ fused.T
    assert np.allclose(new[1][0], wanted, **tight)
    assert np.allclose(new[2][0], left @ inflated @ left.T + fused @ errors @ fused.T, **tight)


@given(seed=st.integers(0, 2**32), part=st.floats(0.0, 1.0))
@settings(max_examples=50, deadline=None)
def test_covariances_stay_positive_over_many_reports(seed: int, part: float) -> None:
    rng = np.random.default_rng(seed)
    independent, shared = random_covariance(rng, 2), np.zeros((2, STATE_COUNT, STATE_COUNT))
    mean = np.zeros((2, STATE_COUNT))
    for _ in range(100):
        r = 10.0 ** rng.uniform(-6, 6) * random_covariance(rng, 2, 2)
        innovation = 10.0 ** rng.uniform(-3, 2) * rng.standard_normal((2, 2))
        mean, independent, shared = split_update(
            mean, independent, shared, place_reports(innovation, r, part)
        )
        for covariance in (independent, shared):
            values = np.linalg.eigvalsh(covariance)
            assert np.isfinite(mean).all()
            assert (values[:, 0] >= -1e-9 * values[:, -1]).all()


def test_a_report_never_makes_the_place_less_certain() -> None:
    rng = np.random.default_rng(0)
    p, r = random_covariance(rng, 50), random_covariance(rng, 50, 2)
    for part in (0.0, 0.02, 0.5, 1.0):
        _, independent, shared = split_update(
            np.zeros((50, STATE_COUNT)),
            (1 - part) * p,
            part * p,
            place_reports(np.zeros((50, 2)), r, part),
        )
        new = np.linalg.det((independent + shared)[:, :2, :2])
        assert (new <= np.linalg.det(p[:, :2, :2]) * 1.0001).all()


def test_a_jump_opens_place_and_velocity_but_leaves_the_rest() -> None:
    p = np.tile(0.01 * np.eye(STATE_COUNT), (1, 1, 1))
    r = np.tile(0.01 * np.eye(2), (1, 1, 1))
    none = np.zeros_like(p)
    mean = np.zeros((1, STATE_COUNT))
    calm = split_update(mean, p, none, place_reports(np.array([[0.1, 0.0]]), r, 0.0))
    jump = split_update(mean, p, none, place_reports(np.array([[2.0, 0.0]]), r, 0.0))
    assert jump[0][0, X] > 0.9 * 2.0  # follows at once
    assert calm[0][0, X] == pytest.approx(0.05)
    assert jump[1][0, X, X] > calm[1][0, X, X]
    assert np.allclose(np.diagonal(jump[1][0])[4:], 0.01)


def steady_source(scene: Any, shared_error: float, seed: int) -> list[float]:
    """Normalised position errors of a standing car whose source repeats most of its error."""
    rng = np.random.default_rng(seed)
    parameters = dataclasses.replace(FusionParameters(), shared_error=(shared_error,) * 4)
    fusion = Fusion(parameters)
    error, sigma, memory, out = np.zeros(2), 0.5, 0.95, []
    error = sigma * rng.standard_normal(2)
    for k in range(120):
        error = memory * error + sigma * np.sqrt(1 - memory**2) * rng.standard_normal(2)
        stamp = scene.START_NS + k * 100_000_000
        report = scene.tracks_of(
            Modality.LIDAR,
            stamp,
            [[20.0 + error[0], error[1], 0.8]],
            position_covariance=np.tile(sigma**2 * np.eye(2), (1, 1, 1)),
        )
        agents = fusion.step([report], stamp, None)
        if k > 40:
            off = agents.position_m[0, :2] - [20.0, 0.0]
            out.append(float(off @ np.linalg.solve(agents.covariance[0, :2, :2], off)) / 2.0)
    return out


def test_intersection_stays_honest_where_a_source_repeats_its_error(scene: Any) -> None:
    naive = np.mean([steady_source(scene, 0.0, s) for s in range(8)])
    honest = np.mean([steady_source(scene, 0.8, s) for s in range(8)])
    assert naive > 2.0  # a Kalman filter believes far too much
    assert honest < 1.3
