"""Which lanes run near a point."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

# Next to a vertex two segments are equally close; rounding must not choose between them.
SAME_DISTANCE_M = 1e-9
# Coordinates beyond so many cells have no key.
MOST_CELLS = 2**29


@compiled
def first_not_below(sorted_keys: np.ndarray, key: int) -> int:
    """Index of the first of the sorted keys that is not below `key`; their number if all are."""
    low, high = 0, len(sorted_keys)
    while low < high:
        middle = (low + high) // 2
        if sorted_keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def distance2_m2(
    x: float, y: float, start_x: float, start_y: float, ux: float, uy: float, length: float
) -> float:
    """Square of the distance from a point to the segment of that start, direction and length."""
    dx, dy = x - start_x, y - start_y
    along = dx * ux + dy * uy
    overshoot = along - min(max(along, 0.0), length)
    across = dy * ux - dx * uy
    return overshoot * overshoot + across * across


@compiled
def put_in_order(
    segment: int, distance_m: float, count: int, segments: np.ndarray, distances_m: np.ndarray
) -> int:
    """File a segment among the first `count` rising ones unless it is there; the new count."""
    at = count
    while at > 0 and segments[at - 1] > segment:
        at -= 1
    if at > 0 and segments[at - 1] == segment:
        return count
    for k in range(count, at, -1):
        segments[k], distances_m[k] = segments[k - 1], distances_m[k - 1]
    segments[at], distances_m[at] = segment, distance_m
    return count + 1


@compiled
def more_room(query: np.ndarray, segment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same pairs in arrays twice as long."""
    more_query = np.empty(2 * len(query), np.int64)
    more_segment = np.empty(2 * len(query), np.int64)
    for k in range(len(query)):
        more_query[k], more_segment[k] = query[k], segment[k]
    return more_query, more_segment


@compiled
def closest_segments(
    x_m: np.ndarray,
    y_m: np.ndarray,
    radius_m: float,
    cell_m: float,
    key_bits: int,
    key: np.ndarray,
    filed: np.ndarray,
    lane: np.ndarray,
    start_x_m: np.ndarray,
    start_y_m: np.ndarray,
    ux: np.ndarray,
    uy: np.ndarray,
    length_m: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (query, segment): of every lane within the radius of points (N,) its closest segment.

    `key` (F,) rises: cells of the grid in row-major order, `filed` (F,) the segments that touch
    them; the rest is by segment, and segments are sorted by lane. Pairs are sorted by query, then
    lane. Points that are not finite find nothing.
    """
    n = len(x_m)
    query = np.empty(4 * n + 16, np.int64)
    segment = np.empty(4 * n + 16, np.int64)
    # As many as there may be; memory that nobody touches costs nothing.
    close, close_m = np.empty(len(filed), np.int64), np.empty(len(filed))
    radius2 = radius_m * radius_m
    pairs = 0
    middle = 1 << (key_bits - 1)
    for i in range(n):
        x, y = x_m[i], y_m[i]
        if not (abs(x) < cell_m * MOST_CELLS and abs(y) < cell_m * MOST_CELLS):
            continue
        low_x = math.floor((x - radius_m) / cell_m) + middle
        high_x = math.floor((x + radius_m) / cell_m) + middle
        low_y = math.floor((y - radius_m) / cell_m) + middle
        high_y = math.floor((y + radius_m) / cell_m) + middle
        found = 0
        for cell_y in range(low_y, high_y + 1):
            at = first_not_below(key, (cell_y << key_bits) + low_x)
            last_key = (cell_y << key_bits) + high_x
            while at < len(key) and key[at] <= last_key:
                s = filed[at]
                at += 1
                away2 = distance2_m2(x, y, start_x_m[s], start_y_m[s], ux[s], uy[s], length_m[s])
                if away2 <= radius2:
                    found = put_in_order(s, math.sqrt(away2), found, close, close_m)
        begin = 0
        while begin < found:
            nearest = math.inf
            end = begin
            while end < found and lane[close[end]] == lane[close[begin]]:
                nearest = min(nearest, close_m[end])
                end += 1
            while close_m[begin] > nearest + SAME_DISTANCE_M:
                begin += 1
            if pairs == len(query):
                query, segment = more_room(query, segment)
            query[pairs], segment[pairs] = i, close[begin]
            pairs += 1
            begin = end
    return query[:pairs], segment[:pairs]


@compiled
def places_on_segments(
    x_m: np.ndarray,
    y_m: np.ndarray,
    yaw_rad: np.ndarray,
    query: np.ndarray,
    segment: np.ndarray,
    start_x_m: np.ndarray,
    start_y_m: np.ndarray,
    ux: np.ndarray,
    uy: np.ndarray,
    length_m: np.ndarray,
    arc_m: np.ndarray,
    segment_yaw_rad: np.ndarray,
    is_first: np.ndarray,
    is_last: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(C,) of every pair: arc length, offset, way beyond the lane's ends, distance, heading error.

    Queries (N,); the rest is by segment: start, direction, length, arc length at its start, heading
    and whether it is the first or the last of its lane. As in `LaneCandidates`.
    """
    count = len(query)
    arc_length = np.empty(count)
    offset = np.empty(count)
    beyond = np.empty(count)
    distance = np.empty(count)
    error = np.empty(count)
    for k in range(count):
        i, s = query[k], segment[k]
        dx, dy = x_m[i] - start_x_m[s], y_m[i] - start_y_m[s]
        along = dx * ux[s] + dy * uy[s]
        across = dy * ux[s] - dx * uy[s]
        inside = min(max(along, 0.0), length_m[s])
        overshoot = along - inside
        arc_length[k] = arc_m[s] + inside
        distance[k] = math.sqrt(overshoot * overshoot + across * across)
        if (overshoot < 0.0 and is_first[s]) or (overshoot > 0.0 and is_last[s]):
            offset[k], beyond[k] = across, overshoot
        else:
            # At a bend the closest point is a vertex: the whole distance lies across the lane.
            offset[k], beyond[k] = math.copysign(distance[k], across), 0.0
        turn = yaw_rad[i] - segment_yaw_rad[s]
        error[k] = (turn + math.pi) % (2.0 * math.pi) - math.pi
    return arc_length, offset, beyond, distance, error
