"""One lane, one light, one car: enough to have every kernel compiled."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.frames import Transform
from prediction_node.domain.kinds import ATTRIBUTE_COUNT, CLASS_COUNT, MODALITY_COUNT
from prediction_node.domain.lane_map import LaneMap, Polylines, Relation
from prediction_node.domain.lights import LightStates
from prediction_node.domain.scene import History, Scene
from prediction_node.raster.rasterizer import Rasterizer


def warm_up() -> None:
    """Compile the kernels, or load them from disk: what the first scenes would wait for."""
    rasterizer = Rasterizer()
    for lane_map in (None, _map()):
        rasterizer.draw(_scene(lane_map))


def _map() -> LaneMap:
    def line(y_m: float) -> Polylines:
        return Polylines.of([np.array([[0.0, y_m, 0.0], [50.0, y_m, 0.0]])])

    here, nowhere = Relation.of([(0,)]), Relation.of([()])
    byte, no = np.zeros(1, np.int8), np.zeros(1, bool)
    return LaneMap(
        id=np.ones(1, np.int64),
        kind=byte,
        turn=byte,
        speed_limit_mps=np.full(1, 10.0),
        has_speed_limit=~no,
        centreline=line(0.0),
        left_border=line(1.5),
        right_border=line(-1.5),
        left_border_kind=byte,
        right_border_kind=byte,
        one_way=~no,
        successors=nowhere,
        predecessors=nowhere,
        left=nowhere,
        right=nowhere,
        left_change=no,
        right_change=no,
        yields_to=nowhere,
        light_group_id=np.ones(1, np.int64),
        light_lanes=here,
        light_stop_line=here,
        lane_lights=here,
        light_position=line(3.0),
        stop_lines=line(0.0),
        stop_line_lanes=here,
    )


def _scene(lane_map: LaneMap | None) -> Scene:
    size_m = np.array([4.5, 1.8, 1.5])
    agents = Agents(
        stamp_ns=0,
        uuid=np.zeros((1, 16), np.uint8),
        position_m=np.zeros((1, 3)),
        yaw_rad=np.zeros(1),
        velocity_mps=np.zeros((1, 2)),
        yaw_rate_radps=np.zeros(1),
        acceleration_mps2=np.zeros(1),
        covariance=np.zeros((1, 5, 5)),
        size_m=size_m[None],
        class_probabilities=np.eye(CLASS_COUNT)[:1],
        existence=np.ones(1),
        attributes=np.zeros((1, ATTRIBUTE_COUNT)),
        has_attribute=np.zeros((1, ATTRIBUTE_COUNT), bool),
        modality_age_s=np.zeros((1, MODALITY_COUNT)),
    )
    history = History(
        position_m=np.zeros((1, 2, 2)),
        yaw_rad=np.zeros((1, 2)),
        velocity_mps=np.zeros((1, 2, 2)),
        valid=np.ones((1, 2), bool),
    )
    lights = LightStates(
        group_id=np.ones(1, np.int64),
        colour=np.ones(1, np.int8),
        shape=np.ones(1, np.int8),
        confidence=np.ones(1),
        stamp_ns=np.zeros(1, np.int64),
    )
    ego = Ego(0, Transform.identity(), np.zeros(2), 0.0, size_m)
    return Scene(0, agents, history, ego, lane_map, lights, history)
