"""After a stall: first the messages that wait, then the release."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.node import Node

_LIMIT_NS = 50_000_000  # a flood of messages must not hold the release longer


class CatchUp:
    """Calls `release` once the messages that are waiting have been received.

    The executor runs timers before subscriptions, and one message of each in a round: a release at
    once would be made of what was known before the stall. A guard condition comes after the
    subscriptions, so one round in which nothing was received means that nothing waits.
    """

    def __init__(self, node: Node, release: Callable[[], None]) -> None:
        self._release = release
        self._guard = node.create_guard_condition(self._on_round)
        self._received = self._seen = 0
        self._end_ns: int | None = None

    @property
    def running(self) -> bool:
        return self._end_ns is not None

    def received(self) -> None:
        """Count a message."""
        self._received += 1

    def start(self) -> None:
        """Begin; `release` follows within 50 ms."""
        self._seen = -1
        self._end_ns = time.monotonic_ns() + _LIMIT_NS
        self._guard.trigger()

    def stop(self) -> None:
        """Call `release` no more."""
        self._end_ns = None

    def _on_round(self) -> None:
        if self._end_ns is None:
            return
        if self._received != self._seen and time.monotonic_ns() < self._end_ns:
            self._seen = self._received
            self._guard.trigger()
            return
        self._end_ns = None
        self._release()
