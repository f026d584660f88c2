"""Which routes each vehicle may be on, with weights, before speed is considered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_INDEX, ObjectClass
from prediction_node.domain.lane_index import LaneCandidates
from prediction_node.domain.lane_map import LaneKind, Turn
from prediction_node.inference.kinematic.movers import Movers
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.road import Road

ROUTES_PER_MOVER = 4
# Of the weight of the mover's heaviest row.
MIN_SHARE = 0.015
MAX_HEADING_ERROR_RAD = 1.0
NO_ROUTE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Hypotheses:
    """M pairs of mover and route, sorted by mover."""

    mover: np.ndarray  # (M,) int64
    route: np.ndarray  # (M,) int64 row of the route table; NO_ROUTE: free motion
    place_m: np.ndarray  # (M,) along the route's start lane
    offset_m: np.ndarray  # (M,) left of it
    heading_error_rad: np.ndarray  # (M,) yaw minus lane's
    weight: np.ndarray  # (M,) sums to one per mover

    def __len__(self) -> int:
        return len(self.mover)


def free_only(movers: Movers) -> Hypotheses:
    """Without lanes everybody moves freely."""
    n = len(movers)
    zero = np.zeros(n)
    return Hypotheses(np.arange(n), np.full(n, NO_ROUTE), zero, zero, zero, np.ones(n))


def lane_candidates(movers: Movers, road: Road, parameters: KinematicParameters) -> LaneCandidates:
    """Lanes that run by each mover; those the mover stands beyond only where there is none else."""
    found = road.index.near(movers.xy_m, movers.path_yaw_rad, parameters.lane_radius_m)
    beside = np.abs(found.beyond_m) < 0.5
    has_beside = np.zeros(len(movers), bool)
    has_beside[found.query[beside & (np.abs(found.offset_m) < 2.5)]] = True
    return found.select(beside | ~has_beside[found.query])


def hypotheses(
    movers: Movers, found: LaneCandidates, road: Road, parameters: KinematicParameters
) -> Hypotheses:
    """The likeliest routes of every mover."""
    found, weight = _weigh_lanes(movers, found, road, parameters)
    best_lane = np.zeros(len(movers))
    np.maximum.at(best_lane, found.query, weight)
    free = np.maximum(parameters.free_weight * best_lane, np.exp(-0.5 * 3.0**2))
    free = np.where(movers.label == ObjectClass.BICYCLE, np.maximum(free, 0.5 * best_lane), free)
    row = road.routes.rows(found.lane, movers.reach_m[found.query])
    route_weight = road.routes.weight[row] * _signal_factor(movers, found, row, road, parameters)
    route_weight = _merge_shared(movers, found, row, route_weight, road)
    total = np.maximum(route_weight.sum(axis=1, keepdims=True), 1e-12)
    route_weight = weight[:, None] * route_weight / total
    lane, rank = np.nonzero(route_weight > 0.0)
    n = len(movers)
    return _likeliest(
        np.concatenate([found.query[lane], np.arange(n)]),
        np.concatenate([row[lane, rank], np.full(n, NO_ROUTE)]),
        np.concatenate([found.arc_length_m[lane] + found.beyond_m[lane], np.zeros(n)]),
        np.concatenate([found.offset_m[lane], np.zeros(n)]),
        np.concatenate([found.heading_error_rad[lane], np.zeros(n)]),
        np.concatenate([route_weight[lane, rank], free]),
    )


def _weigh_lanes(
    movers: Movers, found: LaneCandidates, road: Road, parameters: KinematicParameters
) -> tuple[LaneCandidates, np.ndarray]:
    """Lanes that can be followed at all, and how well position, heading and turning fit each."""
    kind = road.lane_map.kind[found.lane]
    usable = (kind == LaneKind.ROAD) | (kind == LaneKind.SHOULDER) | (kind == LaneKind.BICYCLE)
    usable &= np.abs(found.heading_error_rad) < MAX_HEADING_ERROR_RAD
    found, kind = found.select(usable), kind[usable]
    query = found.query
    speed = movers.path_speed_mps[query]
    sample, _ = road.geometry.sample(found.lane, found.arc_length_m)
    lane_yaw_rate = road.geometry.curvature_1pm[sample] * speed
    drift = speed * np.sin(found.heading_error_rad) * parameters.lateral_lookahead_s
    # A drift may carry a vehicle into the next lane, hardly across it.
    lateral = (found.offset_m + np.clip(drift, -3.0, 3.0)) / parameters.lane_sigma_m
    # Headings of slow vehicles are noisy, and they turn the most.
    heading_sigma = parameters.heading_sigma_rad * (1.0 + 2.0 / (1.0 + speed))
    heading = found.heading_error_rad / heading_sigma
    turning = (movers.yaw_rate_radps[query] - lane_yaw_rate) / parameters.curvature_sigma_radps
    cost = np.minimum(lateral**2, 60.0) + heading**2 + np.minimum(turning**2, 9.0)
    cost += (found.beyond_m / 2.0) ** 2
    cyclist = movers.label[query] == ObjectClass.BICYCLE
    cost += np.where((kind == LaneKind.BICYCLE) & ~cyclist, 9.0, 0.0)
    cost += np.where(kind == LaneKind.SHOULDER, 4.0, 0.0)
    weight = np.exp(-0.5 * cost)
    return found, _allow_lane_changes(movers, found, weight, road, parameters)


def _allow_lane_changes(
    movers: Movers,
    found: LaneCandidates,
    weight: np.ndarray,
    road: Road,
    parameters: KinematicParameters,
) -> np.ndarray:
    """Raise the weight of lanes beside the likeliest one to what a change without sign has."""
    if not len(found):
        return weight
    order = np.lexsort((-np.round(weight, 12), found.query))
    first = np.concatenate([[True], np.diff(found.query[order]) != 0])
    best = np.full(len(movers), -1)
    best[found.query[order[first]]] = order[first]
    own = best[found.query]
    own_lane = found.lane[own]
    lane_map = road.lane_map
    left, right = road.neighbour_left[own_lane], road.neighbour_right[own_lane]
    to_left = (left == found.lane) & lane_map.left_change[own_lane]
    to_right = (right == found.lane) & lane_map.right_change[own_lane]
    moving = movers.path_speed_mps[found.query] > 2.0
    signal = np.where(
        to_left,
        movers.attribute(ATTRIBUTE_INDEX['turn_left'])[found.query],
        movers.attribute(ATTRIBUTE_INDEX['turn_right'])[found.query],
    )
    share = parameters.lane_change_weight * parameters.signal_gain**signal
    floor = np.where((to_left | to_right) & moving, share * weight[own], 0.0)
    return np.asarray(np.maximum(weight, floor))


def _signal_factor(
    movers: Movers,
    found: LaneCandidates,
    row: np.ndarray,
    road: Road,
    parameters: KinematicParameters,
) -> np.ndarray:
    """(C, ROUTES) how turn signals change the weight of each route's first turn ahead."""
    left = movers.attribute(ATTRIBUTE_INDEX['turn_left'])[found.query]
    right = movers.attribute(ATTRIBUTE_INDEX['turn_right'])[found.query]
    if not (left.any() or right.any()):
        return np.ones(row.shape)
    turn = road.routes.turn[row]
    near = road.routes.start_m[row] < (found.arc_length_m + 60.0)[:, None, None]
    turns_left = ((turn == Turn.LEFT) & near).any(axis=-1)
    turns_right = ((turn == Turn.RIGHT) & near).any(axis=-1)
    exponent = left[:, None] * turns_left + right[:, None] * turns_right
    return np.asarray(parameters.signal_gain**exponent)


