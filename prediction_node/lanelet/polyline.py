"""Plane geometry of polylines, given as (n, >= 2) arrays of metres; heights ride along."""

from __future__ import annotations

import math

import numpy as np

_PAIRS_AT_ONCE = 1_000_000  # bounds the memory of what compares every point with every segment


def without_repeats(line: np.ndarray) -> np.ndarray:
    """The line without points that stand on their predecessor."""
    if len(line) < 2:
        return line
    keep = np.r_[True, np.linalg.norm(np.diff(line[:, :2], axis=0), axis=1) > 1e-6]
    return np.asarray(line[keep])


def arc_length(line: np.ndarray) -> np.ndarray:
    """(n,) metres from the first point, in the plane."""
    along = np.zeros(len(line))
    step = line[1:, :2] - line[:-1, :2]
    np.cumsum(np.hypot(step[:, 0], step[:, 1]), out=along[1:])
    return along


def at_fractions(line: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """(m, 3) points at fractions of the line's length."""
    s = arc_length(line)
    if s[-1] <= 0:
        return np.repeat(line[:1], len(fractions), axis=0)
    return np.column_stack(
        [np.interp(fractions * s[-1], s, line[:, k]) for k in range(line.shape[1])]
    )


def middle(line: np.ndarray) -> np.ndarray:
    """A point of the line's middle part."""
    return np.asarray(line[len(line) // 2] if len(line) > 2 else line.mean(axis=0))


def side_of(line: np.ndarray, point: np.ndarray) -> float:
    """Signed distance of a point from a line, positive on the left.

    Where a vertex is nearest, the mean direction of the two segments that meet there decides.
    """
    start, step = line[:-1, :2], np.diff(line[:, :2], axis=0)
    squared = np.maximum((step**2).sum(axis=1), 1e-12)
    t = np.clip(((point[:2] - start) * step).sum(axis=1) / squared, 0.0, 1.0)
    offset = point[:2] - (start + t[:, None] * step)
    distance = np.linalg.norm(offset, axis=1)
    i = int(np.argmin(distance))
    unit = step / np.sqrt(squared)[:, None]
    direction = unit[i]
    if t[i] >= 1 and i + 1 < len(unit):
        direction = direction + unit[i + 1]
    elif t[i] <= 0 and i > 0:
        direction = direction + unit[i - 1]
    cross = direction[0] * offset[i, 1] - direction[1] * offset[i, 0]
    return float(np.sign(cross) * distance[i])


def project(line: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(m,) arc length of the nearest place on the line, and (m,) distance from it."""
    parts = max(1, math.ceil(len(points) * len(line) / _PAIRS_AT_ONCE))
    found = [_project(line, part) for part in np.array_split(points, parts)]
    return np.concatenate([s for s, _ in found]), np.concatenate([d for _, d in found])


def _project(line: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    start, step = line[:-1, :2], np.diff(line[:, :2], axis=0)
    length = np.linalg.norm(step, axis=1)
    squared = np.maximum(length**2, 1e-12)
    relative = points[:, None, :2] - start[None]
    t = np.clip((relative * step).sum(axis=2) / squared, 0.0, 1.0)
    distance = np.linalg.norm(relative - t[..., None] * step, axis=2)
    nearest = np.argmin(distance, axis=1)
    rows = np.arange(len(points))
    s = arc_length(line)[nearest] + t[rows, nearest] * length[nearest]
    return s, distance[rows, nearest]


def crossings(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(k, 2) where the lines cross: segment index and fraction (i + t) along a and along b."""
    rows = max(1, _PAIRS_AT_ONCE // max(1, len(b)))
    found = [
        _crossings(a[i : i + rows + 1], b) + np.array([i, 0]) for i in range(0, len(a) - 1, rows)
    ]
    return np.concatenate(found) if found else np.zeros((0, 2))


def _crossings(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    p, r = a[:-1, :2], np.diff(a[:, :2], axis=0)
    q, s = b[:-1, :2], np.diff(b[:, :2], axis=0)
    cross = r[:, None, 0] * s[None, :, 1] - r[:, None, 1] * s[None, :, 0]
    between = q[None] - p[:, None]
    with np.errstate(divide='ignore', invalid='ignore', over='ignore'):
        t = (between[..., 0] * s[None, :, 1] - between[..., 1] * s[None, :, 0]) / cross
        u = (between[..., 0] * r[:, None, 1] - between[..., 1] * r[:, None, 0]) / cross
        hit = (cross != 0) & (t >= 0) & (t <= 1) & (u >= 0) & (u <= 1)
    i, j = np.nonzero(hit)
    return np.column_stack([i + t[i, j], j + u[i, j]]) if len(i) else np.zeros((0, 2))


def inside(outline: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(m,) bool: which points lie within a closed outline (even-odd rule)."""
    parts = max(1, math.ceil(len(points) * len(outline) / _PAIRS_AT_ONCE))
    return np.concatenate([_inside(outline, part) for part in np.array_split(points, parts)])


def _inside(outline: np.ndarray, points: np.ndarray) -> np.ndarray:
    x, y = points[:, None, 0], points[:, None, 1]
    x0, y0 = outline[:, 0], outline[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    spans = (y0 > y) != (y1 > y)
    with np.errstate(divide='ignore', invalid='ignore', over='ignore'):
        at = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
    return np.asarray((spans & (x < at)).sum(axis=1) % 2 == 1)
