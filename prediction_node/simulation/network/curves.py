"""Lines in the plane: offsets, lengths, curvature."""

from __future__ import annotations

import math

import numpy as np


def arc_length_m(line_m: np.ndarray) -> np.ndarray:
    """(K,) way along a (K, 2) line to each of its points."""
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line_m, axis=0).T))])


def point_at(line_m: np.ndarray, way_m: float | np.ndarray) -> np.ndarray:
    """(..., 2) the points at these ways along a (K, 2) line, ends held."""
    length = arc_length_m(line_m)
    return np.stack([np.interp(way_m, length, line_m[:, k]) for k in (0, 1)], axis=-1)


def direction_at(line_m: np.ndarray, way_m: float) -> np.ndarray:
    """(2,) unit vector along a (K, 2) line at a way along it."""
    length = arc_length_m(line_m)
    segment = int(np.clip(np.searchsorted(length, way_m, side='right') - 1, 0, len(length) - 2))
    step = line_m[segment + 1] - line_m[segment]
    unit: np.ndarray = step / np.hypot(*step)
    return unit


def offset_line(line_m: np.ndarray, left_m: float) -> np.ndarray:
    """(K, 2) the line moved to its left; corners keep the distance (mitred)."""
    steps = np.diff(line_m, axis=0)
    normals = np.stack([-steps[:, 1], steps[:, 0]], axis=1) / np.hypot(*steps.T)[:, None]
    before = np.concatenate([normals[:1], normals])
    after = np.concatenate([normals, normals[-1:]])
    mitre = before + after
    mitre /= np.maximum(1e-9, (mitre * after).sum(axis=1))[:, None]
    moved: np.ndarray = line_m + left_m * mitre
    return moved


def between(line_m: np.ndarray, from_m: float, to_m: float) -> np.ndarray:
    """The part of a (K, 2) line between two ways along it, ends included."""
    length = arc_length_m(line_m)
    inside = (length > from_m + 1e-6) & (length < to_m - 1e-6)
    ends = point_at(line_m, np.array([from_m, to_m]))
    return np.concatenate([ends[:1], line_m[inside], ends[1:]])


def swung_line(
    start_m: np.ndarray, end_m: np.ndarray, swing_m: float, spacing_m: float = 4.0
) -> np.ndarray:
    """(K, 2) a line that leaves and reaches its ends along the chord and swings out by `swing_m`
    to the left in the middle; a straight one has two points.
    """
    chord = end_m - start_m
    length = float(np.hypot(*chord))
    if abs(swing_m) < 0.05:
        return np.stack([start_m, end_m])
    share = np.linspace(0.0, 1.0, max(8, math.ceil(length / spacing_m)) + 1)
    left = np.array([-chord[1], chord[0]]) / length
    line: np.ndarray = (
        start_m + share[:, None] * chord + swing_m * np.sin(np.pi * share)[:, None] ** 2 * left
    )
    return line


def least_radius_m(line_m: np.ndarray) -> float:
    """Radius of the sharpest bend of a (K, 2) line by its change of direction; inf if straight."""
    steps = np.diff(line_m, axis=0)
    if len(steps) < 2:
        return math.inf
    heading = np.unwrap(np.arctan2(steps[:, 1].copy(), steps[:, 0].copy()))
    way = np.hypot(*steps.T)
    bend = np.abs(np.diff(heading)) / (0.5 * (way[1:] + way[:-1]))
    sharpest = float(bend.max())
    return math.inf if sharpest < 1e-9 else 1.0 / sharpest
