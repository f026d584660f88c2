"""Which boxes overlap, and how deep.

Depth is the shortest move that separates two boxes, found along the axes of both (separating axis
theorem for rectangles).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.compiled import compiled

# Boxes that touch by less are taken for apart: tracks are not better than that.
ALLOWED_M = 0.2
# Slower than this is standing.
MOVING_MPS = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """P pairs of boxes."""

    first: np.ndarray  # (P,) int64
    second: np.ndarray  # (P,) int64, above first
    depth_m: np.ndarray  # (P,)


def overlaps(
    position_m: np.ndarray,
    yaw_rad: np.ndarray,
    size_m: np.ndarray,
    moving: np.ndarray,
    allowed_m: float = ALLOWED_M,
) -> Overlaps:
    """Pairs deeper than `allowed_m` of which one at least moves: among N boxes of centres (N, 2+),
    yaw (N,), size (N, 2+) length and width, moving (N,) bool.
    """
    boxes = np.empty((len(yaw_rad), 6))
    boxes[:, :2] = position_m[:, :2]
    boxes[:, 2] = np.cos(yaw_rad)
    boxes[:, 3] = np.sin(yaw_rad)
    boxes[:, 4:] = 0.5 * size_m[:, :2]
    first, second, depth_m = _pairs(boxes, moving, allowed_m)
    return Overlaps(first, second, depth_m)


@compiled
def _pairs(
    boxes: np.ndarray, moving: np.ndarray, allowed_m: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = len(boxes)
    reach = np.sqrt(boxes[:, 4] ** 2 + boxes[:, 5] ** 2)
    capacity = 64
    first = np.empty(capacity, np.int64)
    second = np.empty(capacity, np.int64)
    depth = np.empty(capacity)
    found = 0
    for i in range(n):
        for j in range(i + 1, n):
            dx = boxes[j, 0] - boxes[i, 0]
            near = reach[i] + reach[j] - allowed_m
            if dx > near or dx < -near or not (moving[i] or moving[j]):
                continue
            dy = boxes[j, 1] - boxes[i, 1]
            if dx * dx + dy * dy > near * near:
                continue
            # Cosine and sine of the angle between the boxes: how one casts on the other's axes.
            cos = abs(boxes[i, 2] * boxes[j, 2] + boxes[i, 3] * boxes[j, 3])
            sin = abs(boxes[i, 2] * boxes[j, 3] - boxes[i, 3] * boxes[j, 2])
            least = np.inf
            for a, b in ((i, j), (j, i)):
                along = abs(dx * boxes[a, 2] + dy * boxes[a, 3])
                across = abs(dy * boxes[a, 2] - dx * boxes[a, 3])
                long = boxes[a, 4] + cos * boxes[b, 4] + sin * boxes[b, 5] - along
                wide = boxes[a, 5] + sin * boxes[b, 4] + cos * boxes[b, 5] - across
                least = min(least, long, wide)
            if least <= allowed_m:
                continue
            if found == capacity:
                first = np.concatenate((first, np.empty(capacity, np.int64)))
                second = np.concatenate((second, np.empty(capacity, np.int64)))
                depth = np.concatenate((depth, np.empty(capacity)))
                capacity *= 2
            first[found] = i
            second[found] = j
            depth[found] = least
            found += 1
    return first[:found].copy(), second[:found].copy(), depth[:found].copy()
