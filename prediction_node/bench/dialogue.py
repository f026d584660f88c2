"""The planner asks the node what would be if, and understands the answers."""

from __future__ import annotations

from prediction_node import cdr
from prediction_node.bench.driver import candidate_arrays
from prediction_node.conditional.answers import candidate_id
from prediction_node.domain.errors import MessageError
from prediction_node.domain.message_arrays import CandidateTrajectoriesArrays
from prediction_node.simulation.futures import Futures
from prediction_node.simulation.planner.parameters import BodyParameters
from prediction_node.simulation.planner.planner import Proposal


class Dialogue:
    """One request under way: which answers have come. Answers to older ones are not ours."""

    def __init__(self, proposal: Proposal, body: BodyParameters) -> None:
        self.proposal = proposal
        self.request: CandidateTrajectoriesArrays = candidate_arrays(proposal.candidates, body)
        count = len(proposal.candidates)
        self._row = {candidate_id(self.request, row): row for row in range(count)}
        self.answers: list[Futures | None] = [None] * count

    @property
    def complete(self) -> bool:
        """Whether every candidate has its answer."""
        return all(answer is not None for answer in self.answers)

    def ask(self, *, turn_indicators: bool = False) -> bytes:
        """autoware_internal_planning_msgs/CandidateTrajectories as CDR bytes."""
        return cdr.write_candidate_trajectories(
            self.request.with_indicators() if turn_indicators else self.request
        )

    def hear(self, data: bytes) -> bool:
        """An answer as CDR bytes. Whether it is one of ours, and can be read."""
        try:
            arrays = cdr.read_predicted_objects(data)
            row = self._row.get(arrays.object_id[0].tobytes()) if len(arrays.object_id) else None
            if row is None:
                return False
            self.answers[row] = Futures.of_answer(arrays)
        except (MessageError, ValueError):
            return False
        return True
