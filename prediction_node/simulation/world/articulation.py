"""Boxes that follow one path: a lorry and its trailer.

SUMO moves lorry and trailer as one long vehicle and tells where its front is. Every axle is taken
to run over the line that the front ran over, so each box is a chord of that line.
"""

from __future__ import annotations

import numpy as np

# Points of the line are kept this far apart.
_SPACING_M = 0.25


class Trail:
    """The line that the front of a vehicle ran over, `length_m` long."""

    def __init__(self, front_m: np.ndarray, yaw_rad: float, length_m: float) -> None:
        """At first a straight line behind the front (2,)."""
        self._count = int(np.ceil(length_m / _SPACING_M)) + 2
        self._points = np.empty((2 * self._count, 2))
        self._end = 0
        back = np.arange(self._count)[::-1, None] * _SPACING_M
        self._points[: self._count] = front_m - back * (np.cos(yaw_rad), np.sin(yaw_rad))
        self._end = self._count
        self._front_m = np.asarray(front_m, dtype=np.float64)

    def move(self, front_m: np.ndarray) -> None:
        """The front has moved to (2,). Steps back are taken for standing."""
        self._front_m = np.asarray(front_m, dtype=np.float64)
        last = self._points[self._end - 1]
        step = self._front_m - last
        distance = float(np.hypot(step[0], step[1]))
        while distance >= _SPACING_M:
            last = last + step * (_SPACING_M / distance)
            self._append(last)
            step = self._front_m - last
            distance = float(np.hypot(step[0], step[1]))

    def chord(self, from_m: float, to_m: float) -> tuple[np.ndarray, float]:
        """Centre (2,) and yaw of the box between these distances behind the front, along it."""
        ahead, behind = self._at(from_m), self._at(to_m)
        along = ahead - behind
        # The chord is shorter than the line in bends: the box keeps its front end.
        yaw = float(np.arctan2(along[1], along[0]))
        half = 0.5 * (to_m - from_m)
        return ahead - half * np.array([np.cos(yaw), np.sin(yaw)]), yaw

    def _append(self, point_m: np.ndarray) -> None:
        if self._end == len(self._points):
            self._points[: self._count - 1] = self._points[self._end - self._count + 1 :]
            self._end = self._count - 1
        self._points[self._end] = point_m
        self._end += 1

    def _at(self, behind_m: float) -> np.ndarray:
        """The point (2,) this far behind the front."""
        last = self._points[self._end - 1]
        first_m = float(np.hypot(*(self._front_m - last)))
        if behind_m <= first_m:
            share = behind_m / first_m if first_m > 0.0 else 0.0
            return np.asarray(self._front_m + share * (last - self._front_m))
        steps = (behind_m - first_m) / _SPACING_M
        whole = min(int(steps), self._count - 3)
        nearer = self._points[self._end - 1 - whole]
        farther = self._points[self._end - 2 - whole]
        return np.asarray(nearer + (steps - whole) * (farther - nearer))
