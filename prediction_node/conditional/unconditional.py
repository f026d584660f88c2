"""An engine that knows nothing of plans answers questions all the same: nobody reacts."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.conditional import Conditioned, EgoPlan
from prediction_node.domain.prediction import Prediction
from prediction_node.domain.scene import Scene
from prediction_node.inference.guard import Engine
from prediction_node.tensors.collision import collision


class Unconditional:
    """Wraps an engine. Its answers are its predictions, whatever the robotaxi does."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.name = engine.name
        self._scene: Scene | None = None
        self._prediction: Prediction | None = None

    def predict(self, scene: Scene) -> Prediction:
        self._scene = self._prediction = None
        prediction = self._engine.predict(scene)
        self._scene, self._prediction = scene, prediction
        return prediction

    def condition(self, plans: tuple[EgoPlan, ...]) -> tuple[Conditioned, ...]:
        """Collision probabilities of the plans with the newest prediction.

        Raises RuntimeError before the first `predict`.
        """
        if self._scene is None or self._prediction is None:
            raise RuntimeError(f'{self.name} has predicted no scene yet')
        still = np.zeros(len(self._prediction.agents))
        return tuple(
            Conditioned(self._prediction, collision(plan, self._scene.ego, self._prediction), still)
            for plan in plans
        )
