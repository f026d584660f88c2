"""Boxes that follow one path: a lorry and its trailer.

SUMO moves lorry and trailer as one long vehicle and tells where its front is. The ends of every
box are taken to run over the line that the front ran over.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

# Points of the line are kept this far apart.
_SPACING_M = 0.25


class Trail:
    """The line that the front of a vehicle ran over, `length_m` of it."""

    def __init__(self, front_m: np.ndarray, yaw_rad: float, length_m: float) -> None:
        """At first a straight line behind the front (2,)."""
        self._count = math.ceil(length_m / _SPACING_M) + 2
        # The newest `_count` points end at `_end`; the rest of the room is for those to come.
        self._points = np.empty((4 * self._count, 2))
        back = np.arange(self._count)[::-1, None] * _SPACING_M
        ahead = np.array([math.cos(yaw_rad), math.sin(yaw_rad)])
        self._points[: self._count] = front_m - back * ahead
        self._end = self._count
        self._front_m = np.asarray(front_m, dtype=np.float64)

    def move(self, front_m: np.ndarray) -> None:
        """The front has moved to (2,)."""
        self._front_m = np.asarray(front_m, dtype=np.float64)
        step = self._front_m - self._points[self._end - 1]
        distance = math.hypot(*step)
        for number in range(1, int(distance / _SPACING_M) + 1):
            if self._end == len(self._points):
                self._points[: self._count] = self._points[self._end - self._count :].copy()
                self._end = self._count
            self._points[self._end] = self._front_m - step * (1.0 - number * _SPACING_M / distance)
            self._end += 1

    def chain(self, lengths_m: Sequence[float]) -> np.ndarray:
        """(K + 1, 2) the front and the ends of K rods behind it, all on the line. A rod that
        reaches beyond the line goes on straight.
        """
        line = self._points[self._end - self._count : self._end][::-1]
        joints = [self._front_m]
        for length_m in lengths_m:
            start = joints[-1]
            away_m = np.hypot(*(line - start).T)
            beyond = int(np.argmax(away_m >= length_m))
            if away_m[beyond] < length_m:
                back = line[-1] - line[-2]
                joints.append(start + back * (length_m / math.hypot(*back)))
                line = line[-2:]
                continue
            inner = start if beyond == 0 else line[beyond - 1]
            joints.append(_on_circle(start, length_m, inner, line[beyond]))
            line = line[beyond:] if len(line) - beyond >= 2 else line[-2:]
        return np.array(joints)


def box_between(front_m: np.ndarray, rear_m: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre (2,) and yaw of the box whose ends these are."""
    x, y = front_m - rear_m
    return 0.5 * (front_m + rear_m), math.atan2(y, x)


def _on_circle(
    centre: np.ndarray, radius_m: float, inner: np.ndarray, outer: np.ndarray
) -> np.ndarray:
    """Where the segment from inside to outside crosses the circle."""
    along, rel = outer - inner, inner - centre
    a, b = float(along @ along), float(along @ rel)
    c = float(rel @ rel) - radius_m**2
    share = (-b + math.sqrt(max(b * b - a * c, 0.0))) / a if a > 0.0 else 0.0
    return np.asarray(inner + share * along)
