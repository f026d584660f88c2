"""Hand-made road maps and scenes for the kinematic predictor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.frames import Transform
from prediction_node.domain.kinds import (
    ATTRIBUTE_COUNT,
    ATTRIBUTE_INDEX,
    CLASS_COUNT,
    MODALITY_COUNT,
    ObjectClass,
)
from prediction_node.domain.lane_map import LaneKind, LaneMap, Polylines, Relation, Turn
from prediction_node.domain.lights import LightStates
from prediction_node.domain.scene import History, Scene
from prediction_node.inference.engine_process import EngineProcess

STAMP_NS = 1_700_000_000_000_000_000


def make_map(
    lines: Sequence[np.ndarray],
    successors: Sequence[Sequence[int]] | None = None,
    *,
    left: Sequence[Sequence[int]] | None = None,
    right: Sequence[Sequence[int]] | None = None,
    kind: Sequence[int] | None = None,
    turn: Sequence[int] | None = None,
    limit_mps: float | None = 14.0,
    lights: Sequence[tuple[int, Sequence[int], np.ndarray | None]] = (),
) -> LaneMap:
    """Lanes from centrelines (n, 2); lights are (group id, lanes, stop line (2, 2) or None)."""
    n = len(lines)
    nothing: list[list[int]] = [[] for _ in range(n)]
    following = [list(row) for row in successors] if successors is not None else nothing
    before = [[a for a in range(n) if b in following[a]] for b in range(n)]
    centreline = Polylines.of([np.column_stack([line, np.zeros(len(line))]) for line in lines])
    stop_lines = [line for _, _, line in lights if line is not None]
    of_group: list[list[int]] = []
    for _, _, line in lights:
        of_group.append([] if line is None else [sum(map(len, of_group))])
    return LaneMap(
        id=np.arange(n) + 100,
        kind=np.array(kind if kind is not None else [LaneKind.ROAD] * n, np.int8),
        turn=np.array(turn if turn is not None else [Turn.NONE] * n, np.int8),
        speed_limit_mps=np.full(n, np.inf if limit_mps is None else limit_mps),
        has_speed_limit=np.full(n, limit_mps is not None),
        centreline=centreline,
        left_border=centreline,
        right_border=centreline,
        left_border_kind=np.zeros(n, np.int8),
        right_border_kind=np.zeros(n, np.int8),
        one_way=np.ones(n, bool),
        successors=Relation.of(following),
        predecessors=Relation.of(before),
        left=Relation.of(left if left is not None else nothing),
        right=Relation.of(right if right is not None else nothing),
        left_change=np.ones(n, bool),
        right_change=np.ones(n, bool),
        yields_to=Relation.of(nothing),
        light_group_id=np.array([group for group, _, _ in lights], np.int64),
        light_lanes=Relation.of([lanes for _, lanes, _ in lights]),
        light_stop_line=Relation.of(of_group),
        lane_lights=Relation.of(
            [[g for g, (_, lanes, _) in enumerate(lights) if lane in lanes] for lane in range(n)]
        ),
        light_position=Polylines.of([np.zeros((0, 3))] * len(lights)),
        stop_lines=Polylines.of([np.column_stack([line, np.zeros(2)]) for line in stop_lines]),
        stop_line_lanes=Relation.of([[] for _ in stop_lines]),
    )


def make_road_users(
    rows: Sequence[tuple[float, float, float, float]],
    *,
    label: Sequence[int] | int = ObjectClass.CAR,
    attributes: Sequence[dict[str, float]] = (),
    yaw_rate_radps: Sequence[float] | float = 0.0,
    acceleration_mps2: Sequence[float] | float = 0.0,
) -> Agents:
    """Agents from x, y, yaw and speed along it."""
    x, y, yaw, speed = np.array(rows, float).reshape(-1, 4).T
    n = len(x)
    heading = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
    labels = np.broadcast_to(np.asarray(label, dtype=np.int64), n)
    values = np.zeros((n, ATTRIBUTE_COUNT))
    known = np.zeros((n, ATTRIBUTE_COUNT), bool)
    for row, named in enumerate(attributes):
        for name, value in named.items():
            values[row, ATTRIBUTE_INDEX[name]] = value
            known[row, ATTRIBUTE_INDEX[name]] = True
    size = np.where((labels == ObjectClass.PEDESTRIAN)[:, None], [0.6, 0.6, 1.7], [4.6, 1.9, 1.5])
    return Agents(
        stamp_ns=STAMP_NS,
        uuid=np.random.default_rng(n).integers(0, 256, (n, 16), dtype=np.uint8),
        position_m=np.stack([x, y, np.zeros(n)], axis=-1),
        yaw_rad=yaw,
        velocity_mps=speed[:, None] * heading,
        yaw_rate_radps=np.broadcast_to(np.asarray(yaw_rate_radps, float), n).copy(),
        acceleration_mps2=np.broadcast_to(np.asarray(acceleration_mps2, float), n).copy(),
        covariance=np.tile(np.diag([0.04, 0.09, 0.01, 0.1, 0.01]), (n, 1, 1)),
        size_m=size,
        class_probabilities=np.eye(CLASS_COUNT)[labels],
        existence=np.ones(n),
        attributes=values,
        has_attribute=known,
        modality_age_s=np.zeros((n, MODALITY_COUNT)),
    )


def make_scene(
    agents: Agents, lane_map: LaneMap | None = None, lights: LightStates | None = None
) -> Scene:
    """A scene whose agents were never seen before."""
    history = History(
        agents.position_m[:, None, :2],
        agents.yaw_rad[:, None],
        agents.velocity_mps[:, None],
        np.ones((len(agents), 1), bool),
    )
    ego = Ego(
        agents.stamp_ns,
        Transform.identity(),
        np.zeros(2),
        0.0,
        np.array([4.9, 1.9, 1.7]),
        present=False,
    )
    return Scene(agents.stamp_ns, agents, history, ego, lane_map, lights or LightStates.none())


def make_lights(*lamps: tuple[int, int, int], age_s: float = 0.2) -> LightStates:
    """Lamps as group id, colour and shape."""
    group, colour, shape = np.array(lamps, np.int64).reshape(-1, 3).T
    return LightStates(
        group,
        colour.astype(np.int8),
        shape.astype(np.int8),
        np.full(len(group), 0.9),
        np.full(len(group), STAMP_NS - int(age_s * 1e9)),
    )


def make_junction(**changes: Any) -> LaneMap:
    """East along y = 0: lane 0 to x = 100, then 1 straight on, 2 left, 3 right; 4 left of 0."""
    arc = np.linspace(0.0, np.pi / 2, 12)
    left = np.stack([100.0 + 14.0 * np.sin(arc), 14.0 * (1.0 - np.cos(arc))], axis=-1)
    right = np.stack([100.0 + 9.0 * np.sin(arc), -9.0 * (1.0 - np.cos(arc))], axis=-1)
    lines = [
        np.array([[-100.0, 0.0], [0.0, 0.0], [100.0, 0.0]]),
        np.array([[100.0, 0.0], [300.0, 0.0]]),
        np.concatenate([left, [[114.0, 200.0]]]),
        np.concatenate([right, [[109.0, -200.0]]]),
        np.array([[-100.0, 3.5], [300.0, 3.5]]),
    ]
    stop = np.array([[99.0, -2.0], [99.0, 5.0]])
    settings: dict[str, Any] = {
        'successors': [[1, 2, 3], [], [], [], []],
        'left': [[4], [4], [], [], []],
        'right': [[], [], [], [], [0]],
        'lights': [(7, [0], stop)],
    }
    settings.update(changes)
    return make_map(lines, **settings)


@pytest.fixture(scope='session')
def build() -> Any:
    """The builders of this module as attributes."""

    class Builders:
        lane_map = staticmethod(make_map)
        junction = staticmethod(make_junction)
        agents = staticmethod(make_road_users)
        scene = staticmethod(make_scene)
        lights = staticmethod(make_lights)

    return Builders


@pytest.fixture
def started() -> Iterator[Callable[..., EngineProcess]]:
    """Starts engine processes of the given arguments; they end with the test."""
    made: list[EngineProcess] = []

    def begin(*arguments: Any) -> EngineProcess:
        made.append(EngineProcess(*arguments))
        made[-1].start()
        return made[-1]

    yield begin
    for each in made:
        each.close()
        each.join(10.0)
