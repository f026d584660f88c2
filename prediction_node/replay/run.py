"""The clock of a replay is the recording's log time: the same recording gives the same bytes.

Releases come every 100 ms from the first odometry on, at whole tenths of a second; a message counts
for a release if its log time is not later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from prediction_node.bags.reader import BagReader
from prediction_node.bags.values import Message
from prediction_node.domain.stamps import NS_PER_S, STEP_NS, nanoseconds
from prediction_node.observation.observer import ODOMETRY
from prediction_node.pipeline import Perception, Pipeline
from prediction_node.replay.counts import Counts
from prediction_node.schedule import first_aligned_ns

# Silence longer than this is a pause of the recorder: releases stop 2 s into it and go on after it.
PAUSE_NS = 10 * NS_PER_S
COAST_NS = 2 * NS_PER_S
# Messages before the first odometry are handed on in portions, however long it takes to come.
PORTION = 256

OnProgress = Callable[[int], None]


class Taker(Protocol):
    """Whoever makes something of a replay."""

    def keep(self, messages: Sequence[Message], perception: Perception | None) -> None:
        """Take over the messages since the last release, then what is known at this one."""


class Replay:
    """Feeds a recording through a pipeline. `run` once, then read `counts`."""

    def __init__(
        self,
        pipeline: Pipeline,
        inputs: Mapping[str, str],
        keeper: Taker,
        *,
        limit_s: float | None = None,
    ) -> None:
        """`inputs`: topic -> input of the pipeline. `limit_s`: stop that long after the first
        release.
        """
        self._pipeline = pipeline
        self._inputs = inputs
        self._keeper = keeper
        self._limit_ns = None if limit_s is None else nanoseconds(limit_s)
        self._since_release: list[Message] = []
        self.counts = Counts()

    def run(self, bag: BagReader, on_progress: OnProgress) -> None:
        """Replay all of it. `on_progress` hears log times."""
        next_ns: int | None = None
        last_ns: int | None = None
        for message in bag.messages():
            if next_ns is not None and last_ns is not None:
                next_ns = self._catch_up(next_ns, last_ns, message.log_ns)
            if self._ended(message.log_ns):
                break
            if next_ns is None and self._inputs.get(message.topic) == ODOMETRY:
                next_ns = first_aligned_ns(message.log_ns)
            self._take(message)
            last_ns = message.log_ns
            on_progress(message.log_ns)
        else:
            if next_ns is not None and last_ns is not None:
                # One release sees all that was recorded up to the end.
                self._catch_up(next_ns, last_ns, first_aligned_ns(last_ns) + 1)
        self._hand_on(None)

    def _ended(self, log_ns: int) -> bool:
        first = self.counts.first_release_ns
        return self._limit_ns is not None and first is not None and log_ns > first + self._limit_ns

    def _catch_up(self, next_ns: int, last_ns: int, log_ns: int) -> int:
        """Make the releases due before a message of `log_ns`. Returns when the next one is."""
        paused = log_ns - last_ns > PAUSE_NS
        until_ns = last_ns + COAST_NS if paused else log_ns
        while next_ns < until_ns and not self._ended(next_ns):
            self._release(next_ns)
            next_ns += STEP_NS
        if paused:
            self.counts.pauses += 1
            return max(next_ns, first_aligned_ns(log_ns))
        return next_ns

    def _take(self, message: Message) -> None:
        self.counts.messages += 1
        self._since_release.append(message)
        if len(self._since_release) >= PORTION:
            self._hand_on(None)
        name = self._inputs.get(message.topic)
        if name is not None:
            self._pipeline.receive(name, message.data, message.log_ns)

    def _release(self, now_ns: int) -> None:
        if self.counts.first_release_ns is None:
            self.counts.first_release_ns = now_ns
        self._hand_on(self._pipeline.perceive(now_ns))

    def _hand_on(self, perception: Perception | None) -> None:
        messages, self._since_release = self._since_release, []
        self._keeper.keep(messages, perception)
