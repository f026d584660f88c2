"""Samples of a drive: scenes as the vehicle's own pipeline makes them, futures as the log has them.

The whole pipeline runs over the bag as in a replay, fusion included. Scenes wait until the eight
seconds after them are known, then get their futures and go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from prediction_node import cdr
from prediction_node.bags.reader import BagReader
from prediction_node.bags.values import Message
from prediction_node.domain.errors import DataError, MessageError
from prediction_node.domain.frames import MAP, yaw_from_quaternion
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.scene import Scene
from prediction_node.domain.stamps import NS_PER_S, STEP_NS
from prediction_node.extraction.asking import Asking
from prediction_node.extraction.frames import Bodies, Frame, Frames, whose
from prediction_node.learning.samples.labels import ego_future, futures
from prediction_node.learning.samples.sample import FUTURE_STEPS, Sample
from prediction_node.pipeline import Perception, Pipeline
from prediction_node.replay.keeper import labels_of
from prediction_node.replay.run import Replay
from prediction_node.replay.topics import GROUND_TRUTH, TopicMapping, types_read

# A fused track is its own truth only where a sensor saw it: coasting is prediction, not fact.
SEEN_WITHIN_S = 0.3
WARM_UP_NS = NS_PER_S  # after the first release: tracks need some sightings
PATIENCE_NS = 10 * NS_PER_S  # with a truth that falls silent
BATCH = 16  # scenes labelled together
_FUTURE_NS = FUTURE_STEPS * STEP_NS
_PAST_NS = 2 * NS_PER_S  # what is kept before a scene, to find out who is who
_EGO = b'ego'

Add = Callable[[Sample], None]


class Drive:
    """One bag, to be cut into samples."""

    def __init__(
        self,
        path: Path,
        name: str,
        mapping: TopicMapping,
        lane_map: LaneMap | None,
        asking: Asking,
    ) -> None:
        """`lane_map` None: the one in the bag, if there is one."""
        self._path = path
        self._name = name
        self._mapping = mapping
        self._lane_map = lane_map
        self._asking = asking

    @property
    def origin(self) -> str:
        """A bag that holds the truth comes of modelled sensors; a real one knows no truth."""
        return 'sensed' if self._mapping.topic_of(GROUND_TRUTH) else 'recorded'

    def tell(self, add: Add) -> None:
        """Run the pipeline over the bag and add its samples. Raises BagError and DataError."""
        config = self._mapping.config
        pipeline = Pipeline(config, self._lane_map)
        inputs = self._mapping.pipeline_inputs(recorded_map=self._lane_map is None)
        cutter = Cutter(
            add,
            self._asking,
            recording=self._name,
            origin=self.origin,
            truth_topic=self._mapping.topic_of(GROUND_TRUTH),
        )
        with BagReader(self._path, types_read(config)) as bag:
            Replay(pipeline, inputs, cutter).run(bag, lambda log_ns: None)
        cutter.finish()


class Cutter:
    """Takes a replay's perceptions and adds samples; call `finish` at the end.

    `truth_topic` None: the fused tracks are their own truth, as long as they keep their id and a
    sensor sees them.
    """

    def __init__(
        self,
        add: Add,
        asking: Asking,
        *,
        recording: str,
        origin: str,
        truth_topic: str | None,
    ) -> None:
        self._add = add
        self._stride_ns = asking.stride_ns
        self._recording = recording
        self._origin = origin
        self._truth_topic = truth_topic
        self._truth = Frames()
        self._ego = Frames()
        self._speeds: deque[tuple[int, float]] = deque()
        self._pending: deque[Scene] = deque()
        self._due_ns: int | None = None

    def keep(self, messages: Sequence[Message], perception: Perception | None) -> None:
        for message in messages:
            if message.topic == self._truth_topic:
                self._take_truth(message.data)
        if perception is None:
            return
        if perception.notice:  # time has jumped: nothing after it is the future of what was before
            self._restart()
        scene = perception.scene
        if scene is None:
            return
        self._take_ego(scene)
        if self._truth_topic is None:
            self._take_tracks(perception)
        if self._due_ns is None:
            self._due_ns = scene.stamp_ns + WARM_UP_NS
        if scene.stamp_ns >= self._due_ns:
            late = (scene.stamp_ns - self._due_ns) // self._stride_ns
            self._due_ns += (1 + late) * self._stride_ns
            self._pending.append(scene)
        self._label(self._known_until_ns())

    def finish(self) -> None:
        """Add what is left, with the futures as far as they are known."""
        self._label(None)

    def _restart(self) -> None:
        self._label(None)
        self._truth.clear()
        self._ego.clear()
        self._speeds.clear()
        self._due_ns = None

    def _known_until_ns(self) -> int:
        """Up to when futures are known; a truth that has ended is not waited for."""
        truth, ego = (-1 if f.newest_ns is None else f.newest_ns for f in (self._truth, self._ego))
        return min(ego, max(truth, ego - PATIENCE_NS))

    def _label(self, until_ns: int | None) -> None:
        """Add the scenes whose futures are known up to `until_ns`, many at a time; None: all."""
        ready = [
            scene
            for scene in self._pending
            if until_ns is None or scene.stamp_ns + _FUTURE_NS <= until_ns
        ]
        if not ready or (until_ns is not None and len(ready) < BATCH):
            return
        truth, ego = self._truth.bodies(), self._ego.bodies()
        speed = np.array([v for _, v in self._speeds])
        for scene in ready:
            self._pending.popleft()
            self._add_sample(scene, truth, ego, speed)
        oldest_ns = self._pending[0].stamp_ns if self._pending else ready[-1].stamp_ns
        self._truth.drop_before(oldest_ns - _PAST_NS)
        self._ego.drop_before(oldest_ns - _PAST_NS)
        while self._speeds and self._speeds[0][0] < oldest_ns - _PAST_NS:
            self._speeds.popleft()

    def _add_sample(self, scene: Scene, truth: Bodies, ego: Bodies, speed: np.ndarray) -> None:
        agents = scene.agents
        if self._truth_topic is None:
            rows = truth.rows_of(agents.uuid)
        else:
            rows = whose(agents, scene.history, truth)
        future, yaw, valid = futures(truth.tracks, rows, scene.stamp_ns)
        if not valid.any():
            return
        label = agents.label.astype(np.int8)
        if self._truth_topic is not None:
            label = np.where(rows >= 0, truth.label[rows], label).astype(np.int8)
        plan, planned = ego_future(ego.tracks, speed, 0, scene.stamp_ns)
        self._add(
            Sample(
                scene=scene,
                label=label,
                future_m=future,
                future_yaw_rad=yaw,
                future_valid=valid,
                ego_future=plan,
                ego_future_valid=planned,
                recording=self._recording,
                group=self._recording,
                origin=self._origin,
            )
        )

    def _take_truth(self, data: bytes) -> None:
        try:
            truth = cdr.read_tracked_objects(data)
        except MessageError:
            return  # what is missing is masked
        if truth.frame_id not in ('', MAP):
            raise DataError(
                f'{self._recording}: {self._truth_topic} must be in the frame {MAP}, got '
                f'{truth.frame_id!r}'
            )
        newest = self._truth.newest_ns
        if newest is not None and truth.stamp_ns < newest - NS_PER_S:
            self._restart()
        finite = np.isfinite(truth.position).all(axis=1) & np.isfinite(truth.orientation).all(
            axis=1
        )
        self._truth.add(
            Frame(
                stamp_ns=truth.stamp_ns,
                ids=[each.tobytes() for each in truth.object_id[finite]],
                position_m=truth.position[finite, :2],
                yaw_rad=yaw_from_quaternion(truth.orientation[finite]),
                label=labels_of(truth)[finite].astype(np.int8),
            )
        )

    def _take_ego(self, scene: Scene) -> None:
        ego = scene.ego
        newest = self._ego.newest_ns
        if newest is None or ego.stamp_ns > newest:
            self._speeds.append((ego.stamp_ns, float(ego.velocity_mps[0])))
        self._ego.add(
            Frame(
                stamp_ns=ego.stamp_ns,
                ids=[_EGO],
                position_m=ego.position_m[None],
                yaw_rad=np.array([ego.yaw_rad]),
                label=np.zeros(1, np.int8),
            )
        )

    def _take_tracks(self, perception: Perception) -> None:
        """Fused tracks as their own truth, as far as a sensor has just seen them."""
        agents = perception.agents
        at = agents.select(agents.modality_age_s.min(axis=1) <= SEEN_WITHIN_S)
        self._truth.add(
            Frame(
                stamp_ns=at.stamp_ns,
                ids=[each.tobytes() for each in np.ascontiguousarray(at.uuid)],
                position_m=at.position_m[:, :2],
                yaw_rad=at.yaw_rad,
                label=at.label.astype(np.int8),
            )
        )
