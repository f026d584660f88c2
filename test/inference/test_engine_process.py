"""An engine that raises, hangs, dies or answers nonsense: in its own process, told in time, and
back after a while.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.conditional import Asking, Conditioned, EgoPlan
from prediction_node.domain.errors import EngineError
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, Prediction
from prediction_node.domain.scene import Scene
from prediction_node.domain.tensors import OUTPUTS, encoder_inputs
from prediction_node.inference.armed import FIRST_WAIT_S, LONGEST_WAIT_S, Armed
from prediction_node.inference.engine_process import EngineProcess
from prediction_node.inference.guard import Guarded

# Of waiting and computing: other work on the machine is not the engine's.
GAP_S, DEADLINE_S = 0.1, 0.04


@pytest.fixture(scope='module')
def stand_in() -> Iterator[Any]:
    """The module of failing networks, importable by other processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        yield importlib.import_module('stand_in_engine')


@pytest.fixture
def start(stand_in: Any, started: Any) -> Callable[..., EngineProcess]:
    """A started process that fails as told; ended with the test."""

    def begin(how: str, deadline_s: float = 30.0) -> EngineProcess:
        process: EngineProcess = started(stand_in.SIZES, stand_in.open_failing, how, deadline_s)
        return process

    return begin


def arrays_of(sizes: Any, value: float = 0.5) -> dict[str, np.ndarray]:
    return {
        name: np.full(tensor.shape(sizes), value, tensor.dtype)
        for name, tensor in encoder_inputs(sizes).items()
    }


def plans_of(sizes: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.zeros((count, sizes.blocks, 5), np.float32),
        np.ones((count, sizes.blocks), np.float32),
    )


@pytest.mark.parametrize('count', [1, 4])
def test_a_process_answers_like_the_model_in_it(stand_in: Any, start: Any, count: int) -> None:
    process, model = start('fine'), stand_in.Failing('fine')
    for value in (0.5, 2.0):
        arrays = arrays_of(stand_in.SIZES, value)
        plans = plans_of(stand_in.SIZES, count)
        found = process.decode(process.encode(arrays), *plans)
        expected = model.decode(model.encode(arrays), *plans)
        assert found.keys() == expected.keys()
        for name in OUTPUTS:
            np.testing.assert_array_equal(found[name], expected[name])


def test_answers_stay_as_they_were(stand_in: Any, start: Any) -> None:
    process = start('fine')
    plans = plans_of(stand_in.SIZES, 2)
    first = process.decode(process.encode(arrays_of(stand_in.SIZES, 1.0)), *plans)
    before = first['mean'].copy()
    process.decode(process.encode(arrays_of(stand_in.SIZES, 3.0)), *plans)
    np.testing.assert_array_equal(first['mean'], before)


def test_what_cannot_be_asked_is_named(stand_in: Any, start: Any) -> None:
    process = start('fine')
    arrays = arrays_of(stand_in.SIZES)
    old = process.encode(arrays)
    scene = process.encode(arrays)
    with pytest.raises(ValueError, match='must be the newest, 2, got 1'):
        process.decode(old, *plans_of(stand_in.SIZES, 1))
    with pytest.raises(ValueError, match='plans must be 1 to 4, got 5'):
        process.decode(scene, *plans_of(stand_in.SIZES, 5))
    with pytest.raises(ValueError, match='map_pose'):
        process.encode(arrays | {'map_pose': arrays['map_pose'][:1]})
    assert process.alive


@pytest.mark.parametrize(
    ('how', 'reason'),
    [
        ('raise', 'decode: MemoryError: out of memory'),
        ('die', 'decode: the engine process died'),
        ('raise encode', 'encode: MemoryError: out of memory'),
        ('die encode', 'encode: the engine process died'),
    ],
)
def test_a_failure_is_told_and_ends_the_process(
    stand_in: Any, start: Any, how: str, reason: str
) -> None:
    process = start(how)
    with pytest.raises(EngineError, match=reason):
        process.decode(process.encode(arrays_of(stand_in.SIZES)), *plans_of(stand_in.SIZES, 1))
    assert not process.alive
    with pytest.raises(EngineError, match=f'is gone: {reason}'):
        process.encode(arrays_of(stand_in.SIZES))
    process.join(10.0)


