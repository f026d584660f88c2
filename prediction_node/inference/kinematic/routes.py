"""All lane sequences a vehicle can drive from every lane, found once per map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.lane_map import LaneKind, LaneMap, Relation, Turn
from prediction_node.inference.kinematic.lane_geometry import LaneGeometry

# Routes per start lane, lanes per route, successors looked at per lane.
ROUTES = 6
DEPTH = 24
BRANCHES = 8
# A slow vehicle's few metres must not compete with junctions it cannot reach: one table per reach.
REACHES_M = np.array([60.0, 130.0, 280.0])
TURN_RAD = 0.6
_CHUNK = 4096
# How far beyond a fork its lanes are compared, and what a metre aside costs, in nats, and at most.
SWERVE_M = 20.0
SWERVE_SCALE_M = 1.0
SWERVE_MOST = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class RouteTable:
    """Q routes: route r of start lane l within REACHES_M[k] is row (k * L + l) * ROUTES + r.

    A vehicle's routes are those of the least reach that it does not exceed, else of the largest.
    """

    lanes: np.ndarray  # (Q, DEPTH) int32 lane of each leg; the last one repeats
    # A route is a few hundred metres long: single precision errs by hundredths of a millimetre.
    start_m: np.ndarray  # (Q, DEPTH) float32, start of each leg along the route; inf: no such leg
    weight: np.ndarray  # (Q,) share of drivers by turns and forks alone, 0: no such route
    shared_m: np.ndarray  # (Q, ROUTES) float32, how far the same lane's routes are one
    turn: np.ndarray  # (Q, DEPTH) int8 Turn of the leg, or of the next one where it goes straight

    @classmethod
    def of(cls, lane_map: LaneMap, geometry: LaneGeometry, turn_weight: float) -> RouteTable:
        successor = _padded(lane_map.successors, len(lane_map))
        lane_turn = _turns(lane_map, geometry)
        share = np.where(lane_turn == Turn.STRAIGHT, 1.0, turn_weight)
        # Vehicles do not choose ways for walkers.
        share = np.where(
            np.isin(lane_map.kind, (LaneKind.WALKWAY, LaneKind.CROSSWALK)), 1e-3, share
        )
        share = np.where(successor >= 0, share[successor], 0.0) if len(lane_map) else successor
        share = share * _straightness(successor, lane_turn, geometry)
        share = share / np.maximum(share.sum(axis=1, keepdims=True), 1e-12)
        parts = []
        for reach in REACHES_M:
            for begin in range(0, max(len(lane_map), 1), _CHUNK):
                start = np.arange(begin, min(begin + _CHUNK, len(lane_map)))
                parts.append(_search(start, successor, share, geometry.length_m, reach))
        lanes, start_m, weight, shared_m = (
            np.concatenate(rows) for rows in zip(*parts, strict=True)
        )
        turn = _leg_turns(lanes, start_m, lane_turn)
        return cls(lanes, start_m, weight, shared_m, turn)

    @classmethod
    def empty(cls) -> RouteTable:
        """The routes of no lanes."""
        return cls(
            np.zeros((0, DEPTH), np.int32),
            np.zeros((0, DEPTH), np.float32),
            np.zeros(0),
            np.zeros((0, ROUTES), np.float32),
            np.zeros((0, DEPTH), np.int8),
        )


def _padded(relation: Relation, lanes: int) -> np.ndarray:
    """(L, B) targets, -1 where there are fewer; B is the largest number of targets, bounded."""
    count = np.minimum(np.diff(relation.offsets), BRANCHES)
    width = max(1, int(count.max(initial=0)))
    column = np.arange(width)
    filled = column < count[:, None]
    at = np.where(filled, relation.offsets[:-1, None] + column, 0)
    targets = relation.targets[at] if len(relation.targets) else np.zeros((lanes, width), np.int64)
    return np.where(filled, targets, -1)


def _turns(lane_map: LaneMap, geometry: LaneGeometry) -> np.ndarray:
    """(L,) Turn of every lane: the map's word, else the change of heading from end to end."""
    yaw = np.arctan2(geometry.uy, geometry.ux)
    change = wrap_angle(yaw[geometry.first + geometry.count - 1] - yaw[geometry.first])
    bent = np.where(
        change > TURN_RAD, Turn.LEFT, np.where(change < -TURN_RAD, Turn.RIGHT, Turn.STRAIGHT)
    )
    return np.where(lane_map.turn == Turn.NONE, bent, lane_map.turn).astype(np.int8)


