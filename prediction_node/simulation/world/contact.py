"""Boxes that touch, or are about to.

Depth of an overlap is the shortest move that separates two boxes, found along the axes of both
(separating axis theorem for rectangles); negative depth is a gap.
"""

from __future__ import annotations

import math
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


@dataclass(frozen=True, slots=True)
class Braking:
    """When a driver brakes for what is in the way, whatever SUMO thinks."""

    expected_mps2: float = 4.2  # later than comfortable braking would
    margin_m: float = 0.3  # kept all around the own box


def boxes_of(position_m: np.ndarray, yaw_rad: np.ndarray, size_m: np.ndarray) -> np.ndarray:
    """(N, 6) centre x, y, cosine and sine of the yaw, half length, half width."""
    boxes = np.empty((len(yaw_rad), 6))
    boxes[:, :2] = position_m[:, :2]
    boxes[:, 2] = np.cos(yaw_rad)
    boxes[:, 3] = np.sin(yaw_rad)
    boxes[:, 4:] = 0.5 * size_m[:, :2]
    return boxes


def overlaps(boxes: np.ndarray, moving: np.ndarray, allowed_m: float = ALLOWED_M) -> Overlaps:
    """Pairs deeper than `allowed_m` of which one at least moves, among (N, 6) boxes."""
    return Overlaps(*_pairs(boxes, moving, allowed_m))


def must_brake(
    boxes: np.ndarray,
    velocity_mps: np.ndarray,
    yaw_rate_radps: np.ndarray,
    drivers: np.ndarray,
    part_of: np.ndarray,
    braking: Braking | None = None,
) -> np.ndarray:
    """(D,) bool: drivers (rows of boxes) who would hit somebody ahead if they braked no harder than
    expected. They keep their curvature; all others keep their velocity (N, 2), who must be zero for
    those whose next step nobody knows. Boxes with the same number in part_of (N,) are one vehicle.
    """
    b = braking or Braking()
    return _must_brake(
        *(boxes, velocity_mps, yaw_rate_radps, drivers, part_of, b.expected_mps2, b.margin_m)
    )


def keep_apart(
    walkers_m: np.ndarray,
    half_width_m: np.ndarray,
    free: int,
    boxes: np.ndarray,
    speed_mps: np.ndarray,
    longest_m: float,
) -> np.ndarray:
    """(free, 2) walkers as they make room for each other, for the walkers beyond the first `free`,
    who stay where they are, and for vehicles (V, 6) at these speeds (V,); of (M, 2) walkers. Nobody
    is moved by more than `longest_m`. From moving vehicles they step to the side.
    """
    moved = walkers_m.copy()
    _keep_apart(moved, walkers_m, half_width_m, free, boxes, speed_mps, longest_m)
    return moved[:free]


