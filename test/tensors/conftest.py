"""A small town and its traffic, which may be turned and shifted as a whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.frames import Transform, rotation_2d
from prediction_node.domain.kinds import (
    ATTRIBUTE_COUNT,
    ATTRIBUTE_INDEX,
    CLASS_COUNT,
    MODALITY_COUNT,
    ObjectClass,
)
from prediction_node.domain.lane_map import LaneKind, LaneMap, Polylines, Relation, Turn
from prediction_node.domain.lights import LightColour, LightShape, LightStates
from prediction_node.domain.scene import History, Scene
from prediction_node.domain.stamps import STEP_NS

STAMP_NS = 1_700_000_000_000_000_000
HISTORY = 31


class World:
    """Everything is laid out in town coordinates, then turned by `turn_rad` and shifted."""

    def __init__(self, turn_rad: float = 0.0, shift_m: Sequence[float] = (0.0, 0.0)) -> None:
        self.turn_rad = turn_rad
        self.rotation = rotation_2d(turn_rad)
        self.shift_m = np.asarray(shift_m, float)

    def points(self, xy_m: Any) -> np.ndarray:
        return np.asarray(xy_m, float) @ self.rotation.T + self.shift_m

    def vectors(self, xy: Any) -> np.ndarray:
        return np.asarray(xy, float) @ self.rotation.T

    def lines(self, lines: Sequence[Any]) -> Polylines:
        return Polylines.of([np.column_stack([self.points(a), np.zeros(len(a))]) for a in lines])


# Lanes of the town: id, kind, turn, centreline, half width, successors, left, right.
_ARC = np.linspace(0.0, np.pi / 2, 10)
_TURN = np.stack([60.0 + 20.0 * np.sin(_ARC), 20.0 * (1.0 - np.cos(_ARC))], axis=-1)
LANES: list[tuple[int, LaneKind, Turn, Any, float, list[int], list[int], list[int]]] = [
    (10, LaneKind.ROAD, Turn.NONE, [(-70, 0), (0, 0), (60, 0)], 1.75, [2, 3], [1], []),
    (11, LaneKind.ROAD, Turn.NONE, [(-70, 3.5), (60, 3.5)], 1.75, [], [], [0]),
    (12, LaneKind.ROAD, Turn.STRAIGHT, [(60, 0), (90, 0)], 1.75, [4], [], []),
    (13, LaneKind.ROAD, Turn.LEFT, _TURN, 1.75, [], [], []),
    (14, LaneKind.ROAD, Turn.NONE, [(90, 0), (160, 0)], 1.75, [], [], []),
    (15, LaneKind.ROAD, Turn.NONE, [(60, 7.0), (-70, 7.0)], 1.75, [], [], []),
    (16, LaneKind.CROSSWALK, Turn.NONE, [(30, -6), (30, 12)], 1.5, [7], [], []),
    (17, LaneKind.WALKWAY, Turn.NONE, [(80, -7), (30, -7)], 1.2, [6], [], []),
    (18, LaneKind.BICYCLE, Turn.NONE, [(-70, -3), (60, -3)], 0.8, [], [], []),
]
GROUP = 500


def town(world: World) -> LaneMap:
    ids, kinds, turns, lines, half, following, left, right = zip(*LANES, strict=True)
    n = len(LANES)
    nothing: list[list[int]] = [[] for _ in range(n)]
    borders = [_beside(np.asarray(line, float), h) for line, h in zip(lines, half, strict=True)]
    before = [[a for a in range(n) if b in following[a]] for b in range(n)]
    gives_way = [list(row) for row in nothing]
    gives_way[3] = [5]
    return LaneMap(
        id=np.array(ids, np.int64),
        kind=np.array(kinds, np.int8),
        turn=np.array(turns, np.int8),
        speed_limit_mps=np.full(n, 13.9),
        has_speed_limit=np.array(kinds) == LaneKind.ROAD,
        centreline=world.lines(lines),
        left_border=world.lines([b[0] for b in borders]),
        right_border=world.lines([b[1] for b in borders]),
        left_border_kind=np.zeros(n, np.int8),
        right_border_kind=np.zeros(n, np.int8),
        one_way=np.array(kinds) != LaneKind.WALKWAY,
        successors=Relation.of(following),
        predecessors=Relation.of(before),
        left=Relation.of(left),
        right=Relation.of(right),
        left_change=np.array([len(row) > 0 for row in left]),
        right_change=np.array([len(row) > 0 for row in right]),
        yields_to=Relation.of(gives_way),
        light_group_id=np.array([GROUP], np.int64),
        light_lanes=Relation.of([[0]]),
        light_stop_line=Relation.of([[0]]),
        lane_lights=Relation.of([[0], *nothing[1:]]),
        light_position=world.lines([[(60.0, -4.0), (60.0, -3.0)]]),
        stop_lines=world.lines([[(59.0, -1.75), (59.0, 1.75)]]),
        stop_line_lanes=Relation.of([[0]]),
    )


def _beside(line: np.ndarray, half_m: float) -> tuple[np.ndarray, np.ndarray]:
    along = np.gradient(line, axis=0)
    along /= np.hypot(*along.T)[:, None]
    normal = np.stack([-along[:, 1], along[:, 0]], axis=-1)
    return line + half_m * normal, line - half_m * normal


# x, y, yaw, speed, class: on the lanes of the town, and off them.
BODIES: list[tuple[float, float, float, float, ObjectClass]] = [
    (20.0, 0.1, 0.0, 9.0, ObjectClass.CAR),
    (-20.0, 3.4, 0.02, 11.0, ObjectClass.TRUCK),
    (40.0, 7.2, np.pi, 8.0, ObjectClass.BUS),
    (70.0, 2.6, 0.5, 6.0, ObjectClass.MOTORCYCLE),
    (10.0, -3.1, 0.0, 4.5, ObjectClass.BICYCLE),
    (30.2, -3.0, np.pi / 2, 1.3, ObjectClass.PEDESTRIAN),
    (50.0, -7.3, np.pi, 1.5, ObjectClass.PEDESTRIAN),
    (35.0, 20.0, 1.0, 3.0, ObjectClass.ANIMAL),
    (-40.0, 12.0, -2.0, 0.0, ObjectClass.CAR),
    (5.0, -9.0, 2.5, 1.0, ObjectClass.UNKNOWN),
]


def road_users(world: World, bodies: Sequence[Any] = BODIES) -> tuple[Agents, History]:
    """Agents, and three seconds in which they went straight ahead as they do now."""
    x, y, yaw, speed, label = np.array(bodies, float).reshape(-1, 5).T
    n = len(x)
    heading = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
    back_s = 0.1 * np.arange(HISTORY - 1, -1, -1)
    past = np.stack([x, y], -1)[:, None] - (speed[:, None] * heading)[:, None] * back_s[:, None]
    velocity = world.vectors(speed[:, None] * heading)
    valid = np.ones((n, HISTORY), bool)
    valid[::3, :12] = False
    covariance = np.tile(np.diag([0.0, 0.0, 0.0025, 0.09, 0.01]), (n, 1, 1))
    block = world.rotation @ np.array([[0.09, 0.02], [0.02, 0.04]]) @ world.rotation.T
    covariance[:, :2, :2] = block
    attributes, known = np.zeros((n, ATTRIBUTE_COUNT)), np.zeros((n, ATTRIBUTE_COUNT), bool)
    if n:
        known[0, ATTRIBUTE_INDEX['brake']] = True
        attributes[0, ATTRIBUTE_INDEX['brake']] = 0.8
        attributes[-1, ATTRIBUTE_INDEX['brake']] = 0.7  # of no meaning: not reported
    big = np.isin(label, [ObjectClass.PEDESTRIAN, ObjectClass.ANIMAL])
    age = np.zeros((n, MODALITY_COUNT))
    age[:, 1] = np.inf
    agents = Agents(
        stamp_ns=STAMP_NS,
        uuid=np.random.default_rng(n).integers(0, 256, (n, 16), dtype=np.uint8),
        position_m=np.column_stack([world.points(np.stack([x, y], -1)), np.zeros(n)]),
        yaw_rad=yaw + world.turn_rad,
        velocity_mps=velocity,
        yaw_rate_radps=np.zeros(n),
        acceleration_mps2=np.zeros(n),
        covariance=covariance,
        size_m=np.where(big[:, None], [0.6, 0.6, 1.7], [4.6, 1.9, 1.5]),
        class_probabilities=np.eye(CLASS_COUNT)[label.astype(int)],
        existence=np.full(n, 0.9),
        attributes=attributes,
        has_attribute=known,
        modality_age_s=age,
    )
    history = History(
        world.points(past),
        np.repeat(agents.yaw_rad[:, None], HISTORY, axis=1),
        np.repeat(velocity[:, None], HISTORY, axis=1),
        valid,
    )
    return agents, history


def robotaxi(world: World, *, present: bool = True) -> tuple[Ego, History]:
    """At the town's origin, 8 m/s along x, the middle of its box 1.4 m ahead."""
    base = Transform.from_xyz_yaw(np.array([*world.points([0.0, 0.0]), 0.0]), world.turn_rad)
    ego = Ego(STAMP_NS, base, np.array([8.0, 0.0]), 0.0, np.array([4.9, 1.9, 1.7]), 1.4, present)
    back_s = 0.1 * np.arange(HISTORY - 1, -1, -1)
    centre = np.stack([1.4 - 8.0 * back_s, np.zeros(HISTORY)], -1)[None]
    velocity = np.broadcast_to(world.vectors([8.0, 0.0]), (1, HISTORY, 2))
    yaw = np.full((1, HISTORY), world.turn_rad)
    return ego, History(world.points(centre), yaw, velocity, np.ones((1, HISTORY), bool))


