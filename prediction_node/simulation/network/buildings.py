"""Houses along the streets: outlines that hide what is behind them."""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial import cKDTree

from prediction_node.simulation.network.curves import (
    arc_length_m,
    direction_at,
    offset_line,
    point_at,
)
from prediction_node.simulation.network.net_file import Function, Network
from prediction_node.simulation.network.plan import Plan
from prediction_node.simulation.scenario import Scenario

_FRONT_M = (9.0, 26.0)
_DEPTH_M = (9.0, 16.0)
_GAP_M = (0.3, 5.0)
# Points of roads and houses are no farther apart.
_GRAIN_M = 1.0
_LEAST_FRONT_M = 6.0
# Middles of houses that meet are no farther apart.
_LARGEST_M = math.hypot(_FRONT_M[1], _DEPTH_M[1])


def draw_buildings(
    scenario: Scenario, plan: Plan, network: Network, rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """(4, 2) outlines in metres of the map frame, counterclockwise. None is nearer to a road,
    sidewalk or junction than the setback, and none meets another.
    """
    layout = scenario.layout
    road = cKDTree(_road_points(network))
    clear = layout.setback_m + 0.5 * _GRAIN_M
    houses: list[np.ndarray] = []
    for edge in plan.edges:
        if edge.street == 'ring':
            continue
        kerb = offset_line(edge.shape_m, -(edge.width_m + layout.setback_m + _GRAIN_M))
        length = float(arc_length_m(kerb)[-1])
        way = float(rng.uniform(0.0, 4.0))
        while way < length - _LEAST_FRONT_M:
            front, depth = float(rng.uniform(*_FRONT_M)), float(rng.uniform(*_DEPTH_M))
            built = rng.random() < layout.building_share
            gap = float(rng.uniform(*_GAP_M))
            front = min(front, length - way)
            house = _house(kerb, way, front, depth)
            if not _free(house, road, clear, houses):
                # A corner or a bend is in the way: try again a little farther on.
                way += 2.0
                continue
            if built:
                houses.append(house)
            way += front + gap
    return tuple(houses)


def _house(kerb_m: np.ndarray, way_m: float, front_m: float, depth_m: float) -> np.ndarray:
    """A rectangle at the right of a line, its front along it."""
    ahead = direction_at(kerb_m, way_m + 0.5 * front_m)
    away = np.array([ahead[1], -ahead[0]])
    middle = point_at(kerb_m, way_m + 0.5 * front_m)
    near, far = middle, middle + depth_m * away
    half = 0.5 * front_m * ahead
    return np.stack([near - half, far - half, far + half, near + half])


def _free(house: np.ndarray, road: cKDTree, clear_m: float, houses: list[np.ndarray]) -> bool:
    for points in (house, _rim(house)):
        near, _ = road.query(points, distance_upper_bound=clear_m)
        if np.isfinite(near).any():
            return False
    if not houses:
        return True
    away = np.hypot(*(np.mean(houses, axis=1) - house.mean(axis=0)).T)
    return not any(overlap(house, houses[k]) for k in np.flatnonzero(away < _LARGEST_M))


def _rim(house: np.ndarray) -> np.ndarray:
    """(P, 2) points along the outline. No road lies wholly within a house: the rim is enough."""
    closed = np.concatenate([house, house[:1]])
    length = float(arc_length_m(closed)[-1])
    return point_at(closed, np.linspace(0.0, length, math.ceil(length / _GRAIN_M) + 1))


def overlap(one_m: np.ndarray, other_m: np.ndarray) -> bool:
    """Do two convex outlines meet? By the separating axis theorem."""
    for outline in (one_m, other_m):
        sides = np.roll(outline, -1, axis=0) - outline
        normals = np.stack([-sides[:, 1], sides[:, 0]], axis=1)
        a, b = one_m @ normals.T, other_m @ normals.T
        if ((a.max(axis=0) < b.min(axis=0)) | (b.max(axis=0) < a.min(axis=0))).any():
            return False
    return True


def _road_points(network: Network) -> np.ndarray:
    """(P, 2) points all over lanes and junctions, a grain apart."""
    points = []
    for lane in network.lanes.values():
        line = lane.shape_m[:, :2]
        if lane.function is Function.WALKING_AREA:
            points.append(_ring_points(line))
            continue
        line = _dense(line)
        if len(line) < 2:
            continue
        length = float(arc_length_m(line)[-1])
        way = np.linspace(0.0, length, math.ceil(length / _GRAIN_M) + 2)
        for side in np.linspace(-0.5, 0.5, math.ceil(lane.width_m / _GRAIN_M) + 1):
            points.append(point_at(offset_line(line, side * lane.width_m), way))
    for junction in network.junctions.values():
        if len(junction.outline_m) > 2:
            points.append(_ring_points(junction.outline_m[:, :2]))
    return np.concatenate(points)


def _dense(line_m: np.ndarray) -> np.ndarray:
    """Without repeated points, which have no direction."""
    keep = np.concatenate([[True], np.hypot(*np.diff(line_m, axis=0).T) > 1e-3])
    kept: np.ndarray = line_m[keep]
    return kept


def _ring_points(outline_m: np.ndarray) -> np.ndarray:
    """(P, 2) points along a closed outline and between it and its middle."""
    closed = np.concatenate([outline_m, outline_m[:1]])
    length = float(arc_length_m(closed)[-1])
    rim = point_at(closed, np.linspace(0.0, length, math.ceil(length / _GRAIN_M) + 2))
    middle = outline_m.mean(axis=0)
    reach = float(np.hypot(*(rim - middle).T).max())
    share = np.linspace(0.0, 1.0, math.ceil(reach / _GRAIN_M) + 1)
    points: np.ndarray = middle + share[:, None, None] * (rim - middle)
    return points.reshape(-1, 2)
