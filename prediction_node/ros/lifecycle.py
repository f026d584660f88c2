"""The lifecycle node `prediction`: subscriptions in, releases out, everything else in the
pipeline.
"""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Callable
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock as ClockMessage

from prediction_node.compiled import compilations
from prediction_node.config import NODE_NAME, Config
from prediction_node.domain.errors import MapError, PredictionNodeError
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.stamps import STEP_NS
from prediction_node.map_source import map_from_file
from prediction_node.observation.observer import ODOMETRY
from prediction_node.pipeline import (
    CANDIDATES,
    TF,
    TF_STATIC,
    VECTOR_MAP,
    Input,
    Pipeline,
    inputs,
    questions,
)
from prediction_node.rehearsal import rehearse
from prediction_node.ros import parameters, quality
from prediction_node.ros.boundary import ErrorBoundary
from prediction_node.ros.catch_up import take_what_is_here, take_what_waits
from prediction_node.ros.diagnostics import Diagnostics
from prediction_node.ros.map_loader import MapLoader, MapTask
from prediction_node.ros.outputs import Outputs
from prediction_node.ros.questions import answer_in_time, questions_understood
from prediction_node.ros.reporter import Reporter
from prediction_node.ros.self_assessment import SelfAssessment
from prediction_node.ros.simulated_clock import SimulatedClock
from prediction_node.ros.statistics import CycleStatistics
from prediction_node.ros.transitions import answer_impossible_ones
from prediction_node.schedule import ReleaseSchedule, first_aligned_ns
from prediction_node.scorecard.scorecard import Scorecard

_SHOWN_WARNINGS = 10
_SUCCESS, _FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
_WATCH_PERIOD_S = 0.025  # who falls silent between two releases is named before the next
_STALL_NS = 50_000_000  # a timer this late: messages wait as well


