"""The clock of a replay is the recording's log time: the same recording gives the same bytes.

Releases come every 100 ms from the first odometry on; a message counts for a release if its log
time is not later.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from prediction_node import cdr
from prediction_node.bags.reader import BagReader
from prediction_node.bags.values import Message
from prediction_node.domain.errors import MessageError
from prediction_node.domain.kinds import CLASS_COUNT
from prediction_node.domain.message_arrays import TrackedObjectsArrays
from prediction_node.domain.stamps import NS_PER_S, STEP_NS, nanoseconds
from prediction_node.pipeline import ODOMETRY, VECTOR_MAP, Pipeline, Release
from prediction_node.replay.log import MAX_FRAMES, ReplayLog, frame_of
from prediction_node.replay.recorder import Recorder
from prediction_node.replay.scorer import Scorer
from prediction_node.replay.topics import GROUND_TRUTH, TopicMapping
from prediction_node.schedule import first_aligned_ns

# Silence longer than this is a pause of the recorder: releases stop 2 s into it and go on after it.
PAUSE_NS = 10 * NS_PER_S
COAST_NS = 2 * NS_PER_S

OnProgress = Callable[[int], None]


@dataclass
class Counts:
    """What a replay went through."""

    messages: int = 0
    releases: int = 0
    first_release_ns: int | None = None
    last_release_ns: int | None = None
    modes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    resets: int = 0
    pauses: int = 0
    agents: int = 0  # published, summed over releases
    most_agents: int = 0
    shed: int = 0
    unreadable_truth: int = 0


class Replay:
    """Feeds a recording through a pipeline. `run` once, then read `counts`, `scorer` and `log`."""

    def __init__(
        self,
        bag: BagReader,
        mapping: TopicMapping,
        pipeline: Pipeline,
        recorder: Recorder,
        log: ReplayLog,
        *,
        use_recorded_map: bool,
        limit_s: float | None = None,
    ) -> None:
        """`use_recorded_map`: a map on the recording's map topic counts. `limit_s`: stop that long
        after the first release.
        """
        self._bag = bag
        self._pipeline = pipeline
        self._recorder = recorder
        self._inputs = mapping.name_of
        if not use_recorded_map:
            self._inputs = {t: n for t, n in self._inputs.items() if n != VECTOR_MAP}
        self._limit_ns = None if limit_s is None else nanoseconds(limit_s)
        own_truth = mapping.topic_of(GROUND_TRUTH) is None
        self.scorer = Scorer(own_truth=own_truth, on_truth=self._on_truth)
        self.counts = Counts()
        self.log = log

    def run(self, on_progress: OnProgress) -> None:
        """Replay all of it. `on_progress` hears log times."""
        next_ns: int | None = None
        last_ns: int | None = None
        for message in self._bag.messages():
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
                # The last instant still sees everything that was recorded before it.
                self._catch_up(next_ns, last_ns, first_aligned_ns(last_ns) + 1)
        self.scorer.finish()

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
        self._recorder.copy(message)
        name = self._inputs.get(message.topic)
        if name == GROUND_TRUTH:
            self._take_truth(message.data)
        elif name is not None:
            self._pipeline.receive(name, message.data, message.log_ns)

    def _take_truth(self, data: bytes) -> None:
        try:
            truth = cdr.read_tracked_objects(data)
        except MessageError:
            self.counts.unreadable_truth += 1
            return
        finite = np.isfinite(truth.position).all(axis=1)
        label = _labels(truth)[finite]
        position = truth.position[finite, :2]
        self.scorer.add_truth(truth.stamp_ns, truth.object_id[finite], position, label)

    def _release(self, now_ns: int) -> None:
        release = self._pipeline.release(now_ns)
        self._recorder.record(release)
        self._count(release)
        if release.reset:
            self.scorer.restart()
        if not self.counts.releases - 1 and release.ego is not None:
            self.log.origin_m = release.ego.position_m.copy()
        if len(self.log.frames) < MAX_FRAMES:
            self.log.frames.append(frame_of(release, self.log.origin_m))
        if release.ego is not None:
            if self.scorer.own_truth:
                self.scorer.add_own_truth(release.agents)
            self.scorer.add_prediction(self.counts.releases - 1, release.prediction)

    def _count(self, release: Release) -> None:
        counts = self.counts
        counts.releases += 1
        self.log.releases += 1
        if counts.first_release_ns is None:
            counts.first_release_ns = release.release_ns
        counts.last_release_ns = release.release_ns
        counts.modes[release.mode] += 1
        counts.reasons.update(release.reasons)
        counts.resets += release.reset
        counts.agents += len(release.prediction.agents)
        counts.most_agents = max(counts.most_agents, len(release.prediction.agents))
        counts.shed += release.shed

    def _on_truth(self, key: int, position_m: np.ndarray, known: np.ndarray) -> None:
        if key < len(self.log.frames):
            relative = np.where(known[..., None], position_m - self.log.origin_m, 0.0)
            self.log.frames[key] = dataclasses.replace(
                self.log.frames[key], truth_m=relative.astype(np.float32), truth_valid=known
            )


def _labels(truth: TrackedObjectsArrays) -> np.ndarray:
    """(N,) most probable class of each object; UNKNOWN where it has none that we know."""
    labels = np.zeros(len(truth.position), np.int64)
    for i, (begin, end) in enumerate(_pairs(truth.class_offsets)):
        if end > begin:
            best = begin + int(np.argmax(truth.class_probability[begin:end]))
            label = int(truth.class_label[best])
            labels[i] = label if label < CLASS_COUNT else 0
    return labels


def _pairs(offsets: np.ndarray) -> Iterator[tuple[int, int]]:
    return itertools.pairwise(offsets.tolist())
