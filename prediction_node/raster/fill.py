"""Polygons onto cells, by the exact share of each cell that they cover, as machine code.

Everything here thinks in cells: a point is (row, column), cell (r, c) is the unit square from there
to (r + 1, c + 1). Stands alone: imports nothing of ours but `compiled`, see there.
"""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

# Sums of an agent's values: seven classes, then what it covers, then everything else.
_CLASSES = 7
# A polygon with a point this many cells away, or with one that is no number, is not drawn.
_ANYWHERE = 1e9
# Where agents cover less than 16/255 of a cell, their values fade out.
_FULL_VALUE = 16


@compiled
def _edge(scratch: np.ndarray, row: int, low: int, high: int, height: float, a: float, b: float):  # type: ignore[no-untyped-def]
    """Note an edge that runs through `row` from column a to column b, `height` of the row high.

    What lies to the right of the edge is covered: a cell that the edge crosses in part, the ones
    after it wholly, which is noted once, in the next cell, for the running sum to carry on.
    """
    if a > b:
        a, b = b, a
    if a >= high:
        return
    if b <= low:
        scratch[row, low] += height
        return
    if b - a < 1e-9:
        a = max(a, float(low))
        column = math.floor(a)
        part = a - column
        scratch[row, column] += height * (1.0 - part)
        scratch[row, column + 1] += height * part
        return
    density = height / (b - a)
    if a < low:
        scratch[row, low] += density * (low - a)
        a = float(low)
    b = min(b, float(high))
    column = math.floor(a)
    while a < b:
        end = min(b, column + 1.0)
        part = 0.5 * (a + end) - column
        share = density * (end - a)
        scratch[row, column] += share * (1.0 - part)
        scratch[row, column + 1] += share * part
        a = end
        column += 1


@compiled
def cover(
    points: np.ndarray, first: int, last: int, scratch: np.ndarray
) -> tuple[int, int, int, int]:
    """How much of each cell the closed polygon points[first:last] covers.

    points (P, 2) row, column in either sense of turning; scratch (rows, columns + 1) float64, its
    content is overwritten. Returns the window first row, last row, first column, last column
    (exclusive) whose cells of `scratch` then hold shares in [0, 1]; all zero: nothing is drawn.

    Each edge covers what lies to its right, counted up or down with its direction; of a closed
    polygon the inside remains. Areas of trapezoids are exact, so shares of neighbours add up.
    """
    rows, columns = scratch.shape[0], scratch.shape[1] - 1
    top, left, bottom, right = math.inf, math.inf, -math.inf, -math.inf
    for i in range(first, last):
        if not (abs(points[i, 0]) < _ANYWHERE and abs(points[i, 1]) < _ANYWHERE):
            return 0, 0, 0, 0
        top, bottom = min(top, points[i, 0]), max(bottom, points[i, 0])
        left, right = min(left, points[i, 1]), max(right, points[i, 1])
    if not (bottom > 0.0 and top < rows and right > 0.0 and left < columns):
        return 0, 0, 0, 0
    r0, r1 = math.floor(max(top, 0.0)), math.ceil(min(bottom, float(rows)))
    c0, c1 = math.floor(max(left, 0.0)), math.ceil(min(right, float(columns)))
    for r in range(r0, r1):
        for c in range(c0, c1 + 1):
            scratch[r, c] = 0.0
    previous = last - 1
    for i in range(first, last):
        ra, ca, rb, cb = points[previous, 0], points[previous, 1], points[i, 0], points[i, 1]
        previous = i
        if ra == rb:
            continue
        sign = 1.0
        if ra > rb:
            ra, ca, rb, cb, sign = rb, cb, ra, ca, -1.0
        slope = (cb - ca) / (rb - ra)
        begin, end = max(ra, float(r0)), min(rb, float(r1))
        if begin >= end:
            continue
        for r in range(math.floor(begin), math.ceil(end)):
            upper, lower = max(begin, float(r)), min(end, r + 1.0)
            _edge(
                scratch, r, c0, c1, sign * (lower - upper),
                ca + slope * (upper - ra), ca + slope * (lower - ra),
            )  # fmt: skip
    for r in range(r0, r1):
        running = 0.0
        for c in range(c0, c1):
            running += scratch[r, c]
            scratch[r, c] = min(abs(running), 1.0)
    return r0, r1, c0, c1


