"""The index finds exactly what looking at every segment finds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.frames import rotation_2d, wrap_angle
from prediction_node.domain.lane_map import Polylines
from prediction_node.inference.kinematic.lane_index import LaneIndex


def index_of(lines: list[np.ndarray]) -> LaneIndex:
    return LaneIndex(Polylines.of([np.column_stack([line, np.zeros(len(line))]) for line in lines]))


def brute_force(
    lines: list[np.ndarray], xy: np.ndarray, radius: float
) -> dict[tuple[int, int], tuple[float, float]]:
    """(query, lane) -> (distance, arc length) by plain loops."""
    found = {}
    for q, point in enumerate(xy):
        for lane, line in enumerate(lines):
            best = (np.inf, 0.0)
            arc = 0.0
            for a, b in pairwise(line):
                length = float(np.hypot(*(b - a)))
                if length > 1e-9:
                    u = (b - a) / length
                    t = float(np.clip((point - a) @ u, 0.0, length))
                    distance = float(np.hypot(*(point - a - t * u)))
                    if distance < best[0] - 1e-12:
                        best = (distance, arc + t)
                arc += length
            if best[0] <= radius:
                found[q, lane] = best
    return found


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 12),
    extent=st.sampled_from([5.0, 60.0, 900.0]),
    radius=st.floats(0.1, 25.0),
    shift=st.sampled_from([0.0, 5.0e6]),
)
def test_agrees_with_brute_force(
    seed: int, count: int, extent: float, radius: float, shift: float
) -> None:
    random = np.random.default_rng(seed)
    lines = [
        shift + random.uniform(-extent, extent, (int(random.integers(0, 6)), 2))
        for _ in range(count)
    ]
    if count > 2 and len(lines[1]) > 1:
        lines[1][1] = lines[1][0]  # a segment without length
    xy = shift + random.uniform(-extent, extent, (20, 2))
    candidates = index_of(lines).near(xy, np.zeros(len(xy)), radius)
    expected = brute_force(lines, xy, radius)
    pairs = list(zip(candidates.query.tolist(), candidates.lane.tolist(), strict=True))
    near_edge = {pair for pair, value in expected.items() if value[0] > radius - 1e-7}
    assert set(expected) - near_edge <= set(pairs) <= set(brute_force(lines, xy, radius + 1e-7))
    assert pairs == sorted(set(pairs))
    for pair, distance in zip(pairs, candidates.distance_m, strict=True):
        if pair in expected:
            assert distance == pytest.approx(expected[pair][0], abs=1e-6)


def test_reports_arc_length_offset_and_heading_error() -> None:
    line = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0]])
    found = index_of([line]).near(
        np.array([[4.0, 2.0], [9.0, 6.0], [10.0, 13.0], [-2.0, 1.0]]),
        np.array([0.1, np.pi / 2, np.pi, 0.0]),
        5.0,
    )
    assert found.query.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(found.arc_length_m, [4.0, 16.0, 20.0, 0.0])
    np.testing.assert_allclose(found.offset_m, [2.0, 1.0, 0.0, 1.0], atol=1e-12)
    np.testing.assert_allclose(found.beyond_m, [0.0, 0.0, 3.0, -2.0])
    np.testing.assert_allclose(found.heading_error_rad, [0.1, 0.0, np.pi / 2, 0.0], atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(angle=st.floats(-np.pi, np.pi), seed=st.integers(0, 1000))
def test_turning_the_world_changes_nothing(angle: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    lines = [random.uniform(-40, 40, (4, 2)) for _ in range(8)]
    xy, yaw = random.uniform(-40, 40, (30, 2)), random.uniform(-3, 3, 30)
    turn = rotation_2d(np.float64(angle))
    plain = index_of(lines).near(xy, yaw, 10.0)
    turned = index_of([line @ turn.T for line in lines]).near(xy @ turn.T, yaw + angle, 10.0)
    assert plain.lane.tolist() == turned.lane.tolist()
    np.testing.assert_allclose(turned.arc_length_m, plain.arc_length_m, atol=1e-6)
    np.testing.assert_allclose(turned.offset_m, plain.offset_m, atol=1e-6)
    turned_back = wrap_angle(turned.heading_error_rad - plain.heading_error_rad)
    np.testing.assert_allclose(turned_back, 0.0, atol=1e-6)


def test_wild_queries_find_nothing() -> None:
    index = index_of([np.array([[0.0, 0.0], [1.0, 0.0]])])
    wild = np.array([[np.nan, 0.0], [np.inf, 0.0], [1e308, -1e308], [0.5, 0.0]])
    assert index.near(wild, np.zeros(4), 3.0).query.tolist() == [3]
    assert len(index.near(np.zeros((0, 2)), np.zeros(0), 3.0)) == 0


def test_select_keeps_the_picked_rows() -> None:
    index = index_of([np.array([[0.0, 0.0], [9.0, 0.0]])] * 3)
    found = index.near(np.array([[1.0, 0.5]]), np.zeros(1), 2.0)
    assert found.select(found.lane == 1).lane.tolist() == [1]
