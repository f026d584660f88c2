"""A predictor that always answers: the first engine if it can, the fallback in the same cycle if
not.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from prediction_node.domain.prediction import Prediction
from prediction_node.domain.scene import Scene


class Engine(Protocol):
    """Turns a scene into weighted futures of all its agents."""

    name: str

    def predict(self, scene: Scene) -> Prediction:
        """Futures of `scene.agents`, same order."""


def fault_of(prediction: Prediction, scene: Scene) -> str | None:
    """Why a prediction must not reach a planner, or None if it may."""
    if len(prediction.agents) != len(scene.agents):
        return f'{len(prediction.agents)} predictions for {len(scene.agents)} agents'
    if not np.isfinite(prediction.pose).all():
        return 'a pose is not finite'
    if not np.isfinite(prediction.sigma).all():
        return 'an uncertainty is not finite'
    weight = prediction.probability
    if not np.isfinite(weight).all() or (weight < 0).any():
        return 'a probability is negative or not finite'
    if len(weight) and np.abs(weight.sum(axis=1) - 1.0).max() > 1e-6:
        return 'probabilities do not sum to one'
    return None


class Guarded:
    """Runs `engine`; when it raises or answers what no planner may see, `fallback` answers instead.

    `faults` counts the cycles lost, `last_fault` says why, `failing` whether the newest cycle was
    one.
    """

    def __init__(self, engine: Engine, fallback: Engine) -> None:
        self._engine = engine
        self._fallback = fallback
        self.name = engine.name
        self.faults = 0
        self.failing = False
        self.last_fault = ''

    def predict(self, scene: Scene) -> Prediction:
        # Whatever goes wrong inside an engine, the planner is owed an answer in this very cycle.
        try:
            prediction = self._engine.predict(scene)
            fault = fault_of(prediction, scene)
        except Exception as error:
            prediction, fault = None, f'{type(error).__name__}: {error}'
        self.failing = fault is not None
        if prediction is not None and fault is None:
            return prediction
        self.faults += 1
        self.last_fault = f'{self._engine.name}: {fault}'
        return self._fallback.predict(scene)
