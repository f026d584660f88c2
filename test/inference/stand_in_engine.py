"""Networks that fail in a process of their own, which imports this by name.

`argument` says how: 'fine', 'raise', 'hang', 'die', 'nan', each in `decode`; 'raise encode',
'hang encode', 'raise open', 'die open', 'hang open'. A path after it ('raise once PATH'): only
while that file is missing, which is then written.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from prediction_node.domain.tensors import OUTPUTS, Sizes

SIZES = Sizes(agents=3, map_nodes=2, candidates=4, cells=4, channels=2)


class Failing:
    """Answers with the sum of the state and the number of the plan, until it fails."""

    def __init__(self, how: str) -> None:
        self.sizes = SIZES
        self._how = how

    def encode(self, arrays: Mapping[str, np.ndarray]) -> float:
        fail(self._how, 'encode')
        return float(arrays['actor_state'].sum())

    def decode(self, encoded: float, plan: np.ndarray, valid: np.ndarray) -> dict[str, np.ndarray]:
        fail(self._how, '')
        found = {}
        for name, tensor in OUTPUTS.items():
            value = np.full(tensor.shape(SIZES)[1:], encoded, np.float32)
            found[name] = np.stack([value + row for row in range(len(plan))])
        if self._how.startswith('nan'):
            found['spread'][0, 1, 2, 3, 1] = np.nan
        return found


def fail(how: str, where: str) -> None:
    words = how.split()
    mode = words[0]
    if ('open' in words) != (where == 'open') or ('encode' in words) != (where == 'encode'):
        return
    if mode == 'raise':
        raise MemoryError('out of memory')
    if mode == 'hang':
        threading.Event().wait()
    if mode == 'die':
        os.kill(os.getpid(), signal.SIGKILL)


def open_failing(how: Any, inputs: Mapping[str, np.ndarray]) -> Failing:
    words = str(how).split()
    if 'once' in words:
        mark = Path(words[-1])
        if mark.exists():
            return Failing('fine')
        mark.touch()
    fail(str(how), 'open')
    return Failing(str(how))
