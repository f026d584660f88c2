"""How well movers fit the lanes near them."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

MAX_HEADING_ERROR_RAD = 1.0
# A drift may carry a vehicle into the next lane, hardly across it.
MAX_DRIFT_M = 3.0
MAX_LATERAL_COST = 60.0
MAX_TURNING_COST = 9.0
BEYOND_SIGMA_M = 2.0
# Cost of riding on a way made for others.
BICYCLE_LANE_COST = 9.0
SHOULDER_COST = 4.0
# Lanes whose end lies so far behind or ahead are followed only where there is no other beside.
MAX_BEYOND_M = 0.5
BESIDE_M = 2.5
CHANGING_MPS = 2.0
# Rounding must not choose between what weighs the same: weights are compared in these units.
WEIGHT_UNITS = 1e12


@compiled
def followable(
    query: np.ndarray, offset_m: np.ndarray, beyond_m: np.ndarray, movers: int
) -> np.ndarray:
    """(C,) bool: lanes that run by their mover, or all where none does. C pairs by `query`."""
    has_beside = np.zeros(movers, np.bool_)
    for c in range(len(query)):
        if abs(beyond_m[c]) < MAX_BEYOND_M and abs(offset_m[c]) < BESIDE_M:
            has_beside[query[c]] = True
    follows = np.empty(len(query), np.bool_)
    for c in range(len(query)):
        follows[c] = abs(beyond_m[c]) < MAX_BEYOND_M or not has_beside[query[c]]
    return follows


@compiled
def lane_cost(
    offset_m: float,
    beyond_m: float,
    heading_error_rad: float,
    curvature_1pm: float,
    speed_mps: float,
    yaw_rate_radps: float,
    lookahead_s: float,
    lane_sigma_m: float,
    heading_sigma_rad: float,
    turn_sigma_radps: float,
) -> float:
    """How badly a mover fits a lane, by place, heading and turning: squares of sigmas."""
    drift = speed_mps * math.sin(heading_error_rad) * lookahead_s
    drift = min(max(drift, -MAX_DRIFT_M), MAX_DRIFT_M)
    lateral = (offset_m + drift) / lane_sigma_m
    # Headings of slow vehicles are noisy, and they turn the most.
    heading = heading_error_rad / (heading_sigma_rad * (1.0 + 2.0 / (1.0 + speed_mps)))
    turning = (yaw_rate_radps - curvature_1pm * speed_mps) / turn_sigma_radps
    beyond = beyond_m / BEYOND_SIGMA_M
    cost = min(lateral * lateral, MAX_LATERAL_COST) + heading * heading
    return cost + min(turning * turning, MAX_TURNING_COST) + beyond * beyond


@compiled
def sample_of(
    lane: int, arc_length_m: float, first: np.ndarray, count: np.ndarray, spacing_m: np.ndarray
) -> int:
    """Row of the geometry's sample before a place on a lane."""
    # A lane without length has one place.
    rank = math.floor(arc_length_m / max(spacing_m[lane], 1e-6))
    return int(first[lane] + min(max(rank, 0), count[lane] - 2))


@compiled
def lane_weights(
    query: np.ndarray,
    lane: np.ndarray,
    arc_length_m: np.ndarray,
    offset_m: np.ndarray,
    beyond_m: np.ndarray,
    heading_error_rad: np.ndarray,
    speed_mps: np.ndarray,
    yaw_rate_radps: np.ndarray,
    is_cyclist: np.ndarray,
    turns_left: np.ndarray,
    turns_right: np.ndarray,
    first: np.ndarray,
    count: np.ndarray,
    spacing_m: np.ndarray,
    curvature_1pm: np.ndarray,
    carries_vehicles: np.ndarray,
    for_cyclists: np.ndarray,
    is_shoulder: np.ndarray,
    change_left: np.ndarray,
    change_right: np.ndarray,
    lookahead_s: float,
    lane_sigma_m: float,
    heading_sigma_rad: float,
    turn_sigma_radps: float,
    lane_change_weight: float,
    signal_gain: float,
) -> np.ndarray:
    """(C,) how well a mover fits a lane in (0, 1]; 0: it cannot follow that lane at all.

    C pairs as in `LaneCandidates`, sorted by query; N movers with the probabilities that their turn
    signals are lit; samples of the geometry; L lanes, of which `change_left`, `change_right` name
    the lane one may change into, -1: none.
    """
    total = len(query)
    weight = np.empty(total)
    begin = 0
    while begin < total:
        i = query[begin]
        best, best_units = -1, -1.0
        end = begin
        while end < total and query[end] == i:
            on = lane[end]
            weight[end] = 0.0
            if carries_vehicles[on] and abs(heading_error_rad[end]) < MAX_HEADING_ERROR_RAD:
                sample = sample_of(on, arc_length_m[end], first, count, spacing_m)
                cost = lane_cost(
                    offset_m[end],
                    beyond_m[end],
                    heading_error_rad[end],
                    curvature_1pm[sample],
                    speed_mps[i],
                    yaw_rate_radps[i],
                    lookahead_s,
                    lane_sigma_m,
                    heading_sigma_rad,
                    turn_sigma_radps,
                )
                if for_cyclists[on] and not is_cyclist[i]:
                    cost += BICYCLE_LANE_COST
                if is_shoulder[on]:
                    cost += SHOULDER_COST
                weight[end] = math.exp(-0.5 * cost)
                units = np.rint(weight[end] * WEIGHT_UNITS)
                if units > best_units:
                    best, best_units = end, units
            end += 1
        # Lanes beside the likeliest one weigh at least what a change without any sign of it does.
        if best >= 0 and speed_mps[i] > CHANGING_MPS:
            own = lane[best]
            least = lane_change_weight * weight[best]
            for c in range(begin, end):
                if weight[c] > 0.0 and lane[c] == change_left[own]:
                    weight[c] = max(weight[c], least * signal_gain ** turns_left[i])
                elif weight[c] > 0.0 and lane[c] == change_right[own]:
                    weight[c] = max(weight[c], least * signal_gain ** turns_right[i])
        begin = end
    return weight