@pytest.mark.parametrize('how', ['hang', 'hang encode'])
def test_a_hang_ends_at_the_deadline(stand_in: Any, start: Any, how: str) -> None:
    process = start(how, deadline_s=0.05)
    begin = time.monotonic()
    with pytest.raises(EngineError, match='no answer within 50 ms'):
        process.decode(process.encode(arrays_of(stand_in.SIZES)), *plans_of(stand_in.SIZES, 1))
    assert time.monotonic() - begin < 10.0  # and not for ever
    assert not process.alive


@pytest.mark.parametrize(
    ('how', 'reason', 'fault'),
    [('raise open', 'MemoryError: out of memory', 'MemoryError'), ('die open', 'died', '')],
)
def test_a_model_that_does_not_open_is_told(
    stand_in: Any, how: str, reason: str, fault: str
) -> None:
    process = EngineProcess(stand_in.SIZES, stand_in.open_failing, how)
    with pytest.raises(EngineError, match=f'open: .*{reason}'):
        process.start()
    assert process.fault == fault
    assert not process.alive
    process.join(10.0)


class Cycles:
    """A guard over an engine at the boundary, cycle by cycle."""

    def __init__(self, model: Any, sizes: Any, agents: Any) -> None:
        from prediction_node.domain.agents import Ego
        from prediction_node.domain.frames import Transform
        from prediction_node.domain.lights import LightStates
        from prediction_node.domain.scene import History

        n = len(agents)
        history = History(
            np.zeros((n, 1, 2)), np.zeros((n, 1)), np.zeros((n, 1, 2)), np.zeros((n, 1), bool)
        )
        ego = Ego(agents.stamp_ns, Transform.identity(), np.zeros(2), 0.0, np.ones(3))
        self.scene = Scene(agents.stamp_ns, agents, history, ego, None, LightStates.none())
        self.guard = Guarded(_OnModel('tensorrt', model, sizes), _Still('kinematic'))

    def next(self) -> tuple[str, float]:
        """Who answered, and the processor time it took, s."""
        begin = time.thread_time()
        prediction = self.guard.predict(self.scene)
        return prediction.engine, time.thread_time() - begin


class _Still:
    """Predicts that nobody moves."""

    def __init__(self, name: str) -> None:
        self.name = name

    def predict(self, scene: Scene) -> Prediction:
        n = len(scene.agents)
        pose = np.zeros((n, MODE_COUNT, POSE_COUNT, 3))
        weight = np.full((n, MODE_COUNT), 1 / MODE_COUNT)
        return Prediction(scene.agents, pose, np.ones_like(pose), weight, self.name)

    def asking(self) -> Asking:
        return self.condition

    def condition(self, plans: tuple[EgoPlan, ...]) -> tuple[Conditioned, ...]:
        raise AssertionError('nobody asks')


class _OnModel(_Still):
    """The same after a cycle of a network."""

    def __init__(self, name: str, model: Any, sizes: Any) -> None:
        super().__init__(name)
        self._model, self._sizes = model, sizes

    def predict(self, scene: Scene) -> Prediction:
        encoded = self._model.encode(arrays_of(self._sizes))
        self._model.decode(encoded, *plans_of(self._sizes, 1))
        return super().predict(scene)


