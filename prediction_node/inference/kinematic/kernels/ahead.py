"""Whom and what each hypothesis must not run into: the vehicle ahead, and the red light."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

NO_LEADER = -1
# Oncoming traffic of an overlapping lane passes; who stands across does not.
ALONG_RAD = 1.0
STANDS_MPS = 0.5
MAX_BEYOND_M = 0.5
MIN_OVERLAP_M = 0.3
# Nobody follows who is beside; leaders are looked for so far beyond what is reached.
LEAST_AHEAD_M = 0.1
LOOK_AHEAD_M = 30.0
# Who is farther from the middle of a lane changes into it.
LANE_CHANGE_M = 1.6
# Vehicles beside the way that are looked past, per lane, before the search gives up.
PASSED_OVER = 3
STOP_MARGIN_M = 1.0
LEAST_STOP_M = 0.05
# Whoever is so far past the line goes on.
PAST_LINE_M = 0.5
# Whoever cannot stop with so many times the comfortable braking any more drives through amber.
AMBER_BRAKING = 1.5


@compiled
def file_by_lane(
    query: np.ndarray,
    lane: np.ndarray,
    arc_length_m: np.ndarray,
    beyond_m: np.ndarray,
    heading_error_rad: np.ndarray,
    speed_mps: np.ndarray,
    lanes: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Who is on which lane: (L,) the rearmost pair on each lane, (C,) the pair ahead; -1: none.

    C pairs as in `LaneCandidates`; those that block no lane are on none, and their pair ahead means
    nothing. Movers at the same place follow each other as their rows do.
    """
    rearmost, ahead = np.empty(lanes, np.int64), np.empty(len(query), np.int64)
    for k in range(lanes):
        rearmost[k] = -1
    # Those put in later come to lie before those at the same place.
    for c in range(len(query) - 1, -1, -1):
        along = abs(heading_error_rad[c]) < ALONG_RAD or speed_mps[query[c]] < STANDS_MPS
        if not along or abs(beyond_m[c]) >= MAX_BEYOND_M:
            continue
        behind, following = -1, rearmost[lane[c]]
        while following >= 0 and arc_length_m[following] < arc_length_m[c]:
            behind, following = following, ahead[following]
        ahead[c] = following
        if behind < 0:
            rearmost[lane[c]] = c
        else:
            ahead[behind] = c
    return rearmost, ahead


@compiled
def find_leaders(
    mover: np.ndarray,
    route: np.ndarray,
    place_m: np.ndarray,
    offset_m: np.ndarray,
    reach_m: np.ndarray,
    length_m: np.ndarray,
    width_m: np.ndarray,
    query: np.ndarray,
    arc_length_m: np.ndarray,
    pair_offset_m: np.ndarray,
    rearmost: np.ndarray,
    ahead: np.ndarray,
    route_lane: np.ndarray,
    route_start_m: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(M,) the next mover along each route, NO_LEADER if none, and (M,) the gap between bumpers.

    M hypotheses: mover, route (negative: free motion, which follows nobody), place along and left
    of its first lane; N movers; C pairs of mover (`query`) and lane, filed by `file_by_lane`; Q
    routes as in `RouteTable`.
    """
    leader, gap = np.empty(len(mover), np.int64), np.empty(len(mover))
    for m in range(len(mover)):
        leader[m], gap[m] = NO_LEADER, math.inf
        if route[m] < 0:
            continue
        i = mover[m]
        # Who follows keeps to its own side of the lane; who changes lane aims for the middle.
        aside = offset_m[m] if abs(offset_m[m]) <= LANE_CHANGE_M else 0.0
        limit = reach_m[i] + LOOK_AHEAD_M
        for leg in range(route_start_m.shape[1]):
            start = route_start_m[route[m], leg] - place_m[m]
            if not start < limit:
                break
            behind = place_m[m] + LEAST_AHEAD_M if leg == 0 else -1.0
            at = rearmost[route_lane[route[m], leg]]
            while at >= 0 and arc_length_m[at] < behind:
                at = ahead[at]
            passed = 0
            while at >= 0:
                reach = 0.5 * (width_m[i] + width_m[query[at]]) - MIN_OVERLAP_M
                if query[at] != i and abs(pair_offset_m[at] - aside) < reach:
                    break
                passed += 1
                at = ahead[at] if passed <= PASSED_OVER else -1
            if at >= 0:
                distance = start + arc_length_m[at]
                if distance < limit:
                    leader[m] = query[at]
                    gap[m] = distance - 0.5 * (length_m[i] + length_m[query[at]])
                break
    return leader, gap


@compiled
def find_stops(
    mover: np.ndarray,
    route: np.ndarray,
    place_m: np.ndarray,
    speed_mps: np.ndarray,
    reach_m: np.ndarray,
    length_m: np.ndarray,
    on_call: np.ndarray,
    colour: np.ndarray,
    light_stop_m: np.ndarray,
    route_lane: np.ndarray,
    route_start_m: np.ndarray,
    route_turn: np.ndarray,
    red: int,
    amber: int,
    comfortable_braking_mps2: float,
) -> np.ndarray:
    """(M,) how far the front may still go before a light that forbids the route; inf: none.

    M hypotheses and Q routes as for `find_leaders`; N movers, lights not ruling those `on_call`
    (bool); `colour` (L, TURNS) of the lights for each turn from each lane, or (0, TURNS) where none
    is known; light_stop_m (L,) where on its lane they make one stop.
    """
    stop = np.empty(len(mover))
    for m in range(len(mover)):
        stop[m] = math.inf
        i = mover[m]
        if route[m] < 0 or on_call[i] or not len(colour):
            continue
        speed2 = speed_mps[i] * speed_mps[i]
        for leg in range(route_start_m.shape[1]):
            start = route_start_m[route[m], leg] - place_m[m]
            if leg > 0 and not start < reach_m[i]:
                break
            lane = route_lane[route[m], leg]
            shown = colour[lane, route_turn[route[m], leg]]
            if shown != red and shown != amber:
                continue
            gap = start + light_stop_m[lane] - 0.5 * length_m[i] - STOP_MARGIN_M
            stops = speed2 < 2.0 * AMBER_BRAKING * comfortable_braking_mps2 * gap
            if gap > -STOP_MARGIN_M - PAST_LINE_M and (shown == red or stops):
                stop[m] = min(stop[m], max(gap, LEAST_STOP_M))
    return stop
