"""A failing engine costs its own answer, never the planner's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.frames import Transform
from prediction_node.domain.lights import LightStates
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, Prediction
from prediction_node.domain.scene import History, Scene
from prediction_node.inference.guard import Guarded


def make_scene(agents: Agents) -> Scene:
    n = len(agents)
    history = History(
        np.zeros((n, 1, 2)), np.zeros((n, 1)), np.zeros((n, 1, 2)), np.zeros((n, 1), bool)
    )
    ego = Ego(agents.stamp_ns, Transform.identity(), np.zeros(2), 0.0, np.ones(3))
    return Scene(agents.stamp_ns, agents, history, ego, None, LightStates.none())


class Answering:
    """An engine whose answer a test bends."""

    def __init__(self, name: str, bend: Any = None) -> None:
        self.name = name
        self._bend = bend

    def predict(self, scene: Scene) -> Prediction:
        n = len(scene.agents)
        pose = np.zeros((n, MODE_COUNT, POSE_COUNT, 3))
        sigma = np.ones_like(pose)
        weight = np.full((n, MODE_COUNT), 1 / MODE_COUNT)
        agents = scene.agents
        if self._bend:
            agents = self._bend(agents, pose, sigma, weight) or agents
        m = len(agents)
        return Prediction(agents, pose[:m], sigma[:m], weight[:m], self.name)


def _raise(*_: Any) -> None:
    raise MemoryError('no room')


def _nan_pose(_a: Any, pose: np.ndarray, _s: Any, _w: Any) -> None:
    pose[0, 0, 5, 1] = np.nan


def _infinite_sigma(_a: Any, _p: Any, sigma: np.ndarray, _w: Any) -> None:
    sigma[0, 0, 0, 0] = np.inf


def _opposite_infinities(_a: Any, pose: np.ndarray, _s: Any, _w: Any) -> None:
    pose[0, 0, 5, 1], pose[1, 2, 3, 0] = np.inf, -np.inf


def _heavy(_a: Any, _p: Any, _s: Any, weight: np.ndarray) -> None:
    weight[0, 0] += 1e-3


def _negative(_a: Any, _p: Any, _s: Any, weight: np.ndarray) -> None:
    weight[0, 0] -= 1.0
    weight[0, 1] += 1.0


def _one_missing(agents: Agents, *_: Any) -> Agents:
    return agents.select(np.arange(len(agents) - 1))


@pytest.mark.parametrize(
    'bend',
    [_raise, _nan_pose, _opposite_infinities, _infinite_sigma, _heavy, _negative, _one_missing],
)
def test_a_bad_answer_is_replaced_in_the_same_cycle(agents_of: Any, bend: Any) -> None:
    guarded = Guarded(Answering('first', bend), Answering('second'))
    prediction = guarded.predict(make_scene(agents_of(3)))
    assert prediction.engine == 'second'
    assert guarded.failing
    assert guarded.faults == 1
    assert guarded.last_fault.startswith('first: ')


def test_a_good_answer_passes_untouched(agents_of: Any) -> None:
    guarded = Guarded(Answering('first'), Answering('second', _raise))
    assert guarded.predict(make_scene(agents_of(3))).engine == 'first'
    assert not guarded.failing
    assert guarded.faults == 0


def test_nobody_there_is_no_fault(agents_of: Any) -> None:
    guarded = Guarded(Answering('first'), Answering('second', _raise))
    assert guarded.predict(make_scene(agents_of(0))).engine == 'first'


def test_huge_but_finite_is_no_fault(agents_of: Any) -> None:
    def huge(_a: Any, pose: np.ndarray, _s: Any, _w: Any) -> None:
        pose[:] = 1e308

    guarded = Guarded(Answering('first', huge), Answering('second', _raise))
    assert guarded.predict(make_scene(agents_of(3))).engine == 'first'
