"""Error boundary around callbacks: whatever arrives on a topic, the node goes on and the count
tells.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any


class ErrorBoundary:
    """`errors` counts what escaped from each named callback; the first of each is logged with its
    trace.
    """

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self.errors: Counter[str] = Counter()
        self.last: dict[str, str] = {}

    def wrap(self, name: str, callback: Callable[..., None]) -> Callable[..., None]:
        def guarded(*arguments: Any) -> None:
            try:
                callback(*arguments)
            except Exception as error:
                self.errors[name] += 1
                self.last[name] = f'{type(error).__name__}: {error}'
                if self.errors[name] == 1:
                    self._logger.error(f'{name}: {traceback.format_exc()}')

        return guarded
