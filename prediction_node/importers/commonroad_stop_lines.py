"""Stop lines of neighbouring lanes joined into one line across the approach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

SAME_POINT_M = 0.05


class LaneWithStop(Protocol):
    """What is needed of a lanelet."""

    id: int
    left: int | None
    right: int | None
    stop_line_m: np.ndarray | None


@dataclass(frozen=True)
class StopLines:
    """S stop lines, each from right to left, and the lanes that end there."""

    lines_m: list[np.ndarray]  # S arrays (m, 3)
    lanes: list[list[int]]  # S lists of lane indices, from right to left


def join_stop_lines(lanelets: Sequence[LaneWithStop], index: dict[int, int]) -> StopLines:
    """Join the stop lines of lanes that lie side by side in the same direction."""
    joined = StopLines([], [])
    for i, lane in enumerate(lanelets):
        if lane.stop_line_m is None or _stopping(lanelets, index, lane.right) is not None:
            continue  # no stop line, or reached from the lane on its right
        chain = [i]
        left = _stopping(lanelets, index, lane.left)
        while left is not None and left not in chain:
            chain.append(left)
            left = _stopping(lanelets, index, lanelets[left].left)
        points: list[np.ndarray] = []
        for k in chain:
            line = lanelets[k].stop_line_m
            assert line is not None
            for point in line:
                if not points or np.linalg.norm(point - points[-1]) > SAME_POINT_M:
                    points.append(point)
        joined.lines_m.append(np.array(points))
        joined.lanes.append(chain)
    return joined


def _stopping(
    lanelets: Sequence[LaneWithStop], index: dict[int, int], lane_id: int | None
) -> int | None:
    """Index of a neighbour, if there is one and it has a stop line."""
    if lane_id is None or lanelets[index[lane_id]].stop_line_m is None:
        return None
    return index[lane_id]
