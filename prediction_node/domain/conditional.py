"""Questions of the planner and their answers: what will the others do if the robotaxi does this?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from prediction_node.domain.prediction import POSE_COUNT, Prediction


@dataclass(frozen=True, slots=True, eq=False)
class EgoPlan:
    """One way the robotaxi might drive: T >= 2 places of base_link in the map frame.

    Times count from the scene's instant; they may begin before it. What lies beyond the last one
    is not planned.
    """

    after_s: np.ndarray  # (T,) increasing
    pose: np.ndarray  # (T, 3) x_m, y_m, yaw_rad; yaw is continuous, not wrapped
    speed_mps: np.ndarray  # (T,) along the heading

    def __post_init__(self) -> None:
        t = len(self.after_s)
        if t < 2 or np.any(np.diff(self.after_s) <= 0.0):
            raise ValueError(f'EgoPlan.after_s must be at least 2 increasing times, got {t}')
        if self.pose.shape != (t, 3) or self.speed_mps.shape != (t,):
            raise ValueError(
                f'EgoPlan must hold {t} poses and speeds, got {self.pose.shape} and '
                f'{self.speed_mps.shape}'
            )

    def at(self, after_s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(K, 3) poses, (K,) speeds and (K,) whether planned, at (K,) times; linear in between.

        Outside of the plan its end stands in.
        """
        pose = np.column_stack(
            [np.interp(after_s, self.after_s, self.pose[:, axis]) for axis in range(3)]
        )
        speed = np.interp(after_s, self.after_s, self.speed_mps)
        planned = (after_s >= self.after_s[0] - 1e-9) & (after_s <= self.after_s[-1] + 1e-9)
        return pose, speed, planned


@dataclass(frozen=True, slots=True, eq=False)
class Conditioned:
    """The answer to one plan. N agents of the newest scene, in its order."""

    prediction: Prediction
    collision: np.ndarray  # (POSE_COUNT,) probability of a collision until pose k; never falls
    reaction_m: np.ndarray  # (N,) mean displacement of the likeliest futures by the plan

    def __post_init__(self) -> None:
        n = len(self.prediction.agents)
        if self.collision.shape != (POSE_COUNT,):
            raise ValueError(
                f'Conditioned.collision must be ({POSE_COUNT},), got {self.collision.shape}'
            )
        if self.reaction_m.shape != (n,):
            raise ValueError(f'Conditioned.reaction_m must be ({n},), got {self.reaction_m.shape}')


# One answer per plan, in order, on one scene.
Asking = Callable[[tuple[EgoPlan, ...]], tuple[Conditioned, ...]]


class Conditional(Protocol):
    """An engine that can be asked what would be if."""

    def asking(self) -> Asking:
        """What answers plans on the scene that `predict` saw last. Networks on a processor go on
        answering on that scene when newer ones have been predicted.

        Raises RuntimeError before the first `predict`.
        """
