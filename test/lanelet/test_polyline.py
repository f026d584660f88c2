"""Plane geometry: known answers, and invariance under rigid motions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_node.lanelet import polyline
from prediction_node.lanelet.polyline import (
    arc_length,
    at_fractions,
    crossings,
    inside,
    project,
    side_of,
    without_repeats,
)

HOOK = np.array([[0.0, 0.0, 0.0], [10.0, 0.0, 1.0], [10.0, 5.0, 2.0]])
MOTIONS = st.tuples(st.floats(-3, 3), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))


def moved(points: np.ndarray, motion: tuple[float, float, float]) -> np.ndarray:
    angle, x, y = motion
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([points[:, :2] @ turn.T + [x, y], points[:, 2:]])


def test_known_answers() -> None:
    assert arc_length(HOOK).tolist() == [0, 10, 15]
    thirds = at_fractions(HOOK, np.array([0, 1 / 3, 1]))
    np.testing.assert_allclose(thirds, [[0, 0, 0], [5, 0, 0.5], [10, 5, 2]])
    assert len(without_repeats(np.repeat(HOOK, 3, axis=0))) == 3
    s, away = project(HOOK, np.array([[4.0, 3.0], [12.0, 2.0], [10.0, 9.0]]))
    assert s.tolist() == [4, 12, 15]
    assert away.tolist() == [3, 2, 4]


@given(motion=MOTIONS)
def test_left_is_left_however_the_line_lies(motion: tuple[float, float, float]) -> None:
    line = moved(HOOK, motion)
    for point, side in (((5.0, 1.0), 1), ((5.0, -1.0), -1), ((12.0, -2.0), -1), ((9.0, 1.0), 1)):
        at = moved(np.array([[*point, 0.0]]), motion)[0]
        assert np.sign(side_of(line, at)) == side
        assert np.sign(side_of(line[::-1], at)) == -side


@given(motion=MOTIONS)
def test_inside_of_a_concave_ring(motion: tuple[float, float, float]) -> None:
    ring = np.array([[0, 0, 0], [10, 0, 0], [10, 10, 0], [5, 3, 0], [0, 10, 0]], float)
    points = np.array([[1, 1, 0], [5, 2, 0], [5, 8, 0], [9, 8, 0], [-1, 5, 0]], float)
    found = inside(moved(ring, motion), moved(points, motion))
    assert found.tolist() == [True, True, False, True, False]


@given(motion=MOTIONS)
def test_crossings(motion: tuple[float, float, float]) -> None:
    other = np.array([[2.0, -1.0, 0.0], [2.0, 1.0, 0.0], [20.0, 4.0, 0.0]])
    found = crossings(moved(HOOK, motion), moved(other, motion))
    np.testing.assert_allclose(found, [[0.2, 0.5], [1 + 7 / 15, 1 + 8 / 18]], atol=1e-6)
    assert len(crossings(HOOK, HOOK + np.array([-20.0, 0.0, 0.0]))) == 0


def test_work_is_done_in_bounded_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answers, however few pairs are compared at once."""
    rng = np.random.default_rng(1)
    a, b = rng.uniform(0, 10, (40, 3)), rng.uniform(0, 10, (30, 3))
    whole = crossings(a, b), project(a, b), inside(a, b)
    monkeypatch.setattr(polyline, '_PAIRS_AT_ONCE', 70)
    np.testing.assert_allclose(crossings(a, b), whole[0], atol=1e-12)
    np.testing.assert_allclose(project(a, b), whole[1], atol=1e-12)
    np.testing.assert_array_equal(inside(a, b), whole[2])
    assert len(whole[0]) > 10
