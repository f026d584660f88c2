"""A small town and who moves in it, turned and shifted at will."""

from __future__ import annotations

from pathlib import Path
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
from prediction_node.domain.lane_map import (
    Area,
    BorderKind,
    LaneKind,
    LaneMap,
    Polylines,
    Relation,
    Turn,
)
from prediction_node.domain.lights import LightColour, LightShape, LightStates
from prediction_node.domain.scene import History, Scene

STAMP_NS = 1_700_000_000_000_000_000
COLUMNS = 31

# name: kind, turn, centreline, width
_LANES: tuple[tuple[LaneKind, Turn, list[tuple[float, float]], float], ...] = (
    (LaneKind.ROAD, Turn.NONE, [(-60.0, 0.0), (10.0, 0.0)], 3.5),
    (LaneKind.ROAD, Turn.STRAIGHT, [(10.0, 0.0), (40.0, 0.0)], 3.5),
    (LaneKind.ROAD, Turn.LEFT, [(10.0, 0.0), (20.0, 2.0), (27.0, 9.0), (29.0, 20.0)], 3.5),
    (LaneKind.ROAD, Turn.NONE, [(120.0, 3.5), (-60.0, 3.5)], 3.5),
    (LaneKind.BICYCLE, Turn.NONE, [(-60.0, -3.0), (60.0, -3.0)], 2.0),
    (LaneKind.WALKWAY, Turn.NONE, [(-60.0, -6.0), (60.0, -6.0)], 2.5),
    (LaneKind.CROSSWALK, Turn.NONE, [(5.0, -5.0), (5.0, 6.0)], 3.0),
)


class World:
    """Everything about the town in the map frame, which is turned, then shifted."""

    def __init__(self, turn_rad: float = 0.0, shift_m: tuple[float, float] = (0.0, 0.0)) -> None:
        self.turn_rad = turn_rad
        self.rotation = rotation_2d(np.float64(turn_rad))
        self.shift_m = np.asarray(shift_m, float)
        self.lane_map = self._map()

    def points(self, points_m: Any) -> np.ndarray:
        return np.asarray(points_m, float) @ self.rotation.T + self.shift_m

    def raised(self, points_m: Any) -> np.ndarray:
        flat = self.points(points_m)
        return np.concatenate([flat, np.zeros((*flat.shape[:-1], 1))], axis=-1)

    def _map(self) -> LaneMap:
        centre = [np.array(line) for _, _, line, _ in _LANES]
        width = [each[3] for each in _LANES]
        left = [_beside(line, 0.5 * w) for line, w in zip(centre, width, strict=True)]
        right = [_beside(line, -0.5 * w) for line, w in zip(centre, width, strict=True)]
        n = len(_LANES)
        none = Relation.of([()] * n)
        kinds = np.array([each[0] for each in _LANES], np.int8)
        road = kinds == LaneKind.ROAD
        return LaneMap(
            id=np.arange(100, 100 + n),
            kind=kinds,
            turn=np.array([each[1] for each in _LANES], np.int8),
            speed_limit_mps=np.where(road, 13.9, np.inf),
            has_speed_limit=road,
            centreline=Polylines.of([self.raised(line) for line in centre]),
            left_border=Polylines.of([self.raised(line) for line in left]),
            right_border=Polylines.of([self.raised(line) for line in right]),
            left_border_kind=np.array([1, 0, 0, 1, 2, 3, 4], np.int8),
            right_border_kind=np.full(n, BorderKind.SOLID, np.int8),
            one_way=np.ones(n, bool),
            successors=Relation.of([(1, 2), *[()] * (n - 1)]),
            predecessors=none,
            left=none,
            right=none,
            left_change=np.zeros(n, bool),
            right_change=np.zeros(n, bool),
            yields_to=Relation.of([(), (), (3,), *[()] * (n - 3)]),
            light_group_id=np.array([7, 8]),
            light_lanes=Relation.of([(1, 2), (3,)]),
            light_stop_line=Relation.of([(0,), ()]),
            lane_lights=Relation.of([(), (0,), (0,), (1,), (), (), ()]),
            light_position=Polylines.of([]),
            stop_lines=Polylines.of([self.raised([(9.0, -1.75), (9.0, 1.75)])]),
            stop_line_lanes=Relation.of([(0,)]),
            areas=(
                Area(1, 'parking_lot', self.raised([(-20, 8), (-10, 8), (-10, 14), (-20, 14)])),
                Area(2, 'building', self.raised([(-40, 20), (-25, 20), (-25, 34), (-40, 34)])),
            ),
        )

    def agents(self, rows: list[dict[str, Any]]) -> Agents:
        """One agent per row; keys: x, y, yaw, speed, label, length, width and what else is set."""
        n = len(rows)

        def column(name: str, default: float) -> np.ndarray:
            return np.array([row.get(name, default) for row in rows], float)

        yaw = column('yaw', 0.0) + self.turn_rad
        speed = column('speed', 0.0)
        attributes = np.zeros((n, ATTRIBUTE_COUNT))
        has_attribute = np.zeros((n, ATTRIBUTE_COUNT), bool)
        for i, row in enumerate(rows):
            for name, value in row.get('attributes', {}).items():
                attributes[i, ATTRIBUTE_INDEX[name]] = value
                has_attribute[i, ATTRIBUTE_INDEX[name]] = True
        place = np.column_stack([column('x', 0.0), column('y', 0.0)]).reshape(n, 2)
        label = np.array([row.get('label', ObjectClass.CAR) for row in rows], int)
        covariance = np.zeros((n, 5, 5))
        covariance[:, range(5), range(5)] = [0.09, 0.09, 0.01, 0.25, 0.01]
        return Agents(
            stamp_ns=STAMP_NS,
            uuid=np.arange(16 * n, dtype=np.uint8).reshape(n, 16),
            position_m=self.raised(place),
            yaw_rad=yaw,
            velocity_mps=speed[:, None] * np.column_stack([np.cos(yaw), np.sin(yaw)]),
            yaw_rate_radps=np.zeros(n),
            acceleration_mps2=np.zeros(n),
            covariance=covariance,
            size_m=np.column_stack([column('length', 4.5), column('width', 1.8), np.ones(n)]),
            class_probabilities=np.eye(CLASS_COUNT)[label],
            existence=column('existence', 1.0),
            attributes=attributes,
            has_attribute=has_attribute,
            modality_age_s=np.tile(column('age', 0.0)[:, None], (1, MODALITY_COUNT)),
        )

    def scene(
        self,
        rows: list[dict[str, Any]] | None = None,
        *,
        ego: tuple[float, float, float] = (0.0, 0.0, 0.0),
        present: bool = True,
        with_map: bool = True,
        lights: LightStates | None = None,
    ) -> Scene:
        """Everybody came straight and steadily to where they are."""
        agents = self.agents(TRAFFIC if rows is None else rows)
        yaw = ego[2] + self.turn_rad
        robotaxi = Ego(
            stamp_ns=STAMP_NS,
            map_from_base=Transform.from_xyz_yaw(self.raised(ego[:2]), yaw),
            velocity_mps=np.array([8.0, 0.0]),
            yaw_rate_radps=0.0,
            size_m=np.array([4.9, 1.9, 1.7]),
            centre_offset_m=1.4,
            present=present,
        )
        own = history(
            robotaxi.centre_m[None],
            np.array([yaw]),
            8.0 * np.array([[np.cos(yaw), np.sin(yaw)]]),
        )
        return Scene(
            stamp_ns=STAMP_NS,
            agents=agents,
            history=history(agents.position_m[:, :2], agents.yaw_rad, agents.velocity_mps),
            ego=robotaxi,
            lane_map=self.lane_map if with_map else None,
            lights=LightStates.none() if lights is None else lights,
            ego_history=own if present else None,
        )


