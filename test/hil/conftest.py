"""Hand-made roads, futures, and a closed loop of planner and body without sensors or messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.lane_map import LaneKind, LaneMap, Polylines, Relation, Turn
from prediction_node.domain.lights import LightShape, LightStates
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT
from prediction_node.simulation.boxes import penetration_m
from prediction_node.simulation.futures import Futures
from prediction_node.simulation.planner.body import Follower, body_at, middle_of
from prediction_node.simulation.planner.parameters import BodyParameters, PlannerParameters
from prediction_node.simulation.planner.planner import EgoState, Plan, Planner
from prediction_node.simulation.planner.route import Road, Route

START_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000
EGO_SIZE_M = np.array([4.9, 1.9, 1.6])
SIZES = {ObjectClass.PEDESTRIAN: (0.6, 0.6, 1.7), ObjectClass.TRUCK: (9.0, 2.5, 3.2)}


def make_lanes(
    lines: Sequence[Any],
    successors: dict[int, Sequence[int]] | None = None,
    *,
    left: dict[int, int] | None = None,
    limit_mps: float = 10.0,
    yields_to: dict[int, Sequence[int]] | None = None,
    light: tuple[int, int, np.ndarray] | None = None,
    turns: dict[int, int] | None = None,
) -> LaneMap:
    """Lanes from centrelines (n, 2); `light` is (group id, lane, stop line (2, 2))."""
    n = len(lines)
    after, beside = successors or {}, left or {}
    flat = Polylines.of([np.column_stack([line, np.zeros(len(line))]) for line in lines])
    lights = [light] if light else []
    return LaneMap(
        id=np.arange(n) + 100,
        kind=np.full(n, LaneKind.ROAD, np.int8),
        turn=np.array([(turns or {}).get(i, Turn.NONE) for i in range(n)], np.int8),
        speed_limit_mps=np.full(n, limit_mps),
        has_speed_limit=np.ones(n, bool),
        centreline=flat,
        left_border=flat,
        right_border=flat,
        left_border_kind=np.zeros(n, np.int8),
        right_border_kind=np.zeros(n, np.int8),
        one_way=np.ones(n, bool),
        successors=Relation.of([after.get(i, ()) for i in range(n)]),
        predecessors=Relation.of(
            [[a for a in range(n) if i in after.get(a, ())] for i in range(n)]
        ),
        left=Relation.of([[beside[i]] if i in beside else [] for i in range(n)]),
        right=Relation.of([[a for a, b in beside.items() if b == i] for i in range(n)]),
        left_change=np.ones(n, bool),
        right_change=np.ones(n, bool),
        yields_to=Relation.of([(yields_to or {}).get(i, ()) for i in range(n)]),
        light_group_id=np.array([each[0] for each in lights], np.int64),
        light_lanes=Relation.of([[each[1]] for each in lights]),
        light_stop_line=Relation.of([[i] for i in range(len(lights))]),
        lane_lights=Relation.of([[0] if lights and lights[0][1] == i else [] for i in range(n)]),
        light_position=Polylines.of([np.zeros((0, 3))] * len(lights)),
        stop_lines=Polylines.of([np.column_stack([each[2], np.zeros(2)]) for each in lights]),
        stop_line_lanes=Relation.of([[] for _ in lights]),
    )


def make_lamps(colour: int, stamp_ns: int, shape: int = LightShape.CIRCLE) -> LightStates:
    """One lamp of group 7."""
    return LightStates(
        np.array([7]),
        np.array([colour], np.int8),
        np.array([shape], np.int8),
        np.ones(1),
        np.array([stamp_ns]),
    )


@dataclass
class Other:
    """A road user at constant velocity."""

    x_m: float
    y_m: float
    yaw_rad: float
    speed_mps: float
    label: int = ObjectClass.CAR

    @property
    def size_m(self) -> tuple[float, float, float]:
        return SIZES.get(ObjectClass(self.label), (4.6, 1.9, 1.5))

    def at(self, after_s: Any) -> np.ndarray:
        """(..., 3) poses."""
        after = np.asarray(after_s, float) * self.speed_mps
        x, y = self.x_m + after * np.cos(self.yaw_rad), self.y_m + after * np.sin(self.yaw_rad)
        return np.stack([x, y, np.full_like(x, self.yaw_rad)], axis=-1)


def make_futures(others: Sequence[Other], at_s: float, stamp_ns: int) -> Futures:
    """What a perfect predictor says of them: one mode, constant velocity."""
    n = len(others)
    pose = np.zeros((n, MODE_COUNT, POSE_COUNT, 3))
    weight = np.zeros((n, MODE_COUNT))
    weight[:, :1] = 1.0
    for i, other in enumerate(others):
        pose[i] = other.at(at_s + 0.1 * np.arange(POSE_COUNT))
    velocity = [[o.speed_mps * np.cos(o.yaw_rad), o.speed_mps * np.sin(o.yaw_rad)] for o in others]
    return Futures(
        stamp_ns,
        np.arange(n * 16, dtype=np.uint8).reshape(n, 16),
        np.array([int(o.label) for o in others], np.int64),
        np.array([o.size_m for o in others]).reshape(n, 3),
        np.array(velocity).reshape(n, 2),
        pose,
        weight,
    )


@dataclass
class Drive:
    """What happened in a closed loop, at every 0.1 s."""

    position_m: list[np.ndarray] = field(default_factory=list)
    yaw_rad: list[float] = field(default_factory=list)
    speed_mps: list[float] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    deepest_m: float = -np.inf  # the deepest overlap with anyone

    @property
    def acceleration_mps2(self) -> np.ndarray:
        return np.diff(self.speed_mps) / 0.1


def close_loop(
    lane_map: LaneMap,
    start: tuple[float, float, float, float],
    seconds: float,
    *,
    others: Sequence[Other] = (),
    lights: Callable[[float, int], LightStates] = lambda at_s, stamp_ns: LightStates.none(),
    sees: Callable[[float], bool] = lambda at_s: True,
    route: Route | None = None,
    parameters: PlannerParameters | None = None,
) -> Drive:
    """Planner and body from (x, y, yaw, speed) on; the plan of a cycle is driven from the next."""
    planner = Planner(route or Route(Road(lane_map)), parameters or PlannerParameters())
    body = BodyParameters()
    state = body_at(np.array(start[:2]), start[2], start[3], body)
    follower, drive = Follower(body), Drive()
    for k in range(round(seconds / 0.1)):
        at_s, stamp_ns = 0.1 * k, START_NS + k * STEP_NS
        middle = middle_of(state, body)
        ego = EgoState(stamp_ns, middle, state.yaw_rad, state.speed_mps, EGO_SIZE_M)
        futures = make_futures(others, at_s, stamp_ns) if sees(at_s) else None
        plan = planner.step(ego, futures, lights(at_s, stamp_ns))
        drive.position_m.append(middle)
        drive.yaw_rad.append(state.yaw_rad)
        drive.speed_mps.append(state.speed_mps)
        drive.names.append(plan.trajectory.name)
        drive.plans.append(plan)
        for other in others:
            pose = other.at(at_s)
            deep = penetration_m(
                middle, np.array(state.yaw_rad), EGO_SIZE_M[:2],
                pose[:2], pose[2], np.array(other.size_m[:2]),
            )  # fmt: skip
            drive.deepest_m = max(drive.deepest_m, float(deep))
        chosen = plan.trajectory
        state = follower.move(state, stamp_ns, stamp_ns + STEP_NS)
        follower.take(chosen.stamp_ns, chosen.pose, chosen.speed_mps, chosen.acceleration_mps2)
    return drive


@pytest.fixture(scope='session')
def bench() -> Any:
    """The builders above."""

    class Bench:
        lanes = staticmethod(make_lanes)
        lamps = staticmethod(make_lamps)
        futures = staticmethod(make_futures)
        drive = staticmethod(close_loop)
        other = Other
        start_ns = START_NS
        ego_size_m = EGO_SIZE_M

    return Bench