@compiled
def _depth(a: np.ndarray, b: np.ndarray, margin: float) -> float:
    """How deep box b reaches into box a grown by a margin."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    cos = abs(a[2] * b[2] + a[3] * b[3])
    sin = abs(a[2] * b[3] - a[3] * b[2])
    long, wide = a[4] + margin, a[5] + margin
    least = long + cos * b[4] + sin * b[5] - abs(dx * a[2] + dy * a[3])
    least = min(least, wide + sin * b[4] + cos * b[5] - abs(dy * a[2] - dx * a[3]))
    least = min(least, b[4] + cos * long + sin * wide - abs(dx * b[2] + dy * b[3]))
    return float(min(least, b[5] + sin * long + cos * wide - abs(dy * b[2] - dx * b[3])))


@compiled
def _pairs(
    boxes: np.ndarray, moving: np.ndarray, allowed: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = len(boxes)
    reach = np.sqrt(boxes[:, 4] ** 2 + boxes[:, 5] ** 2)
    # From left to right, so that only neighbours need a look.
    order = np.argsort(boxes[:, 0], kind='mergesort')
    widest = reach.max() if n else 0.0
    first, second, depth = [0 for _ in range(0)], [0 for _ in range(0)], [0.0 for _ in range(0)]
    for a in range(n):
        i = order[a]
        for b in range(a + 1, n):
            j = order[b]
            dx = boxes[j, 0] - boxes[i, 0]
            if dx > reach[i] + widest:
                break
            near = reach[i] + reach[j]
            dy = boxes[j, 1] - boxes[i, 1]
            if not (moving[i] or moving[j]) or dx * dx + dy * dy > near * near:
                continue
            deep = _depth(boxes[i], boxes[j], 0.0)
            if deep > allowed:
                first.append(min(i, j))
                second.append(max(i, j))
                depth.append(deep)
    return np.array(first, np.int64), np.array(second, np.int64), np.array(depth, np.float64)


@compiled
def _must_brake(
    boxes: np.ndarray,
    velocity: np.ndarray,
    yaw_rate: np.ndarray,
    drivers: np.ndarray,
    part_of: np.ndarray,
    expected: float,
    margin: float,
) -> np.ndarray:
    brakes = np.zeros(len(drivers), np.bool_)
    me, other = np.empty(6), np.empty(6)
    for k in range(len(drivers)):
        i = drivers[k]
        speed = math.hypot(velocity[i, 0], velocity[i, 1])
        if speed < 0.05:
            continue
        curvature = min(max(yaw_rate[i] / speed, -0.2), 0.2)
        stop_s = speed / expected + 0.1
        stop_m = 0.5 * speed * stop_s + 0.1 * speed
        heading = math.atan2(boxes[i, 3], boxes[i, 2])
        for j in range(len(boxes)):
            if part_of[j] == part_of[i]:
                continue
            dx, dy = boxes[j, 0] - boxes[i, 0], boxes[j, 1] - boxes[i, 1]
            pace = math.hypot(velocity[j, 0], velocity[j, 1])
            near = stop_m + pace * stop_s + boxes[i, 4] + boxes[j, 4] + 2.0
            if abs(dx) > near or abs(dy) > near:
                continue
            # Only what lies ahead of the own middle is the own concern.
            if dx * boxes[i, 2] + dy * boxes[i, 3] <= 0.0:
                continue
            now = _depth(boxes[i], boxes[j], margin)
            me[4], me[5] = boxes[i, 4], boxes[i, 5]
            other[:] = boxes[j]
            steps = int(stop_s / 0.15) + 1
            for s in range(1, steps + 1):
                t = stop_s * s / steps
                way = (
                    min(speed * t, stop_m)
                    if t <= 0.1
                    else (speed * t - 0.5 * expected * (t - 0.1) ** 2)
                )
                bend = curvature * way
                turned = heading + 0.5 * bend
                me[0] = boxes[i, 0] + way * math.cos(turned)
                me[1] = boxes[i, 1] + way * math.sin(turned)
                me[2], me[3] = math.cos(heading + bend), math.sin(heading + bend)
                other[0] = boxes[j, 0] + velocity[j, 0] * t
                other[1] = boxes[j, 1] + velocity[j, 1] * t
                if _depth(me, other, margin) > max(now, 0.0) + 0.01:
                    brakes[k] = True
                    break
            if brakes[k]:
                break
    return brakes


@compiled
def _keep_apart(
    at: np.ndarray,
    was: np.ndarray,
    half_width: np.ndarray,
    free: int,
    boxes: np.ndarray,
    speed: np.ndarray,
    longest: float,
) -> None:
    n = len(at)
    order = np.argsort(at[:, 0], kind='mergesort')
    for _ in range(3):
        for a in range(n):
            i = order[a]
            for b in range(a + 1, n):
                j = order[b]
                dx, dy = at[j, 0] - at[i, 0], at[j, 1] - at[i, 1]
                if dx > 1.5:
                    break
                need = 0.85 * (half_width[i] + half_width[j])
                gap = math.hypot(dx, dy)
                if gap >= need:
                    continue
                if gap < 1e-6:
                    dx, dy, gap = 1.0, 0.0, 1.0
                    push = need
                else:
                    push = need - gap
                # A little to the right of straight away, so that those who meet pass each other.
                ux, uy = dx / gap + 0.3 * dy / gap, dy / gap - 0.3 * dx / gap
                if i < free and j < free:
                    push *= 0.5
                if i < free:
                    at[i, 0] -= push * ux
                    at[i, 1] -= push * uy
                if j < free:
                    at[j, 0] += push * ux
                    at[j, 1] += push * uy
        for i in range(free):
            for v in range(len(boxes)):
                dx, dy = at[i, 0] - boxes[v, 0], at[i, 1] - boxes[v, 1]
                long = boxes[v, 4] + half_width[i] + 0.15 * speed[v]
                if abs(dx) > long + 2.0 or abs(dy) > long + 2.0:
                    continue
                along = dx * boxes[v, 2] + dy * boxes[v, 3]
                across = dy * boxes[v, 2] - dx * boxes[v, 3]
                ahead, side = long - abs(along), boxes[v, 5] + half_width[i] - abs(across)
                if ahead <= 0.0 or side <= 0.0:
                    continue
                if speed[v] > 0.3 or side < ahead:
                    push = side if across >= 0.0 else -side
                    at[i, 0] -= push * boxes[v, 3]
                    at[i, 1] += push * boxes[v, 2]
                else:
                    push = ahead if along >= 0.0 else -ahead
                    at[i, 0] += push * boxes[v, 2]
                    at[i, 1] += push * boxes[v, 3]
    for i in range(free):
        dx, dy = at[i, 0] - was[i, 0], at[i, 1] - was[i, 1]
        step = math.hypot(dx, dy)
        if step > longest:
            at[i, 0] = was[i, 0] + dx * longest / step
            at[i, 1] = was[i, 1] + dy * longest / step
