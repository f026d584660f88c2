"""Paths that bodies can follow: nothing that is possible is changed, everything else is bounded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.kinds import ObjectClass
from prediction_node.tensors.feasible import LIMIT_TABLE, LIMITS, Limits
from prediction_node.tensors.kernels import futures as kernels

DT_S = 0.1
STEPS = 80
STEERING = [row for row, limits in enumerate(LIMITS) if limits.steers]
FREE = [row for row, limits in enumerate(LIMITS) if not limits.steers]


def follow(row: int, mean: np.ndarray, speed: float, slip: float = 0.0) -> np.ndarray:
    path = np.full((len(mean), 3), np.nan)
    if LIMITS[row].steers:
        kernels.follow_steering(mean, speed, 0.0, 0.0, LIMIT_TABLE[row], DT_S, path)
    else:
        kernels.follow_freely(mean, speed, slip, 0.0, LIMIT_TABLE[row], DT_S, path)
    assert np.isfinite(path).all()
    return path


def velocities(path: np.ndarray) -> np.ndarray:
    """(T, 2) of every step, from the origin."""
    return np.diff(path[:, :2], axis=0, prepend=np.zeros((1, 2))) / DT_S


def driven(limits: Limits, speed: float, steer: np.ndarray, pedal: np.ndarray) -> np.ndarray:
    """The path of a body that uses the shares `steer` and `pedal` (T,) in -1..1 of its bounds."""
    xy, yaw, out = np.zeros(2), 0.0, []
    for turn, push in zip(steer, pedal, strict=True):
        bound = limits.acceleration_mps2 if push > 0.0 else limits.braking_mps2
        speed = min(max(speed + push * bound * DT_S, 0.0), limits.speed_mps)
        curvature = min(limits.curvature_1pm, limits.lateral_mps2 / max(speed**2, 1e-6))
        most = min(curvature * speed, limits.turn_radps) * DT_S
        yaw += turn * min(most, kernels.MOST_TURN_RAD)
        xy = xy + speed * DT_S * np.array([np.cos(yaw), np.sin(yaw)])
        out.append(xy)
    return np.array(out)


shares = st.lists(st.floats(-0.95, 0.95), min_size=8, max_size=8)


@settings(max_examples=150)
@given(row=st.sampled_from(STEERING), speed=st.floats(0.0, 18.0), steer=shares, pedal=shares)
def test_what_a_vehicle_can_drive_is_left_as_it_is(
    row: int, speed: float, steer: list[float], pedal: list[float]
) -> None:
    limits = LIMITS[row]
    speed = min(speed, limits.speed_mps)
    mean = driven(limits, speed, np.repeat(steer, 10), np.repeat(pedal, 10))
    path = follow(row, mean, speed)
    assert np.hypot(*(path[:, :2] - mean).T).max() < 0.03


@settings(max_examples=100)
@given(
    row=st.sampled_from(FREE),
    turns=st.lists(st.floats(-np.pi, np.pi), min_size=8, max_size=8),
    push=st.lists(st.floats(0.0, 0.95), min_size=8, max_size=8),
)
def test_what_a_walker_can_walk_is_left_as_it_is(
    row: int, turns: list[float], push: list[float]
) -> None:
    limits = LIMITS[row]
    acceleration = limits.acceleration_mps2 * np.repeat(push, 10)[:, None] * np.stack(
        [np.cos(np.repeat(turns, 10)), np.sin(np.repeat(turns, 10))], axis=-1
    )  # fmt: skip
    velocity = np.cumsum(acceleration * DT_S, axis=0)
    fastest = np.hypot(*velocity.T).max()
    velocity *= min(1.0, 0.99 * limits.speed_mps / max(fastest, 1e-9))
    mean = np.cumsum(velocity * DT_S, axis=0)
    path = follow(row, mean, 0.0)
    assert np.hypot(*(path[:, :2] - mean).T).max() < 1e-6


@settings(max_examples=200)
@given(
    row=st.integers(0, len(LIMITS) - 1),
    speed=st.floats(-30.0, 80.0),
    slip=st.floats(-30.0, 30.0),
    seed=st.integers(0, 2**31),
    scale=st.sampled_from([0.02, 1.0, 30.0, 1e4]),
    smooth=st.booleans(),
)
def test_no_path_exceeds_the_bounds(
    row: int, speed: float, slip: float, seed: int, scale: float, smooth: bool
) -> None:
    rng = np.random.default_rng(seed)
    mean = rng.normal(0.0, scale, (STEPS, 2))
    if smooth:
        mean = np.cumsum(mean, axis=0) / 10.0
    limits = LIMITS[row]
    path = follow(row, mean, speed, slip)
    velocity = velocities(path)
    fast = np.hypot(*velocity.T)
    assert fast.max() <= max(limits.speed_mps, limits.reverse_mps) + 1e-6
    most = max(limits.acceleration_mps2, limits.braking_mps2) * DT_S
    if not limits.steers:
        now = np.array([speed, slip])
        now *= min(1.0, limits.speed_mps / max(float(np.hypot(*now)), 1e-9))
        change = np.diff(np.concatenate([now[None], velocity]), axis=0)
        assert np.hypot(*change.T).max() <= most + 1e-6
        return
    # Undo the half turn that yaw is ahead of the step's heading.
    heading = np.empty(STEPS)
    heading[0] = path[0, 2]
    for k in range(1, STEPS):
        heading[k] = (path[k, 2] + 0.5 * heading[k - 1]) / 1.5
    direction = np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    along = np.einsum('ij,ij->i', velocity, direction)
    aside = velocity[:, 0] * direction[:, 1] - velocity[:, 1] * direction[:, 0]
    assert np.abs(aside).max() <= 1e-4 * max(1.0, fast.max())  # no sideways car
    assert along.min() >= -limits.reverse_mps - 1e-6
    now = min(max(speed, -limits.reverse_mps), limits.speed_mps)
    assert np.abs(np.diff(along, prepend=now)).max() <= most + 1e-5
    turn = np.abs(np.diff(heading, prepend=0.0))
    step = np.abs(along) * DT_S
    assert (turn <= limits.curvature_1pm * step + 1e-5).all()
    assert turn.max() <= limits.turn_radps * DT_S + 1e-5
    assert (turn * fast / DT_S <= limits.lateral_mps2 + 1e-2).all()


@pytest.mark.parametrize('row', STEERING)
def test_who_lost_the_path_comes_back_without_swinging(row: int) -> None:
    """The mean jumps a metre aside and two ahead, once, at 8 m/s; then it goes straight on."""
    x = 0.8 * (1.0 + np.arange(STEPS))
    mean = np.stack([x, np.zeros(STEPS)], axis=-1)
    mean[10:] += [2.0, 1.0]
    path = follow(row, mean, 8.0)
    error = path[:, :2] - mean
    assert np.abs(error[60:]).max() < 0.05
    assert error[:, 1].max() < 0.1  # beyond the new line
    assert error[:, 0].max() < 0.15  # ahead of the new place


def test_a_parked_car_does_not_creep_on_noise() -> None:
    mean = np.random.default_rng(0).normal(0.0, 0.02, (STEPS, 2))
    path = follow(ObjectClass.CAR, mean, 0.0)
    assert np.hypot(*path[:, :2].T).max() < 0.15
    assert np.abs(path[:, 2]).max() < 0.1


def test_a_car_stops_rather_than_backs_up_to_a_place_it_has_passed() -> None:
    mean = np.stack([np.minimum(1.5 * (1.0 + np.arange(STEPS)), 4.0), np.zeros(STEPS)], axis=-1)
    path = follow(ObjectClass.CAR, mean, 15.0)
    assert np.diff(path[:, 0]).min() >= 0.0
    # It learns of the stop when it has gone 3 m.
    braking = 0.5 * (15.0**2 / 9.5 - 15.0 * DT_S)
    assert path[-1, 0] == pytest.approx(3.0 + braking, abs=0.1)


def test_a_car_that_backs_out_turns_while_it_reverses() -> None:
    t = DT_S * (1.0 + np.arange(STEPS))
    distance = 0.4 * np.minimum(t, 5.0) ** 2 / 2.0
    angle = 0.1 * distance
    mean = np.stack([-np.sin(angle) / 0.1, (1.0 - np.cos(angle)) / 0.1], axis=-1)
    path = follow(ObjectClass.CAR, mean, 0.0)
    assert np.hypot(*(path[:, :2] - mean).T)[:50].max() < 0.03
    assert path[49, 2] == pytest.approx(-angle[49], abs=0.02)


def test_a_walker_turns_to_where_it_goes_and_keeps_facing_there() -> None:
    t = DT_S * (1.0 + np.arange(STEPS))
    mean = np.stack([np.zeros(STEPS), 1.2 * np.minimum(t, 4.0)], axis=-1)
    path = follow(ObjectClass.PEDESTRIAN, mean, 0.0)
    assert path[20, 2] == pytest.approx(np.pi / 2, abs=0.01)
    assert path[-1, 2] == pytest.approx(np.pi / 2, abs=0.05)


@settings(max_examples=60)
@given(row=st.integers(0, len(LIMITS) - 1), seed=st.integers(0, 2**31), cut=st.integers(1, 79))
def test_a_step_depends_on_nothing_after_it(row: int, seed: int, cut: int) -> None:
    mean = np.cumsum(np.random.default_rng(seed).normal(0.1, 0.2, (STEPS, 2)), axis=0)
    changed = mean.copy()
    changed[cut:] += 3.0
    np.testing.assert_array_equal(follow(row, mean, 1.0)[:cut], follow(row, changed, 1.0)[:cut])