@compiled
def paint_tile(
    points_m: np.ndarray,
    offsets: np.ndarray,
    bounds_m: np.ndarray,
    value: np.ndarray,
    corner_m: np.ndarray,
    cell_m: float,
    norm: np.ndarray,
    gain: np.ndarray,
    offset: np.ndarray,
    local: np.ndarray,
    scratch: np.ndarray,
    total: np.ndarray,
    tile: np.ndarray,
) -> None:
    """Draw the shapes of a map onto one tile (T, T, Q) of bytes; rows along x, columns along y.

    points_m (P, 2) of all polygons, polygon i is offsets[i]:offsets[i + 1] within bounds_m[i]
    (x low, x high, y low, y high) and adds value[i] (Q,) float32 times what it covers to the sums
    total (T, T, Q). corner_m is the tile's low corner. Byte q is
    offset[q] + gain[q] x sum, the sum at most 1, or where norm[q] >= 0 a mean: divided by the sum
    of channel norm[q] where that is above 1. The last byte of a cell is 1 where any other differs
    from its offset, else 0. local (., 2) holds the points of any polygon.
    """
    cells, channels = tile.shape[0], tile.shape[2]
    side_m = cells * cell_m
    total[:] = np.float32(0.0)
    for i in range(len(offsets) - 1):
        if (
            bounds_m[i, 0] >= corner_m[0] + side_m
            or bounds_m[i, 1] <= corner_m[0]
            or bounds_m[i, 2] >= corner_m[1] + side_m
            or bounds_m[i, 3] <= corner_m[1]
        ):
            continue
        count = offsets[i + 1] - offsets[i]
        for k in range(count):
            local[k, 0] = (points_m[offsets[i] + k, 0] - corner_m[0]) / cell_m
            local[k, 1] = (points_m[offsets[i] + k, 1] - corner_m[1]) / cell_m
        r0, r1, c0, c1 = cover(local, 0, count, scratch)
        for r in range(r0, r1):
            for c in range(c0, c1):
                share = np.float32(scratch[r, c])
                if share > 0.0:
                    for q in range(channels):
                        total[r, c, q] += share * value[i, q]
    for r in range(cells):
        for c in range(cells):
            filled = False
            for q in range(channels - 1):
                mean = total[r, c, q]
                if norm[q] >= 0:
                    mean /= max(total[r, c, norm[q]], np.float32(1.0))
                else:
                    mean = min(mean, np.float32(1.0))
                byte = min(max(math.floor(offset[q] + gain[q] * mean + 0.5), 0.0), 255.0)
                filled = filled or byte != offset[q]
                tile[r, c, q] = np.uint8(byte)
            tile[r, c, channels - 1] = 1 if filled else 0


@compiled
def paint_marks(
    points: np.ndarray,
    offsets: np.ndarray,
    channel: np.ndarray,
    values: np.ndarray,
    value: np.ndarray,
    scratch: np.ndarray,
    picture: np.ndarray,
) -> None:
    """Paint M polygons of points, offsets, each onto values[m] channels from channel[m].

    value (M, V) bytes as numbers. What polygons cover of a cell adds up, to no more than the larger
    value: none is brighter for lying on another, and no seam shows between neighbours.
    """
    for m in range(len(channel)):
        r0, r1, c0, c1 = cover(points, offsets[m], offsets[m + 1], scratch)
        for r in range(r0, r1):
            for c in range(c0, c1):
                share = scratch[r, c]
                for v in range(values[m]):
                    full, there = value[m, v], float(picture[r, c, channel[m] + v])
                    picture[r, c, channel[m] + v] = np.uint8(
                        min(max(full, there), there + share * full) + 0.5
                    )


@compiled
def paint_strips(
    corner: np.ndarray,
    channel: np.ndarray,
    strength: np.ndarray,
    scratch: np.ndarray,
    picture: np.ndarray,
) -> None:
    """Paint pieces of pasts, corner (S, 4, 2). Where they meet, the stronger one stays."""
    for i in range(len(corner)):
        r0, r1, c0, c1 = cover(corner[i], 0, 4, scratch)
        for r in range(r0, r1):
            for c in range(c0, c1):
                byte = np.uint8(scratch[r, c] * strength[i] + 0.5)
                if byte > picture[r, c, channel[i]]:
                    picture[r, c, channel[i]] = byte


@compiled
def paint_boxes(
    corner: np.ndarray,
    share: np.ndarray,
    value: np.ndarray,
    class_channel: int,
    value_channel: int,
    offset: np.ndarray,
    scratch: np.ndarray,
    slot: np.ndarray,
    total: np.ndarray,
    picture: np.ndarray,
) -> None:
    """Paint N agents by what they cover of each cell.

    corner (N, 4, 2). share (N, 7) int32 bytes of the classes, which add up over agents; value
    (N, V) int32 the values in their channels' units, of which a cell keeps the mean in proportion
    to what is covered. All sums are of whole numbers: the order of the agents changes nothing.
    slot (S, S) int32 is -1 everywhere before and after; total (cells, 8 + V) int32.
    """
    size = picture.shape[0]
    used = 0
    for i in range(len(corner)):
        r0, r1, c0, c1 = cover(corner[i], 0, 4, scratch)
        for r in range(r0, r1):
            for c in range(c0, c1):
                covered = np.int32(scratch[r, c] * 255.0 + 0.5)
                if covered == 0:
                    continue
                s = slot[r, c]
                if s < 0:
                    s, used = used, used + 1
                    slot[r, c] = s
                    for k in range(total.shape[1]):
                        total[s, k] = 0
                    total[s, total.shape[1] - 1] = r * size + c
                for k in range(_CLASSES):
                    total[s, k] += covered * share[i, k]
                total[s, _CLASSES] += covered
                for k in range(value.shape[1]):
                    total[s, _CLASSES + 1 + k] += covered * value[i, k]
    for s in range(used):
        cell = total[s, total.shape[1] - 1]
        r, c = cell // size, cell % size
        slot[r, c] = -1
        for k in range(_CLASSES):
            picture[r, c, class_channel + k] = np.uint8(min((total[s, k] + 127) // 255, 255))
        weight = max(total[s, _CLASSES], _FULL_VALUE)
        for k in range(value.shape[1]):
            mean = math.floor(total[s, _CLASSES + 1 + k] / weight + 0.5)
            byte = min(max(mean + offset[value_channel + k], 0.0), 255.0)
            picture[r, c, value_channel + k] = np.uint8(byte)
