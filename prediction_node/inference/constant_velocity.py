"""The baseline of every figure, and the last resort: everyone keeps their velocity."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.kinds import CLASS_COUNT, WALKERS, class_mask
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, STEP_S, Prediction
from prediction_node.domain.scene import Scene

# Standard deviation of the unknown acceleration, by whether the body may step in any direction.
WALKER_ACCELERATION_MPS2 = 0.4
OTHER_ACCELERATION_MPS2 = 1.0


class ConstantVelocityEngine:
    """One mode per agent: the present velocity, for ever. Needs neither map nor history."""

    name = 'constant_velocity'

    def predict(self, scene: Scene) -> Prediction:
        """Futures of `scene.agents`, same order; yaw stays as it is."""
        agents = scene.agents
        t = STEP_S * np.arange(POSE_COUNT)
        pose = np.empty((len(agents), MODE_COUNT, POSE_COUNT, 3))
        path = agents.position_m[:, None, :2] + agents.velocity_mps[:, None] * t[:, None]
        pose[..., :2] = path[:, None]
        pose[..., 2] = agents.yaw_rad[:, None, None]
        sigma = np.zeros_like(pose)
        walks = class_mask(WALKERS)[np.clip(agents.label, 0, CLASS_COUNT - 1)]
        acceleration = np.where(walks, WALKER_ACCELERATION_MPS2, OTHER_ACCELERATION_MPS2)
        position = agents.covariance[:, [0, 1], [0, 1]]
        growth = 0.5 * acceleration[:, None] * t**2
        sigma[..., 0] = np.sqrt(position[:, :1] + growth**2)[:, None]
        sigma[..., 1] = np.sqrt(position[:, 1:] + growth**2)[:, None]
        probability = np.zeros((len(agents), MODE_COUNT))
        probability[:, 0] = 1.0
        return Prediction(agents, pose, sigma, probability, self.name)
