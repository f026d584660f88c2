"""What the planner drives by: whose predictions, and whether it asks what would be if."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_node.domain.errors import ParameterError


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to drive."""

    name: str
    engine: str  # parameter engine.name of the node
    asks: bool  # the planner asks conditional questions
    meaning: str


ARMS = (
    Arm('kinematic', 'kinematic', False, 'predictions by rules, the same for all candidates'),
    Arm('learned', 'onnx', False, 'learned predictions, the same for all candidates'),
    Arm('conditional', 'onnx', True, 'learned predictions of every candidate'),
    Arm('asking', 'kinematic', True, 'by rules, asked all the same: nobody reacts'),
)
BY_NAME = {arm.name: arm for arm in ARMS}


def arm_of(name: str) -> Arm:
    """Raises ParameterError naming the arms there are."""
    if name not in BY_NAME:
        raise ParameterError(f'planner must be one of {", ".join(BY_NAME)}, got {name!r}')
    return BY_NAME[name]
