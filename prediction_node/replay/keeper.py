"""What becomes of a release: written, scored and kept for the report."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prediction_node import cdr
from prediction_node.bags.values import Message
from prediction_node.domain.errors import MessageError
from prediction_node.domain.frames import MAP
from prediction_node.domain.kinds import CLASS_COUNT
from prediction_node.domain.message_arrays import TrackedObjectsArrays
from prediction_node.markers import truth_markers
from prediction_node.metrics import Figures
from prediction_node.pipeline import Release
from prediction_node.replay.log import MAX_FRAMES, ReplayLog, frame_of
from prediction_node.replay.recorder import Recorder
from prediction_node.replay.scorer import Scorer
from prediction_node.scorecard.scorecard import Scorecard


@dataclass(frozen=True)
class Outcome:
    """What a replay came to."""

    engine: Figures
    constant_velocity: Figures
    own_truth: bool  # the truth is what fusion saw later, not recorded true objects
    matched: int  # predictions of agents with a truth
    unmatched: int  # and without
    unreadable_truth: int  # messages
    log: ReplayLog
    scorecard: dict[str, Any] | None  # as the running node would have it at the end


class Keeper:
    """Hands releases and the messages before them to recorder, scorer, scorecard and log."""

    def __init__(
        self,
        recorder: Recorder,
        log: ReplayLog,
        truth_topic: str | None,
        scorecard: Scorecard | None = None,
    ) -> None:
        """`truth_topic` None: the fused tracks are their own truth."""
        self._scorecard = scorecard
        self._scorer = Scorer(own_truth=truth_topic is None, on_truth=self._on_truth)
        self._log = log
        self._unreadable_truth = 0
        self._recorder = recorder
        self._truth_topic = truth_topic
        self._has_origin = False
        # By key of the prediction: log time and stamp of its release, and where it was.
        self._awaiting: dict[int, tuple[int, int, np.ndarray]] = {}

    def keep(self, messages: Sequence[Message], release: Release | None) -> None:
        """Take over the messages since the last release, then the release."""
        for message in messages:
            self._recorder.copy(message)
            if message.topic == self._truth_topic:
                self._take_truth(message.data)
        if release is not None:
            self._recorder.record(release)
            self._score(release)
            if self._scorecard is not None:
                self._scorecard.see(release)

    def finish(self) -> Outcome:
        """Score what is left, and complete the recording."""
        scorer = self._scorer
        scorer.finish()
        self._recorder.close()
        return Outcome(
            engine=scorer.engine,
            constant_velocity=scorer.constant_velocity,
            own_truth=scorer.own_truth,
            matched=scorer.matched,
            unmatched=scorer.unmatched,
            unreadable_truth=self._unreadable_truth,
            log=self._log,
            scorecard=None if self._scorecard is None else self._scorecard.figures(),
        )

    def abort(self) -> None:
        """Leave no recording behind."""
        self._recorder.abort()

    def _take_truth(self, data: bytes) -> None:
        try:
            truth = cdr.read_tracked_objects(data)
        except MessageError:
            self._unreadable_truth += 1
            return
        finite = np.isfinite(truth.position).all(axis=1)
        position = truth.position[finite, :2]
        label = labels_of(truth)[finite]
        self._scorer.add_truth(truth.stamp_ns, truth.object_id[finite], position, label)

    def _score(self, release: Release) -> None:
        log = self._log
        key = log.releases
        log.releases += 1
        if release.notice:
            self._scorer.restart()
        if not self._has_origin and release.ego is not None:
            # Releases before the first known pose hold nothing that lies anywhere.
            log.origin_m = release.ego.position_m.copy()
            self._has_origin = True
        if len(log.frames) < MAX_FRAMES:
            log.frames.append(frame_of(release, log.origin_m))
        if release.ego is not None:
            if self._scorer.own_truth:
                self._scorer.add_own_truth(release.agents)
            place = np.floor(release.ego.map_from_base.translation_m)
            self._awaiting[key] = (release.release_ns, release.stamp_ns, place)
            self._scorer.add_prediction(key, release.prediction)

    def _on_truth(self, key: int, position_m: np.ndarray, known: np.ndarray) -> None:
        release_ns, stamp_ns, place = self._awaiting.pop(key)
        marker = truth_markers(position_m, known, place)
        self._recorder.record_truth(release_ns, cdr.write_marker_array([marker], stamp_ns, MAP))
        frames = self._log.frames
        if key < len(frames):
            relative = np.where(known[..., None], position_m - self._log.origin_m, 0.0)
            frames[key] = dataclasses.replace(
                frames[key], truth_m=relative.astype(np.float32), truth_valid=known
            )


def labels_of(truth: TrackedObjectsArrays) -> np.ndarray:
    """(N,) most probable class of each object; UNKNOWN where it has none that we know."""
    labels = np.zeros(len(truth.position), np.int64)
    for i, (begin, end) in enumerate(itertools.pairwise(truth.class_offsets.tolist())):
        if end > begin:
            best = begin + int(np.argmax(truth.class_probability[begin:end]))
            label = int(truth.class_label[best])
            labels[i] = label if label < CLASS_COUNT else 0
    return labels