def _merge_shared(
    movers: Movers, found: LaneCandidates, row: np.ndarray, weight: np.ndarray, road: Road
) -> np.ndarray:
    """Routes that part only beyond reach are one: the first of them takes all their weight."""
    end = (found.arc_length_m + movers.reach_m[found.query])[:, None, None]
    same = (road.routes.shared_m[row] >= end) & (weight > 0)[:, None, :]
    first = np.argmax(same, axis=-1)
    merged = np.zeros_like(weight)
    np.add.at(merged, (np.arange(len(weight))[:, None], first), weight)
    return merged


def _likeliest(
    mover: np.ndarray,
    route: np.ndarray,
    place: np.ndarray,
    offset: np.ndarray,
    heading: np.ndarray,
    weight: np.ndarray,
) -> Hypotheses:
    """The ROUTES_PER_MOVER weightiest rows of each mover, without those that hardly count."""
    lanes_last = route != NO_ROUTE
    # Rounding must not choose between routes that weigh the same.
    order = np.lexsort((route, -np.round(weight, 12), lanes_last, mover))
    begin = np.searchsorted(mover[order], mover[order])
    kept = order[np.arange(len(order)) - begin < ROUTES_PER_MOVER]
    heaviest = np.zeros(int(mover.max(initial=-1)) + 1)
    np.maximum.at(heaviest, mover, weight)
    kept = kept[weight[kept] >= MIN_SHARE * heaviest[mover[kept]]]
    mover, weight = mover[kept], weight[kept]
    total = np.bincount(mover, weights=weight)
    return Hypotheses(
        mover=mover,
        route=route[kept],
        place_m=place[kept],
        offset_m=offset[kept],
        heading_error_rad=heading[kept],
        weight=weight / total[mover],
    )
