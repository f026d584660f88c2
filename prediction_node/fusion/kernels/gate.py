"""Which reports may be of which tracks, and what each pair costs; see gate.py of fusion."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

X, Y, VX, VY = range(4)
DRIFT = 1  # column of the noise of motion
FORGET_ID_NS = 1_000_000_000  # sensors reuse ids: an older one hints at nothing
# Velocity never rules a pair out: a body that brakes harder than the model expects is still there.
WORST_VELOCITY = 12.0
SPEED_SPREAD_MPS = 10.0  # of road users at large: the density a velocity match competes with
_LOG_SPEEDS = 4.0 * math.log(SPEED_SPREAD_MPS)
_LEAST_DETERMINANT = 1e-12
_LEAST_VARIANCE = 1e-4  # of a velocity, (m/s)^2
_LEAST_AGREEMENT = 1e-3


@compiled
def sorted_places(
    first_row: np.ndarray,
    by_x: np.ndarray,
    is_open: np.ndarray,
    position_m: np.ndarray,
    covariance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The K of R reports that are open, message by message by rising x: the first of each message
    (M + 1,), their rows (K,), both int64, places with xx, yy, xy of their covariances (K, 5), and
    the largest xx of each message (M,).

    Message m has the rows first_row[m] to first_row[m + 1]; by_x (R,) are rows in that order,
    is_open (R,), positions (R, 3) and covariances (R, 2, 2) those of all.
    """
    open_count = 0
    for r in range(len(is_open)):
        open_count += is_open[r]
    first, widest = np.empty(len(first_row), np.int64), np.zeros(len(first_row) - 1)
    rows = np.empty(open_count, np.int64)
    places = np.empty((open_count, 5))
    found = 0
    for m in range(len(first_row) - 1):
        first[m] = found
        for k in range(first_row[m], first_row[m + 1]):
            r = by_x[k]
            if is_open[r]:
                rows[found] = r
                places[found, 0], places[found, 1] = position_m[r, 0], position_m[r, 1]
                places[found, 2], places[found, 3] = covariance[r, 0, 0], covariance[r, 1, 1]
                places[found, 4] = covariance[r, 0, 1]
                widest[m] = max(widest[m], covariance[r, 0, 0])
                found += 1
    first[len(first) - 1] = found
    return first, rows, places, widest


@compiled
def find_near(
    pairs: np.ndarray,
    costs: np.ndarray,
    past: np.ndarray,
    independent: np.ndarray,
    shared: np.ndarray,
    noise: np.ndarray,
    length_m: np.ndarray,
    founder: np.ndarray,
    late_s: np.ndarray,
    scatter: np.ndarray,
    first: np.ndarray,
    rows: np.ndarray,
    places: np.ndarray,
    widest: np.ndarray,
    squared: float,
    limit_m: float,
) -> int:
    """Count the pairs of a track and a report whose places are near enough; write as many of them
    as there is room for, track by track, message by message: track, report and message in `pairs`
    (P, 3) int64, squared Mahalanobis distance plus log determinant of the places in `costs` (P,).

    The tracks have the covariance parts (N, 7, 7), `noise` (N, 6) and length_m (N,), and were at
    past (M, N, 4) when M messages were made, late_s (M,) ago; founder (N,) int64 is a message that
    started the track now: it takes those of later ones only, -1 if none. The reports are in
    `first` (M + 1,), `rows` (K,), `places` (K, 5) and `widest` (M,) as sorted_places has them, by
    sensors whose reported point scatters by a part of the length (M,). Near is less than limit_m,
    and less than `squared` in squared Mahalanobis distance.
    """
    found = 0
    spread = np.empty((3, 3))
    for n in range(len(length_m)):
        _fill_spread(spread, independent[n], shared[n])
        for m in range(founder[n] + 1, len(late_s)):
            past_x, past_y = past[m, n, 0], past[m, n, 1]
            late, last = late_s[m], first[m + 1]
            # The covariance of where the track was, and of the point on it that is reported.
            point_m = scatter[m] * length_m[n]
            variance = point_m * point_m + noise[n, DRIFT] * late * late * late / 3.0
            place_xx, place_yy, place_xy = _past_spread(spread, late)
            place_xx, place_yy = place_xx + variance, place_yy + variance
            # No distance is less than that along one axis.
            reach_m = min(limit_m, math.sqrt(squared * (place_xx + widest[m])))
            k = _first_from(places, first[m], last, past_x - reach_m) - 1
            while k + 1 < last and places[k + 1, 0] <= past_x + reach_m:
                k += 1
                dx, dy = places[k, 0] - past_x, places[k, 1] - past_y
                xx, yy = place_xx + places[k, 2], place_yy + places[k, 3]
                if dx * dx >= squared * xx or dy * dy >= squared * yy:
                    continue
                if dx * dx + dy * dy >= limit_m * limit_m:
                    continue
                distance, determinant = _mahalanobis(dx, dy, xx, yy, place_xy + places[k, 4])
                if distance < squared:
                    if found < len(costs):
                        pairs[found, 0], pairs[found, 1], pairs[found, 2] = n, rows[k], m
                        costs[found] = distance + math.log(determinant)
                    found += 1
    return found