class Clock:
    """Waits when it is told to, and notes how long it was asked to."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.now = 0.0
        self._go = threading.Semaphore(0)
        self._waits = threading.Semaphore(0)

    def wait(self, closed: threading.Event, seconds: float) -> bool:
        self.asked.append(seconds)
        self._waits.release()
        self._go.acquire()
        return closed.is_set()

    def until_it_waits(self) -> None:
        assert self._waits.acquire(timeout=60.0)

    def go_on(self) -> None:
        self._go.release()


def settle(armed: Armed) -> None:
    """Until a model serves."""
    while not armed.ready:
        threading.Event().wait(0.001)


@pytest.mark.parametrize('mode', ['raise', 'die', 'hang', 'nan', 'raise encode', 'hang encode'])
def test_a_fault_costs_no_cycle_and_the_engine_comes_back(
    stand_in: Any, agents_of: Any, tmp_path: Path, mode: str
) -> None:
    """The planner is answered in the same cycle and in every one after it, within 100 ms; the
    cycles lost are counted; after the wait the engine serves again.
    """
    how = f'{mode} once {tmp_path / "mark"}'
    clock = Clock()

    deadlines_s = [30.0, DEADLINE_S if 'hang' in mode else 30.0]

    def make() -> EngineProcess:
        return EngineProcess(stand_in.SIZES, stand_in.open_failing, how, deadlines_s.pop())

    armed = Armed(stand_in.SIZES, make, wait=clock.wait, now_s=lambda: clock.now)
    try:
        settle(armed)
        cycles = Cycles(armed, stand_in.SIZES, agents_of(3))
        engine, took_s = cycles.next()
        assert engine == 'kinematic'
        assert took_s + DEADLINE_S < GAP_S
        assert cycles.guard.failing
        assert cycles.guard.faults == 1
        assert cycles.guard.last_fault.startswith('tensorrt: EngineError')
        clock.until_it_waits()
        for _ in range(3):
            engine, took_s = cycles.next()
            assert engine == 'kinematic'
            assert took_s < GAP_S
        assert cycles.guard.faults == 4
        clock.go_on()
        settle(armed)
        assert cycles.next()[0] == 'tensorrt'
        assert not cycles.guard.failing
        assert armed.tries == 2
    finally:
        clock.go_on()
        armed.close()


def test_waits_double_up_to_a_minute(stand_in: Any) -> None:
    """What never comes is asked for less and less often, and no call waits for it."""
    clock = Clock()

    class Never:
        sizes = stand_in.SIZES
        alive = False

        def start(self) -> None:
            raise EngineError('no engine is kept')

        def close(self) -> None:
            pass

    armed = Armed(stand_in.SIZES, Never, wait=clock.wait)  # type: ignore[arg-type]
    for _ in range(10):
        clock.until_it_waits()
        with pytest.raises(EngineError, match='no engine is kept'):
            armed.encode({})
        clock.go_on()
    clock.until_it_waits()
    clock.go_on()
    armed.close()
    doubled = [min(FIRST_WAIT_S * 2**k, LONGEST_WAIT_S) for k in range(10)]
    assert clock.asked[:10] == doubled


def test_a_scene_of_an_engine_that_is_gone_is_refused(stand_in: Any, start: Any) -> None:
    clock = Clock()
    models = [stand_in.Failing('fine'), stand_in.Failing('fine')]

    class Here:
        sizes = stand_in.SIZES
        alive = True

        def __init__(self) -> None:
            self._model = models.pop()
            self.encode = self._model.encode

        def start(self) -> None: ...

        def close(self) -> None: ...

        def decode(self, *_: Any) -> Any:
            raise MemoryError('out of memory')

    armed = Armed(stand_in.SIZES, Here, wait=clock.wait)
    settle(armed)
    encoded = armed.encode(arrays_of(stand_in.SIZES))
    plans = plans_of(stand_in.SIZES, 1)
    with pytest.raises(MemoryError):
        armed.decode(encoded, *plans)
    clock.until_it_waits()
    clock.go_on()
    settle(armed)
    with pytest.raises(EngineError, match='the scene went with its engine'):
        armed.decode(encoded, *plans)
    clock.go_on()
    armed.close()
