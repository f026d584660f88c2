"""Error boundary around callbacks: whatever arrives on a topic, the node goes on and the count
tells.
"""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

from rclpy.node import Node

REPEAT_S = 10.0


class ErrorBoundary:
    """`errors` counts what escaped from each named callback; each is logged with its trace when it
    begins, when it becomes another, and every REPEAT_S while it lasts. What fails because the node
    was told to stop in the middle of a callback does not count.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.errors: Counter[str] = Counter()
        self._told: dict[str, tuple[str, float]] = {}  # what was logged last, and when

    def wrap(self, name: str, callback: Callable[..., None]) -> Callable[..., None]:
        def guarded(*arguments: Any) -> None:
            try:
                callback(*arguments)
            except Exception as error:
                if not self._node.context.ok():
                    return  # publishers refuse to work without a context: this is the end
                self.errors[name] += 1
                said, now_s = f'{type(error).__name__}: {error}', time.monotonic()
                before, at_s = self._told.get(name, ('', -REPEAT_S))
                if said != before or now_s - at_s >= REPEAT_S:
                    self._told[name] = said, now_s
                    self._node.get_logger().error(f'{name}: {traceback.format_exc()}')

        return guarded
