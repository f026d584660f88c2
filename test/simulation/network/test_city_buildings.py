"""Houses hide what is behind them, and stand on nothing that is walked or driven on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_node.simulation.network.buildings import overlap
from prediction_node.simulation.network.city import City
from prediction_node.simulation.network.net_file import Function, Network

pytest.importorskip('sumo', reason='SUMO is not installed (requirements/simulation.txt)')


def inside(outline: np.ndarray, points: np.ndarray, margin_m: float) -> np.ndarray:
    """(P,) is a point within a convex counterclockwise outline grown by a margin?"""
    sides = np.roll(outline, -1, axis=0) - outline
    normals = np.stack([sides[:, 1], -sides[:, 0]], axis=1) / np.hypot(*sides.T)[:, None]
    off = np.einsum('psk,sk->ps', points[:, None] - outline[None], normals)
    return np.all(off < margin_m, axis=1)


def test_there_are_houses_and_they_are_rectangles(city: City) -> None:
    assert len(city.buildings) >= 20
    for outline in city.buildings:
        assert outline.shape == (4, 2)
        area = 0.5 * np.sum(
            outline[:, 0] * np.roll(outline[:, 1], -1) - outline[:, 1] * np.roll(outline[:, 0], -1)
        )
        assert area > 20.0  # counterclockwise


def test_houses_stand_off_every_lane_and_walkway(city: City, network: Network) -> None:
    borders = []
    for lane in network.lanes.values():
        line = lane.shape_m[:, :2]
        if lane.function is Function.WALKING_AREA:
            borders.append(line)
            continue
        steps = np.gradient(line, axis=0)
        normals = np.stack([-steps[:, 1], steps[:, 0]], axis=1)
        normals /= np.maximum(1e-9, np.hypot(*normals.T))[:, None]
        borders += [line + side * lane.width_m * normals for side in (-0.5, 0.0, 0.5)]
    dense = np.concatenate(
        [
            line[:-1, None]
            + np.linspace(0.0, 1.0, 24)[None, :, None] * np.diff(line, axis=0)[:, None]
            for line in borders
        ],
        axis=0,
    ).reshape(-1, 2)
    for outline in city.buildings:
        near = dense[np.hypot(*(dense - outline.mean(axis=0)).T) < 25.0]
        assert not inside(outline, near, 0.3).any()


def test_houses_do_not_meet(city: City) -> None:
    houses = city.buildings
    for k, one in enumerate(houses):
        for other in houses[:k]:
            if np.hypot(*(one - other).mean(axis=0)) < 32.0:
                assert not overlap(one * 1.0, other)


@given(
    st.floats(-3.0, 3.0),
    st.floats(-3.0, 3.0),
    st.floats(-np.pi, np.pi),
)
def test_overlap_agrees_with_points(x: float, y: float, turn: float) -> None:
    square = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    other = square @ rotation.T + [x, y]
    u, v = np.meshgrid(np.linspace(-1.0, 1.0, 21), np.linspace(-1.0, 1.0, 21))
    points = np.stack([u.ravel(), v.ravel()], axis=1) @ rotation.T + [x, y]
    if inside(square, points, -1e-6).any():
        assert overlap(square, other)
    if not inside(square, points, 0.2).any():
        assert not overlap(square, other)
    assert overlap(square, other) == overlap(other, square)
