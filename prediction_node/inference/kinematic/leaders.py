"""Whom and what each hypothesis must not run into: the vehicle ahead, and the red light."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.lane_index import LaneCandidates
from prediction_node.domain.lights import LightColour
from prediction_node.inference.kinematic.hypotheses import NO_ROUTE, Hypotheses
from prediction_node.inference.kinematic.movers import Movers
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.paths import LANE_CHANGE_M
from prediction_node.inference.kinematic.road import Road

NO_LEADER = -1
# Lanes are told apart in one sort key by this many metres, more than any lane is long.
_LANE_STRIDE_M = 1.0e6
STOP_MARGIN_M = 1.0
MIN_OVERLAP_M = 0.3
# Vehicles beside the way that are looked past, per lane, before the search gives up.
PASSED_OVER = 3


def leaders(
    movers: Movers, rows: Hypotheses, found: LaneCandidates, road: Road
) -> tuple[np.ndarray, np.ndarray]:
    """(M,) the next mover along each route, NO_LEADER if none, and (M,) the gap between bumpers."""
    leader = np.full(len(rows), NO_LEADER)
    gap = np.full(len(rows), np.inf)
    laned = np.flatnonzero(rows.route != NO_ROUTE)
    blocks = np.abs(found.beyond_m) < 0.5
    # Oncoming traffic of an overlapping lane passes; who stands across does not.
    blocks &= (np.abs(found.heading_error_rad) < 1.0) | (movers.path_speed_mps[found.query] < 0.5)
    if not len(laned) or not blocks.any():
        return leader, gap
    occupant = found.query[blocks]
    key = found.lane[blocks] * _LANE_STRIDE_M + found.arc_length_m[blocks]
    order = np.lexsort((occupant, key))
    key = key[order]
    # Guards past the end: the search below may look some rows on.
    guard = np.zeros(PASSED_OVER + 1)
    occupant = np.concatenate([occupant[order], guard.astype(np.int64)])
    lane = np.concatenate([found.lane[blocks][order], guard.astype(np.int64) - 1])
    arc = np.concatenate([found.arc_length_m[blocks][order], guard])
    offset = np.concatenate([found.offset_m[blocks][order], guard])

    route = rows.route[laned]
    mover = rows.mover[laned]
    place = rows.place_m[laned]
    start = road.routes.start_m[route] - place[:, None]
    legs = max(1, int((start < movers.reach_m[mover][:, None]).any(axis=0).sum()))
    start = start[:, :legs]
    leg_lane = road.routes.lanes[route, :legs]
    from_arc = np.full(start.shape, -1.0)
    from_arc[:, 0] = place + 0.1
    at = np.searchsorted(key, leg_lane * _LANE_STRIDE_M + from_arc)
    # Who follows keeps to its own side of the lane; who changes lane aims for the middle.
    aside = rows.offset_m[laned]
    aside = np.where(np.abs(aside) > LANE_CHANGE_M, 0.0, aside)[:, None]
    half_width = 0.5 * movers.width_m

    def blocks_way(at: np.ndarray) -> np.ndarray:
        reach = half_width[mover][:, None] + half_width[occupant[at]] - MIN_OVERLAP_M
        beside = np.abs(offset[at] - aside) >= reach
        return np.asarray(~beside & (occupant[at] != mover[:, None]))

    for _ in range(PASSED_OVER):
        at = at + ((lane[at] == leg_lane) & ~blocks_way(at))
    in_way = (lane[at] == leg_lane) & blocks_way(at) & np.isfinite(start)
    ahead = np.where(in_way, start + arc[at], np.inf)
    nearest = np.argmin(ahead, axis=1)
    row = np.arange(len(laned))
    distance = ahead[row, nearest]
    some = distance < movers.reach_m[mover] + 30.0
    who = occupant[at[row, nearest]]
    leader[laned] = np.where(some, who, NO_LEADER)
    lengths = 0.5 * (movers.length_m[mover] + movers.length_m[np.maximum(who, 0)])
    gap[laned] = np.where(some, distance - lengths, np.inf)
    return leader, gap


def light_stops(
    movers: Movers,
    rows: Hypotheses,
    colours: np.ndarray | None,
    road: Road,
    parameters: KinematicParameters,
) -> np.ndarray:
    """(M,) how far the front may still go before a light that forbids the route; inf: none."""
    stop = np.full(len(rows), np.inf)
    laned = np.flatnonzero(rows.route != NO_ROUTE)
    if colours is None or not len(laned):
        return stop
    route = rows.route[laned]
    mover = rows.mover[laned]
    start = road.routes.start_m[route] - rows.place_m[laned, None]
    legs = max(1, int((start < movers.reach_m[mover][:, None]).any(axis=0).sum()))
    lane = road.routes.lanes[route, :legs]
    colour = colours[lane, road.routes.turn[route, :legs]]
    front = 0.5 * movers.length_m[mover][:, None]
    gap = start[:, :legs] + road.light_stop_m[lane] - front - STOP_MARGIN_M
    speed = movers.path_speed_mps[mover][:, None]
    # Whoever cannot stop comfortably any more drives through amber.
    stops_at_amber = speed**2 < 2.0 * 1.5 * parameters.comfortable_braking_mps2 * gap
    forbidden = (colour == LightColour.RED) | ((colour == LightColour.AMBER) & stops_at_amber)
    ahead = gap > -STOP_MARGIN_M - 0.5
    stop[laned] = np.where(forbidden & ahead, np.maximum(gap, 0.05), np.inf).min(axis=1)
    return stop