@compiled
def add_velocity_cost(
    cost: np.ndarray,
    pairs: np.ndarray,
    past: np.ndarray,
    independent: np.ndarray,
    shared: np.ndarray,
    noise: np.ndarray,
    late_s: np.ndarray,
    has_velocity: np.ndarray,
    velocity_mps: np.ndarray,
    covariance: np.ndarray,
) -> None:
    """The same of velocities, against those of road users at large, added to `cost` (P,).

    Tracks as for find_near, reports with has_velocity (R,), velocities (R, 2) and covariances
    (R, 2, 2); `pairs` (P, 3) are track, report and message.
    """
    for p in range(len(cost)):
        n, r, m = pairs[p, 0], pairs[p, 1], pairs[p, 2]
        if has_velocity[r]:
            variance = _LEAST_VARIANCE + noise[n, DRIFT] * late_s[m]
            distance, determinant = _mahalanobis(
                velocity_mps[r, 0] - past[m, n, 2],
                velocity_mps[r, 1] - past[m, n, 3],
                independent[n, VX, VX] + shared[n, VX, VX] + covariance[r, 0, 0] + variance,
                independent[n, VY, VY] + shared[n, VY, VY] + covariance[r, 1, 1] + variance,
                independent[n, VX, VY] + shared[n, VX, VY] + covariance[r, 0, 1],
            )
            cost[p] += min(distance, WORST_VELOCITY) + math.log(determinant) - _LOG_SPEEDS


@compiled
def add_class_cost(
    cost: np.ndarray,
    pairs: np.ndarray,
    believed: np.ndarray,
    has_class: np.ndarray,
    reported: np.ndarray,
    prior: np.ndarray,
    weight: float,
) -> None:
    """`weight` times -2 log of how much likelier two distributions over classes, believed (N, C)
    and reported (R, C) where has_class (R,), are of one object than of two, added to `cost` (P,).

    As a squared Mahalanobis distance is: negative where both name the same class, positive where
    they differ, about 0 where one is as vague as the prior (C,).
    """
    for p in range(len(cost)):
        n, r = pairs[p, 0], pairs[p, 1]
        if has_class[r]:
            agreement = 0.0
            for c in range(len(prior)):
                agreement += believed[n, c] * reported[r, c] / prior[c]
            cost[p] -= 2.0 * weight * math.log(max(agreement, _LEAST_AGREEMENT))


@compiled
def take_id_bonus(
    cost: np.ndarray,
    pairs: np.ndarray,
    had_id: np.ndarray,
    old_id: np.ndarray,
    seen_ns: np.ndarray,
    has_id: np.ndarray,
    id_hash: np.ndarray,
    stamp_ns: np.ndarray,
    column: np.ndarray,
    bonus: float,
) -> None:
    """Take from `cost` (P,) what an unchanged sensor-side id is worth.

    The source in each column (N, S) named the track old_id, where had_id, when it was seen_ns; the
    reports (R,) are named id_hash, where has_id, by messages of stamp_ns (M,) and column (M,).
    """
    for p in range(len(cost)):
        n, r, m = pairs[p, 0], pairs[p, 1], pairs[p, 2]
        s = column[m]
        same = has_id[r] and had_id[n, s] and old_id[n, s] == id_hash[r]
        if same and stamp_ns[m] - seen_ns[n, s] < FORGET_ID_NS:
            cost[p] -= bonus


@compiled
def _fill_spread(spread: np.ndarray, independent: np.ndarray, shared: np.ndarray) -> None:
    """Write xx, yy, xy (columns) of the covariance of the place, of twice the symmetric part of
    that of place and velocity, and of the velocity (rows): together the covariance of a past place.
    """
    for k, (i, j) in enumerate(((X, X), (Y, Y), (X, Y))):
        spread[0, k] = independent[i, j] + shared[i, j]
        spread[1, k] = (
            independent[i, j + 2] + shared[i, j + 2] + independent[j, i + 2] + shared[j, i + 2]
        )
        spread[2, k] = independent[i + 2, j + 2] + shared[i + 2, j + 2]


@compiled
def _past_spread(spread: np.ndarray, late_s: float) -> tuple[float, float, float]:
    """xx, yy, xy of the covariance of where the track was late_s ago."""
    late2 = late_s * late_s
    return (
        spread[0, 0] - late_s * spread[1, 0] + late2 * spread[2, 0],
        spread[0, 1] - late_s * spread[1, 1] + late2 * spread[2, 1],
        spread[0, 2] - late_s * spread[1, 2] + late2 * spread[2, 2],
    )


@compiled
def _first_from(places: np.ndarray, low: int, high: int, least_x: float) -> int:
    """First of the rows low to high of the places, along which x rises, with at least that x."""
    while low < high:
        middle = (low + high) // 2
        if places[middle, 0] < least_x:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _mahalanobis(dx: float, dy: float, xx: float, yy: float, xy: float) -> tuple[float, float]:
    """Squared distance of an offset by a covariance, and the determinant of that."""
    determinant = max(xx * yy - xy * xy, _LEAST_DETERMINANT)
    distance = (yy * dx * dx - 2.0 * xy * dx * dy + xx * dy * dy) / determinant
    return distance, determinant
