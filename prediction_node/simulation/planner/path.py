"""A line to drive along, by arc length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.simulation.planner import kernels

SPACING_M = 1.0
# Curvature is the turn over this distance, so that the kinks of coarse lines are no curves.
_CURVATURE_BASE = 4  # samples to either side


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """Samples of a line, evenly spaced; beyond its ends it goes on straight."""

    arc_m: np.ndarray  # (S,) from 0
    x_m: np.ndarray  # (S,) map frame
    y_m: np.ndarray  # (S,)
    yaw_rad: np.ndarray  # (S,) without jumps
    curvature_1pm: np.ndarray  # (S,) left positive

    @classmethod
    def of(cls, points_m: np.ndarray) -> Path:
        """Through (n, 2) points. Raises ValueError for a line without length."""
        points = np.asarray(points_m, np.float64)
        step = np.hypot(*np.diff(points, axis=0).T)
        keep = np.concatenate([[True], step > 1e-6])
        points = points[keep]
        along = np.concatenate([[0.0], np.cumsum(step[step > 1e-6])])
        if along[-1] <= 0.0:
            raise ValueError('a path needs two different points')
        count = max(int(np.ceil(along[-1] / SPACING_M)), 1) + 1
        arc = np.linspace(0.0, along[-1], count)
        x, y = np.interp(arc, along, points[:, 0]), np.interp(arc, along, points[:, 1])
        yaw = np.unwrap(np.arctan2(np.gradient(y, arc), np.gradient(x, arc)))
        return cls(arc, x, y, yaw, _curvature(arc, yaw))

    @property
    def length_m(self) -> float:
        return float(self.arc_m[-1])

    def at(self, arc_m: np.ndarray) -> np.ndarray:
        """(...) arc lengths to (..., 3) x, y, yaw."""
        arc = np.asarray(arc_m, np.float64)
        inside = np.clip(arc, 0.0, self.length_m)
        beyond = arc - inside
        yaw = np.interp(inside, self.arc_m, self.yaw_rad)
        x = np.interp(inside, self.arc_m, self.x_m) + beyond * np.cos(yaw)
        y = np.interp(inside, self.arc_m, self.y_m) + beyond * np.sin(yaw)
        return np.stack([x, y, yaw], axis=-1)

    def project(self, points_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(..., 2) points to (...) arc lengths of the closest places and (...) offsets, left
        positive. Arc lengths are negative before the start and above `length_m` past the end.
        """
        points = np.asarray(points_m, np.float64)
        flat = np.ascontiguousarray(points.reshape(-1, 2))
        arc, offset = kernels.closest(flat, self.x_m, self.y_m, self.yaw_rad, self.arc_m)
        return arc.reshape(points.shape[:-1]), offset.reshape(points.shape[:-1])

    def moved_sideways(self, offset_m: np.ndarray) -> Path:
        """The line that runs (S,) `offset_m` to the left of each sample."""
        x = self.x_m - offset_m * np.sin(self.yaw_rad)
        y = self.y_m + offset_m * np.cos(self.yaw_rad)
        return Path.of(np.stack([x, y], axis=-1))


def _curvature(arc: np.ndarray, yaw: np.ndarray) -> np.ndarray:
    last = len(arc) - 1
    row = np.arange(len(arc))
    low = np.maximum(row - _CURVATURE_BASE, 0)
    high = np.minimum(row + _CURVATURE_BASE, last)
    return np.asarray((yaw[high] - yaw[low]) / np.maximum(arc[high] - arc[low], 1e-9))
