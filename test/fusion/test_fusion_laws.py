"""What must hold whatever the scene: equivariance, invariance, determinism, finiteness."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.frames import Transform, rotation_2d, wrap_angle
from prediction_node.domain.kinds import Modality
from prediction_node.domain.observations import SensorTracks
from prediction_node.fusion import Fusion, FusionParameters

SECONDS = 3.0
ARRAYS = tuple(f.name for f in dataclasses.fields(Agents) if f.name != 'stamp_ns')


@pytest.fixture(scope='module')
def messages(scene: Any) -> list[tuple[int, SensorTracks]]:
    return scene.World(scene.city(), SECONDS).messages()


def moved(reports: SensorTracks, turn_rad: float, shift_m: np.ndarray) -> SensorTracks:
    """The same reports in a world turned about the origin and then shifted."""
    turn = rotation_2d(np.float64(turn_rad))
    position = reports.position_m.copy()
    position[:, :2] = position[:, :2] @ turn.T + shift_m
    return dataclasses.replace(
        reports,
        position_m=position,
        position_covariance=turn @ reports.position_covariance @ turn.T,
        yaw_rad=reports.yaw_rad + turn_rad,
        velocity_mps=reports.velocity_mps @ turn.T,
        velocity_covariance=turn @ reports.velocity_covariance @ turn.T,
    )


def moved_ego(scene: Any, turn_rad: float, shift_m: np.ndarray) -> Ego:
    ego = scene.ego_at()
    pose = Transform.from_xyz_yaw(np.array([*shift_m, 0.0]), turn_rad)
    return dataclasses.replace(ego, map_from_base=pose @ ego.map_from_base)


def by_place(agents: Agents) -> Agents:
    return agents.select(np.lexsort(np.round(agents.position_m[:, :2], 3).T))


def assert_same(actual: Agents, wanted: Agents, atol: float, uuids: bool = True) -> None:
    assert len(actual) == len(wanted) > 0
    for name in ARRAYS:
        if name == 'uuid' and not uuids:
            continue
        difference = np.asarray(getattr(actual, name), float) - getattr(wanted, name)
        if name == 'yaw_rad':
            difference = wrap_angle(difference)
        difference = difference[np.isfinite(difference)]  # ages of inf minus inf
        assert np.abs(difference).max(initial=0.0) < atol, name


@pytest.mark.parametrize('turn_rad', [0.7, -2.5])
def test_turning_and_moving_the_world_turns_and_moves_the_agents(
    scene: Any, messages: Any, turn_rad: float
) -> None:
    shift = np.array([321.0, -54.0])
    before = scene.run(messages, SECONDS)[-1]
    after = scene.run(
        [(t, moved(m, turn_rad, shift)) for t, m in messages],
        SECONDS,
        ego=moved_ego(scene, turn_rad, shift),
    )[-1]
    turn = rotation_2d(np.float64(turn_rad))
    turned = before.position_m.copy()
    turned[:, :2] = turned[:, :2] @ turn.T + shift
    jacobian = np.eye(5)
    jacobian[:2, :2] = turn
    wanted = dataclasses.replace(
        before,
        position_m=turned,
        yaw_rad=before.yaw_rad + turn_rad,
        velocity_mps=before.velocity_mps @ turn.T,
        covariance=jacobian @ before.covariance @ jacobian.T,
    )
    # Places decide the order of birth, so a turned world gives other names.
    assert_same(by_place(after), by_place(wanted), 1e-6, uuids=False)


def test_five_thousand_kilometres_away_all_is_the_same_within_a_centimetre(
    scene: Any, messages: Any
) -> None:
    shift = np.array([5_000_000.0, -5_000_000.0])
    here = scene.run(messages, SECONDS)
    there = scene.run(
        [(t, moved(m, 0.0, shift)) for t, m in messages],
        SECONDS,
        ego=moved_ego(scene, 0.0, shift),
    )
    for near, far in zip(here[5:], there[5:], strict=True):
        back = far.position_m.copy()
        back[:, :2] -= shift
        assert_same(dataclasses.replace(far, position_m=back), near, 1e-4)
        assert np.abs(back - near.position_m).max() < 0.01


def test_the_order_of_rows_in_a_message_does_not_matter(scene: Any, messages: Any) -> None:
    rng = np.random.default_rng(5)
    shuffled = [(t, m.select(rng.permutation(len(m)))) for t, m in messages]
    assert_same(
        by_place(scene.run(shuffled, SECONDS)[-1]),
        by_place(scene.run(messages, SECONDS)[-1]),
        1e-9,
    )


def test_the_order_of_arrival_within_a_window_does_not_matter(scene: Any, messages: Any) -> None:
    def last(seed: int | None) -> Agents:
        rng = np.random.default_rng(seed)
        fusion = Fusion(FusionParameters())
        for k in range(1, 31):
            stamp = scene.START_NS + k * 100_000_000
            window = [m for t, m in messages if stamp - 100_000_000 < t <= stamp]
            if seed is not None:
                window = [window[i] for i in rng.permutation(len(window))]
            agents = fusion.step(window, stamp, scene.ego_at())
        return agents

    in_order, shuffled = last(None), last(3)
    for name in ARRAYS:
        assert np.array_equal(getattr(in_order, name), getattr(shuffled, name)), name


def test_a_message_sent_twice_counts_once(scene: Any, messages: Any) -> None:
    doubled = [entry for entry in messages for _ in range(2)]
    once, twice = scene.run(messages, SECONDS)[-1], scene.run(doubled, SECONDS)[-1]
    for name in ARRAYS:
        assert np.array_equal(getattr(once, name), getattr(twice, name)), name


def test_the_same_input_gives_the_same_bytes(scene: Any, messages: Any) -> None:
    first, second = (scene.run(messages, SECONDS) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        for name in ARRAYS:
            assert getattr(a, name).tobytes() == getattr(b, name).tobytes(), name


def test_another_namespace_gives_other_identities_to_the_same_agents(
    scene: Any, messages: Any
) -> None:
    import uuid

    window = [m for t, m in messages if t <= scene.START_NS + 500_000_000]
    stamp = scene.START_NS + 500_000_000
    one = Fusion(FusionParameters()).step(window, stamp, None)
    other = Fusion(FusionParameters(), uuid.UUID(int=7)).step(window, stamp, None)
    assert np.array_equal(one.position_m, other.position_m)
    assert not (one.uuid == other.uuid).all(axis=1).any()


def test_a_far_agent_changes_nothing_for_the_others(scene: Any, messages: Any) -> None:
    rng = np.random.default_rng(0)
    world = scene.World(
        [scene.driven((140.0, 90.0, 0.3), scene.steady(3.0), seconds=SECONDS)], SECONDS
    )
    both = []
    for t, m in messages:
        extra = world.report(m.modality, (m.stamp_ns - scene.START_NS) * 1e-9, rng)
        joined = {
            name: np.concatenate([getattr(m, name), getattr(extra, name)])
            for name in SensorTracks.__dataclass_fields__
            if isinstance(getattr(m, name), np.ndarray)
        }
        both.append((t, dataclasses.replace(m, **joined)))
    with_it = by_place(scene.run(both, SECONDS)[-1])
    without = by_place(scene.run(messages, SECONDS)[-1])
    near = with_it.position_m[:, 0] < 110.0
    assert near.sum() == len(with_it) - 1
    assert_same(with_it.select(near), without, 1e-9, uuids=False)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_is_reported_the_answer_is_finite_and_in_bounds(scene: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    fusion = Fusion(FusionParameters())
    stamp = scene.START_NS
    for _ in range(data.draw(st.integers(1, 8))):
        window = []
        for modality in Modality:
            n = data.draw(st.integers(0, 6))
            scale = 10.0 ** data.draw(st.integers(-2, 5))
            variance = 10.0 ** rng.uniform(-12, 10, n)
            window.append(
                scene.tracks_of(
                    modality,
                    stamp - int(rng.integers(0, 400_000_000)),
                    scale * rng.standard_normal((n, 3)),
                    position_covariance=variance[:, None, None] * np.eye(2),
                    orientation=rng.integers(0, 3, n).astype(np.int8),
                    yaw_rad=rng.uniform(-10, 10, n),
                    yaw_variance=10.0 ** rng.uniform(-12, 3, n),
                    has_velocity=rng.random(n) < 0.5,
                    velocity_mps=100.0 * rng.standard_normal((n, 2)),
                    velocity_covariance=10.0 ** rng.uniform(-12, 8, n)[:, None, None] * np.eye(2),
                    has_yaw_rate=rng.random(n) < 0.5,
                    yaw_rate_radps=rng.uniform(-20, 20, n),
                    has_class=rng.random(n) < 0.5,
                    class_probabilities=rng.dirichlet(np.full(9, 0.3), n),
                    has_size=rng.random(n) < 0.5,
                    size_m=rng.uniform(0.0, 100.0, (n, 3)),
                    existence=rng.random(n),
                    attributes=rng.random((n, 11)),
                    has_attribute=rng.random((n, 11)) < 0.5,
                )
            )
        agents = fusion.step(window, stamp, scene.ego_at())
        for name in ARRAYS:
            values = getattr(agents, name)
            assert name == 'modality_age_s' or np.isfinite(values).all(), name
        assert np.allclose(agents.class_probabilities.sum(axis=1), 1.0)
        assert (np.linalg.eigvalsh(agents.covariance)[:, 0] > -1e-6).all()
        assert ((agents.existence >= 0.0) & (agents.existence <= 1.0)).all()
        assert len({bytes(u) for u in agents.uuid}) == len(agents)
        stamp += data.draw(st.sampled_from([50_000_000, 100_000_000, 700_000_000]))