class PredictionNode(LifecycleNode):
    """See architecture.md, Interfaces. Parameters take effect at configure."""

    def __init__(self, **node_arguments: Any) -> None:
        super().__init__(NODE_NAME, **node_arguments)
        self._autostart = self.declare_parameter(
            'autostart', True, ParameterDescriptor(description='Configure and activate at start.')
        ).value
        parameters.declare(self)
        self.add_on_set_parameters_callback(self._refuse_while_configured)
        answer_impossible_ones(self)
        self._boundary = ErrorBoundary(self)
        self._statistics = CycleStatistics()
        self._diagnostics = Diagnostics(self, self._statistics, self._boundary)
        self._reporter = Reporter(self, self._diagnostics, self._scorecard)
        self._map_loader = MapLoader()
        self._config: Config | None = None
        self._pipeline: Pipeline | None = None
        self._outputs: Outputs | None = None
        self._assessment: SelfAssessment | None = None
        self._schedule: ReleaseSchedule | None = None
        self._subscribed: list[Any] = []
        self._timer: Any = None
        self._watch_timer: Any = None
        self._simulated = SimulatedClock() if self.get_parameter('use_sim_time').value else None
        self._active = False

    # ---- lifecycle -----------------------------------------------------------------------------

    def autostart(self) -> None:
        """Configure and activate, if the parameter `autostart` says so."""
        if self._autostart and self.trigger_configure() == _SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            config = parameters.read(self)
            lane_map = self._load_map(config)
            if not self.context.ok():
                return _FAILURE  # told to stop meanwhile: what is left takes seconds
            classes = [quality.message_class(i.type) for i in inputs(config)]
            pipeline = Pipeline(config, lane_map)
            answers = questions_understood(self, pipeline)
            self._rehearse(pipeline)
            self._outputs = Outputs(self, config, answers=answers)
            if config.scorecard.enabled:
                simulated = self._simulated is not None
                self._assessment = SelfAssessment(self, config, simulated=simulated)
            for entry, message in zip(inputs(config), classes, strict=True):
                self._subscribe(entry, message)
            if answers:
                asked = questions(config)
                self._subscribe(asked, quality.message_class(asked.type))
            if self._simulated is not None:
                self._follow_clock()
        except (PredictionNodeError, ImportError) as error:
            self._release_all()
            self.get_logger().error(f'configure failed: {error}')
            self._diagnostics.failed_configure(str(error))
            return _FAILURE
        except Exception as error:
            self._release_all()
            if not self.context.ok():
                return _FAILURE  # told to stop in the middle
            # rclpy would turn it into a silent transition to the error state.
            self.get_logger().error(f'configure failed: {traceback.format_exc()}')
            self._diagnostics.failed_configure(f'{type(error).__name__}: {error}')
            return _FAILURE
        self._config = config
        self._pipeline = pipeline
        gc.collect()
        gc.freeze()  # what configure made stays: the collector need not walk it in every cycle
        return _SUCCESS

    def _follow_clock(self) -> None:
        heard = self._boundary.wrap('clock', self._on_clock)
        self._subscribed.append(
            self.create_subscription(ClockMessage, '/clock', heard, quality.SENSOR)
        )

    def _rehearse(self, pipeline: Pipeline) -> None:
        start_ns, before = time.monotonic_ns(), compilations()
        rehearse(pipeline)
        took_s = (time.monotonic_ns() - start_ns) / 1e9
        self.get_logger().info(
            f'rehearsed in {took_s:.1f} s, {compilations() - before} kernels made ready'
        )

    def _load_map(self, config: Config) -> LaneMap | None:
        if not config.map.path:
            return None
        lane_map = map_from_file(config.map.path, config.map)
        self._tell_of_map(config.map.path, lane_map)
        return lane_map

    def _tell_of_map(self, source: str, lane_map: LaneMap) -> None:
        self.get_logger().info(f'map {source}: {len(lane_map)} lanelets')
        for warning in lane_map.warnings[:_SHOWN_WARNINGS]:
            self.get_logger().warning(f'map: {warning}')

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = super().on_activate(state)
        self._active = True
        self._statistics.clear()
        if self._simulated is None:
            now_ns = time.monotonic_ns()
            self._schedule = ReleaseSchedule(now_ns + STEP_NS)
            self._timer = self.create_timer(
                STEP_NS / 1e9,
                self._boundary.wrap('release', self._on_timer),
                clock=Clock(clock_type=ClockType.STEADY_TIME),
            )
            self._watch_timer = self.create_timer(
                _WATCH_PERIOD_S,
                self._boundary.wrap('watch', lambda: self._watch(time.monotonic_ns())),
                clock=Clock(clock_type=ClockType.STEADY_TIME),
            )
        else:
            self._schedule = None  # starts at the first odometry, see _on_clock
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._active = False
        self._stop_timer()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._release_all()
        return _SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._active = False
        self._release_all()
        return _SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._active = False
        self._release_all()
        return _SUCCESS

    def stop(self) -> None:
        """Let go of everything, whatever the state; for the end of the process."""
        self._active = False
        self._release_all()

    def _release_all(self) -> None:
        self._stop_timer()
        self._map_loader.close()
        for subscription in self._subscribed:
            self.destroy_subscription(subscription)
        self._subscribed.clear()
        if self._outputs is not None:
            self._outputs.destroy()
        if self._assessment is not None:
            self._assessment.destroy()
        self._assessment = None
        self._outputs = self._pipeline = self._schedule = self._config = None
        gc.unfreeze()

    def _stop_timer(self) -> None:
        for timer in (self._timer, self._watch_timer):
            if timer is not None:
                self.destroy_timer(timer)
        self._timer = self._watch_timer = None
        self._reporter.forget()

    def _refuse_while_configured(self, changed: list[Parameter]) -> SetParametersResult:
        names = [p.name for p in changed if p.name not in ('use_sim_time', 'autostart')]
        if self._pipeline is None or not names:
            return SetParametersResult(successful=True)
        return SetParametersResult(
            successful=False,
            reason=f'{names[0]} takes effect at configure: deactivate and clean up the node first',
        )

    # ---- messages in ---------------------------------------------------------------------------

    def _subscribe(self, entry: Input, message: Any) -> None:
        profile = quality.SENSOR
        if entry.name in (ODOMETRY, TF):
            profile = quality.FAST
        elif entry.name == TF_STATIC:
            profile = quality.STATIC_TRANSFORMS
        elif entry.latched:
            profile = quality.LATCHED
        special = {VECTOR_MAP: self._on_vector_map, CANDIDATES: self._on_candidates}
        callback = special.get(entry.name) or self._receiver(entry)
        self._subscribed.append(
            self.create_subscription(
                message, entry.topic, self._boundary.wrap(entry.name, callback), profile, raw=True
            )
        )

    def _receiver(self, entry: Input) -> Callable[[bytes], None]:
        name = entry.name

        def receive(data: bytes) -> None:
            # Before the first /clock nobody knows when anything came; what is sent once is kept.
            unknown = self._simulated is not None and not self._simulated.started
            if self._pipeline is not None and (entry.latched or not unknown):
                now_ns = self._now_ns()
                self._pipeline.receive(name, data, now_ns)
                if self._assessment is not None:
                    self._assessment.witness.hear(name, data, now_ns)
                if name == ODOMETRY and self._schedule is None and self._active:
                    self._schedule = ReleaseSchedule(first_aligned_ns(self._now_ns()))

        return receive

    def _on_vector_map(self, data: bytes) -> None:
        # Reading a city takes seconds: another process does it, the cycle picks it up when it is
        # there, and goes on with the map that it has.
        assert self._config is not None
        assert self._pipeline is not None
        if self._assessment is not None:
            self._assessment.witness.hear(VECTOR_MAP, data, self._now_ns())
        pipeline, config = self._pipeline, self._config
        task = MapTask(
            bytes(data), config.map, config.kinematic, pipeline.learned, pipeline.place_m
        )
        self._map_loader.start(task)

    def _on_candidates(self, data: bytes) -> None:
        if self._pipeline is not None:
            self._pipeline.receive(CANDIDATES, data, self._now_ns())
            self._answer_candidates()

    def _answer_candidates(self, *, waited: bool = False) -> None:
        """At once, on the scene of the newest release; what will not be done before the next one
        comes after it. Who has waited for that one gets a part however long it takes.
        """
        pipeline, outputs, schedule = self._pipeline, self._outputs, self._schedule
        if not self._active or pipeline is None or outputs is None or not pipeline.desk.ready:
            return
        next_ns = None
        if self._simulated is None and schedule is not None:
            next_ns = schedule.next_ns
        answers = answer_in_time(pipeline, outputs, next_ns, owed=waited)
        if answers is not None and self._assessment is not None:
            self._assessment.see_answers(answers)

    def _now_ns(self) -> int:
        return time.monotonic_ns() if self._simulated is None else self._simulated.now_ns()

    # ---- releases out --------------------------------------------------------------------------

    def _on_timer(self) -> None:
        assert self._schedule is not None
        if time.monotonic_ns() - self._schedule.next_ns > _STALL_NS:
            take_what_waits(self._subscribed)
        self._release_due(time.monotonic_ns())

    def _on_clock(self, message: ClockMessage) -> None:
        assert self._simulated is not None
        now_ns, schedule = message.clock.sec * 10**9 + message.clock.nanosec, self._schedule
        if schedule is not None and now_ns >= schedule.next_ns:
            # Not /clock itself: later ticks would release before this one.
            take_what_is_here(each for each in self._subscribed if each.raw)
        if self._simulated.tick(now_ns) and schedule is not None:  # time jumped back: a bag loop
            self._schedule = ReleaseSchedule(first_aligned_ns(now_ns))
        self._release_due(now_ns)
        self._watch(now_ns)

    def _watch(self, now_ns: int) -> None:
        if self._pipeline is not None and self._active:
            self._reporter.watch(now_ns, self._pipeline)

    def _release_due(self, now_ns: int) -> None:
        if not self._active or self._schedule is None or self._pipeline is None:
            return
        due_ns = self._schedule.due(now_ns)
        if due_ns is None:
            return
        try:
            self._release(due_ns, self._schedule, self._pipeline)
        except Exception as error:
            if self.context.ok():
                self._statistics.failed += 1
                self._reporter.failed(error, self._pipeline)
            raise

    def _release(self, due_ns: int, schedule: ReleaseSchedule, pipeline: Pipeline) -> None:
        self._take_map()
        start_ns = time.monotonic_ns()
        release = pipeline.release(due_ns)
        assert self._outputs is not None
        published_ns = self._outputs.publish(release)
        lateness_ns = start_ns - due_ns if self._simulated is None else 0
        processing_ns = published_ns - start_ns
        response_ns = lateness_ns + processing_ns
        self._statistics.add(response_ns, schedule.missed)
        pipeline.fit_to_budget(response_ns / 1e6, len(release.prediction.agents))
        self._outputs.publish_debug(release, processing_ns / 1e6, response_ns / 1e6)
        self._reporter.released(release, pipeline)
        if self._assessment is not None:
            self._assessment.see(release)
        self._outputs.publish_raster(pipeline, release.stamp_ns)
        self._answer_candidates(waited=True)  # who asked too late to be answered before

    def _take_map(self) -> None:
        assert self._pipeline is not None
        try:
            prepared = self._map_loader.poll()
        except MapError as error:
            self._pipeline.map_error = str(error)
            self.get_logger().error(f'map message refused, keeping the map in use: {error}')
            return
        if prepared is not None and prepared.lane_map is not None:
            self._pipeline.adopt(prepared)
            self._tell_of_map('message', prepared.lane_map)

    def _scorecard(self) -> Scorecard | None:
        return None if self._assessment is None else self._assessment.witness.scorecard
