"""Scenes with an input hidden, to see what it is worth."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from prediction_node.domain.kinds import MODALITY_NAMES
from prediction_node.domain.lights import LightStates
from prediction_node.domain.prediction import Prediction
from prediction_node.domain.scene import History, Scene
from prediction_node.inference.guard import Engine

Mask = Callable[[Scene], Scene]


def without_attributes(scene: Scene) -> Scene:
    """No attribute of anybody is reported."""
    agents = scene.agents
    hidden = dataclasses.replace(
        agents,
        attributes=np.zeros_like(agents.attributes),
        has_attribute=np.zeros_like(agents.has_attribute),
    )
    return dataclasses.replace(scene, agents=hidden)


def without_lights(scene: Scene) -> Scene:
    """No lamp is known."""
    return dataclasses.replace(scene, lights=LightStates.none())


def without_map(scene: Scene) -> Scene:
    """No road is known; lamps without one rule nothing."""
    return dataclasses.replace(scene, lane_map=None)


def without_history(scene: Scene) -> Scene:
    """Everybody has just appeared."""

    def newest(history: History) -> History:
        valid = history.valid.copy()
        valid[:, :-1] = False
        return dataclasses.replace(history, valid=valid)

    ego = None if scene.ego_history is None else newest(scene.ego_history)
    return dataclasses.replace(scene, history=newest(scene.history), ego_history=ego)


def without_modality(column: int) -> Mask:
    """The mask that says of nobody that this modality sees them. What it told fusion remains: to
    leave that out as well, replay a bag without its topics.
    """

    def mask(scene: Scene) -> Scene:
        age = scene.agents.modality_age_s.copy()
        age[:, column] = np.inf
        return dataclasses.replace(
            scene, agents=dataclasses.replace(scene.agents, modality_age_s=age)
        )

    return mask


MASKS: Mapping[str, Mask] = {
    'attributes': without_attributes,
    'lights': without_lights,
    'map': without_map,
    'history': without_history,
    **{name: without_modality(k) for k, name in enumerate(MODALITY_NAMES)},
}


class Masked:
    """An engine from which something is hidden. Raises KeyError for a mask that is not known."""

    def __init__(self, engine: Engine, mask: str) -> None:
        self._engine = engine
        self._mask = MASKS[mask]
        self.name = f'{engine.name} without {mask}'

    def predict(self, scene: Scene) -> Prediction:
        """Futures of `scene.agents`, who are the ones that the answer names."""
        found = self._engine.predict(self._mask(scene))
        return dataclasses.replace(found, agents=scene.agents)
