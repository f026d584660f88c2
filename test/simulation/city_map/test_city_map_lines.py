"""Laws of the lines that lanes are made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.simulation.city_map.lane import Joints
from prediction_node.simulation.city_map.polyline import (
    apart_m,
    arc_length_m,
    at_shares,
    cross,
    distance_m,
    forward_only,
    is_left_of,
    length_m,
    mean_line,
    offset,
    part,
    side_by_side,
    without_repeats,
)
from prediction_node.simulation.city_map.way_borders import side_line


def arc(radius: float, angle: float, count: int = 25) -> np.ndarray:
    """A left turn from the origin, first eastward."""
    turn = np.linspace(0.0, angle, count)
    return np.stack(
        [radius * np.sin(turn), radius * (1.0 - np.cos(turn)), np.zeros(count)], axis=-1
    )


def gentle(values: list[float]) -> np.ndarray:
    """A line whose heading changes by the given angles every 2 m."""
    heading = np.cumsum([0.0, *values])
    step = 2.0 * np.stack([np.cos(heading), np.sin(heading), np.zeros(len(heading))], axis=-1)
    return np.concatenate([np.zeros((1, 3)), np.cumsum(step, axis=0)])


lines = st.lists(st.floats(-0.25, 0.25), min_size=2, max_size=30).map(gentle)


@settings(deadline=None, max_examples=50)
@given(lines, st.floats(-2.5, 2.5))
def test_an_offset_line_keeps_its_distance(line: np.ndarray, left_m: float) -> None:
    moved = offset(line, left_m)
    away = np.hypot(*(moved[:, None, :2] - line[None, :, :2]).transpose(2, 0, 1)).min(axis=1)
    assert (away <= 1.02 * abs(left_m) + 1e-9).all()
    np.testing.assert_allclose(
        np.hypot(*(moved[[0, -1]] - line[[0, -1]])[:, :2].T), abs(left_m), atol=1e-9
    )
    if left_m > 0.1:
        assert is_left_of(line, moved[len(moved) // 2])


@pytest.mark.parametrize('left_m', [1.6, 4.0, 8.0])
def test_inside_of_a_tight_curve_nothing_runs_backward(left_m: float) -> None:
    line = arc(3.0, np.pi / 2)
    moved = offset(line, left_m)
    # Beyond the centre only the ends are left.
    assert (len(moved) > 2) == (left_m < 3.0)
    kept = forward_only(line, line)
    np.testing.assert_array_equal(kept, line)


@settings(deadline=None, max_examples=50)
@given(lines, st.floats(0.05, 0.9))
def test_parts_add_up(line: np.ndarray, share: float) -> None:
    total = length_m(line)
    first, second = part(line, 0.0, share * total), part(line, share * total, total)
    assert length_m(first) + length_m(second) == pytest.approx(total)
    np.testing.assert_allclose(first[-1], second[0])
    np.testing.assert_allclose(distance_m(line, first), 0.0, atol=1e-9)
    np.testing.assert_allclose(at_shares(line, np.array([0.0, 1.0])), line[[0, -1]], atol=1e-9)


@settings(deadline=None, max_examples=50)
@given(lines)
def test_the_mean_of_two_sides_is_the_middle(line: np.ndarray) -> None:
    left, right = offset(line, 1.0), offset(line, -1.0)
    assert apart_m(mean_line(left, right), line) < 0.1
    assert side_by_side(left, right)
    assert not side_by_side(right, left)
    assert not cross(left, right)


def test_lines_that_cross() -> None:
    a = np.array([[0.0, 0.0, 0.0], [10.0, 0.0, 0.0]])
    b = np.array([[5.0, -1.0, 0.0], [5.0, 1.0, 0.0]])
    assert cross(a, b)
    assert not cross(a, b + np.array([0.0, 2.0, 0.0]))
    assert not cross(a, a + np.array([0.0, 1.0, 0.0]))


def test_repeated_points_go_and_ends_stay() -> None:
    line = np.array([[0.0, 0, 0], [0, 0, 0], [1, 0, 0], [1, 0, 0], [2, 0, 0], [2, 0, 0]])
    np.testing.assert_array_equal(without_repeats(line)[:, 0], [0.0, 1.0, 2.0])
    assert len(without_repeats(line[:2])) == 2


@settings(deadline=None, max_examples=50)
@given(lines, st.floats(1.0, 2.5), st.floats(1.0, 2.5), st.floats(-0.8, 0.8))
def test_a_side_line_leads_from_end_to_end(
    line: np.ndarray, first_m: float, last_m: float, skew_m: float
) -> None:
    ends = offset(line, first_m)[0], offset(line, last_m)[-1]
    start = ends[0] + np.array([skew_m, 0.0, 0.0])  # the line begins eastward
    side = side_line(line, start, ends[1])
    np.testing.assert_allclose(side[[0, -1]], [start, ends[1]])
    along = arc_length_m(line) / length_m(line)
    beyond = np.hypot(*(side - line)[:, :2].T) - (first_m + along * (last_m - first_m))
    # Apart from the skewed start and the mitres of corners the width changes evenly.
    assert (np.abs(beyond[arc_length_m(line) > 3.0]) < 0.05).all()


def test_joined_joints_stand_in_the_middle() -> None:
    joints = Joints()
    a, b, c = (joints.add(np.array([x, 0.0, 0.0])) for x in (0.0, 1.0, 5.0))
    joints.join(a, b)
    joints.join(b, c)
    joints.join(c, a)
    np.testing.assert_allclose(joints.place(b), [2.0, 0.0, 0.0])
    assert len({joints.root(k) for k in (a, b, c)}) == 1
