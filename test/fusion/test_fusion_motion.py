"""How bodies move and what is believed of their heading."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.kinds import CLASS_COUNT, Modality, ObjectClass, Orientation
from prediction_node.evaluation.tracking import judge_tracking
from prediction_node.fusion import Fusion, FusionParameters
from prediction_node.fusion.kernels.motion import moved as moved_kernel
from prediction_node.fusion.kernels.motion import past_places
from prediction_node.fusion.predict import motion_noise, motion_table, predict
from prediction_node.fusion.tracks import (
    STATE_COUNT,
    VX,
    VY,
    YAW,
    YAW_RATE,
    TrackTable,
    X,
    Y,
)

P = FusionParameters()
states = st.tuples(*(st.floats(-b, b) for b in (100.0, 100.0, 30.0, 30.0, 5.0, np.pi, 1.5))).map(
    lambda s: np.array([s])
)


def noise_of(label: ObjectClass, n: int = 1) -> Any:
    return motion_noise(motion_table(P), np.eye(CLASS_COUNT)[[label] * n], np.ones(n, bool))


def moved(
    mean: np.ndarray, dt_s: float, parameters: FusionParameters = P
) -> tuple[np.ndarray, np.ndarray]:
    """States (N, 7) and Jacobians (N, 7, 7) after dt_s."""
    n = len(mean)
    memories = parameters.acceleration_memory_s, parameters.yaw_rate_memory_s
    return moved_kernel(mean, np.arange(n), np.full(n, dt_s), *memories)


def predicted(table: TrackTable, noise: np.ndarray, dt_s: float) -> TrackTable:
    """A copy of the table after dt_s."""
    later = table.picked(np.arange(len(table)))
    predict(later, noise, np.full(len(table), dt_s), P)
    return later


def process_noise(noise: np.ndarray, mean: np.ndarray, dt_s: float) -> np.ndarray:
    """(N, 7, 7) what dt_s adds to a covariance of zero."""
    return predicted(table_of(mean, 0.0), noise, dt_s).independent


def table_of(mean: np.ndarray, variance: float = 0.1) -> TrackTable:
    table = TrackTable.blank(len(mean), 0)
    table.mean = mean.copy()
    table.independent = np.tile(variance * np.eye(STATE_COUNT), (len(mean), 1, 1))
    table.has_heading[:] = True
    return table


@given(mean=states, dt_s=st.floats(-0.2, 0.2))
def test_the_jacobian_is_the_derivative(mean: np.ndarray, dt_s: float) -> None:
    _, jacobian = moved(mean, dt_s)
    step = 1e-6
    # How fast memories fade depends weakly on speed; that the model takes as given.
    for i in range(STATE_COUNT):
        shifted = mean.copy()
        shifted[0, i] += step
        low = mean.copy()
        low[0, i] -= step
        difference = moved(shifted, dt_s)[0] - moved(low, dt_s)[0]
        difference[0, YAW] = wrap_angle(difference[0, YAW])
        rows = [r for r in range(STATE_COUNT) if not (r == YAW_RATE and i in (VX, VY))]
        # Places turn about the middle of the step: exact to the second order of a short one.
        tolerance = 1e-4 + 40.0 * abs(dt_s) ** 3
        assert np.allclose(difference[0, rows] / (2 * step), jacobian[0, rows, i], atol=tolerance)


def test_a_steady_turn_follows_the_circle() -> None:
    speed, rate = 8.0, 0.4
    mean = np.array([[0.0, 0.0, speed, 0.0, 0.0, 0.0, rate]])
    endless = dataclasses.replace(P, yaw_rate_memory_s=60.0)
    for _ in range(20):
        mean, _ = moved(mean, 0.05, endless)
    angle = rate * 1.0
    radius = speed / rate
    assert mean[0, X] == pytest.approx(radius * np.sin(angle), abs=0.1)
    assert mean[0, Y] == pytest.approx(radius * (1 - np.cos(angle)), abs=0.1)
    assert mean[0, YAW] == pytest.approx(angle, abs=0.02)
    assert np.hypot(*mean[0, [VX, VY]]) == pytest.approx(speed)


@given(mean=states, dt_s=st.floats(0.01, 0.3))
def test_prediction_makes_everything_less_certain(mean: np.ndarray, dt_s: float) -> None:
    table = table_of(mean)
    later = predicted(table, noise_of(ObjectClass.CAR), dt_s)
    before = np.linalg.slogdet(table.covariance[0, :4, :4])[1]
    after = np.linalg.slogdet(later.covariance[0, :4, :4])[1]
    assert after > before
    assert np.linalg.eigvalsh(later.independent[0])[0] > 0.0


@given(mean=states, late_s=st.floats(0.0, 0.2))
def test_back_and_forth_leads_home(mean: np.ndarray, late_s: float) -> None:
    past, _ = moved(mean, -late_s)
    home, _ = moved(past, late_s)
    assert np.abs(home[0, [X, Y]] - mean[0, [X, Y]]).max() < 0.15 + 2.0 * late_s**2


@given(mean=states, dt_s=st.floats(-0.3, 0.3))
def test_places_alone_move_as_whole_states_do(mean: np.ndarray, dt_s: float) -> None:
    places = past_places(mean, np.array([-dt_s, 0.0]))
    assert np.allclose(places[0], moved(mean, dt_s)[0][:, :4])
    assert np.allclose(places[1], mean[:, :4])


@given(mean=states, dt_s=st.floats(-0.2, 0.2))
def test_covariances_move_as_the_jacobian_says(mean: np.ndarray, dt_s: float) -> None:
    rng = np.random.default_rng(0)
    table = table_of(mean)
    for part in (table.independent, table.shared):
        root = rng.standard_normal((STATE_COUNT, STATE_COUNT))
        part[0] = root @ root.T
    noise = noise_of(ObjectClass.CAR)
    later = predicted(table, noise, dt_s)
    state, jacobian = moved(mean, dt_s)
    added = process_noise(noise, mean, dt_s)[0]
    assert np.allclose(later.mean, state)
    assert np.allclose(
        later.independent[0], jacobian[0] @ table.independent[0] @ jacobian[0].T + added
    )
    assert np.allclose(later.shared[0], jacobian[0] @ table.shared[0] @ jacobian[0].T)
    assert np.array_equal(later.shared[0], later.shared[0].T)


def test_each_track_moves_by_its_own_time() -> None:
    mean = np.tile([[3.0, -2.0, 8.0, 1.0, 0.5, 0.2, 0.3]], (4, 1))
    dt_s = np.array([0.0, 0.05, 0.15, 0.7])
    together = table_of(mean)
    predict(together, noise_of(ObjectClass.CAR, 4), dt_s, P)
    for i, each_s in enumerate(dt_s):
        alone = predicted(table_of(mean[[i]]), noise_of(ObjectClass.CAR), float(each_s))
        assert np.array_equal(together.mean[i], alone.mean[0])
        assert np.array_equal(together.independent[i], alone.independent[0])


def test_noise_in_two_steps_is_that_of_one() -> None:
    table = table_of(np.array([[0.0, 0.0, 10.0, 0.0, 0.0, 0.0, 0.0]]), 0.0)
    noise = noise_of(ObjectClass.PEDESTRIAN)
    once = predicted(table, noise, 0.1).independent
    twice = predicted(predicted(table, noise, 0.05), noise, 0.05).independent
    assert np.allclose(once[0, :4, :4], twice[0, :4, :4], rtol=1e-6, atol=1e-12)


def test_the_past_is_as_uncertain_as_the_future() -> None:
    mean = np.array([[0.0, 0.0, 10.0, 0.0, 0.0, 0.0, 0.0]])
    noise = noise_of(ObjectClass.CAR)
    assert np.allclose(
        np.diagonal(process_noise(noise, mean, -0.1)[0]),
        np.diagonal(process_noise(noise, mean, 0.1)[0]),
    )


def test_only_walkers_may_face_anywhere_soon() -> None:
    mean = np.array([[0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
    walker = process_noise(noise_of(ObjectClass.PEDESTRIAN), mean, 0.1)[0, YAW, YAW]
    car = process_noise(noise_of(ObjectClass.CAR), mean, 0.1)[0, YAW, YAW]
    assert walker > 100.0 * car


def lidar(scene: Any, k: int, place: Any, yaw: float, **changes: Any) -> Any:
    """A LiDAR report of one car, every 0.1 s."""
    fields: dict[str, Any] = {
        'orientation': np.array([Orientation.AVAILABLE], np.int8),
        'yaw_rad': np.array([yaw]),
        'has_class': np.ones(1, bool),
        'class_probabilities': np.eye(CLASS_COUNT)[[ObjectClass.CAR]],
        **changes,
    }
    stamp = scene.START_NS + k * 100_000_000
    return scene.tracks_of(Modality.LIDAR, stamp, [[*place, 0.8]], **fields)


def test_covariance_shrinks_with_reports_and_grows_while_coasting(scene: Any) -> None:
    fusion = Fusion(P)
    seen, unseen = [], []
    for k in range(12):
        stamp = scene.START_NS + k * 100_000_000
        agents = fusion.step([lidar(scene, k, (20.0 + k, 0.0), 0.0)], stamp, None)
        if len(agents):
            seen.append(agents.covariance[0])
    for k in range(12, 20):
        agents = fusion.step([], scene.START_NS + k * 100_000_000, None)
        unseen.append(agents.covariance[0])
    for i in (0, 1, 2, 3):
        down = [c[i, i] for c in seen]
        up = [c[i, i] for c in unseen]
        assert down[-1] < down[0]
        assert all(b > a for a, b in itertools.pairwise(up))


def test_a_stopped_car_keeps_its_heading(scene: Any) -> None:
    rng = np.random.default_rng(1)
    fusion = Fusion(P)
    yaws, rates = [], []
    for k in range(150):
        driving = k < 20
        x = 20.0 + (0.5 * k if driving else 10.0)
        changes = {}
        if k >= 40:  # nothing but shaky positions from here on
            changes['orientation'] = np.array([Orientation.UNAVAILABLE], np.int8)
        place = np.array([x, 5.0]) + 0.1 * rng.standard_normal(2)
        yaw = 0.05 * float(rng.standard_normal())
        reports = lidar(scene, k, place, yaw, **changes)
        agents = fusion.step([reports], reports.stamp_ns, None)
        if k >= 60:
            yaws.append(float(agents.yaw_rad[0]))
            rates.append(float(agents.yaw_rate_radps[0]))
    assert np.abs(yaws).max() < 0.1
    assert np.abs(rates).max() < 0.05


@pytest.mark.parametrize('true_yaw', [0.3, 0.3 + np.pi])
def test_motion_resolves_a_heading_of_unknown_sign(scene: Any, true_yaw: float) -> None:
    """The box always says 0.3; the car drives that way or the other."""
    rng = np.random.default_rng(2)
    fusion = Fusion(P)
    ahead = np.array([np.cos(true_yaw), np.sin(true_yaw)])
    for k in range(30):
        place = 20.0 + 0.6 * k * ahead + 0.1 * rng.standard_normal(2)
        unknown = np.array([Orientation.SIGN_UNKNOWN], np.int8)
        agents = fusion.step(
            [lidar(scene, k, place, 0.3, orientation=unknown)],
            scene.START_NS + k * 100_000_000,
            None,
        )
        if k > 12:
            assert abs(wrap_angle(agents.yaw_rad[0] - true_yaw)) < 0.15
    assert agents.speed_mps[0] == pytest.approx(6.0, abs=0.5)


def test_a_car_backs_out_of_its_place_tail_first(scene: Any) -> None:
    """A sensor that tells front from back is believed against slow motion."""
    rng = np.random.default_rng(3)
    fusion = Fusion(P)
    for k in range(60):
        x = 20.0 - max(0, k - 15) * 0.12
        place = np.array([x, 0.0]) + 0.05 * rng.standard_normal(2)
        agents = fusion.step(
            [lidar(scene, k, place, 0.05 * float(rng.standard_normal()))],
            scene.START_NS + k * 100_000_000,
            None,
        )
    assert abs(agents.yaw_rad[0]) < 0.1
    assert agents.speed_mps[0] == pytest.approx(-1.2, abs=0.3)


def test_boxes_now_and_then_turned_by_half_do_not_turn_the_car(scene: Any) -> None:
    fusion = Fusion(P)
    for k in range(40):
        yaw = np.pi if k % 4 == 3 else 0.0
        agents = fusion.step(
            [lidar(scene, k, (20.0 + 0.5 * k, 0.0), yaw)], scene.START_NS + k * 100_000_000, None
        )
        if k > 2:
            assert abs(agents.yaw_rad[0]) < 0.1


def test_without_any_heading_motion_gives_one(scene: Any) -> None:
    rng = np.random.default_rng(4)
    fusion = Fusion(P)
    for k in range(25):
        stamp = scene.START_NS + k * 100_000_000
        place = np.array([10.0, -20.0 + 0.8 * k]) + 0.1 * rng.standard_normal(2)
        agents = fusion.step([scene.tracks_of(Modality.LIDAR, stamp, [[*place, 0.8]])], stamp, None)
    assert agents.yaw_rad[0] == pytest.approx(np.pi / 2, abs=0.1)
    assert agents.covariance[0, 2, 2] < 0.02


def test_an_open_heading_is_published_as_open(scene: Any) -> None:
    fusion = Fusion(P)
    for k in range(20):
        stamp = scene.START_NS + k * 100_000_000
        agents = fusion.step(
            [scene.tracks_of(Modality.LIDAR, stamp, [[10.0, 5.0, 0.8]])], stamp, None
        )
    assert agents.covariance[0, 2, 2] > 1.0


def test_a_yaw_with_the_variance_of_a_full_turn_is_none(scene: Any) -> None:
    fusion = Fusion(P)
    for k in range(25):
        stamp = scene.START_NS + k * 100_000_000
        vague = scene.tracks_of(
            Modality.CAMERA,
            stamp,
            [[10.0, -20.0 + 0.8 * k, 0.8]],
            orientation=np.array([Orientation.AVAILABLE], np.int8),
            yaw_variance=np.array([np.pi**2 / 3]),
        )
        agents = fusion.step([vague], stamp, None)
    assert agents.yaw_rad[0] == pytest.approx(np.pi / 2, abs=0.1)


def test_a_walker_turns_at_once(scene: Any) -> None:
    there = scene.driven(
        (10.0, 0.0, 0.0),
        scene.steady(1.4),
        lambda t: np.pi / 0.2 if 3.0 <= t < 3.2 else 0.0,
        seconds=6.0,
        label=ObjectClass.PEDESTRIAN,
    )
    world = scene.World([there], 6.0)
    frames = scene.run(world.messages(), 5.5)
    late = [f for f in frames if (f.stamp_ns - scene.START_NS) * 1e-9 > 4.2]
    for agents in late:
        assert abs(wrap_angle(agents.yaw_rad[0] - np.pi)) < 0.5
        assert agents.velocity_mps[0, 0] == pytest.approx(-1.4, abs=0.5)


def test_braking_shows_in_the_acceleration(scene: Any) -> None:
    car = scene.driven((-50.0, 3.0, 0.0), scene.ramp((2, 14), (5, 5)), seconds=6.0)
    world = scene.World([car], 6.0)
    for seed in range(3):
        frames = scene.run(world.messages(seed=seed), 5.5)
        braking = [f for f in frames if 3.3 < (f.stamp_ns - scene.START_NS) * 1e-9 < 4.8]
        steady = [f for f in frames if 1.0 < (f.stamp_ns - scene.START_NS) * 1e-9 < 2.0]
        assert np.mean([f.acceleration_mps2[0] for f in braking]) == pytest.approx(-3.0, abs=0.7)
        assert np.mean([f.acceleration_mps2[0] for f in steady]) == pytest.approx(0.0, abs=0.5)


def test_turning_shows_in_the_yaw_rate(scene: Any) -> None:
    car = scene.driven((-20.0, -10.0, 0.0), scene.steady(8.0), scene.steady(0.4), seconds=6.0)
    frames = scene.run(scene.World([car], 6.0).messages(), 5.5)
    rates = [f.yaw_rate_radps[0] for f in frames[25:]]
    assert np.mean(rates) == pytest.approx(0.4, abs=0.08)


def test_errors_are_as_large_as_the_covariance_says(scene: Any) -> None:
    """Normalised errors of position, speed and yaw over three seeds: consistent, not reckless."""
    world = scene.World(scene.city(10.0), 10.0)
    position, speed, yaw = [], [], []
    for seed in range(3):
        frames = scene.run(world.messages(seed=seed), 9.5)[20:]
        _, matches = judge_tracking(world.truth([f.stamp_ns for f in frames]), frames)
        position.append(matches.position_nees / 2.0)
        speed.append(matches.speed_nees[matches.moving])
        yaw.append(matches.yaw_nees[matches.moving & ~matches.walks])
    assert 0.3 < np.concatenate(position).mean() < 1.2
    assert 0.2 < np.concatenate(speed).mean() < 1.2
    assert 0.2 < np.concatenate(yaw).mean() < 1.2