def _straightness(
    successor: np.ndarray, lane_turn: np.ndarray, geometry: LaneGeometry
) -> np.ndarray:
    """(L, B) factors of successors that swerve aside where a sibling goes straight on.

    A lane that opens beside the one that goes on is a bay for turning or stopping: few enter it,
    though the map calls it straight. Of a fork without a turn, aside is measured from the line of
    the lane before, where the siblings are SWERVE_M on, from the one that stays nearest to it.
    """
    if not len(successor):
        return np.ones(successor.shape)
    end = geometry.first + geometry.count - 1
    before = end[:, None]
    # Lanes without length have no spacing.
    steps = SWERVE_M / np.maximum(geometry.spacing_m, 1e-3)
    steps = np.minimum(steps, geometry.count - 1).astype(np.int64)
    there = (geometry.first + steps)[successor]
    dx, dy = geometry.x_m[there] - geometry.x_m[before], geometry.y_m[there] - geometry.y_m[before]
    aside = np.abs(geometry.ux[before] * dy - geometry.uy[before] * dx)
    straight = (successor >= 0) & (lane_turn[successor] == Turn.STRAIGHT)
    least = np.where(straight, aside, np.inf).min(axis=1, keepdims=True)
    swerve = np.where(straight, aside - least, 0.0)
    return np.asarray(np.exp(-np.minimum(swerve / SWERVE_SCALE_M, SWERVE_MOST)))


def _search(
    start: np.ndarray, successor: np.ndarray, share: np.ndarray, length: np.ndarray, reach_m: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Beam search from all start lanes at once: the ROUTES weightiest sequences within reach."""
    n, width = len(start), successor.shape[1]
    lanes = np.full((n, ROUTES, DEPTH), -1, np.int64)
    start_m = np.full((n, ROUTES, DEPTH), np.inf)
    lanes[:, 0, 0] = start
    start_m[:, 0, 0] = 0.0
    weight = np.zeros((n, ROUTES))
    weight[:, 0] = 1.0
    last = np.repeat(start[:, None], ROUTES, axis=1)
    end = np.repeat(length[start][:, None], ROUTES, axis=1)
    for depth in range(1, DEPTH):
        goes_on = (weight > 0) & (end - length[start][:, None] < reach_m)
        goes_on &= lanes[:, :, depth - 1] >= 0
        goes_on &= share[last].sum(axis=-1) > 0
        if not goes_on.any():
            break
        child = np.where(goes_on[..., None], successor[last], -1)
        child_weight = np.where(goes_on[..., None], share[last], 0.0) * weight[..., None]
        # A route that ends stays in the race as its own only child.
        child_weight[..., 0] = np.where(goes_on, child_weight[..., 0], weight)
        flat = child_weight.reshape(n, -1)
        best = np.argsort(-flat, axis=1, kind='stable')[:, :ROUTES]
        parent = best // width
        row = np.arange(n)[:, None]
        weight = flat[row, best]
        lanes, start_m = lanes[row, parent], start_m[row, parent]
        end, last = end[row, parent], last[row, parent]
        next_lane = child.reshape(n, -1)[row, best]
        moved = (next_lane >= 0) & (weight > 0)
        lanes[..., depth] = np.where(moved, next_lane, -1)
        start_m[..., depth] = np.where(moved, end, np.inf)
        last = np.where(moved, next_lane, last)
        end = np.where(moved, end + length[last], end)
    shared = _shared(lanes, start_m)
    # Beyond the last leg a look-up stays on it.
    for depth in range(1, DEPTH):
        lanes[..., depth] = np.where(
            lanes[..., depth] < 0, lanes[..., depth - 1], lanes[..., depth]
        )
    q = n * ROUTES
    return (
        np.maximum(lanes, 0).reshape(q, DEPTH).astype(np.int32),
        start_m.reshape(q, DEPTH).astype(np.float32),
        weight.reshape(q),
        shared.reshape(q, ROUTES).astype(np.float32),
    )


def _shared(lanes: np.ndarray, start_m: np.ndarray) -> np.ndarray:
    """(n, R, R) where route r leaves route q; inf where it never does."""
    shared = np.full((len(lanes), ROUTES, ROUTES), np.inf)
    together = np.ones((len(lanes), ROUTES, ROUTES), bool)
    for depth in range(1, DEPTH):
        differs = lanes[:, :, None, depth] != lanes[:, None, :, depth]
        leaves = np.minimum(start_m[:, :, None, depth], start_m[:, None, :, depth])
        shared = np.where(together & differs, leaves, shared)
        together &= ~differs
    return shared


def _leg_turns(lanes: np.ndarray, start_m: np.ndarray, lane_turn: np.ndarray) -> np.ndarray:
    """(Q, DEPTH) turn at each leg: its own, or that of the next leg, which its end leads into."""
    if not len(lane_turn):
        return np.zeros(lanes.shape, np.int8)
    own = np.where(np.isfinite(start_m), lane_turn[lanes], Turn.STRAIGHT)
    following = np.concatenate([own[:, 1:], np.full((len(own), 1), Turn.STRAIGHT)], axis=1)
    return np.where(own == Turn.STRAIGHT, following, own).astype(np.int8)
