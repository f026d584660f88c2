"""What happened next: exact where it is known, masked from the first doubt on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_node.learning.samples.labels import Tracks, ego_future, futures

STEP_NS = 100_000_000
NOW_NS = 1_700_000_000_000_000_000
VELOCITY = np.array([8.0, -3.0])


def straight(stamp_ns: np.ndarray, **changes: Any) -> Tracks:
    """One body that goes straight on with VELOCITY, from the origin at NOW_NS."""
    time_s = (stamp_ns - NOW_NS) / 1e9
    values: dict[str, Any] = {
        'position_m': time_s[None, :, None] * VELOCITY,
        'yaw_rad': np.full((1, len(stamp_ns)), -0.3),
        'valid': np.ones((1, len(stamp_ns)), bool),
    }
    values.update(changes)
    return Tracks(stamp_ns, **values)


def grid(count: int) -> np.ndarray:
    return NOW_NS + STEP_NS * np.arange(-5, count - 5, dtype=np.int64)


ONE = np.array([0])


def test_column_k_is_k_plus_one_steps_ahead() -> None:
    position, yaw, valid = futures(straight(grid(90)), ONE, NOW_NS)
    ahead_s = 0.1 * np.arange(1, 81)
    np.testing.assert_allclose(position[0], ahead_s[:, None] * VELOCITY, atol=1e-9)
    np.testing.assert_allclose(yaw[0], -0.3)
    assert valid.all()


@given(st.lists(st.integers(20, 240), min_size=40, max_size=120), st.integers(0, 99))
def test_irregular_stamps_give_the_same_future(gaps_ms: list[int], shift_ms: int) -> None:
    stamps = NOW_NS - shift_ms * 1_000_000 + np.cumsum([0, *gaps_ms]).astype(np.int64) * 1_000_000
    position, _, valid = futures(straight(stamps), ONE, NOW_NS)
    ahead_s = 0.1 * np.arange(1, 81)
    known = NOW_NS + STEP_NS * np.arange(1, 81) <= stamps[-1]
    np.testing.assert_array_equal(valid[0], known)
    np.testing.assert_allclose(position[0, known], (ahead_s[:, None] * VELOCITY)[known], atol=1e-6)
    assert not position[0, ~known].any()


@pytest.mark.parametrize('missing', [[8], [7, 8, 9], list(range(20, 40))])
def test_nothing_is_known_after_a_gap_even_if_the_id_comes_back(missing: list[int]) -> None:
    tracks = straight(grid(120))
    tracks.valid[0, missing] = False
    _, _, valid = futures(tracks, ONE, NOW_NS)
    # Instant 5 is the present, so future column k is instant k + 6.
    first = missing[0] - 6
    assert valid[0, :first].all()
    assert not valid[0, first:].any()


def test_a_pause_of_the_recording_ends_the_future() -> None:
    stamps = np.concatenate([grid(20), grid(60)[25:]])  # half a second without any instant
    _, _, valid = futures(straight(stamps), ONE, NOW_NS)
    assert valid[0].sum() == 14


def test_who_is_not_there_now_has_no_future() -> None:
    tracks = straight(grid(90))
    tracks.valid[0, 5] = False
    assert not futures(tracks, ONE, NOW_NS)[2].any()


def test_an_id_that_jumps_to_another_body_ends_the_future() -> None:
    tracks = straight(grid(90))
    tracks.position_m[0, 30:] += 20.0
    _, _, valid = futures(tracks, ONE, NOW_NS)
    assert valid[0].sum() == 24


def test_nobody_has_nobodys_future() -> None:
    tracks = straight(grid(90))
    position, yaw, valid = futures(tracks, np.array([-1, 0]), NOW_NS)
    assert not valid[0].any()
    assert valid[1].all()
    assert not position[0].any()
    assert not yaw[0].any()


def test_headings_are_interpolated_the_short_way_round() -> None:
    stamps = NOW_NS + np.array([-50, 150], np.int64) * 1_000_000
    yaw = np.array([[np.pi - 0.1, -np.pi + 0.1]])
    _, found, valid = futures(straight(stamps, yaw_rad=yaw), ONE, NOW_NS)
    assert valid[0, 0]
    assert abs(found[0, 0]) > np.pi - 0.11


def test_no_instants_no_future() -> None:
    empty = Tracks(
        np.zeros(0, np.int64), np.zeros((1, 0, 2)), np.zeros((1, 0)), np.zeros((1, 0), bool)
    )
    assert not futures(empty, ONE, NOW_NS)[2].any()


def test_the_robotaxis_future_has_its_speed() -> None:
    tracks = straight(grid(60))
    speed = np.linspace(0.0, 5.9, 60)
    values, valid = ego_future(tracks, speed, 0, NOW_NS)
    assert valid.sum() == 54
    np.testing.assert_allclose(values[:54, 3], 0.6 + 0.1 * np.arange(54), atol=1e-6)
    np.testing.assert_allclose(values[:54, 2], -0.3)
    assert not values[54:].any()


def test_tracks_of_unequal_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match='position_m'):
        straight(grid(10), yaw_rad=np.zeros((1, 9)))