def history(position_m: np.ndarray, yaw_rad: np.ndarray, velocity_mps: np.ndarray) -> History:
    back_s = -0.1 * np.arange(COLUMNS - 1, -1, -1)
    n = len(position_m)
    return History(
        position_m=position_m[:, None] + velocity_mps[:, None] * back_s[:, None],
        yaw_rad=np.repeat(yaw_rad[:, None], COLUMNS, axis=1),
        velocity_mps=np.repeat(velocity_mps[:, None], COLUMNS, axis=1),
        valid=np.ones((n, COLUMNS), bool),
    )


def _beside(line: np.ndarray, distance_m: float) -> np.ndarray:
    step = np.gradient(line, axis=0)
    step /= np.hypot(step[:, 0], step[:, 1])[:, None]
    return line + distance_m * np.column_stack([-step[:, 1], step[:, 0]])


TRAFFIC: list[dict[str, Any]] = [
    {'x': 20.0, 'y': 0.2, 'speed': 9.0, 'attributes': {'brake': 0.9, 'turn_left': 0.1}},
    {'x': 30.0, 'y': 3.4, 'yaw': 3.1, 'speed': 12.0, 'label': ObjectClass.BUS, 'length': 11.0},
    {'x': -8.3, 'y': -3.1, 'yaw': 0.1, 'speed': 4.0, 'label': ObjectClass.BICYCLE, 'width': 0.6},
    {'x': 5.2, 'y': -2.0, 'yaw': 1.5, 'speed': 1.4, 'label': 7, 'length': 0.5, 'width': 0.6},
    {'x': 70.0, 'y': 3.6, 'yaw': 3.14, 'speed': 15.0, 'existence': 0.6, 'age': 0.7},
    {'x': 71.5, 'y': 4.6, 'yaw': 2.9, 'speed': 3.0, 'label': ObjectClass.ANIMAL},
    {
        'x': -15.0,
        'y': 10.0,
        'yaw': 1.6,
        'label': ObjectClass.UNKNOWN,
        'attributes': {'parked': 1.0, 'front_wheel_angle_rad': 0.5},
    },
]


@pytest.fixture(scope='session')
def world_of() -> Any:
    """The class `World` as a fixture."""
    return World


@pytest.fixture(scope='session')
def town() -> World:
    return World()


@pytest.fixture(scope='session')
def lamps_of() -> Any:
    """Builds light states of rows (group, colour, shape, confidence, age in s)."""

    def build(*rows: tuple[int, LightColour, LightShape, float, float]) -> LightStates:
        return LightStates(
            group_id=np.array([row[0] for row in rows], np.int64),
            colour=np.array([row[1] for row in rows], np.int8),
            shape=np.array([row[2] for row in rows], np.int8),
            confidence=np.array([row[3] for row in rows], float),
            stamp_ns=np.array([STAMP_NS - round(row[4] * 1e9) for row in rows], np.int64),
        )

    return build


@pytest.fixture(scope='session')
def samples_folder() -> Path:
    return Path(__file__).resolve().parents[2] / 'samples'
