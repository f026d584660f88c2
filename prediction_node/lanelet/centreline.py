"""Centrelines: computed between the borders, or drawn in the map and completed to the lanelet's
ends.
"""

from __future__ import annotations

import math

import numpy as np

from prediction_node.lanelet.polyline import (
    arc_length,
    at_fractions,
    crossings,
    inside,
    project,
    without_repeats,
)

_JOINT_M = 0.1  # what a drawn centreline may lack at its lanelet's ends


def between(left: np.ndarray, right: np.ndarray, step_m: float) -> np.ndarray:
    """(n, 3) midpoints of equal fractions of both borders, `step_m` apart or a little less."""
    length_m = max(arc_length(left)[-1], arc_length(right)[-1])
    fractions = np.linspace(0.0, 1.0, max(2, math.ceil(length_m / step_m - 1e-6) + 1))
    return np.asarray((at_fractions(left, fractions) + at_fractions(right, fractions)) / 2)


def overrun_m(drawn: np.ndarray, left: np.ndarray, right: np.ndarray) -> float:
    """How far the farthest point of a drawn centreline lies outside of the lanelet."""
    outline = np.concatenate([left, right[::-1]])
    outside = ~inside(outline, drawn)
    if not outside.any():
        return 0.0
    _, distance = project(np.concatenate([outline, outline[:1]]), drawn[outside])
    return float(distance.max())


def runs_against(drawn: np.ndarray, computed: np.ndarray) -> bool:
    """Whether a drawn centreline leads from the lanelet's end towards its start."""
    s, _ = project(computed, drawn[[0, -1]])
    return bool(s[1] < s[0])


def completed(drawn: np.ndarray, left: np.ndarray, right: np.ndarray, step_m: float) -> np.ndarray:
    """A drawn centreline over the whole lanelet: cut where it goes past an end, else continued.

    The parts that it lacks are the computed centreline's.
    """
    computed = between(left, right, step_m)
    line = without_repeats(drawn)
    for end in (0, -1):
        gate = np.stack([left[end], right[end]])
        hits = crossings(line, gate)
        if not len(hits):
            continue
        at = hits[:, 0].max() if end == 0 else hits[:, 0].min()
        line = (
            _cut_before(line, at) if end == 0 else _cut_before(line[::-1], len(line) - 1 - at)[::-1]
        )
    s, _ = project(computed, line)
    along = arc_length(computed)
    before = computed[along < s[0] - step_m / 2]
    after = computed[along > s[-1] + step_m / 2]
    if not len(before) and s[0] > _JOINT_M:
        before = computed[:1]
    if not len(after) and s[-1] < along[-1] - _JOINT_M:
        after = computed[-1:]
    return without_repeats(np.concatenate([before, line, after]))


def _cut_before(line: np.ndarray, at: float) -> np.ndarray:
    i = min(int(at), len(line) - 2)
    t = at - i
    start = line[i] + t * (line[i + 1] - line[i])
    return np.concatenate([start[None], line[i + 1 :]])
