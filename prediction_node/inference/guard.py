"""A predictor that always answers: the first engine if it can, the fallback in the same cycle if
not.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

import numpy as np

from prediction_node.domain.conditional import Asking, Conditional, Conditioned, EgoPlan
from prediction_node.domain.prediction import Prediction
from prediction_node.domain.scene import Scene


class Engine(Protocol):
    """Turns a scene into weighted futures of all its agents."""

    name: str

    def predict(self, scene: Scene) -> Prediction:
        """Futures of `scene.agents`, same order."""


class AnsweringEngine(Engine, Conditional, Protocol):
    """An engine that answers questions about the scene it predicted last."""


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


def fault_of_answers(
    answers: tuple[Conditioned, ...], plans: tuple[EgoPlan, ...], scene: Scene
) -> str | None:
    """Why answers must not reach a planner, or None if they may."""
    if len(answers) != len(plans):
        return f'{len(answers)} answers to {len(plans)} plans'
    for answer in answers:
        fault = fault_of(answer.prediction, scene)
        if fault is not None:
            return fault
        collision = answer.collision
        if not (np.isfinite(collision).all() and 0.0 <= collision.min() <= collision.max() <= 1.0):
            return 'a collision probability is none'
        if not np.isfinite(answer.reaction_m).all():
            return 'a reaction is not finite'
    return None


class Guarded:
    """Runs `engine`; when it raises or answers what no planner may see, `fallback` answers instead.

    `faults` counts the cycles lost, `last_fault` says why, `failing` whether the newest cycle was
    one. Guards nest: the fallback may be guarded itself.
    """

    def __init__(self, engine: AnsweringEngine, fallback: AnsweringEngine) -> None:
        self._engine = engine
        self._fallback = fallback
        self.name = engine.name
        self.faults = 0
        self.failing = False
        self.last_fault = ''
        self._scene: Scene | None = None

    def predict(self, scene: Scene) -> Prediction:
        # Whatever goes wrong inside an engine, the planner is owed an answer in this very cycle.
        self._scene = scene
        try:
            prediction = self._engine.predict(scene)
            fault = fault_of(prediction, scene)
        except Exception as error:
            prediction, fault = None, f'{type(error).__name__}: {error}'
        self.failing = fault is not None
        if prediction is not None and fault is None:
            return prediction
        self._count(fault or 'no prediction')
        return self._fallback.predict(scene)

    @property
    def standing_in(self) -> str:
        """Who answered for the engine inside it, and why; empty where nobody had to."""
        return str(getattr(self._engine, 'standing_in', ''))

    def asking(self) -> Asking:
        """What answers plans on the scene that `predict` saw last.

        Raises RuntimeError before the first `predict`; what it returns does so where the engine
        fails on a scene that is no longer the newest: the fallback goes on from scene to scene.
        """
        scene = self._scene
        if scene is None:
            raise RuntimeError(f'{self.name} has predicted no scene yet')
        if self.failing:
            return self._fallback.asking()
        try:
            return partial(self._answer, scene, self._engine.asking())
        except Exception as error:
            return self._instead(scene, f'{type(error).__name__}: {error}')

    def condition(self, plans: tuple[EgoPlan, ...]) -> tuple[Conditioned, ...]:
        """What `asking` answers, at once."""
        return self.asking()(plans)

    def _answer(
        self, scene: Scene, ask: Asking, plans: tuple[EgoPlan, ...]
    ) -> tuple[Conditioned, ...]:
        try:
            answers = ask(plans)
            fault = fault_of_answers(answers, plans, scene)
        except Exception as error:
            answers, fault = (), f'{type(error).__name__}: {error}'
        return answers if fault is None else self._instead(scene, fault)(plans)

    def _instead(self, scene: Scene, fault: str) -> Asking:
        """The fallback's answers."""
        self._count(fault)
        if scene is not self._scene:
            raise RuntimeError(f'{self.last_fault}, and there is a newer scene')
        self._fallback.predict(scene)  # it has not seen this scene yet
        return self._fallback.asking()

    def _count(self, fault: str) -> None:
        self.faults += 1
        self.last_fault = f'{self._engine.name}: {fault}'
