"""Error boundary around callbacks: whatever arrives on a topic, the node goes on and the count
tells.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

from rclpy.node import Node


class ErrorBoundary:
    """`errors` counts what escaped from each named callback; the first of each is logged with its
    trace. What fails because the node was told to stop in the middle of a callback does not count.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.errors: Counter[str] = Counter()
        self.last: dict[str, str] = {}

    def wrap(self, name: str, callback: Callable[..., None]) -> Callable[..., None]:
        def guarded(*arguments: Any) -> None:
            try:
                callback(*arguments)
            except Exception as error:
                if not self._node.context.ok():
                    return  # publishers refuse to work without a context: this is the end
                self.errors[name] += 1
                self.last[name] = f'{type(error).__name__}: {error}'
                if self.errors[name] == 1:
                    self._node.get_logger().error(f'{name}: {traceback.format_exc()}')

        return guarded
