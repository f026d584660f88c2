"""Exact shares of cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_node.raster import fill
from prediction_node.raster.outlines import Polygons, pieces, resampled, strokes

SIZE = 24


def covered(points: np.ndarray) -> np.ndarray:
    """(SIZE, SIZE) shares."""
    scratch = np.full((SIZE, SIZE + 1), np.nan)
    r0, r1, c0, c1 = fill.cover(np.ascontiguousarray(points, float), 0, len(points), scratch)
    out = np.zeros((SIZE, SIZE))
    out[r0:r1, c0:c1] = scratch[r0:r1, c0:c1]
    return out


def area(points: np.ndarray) -> float:
    x, y = points[:, 0], points[:, 1]
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def box(x: float, y: float, yaw: float, length: float, width: float) -> np.ndarray:
    corners = 0.5 * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * [length, width]
    turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    return corners @ turn.T + [x, y]


inside = st.floats(9.0, 15.0)
angles = st.floats(-7.0, 7.0)


@given(inside, inside, angles, st.floats(0.05, 10.0), st.floats(0.05, 10.0))
def test_coverage_sums_to_the_area(
    x: float, y: float, yaw: float, length: float, width: float
) -> None:
    shares = covered(box(x, y, yaw, length, width))
    assert shares.sum() == pytest.approx(length * width, abs=1e-6)
    assert shares.min() >= 0.0
    assert shares.max() <= 1.0


@given(inside, inside, angles, st.floats(0.5, 8.0), st.floats(0.5, 8.0))
def test_each_share_is_that_of_many_points(
    x: float, y: float, yaw: float, length: float, width: float
) -> None:
    per_cell = 16
    at = (np.arange(SIZE * per_cell) + 0.5) / per_cell
    rows, columns = np.meshgrid(at, at, indexing='ij')
    a = np.cos(yaw) * (rows - x) + np.sin(yaw) * (columns - y)
    b = np.cos(yaw) * (columns - y) - np.sin(yaw) * (rows - x)
    hit = (np.abs(a) <= 0.5 * length) & (np.abs(b) <= 0.5 * width)
    counted = hit.reshape(SIZE, per_cell, SIZE, per_cell).mean(axis=(1, 3))
    np.testing.assert_allclose(covered(box(x, y, yaw, length, width)), counted, atol=0.13)


@given(st.floats(-20.0, 44.0), st.floats(-20.0, 44.0), angles)
def test_what_reaches_over_the_edge_is_cut(x: float, y: float, yaw: float) -> None:
    """A window of a larger picture shows what that picture shows there."""
    points = box(x, y, yaw, 18.0, 7.0)
    larger = np.full((3 * SIZE, 3 * SIZE + 1), np.nan)
    r0, r1, c0, c1 = fill.cover(points + SIZE, 0, 4, larger)
    whole = np.zeros((3 * SIZE, 3 * SIZE))
    whole[r0:r1, c0:c1] = larger[r0:r1, c0:c1]
    middle = whole[SIZE : 2 * SIZE, SIZE : 2 * SIZE]
    np.testing.assert_allclose(covered(points), middle, atol=1e-9)


@given(st.lists(st.tuples(st.floats(3.0, 21.0), st.floats(3.0, 21.0)), min_size=3, max_size=3))
def test_either_sense_of_turning_is_the_same(corners: list[tuple[float, float]]) -> None:
    points = np.array(corners)
    np.testing.assert_allclose(covered(points), covered(points[::-1]), atol=1e-9)
    assert covered(points).sum() == pytest.approx(area(points), abs=1e-6)


def test_neighbours_fill_cells_between_them() -> None:
    left = np.array([[2.0, 3.0], [20.0, 5.0], [20.0, 11.3], [2.0, 12.6]])
    right = np.array([[2.0, 12.6], [20.0, 11.3], [20.0, 21.0], [2.0, 20.0]])
    both = covered(left) + covered(right)
    assert both[3:19, 6:19].min() == pytest.approx(1.0)
    assert both[3:19, 6:19].max() == pytest.approx(1.0)


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf, 1e30])
def test_points_that_are_no_places_do_no_harm(bad: float) -> None:
    points = box(12.0, 12.0, 0.3, 4.0, 2.0)
    points[1, 0] = bad
    shares = covered(points)
    assert np.all((shares >= 0.0) & (shares <= 1.0))


def test_a_line_keeps_its_width_round_a_bend() -> None:
    angle = np.linspace(0.0, 1.5, 40)
    bend = 12.0 * np.column_stack([np.cos(angle), np.sin(angle)])
    outline = strokes([bend], 0.5)
    assert area(outline.points_m) == pytest.approx(12.0 * 1.5 * 0.5, rel=0.01)


def test_lines_drawn_together_are_lines_drawn_apart() -> None:
    lines = [
        np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 3.0]]),
        np.array([[1.0, 1.0], [1.0, 1.0], [2.0, 5.0]]),
        np.array([[-3.0, 2.0], [6.0, 2.5]]),
    ]
    together = strokes(lines, 0.4)
    apart = Polygons.joined([strokes([line], 0.4) for line in lines])
    np.testing.assert_array_equal(together.points_m, apart.points_m)
    np.testing.assert_array_equal(together.offsets, apart.offsets)
    low_x, high_x, low_y, high_y = together.bounds_m()[2]
    assert low_x < -2.9 < 5.9 < high_x
    assert low_y < 2.0 < 2.5 < high_y


def test_pieces_of_a_lane_cover_it_along_its_direction() -> None:
    left = np.array([[0.0, 2.0], [30.0, 2.0]])
    right = np.array([[0.0, -1.5], [12.0, -1.5], [30.0, -1.5]])
    quads, direction = pieces(left, right)
    assert sum(area(quad) for quad in quads) == pytest.approx(30.0 * 3.5)
    np.testing.assert_allclose(direction, [[1.0, 0.0]] * len(quads), atol=1e-12)


@given(st.integers(2, 30))
def test_resampling_keeps_ends_and_spacing(count: int) -> None:
    line = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 10.0]])
    points = resampled(line, count)
    np.testing.assert_allclose(points[[0, -1]], line[[0, -1]])
    steps = np.hypot(*np.diff(points, axis=0).T)
    assert steps.max() <= 11.0 / (count - 1) + 1e-9


def test_lanes_without_length_have_no_pieces() -> None:
    point = np.array([[1.0, 1.0], [1.0, 1.0]])
    quads, direction = pieces(point, point)
    assert len(quads) == len(direction) == 0


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_lanes_that_lie_nowhere_have_no_pieces(bad: float) -> None:
    right = np.array([[0.0, 0.0], [9.0, 0.0]])
    quads, _ = pieces(np.array([[0.0, 3.0], [bad, 3.0]]), right)
    assert len(quads) == 0
