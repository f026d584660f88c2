"""Everything the receiving side collects during a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.stamps import NS_PER_S
from prediction_node.simulation.faults.grammar import Fault
from prediction_node.simulation.futures import Futures
from prediction_node.simulation.verdict.accuracy import Accuracy
from prediction_node.simulation.verdict.cycles import Answer, Heard
from prediction_node.simulation.verdict.diagnosis import Diagnosis, FaultWatch
from prediction_node.simulation.verdict.parameters import VerdictParameters
from prediction_node.simulation.verdict.safety import Safety
from prediction_node.simulation.verdict.truth import EgoTruth, Truth


@dataclass(frozen=True, slots=True)
class RunTime:
    """Zero of a run on the receiving side's steady clock and on the clock of the stamps."""

    start_ns: int
    start_stamp_ns: int
    duration_s: float

    @property
    def end_ns(self) -> int:
        return self.start_ns + round(self.duration_s * NS_PER_S)

    def at_s(self, received_ns: int) -> float:
        """Time of the run at an instant of the receiving clock."""
        return (received_ns - self.start_ns) / NS_PER_S

    def age_ms(self, received_ns: int, stamp_ns: int) -> float:
        """How old a stamp was when it came."""
        return ((received_ns - self.start_ns) - (stamp_ns - self.start_stamp_ns)) / 1e6

    def contains(self, received_ns: int) -> bool:
        return self.start_ns <= received_ns < self.end_ns


class Watch:
    """Told of every message; keeps what the report needs and no more."""

    def __init__(
        self,
        time: RunTime,
        faults: Sequence[Fault],
        ego_size_m: np.ndarray,
        parameters: VerdictParameters,
    ) -> None:
        self.time, self.parameters = time, parameters
        self.heard: list[Heard] = []
        self.answers: list[Answer] = []
        self.modes: list[tuple[int, str]] = []  # (stamp, mode) of each diagnosis
        self.ages_ms: list[float] = []
        self.not_finite = 0  # messages that hold a value which is none
        self.not_normalised = 0  # messages with weights that do not sum to one
        self.unreadable = 0
        self.accuracy = Accuracy(parameters.match_m, parameters.score_every)
        self.safety = Safety(ego_size_m, parameters)
        self.faults = FaultWatch(faults, time.start_ns)
        self._warm_ns = time.start_ns - NS_PER_S

    def on_predictions(self, received_ns: int, futures: Futures) -> None:
        """A message of predictions."""
        self.faults.on_predictions(received_ns, len(futures))
        if received_ns < self._warm_ns:
            return
        self.heard.append(Heard(received_ns, futures.stamp_ns, len(futures)))
        if not self.time.contains(received_ns):
            return
        self.ages_ms.append(self.time.age_ms(received_ns, futures.stamp_ns))
        finite = np.isfinite(futures.pose).all() and np.isfinite(futures.weight).all()
        if not finite:
            self.not_finite += 1
            return
        error = np.abs(futures.weight.sum(axis=1) - 1.0).max(initial=0.0)
        self.not_normalised += bool(error > self.parameters.max_weight_error)
        self.accuracy.add(futures)

    def on_unreadable(self, received_ns: int) -> None:
        """A message of predictions that could not be read."""
        self.unreadable += self.time.contains(received_ns)

    def on_response(self, received_ns: int, stamp_ns: int, response_ms: float) -> None:
        """What the node says of its own response."""
        if received_ns >= self._warm_ns:
            self.answers.append(Answer(received_ns, stamp_ns, response_ms))

    def on_diagnosis(self, diagnosis: Diagnosis) -> None:
        self.modes.append((diagnosis.stamp_ns, diagnosis.mode))
        self.faults.on_diagnosis(diagnosis)

    def on_truth(self, truth: Truth) -> None:
        self.accuracy.tape.add(truth)
        self.accuracy.look()
        if self._during(truth.stamp_ns):
            self.safety.on_truth(truth)

    def on_ego(self, ego: EgoTruth) -> None:
        if self._during(ego.stamp_ns):
            self.safety.on_ego(ego)

    def _during(self, stamp_ns: int) -> bool:
        after_ns = stamp_ns - self.time.start_stamp_ns
        return 0 <= after_ns <= self.time.end_ns - self.time.start_ns
