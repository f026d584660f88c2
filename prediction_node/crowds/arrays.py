"""Windows over crowds as inputs of the network, and labels beside them."""

from __future__ import annotations

import numpy as np

from prediction_node.crowds.files import STEP_S
from prediction_node.crowds.windows import OBSERVED, PREDICTED, CrowdWindow
from prediction_node.domain.kinds import CLASS_NAMES, ObjectClass
from prediction_node.domain.tensors import HISTORY_NAMES, STATE_NAMES, Sizes

MODES = 20
AGENTS = 128  # more than were ever there at once in these recordings
SIZE_M = (0.5, 0.5, 1.75)
# Annotated positions are about so exact, ETH's less than UCY's.
SIGMA_M = 0.05
# Over two steps: who moves less has no direction now, and looks where he came from.
STANDING_M = 0.1

_STATE = {name: column for column, name in enumerate(STATE_NAMES)}
Arrays = dict[str, np.ndarray]


def sizes(agents: int = AGENTS, blocks: int = 4) -> Sizes:
    """Axes of a network for this benchmark: no map, no raster, one weight for the whole future."""
    return Sizes(
        agents=agents,
        map_nodes=0,
        modes=MODES,
        steps=PREDICTED,
        step_s=STEP_S,
        history=OBSERVED,
        history_step_s=STEP_S,
        blocks=blocks,
        weights=1,
        cells=0,
        channels=0,
    )


def own_poses(history_m: np.ndarray, history_valid: np.ndarray) -> np.ndarray:
    """(N, 4) x, y, cos yaw, sin yaw of the own frames: at the present position, along the last two
    steps, or along the whole past of those who stand.

    history_m (N, H, 2), history_valid (N, H), unbroken up to the present.
    """
    last = history_m.shape[1] - 1
    first = np.argmax(history_valid, axis=1)
    recent = history_m[:, last] - _at(history_m, np.maximum(first, last - 2))
    whole = history_m[:, last] - _at(history_m, first)
    stands = np.hypot(*recent.T) < STANDING_M
    direction = np.where(stands[:, None], whole, recent)
    length = np.hypot(*direction.T)
    unit = np.where(length[:, None] > 0, direction / np.maximum(length, 1e-9)[:, None], [1.0, 0.0])
    return np.concatenate([history_m[:, last], unit], axis=1)


def velocities(history_m: np.ndarray, history_valid: np.ndarray) -> np.ndarray:
    """(N, 2) m/s over the last two steps, or the last one, in the frame of `history_m`; 0 for whom
    only the present is known. Differences look back only.
    """
    last = history_m.shape[1] - 1
    first = np.maximum(np.argmax(history_valid, axis=1), last - 2)
    travelled = history_m[:, last] - _at(history_m, first)
    velocity: np.ndarray = travelled / (STEP_S * np.maximum(last - first, 1))[:, None]
    return velocity


def encode_crowd(history_m: np.ndarray, history_valid: np.ndarray, sizes: Sizes) -> Arrays:
    """ENCODER_INPUTS of N pedestrians whom nobody drives among; the view is seen from amid them.

    history_m (N, 8, 2) in any frame, history_valid (N, 8). Raises ValueError for more than
    `sizes.agents`.
    """
    n = len(history_m)
    if n > sizes.agents:
        raise ValueError(f'a window must have at most {sizes.agents} pedestrians, got {n}')
    pose = own_poses(history_m, history_valid)
    own = to_own(pose, history_m - pose[:, None, :2])
    speed = to_own(pose, velocities(history_m, history_valid)[:, None])[:, 0]

    actors = sizes.agents + 1
    rows = slice(1, n + 1)
    history = np.zeros((actors, sizes.history, len(HISTORY_NAMES)), np.float32)
    history[rows, :, :2] = own
    history[rows, :, 2] = 1.0  # nobody annotated where they look
    # Backward differences; at the beginning there is none, and the present velocity stands there.
    history[rows, :, 4:] = speed[:, None]
    moved = history_valid[:, 1:] & history_valid[:, :-1]
    history[rows, 1:, 4:][moved] = (np.diff(own, axis=1) / sizes.history_step_s)[moved]
    valid = np.zeros((actors, sizes.history), np.float32)
    valid[rows] = history_valid
    history *= valid[..., None]

    state = np.zeros((actors, len(STATE_NAMES)), np.float32)
    state[rows, _STATE['speed_mps']] = speed[:, 0]
    state[rows, _STATE['slip_speed_mps']] = speed[:, 1]
    for name, value in zip(('length_m', 'width_m', 'height_m'), SIZE_M, strict=True):
        state[rows, _STATE[name]] = value
    state[rows, _STATE['sigma_along_m']] = state[rows, _STATE['sigma_across_m']] = SIGMA_M
    state[rows, _STATE['existence']] = 1.0
    state[rows, _STATE[f'class_{CLASS_NAMES[ObjectClass.PEDESTRIAN]}']] = 1.0

    actor_pose = np.zeros((actors, 4), np.float32)
    actor_pose[:, 2] = 1.0
    # Float32 has no room for far origins.
    actor_pose[rows] = pose - np.array([*pose[:, :2].mean(axis=0), 0.0, 0.0])
    actor_valid = np.zeros(actors, np.float32)
    actor_valid[rows] = 1.0
    return {
        'actor_history': history,
        'actor_history_valid': valid,
        'actor_state': state,
        'actor_pose': actor_pose,
        'actor_valid': actor_valid,
    }


def encode_labels(window: CrowdWindow, sizes: Sizes) -> Arrays:
    """future (A, T, 2) in own frames, future_valid (A, T), weight (A,), label (A,): those who are
    judged weigh 1.
    """
    pose = own_poses(window.history_m, window.history_valid)[: window.judged]
    future = np.zeros((sizes.agents, sizes.steps, 2), np.float32)
    future[: window.judged] = to_own(pose, window.future_m - pose[:, None, :2])
    valid = np.zeros((sizes.agents, sizes.steps), np.float32)
    valid[: window.judged] = 1.0
    return {
        'future': future,
        'future_valid': valid,
        'weight': valid[:, 0].copy(),
        'label': np.full(sizes.agents, int(ObjectClass.PEDESTRIAN), np.int64),
    }


def to_own(pose: np.ndarray, vector_m: np.ndarray) -> np.ndarray:
    """Vectors (N, T, 2) turned into the own frames of poses (N, 4)."""
    cos, sin = pose[:, 2, None], pose[:, 3, None]
    x, y = vector_m[..., 0], vector_m[..., 1]
    return np.stack([cos * x + sin * y, cos * y - sin * x], axis=-1)


def from_own(pose: np.ndarray, point_m: np.ndarray) -> np.ndarray:
    """Points (N, ..., 2) of the own frames of poses (N, 4) in the frame of the poses."""
    shape = (len(pose), *[1] * (point_m.ndim - 2))
    cos, sin = pose[:, 2].reshape(shape), pose[:, 3].reshape(shape)
    x, y = point_m[..., 0], point_m[..., 1]
    turned = np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)
    return np.asarray(turned + pose[:, :2].reshape(*shape, 2))


def _at(history_m: np.ndarray, column: np.ndarray) -> np.ndarray:
    return np.asarray(history_m[np.arange(len(history_m)), column])
