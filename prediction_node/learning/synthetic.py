"""Invented examples: cars on open ground that keep their turn, or go straight on after a while.

They need no data, no map and no other stage: a first look at a training set-up, and its tests.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.tensors import (
    DECODER_INPUTS,
    HISTORY_NAMES,
    STATE_NAMES,
    Sizes,
    encoder_inputs,
)
from prediction_node.learning.data import Example, TrainingData

_CLASSES = (ObjectClass.CAR, ObjectClass.PEDESTRIAN, ObjectClass.BICYCLE)
_SPEED_MPS = {ObjectClass.CAR: 12.0, ObjectClass.PEDESTRIAN: 1.5, ObjectClass.BICYCLE: 5.0}


@dataclass(frozen=True, slots=True)
class SyntheticExamples:
    """`count` examples of up to `sizes.agents` agents each. The truth is one of the proposals, but
    for noise: the turn goes on, or ends.
    """

    sizes: Sizes
    count: int
    seed: int

    def __len__(self) -> int:
        return self.count

    def example(self, index: int, draw: int | None) -> Example:
        sizes = self.sizes
        rng = np.random.default_rng([self.seed, index])
        shapes = {**encoder_inputs(sizes), **DECODER_INPUTS}
        one = {n: np.zeros(t.shape(sizes), t.dtype) for n, t in shapes.items()}
        one['plan'], one['plan_valid'] = one['plan'][0], one['plan_valid'][0]
        n = int(rng.integers(1, sizes.agents + 1))
        kind = rng.choice(_CLASSES, n)
        speed = rng.uniform(0.3, 1.0, n) * [_SPEED_MPS[ObjectClass(k)] for k in kind]
        turn = rng.uniform(-0.3, 0.3, n)

        view = 0.0 if draw is None else np.random.default_rng([self.seed, draw]).uniform(-3, 3)
        spot, yaw = rng.uniform(-40, 40, (n, 2)), rng.uniform(-np.pi, np.pi, n) + view
        cos, sin = np.cos(view), np.sin(view)
        spot = spot @ np.array([[cos, sin], [-sin, cos]])
        rows = slice(1, n + 1)
        one['actor_valid'][0], one['actor_valid'][rows] = 1.0, 1.0
        one['actor_pose'][0] = [0.0, 0.0, 1.0, 0.0]
        one['actor_pose'][rows] = np.column_stack([spot, np.cos(yaw), np.sin(yaw)])
        column = {name: k for k, name in enumerate(STATE_NAMES)}
        state = one['actor_state']
        state[0, column['is_ego']] = 1.0
        state[rows, column['speed_mps']] = speed
        state[rows, column['yaw_rate_radps']] = turn
        state[rows, column['existence']] = 1.0
        state[np.arange(1, n + 1), column['class_unknown'] + kind] = 1.0

        past = (np.arange(sizes.history) - sizes.history + 1) * sizes.history_step_s
        one['actor_history'][rows] = _track(speed, turn, past)
        one['actor_history_valid'][rows] = 1.0
        ahead = (np.arange(sizes.steps) + 1) * sizes.step_s
        keeps, ends = _track(speed, turn, ahead), _track(speed, np.zeros(n), ahead)
        if 'proposal' in one:
            one['proposal_log_weight'][:] = -30.0
            for mode, path in enumerate((keeps, ends)):
                one['proposal'][:n, mode, :, :2] = path[..., :2]
                one['proposal'][:n, mode, :, 2] = np.arctan2(path[..., 3], path[..., 2])
                one['proposal_log_weight'][:n, mode] = np.log(0.5)
        # Those who are fast in their turn go on turning: there is something to learn.
        truth = np.where((np.abs(turn) > 0.15)[:, None, None], keeps, ends)[..., :2]
        one['future'] = np.zeros((sizes.agents, sizes.steps, 2), np.float32)
        one['future'][:n] = truth * rng.uniform(0.9, 1.0, (n, 1, 1))
        one['future_valid'] = np.zeros((sizes.agents, sizes.steps), np.float32)
        one['future_valid'][:n] = 1.0
        one['weight'] = np.zeros(sizes.agents, np.float32)
        one['weight'][:n] = 1.0
        one['label'] = np.zeros(sizes.agents, np.int64)
        one['label'][:n] = kind
        return one


def open_synthetic(sizes: Sizes, count: int = 256, seed: int = 0) -> TrainingData:
    """`count` examples to learn from and a quarter as many others to validate on."""
    train = SyntheticExamples(sizes, count, seed)
    return TrainingData(
        train=train,
        validation=SyntheticExamples(sizes, max(1, count // 4), seed + 1_000_000),
        train_recording=[f'invented {index // 16}' for index in range(count)],
        sizes=sizes,
        digest=hashlib.sha256(f'synthetic {count} {seed} {sizes}'.encode()).hexdigest(),
        sources={'synthetic': {'samples': count, 'licence': 'none needed'}},
    )


def _track(speed: np.ndarray, turn: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """(N, T, 6) of HISTORY_NAMES: steady circles from the origin along x."""
    angle = turn[:, None] * time_s
    # sin(x) / x and (1 - cos(x)) / x without a division by zero.
    along = speed[:, None] * time_s * np.sinc(angle / np.pi)
    across = speed[:, None] * time_s * np.sinc(angle / (2 * np.pi)) * np.sin(angle / 2)
    cos, sin = np.cos(angle), np.sin(angle)
    columns = [along, across, cos, sin, speed[:, None] * cos, speed[:, None] * sin]
    assert len(columns) == len(HISTORY_NAMES)
    return np.stack(columns, axis=-1)
