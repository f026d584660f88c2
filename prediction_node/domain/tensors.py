"""The contract: every tensor that enters or leaves the network, named once with shape, type and
meaning.

Frames. The *view frame* has its origin at the robotaxi's base_link and its x axis along the
robotaxi's heading (training may turn and shift it). The *own frame* of an actor has its origin at
the actor's box centre now and its x axis along its heading now. All instants are relative to the
scene's; metres, radians, seconds.

The network has two halves. The encoder sees the scene and runs once. The decoder sees what the
encoder made of it and the robotaxi's plan, and runs for all candidate plans in one batch; without a
plan `plan_valid` is zero and the batch has one row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_NAMES, CLASS_NAMES, MODALITY_NAMES
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, STEP_S

VERSION = 1


@dataclass(frozen=True, slots=True)
class Sizes:
    """Lengths of the axes. Agents, map nodes and candidates are free in an exported model."""

    agents: int = 64  # A; actors are one more: row 0 is the robotaxi
    map_nodes: int = 192  # P
    candidates: int = 1  # C, the decoder's batch
    modes: int = MODE_COUNT  # M
    steps: int = POSE_COUNT - 1  # T, step t is (t + 1) x step_s ahead
    step_s: float = STEP_S
    history: int = 31  # H, the last column is the present
    history_step_s: float = STEP_S
    blocks: int = 16  # K: a block of steps is decided on what is known at its beginning
    weights: int = 8  # W: weight w is of the instant (w + 1) x steps / W
    cells: int = 160  # S, rows and columns of each raster
    channels: int = 0  # of the raster's manifest; 0: this network reads no raster
    map_points: int = 10  # along one map node

    def __post_init__(self) -> None:
        for name in ('blocks', 'weights'):
            if self.steps % getattr(self, name):
                raise ValueError(f'{name} must divide {self.steps} steps, got {self.steps}')


# What an actor is now; order of the last axis of `actor_state`.
STATE_NAMES: tuple[str, ...] = (
    'is_ego',
    'speed_mps',  # along its heading
    'slip_speed_mps',  # to its left
    'yaw_rate_radps',
    'acceleration_mps2',
    *('length_m', 'width_m', 'height_m'),
    *('sigma_along_m', 'sigma_across_m', 'sigma_yaw_rad', 'sigma_speed_mps'),
    'existence',
    *(f'class_{name}' for name in CLASS_NAMES),
    *(f'attribute_{name}' for name in ATTRIBUTE_NAMES),  # 0 where not reported
    *(f'has_{name}' for name in ATTRIBUTE_NAMES),
    *(f'seen_by_{name}' for name in MODALITY_NAMES),  # exp(-age / 1 s); 0: never
)
# Order of the last axis of `actor_history`: own frame.
HISTORY_NAMES: tuple[str, ...] = ('x_m', 'y_m', 'cos_yaw', 'sin_yaw', 'vx_mps', 'vy_mps')
# Order of the last axis of `map_feature`.
MAP_NAMES: tuple[str, ...] = (
    *(f'kind_{name}' for name in ('road', 'bicycle', 'walkway', 'crosswalk', 'shoulder', 'other')),
    'kind_light',  # a signal group at its stop line
    *('turn_straight', 'turn_left', 'turn_right'),
    *('speed_limit_mps', 'has_speed_limit'),
    *('length_m', 'half_width_m'),
    'gives_way',
    'has_way',
    'ends_at_stop_line',
    *('left_change', 'right_change'),
    *('light_red', 'light_amber', 'light_green', 'light_unknown'),  # confidence of what rules it
    'light_age_s',
)
# What a map node is to an actor: values of `actor_map_kind`.
MAP_RELATIONS: tuple[str, ...] = ('none', 'on', 'ahead', 'left', 'right', 'oncoming')
# Order of the last axis of `plan`: view frame, at the end of each block.
PLAN_NAMES: tuple[str, ...] = ('x_m', 'y_m', 'cos_yaw', 'sin_yaw', 'speed_mps')


@dataclass(frozen=True, slots=True)
class Tensor:
    """One named tensor: axes are names of `Sizes` fields, 'actors' (agents + 1), or numbers."""

    axes: tuple[str | int, ...]
    dtype: str
    meaning: str

    def shape(self, sizes: Sizes) -> tuple[int, ...]:
        return tuple(
            axis
            if isinstance(axis, int)
            else sizes.agents + 1
            if axis == 'actors'
            else int(getattr(sizes, axis))
            for axis in self.axes
        )


_F, _U8 = 'float32', 'uint8'
_RASTER = ('cells', 'cells', 'channels')
RASTERS = ('raster_near', 'raster_far')
ENCODER_INPUTS: Mapping[str, Tensor] = {
    'raster_near': Tensor(_RASTER, _U8, 'cells of 0.5 m, see the raster manifest'),
    'raster_far': Tensor(_RASTER, _U8, 'cells of 1.4 m, see the raster manifest'),
    'actor_history': Tensor(('actors', 'history', 6), _F, 'HISTORY_NAMES; 0 where not valid'),
    'actor_history_valid': Tensor(('actors', 'history'), _F, '1: known'),
    'actor_state': Tensor(('actors', len(STATE_NAMES)), _F, 'STATE_NAMES'),
    'actor_pose': Tensor(('actors', 4), _F, 'x, y, cos yaw, sin yaw in the view frame'),
    'actor_valid': Tensor(('actors',), _F, '1: there; the rest is padding'),
    'map_point': Tensor(('map_nodes', 'map_points', 2), _F, 'along the node, own frame of it'),
    'map_feature': Tensor(('map_nodes', len(MAP_NAMES)), _F, 'MAP_NAMES'),
    'map_pose': Tensor(('map_nodes', 4), _F, 'middle and direction of the node, view frame'),
    'map_valid': Tensor(('map_nodes',), _F, '1: there'),
    'actor_map_kind': Tensor(('actors', 'map_nodes'), _U8, 'index into MAP_RELATIONS'),
    'proposal': Tensor(
        ('agents', 'modes', 'steps', 3), _F, 'x, y, yaw of the kinematic futures, own frame'
    ),
    'proposal_log_weight': Tensor(('agents', 'modes'), _F, 'log of their probabilities'),
}
DECODER_INPUTS: Mapping[str, Tensor] = {
    'plan': Tensor(('candidates', 'blocks', 5), _F, 'PLAN_NAMES'),
    'plan_valid': Tensor(('candidates', 'blocks'), _F, '1: planned; 0: unknown from here on'),
}
OUTPUTS: Mapping[str, Tensor] = {
    'mean': Tensor(('candidates', 'agents', 'modes', 'steps', 2), _F, 'x, y in the own frame'),
    'spread': Tensor(
        ('candidates', 'agents', 'modes', 'steps', 3), _F, 'sigma x, sigma y, rho in the own frame'
    ),
    'weight_logit': Tensor(('candidates', 'agents', 'modes', 'weights'), _F, 'before softmax'),
}

# A scene or an answer: arrays by the names above, without a batch axis but the candidates'.
Arrays = Mapping[str, np.ndarray]


def encoder_inputs(sizes: Sizes) -> Mapping[str, Tensor]:
    """The tensors a network of these sizes reads: none of map or raster where it has none."""
    return {
        name: tensor
        for name, tensor in ENCODER_INPUTS.items()
        if not (name in RASTERS and not sizes.channels)
        and not ('map' in name and not sizes.map_nodes)
    }


def check_arrays(arrays: Arrays, tensors: Mapping[str, Tensor], sizes: Sizes) -> None:
    """Raises ValueError naming the first tensor that is missing or of another shape or type."""
    for name, tensor in tensors.items():
        if name not in arrays:
            raise ValueError(f'tensor {name} is missing')
        array, shape = arrays[name], tensor.shape(sizes)
        if array.shape != shape or array.dtype != np.dtype(tensor.dtype):
            raise ValueError(
                f'tensor {name} must be {tensor.dtype} {shape}, got {array.dtype} {array.shape}'
            )
