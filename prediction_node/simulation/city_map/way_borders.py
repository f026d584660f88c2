"""Borders of a way across a junction: beside its centreline, from end to end of other lanes."""

from __future__ import annotations

import numpy as np

from prediction_node.simulation.city_map.lane import Border, Joints, Lane
from prediction_node.simulation.city_map.polyline import (
    arc_length_m,
    forward_only,
    frames,
    length_m,
    part,
    tangents,
)

# Anything shorter is no lane: its ends become one.
SHORTEST_M = 0.5
# A lane's end that is cut at an angle is square again after this length, or three times the angle.
SQUARE_AFTER_M = 2.0


def side_line(centre_m: np.ndarray, start_m: np.ndarray, end_m: np.ndarray) -> np.ndarray:
    """(n, 3) line beside a centreline (n, 3) from one point (3,) to another.

    Across the centreline the distance changes evenly from that of the first to that of the last
    point; how far they lie ahead or behind the centreline's ends is made up for soon.
    """
    unit, mitre = frames(centre_m)
    along = arc_length_m(centre_m)
    total = max(float(along[-1]), 1e-9)
    ends = tangents(centre_m)[[0, -1]]
    ahead, aside = [], []
    for k, point in enumerate((start_m, end_m)):
        apart = point[:2] - centre_m[-k, :2]
        ahead.append(float(apart @ ends[k]))
        aside.append(float(ends[k, 0] * apart[1] - ends[k, 1] * apart[0]))
    share = along / total
    fades = [min(max(SQUARE_AFTER_M, 3.0 * abs(a)), total) for a in ahead]
    shift = ahead[0] * np.maximum(1.0 - along / fades[0], 0.0)
    shift = shift + ahead[1] * np.maximum(1.0 - (total - along) / fades[1], 0.0)
    line = centre_m.copy()
    line[:, :2] += shift[:, None] * unit
    line[:, :2] += (aside[0] + share * (aside[1] - aside[0]))[:, None] * mitre
    line[:, 2] = start_m[2] + share * (end_m[2] - start_m[2])
    line[0], line[-1] = start_m, end_m
    return line


def pinned(joints: Joints, line: np.ndarray, centre: np.ndarray, start: int, end: int) -> Border:
    line = line.copy()
    line[0], line[-1] = joints.place(start), joints.place(end)
    return Border(forward_only(line, centre), start, end)


def runs_on(line: np.ndarray, guide: np.ndarray) -> bool:
    """Whether every piece of a line (n, 3) leads as far ahead as a tenth of its guide's."""
    ahead, along = np.diff(line[:, :2], axis=0), np.diff(guide[:, :2], axis=0)
    return len(line) < 3 or bool(((ahead - 0.1 * along) * along).sum(axis=1).min() > 0.0)


def open_collapsed(joints: Joints, lane: Lane) -> None:
    """Give length and direction to the inner border of who turns about a point or a sharp corner.

    Readers tell the direction of a border by the side on which the other one's middle lies.
    """
    for border, other in ((lane.left, lane.right), (lane.right, lane.left)):
        line, around = border.settled(joints), other.settled(joints)
        half = 0.5 * length_m(around)
        outer = part(around, half - 0.05 * half, half + 0.05 * half)
        course = tangents(outer)[0]
        ahead = (line[-1] - line[0])[:2] @ course
        if (len(line) > 2 and length_m(line) > SHORTEST_M) or ahead > 0.2:
            continue
        middle = 0.5 * (line[0] + line[-1])
        apart = outer[0] - middle
        reach = max(float(np.hypot(apart[0], apart[1])), 1e-6)
        tip = middle + apart / reach * min(SHORTEST_M / 2, 0.25 * reach)
        wing = np.array([*(0.1 * course), 0.0])
        border.points_m = np.stack([line[0], tip - wing, tip + wing, line[-1]])
