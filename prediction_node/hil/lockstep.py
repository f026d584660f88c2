"""The loop in one process, as fast as it goes: the same every time, but for what time it takes."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from prediction_node import cdr
from prediction_node.bench.dialogue import Dialogue
from prediction_node.bench.driver import Driver, ego_truth
from prediction_node.bench.ride import Ride
from prediction_node.bench.settings import BenchSettings
from prediction_node.bench.stand import Stand, node_config, periods_ms
from prediction_node.domain.stamps import NS_PER_S, STEP_NS
from prediction_node.observation.health import ObservationHealth, State
from prediction_node.pipeline import CANDIDATES, Pipeline, Release, inputs
from prediction_node.rehearsal import rehearse
from prediction_node.simulation.faults.grammar import KILL, Fault
from prediction_node.simulation.futures import Futures
from prediction_node.simulation.planner.candidates import Trajectory
from prediction_node.simulation.planner.planner import Planner, Proposal
from prediction_node.simulation.verdict.diagnosis import Diagnosis
from prediction_node.simulation.verdict.report import report
from prediction_node.simulation.verdict.truth import Truth
from prediction_node.simulation.verdict.watch import RunTime, Watch
from prediction_node.vehicle.messages import ODOMETRY, SIGNALS, TRUTH, BagMessage

# Stamps of a run begin here, whatever the time of day is: the same run gives the same bytes.
ZERO_NS = 1_700_000_000 * NS_PER_S
# Releases lie this far behind the steps of the world, as they may in a node that knows of none.
_PHASE_NS = 30_000_000
# Between releases the node looks at this period who has fallen silent.
_WATCH_NS = 25_000_000
_RELEASE, _LOOK = 1, 2
# The live simulator computes a step ahead: a plan is driven after the step that is under way.
_PLAN_WAITS = 1


class Lockstep:
    """Pipeline, planner and world in turns on simulated time."""

    def __init__(
        self,
        stand: Stand,
        settings: BenchSettings,
        faults: Sequence[Fault],
        duration_s: float,
        *,
        asks: bool = False,
    ) -> None:
        """`asks`: the planner asks about its candidates. Raises SimulationError, MapError, and what
        a model that cannot be used raises.
        """
        self._stand, self._faults, self._asks = stand, faults, asks
        self._config = node_config(stand.suite, stand.engine)
        self._names = {each.topic: each.name for each in inputs(self._config)}
        self._ride = Ride(stand, settings, faults)
        size = np.array(stand.ego_size_m)
        self._driver = Driver(Planner(stand.route(), settings.planner), settings.body, size)
        self._body = settings.body
        run = RunTime(ZERO_NS, ZERO_NS, duration_s)
        self._watch = Watch(run, faults, size, settings.verdict)
        self._pipeline: Pipeline | None = self._new_pipeline()
        self._plans: deque[Trajectory] = deque()
        self._newest: Release | None = None
        self._told_silent: frozenset[str] = frozenset()
        self._latched: dict[str, bytes] = {}
        self._due_ns = ZERO_NS
        self._asked_ms: list[float] = []
        self._engines: Counter[str] = Counter()

    def run(self, progress: Callable[[float], None] = lambda at_s: None) -> dict[str, Any]:
        """Figures and verdict; `progress` hears the time of the run."""
        with self._ride as ride:
            first = ride.begin(ZERO_NS)
            self._due_ns = ride.now_ns + _PHASE_NS
            self._play(first)
            end_ns = self._watch.time.end_ns
            while ride.now_ns < end_ns + STEP_NS:
                if len(self._plans) > _PLAN_WAITS:
                    ride.take_plan(self._plans.popleft())
                self._play(ride.step())
                progress(self._watch.time.at_s(ride.now_ns))
        figures = report(self._watch, periods_ms(self._stand.suite), real_time=False)
        if self._asks:
            p50, p99 = np.percentile(self._asked_ms or [0.0], [50, 99])
            figures['questions'] = {
                'answered': len(self._asked_ms),
                'p50_ms': round(float(p50), 2),
                'p99_ms': round(float(p99), 2),
                'engines': dict(self._engines),
            }
        return figures

    def _new_pipeline(self) -> Pipeline:
        pipeline = Pipeline(self._config, self._stand.lane_map)
        rehearse(pipeline)
        return pipeline

    def _play(self, messages: Sequence[BagMessage]) -> None:
        """Messages and the releases due between them, in order of time; a release at the instant
        of a message comes after it.
        """
        events: list[tuple[int, int, Any]] = [(each.log_ns, 0, each) for each in messages]
        while self._due_ns <= self._ride.now_ns:
            whole = (self._due_ns - ZERO_NS - _PHASE_NS) % STEP_NS == 0
            events.append((self._due_ns, _RELEASE if whole else _LOOK, None))
            self._due_ns += _WATCH_NS
        for at_ns, kind, message in sorted(events, key=lambda event: event[:2]):
            if kind == _RELEASE:
                self._release(at_ns)
            elif kind == _LOOK:
                self._look(at_ns)
            else:
                self._hear(message)

    def _hear(self, message: BagMessage) -> None:
        if message.topic == TRUTH:
            self._watch.on_truth(Truth.of_message(cdr.read_tracked_objects(message.data)))
            return
        name = self._names.get(message.topic)
        if name is not None:
            if message.topic.endswith('tf_static'):
                self._latched[name] = message.data
            if self._pipeline is not None:
                self._pipeline.receive(name, message.data, message.log_ns)
        if message.topic == ODOMETRY:
            self._driver.on_odometry(message.data)
            if self._driver.ego is not None:
                self._watch.on_ego(ego_truth(self._driver.ego))
        elif message.topic == SIGNALS:
            self._driver.on_signals(message.data)

    def _release(self, due_ns: int) -> None:
        self._kill_or_restart(due_ns)
        futures = None
        if self._pipeline is not None:
            begin_ns = time.perf_counter_ns()
            release = self._pipeline.release(due_ns)
            assert release.objects_cdr
            response_ms = (time.perf_counter_ns() - begin_ns) / 1e6
            futures = Futures.of_prediction(release.prediction)
            self._watch.on_predictions(due_ns, futures)
            self._watch.on_response(
                due_ns + round(response_ms * 1e6), release.stamp_ns, response_ms
            )
            self._newest = release
            self._told_silent = self._pipeline.silent_inputs(due_ns)
            self._watch.on_diagnosis(diagnosis_of(release, release.health, due_ns))
        proposal = self._driver.propose(futures)
        if proposal is not None:
            plan = self._driver.choose(proposal, self._answers(proposal, due_ns))
            self._plans.append(plan.trajectory)

    def _answers(self, proposal: Proposal, due_ns: int) -> list[Futures | None] | None:
        """What the pipeline says to the candidates, in messages as in the live loop."""
        if not self._asks or not proposal.candidates or self._pipeline is None:
            return None
        dialogue = Dialogue(proposal, self._body)
        begin_ns = time.perf_counter_ns()
        self._pipeline.receive(CANDIDATES, dialogue.ask(), due_ns)
        answers = self._pipeline.answer_candidates()
        if answers is None:
            return None
        heard = answers.objects_cdr
        assert answers.scored_cdr
        self._asked_ms.append((time.perf_counter_ns() - begin_ns) / 1e6)
        self._engines[answers.engine] += 1
        for data in heard:
            dialogue.hear(data)
        return dialogue.answers

    def _look(self, at_ns: int) -> None:
        """As the node does between releases: name who has fallen silent."""
        if self._pipeline is None or self._newest is None:
            return
        silent = self._pipeline.silent_inputs(at_ns)
        if not silent <= self._told_silent:
            self._told_silent = silent
            health = self._pipeline.health(at_ns)
            self._watch.on_diagnosis(diagnosis_of(self._newest, health, at_ns))

    def _kill_or_restart(self, due_ns: int) -> None:
        at_s = self._watch.time.at_s(due_ns)
        dead = any(fault.kind == KILL and fault.active(at_s) for fault in self._faults)
        if dead:
            self._pipeline = self._newest = None
        elif self._pipeline is None:
            self._pipeline = self._new_pipeline()
            for name, data in self._latched.items():
                self._pipeline.receive(name, data, due_ns)


def diagnosis_of(release: Release, health: ObservationHealth, received_ns: int) -> Diagnosis:
    """What the node would say in diagnostics of its newest release and its inputs."""
    watched = [*health.sources, health.odometry]
    optional = (health.transforms, health.traffic_lights)
    watched += [each for each in optional if each.state is not State.NEVER_SEEN]
    return Diagnosis(
        received_ns=received_ns,
        stamp_ns=release.stamp_ns,
        mode=release.mode,
        reasons='; '.join(release.reasons),
        faulty={each.name: str(each.state) for each in watched if each.state is not State.OK},
    )
