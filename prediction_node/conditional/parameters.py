"""What the answers to candidate trajectories cover."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_node.domain.errors import ParameterError
from prediction_node.domain.parameter import check, parameter
from prediction_node.domain.prediction import POSE_COUNT, STEP_S


@dataclass(frozen=True, slots=True)
class ConditionedParameters:
    """Size of an answer, and which candidates get one."""

    radius_m: float = parameter(
        60.0,
        'An answer holds the agents that are within this distance of the candidate.',
        unit='m',
        low=5.0,
        high=500.0,
    )
    time_step_s: float = parameter(
        0.5,
        'Time between the poses of an answer; a multiple of 0.1 s.',
        unit='s',
        low=STEP_S,
        high=4.0,
    )
    max_candidates: int = parameter(
        16, 'Candidates answered per request; the rest are refused and counted.', low=1, high=64
    )
    max_age_s: float = parameter(
        0.5,
        'Candidates whose stamp is farther than this from the scene are refused.',
        unit='s',
        low=0.1,
        high=5.0,
    )

    def __post_init__(self) -> None:
        check(self, 'conditioned.')
        steps = self.time_step_s / STEP_S
        if abs(steps - round(steps)) > 1e-6:
            raise ParameterError(
                f'conditioned.time_step_s must be a multiple of {STEP_S} s, got {self.time_step_s}'
            )

    @property
    def every(self) -> int:
        """Steps of the prediction from one pose of an answer to the next."""
        return min(round(self.time_step_s / STEP_S), POSE_COUNT - 1)
