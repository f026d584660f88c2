"""Whatever the fast model does, somebody answers, and it is said who and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prediction_node.domain.errors import EngineError
from prediction_node.domain.tensors import Sizes
from prediction_node.inference.relief import Relieved

SIZES = Sizes(agents=3, map_nodes=2)
PLAN = (np.zeros((1, 16, 5), np.float32), np.zeros((1, 16), np.float32))


class Stand:
    """Counts, and fails where it is told to."""

    def __init__(self, value: float) -> None:
        self.sizes = SIZES
        self.value = value
        self.failing: dict[str, Exception] = {}
        self.calls: list[str] = []

    def _do(self, what: str) -> None:
        self.calls.append(what)
        if what in self.failing:
            raise self.failing[what]

    def check(self) -> None:
        self._do('check')

    def encode(self, arrays: Any) -> float:
        self._do('encode')
        return float(arrays['x'].sum())

    def decode(self, encoded: Any, plan: np.ndarray, valid: np.ndarray) -> dict[str, np.ndarray]:
        self._do('decode')
        return {'mean': np.array([self.value * encoded])}


def ask(model: Relieved, value: float = 1.0) -> float:
    return float(model.decode(model.encode({'x': np.array([value])}), *PLAN)['mean'][0])


@pytest.fixture
def pair() -> tuple[Relieved, Stand, Stand]:
    fast, slow = Stand(1.0), Stand(10.0)
    return Relieved(fast, slow, 'tensorrt', 'onnx'), fast, slow


def test_the_fast_model_answers_while_it_can(pair: Any) -> None:
    model, _, slow = pair
    assert ask(model, 2.0) == 2.0
    assert model.standing_in == ''
    assert model.answers == 'tensorrt'
    assert slow.calls == []


@pytest.mark.parametrize('where', ['check', 'encode', 'decode'])
def test_the_other_answers_in_the_same_call_and_the_fast_one_again_later(
    pair: Any, where: str
) -> None:
    model, fast, slow = pair
    fast.failing[where] = EngineError('no answer within 30 ms')
    assert ask(model, 2.0) == 20.0
    assert model.standing_in == 'onnx for tensorrt: no answer within 30 ms'
    assert model.answers == 'onnx'
    assert slow.calls == ['encode', 'decode']
    fast.failing.clear()
    assert ask(model, 3.0) == 3.0
    assert model.standing_in == ''


def test_a_model_that_is_away_is_given_nothing(pair: Any) -> None:
    model, fast, _ = pair
    fast.failing['check'] = EngineError('no engine is kept')
    ask(model)
    assert fast.calls == ['check']


def test_a_scene_is_handed_over_once(pair: Any) -> None:
    """More questions about a scene whose engine went do not ask it, nor encode anew."""
    model, fast, slow = pair
    encoded = model.encode({'x': np.array([2.0])})
    fast.failing['decode'] = MemoryError('out of memory')
    for _ in range(3):
        assert model.decode(encoded, *PLAN)['mean'][0] == 20.0
    assert fast.calls.count('decode') == 1
    assert slow.calls.count('encode') == 1
    assert model.standing_in == 'onnx for tensorrt: MemoryError: out of memory'


@pytest.mark.parametrize('where', ['encode', 'decode'])
def test_what_is_wrong_with_the_question_is_not_hidden(pair: Any, where: str) -> None:
    model, fast, slow = pair
    fast.failing[where] = ValueError('tensor plan must be float32')
    with pytest.raises(ValueError, match='tensor plan'):
        ask(model)
    assert slow.calls == []


def test_where_both_fail_the_guard_hears_of_it(pair: Any) -> None:
    model, fast, slow = pair
    fast.failing['check'] = EngineError('away')
    slow.failing['encode'] = MemoryError('no room')
    with pytest.raises(MemoryError, match='no room'):
        ask(model)
