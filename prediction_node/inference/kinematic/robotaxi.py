"""The robotaxi among the others: who follows it must not run into it either."""

from __future__ import annotations

import dataclasses

import numpy as np

from prediction_node.domain.agents import Agents
from prediction_node.domain.scene import History, Scene

_SIGMA = (0.1, 0.1, 0.02, 0.1, 0.02)  # x, y, yaw, speed, yaw rate: of odometry
_UUID = np.full((1, 16), 255, np.uint8)


def with_robotaxi(scene: Scene) -> Scene:
    """The scene with the robotaxi as its last agent, a car; as it is where nobody drives."""
    ego = scene.ego
    if not ego.present or not len(scene.agents):
        return scene
    past = scene.ego_history or History.of_present(ego, scene.history.valid.shape[1])
    car = dataclasses.replace(
        ego.as_agent(),
        stamp_ns=scene.agents.stamp_ns,
        uuid=_UUID,
        covariance=np.diag(np.square(_SIGMA))[None],
    )
    return dataclasses.replace(
        scene,
        agents=Agents.joined([scene.agents, car]),
        history=History.joined([scene.history, past]),
    )
