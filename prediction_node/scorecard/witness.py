"""Hears what the node hears and sees what it says: keeps the score, and the worst moments."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from prediction_node.conditional.answers import Answers
from prediction_node.domain.prediction import Prediction
from prediction_node.scorecard.moments import Channel, Moments
from prediction_node.scorecard.parameters import ScorecardParameters
from prediction_node.scorecard.scorecard import Release, Scorecard

_KEPT = 8  # releases within which a request has all its answers


class Witness:
    """Of one run of a pipeline. `channels`: where each of its inputs comes from."""

    def __init__(self, parameters: ScorecardParameters, channels: Mapping[str, Channel]) -> None:
        self.scorecard = Scorecard(parameters)
        self.moments = Moments(parameters, channels)
        self._known: deque[Prediction] = deque(maxlen=_KEPT)

    def hear(self, name: str, data: bytes, arrival_ns: int) -> None:
        """A message of the input `name`, as it came."""
        self.moments.hear(name, data, arrival_ns)

    def see(self, release: Release) -> None:
        """What a cycle came to: what was predicted, and all that is known."""
        self.scorecard.see(release)
        if release.notice:
            self.moments.restart()
        known = release.ego is not None
        self.moments.note(self.scorecard.worst if known else [], release.release_ns)
        if known:
            self._known.append(release.prediction)

    def see_answers(self, answers: Answers) -> None:
        """What the planner was told, on the newest release or one shortly before."""
        for unconditional in self._known:
            if unconditional.stamp_ns == answers.stamp_ns:
                self.scorecard.add_answers(answers, unconditional)
                return
