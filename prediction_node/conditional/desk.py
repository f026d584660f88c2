"""Where the planner's requests wait for their turn, and what became of them."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np

from prediction_node import cdr
from prediction_node.conditional.answers import Answers
from prediction_node.conditional.parameters import ConditionedParameters
from prediction_node.conditional.request import Reason, Refusal, Request, judge
from prediction_node.domain.conditional import Asking, Conditional, Conditioned
from prediction_node.domain.errors import MessageError
from prediction_node.domain.frames import MAP
from prediction_node.domain.scene import Scene
from prediction_node.domain.stamps import seconds

# Candidates per request and points per candidate that are read at all.
_MOST = 1024
_LONGEST_MS = 80.0  # what takes longer is answered all the same, and told in diagnostics


class _Job:
    """A request on the way to its answers: plans are answered a few at a time."""

    def __init__(
        self,
        request: Request,
        scene: Scene,
        engine: Conditional,
        parameters: ConditionedParameters,
        frame_id: str,
    ) -> None:
        self.scene, self._frame_id = scene, frame_id
        self._request, self._parameters = request, parameters
        place_m = scene.ego.position_m
        trial = judge(request.arrays, scene.stamp_ns, place_m, parameters, frame_id)
        self._plans, self._index = trial.plans, trial.index
        self._refusals = list(trial.refusals)
        self._answered: list[int] = []  # rows of the plans
        self._answers: list[Conditioned] = []
        self._next = 0
        self._ask: Asking | None = None
        if self._plans:
            try:
                self._ask = engine.asking()
            except Exception as error:
                self.give_up(Reason.FAILED, f'{type(error).__name__}: {error}')

    @property
    def left(self) -> int:
        """Plans that are still to be answered."""
        return len(self._plans) - self._next

    def go_on(self, most: int) -> None:
        """Answer the next plans, `most` at most."""
        rows = range(self._next, min(self._next + most, len(self._plans)))
        if not rows or self._ask is None:
            return
        # Whatever goes wrong inside the engines, the cycle goes on.
        try:
            self._answers += self._ask(self._plans[rows.start : rows.stop])
            self._answered += rows
        except Exception as error:
            said = f'{type(error).__name__}: {error}'
            self._refusals += [Refusal(int(self._index[i]), Reason.FAILED, said) for i in rows]
        self._next = rows.stop

    def give_up(self, reason: Reason, why: str) -> None:
        """Refuse what is left."""
        rows = range(self._next, len(self._plans))
        self._refusals += [Refusal(int(self._index[i]), reason, why) for i in rows]
        self._next = len(self._plans)

    def answers(self) -> Answers:
        """When nothing is left."""
        return Answers(
            request=self._request.arrays,
            stamp_ns=self.scene.stamp_ns,
            ego=self.scene.ego,
            index=self._index[self._answered],
            plans=tuple(self._plans[i] for i in self._answered),
            conditioned=tuple(self._answers),
            refusals=tuple(self._refusals),
            engine=self._answers[0].prediction.engine if self._answers else '',
            parameters=self._parameters,
            frame_id=self._frame_id,
        )


class Desk:
    """The newest request waits, one is begun per cycle, all are counted.

    `turn_indicators` says which of the two layouts candidates have: that of the installed message
    package. `together`: plans that are answered in one part of a request at most; None: it has one
    part. `frame_id`: the map's, of candidates and answers.
    """

    def __init__(
        self,
        parameters: ConditionedParameters,
        together: int | None = None,
        frame_id: str = MAP,
    ) -> None:
        self._parameters = parameters
        self._frame_id = frame_id
        self._together = together
        self._waiting: Request | None = None
        self._job: _Job | None = None
        self._free = False
        self.turn_indicators = False
        self.requests = 0
        self.answered = 0  # candidates
        self.refused: Counter[Reason] = Counter()
        self.last_refusal: Refusal | None = None
        self.newest_refused = 0  # refusals of the newest request
        self.took_ms = 0.0  # the newest answer; who publishes it adds what that took
        self.plan_ms = 0.0  # a plan of its newest part

    @property
    def ready(self) -> bool:
        """Whether a request is on the way, or waits and it is its turn."""
        return self._job is not None or (self._free and self._waiting is not None)

    def receive(self, data: bytes, arrival_ns: int) -> None:
        """autoware_internal_planning_msgs/CandidateTrajectories as CDR bytes."""
        self.requests += 1
        if self._waiting is not None:
            self._refuse([Refusal(None, Reason.REPLACED, 'by a newer one before its turn')])
        self._waiting = None
        try:
            arrays = cdr.read_candidate_trajectories(
                data, _MOST, turn_indicators=self.turn_indicators
            )
        except MessageError as error:
            self._refuse([Refusal(None, Reason.MALFORMED, str(error))])
            return
        self._waiting = Request(arrays, arrival_ns)

    def next_cycle(self) -> None:
        """There is a new scene: one more request may be begun."""
        self._free = True

    def answer(
        self, engine: Conditional, scene: Scene | None, *, part: int | None = None
    ) -> Answers | None:
        """Answer the request that waits, on the scene that the engine has predicted; None if none
        does or the turn is over. Of a `part` of so many plans None comes as well until the last
        one, while newer scenes may be predicted: all answers are on the scene on which the first
        was begun.
        """
        start_ns = time.perf_counter_ns()
        begun = self._job is None
        if begun:
            request = self._waiting
            if not self._free or request is None:
                return None
            self._waiting, self._free = None, False
            if scene is None:
                refusal = Refusal(None, Reason.NO_SCENE, 'the robotaxi does not know where it is')
                return self._done(self._none(request, (refusal,)), start_ns, begun=True)
            self._job = _Job(request, scene, engine, self._parameters, self._frame_id)
        job = self._job
        assert job is not None
        age_s = 0.0 if scene is None else seconds(scene.stamp_ns - job.scene.stamp_ns)
        if not 0.0 <= age_s <= self._parameters.max_age_s:
            job.give_up(Reason.STALE, f'its scene is {age_s:.3f} s old before it is answered')
        before = job.left
        most = _MOST
        if part is not None and self._together is not None:
            most = min(part, self._together)
        job.go_on(most)
        self.plan_ms = (time.perf_counter_ns() - start_ns) / 1e6 / max(before - job.left, 1)
        if job.left:
            self._count(start_ns, begun=begun)
            return None
        self._job = None
        return self._done(job.answers(), start_ns, begun=begun)

    def plans_within(self, left_ms: float) -> int:
        """How many plans are probably answered within this time, one part at most."""
        if self._together is None:
            return _MOST if left_ms >= min(self.took_ms, _LONGEST_MS) else 0
        return int(min(left_ms / max(self.plan_ms, 1e-3), self._together))

    def _done(self, answers: Answers, start_ns: int, *, begun: bool) -> Answers:
        self._count(start_ns, begun=begun)
        self.answered += len(answers.plans)
        self._refuse(answers.refusals)
        return answers

    def _count(self, start_ns: int, *, begun: bool) -> None:
        part_ms = (time.perf_counter_ns() - start_ns) / 1e6
        self.took_ms = part_ms + (0.0 if begun else self.took_ms)

    def _none(self, request: Request, refusals: tuple[Refusal, ...]) -> Answers:
        nothing = np.zeros(0, np.int64)
        return Answers(request.arrays, 0, None, nothing, (), (), refusals, '', self._parameters)

    def _refuse(self, refusals: tuple[Refusal, ...] | list[Refusal]) -> None:
        self.refused.update(refusal.reason for refusal in refusals)
        self.newest_refused = len(refusals)
        if refusals:
            self.last_refusal = refusals[-1]
