"""Scenes that show more than a network reads at once, cut into several views."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, Prediction
from prediction_node.domain.scene import History, Scene
from prediction_node.evaluation.windows import onlooker
from prediction_node.inference.guard import Engine

AGENTS = 64
# Beyond this from where the scene is seen, little of an agent's surroundings lies on the raster.
RADIUS_M = 60.0


class Viewed:
    """Asks `engine` as often as it takes for every agent to be predicted, in scenes of at most
    `agents` agents.

    With a robotaxi the scene is seen from it, and those nearest to it are predicted together.
    Without one, every agent is at most `radius_m` from where the scene is seen.
    """

    def __init__(self, engine: Engine, agents: int = AGENTS, radius_m: float = RADIUS_M) -> None:
        self._engine = engine
        self._agents = agents
        self._radius_m = radius_m
        self.name = engine.name

    def predict(self, scene: Scene) -> Prediction:
        """Futures of `scene.agents`, same order."""
        n = len(scene.agents)
        shape = (n, MODE_COUNT, POSE_COUNT, 3)
        pose, sigma = np.zeros(shape), np.zeros(shape)
        probability = np.zeros((n, MODE_COUNT))
        for rows, wanted in self._parts(scene):
            part = self._engine.predict(_cut(scene, rows, wanted))
            pose[rows[wanted]] = part.pose[wanted]
            sigma[rows[wanted]] = part.sigma[wanted]
            probability[rows[wanted]] = part.probability[wanted]
        return Prediction(scene.agents, pose, sigma, probability, self.name)

    def _parts(self, scene: Scene) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows of each view, and which of them are wanted of it: each row once."""
        position = scene.agents.position_m[:, :2]
        left = np.ones(len(position), bool)
        reach = np.inf if scene.ego.present else self._radius_m
        centre = scene.ego.position_m
        while left.any():
            if not scene.ego.present:
                # From the outermost that is left, a view of its surroundings covers most.
                waiting = position[left]
                far = waiting[np.argmax(((waiting - waiting.mean(axis=0)) ** 2).sum(axis=1))]
                near = left & (np.hypot(*(position - far).T) <= self._radius_m)
                centre = np.median(position[near], axis=0)
            distance = np.hypot(*(position - centre).T)
            nearest = np.argsort(distance, kind='stable')
            chosen = nearest[left[nearest] & (distance[nearest] <= reach)][: self._agents]
            if not len(chosen):  # the middle of a ring: nobody is near it
                chosen = np.flatnonzero(left)[:1]
            others = nearest[~np.isin(nearest, chosen)][: self._agents - len(chosen)]
            rows = np.sort(np.concatenate([chosen, others]))
            wanted = np.isin(rows, chosen)
            left[chosen] = False
            yield rows, wanted


def _cut(scene: Scene, rows: np.ndarray, wanted: np.ndarray) -> Scene:
    """The scene of the agents `rows`; without a robotaxi seen from amid those `wanted` of them."""
    if scene.ego.present and len(rows) == len(scene.agents):
        return scene
    agents, history = scene.agents.select(rows), scene.history
    ego = scene.ego
    if not ego.present:
        ego = onlooker(scene.stamp_ns, agents.position_m[wanted], agents.yaw_rad[wanted])
    return dataclasses.replace(
        scene,
        agents=agents,
        history=History(
            position_m=history.position_m[rows],
            yaw_rad=history.yaw_rad[rows],
            velocity_mps=history.velocity_mps[rows],
            valid=history.valid[rows],
        ),
        ego=ego,
    )
