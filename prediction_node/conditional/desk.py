"""Where the planner's requests wait for their turn, and what became of them."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np

from prediction_node import cdr
from prediction_node.conditional.answers import Answers
from prediction_node.conditional.parameters import ConditionedParameters
from prediction_node.conditional.request import Reason, Refusal, Request, judge
from prediction_node.domain.conditional import Conditional, Conditioned, EgoPlan
from prediction_node.domain.errors import MessageError
from prediction_node.domain.scene import Scene

# Candidates per request and points per candidate that are read at all.
_MOST = 1024


class Desk:
    """The newest request waits, one is answered per cycle, all are counted.

    `turn_indicators` says which of the two layouts candidates have: that of the installed message
    package.
    """

    def __init__(self, parameters: ConditionedParameters) -> None:
        self._parameters = parameters
        self._waiting: Request | None = None
        self._free = False
        self.turn_indicators = False
        self.requests = 0
        self.answered = 0  # candidates
        self.refused: Counter[Reason] = Counter()
        self.last_refusal: Refusal | None = None
        self.newest_refused = 0  # refusals of the newest request
        self.took_ms = 0.0  # the newest answer; who publishes it adds what that took

    @property
    def ready(self) -> bool:
        """Whether a request waits and it is its turn."""
        return self._free and self._waiting is not None

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
        """There is a new scene: one more request may be answered."""
        self._free = True

    def answer(self, engine: Conditional, scene: Scene | None) -> Answers | None:
        """Answer the request that waits, on the scene that the engine has predicted; None if none
        does or the turn is over.
        """
        request = self._waiting
        if not self._free or request is None:
            return None
        self._waiting, self._free = None, False
        start_ns = time.perf_counter_ns()
        if scene is None:
            refusal = Refusal(None, Reason.NO_SCENE, 'the robotaxi does not know where it is')
            answers = self._none(request, (refusal,))
        else:
            answers = self._ask(request, engine, scene)
        self.took_ms = (time.perf_counter_ns() - start_ns) / 1e6
        self.answered += len(answers.plans)
        self._refuse(answers.refusals)
        return answers

    def _ask(self, request: Request, engine: Conditional, scene: Scene) -> Answers:
        trial = judge(request.arrays, scene.stamp_ns, scene.ego.position_m, self._parameters)
        conditioned: tuple[Conditioned, ...] = ()
        plans: tuple[EgoPlan, ...] = trial.plans
        index, refusals = trial.index, trial.refusals
        if plans:
            # Whatever goes wrong inside the engines, the cycle goes on.
            try:
                conditioned = engine.condition(plans)
            except Exception as error:
                said = f'{type(error).__name__}: {error}'
                refusals = (
                    *refusals,
                    *(Refusal(int(i), Reason.FAILED, said) for i in index),
                )
                plans, index = (), np.zeros(0, np.int64)
        return Answers(
            request=request.arrays,
            stamp_ns=scene.stamp_ns,
            ego=scene.ego,
            index=index,
            plans=plans,
            conditioned=conditioned,
            refusals=refusals,
            engine=conditioned[0].prediction.engine if conditioned else '',
            parameters=self._parameters,
        )

    def _none(self, request: Request, refusals: tuple[Refusal, ...]) -> Answers:
        nothing = np.zeros(0, np.int64)
        return Answers(request.arrays, 0, None, nothing, (), (), refusals, '', self._parameters)

    def _refuse(self, refusals: tuple[Refusal, ...] | list[Refusal]) -> None:
        self.refused.update(refusal.reason for refusal in refusals)
        self.newest_refused = len(refusals)
        if refusals:
            self.last_refusal = refusals[-1]
