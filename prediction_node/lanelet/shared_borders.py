"""Borders and end points that neighbouring lanes have in common, as Lanelet2 needs them.

Lanelet2 finds out which lanes lie side by side and which follow each other from the line strings
and points that they share, so a map of separate borders has to be joined before it is written.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from prediction_node.domain.lane_map import LaneMap

SAME_LINE_M = 0.5  # neighbours whose borders lie farther apart do not touch
SAME_END_M = 0.5
SAME_POINT_M = 1e-3
LEFT, RIGHT = 0, 1
START, END = 0, 1


@dataclass(frozen=True)
class SharedBorders:
    """N nodes and W lines of them, and the two lines of each of L lanes."""

    node_m: np.ndarray  # (N, 3)
    line_nodes: list[list[int]]  # W lines
    line: np.ndarray  # (L, 2) line of each side, left and right
    backward: np.ndarray  # (L, 2) bool: the lane drives against the direction of that line
    parted: list[str]  # relations of the map that could not be kept

    def side_of(self, lane: int, side: int) -> tuple[int, bool]:
        return int(self.line[lane, side]), bool(self.backward[lane, side])


def share_borders(lane_map: LaneMap) -> SharedBorders:
    """Join what neighbours, successors and lanes of the opposite direction have in common.

    A border that two neighbours describe by different points becomes that of the lane listed first.
    Relations between lanes that do not touch (more than 0.5 m apart) stay unshared and are named in
    `parted`.
    """
    parted: list[str] = []
    borders = [b for i in range(len(lane_map)) for b in _borders(lane_map, i)]  # 2 L of them
    owner = _owners(lane_map, borders, parted)

    lines: list[np.ndarray] = []
    by_place: dict[bytes, int] = {}
    line = np.zeros((len(lane_map), 2), dtype=np.int64)
    backward = np.zeros((len(lane_map), 2), dtype=bool)
    for k in range(len(borders)):
        points = borders[owner.root(k)]
        key, mirrored = _key(points), _key(points[::-1])
        if key in by_place:
            line[k // 2, k % 2] = by_place[key]
        elif mirrored in by_place:
            line[k // 2, k % 2], backward[k // 2, k % 2] = by_place[mirrored], True
        else:
            by_place[key] = line[k // 2, k % 2] = len(lines)
            lines.append(points)

    ends = _joined_ends(lane_map, lines, line, backward, parted)
    node_m: list[np.ndarray] = []
    node_of_end: dict[int, int] = {}
    line_nodes: list[list[int]] = []
    for w, points in enumerate(lines):
        nodes = []
        for k, point in enumerate(points):
            at_end = {0: START, len(points) - 1: END}.get(k)
            root = None if at_end is None else ends.root(2 * w + at_end)
            if root is None or root not in node_of_end:
                node_m.append(point)
                if root is not None:
                    node_of_end[root] = len(node_m) - 1
            nodes.append(len(node_m) - 1 if root is None else node_of_end[root])
        line_nodes.append(nodes)
    return SharedBorders(np.array(node_m).reshape(-1, 3), line_nodes, line, backward, parted)


class _Sets:
    """Disjoint sets of 0 to n - 1; the smallest member is the root."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def root(self, k: int) -> int:
        while self._parent[k] != k:
            self._parent[k] = self._parent[self._parent[k]]
            k = self._parent[k]
        return k

    def join(self, a: int, b: int) -> None:
        low, high = sorted((self.root(a), self.root(b)))
        self._parent[high] = low


def _borders(lane_map: LaneMap, lane: int) -> tuple[np.ndarray, np.ndarray]:
    return lane_map.left_border[lane], lane_map.right_border[lane]


def _key(points_m: np.ndarray) -> bytes:
    return np.round(points_m / SAME_POINT_M).astype(np.int64).tobytes()


def _owners(lane_map: LaneMap, borders: list[np.ndarray], parted: list[str]) -> _Sets:
    """Sets of borders 2 x lane + side that neighbours in the same direction have in common."""
    owner = _Sets(len(borders))
    for lane in range(len(lane_map)):
        for other in lane_map.left[lane]:
            mine, its = 2 * lane + LEFT, 2 * int(other) + RIGHT
            if _apart_m(borders[mine], borders[its]) <= SAME_LINE_M:
                owner.join(mine, its)
            else:
                parted.append(
                    f'lanes {lane_map.id[lane]} and {lane_map.id[other]} are neighbours without a '
                    'common border'
                )
    return owner


def _apart_m(a: np.ndarray, b: np.ndarray) -> float:
    """Largest distance from one polyline to the other, both ways; ends compared with ends."""
    if np.array_equal(a, b):
        return 0.0
    ends = max(float(np.linalg.norm(a[k] - b[k])) for k in (0, -1))
    one, two = _dense(a), _dense(b)
    there, back = cKDTree(two).query(one)[0].max(), cKDTree(one).query(two)[0].max()
    return max(ends, float(there), float(back))


def _dense(line_m: np.ndarray, spacing_m: float = 0.2) -> np.ndarray:
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line_m, axis=0), axis=1))])
    at = np.linspace(0.0, along[-1], int(along[-1] / spacing_m) + 2)
    return np.stack([np.interp(at, along, line_m[:, d]) for d in range(3)], axis=-1)


def _joined_ends(
    lane_map: LaneMap,
    lines: list[np.ndarray],
    line: np.ndarray,
    backward: np.ndarray,
    parted: list[str],
) -> _Sets:
    """Sets of line ends 2 x line + end, where lanes follow each other."""
    ends = _Sets(2 * len(lines))

    def end_of(lane: int, side: int, end: int) -> int:
        return 2 * int(line[lane, side]) + (end ^ int(backward[lane, side]))

    places = [points[k].tolist() for points in lines for k in (0, -1)]

    def joints(lane: int, end: int, other: int, its_end: int) -> list[tuple[int, int]]:
        """Pairs of ends; who goes through one of the lanes backward has its left on the right."""
        turned = end == its_end
        return [
            (end_of(lane, side, end), end_of(other, side ^ int(turned), its_end))
            for side in (LEFT, RIGHT)
        ]

    for lane in range(len(lane_map)):
        for following in lane_map.successors[lane].tolist():
            both_ways = not (lane_map.one_way[lane] or lane_map.one_way[following])
            # Of lanes that are walked both ways any two ends may meet.
            ways = [(END, START), (END, END), (START, START), (START, END)]
            met = False
            for end, its_end in ways if both_ways else ways[:1]:
                pairs = joints(lane, end, following, its_end)
                if all(math.dist(places[a], places[b]) <= SAME_END_M for a, b in pairs):
                    for a, b in pairs:
                        ends.join(a, b)
                    met = True
            if not met and lane_map.one_way[lane]:
                parted.append(
                    f'lane {lane_map.id[following]} does not start where its predecessor '
                    f'{lane_map.id[lane]} ends'
                )
    return ends
