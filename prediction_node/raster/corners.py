"""Polygons of the map, bodies and their pasts in the view frame, as machine code.

Stands alone: imports nothing of ours but `compiled`, see there.
"""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

# The past is drawn in pieces of half a second and fades to nothing after this long.
_PIECE_COLUMNS = 5
_FADED_AFTER = 6.5  # of them
# A body that moved less than this within a piece keeps the direction it faces.
_MIN_MOVE_M = 0.1
# A polygon with a point this many cells away, or with one that is no number, is not drawn.
_ANYWHERE = 1e9


@compiled
def _box(
    x: float, y: float, cos: float, sin: float, along: float, across: float, corner_m: np.ndarray
) -> None:
    """Corners (4, 2) of a box: middle and direction, half its sides."""
    for k in range(4):
        a = along if k in (0, 3) else -along
        b = across if k < 2 else -across
        corner_m[k, 0] = x + a * cos - b * sin
        corner_m[k, 1] = y + a * sin + b * cos


@compiled
def boxes(pose: np.ndarray, size_m: np.ndarray, corner_m: np.ndarray) -> None:
    """Fill corner_m (N, 4, 2) for pose (N, 4), x, y, cosine and sine, and size_m (N, 2)."""
    for i in range(len(pose)):
        _box(
            pose[i, 0], pose[i, 1], pose[i, 2], pose[i, 3],
            0.5 * size_m[i, 0], 0.5 * size_m[i, 1], corner_m[i],
        )  # fmt: skip


@compiled
def strips(
    position_m: np.ndarray,
    yaw_rad: np.ndarray,
    valid: np.ndarray,
    width_m: np.ndarray,
    channel: np.ndarray,
    origin: np.ndarray,
    pieces: int,
    reach_m: float,
    corner_m: np.ndarray,
    of: np.ndarray,
    strength: np.ndarray,
) -> int:
    """Where N bodies were: strips as wide as they are, each half second fainter.

    position_m (N, T, 2), yaw_rad and valid (N, T), the last column is the present, 0.1 s apart;
    channel (N,), negative: not drawn. origin: x, y, cosine and sine of the view's pose in their
    frame; beyond reach_m of it nothing is drawn. At most so many `pieces` of each. Fills corner_m
    (., 4, 2) in the view frame, of (.,) channels and strength (.,) in bytes; returns how many.
    """
    columns = position_m.shape[1]
    count = 0
    for i in range(len(position_m)):
        if channel[i] < 0:
            continue
        for piece in range(pieces):
            newest = columns - 1 - piece * _PIECE_COLUMNS
            if newest < 1:
                break
            oldest = max(newest - _PIECE_COLUMNS, 0)
            while newest > oldest and not valid[i, newest]:
                newest -= 1
            while oldest < newest and not valid[i, oldest]:
                oldest += 1
            if not valid[i, newest]:
                continue
            dx, dy = position_m[i, newest, 0] - origin[0], position_m[i, newest, 1] - origin[1]
            if not (abs(dx) < reach_m and abs(dy) < reach_m):
                continue
            mx = position_m[i, newest, 0] - position_m[i, oldest, 0]
            my = position_m[i, newest, 1] - position_m[i, oldest, 1]
            length = math.sqrt(mx * mx + my * my)
            if length > _MIN_MOVE_M:
                ux, uy = mx / length, my / length
            else:
                ux, uy = math.cos(yaw_rad[i, newest]), math.sin(yaw_rad[i, newest])
            dx, dy = dx - 0.5 * mx, dy - 0.5 * my
            _box(
                origin[2] * dx + origin[3] * dy,
                origin[2] * dy - origin[3] * dx,
                origin[2] * ux + origin[3] * uy,
                origin[2] * uy - origin[3] * ux,
                0.5 * (length + width_m[i]),
                0.5 * width_m[i],
                corner_m[count],
            )
            of[count] = channel[i]
            strength[count] = 255.0 * (1.0 - (piece + 0.5) / _FADED_AFTER)
            count += 1
    return count


@compiled
def seen(
    points_m: np.ndarray,
    offsets: np.ndarray,
    rows: np.ndarray,
    origin: np.ndarray,
    reach_m: float,
    out_m: np.ndarray,
    out_offsets: np.ndarray,
    kept: np.ndarray,
) -> int:
    """Polygons rows (M,) of points_m, offsets that come within reach_m of the view's axes.

    origin: x, y, cosine and sine of the view's pose in the frame of the points. Fills out_m (P, 2)
    in the view frame, out_offsets (M + 1,) and kept (M,), numbers of rows; returns how many.
    """
    count, at = 0, 0
    out_offsets[0] = 0
    for m in range(len(rows)):
        first, last = offsets[rows[m]], offsets[rows[m] + 1]
        x_low, x_high, y_low, y_high = math.inf, -math.inf, math.inf, -math.inf
        for k in range(last - first):
            dx, dy = points_m[first + k, 0] - origin[0], points_m[first + k, 1] - origin[1]
            x = origin[2] * dx + origin[3] * dy
            y = origin[2] * dy - origin[3] * dx
            x_low, x_high = min(x_low, x), max(x_high, x)
            y_low, y_high = min(y_low, y), max(y_high, y)
            out_m[at + k, 0], out_m[at + k, 1] = x, y
        if x_low < reach_m and x_high > -reach_m and y_low < reach_m and y_high > -reach_m:
            kept[count] = m
            count += 1
            at += last - first
            out_offsets[count] = at
    return count


@compiled
def in_cells(
    points_m: np.ndarray,
    offsets: np.ndarray,
    cell_m: float,
    size: int,
    points: np.ndarray,
    window: np.ndarray,
) -> None:
    """Polygons of the view frame on a picture of size x size cells.

    Fills points (P, 2) row and column of points_m (P, 2), and window (M, 4): of polygon
    points[offsets[i]:offsets[i + 1]] the first row and column of the cells that it may touch and
    the ones after the last; all zero: none.
    """
    half = 0.5 * size
    for i in range(len(offsets) - 1):
        top, left, bottom, right = math.inf, math.inf, -math.inf, -math.inf
        drawn = True
        for k in range(offsets[i], offsets[i + 1]):
            row, column = half - points_m[k, 0] / cell_m, half - points_m[k, 1] / cell_m
            points[k, 0], points[k, 1] = row, column
            drawn = drawn and abs(row) < _ANYWHERE and abs(column) < _ANYWHERE
            top, bottom = min(top, row), max(bottom, row)
            left, right = min(left, column), max(right, column)
        drawn = drawn and bottom > 0.0 and top < size and right > 0.0 and left < size
        window[i] = 0
        if drawn:
            window[i, 0], window[i, 1] = math.floor(max(top, 0.0)), math.floor(max(left, 0.0))
            window[i, 2] = math.ceil(min(bottom, float(size)))
            window[i, 3] = math.ceil(min(right, float(size)))
