"""The part of the map that a scene needs, as tensors."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.frames import Transform
from prediction_node.domain.kinds import MOTOR_VEHICLES, ObjectClass, class_mask
from prediction_node.domain.lane_map import Turn
from prediction_node.domain.lights import ARROW_TURNS, LightShape, LightStates
from prediction_node.domain.scene import Scene
from prediction_node.domain.tensors import MAP_NAMES, Sizes
from prediction_node.tensors.actors import table
from prediction_node.tensors.kernels import nodes as kernels
from prediction_node.tensors.map_nodes import COLUMN, MapNodes
from prediction_node.tensors.pieces import POINTS

# A light seen longer ago says nothing about now.
MAX_LIGHT_AGE_S = 10.0
_STEERS = class_mask((*MOTOR_VEHICLES, ObjectClass.BICYCLE))
_ALL_TURNS = sum(1 << int(turn) for turn in Turn)
# (shapes,) the turns a lamp rules, as bits.
_TURNS = np.array(
    [
        sum(1 << int(turn) for turn in ARROW_TURNS[shape]) if shape in ARROW_TURNS else _ALL_TURNS
        for shape in range(max(LightShape) + 1)
    ],
    np.int64,
)
_IS_ARROW = np.array([shape in ARROW_TURNS for shape in range(max(LightShape) + 1)])


def map_tensors(
    scene: Scene, nodes: MapNodes, sizes: Sizes, view: Transform
) -> dict[str, np.ndarray]:
    """Nodes around the actors, and what they are to them. Padding is 0, its direction 1, 0.

    Raises ValueError where `sizes` asks for another number of points than nodes have.
    """
    if sizes.map_points != POINTS:
        raise ValueError(f'map_points must be {POINTS}, got {sizes.map_points}')
    count = sizes.map_nodes
    point = np.zeros((count, POINTS, 2), np.float32)
    feature = np.zeros((count, len(MAP_NAMES)), np.float32)
    pose = np.zeros((count, 4), np.float32)
    pose[:, 2] = 1.0
    valid = np.zeros(count, np.float32)
    relation = np.zeros((sizes.agents + 1, count), np.uint8)
    if len(nodes):
        actors = _Actors.of(scene, nodes.origin_m)
        length = nodes.feature[:, COLUMN['length_m']].astype(np.float64)
        chosen = kernels.choose_nodes(
            actors.xy_m,
            actors.velocity_mps,
            scene.ego.centre_m - nodes.origin_m,
            nodes.xy_m,
            nodes.direction,
            length,
            count,
        )
        p = len(chosen)
        valid[:p] = 1.0
        point[:p] = nodes.point_m[chosen]
        feature[:p] = nodes.feature[chosen]
        pose[:p] = _poses(nodes, chosen, view)
        _write_lights(scene, nodes, chosen, feature)
        _write_relations(actors, nodes, length, chosen, relation)
    return {
        'map_point': point,
        'map_feature': feature,
        'map_pose': pose,
        'map_valid': valid,
        'actor_map_kind': relation,
    }


class _Actors:
    """The robotaxi, if it is there, and the agents, in the coordinates of the nodes."""

    def __init__(
        self,
        row: np.ndarray,
        xy_m: np.ndarray,
        yaw_rad: np.ndarray,
        velocity_mps: np.ndarray,
        steers: np.ndarray,
    ) -> None:
        self.row = row  # (A,) of the tensors
        self.xy_m = xy_m  # (A, 2)
        self.yaw_rad = yaw_rad  # (A,)
        self.velocity_mps = velocity_mps  # (A, 2)
        self.steers = steers  # (A,) bool

    @classmethod
    def of(cls, scene: Scene, origin_m: np.ndarray) -> _Actors:
        agents, ego = scene.agents, scene.ego
        row = np.arange(1, len(agents) + 1)
        xy = agents.position_m[:, :2]
        yaw, velocity, steers = agents.yaw_rad, agents.velocity_mps, _STEERS[agents.label]
        if ego.present:
            row = np.concatenate([[0], row])
            xy = np.concatenate([ego.centre_m[None], xy])
            yaw = np.concatenate([[ego.yaw_rad], yaw])
            velocity = np.concatenate([ego.map_velocity_mps[None], velocity])
            steers = np.concatenate([[True], steers])
        return cls(row, table(xy - origin_m), table(yaw), table(velocity), steers)


def _poses(nodes: MapNodes, chosen: np.ndarray, view: Transform) -> np.ndarray:
    """(P, 4) middle and direction in the view frame."""
    view_from_map = view.rotation_2d
    xy = (nodes.xy_m[chosen] + (nodes.origin_m - view.translation_m[:2])) @ view_from_map
    return np.concatenate([xy, nodes.direction[chosen] @ view_from_map], axis=1)


def _write_relations(
    actors: _Actors, nodes: MapNodes, length_m: np.ndarray, chosen: np.ndarray, out: np.ndarray
) -> None:
    kernels.write_relations(
        actors.row,
        actors.xy_m,
        actors.yaw_rad,
        actors.steers,
        chosen,
        nodes.xy_m,
        nodes.direction,
        nodes.point_m,
        length_m,
        nodes.half_width_m,
        nodes.lane,
        nodes.directed,
        nodes.following.offsets,
        nodes.following.targets,
        nodes.left.offsets,
        nodes.left.targets,
        nodes.right.offsets,
        nodes.right.targets,
        nodes.oncoming.offsets,
        nodes.oncoming.targets,
        nodes.ruling.offsets,
        nodes.ruling.targets,
        out,
    )


def _write_lights(scene: Scene, nodes: MapNodes, chosen: np.ndarray, feature: np.ndarray) -> None:
    if not len(nodes.group_id):
        return
    lights = scene.lights
    shape = np.clip(lights.shape, 0, len(_TURNS) - 1).astype(np.int64)
    kernels.write_lights(
        scene.stamp_ns,
        _group_rows(nodes, lights),
        lights.colour.astype(np.int64),
        _TURNS[shape],
        _IS_ARROW[shape],
        table(lights.confidence),
        lights.stamp_ns.astype(np.int64),
        nodes.light_offsets,
        nodes.light_lanes,
        nodes.turn,
        chosen,
        nodes.lane,
        nodes.group,
        MAX_LIGHT_AGE_S,
        COLUMN['light_red'],
        feature,
    )


def _group_rows(nodes: MapNodes, lights: LightStates) -> np.ndarray:
    """(E,) row of each lamp's signal group in the map, -1 where the map has none."""
    place = np.minimum(np.searchsorted(nodes.group_id, lights.group_id), len(nodes.group_id) - 1)
    known = nodes.group_id[place] == lights.group_id
    return np.where(known, nodes.group_order[place], -1)
