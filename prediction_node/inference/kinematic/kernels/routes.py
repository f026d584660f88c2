"""Which routes each mover may be on, with weights, before speed is considered."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

ROUTES_PER_MOVER = 4
NO_ROUTE = -1
# Of the weight of the mover's heaviest row.
MIN_SHARE = 0.015
# Free motion weighs at least what a lane weighs that fits three sigmas badly, and of cyclists,
# who follow lanes loosely, this share of the best lane.
LEAST_FREE_WEIGHT = math.exp(-0.5 * 3.0**2)
FREE_CYCLIST = 0.5
# A lit turn signal means the first turn within this distance.
SIGNAL_AHEAD_M = 60.0
# Rounding must not choose between what weighs the same: weights are compared in these units.
WEIGHT_UNITS = 1e12


@compiled
def weigh_routes(
    route: int,
    signal_until_m: float,
    until_m: float,
    turns_left: float,
    turns_right: float,
    weight: np.ndarray,
    start_m: np.ndarray,
    shared_m: np.ndarray,
    turn: np.ndarray,
    left: int,
    right: int,
    signal_gain: float,
    value: np.ndarray,
    merged: np.ndarray,
) -> None:
    """Write to `merged` (R,) the weights of one lane's routes, the first of which is row `route`.

    Turn signals count for turns that begin before `signal_until_m` along the route. Routes that
    part only beyond `until_m` are one: the first of them takes all their weight. `value` (R,) is
    room to work in.
    """
    for r in range(len(value)):
        value[r] = weight[route + r]
        merged[r] = 0.0
        if value[r] > 0.0 and (turns_left != 0.0 or turns_right != 0.0):
            goes_left, goes_right = False, False
            for leg in range(start_m.shape[1]):
                if start_m[route + r, leg] < signal_until_m:
                    goes_left = goes_left or turn[route + r, leg] == left
                    goes_right = goes_right or turn[route + r, leg] == right
            exponent = turns_left * goes_left + turns_right * goes_right
            value[r] *= signal_gain**exponent
    for r in range(len(value)):
        if value[r] > 0.0:
            first = 0
            while not (shared_m[route + r, first] >= until_m and value[first] > 0.0):
                first += 1
            merged[first] += value[r]


@compiled
def put_in_order(
    begin: int,
    end: int,
    pair: int,
    route: int,
    weight: float,
    pair_of: np.ndarray,
    route_of: np.ndarray,
    weight_of: np.ndarray,
) -> int:
    """File a route among those of its mover, rows `begin` + 1 to `end`; the new end.

    Rows are sorted by falling weight, then route; the lightest leaves where there is no room.
    """
    units = np.rint(weight * WEIGHT_UNITS)
    at = end
    while at > begin + 1:
        before = np.rint(weight_of[at - 1] * WEIGHT_UNITS)
        if before > units or (before == units and route_of[at - 1] < route):
            break
        at -= 1
    if at == begin + ROUTES_PER_MOVER:
        return end
    end = min(end + 1, begin + ROUTES_PER_MOVER)
    for row in range(end - 1, at, -1):
        pair_of[row], route_of[row] = pair_of[row - 1], route_of[row - 1]
        weight_of[row] = weight_of[row - 1]
    pair_of[at], route_of[at], weight_of[at] = pair, route, weight
    return end


@compiled
def likeliest_routes(
    query: np.ndarray,
    lane: np.ndarray,
    arc_length_m: np.ndarray,
    offset_m: np.ndarray,
    beyond_m: np.ndarray,
    heading_error_rad: np.ndarray,
    lane_weight: np.ndarray,
    reach_m: np.ndarray,
    is_cyclist: np.ndarray,
    turns_left: np.ndarray,
    turns_right: np.ndarray,
    reaches_m: np.ndarray,
    route_weight: np.ndarray,
    route_start_m: np.ndarray,
    route_shared_m: np.ndarray,
    route_turn: np.ndarray,
    left: int,
    right: int,
    free_weight: float,
    signal_gain: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The ROUTES_PER_MOVER weightiest routes of every mover, free motion among them.

    C pairs as in `LaneCandidates` with the weights of `fits.lane_weights`; N movers; Q routes as in
    `RouteTable`, `left` and `right` its numbers for those turns. Returns what `Hypotheses` holds,
    in its order: free motion first, the routes of a mover by falling weight.
    """
    n, total = len(reach_m), len(query)
    routes = route_shared_m.shape[1]
    lanes = len(route_weight) // (routes * len(reaches_m))
    begins = np.empty(n + 1, np.int64)
    begins[0] = 0
    pair_of = np.empty(n * ROUTES_PER_MOVER, np.int64)
    route_of = np.empty(n * ROUTES_PER_MOVER, np.int64)
    weight_of = np.empty(n * ROUTES_PER_MOVER)
    value = np.empty(routes)
    merged = np.empty(routes)
    c = 0
    for i in range(n):
        first_row = begins[i]
        rows = first_row
        pair_of[rows], route_of[rows] = NO_ROUTE, NO_ROUTE
        rows += 1
        best_lane = 0.0
        table = 0
        while table < len(reaches_m) - 1 and reaches_m[table] < reach_m[i]:
            table += 1
        while c < total and query[c] == i:
            best_lane = max(best_lane, lane_weight[c])
            if lane_weight[c] > 0.0:
                route = (table * lanes + lane[c]) * routes
                weigh_routes(
                    route,
                    arc_length_m[c] + SIGNAL_AHEAD_M,
                    arc_length_m[c] + reach_m[i],
                    turns_left[i],
                    turns_right[i],
                    route_weight,
                    route_start_m,
                    route_shared_m,
                    route_turn,
                    left,
                    right,
                    signal_gain,
                    value,
                    merged,
                )
                sum_of_routes = 0.0
                for r in range(routes):
                    sum_of_routes += merged[r]
                sum_of_routes = max(sum_of_routes, 1e-12)
                for r in range(routes):
                    weight = lane_weight[c] * merged[r] / sum_of_routes
                    if weight > 0.0:
                        rows = put_in_order(
                            first_row, rows, c, route + r, weight, pair_of, route_of, weight_of
                        )
            c += 1
        free = max(free_weight * best_lane, LEAST_FREE_WEIGHT)
        if is_cyclist[i]:
            free = max(free, FREE_CYCLIST * best_lane)
        weight_of[first_row] = free
        heaviest = free
        for row in range(first_row, rows):
            heaviest = max(heaviest, weight_of[row])
        kept = first_row
        sum_of_rows = 0.0
        for row in range(first_row, rows):
            if weight_of[row] >= MIN_SHARE * heaviest:
                pair_of[kept], route_of[kept] = pair_of[row], route_of[row]
                weight_of[kept] = weight_of[row]
                sum_of_rows += weight_of[row]
                kept += 1
        rows = kept
        for row in range(first_row, rows):
            weight_of[row] /= sum_of_rows
        begins[i + 1] = rows
    rows = begins[n]
    mover = np.empty(rows, np.int64)
    place, offset, heading = np.empty(rows), np.empty(rows), np.empty(rows)
    for i in range(n):
        for row in range(begins[i], begins[i + 1]):
            mover[row] = i
            c = pair_of[row]
            if c == NO_ROUTE:
                place[row], offset[row], heading[row] = 0.0, 0.0, 0.0
            else:
                place[row] = arc_length_m[c] + beyond_m[c]
                offset[row], heading[row] = offset_m[c], heading_error_rad[c]
    return (
        begins,
        mover,
        route_of[:rows],
        place,
        offset,
        heading,
        weight_of[:rows],
    )
