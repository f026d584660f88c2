"""From the network's answer to futures in the map frame that bodies can follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.agents import Agents
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, STEP_S, Prediction
from prediction_node.domain.tensors import Arrays
from prediction_node.tensors.actors import table
from prediction_node.tensors.calibration import Calibration
from prediction_node.tensors.feasible import LIMIT_TABLE, freedoms, limit_rows
from prediction_node.tensors.kernels import futures as kernels

# Modes of less probability are not worth a path.
LEAST_PROBABILITY = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Futures:
    """A prediction, and the probabilities of its modes on the way there."""

    prediction: Prediction
    weight: np.ndarray  # (N, MODE_COUNT, W) at W instants that divide the horizon, rows sum to 1


def decode(
    outputs: Arrays,
    agents: Agents,
    calibration: Calibration,
    engine: str,
    candidate: int = 0,
) -> Futures:
    """What `outputs` (domain.tensors.OUTPUTS) say of `agents` if the robotaxi does as in the row
    `candidate`.

    Rows of outputs beyond the agents are padding. Modes keep their places. Raises ValueError where
    outputs are of other modes or steps, or hold a value that is not finite.
    """
    mean, spread = outputs['mean'][candidate], outputs['spread'][candidate]
    logit = outputs['weight_logit'][candidate]
    n, steps = len(agents), POSE_COUNT - 1
    if mean.shape[0] < n or mean.shape[1:] != (MODE_COUNT, steps, 2):
        raise ValueError(
            f'mean must be at least {(n, MODE_COUNT, steps, 2)}, got {mean.shape} for a candidate'
        )
    for name, value in (('mean', mean), ('spread', spread), ('weight_logit', logit)):
        if not np.isfinite(value[:n]).all():
            raise ValueError(f'output {name} is not finite')
    label = agents.label
    weight = np.empty((n, MODE_COUNT, logit.shape[2]))
    kernels.write_weights(
        np.ascontiguousarray(logit, np.float32),
        table(calibration.temperature[label]),
        LEAST_PROBABILITY,
        weight,
    )
    pose, sigma = np.empty((2, n, MODE_COUNT, POSE_COUNT, 3))
    kernels.write_futures(
        np.ascontiguousarray(mean, np.float32),
        np.ascontiguousarray(spread, np.float32),
        np.arange(n),
        table(agents.position_m),
        table(agents.yaw_rad),
        table(agents.velocity_mps),
        table(agents.covariance),
        table(freedoms(agents)),
        LIMIT_TABLE,
        limit_rows(agents),
        table(calibration.sigma_scale[label]),
        STEP_S,
        pose,
        sigma,
    )
    probability = np.ascontiguousarray(weight[:, :, -1])
    return Futures(Prediction(agents, pose, sigma, probability, engine), weight)
