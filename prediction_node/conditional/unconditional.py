"""An engine that knows nothing of plans answers questions all the same: nobody reacts."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.conditional import Asking, Conditioned, EgoPlan
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

    def asking(self) -> Asking:
        """Collision probabilities of plans with the newest prediction.

        Raises RuntimeError before the first `predict`.
        """
        scene, prediction = self._scene, self._prediction
        if scene is None or prediction is None:
            raise RuntimeError(f'{self.name} has predicted no scene yet')
        still = np.zeros(len(prediction.agents))

        def ask(plans: tuple[EgoPlan, ...]) -> tuple[Conditioned, ...]:
            return tuple(
                Conditioned(prediction, collision(plan, scene.ego, prediction), still)
                for plan in plans
            )

        return ask

    def condition(self, plans: tuple[EgoPlan, ...]) -> tuple[Conditioned, ...]:
        """What `asking` answers, at once."""
        return self.asking()(plans)
