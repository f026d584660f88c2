"""Bodies that steer - cars to bicycles - as arrays, in the direction in which they move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_INDEX
from prediction_node.domain.prediction import POSE_COUNT, STEP_S
from prediction_node.domain.scene import Scene
from prediction_node.inference.kinematic.kernels import bodies

HORIZON_S = STEP_S * (POSE_COUNT - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Movers:
    """N steered bodies. A reversing one moves along its path backwards: path yaw is yaw plus pi."""

    row: np.ndarray  # (N,) of the scene's agents
    xy_m: np.ndarray  # (N, 2) map frame
    label: np.ndarray  # (N,) kinds.ObjectClass
    attributes: np.ndarray  # (ATTRIBUTE_COUNT, N), 0 where not reported
    reversing: np.ndarray  # (N,) bool
    stands: np.ndarray  # (N,) bool
    path_yaw_rad: np.ndarray  # (N,) direction of motion
    path_speed_mps: np.ndarray  # (N,) not negative, 0 for who stands
    acceleration_mps2: np.ndarray  # (N,) along the path
    smoothness: np.ndarray  # (N,) in [0, 1], what that acceleration is worth
    trend_mps2: np.ndarray  # (N,) slope of the past speeds, 0 where the past is too short
    trend_trust: np.ndarray  # (N,) in [0, 1], what that slope is worth
    steadiness: np.ndarray  # (N,) in [0, 1], how surely the past speeds show no speeding up
    brakes: np.ndarray  # (N,) in [0, 1], how surely the past speeds show that it brakes
    yaw_rate_radps: np.ndarray  # (N,)
    length_m: np.ndarray  # (N,)
    width_m: np.ndarray  # (N,)
    reach_m: np.ndarray  # (N,) how far it may get within the horizon

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def of(
        cls, scene: Scene, row: np.ndarray, label: np.ndarray, acceleration_mps2: float
    ) -> Movers:
        """The agents in `row` (N,) with labels (N,); values beyond what bodies do are limited."""
        agents, history = scene.agents, scene.history
        value, reversing, stands = bodies.read_bodies(
            row=row,
            yaw_rad=table(agents.yaw_rad),
            velocity_mps=table(agents.velocity_mps),
            yaw_rate_radps=table(agents.yaw_rate_radps),
            acceleration_mps2=table(agents.acceleration_mps2),
            size_m=table(agents.size_m),
            past_position_m=table(history.position_m),
            past_velocity_mps=table(history.velocity_mps),
            past_valid=flags(history.valid),
            step_s=STEP_S,
            horizon_s=HORIZON_S,
            # Half the comfortable acceleration all the way: few speed up longer.
            lasting_acceleration_mps2=0.5 * acceleration_mps2,
        )
        attributes = bodies.read_attributes(
            row=row, attribute=table(agents.attributes), has_attribute=flags(agents.has_attribute)
        )
        position = agents.position_m[row, :2]
        return cls(row, position, label, attributes, reversing, stands, *value)

    def attribute(self, name: str) -> np.ndarray:
        """(N,) value of one attribute, 0 where it was not reported."""
        return np.asarray(self.attributes[ATTRIBUTE_INDEX[name]])


def table(values: np.ndarray) -> np.ndarray:
    """`values` as kernels take them: float64, C-contiguous, writeable."""
    values = np.ascontiguousarray(values, np.float64)
    return values if values.flags.writeable else values.copy()


def flags(values: np.ndarray) -> np.ndarray:
    """`values` as kernels take them: bool, C-contiguous, writeable."""
    values = np.ascontiguousarray(values, np.bool_)
    return values if values.flags.writeable else values.copy()
