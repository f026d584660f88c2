"""The robotaxi among the others: who follows it must not run into it either."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import numpy as np

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.kinds import (
    ATTRIBUTE_COUNT,
    CLASS_COUNT,
    MODALITY_COUNT,
    ObjectClass,
)
from prediction_node.domain.scene import History, Scene

_SIGMA = (0.1, 0.1, 0.02, 0.1, 0.02)  # x, y, yaw, speed, yaw rate: of odometry
Rows = TypeVar('Rows', Agents, History)
_UUID = np.full((1, 16), 255, np.uint8)


def with_robotaxi(scene: Scene) -> Scene:
    """The scene with the robotaxi as its last agent, a car; as it is where nobody drives."""
    ego = scene.ego
    if not ego.present or not len(scene.agents):
        return scene
    past = scene.ego_history or History.of_present(ego, scene.history.valid.shape[1])
    return dataclasses.replace(
        scene, agents=_joined(scene.agents, _agent(ego)), history=_joined(scene.history, past)
    )


def _agent(ego: Ego) -> Agents:
    velocity = ego.map_from_base.rotation_2d @ ego.velocity_mps
    classes = np.zeros((1, CLASS_COUNT))
    classes[0, int(ObjectClass.CAR)] = 1.0
    return Agents(
        stamp_ns=ego.stamp_ns,
        uuid=_UUID,
        position_m=np.array([[*ego.centre_m, ego.map_from_base.translation_m[2]]]),
        yaw_rad=np.array([ego.yaw_rad]),
        velocity_mps=velocity[None],
        yaw_rate_radps=np.array([ego.yaw_rate_radps]),
        acceleration_mps2=np.zeros(1),  # odometry tells none; its past does
        covariance=np.diag(np.square(_SIGMA))[None],
        size_m=np.asarray(ego.size_m, np.float64)[None],
        class_probabilities=classes,
        existence=np.ones(1),
        attributes=np.zeros((1, ATTRIBUTE_COUNT)),
        has_attribute=np.zeros((1, ATTRIBUTE_COUNT), bool),
        modality_age_s=np.zeros((1, MODALITY_COUNT)),
    )


def _joined(first: Rows, second: Rows) -> Rows:
    both: dict[str, Any] = {
        f.name: np.concatenate([getattr(first, f.name), getattr(second, f.name)])
        for f in dataclasses.fields(first)
        if f.name != 'stamp_ns'
    }
    return dataclasses.replace(first, **both)