def lamps(age_s: float = 0.4, colour: int = LightColour.RED, group: int = GROUP) -> LightStates:
    return LightStates(
        np.array([group], np.int64),
        np.array([colour], np.int8),
        np.array([LightShape.CIRCLE], np.int8),
        np.array([0.9]),
        np.array([STAMP_NS - round(age_s * 10 * STEP_NS)], np.int64),
    )


@pytest.fixture(scope='session')
def scene_of() -> Any:
    """Builds the scene in a world: turned, shifted, of given bodies."""

    def build(
        turn_rad: float = 0.0,
        shift_m: Sequence[float] = (0.0, 0.0),
        *,
        bodies: Sequence[Any] = BODIES,
        with_map: bool = True,
        present: bool = True,
        lights: LightStates | None = None,
    ) -> Scene:
        world = World(turn_rad, shift_m)
        agents, history = road_users(world, bodies)
        ego, ego_history = robotaxi(world, present=present)
        return Scene(
            stamp_ns=STAMP_NS,
            agents=agents,
            history=history,
            ego=ego,
            lane_map=town(world) if with_map else None,
            lights=lights if lights is not None else lamps(),
            ego_history=ego_history,
        )

    return build


@pytest.fixture(scope='session')
def lamps_of() -> Any:
    return lamps


@pytest.fixture(scope='session')
def reordered() -> Any:
    """The same scene with its agents in another order."""

    def build(scene: Scene, order: np.ndarray) -> Scene:
        past = scene.history
        return dataclasses.replace(
            scene,
            agents=scene.agents.select(order),
            history=History(
                past.position_m[order],
                past.yaw_rad[order],
                past.velocity_mps[order],
                past.valid[order],
            ),
        )

    return build
