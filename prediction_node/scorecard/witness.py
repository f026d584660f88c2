"""Hears what the node hears and sees what it says: keeps the score, and the worst moments."""

from __future__ import annotations

from collections.abc import Mapping

from prediction_node.conditional.answers import Answers
from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.prediction import Prediction
from prediction_node.scorecard.moments import Channel, Moments
from prediction_node.scorecard.parameters import ScorecardParameters
from prediction_node.scorecard.scorecard import Scorecard


class Witness:
    """Of one run of a pipeline. `channels`: where each of its inputs comes from."""

    def __init__(self, parameters: ScorecardParameters, channels: Mapping[str, Channel]) -> None:
        self.scorecard = Scorecard(parameters)
        self.moments = Moments(parameters, channels)
        self._newest: Prediction | None = None

    def hear(self, name: str, data: bytes, arrival_ns: int) -> None:
        """A message of the input `name`, as it came."""
        self.moments.hear(name, data, arrival_ns)

    def see(
        self,
        prediction: Prediction,
        agents: Agents,
        ego: Ego | None,
        release_ns: int,
        *,
        restarted: bool,
    ) -> None:
        """A release: what was predicted, and all that is known. `restarted`: memories were emptied
        before it. Without `ego` nothing is known.
        """
        if restarted:
            self.scorecard.restart()
            self.moments.restart()
        self._newest = None
        if ego is None:
            self.moments.note([], release_ns)
            return
        self.scorecard.add(prediction, agents, ego, release_ns)
        self.moments.note(self.scorecard.worst, release_ns)
        self._newest = prediction

    def see_answers(self, answers: Answers) -> None:
        """What the planner was told on the newest release."""
        if self._newest is not None:
            self.scorecard.add_answers(answers, self._newest)
