"""What the log and /diagnostics are told of every release, of one that failed, and in between."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from prediction_node.pipeline import NOMINAL, Pipeline
from prediction_node.release import Release
from prediction_node.ros.diagnostics import Diagnostics
from prediction_node.scorecard.scorecard import Scorecard

_PERIOD_NS = 500_000_000  # of diagnostics while nothing changes


class Reporter:
    """Speaks when something changes, and twice a second. `scorecard` says how the node judges
    itself, if it does.
    """

    def __init__(
        self, node: Node, diagnostics: Diagnostics, scorecard: Callable[[], Scorecard | None]
    ) -> None:
        self._node = node
        self._diagnostics = diagnostics
        self._scorecard = scorecard
        self._last_release: Release | None = None
        self._told_silent: frozenset[str] = frozenset()
        self._told_ns = 0
        self._last_state: tuple[Any, ...] = ()
        self._last_causes: tuple[str, ...] = ()

    def forget(self) -> None:
        """No release comes for now."""
        self._last_release = None

    def released(self, release: Release, pipeline: Pipeline) -> None:
        """After a release."""
        log = self._node.get_logger()
        if release.notice:
            log.warning(f'{release.notice}: tracks and histories start anew')
        causes = tuple(reason.split(' (')[0].split(' for ')[0] for reason in release.reasons)
        if causes != self._last_causes:
            self._last_causes = causes
            why = f': {"; ".join(release.reasons)}' if release.reasons else ''
            # One line for each: rclpy lets a line of the source speak at one level only.
            if release.mode == NOMINAL:
                log.info(f'{release.mode}{why}')
            else:
                log.warning(f'{release.mode}{why}')
        health = release.health
        state = (release.mode, *(each.state for each in (*health.sources, health.odometry)))
        if self._due(state):
            self._diagnostics.publish(release, pipeline, self._scorecard())
        self._last_release = release
        self._told_silent = pipeline.silent_inputs(release.release_ns)

    def failed(self, error: Exception, pipeline: Pipeline) -> None:
        """Instead of a release: nothing else would say that there is none."""
        said = f'{type(error).__name__}: {error}'
        if self._due(('failed', said)):
            self._diagnostics.failed_cycle(said, pipeline)

    def watch(self, now_ns: int, pipeline: Pipeline) -> None:
        """Name inputs that have fallen silent since the last release."""
        release = self._last_release
        if release is None:
            return
        silent = pipeline.silent_inputs(now_ns)
        if silent <= self._told_silent:
            return
        self._told_silent = silent
        known = dataclasses.replace(release, health=pipeline.health(now_ns))
        self._diagnostics.publish(known, pipeline, self._scorecard())

    def _due(self, state: tuple[Any, ...]) -> bool:
        now_ns = time.monotonic_ns()
        if state == self._last_state and now_ns - self._told_ns < _PERIOD_NS:
            return False
        self._last_state, self._told_ns = state, now_ns
        return True
