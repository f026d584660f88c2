"""The robotaxi and the agents as rows of tensors; row 0 is the robotaxi."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.frames import Transform
from prediction_node.domain.kinds import ATTRIBUTE_NAMES, CLASS_NAMES, MODALITY_NAMES, ObjectClass
from prediction_node.domain.prediction import STEP_S, Prediction
from prediction_node.domain.scene import History, Scene
from prediction_node.domain.tensors import STATE_NAMES, Sizes
from prediction_node.tensors.kernels import actors as kernels

# Sight of a modality fades with this time.
SEEN_S = 1.0
# Stands for the logarithm of zero: modes that nobody proposes.
UNUSED_LOG_WEIGHT = -20.0
_COLUMN = {name: i for i, name in enumerate(STATE_NAMES)}
_CLASSES = slice(_COLUMN[f'class_{CLASS_NAMES[0]}'], _COLUMN[f'class_{CLASS_NAMES[-1]}'] + 1)
_ATTRIBUTES = slice(
    _COLUMN[f'attribute_{ATTRIBUTE_NAMES[0]}'], _COLUMN[f'attribute_{ATTRIBUTE_NAMES[-1]}'] + 1
)
_HAS = slice(_COLUMN[f'has_{ATTRIBUTE_NAMES[0]}'], _COLUMN[f'has_{ATTRIBUTE_NAMES[-1]}'] + 1)
_SEEN = slice(_COLUMN[f'seen_by_{MODALITY_NAMES[0]}'], _COLUMN[f'seen_by_{MODALITY_NAMES[-1]}'] + 1)


def actor_tensors(scene: Scene, sizes: Sizes, view: Transform) -> dict[str, np.ndarray]:
    """History, state, pose and validity of all actors. Padding is 0, its heading 1, 0.

    Raises ValueError where there are more agents than `sizes` has rows for, or where the history's
    step is no multiple of the scene's.
    """
    n = len(scene.agents)
    if n > sizes.agents:
        raise ValueError(f'a scene must have at most {sizes.agents} agents, got {n}')
    actors = sizes.agents + 1
    history = np.zeros((actors, sizes.history, 6), np.float32)
    history_valid = np.zeros((actors, sizes.history), np.float32)
    state = np.zeros((actors, len(STATE_NAMES)), np.float32)
    pose = np.zeros((actors, 4), np.float32)
    pose[:, 2] = 1.0
    valid = np.zeros(actors, np.float32)
    agents, ego = scene.agents, scene.ego
    stride = _stride(sizes)
    if ego.present:
        valid[0] = 1.0
        state[0] = _ego_state(ego)
        pose[:1] = _poses(ego.centre_m[None], np.array([ego.yaw_rad]), view)
        past = scene.ego_history or History.of_present(ego)
        _write_history(ego.centre_m[None], np.array([ego.yaw_rad]), past, stride, 0, history,
                       history_valid)  # fmt: skip
    if n:
        valid[1 : n + 1] = 1.0
        state[1 : n + 1] = _agent_states(agents)
        pose[1 : n + 1] = _poses(agents.position_m[:, :2], agents.yaw_rad, view)
        _write_history(agents.position_m[:, :2], agents.yaw_rad, scene.history, stride, 1, history,
                       history_valid)  # fmt: skip
    return {
        'actor_history': history,
        'actor_history_valid': history_valid,
        'actor_state': state,
        'actor_pose': pose,
        'actor_valid': valid,
    }


def proposal_tensors(
    agents: Agents, proposals: Prediction | None, sizes: Sizes
) -> dict[str, np.ndarray]:
    """The kinematic futures in own frames; without proposals all is 0.

    Raises ValueError where proposals are of other agents, modes or steps than `sizes` says.
    """
    pose = np.zeros((sizes.agents, sizes.modes, sizes.steps, 3), np.float32)
    log_weight = np.zeros((sizes.agents, sizes.modes), np.float32)
    if proposals is not None:
        n, expected = len(agents), (len(agents), sizes.modes, sizes.steps + 1, 3)
        if proposals.pose.shape != expected:
            raise ValueError(f'proposals must be {expected}, got {proposals.pose.shape}')
        kernels.write_proposals(
            table(agents.position_m[:, :2]), table(agents.yaw_rad), table(proposals.pose), pose
        )
        least = np.exp(UNUSED_LOG_WEIGHT)
        log_weight[:n] = np.log(np.maximum(proposals.probability, least))
    return {'proposal': pose, 'proposal_log_weight': log_weight}


def table(values: np.ndarray) -> np.ndarray:
    """`values` as kernels take them: float64, C-contiguous, writeable."""
    values = np.ascontiguousarray(values, np.float64)
    return values if values.flags.writeable else values.copy()


def _stride(sizes: Sizes) -> int:
    """Steps of the scene's history per step of the tensor's."""
    stride = round(sizes.history_step_s / STEP_S)
    if stride < 1 or abs(stride * STEP_S - sizes.history_step_s) > 1e-9:
        raise ValueError(
            f'history_step_s must be a multiple of {STEP_S} s, got {sizes.history_step_s}'
        )
    return stride


def _write_history(
    centre_m: np.ndarray,
    yaw_rad: np.ndarray,
    past: History,
    stride: int,
    first: int,
    out: np.ndarray,
    out_valid: np.ndarray,
) -> None:
    kernels.write_histories(
        table(centre_m),
        table(yaw_rad),
        table(past.position_m),
        table(past.yaw_rad),
        table(past.velocity_mps),
        np.array(past.valid, np.bool_),
        stride,
        first,
        out,
        out_valid,
    )


def _poses(centre_m: np.ndarray, yaw_rad: np.ndarray, view: Transform) -> np.ndarray:
    """(N, 4) x, y, cos yaw, sin yaw in the view frame."""
    turn = yaw_rad - view.yaw_rad
    xy = (centre_m - view.translation_m[:2]) @ view.rotation_2d
    return np.column_stack([xy, np.cos(turn), np.sin(turn)])


def _ego_state(ego: Ego) -> np.ndarray:
    """Its own state is taken to be exact: no spreads."""
    state = np.zeros(len(STATE_NAMES))
    state[_COLUMN['is_ego']] = 1.0
    state[_COLUMN['speed_mps']] = ego.velocity_mps[0]
    state[_COLUMN['slip_speed_mps']] = ego.velocity_mps[1]
    state[_COLUMN['yaw_rate_radps']] = ego.yaw_rate_radps
    length = _COLUMN['length_m']
    state[length : length + 3] = ego.size_m
    state[_COLUMN['existence']] = 1.0
    state[_CLASSES.start + ObjectClass.CAR] = 1.0
    return state


def _agent_states(agents: Agents) -> np.ndarray:
    """(N, len(STATE_NAMES))."""
    state = np.zeros((len(agents), len(STATE_NAMES)))
    cos, sin = np.cos(agents.yaw_rad), np.sin(agents.yaw_rad)
    vx, vy = agents.velocity_mps[:, 0], agents.velocity_mps[:, 1]
    covariance = agents.covariance
    xx, xy, yy = covariance[:, 0, 0], covariance[:, 0, 1], covariance[:, 1, 1]
    mixed = 2.0 * cos * sin * xy
    values = {
        'speed_mps': cos * vx + sin * vy,
        'slip_speed_mps': cos * vy - sin * vx,
        'yaw_rate_radps': agents.yaw_rate_radps,
        'acceleration_mps2': agents.acceleration_mps2,
        'sigma_along_m': _root(cos * cos * xx + sin * sin * yy + mixed),
        'sigma_across_m': _root(sin * sin * xx + cos * cos * yy - mixed),
        'sigma_yaw_rad': _root(covariance[:, 2, 2]),
        'sigma_speed_mps': _root(covariance[:, 3, 3]),
        'existence': agents.existence,
    }
    for name, value in values.items():
        state[:, _COLUMN[name]] = value
    length = _COLUMN['length_m']
    state[:, length : length + 3] = agents.size_m
    state[:, _CLASSES] = agents.class_probabilities
    state[:, _ATTRIBUTES] = np.where(agents.has_attribute, agents.attributes, 0.0)
    state[:, _HAS] = agents.has_attribute
    state[:, _SEEN] = np.exp(-agents.modality_age_s / SEEN_S)
    return state


def _root(variance: np.ndarray) -> np.ndarray:
    """Standard deviation; rounding must not make a variance negative."""
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))
