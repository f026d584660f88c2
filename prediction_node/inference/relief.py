"""Two models of one network: a fast one that may be away, and one that always answers."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from prediction_node.domain.errors import EngineError
from prediction_node.domain.tensors import Arrays, Sizes
from prediction_node.inference.model import Model, memory_of


class Faster(Protocol):
    """A model that may be away. `check` raises EngineError then, at once."""

    def check(self) -> None: ...

    def encode(self, arrays: Arrays) -> Any: ...

    def decode(
        self, encoded: Any, plan: np.ndarray, plan_valid: np.ndarray
    ) -> dict[str, np.ndarray]: ...


class Relieved:
    """Implements inference.model.RelievedModel. Where `first` is away or fails, `second` answers in
    the same call, and `standing_in` says why.
    """

    def __init__(self, first: Faster, second: Model, name: str, second_name: str) -> None:
        """Of equal sizes. The names are those of whoever answers."""
        self._first, self._second = first, second
        self._names = (name, second_name)
        self._arrays: Arrays = {}
        self.standing_in = ''
        self.memory = memory_of(second)

    @property
    def sizes(self) -> Sizes:
        return self._second.sizes

    @property
    def answers(self) -> str:
        """Who answered last, by name."""
        return self._names[bool(self.standing_in)]

    def encode(self, arrays: Arrays) -> list[Any]:
        """Which model has the scene, and what it made of it."""
        self._arrays = arrays
        try:
            self._first.check()
            encoded = self._first.encode(arrays)
        except ValueError:
            raise  # of the arrays, which no model takes
        except Exception as error:
            return self._relieve(error)
        self.standing_in = ''
        return [self._first, encoded]

    def decode(
        self, encoded: list[Any], plan: np.ndarray, plan_valid: np.ndarray
    ) -> dict[str, np.ndarray]:
        model, scene = encoded
        fast = model is self._first
        if fast:
            try:
                return self._first.decode(scene, plan, plan_valid)
            except ValueError:
                raise
            except Exception as error:
                # Later questions about this scene go to the second at once.
                encoded[:] = model, scene = self._relieve(error)
        found: dict[str, np.ndarray] = model.decode(scene, plan, plan_valid)
        return found

    def _relieve(self, error: Exception) -> list[Any]:
        name, other = self._names
        said = str(error) if isinstance(error, EngineError) else f'{type(error).__name__}: {error}'
        self.standing_in = f'{other} for {name}: {said}'
        return [self._second, self._second.encode(self._arrays)]
