"""The observation stage as a whole.

How to use it:

    observer = Observer(parameters, sources, mounts)
    # whenever a message comes
    observer.on_transforms(arrays, static=True, arrival_ns=arrival_ns)
    observer.on_odometry(arrays, arrival_ns)
    observer.on_tracks('lidar', arrays, arrival_ns)
    observer.on_traffic_lights(arrays, arrival_ns)
    # when its bytes could not be read
    observer.on_malformed('lidar', 'truncated at byte 17', arrival_ns)
    # every 100 ms
    observed = observer.release(now_ns)
    # for diagnostics
    health = observer.health(now_ns)

`arrival_ns` and `now_ns` are instants of the clock that drives the node: a steady one live, the ROS
clock under `use_sim_time`, the log time in replay. A message counts in a release if its arrival is
not after it. No call raises on what a message holds: the message or object is refused, counted by
reason, and named in `health`. All calls may come from different threads.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from prediction_node.domain.agents import Ego
from prediction_node.domain.errors import FrameError, ParameterError
from prediction_node.domain.lights import LightStates
from prediction_node.domain.message_arrays import (
    OdometryArrays,
    TrafficLightGroupsArrays,
    TransformsArrays,
)
from prediction_node.domain.observations import SensorTracks
from prediction_node.domain.stamps import seconds
from prediction_node.observation.capacity import SensorArrays
from prediction_node.observation.headers import check_stamp
from prediction_node.observation.health import ObservationHealth, lost_modalities
from prediction_node.observation.inbox import Inbox
from prediction_node.observation.light_board import LightBoard
from prediction_node.observation.monitor import InputMonitor
from prediction_node.observation.parameters import (
    MountParameters,
    ObservationParameters,
    SourceParameters,
)
from prediction_node.observation.reasons import Reason, Refused
from prediction_node.observation.standing import may_stand_still
from prediction_node.observation.timeline import EgoTimeline
from prediction_node.observation.to_map import to_map
from prediction_node.observation.transforms import TransformBuffer
from prediction_node.observation.translate import translate
from prediction_node.observation.viewpoint import Seen, viewpoint

ODOMETRY = 'odometry'
TRANSFORMS = 'tf'
TRAFFIC_LIGHTS = 'traffic_lights'
# Odometry slower than this makes predictions of a turning robotaxi poor.
ODOMETRY_RATE_HZ = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """All that is known of the outside world at one release."""

    stamp_ns: int | None  # scene time, the output's stamp; None before the first odometry
    ego: Ego | None  # at `stamp_ns`; None when lost
    observations: tuple[SensorTracks, ...]  # new ones, map frame, by (stamp, source), none later
    lights: LightStates
    reset: bool  # time has jumped: forget all tracks and histories before using the observations
    notice: str  # why, one line for the log; empty without a reset
    coasting_s: float  # since the newest odometry came
    lost: bool  # no odometry for longer than the coasting time: publish nothing but emptiness


class Observer:
    """Turns messages into observations in the map frame, and keeps their time.

    Raises ParameterError for two sources of one name, and FrameError for mounts that form no tree.
    """

    def __init__(
        self,
        parameters: ObservationParameters,
        sources: Iterable[SourceParameters],
        mounts: Iterable[MountParameters] = (),
    ) -> None:
        self._parameters = parameters
        self._sources: dict[str, SourceParameters] = {}
        for source in sources:
            if source.name in self._sources or source.name in (
                ODOMETRY,
                TRANSFORMS,
                TRAFFIC_LIGHTS,
            ):
                raise ParameterError(f'sources.{source.name}: the name is taken')
            self._sources[source.name] = source
        self._monitors = {
            source.name: InputMonitor(
                source.name, parameters, modality=source.modality_kind, rate_hz=source.rate_hz
            )
            for source in self._sources.values()
        }
        self._monitors[ODOMETRY] = InputMonitor(ODOMETRY, parameters, rate_hz=ODOMETRY_RATE_HZ)
        self._monitors[TRANSFORMS] = InputMonitor(TRANSFORMS, parameters)
        self._monitors[TRAFFIC_LIGHTS] = InputMonitor(TRAFFIC_LIGHTS, parameters)
        self._inbox = Inbox(self._sources, parameters)
        self._transforms = TransformBuffer(parameters, mounts)
        self._timeline = EgoTimeline(parameters, self._transforms, self._monitors[ODOMETRY])
        self._lights = LightBoard(parameters)
        self._lock = threading.Lock()

    def on_tracks(self, source_name: str, arrays: SensorArrays, arrival_ns: int) -> None:
        """A message of a sensor. Raises KeyError for a source that was not configured."""
        source, monitor = self._sources[source_name], self._monitors[source_name]
        stamp_ns = int(arrays.stamp_ns)
        with self._lock:
            ego = self._timeline.newest
            expected_ns = self._timeline.expected_ns(arrival_ns)
            delay_ns = None if expected_ns is None else expected_ns - stamp_ns
            stuck = False
            if monitor.heard(arrival_ns, stamp_ns, delay_ns):
                content = arrays.position[: self._parameters.max_objects].tobytes()
                stuck = monitor.same_content(
                    content, lambda: may_stand_still(arrays, source, ego, self._parameters)
                )
            reason = self._inbox.turns_away(source_name, stamp_ns)
        try:
            check_stamp(stamp_ns)
            if reason is not None:
                raise Refused(reason, f'stamp {stamp_ns} ns: {reason}')
            if stuck:
                raise Refused(Reason.STUCK, 'the same positions have come again and again')
            in_map = (source.frame or arrays.frame_id) == self._parameters.map_frame
            near_m = ego.map_from_base.translation_m if in_map and ego is not None else None
            translation = translate(arrays, source, self._parameters, near_m)
        except Refused as refusal:
            with self._lock:
                monitor.refused(refusal.reason, str(refusal))
            return
        with self._lock:
            monitor.judged(translation.received, translation.refused)
            for turned in self._inbox.put(translation.tracks, arrival_ns):
                monitor.refused(turned.reason, f'stamp {turned.stamp_ns} ns: {turned.reason}')

    def on_odometry(self, arrays: OdometryArrays, arrival_ns: int) -> None:
        """Where the robotaxi is. Its stamp is judged at the next release."""
        with self._lock:
            self._monitors[ODOMETRY].heard(arrival_ns, int(arrays.stamp_ns), None)
            self._timeline.put(arrays, arrival_ns)

    def on_transforms(self, arrays: TransformsArrays, *, static: bool, arrival_ns: int) -> None:
        """Frames, from /tf_static (`static`) or /tf. They count at once."""
        with self._lock:
            monitor = self._monitors[TRANSFORMS]
            monitor.heard(arrival_ns, None, None)
            errors = self._transforms.insert_all(arrays, static=static)
            for error in errors:
                monitor.refused(Reason.FRAME, str(error))
            if not errors:
                monitor.accepted()

    def on_traffic_lights(self, arrays: TrafficLightGroupsArrays, arrival_ns: int) -> None:
        """States of traffic lights."""
        with self._lock:
            monitor = self._monitors[TRAFFIC_LIGHTS]
            monitor.heard(arrival_ns, int(arrays.stamp_ns), None)
            if not self._lights.put(arrays, arrival_ns):
                monitor.refused(Reason.OVERFLOW, 'more messages than the inbox holds')

    def on_malformed(self, name: str, detail: str, arrival_ns: int) -> None:
        """A message of a source, or of 'odometry', 'tf', 'traffic_lights', could not be read."""
        with self._lock:
            self._monitors[name].heard(arrival_ns, None, None)
            self._monitors[name].refused(Reason.MALFORMED, detail)

    def release(self, now_ns: int) -> Observed:
        """The world at `now_ns` of the driving clock, from what has come by then.

        Observations are handed out once. After a reset the first ones are those of the new time.
        """
        with self._lock:
            now_ns, back = self._timeline.driving_time(now_ns)
            if back:
                self._inbox.drop_after(now_ns)
                self._lights.drop_after(now_ns)
                for monitor in self._monitors.values():
                    monitor.forget_times()
            time, motion, jumped = self._timeline.release(now_ns)
            if back or jumped:
                self._transforms.forget_after(time.stamp_ns or 0)
                self._inbox.forget_taken()
                self._lights.forget()
                for monitor in self._monitors.values():
                    monitor.forget_delays()
            if time.stamp_ns is None or motion is None:
                return Observed(
                    stamp_ns=time.stamp_ns,
                    ego=None,
                    observations=(),
                    lights=LightStates.none(),
                    reset=time.reset,
                    notice=time.notice,
                    coasting_s=seconds(time.coasting_ns),
                    lost=True,
                )
            self._look_at_lights(now_ns, time.stamp_ns)
            return Observed(
                stamp_ns=time.stamp_ns,
                ego=motion.ego(self._parameters),
                observations=self._take_tracks(now_ns, time.stamp_ns),
                lights=self._lights.at(time.stamp_ns),
                reset=time.reset,
                notice=time.notice,
                coasting_s=seconds(time.coasting_ns),
                lost=False,
            )

    def health(self, now_ns: int) -> ObservationHealth:
        """How all inputs are doing at `now_ns` of the driving clock."""
        with self._lock:
            sources = tuple(self._monitors[name].health(now_ns) for name in self._sources)
            return ObservationHealth(
                sources=sources,
                odometry=self._monitors[ODOMETRY].health(now_ns),
                transforms=self._monitors[TRANSFORMS].health(now_ns),
                traffic_lights=self._monitors[TRAFFIC_LIGHTS].health(now_ns),
                lost_modalities=lost_modalities(sources),
            )

    def silent(self, now_ns: int) -> frozenset[str]:
        """Inputs that have fallen silent by `now_ns`; cheap, for the time between releases."""
        with self._lock:
            return frozenset(
                name for name, monitor in self._monitors.items() if monitor.silent(now_ns)
            )

    def _look_at_lights(self, now_ns: int, scene_ns: int) -> None:
        monitor = self._monitors[TRAFFIC_LIGHTS]
        for reason in self._lights.look(now_ns, scene_ns):
            if reason is None:
                monitor.accepted()
            else:
                monitor.refused(reason, f'traffic lights: {reason}')

    def _take_tracks(self, now_ns: int, scene_ns: int) -> tuple[SensorTracks, ...]:
        """The messages of this release in the map frame; refuses those that find no way there."""
        chosen, turned_away = self._inbox.take(now_ns, scene_ns)
        for turned in turned_away:
            self._monitors[turned.source].refused(
                turned.reason,
                f'stamp {turned.stamp_ns} ns is {turned.reason} at scene time {scene_ns} ns',
            )
        seen = []
        for tracks in chosen:
            source = self._sources[tracks.source]
            try:
                view = viewpoint(tracks, source, self._timeline, self._transforms, self._parameters)
            except FrameError as error:
                self._monitors[tracks.source].refused(Reason.FRAME, str(error))
                continue
            seen.append(Seen(tracks, source, view))
        observations = []
        for in_map, refused in to_map(seen, self._parameters):
            monitor = self._monitors[in_map.source]
            if refused:
                monitor.judged_later(refused)
            monitor.accepted()
            observations.append(in_map)
        return tuple(observations)
