"""Lines and lanes as closed polygons, many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Where a line bends, its outline widens by this much at most.
_MAX_MITRE = 1.5
# Driving directions change from piece to piece of a lane; no piece is longer.
PIECE_M = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Polygons:
    """Closed polygons in one array: polygon i is points_m[offsets[i]:offsets[i + 1]]."""

    points_m: np.ndarray  # (P, 2)
    offsets: np.ndarray  # (n + 1,) int64

    @classmethod
    def of(cls, polygons: Sequence[np.ndarray]) -> Polygons:
        """From (n_i, 2) arrays."""
        offsets = np.concatenate([[0], np.cumsum([len(each) for each in polygons])])
        points = np.concatenate(polygons) if len(polygons) else np.zeros((0, 2))
        return cls(np.ascontiguousarray(points, np.float64), offsets.astype(np.int64))

    @classmethod
    def joined(cls, parts: Sequence[Polygons]) -> Polygons:
        """All polygons of all parts, in turn."""
        points = [np.zeros((0, 2)), *(part.points_m for part in parts)]
        counts = [np.zeros(0, np.int64), *(np.diff(part.offsets) for part in parts)]
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64)
        return cls(np.concatenate(points), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def longest(self) -> int:
        """Points of the polygon that has most."""
        return int(np.max(np.diff(self.offsets), initial=0))

    def bounds_m(self) -> np.ndarray:
        """(n, 4) lowest and highest x, lowest and highest y; of no points: nothing is inside."""
        bounds = np.tile([np.inf, -np.inf, np.inf, -np.inf], (len(self), 1))
        filled = np.flatnonzero(np.diff(self.offsets))
        if len(filled):
            start = self.offsets[filled]
            for axis in range(2):
                values = self.points_m[:, axis]
                bounds[filled, 2 * axis] = np.minimum.reduceat(values, start)
                bounds[filled, 2 * axis + 1] = np.maximum.reduceat(values, start)
        return bounds


def strokes(lines: Sequence[np.ndarray], width_m: float) -> Polygons:
    """(n_i, 2) polylines drawn with a pen `width_m` wide, cut straight at their ends."""
    if not lines:
        return Polygons.of([])
    counts = np.array([len(line) for line in lines])
    points = np.concatenate(lines)
    start = np.concatenate([[0], np.cumsum(counts)])
    owner = np.repeat(np.arange(len(lines)), counts)
    # Unit direction of the segment after each point; none after the last of a line.
    step = np.zeros_like(points)
    inner = owner[1:] == owner[:-1]
    step[:-1][inner] = (points[1:] - points[:-1])[inner]
    length = np.hypot(step[:, 0], step[:, 1])
    after = np.divide(step, length[:, None], out=np.zeros_like(step), where=length[:, None] > 0)
    before = np.zeros_like(after)
    before[1:][inner] = after[:-1][inner]
    tangent = after + before
    norm = np.hypot(tangent[:, 0], tangent[:, 1])
    tangent = np.divide(tangent, norm[:, None], out=np.zeros_like(step), where=norm[:, None] > 1e-9)
    # At a bend the offset must be longer to keep the width of both segments.
    cosine = np.maximum(np.sum(tangent * after, axis=1), np.sum(tangent * before, axis=1))
    mitre = np.clip(1.0 / np.maximum(cosine, 1e-3), 1.0, _MAX_MITRE)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1) * (0.5 * width_m * mitre)[:, None]
    out = np.empty((2 * len(points), 2))
    # Along the left side, back along the right one.
    place = np.arange(len(points)) + start[owner]
    out[place] = points + normal
    out[2 * start[owner] + 2 * counts[owner] - 1 - (place - 2 * start[owner])] = points - normal
    return Polygons(out, (2 * start).astype(np.int64))


def resampled(line: np.ndarray, count: int) -> np.ndarray:
    """(n, 2) to (count, 2) points evenly spaced along the line, its ends included."""
    step = np.hypot(*(line[1:] - line[:-1]).T)
    at = np.concatenate([[0.0], np.cumsum(step)])
    wanted = np.linspace(0.0, at[-1], count)
    return np.column_stack([np.interp(wanted, at, line[:, 0]), np.interp(wanted, at, line[:, 1])])


def pieces(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A lane cut across: (n, 4, 2) quadrilaterals and (n, 2) unit driving directions.

    Pieces without length are left out, and lanes with points that are no places.
    """
    length_m = max(
        float(np.sum(np.hypot(*(line[1:] - line[:-1]).T))) if len(line) > 1 else 0.0
        for line in (left, right)
    )
    if not 0.0 < length_m < np.inf or min(len(left), len(right)) < 1:
        return np.zeros((0, 4, 2)), np.zeros((0, 2))
    count = int(np.ceil(length_m / PIECE_M)) + 1
    a, b = resampled(left, count), resampled(right, count)
    middle = 0.5 * (a + b)
    step = middle[1:] - middle[:-1]
    norm = np.hypot(step[:, 0], step[:, 1])
    good = norm > 1e-6
    quads = np.stack([a[:-1], a[1:], b[1:], b[:-1]], axis=1)
    return quads[good], step[good] / norm[good, None]
