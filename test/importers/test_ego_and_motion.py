"""Who plays the robotaxi, and velocities without a look into the future."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_node.domain.errors import DataError
from prediction_node.importers.commonroad import read_commonroad
from prediction_node.importers.ego import choose_ego, with_ego
from prediction_node.importers.motion import backward_velocity, trailing_velocity

STAMP_NS = np.arange(12, dtype=np.int64) * 100_000_000


def test_the_most_central_of_the_longest_is_the_robotaxi(scenario: Any, xml: Any) -> None:
    recording, _ = read_commonroad(
        scenario(
            xml.road,
            xml.driver(1, (-60, 0), (5, 0)),
            xml.driver(2, (0, 4), (5, 0)),
            xml.driver(3, (50, 0), (5, 0)),
            xml.driver(4, (1, 0), (5, 0), steps=15),  # more central, but leaves
            xml.car(5, [(k, 2.0, -4.0, 0.0, 0.0) for k in range(21)]),  # stands
            xml.driver(6, (3, -2), (1.5, 0), kind='pedestrian'),
        )
    )
    assert recording.track_id[choose_ego(recording) or 0] == '2'
    assert recording.ego == 1


def test_nobody_drives(scenario: Any, xml: Any) -> None:
    recording, _ = read_commonroad(scenario(xml.road, xml.car(5, [(0, 2.0, 0.0), (1, 2.0, 0.0)])))
    assert recording.ego is None
    with pytest.raises(DataError, match='no moving car, truck or bus can play the robotaxi'):
        with_ego(recording, None)


def test_the_user_names_the_robotaxi(scenario: Any, xml: Any) -> None:
    recording, _ = read_commonroad(
        scenario(xml.road, xml.driver(1, (0, 0), (5, 0)), xml.driver(9, (0, 4), (5, 0)))
    )
    assert with_ego(recording, '9').ego == 1
    with pytest.raises(DataError, match="no track '5'; there are 1, 9"):
        with_ego(recording, '5')


positions = st.lists(
    st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=12, max_size=12
).map(lambda rows: np.array(rows)[None])
masks = st.lists(st.booleans(), min_size=12, max_size=12).map(lambda row: np.array(row)[None])


@given(positions, positions, masks, st.integers(0, 11))
def test_velocities_up_to_an_instant_depend_on_nothing_later(
    path: np.ndarray, other: np.ndarray, valid: np.ndarray, now: int
) -> None:
    changed = np.concatenate([path[:, : now + 1], other[:, now + 1 :]], axis=1)
    none = np.zeros((1, 12, 2))
    for velocity in (
        lambda p: backward_velocity(p, valid, STAMP_NS, none),
        lambda p: trailing_velocity(p, valid, STAMP_NS, 150_000_000)[0],
    ):
        np.testing.assert_array_equal(velocity(path)[:, : now + 1], velocity(changed)[:, : now + 1])


@given(st.floats(-40, 40), st.floats(-40, 40), masks)
def test_steady_motion_is_measured_exactly(vx: float, vy: float, valid: np.ndarray) -> None:
    path = 0.1 * np.arange(12)[None, :, None] * np.array([vx, vy]) + np.array([5e3, -2e3])
    velocity, known = trailing_velocity(path, valid, STAMP_NS, 150_000_000)
    np.testing.assert_allclose(velocity[known], np.tile([vx, vy], (known.sum(), 1)), atol=1e-6)
    assert not known[:, 0].any()
    np.testing.assert_array_equal(known[:, 1:], valid[:, 1:] & valid[:, :-1])


def test_a_pause_starts_a_track_anew() -> None:
    stamp_ns = np.array([0, 100, 200, 700, 800], dtype=np.int64) * 1_000_000
    path = np.array([[[0.0, 0], [1, 0], [2, 0], [50, 0], [50.5, 0]]])
    velocity, known = trailing_velocity(path, np.ones((1, 5), bool), stamp_ns, 150_000_000)
    assert known.tolist() == [[False, True, True, False, True]]
    np.testing.assert_allclose(velocity[0, :, 0], [0.0, 10.0, 10.0, 0.0, 5.0])


def test_three_steps_shake_less_than_one() -> None:
    rng = np.random.default_rng(1)
    n, sigma = 4000, 0.05
    path = sigma * rng.standard_normal((n, 12, 2))
    valid = np.ones((n, 12), bool)
    smooth, _ = trailing_velocity(path, valid, STAMP_NS, 150_000_000)
    rough = backward_velocity(path, valid, STAMP_NS, np.zeros((n, 12, 2)))
    assert smooth[:, 5].std() == pytest.approx(sigma / (0.1 * np.sqrt(5.0)), rel=0.03)
    assert rough[:, 5].std() == pytest.approx(sigma * np.sqrt(2.0) / 0.1, rel=0.03)
