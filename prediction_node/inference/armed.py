"""An engine that comes when it is ready, goes when it fails, and comes again after a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, cast

import numpy as np

from prediction_node.domain.errors import EngineError
from prediction_node.domain.tensors import Arrays, Sizes

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
# So long must it have served before a failure is an accident and not a habit.
PROVEN_S = 60.0


class Startable(Protocol):
    """A model that takes a while to come, and that can be gone."""

    @property
    def sizes(self) -> Sizes: ...

    @property
    def alive(self) -> bool: ...

    def start(self) -> None:
        """Raises EngineError."""

    def encode(self, arrays: Arrays) -> Any: ...

    def decode(
        self, encoded: Any, plan: np.ndarray, plan_valid: np.ndarray
    ) -> dict[str, np.ndarray]: ...

    def close(self) -> None: ...


class Armed:
    """Implements inference.model.Model with models that are made, checked and made anew by a
    thread of their own. Without one every call raises EngineError at once, saying why: a guard's
    fallback answers meanwhile.

    After each failure the next try waits twice as long, from FIRST_WAIT_S to LONGEST_WAIT_S.
    """

    def __init__(
        self,
        sizes: Sizes,
        make: Callable[[], Startable],
        *,
        wait: Callable[[threading.Event, float], bool] | None = None,
        now_s: Callable[[], float] | None = None,
    ) -> None:
        """`make` gives a model that is not started; `start` raises EngineError where it must not
        serve. `wait` and `now_s` stand in for the clock in tests.
        """
        self.sizes = sizes
        self.tries = 0
        self.reason = 'the engine is being made ready'
        self._make = make
        self._wait = wait or (lambda event, seconds: event.wait(seconds))
        self._now_s = now_s or time.monotonic
        self._model: Startable | None = None
        self._wait_s = FIRST_WAIT_S
        self._since_s = 0.0
        self._failed = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name='engine', daemon=True)
        self._thread.start()

    @property
    def ready(self) -> bool:
        return self._model is not None

    def check(self) -> None:
        """Raises EngineError where no model is ready, so that nothing is prepared for it."""
        if self._model is None:
            raise EngineError(self.reason)

    def encode(self, arrays: Arrays) -> Any:
        model = self._serving()
        return model, self._guarded(model, lambda: model.encode(arrays))

    def decode(
        self, encoded: Any, plan: np.ndarray, plan_valid: np.ndarray
    ) -> dict[str, np.ndarray]:
        asked, scene = encoded
        model = self._model
        if model is None or model is not asked:
            raise EngineError(f'the scene went with its engine: {self.reason}')
        return cast(
            'dict[str, np.ndarray]',
            self._guarded(model, lambda: finite(model.decode(scene, plan, plan_valid))),
        )

    def close(self) -> None:
        """End the model; the thread ends by itself, whatever it waits for."""
        self._closed.set()
        self._failed.set()
        model, self._model = self._model, None
        if model is not None:
            model.close()

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the thread; not for a cycle."""
        self._thread.join(timeout_s)

    def _serving(self) -> Startable:
        self.check()
        model = self._model
        if model is None:
            raise EngineError(self.reason)
        return model

    def _guarded(self, model: Startable, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except ValueError:
            raise  # of the one who asked
        except Exception as error:
            self._retire(model, error)
            raise

    def _retire(self, model: Startable, error: Exception) -> None:
        """In a cycle: forget the model, and leave the rest to the thread."""
        if self._model is not model:
            return
        self.reason = str(error)
        self._model = None
        model.close()
        self._failed.set()

    def _work(self) -> None:
        while not self._closed.is_set():
            self._failed.clear()
            if self._arm():
                if self._closed.is_set():
                    self.close()
                    return
                self._failed.wait()
                if self._now_s() - self._since_s >= PROVEN_S:
                    self._wait_s = FIRST_WAIT_S
            if self._closed.is_set():
                return
            wait_s, self._wait_s = self._wait_s, min(2.0 * self._wait_s, LONGEST_WAIT_S)
            self._wait(self._closed, wait_s)

    def _arm(self) -> bool:
        """One try."""
        self.tries += 1
        model = None
        try:
            model = self._make()
            model.start()
        # Whatever it is: the node goes on without, and says so.
        except Exception as error:
            self.reason = str(error) or type(error).__name__
            if model is not None:
                model.close()
            return False
        self._since_s = self._now_s()
        self._model = model
        self.reason = ''
        return True


def finite(answer: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The answer. Raises EngineError where a number of it is none."""
    for name, value in answer.items():
        if not np.isfinite(value).all():
            raise EngineError(f'{name} of the engine is not finite')
    return answer
