"""A made-up scene of any number of road users that drives along the lanes of a map, for load
tests.
"""

from __future__ import annotations

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_COUNT, ObjectClass
from prediction_node.domain.lane_map import LaneKind, LaneMap
from prediction_node.domain.lights import LightColour, LightShape, LightStates
from prediction_node.domain.recording import Recording
from prediction_node.domain.stamps import STEP_NS

_CLASSES = (
    (ObjectClass.CAR, 0.6, (4.6, 1.8, 1.5)),
    (ObjectClass.TRUCK, 0.08, (9.0, 2.5, 3.2)),
    (ObjectClass.BUS, 0.04, (12.0, 2.5, 3.1)),
    (ObjectClass.BICYCLE, 0.08, (1.8, 0.6, 1.7)),
    (ObjectClass.PEDESTRIAN, 0.2, (0.6, 0.6, 1.7)),
)
_SPEED = {ObjectClass.PEDESTRIAN: 1.3, ObjectClass.BICYCLE: 4.0}
_ROUTE_M = 150.0
_START_NS = 1_700_000_000_000_000_000


def make_traffic(lane_map: LaneMap, count: int, duration_s: float, seed: int = 0) -> Recording:
    """`count` road users and the ego (row 0) within about 100 m of it, everybody going round.

    Who reaches the end of its route starts it again, so that the number never falls.
    """
    rng = np.random.default_rng(seed)
    steps = int(duration_s * 10) + 1
    n = count + 1
    kinds = rng.choice(len(_CLASSES), n, p=[share for _, share, _ in _CLASSES])
    kinds[0] = 0
    label = np.array([_CLASSES[k][0] for k in kinds], np.int8)
    size = np.array([_CLASSES[k][2] for k in kinds])
    centre = lane_map.centreline.points_m.mean(axis=0)
    near = _lanes_near(lane_map, centre)
    position = np.empty((n, steps, 3))
    yaw = np.empty((n, steps))
    speed = np.array([_SPEED.get(ObjectClass(k), 9.0) for k in label]) * rng.uniform(0.5, 1.3, n)
    speed[1 : n // 4] = 0.0  # a queue somewhere, cars at the kerb
    for i in range(n):
        line = _route(lane_map, int(rng.choice(near)), rng)
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line[:, :2], axis=0).T))])
        s = (rng.uniform(0, along[-1]) + speed[i] * 0.1 * np.arange(steps)) % along[-1]
        side = rng.normal(0.0, 0.3) if label[i] != ObjectClass.PEDESTRIAN else rng.uniform(3, 6)
        segment = np.clip(np.searchsorted(along, s, side='right') - 1, 0, len(line) - 2)
        direction = np.diff(line[:, :2], axis=0)[segment]
        yaw[i] = np.arctan2(direction[:, 1], direction[:, 0])
        for axis in range(3):
            position[i, :, axis] = np.interp(s, along, line[:, axis])
        position[i, :, 0] -= side * np.sin(yaw[i])
        position[i, :, 1] += side * np.cos(yaw[i])
    velocity = speed[:, None, None] * np.stack([np.cos(yaw), np.sin(yaw)], -1)
    stamps = _START_NS + STEP_NS * np.arange(steps)
    return Recording(
        name=f'traffic of {count}',
        stamp_ns=stamps,
        track_id=tuple(f'{i}' for i in range(n)),
        label=label,
        size_m=size,
        position_m=position,
        yaw_rad=yaw,
        velocity_mps=velocity,
        valid=np.ones((n, steps), bool),
        attributes=np.zeros((n, steps, ATTRIBUTE_COUNT)),
        has_attribute=np.zeros((n, steps, ATTRIBUTE_COUNT), bool),
        ego=0,
        lights=tuple(_lights(lane_map, int(stamp), k) for k, stamp in enumerate(stamps)),
    )


def _lanes_near(lane_map: LaneMap, centre: np.ndarray) -> np.ndarray:
    road = np.flatnonzero(lane_map.kind == LaneKind.ROAD)
    middle = np.array([lane_map.centreline[int(i)].mean(axis=0) for i in road])
    order = np.argsort(np.hypot(*(middle - centre)[:, :2].T))
    near: np.ndarray = road[order[: max(8, len(road) // 2)]]
    return near


def _route(lane_map: LaneMap, lane: int, rng: np.random.Generator) -> np.ndarray:
    """(P, 3) centrelines of a lane and what follows it, at least two points."""
    pieces = [lane_map.centreline[lane]]
    length, seen = 0.0, {lane}
    while length < _ROUTE_M:
        length += float(np.hypot(*np.diff(pieces[-1][:, :2], axis=0).T).sum())
        onward = [int(i) for i in lane_map.successors[lane] if int(i) not in seen]
        if not onward:
            break
        lane = onward[int(rng.integers(len(onward)))]
        seen.add(lane)
        pieces.append(lane_map.centreline[lane])
    line = np.concatenate(pieces)
    step = np.hypot(*np.diff(line[:, :2], axis=0).T)
    kept: np.ndarray = line[np.concatenate([[True], step > 0.05])]
    return kept


def _lights(lane_map: LaneMap, stamp_ns: int, step: int) -> LightStates:
    n = len(lane_map.light_group_id)
    red = (np.arange(n) + step // 150) % 2 == 0
    return LightStates(
        group_id=lane_map.light_group_id.copy(),
        colour=np.where(red, LightColour.RED, LightColour.GREEN).astype(np.int8),
        shape=np.full(n, LightShape.CIRCLE, np.int8),
        confidence=np.ones(n),
        stamp_ns=np.full(n, stamp_ns),
    )
