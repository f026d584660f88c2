"""What the planner gets: weighted futures of every agent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.agents import Agents

MODE_COUNT = 6
POSE_COUNT = 81  # the present and 80 steps
STEP_S = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Futures of N agents, in the map frame. Pose k is `agents.stamp_ns` + k x 0.1 s; pose 0 is
    the present.
    """

    agents: Agents
    pose: np.ndarray  # (N, MODE_COUNT, POSE_COUNT, 3) x_m, y_m, yaw_rad
    sigma: np.ndarray  # (N, MODE_COUNT, POSE_COUNT, 3) sigma_x_m, sigma_y_m, rho in the map frame
    probability: np.ndarray  # (N, MODE_COUNT), rows sum to one; an unused mode has exactly 0
    engine: str

    def __post_init__(self) -> None:
        n = len(self.agents)
        if self.pose.shape != (n, MODE_COUNT, POSE_COUNT, 3):
            raise ValueError(
                f'Prediction.pose must be {(n, MODE_COUNT, POSE_COUNT, 3)}, got {self.pose.shape}'
            )
        if self.sigma.shape != self.pose.shape:
            raise ValueError(f'Prediction.sigma must be {self.pose.shape}, got {self.sigma.shape}')
        if self.probability.shape != (n, MODE_COUNT):
            raise ValueError(
                f'Prediction.probability must be {(n, MODE_COUNT)}, got {self.probability.shape}'
            )

    @classmethod
    def empty(cls, agents: Agents) -> Prediction:
        """Nobody's future; `agents` must be empty."""
        shape = (0, MODE_COUNT, POSE_COUNT, 3)
        return cls(agents, np.zeros(shape), np.zeros(shape), np.zeros((0, MODE_COUNT)), 'none')

    @property
    def stamp_ns(self) -> int:
        return self.agents.stamp_ns
