"""From the network's answer to futures in the map frame that bodies can follow, each told once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.agents import Agents
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, STEP_S, Prediction
from prediction_node.domain.tensors import Arrays
from prediction_node.tensors.actors import table
from prediction_node.tensors.calibration import Calibration
from prediction_node.tensors.feasible import LIMIT_TABLE, freedoms, limit_rows
from prediction_node.tensors.kernels import futures as kernels
from prediction_node.tensors.kernels import merging

# Modes of less probability are not worth a path.
LEAST_PROBABILITY = 1e-4
# Modes that are never farther apart than this many standard deviations are one future, told twice.
SAME_SIGMAS = 1.0
_SAME_EVERY = 5  # poses at which that is asked
_TOGETHER = 16  # agents that a thread decodes before it takes the next


@dataclass(frozen=True, slots=True, eq=False)
class Same:
    """Which modes of N agents are told by a likelier one that goes the same way."""

    told: np.ndarray  # (N, MODE_COUNT) int64: the mode by which each is told, itself as a rule
    share: np.ndarray  # (N, MODE_COUNT) of its probability in what that one tells

    @classmethod
    def of(cls, pose: np.ndarray, sigma: np.ndarray, probability: np.ndarray) -> Same:
        """From poses (N, M, POSE_COUNT, 2 or more), sigmas (N, M, POSE_COUNT, 3) in the same frame
        and probabilities (N, M), all float64.
        """
        told, share = np.empty(probability.shape, np.int64), np.empty(probability.shape)
        merging.find_same(pose, sigma, probability, _SAME_EVERY, SAME_SIGMAS, told, share)
        return cls(told, share)

    def merge_weights(self, weight: np.ndarray, temperature: np.ndarray) -> None:
        """In place: weights (N, M, W), float64, go to the modes that tell, and are flattened by
        temperature (N,).
        """
        merging.merge_weights(weight, self.told, temperature, LEAST_PROBABILITY)


@dataclass(frozen=True, slots=True, eq=False)
class Futures:
    """A prediction, and the probabilities of its modes on the way there."""

    prediction: Prediction
    weight: np.ndarray  # (N, MODE_COUNT, W) at W instants that divide the horizon, rows sum to 1
    same: Same


@dataclass(frozen=True, slots=True, eq=False)
class Bodies:
    """What decoding needs of N agents, whatever the answers: found once for all candidates."""

    agents: Agents
    table: dict[str, np.ndarray]  # arguments of kernels.write_futures, a row each
    temperature: np.ndarray  # (N,)

    @classmethod
    def of(cls, agents: Agents, calibration: Calibration) -> Bodies:
        label = agents.label
        values = {
            'position_m': table(agents.position_m),
            'yaw_rad': table(agents.yaw_rad),
            'velocity_mps': table(agents.velocity_mps),
            'covariance': table(agents.covariance),
            'freedom': table(freedoms(agents)),
            'limit_row': limit_rows(agents),
            'sigma_scale': table(calibration.sigma_scale[label]),
        }
        return cls(agents, values, table(calibration.temperature[label]))

    def decode(
        self,
        outputs: Arrays,
        engine: str,
        candidate: int = 0,
        threads: Executor | None = None,
        same: Same | None = None,
    ) -> Futures:
        """What `outputs` (domain.tensors.OUTPUTS) say if the robotaxi does as in row `candidate`.

        Rows of outputs beyond the agents are padding. Modes keep their places; those that tell what
        a likelier one tells are unused. `same` says which those are: an answer to a plan takes that
        of the answer without one, so that nothing of it depends on what is planned for later.

        Raises ValueError where outputs are of other modes or steps, or hold a value that is not
        finite. May run in several threads at once; `threads` take a part of the work where given.
        """
        mean, spread = outputs['mean'][candidate], outputs['spread'][candidate]
        logit = outputs['weight_logit'][candidate]
        n, steps = len(self.agents), POSE_COUNT - 1
        if mean.shape[0] < n or mean.shape[1:] != (MODE_COUNT, steps, 2):
            raise ValueError(
                f'mean must be at least {(n, MODE_COUNT, steps, 2)}, got {mean.shape} '
                'for a candidate'
            )
        for name, value in (('mean', mean), ('spread', spread), ('weight_logit', logit)):
            if not np.isfinite(value[:n]).all():
                raise ValueError(f'output {name} is not finite')
        weight = np.empty((n, MODE_COUNT, logit.shape[2]))
        logit = np.ascontiguousarray(logit, np.float32)
        kernels.write_weights(logit, LEAST_PROBABILITY, weight)
        pose, sigma = np.empty((2, n, MODE_COUNT, POSE_COUNT, 3))
        mean, spread = (np.ascontiguousarray(each, np.float32) for each in (mean, spread))

        def write(part: slice) -> None:
            kernels.write_futures(
                mean=mean[part],
                spread=spread[part],
                dt_s=STEP_S,
                pose=pose[part],
                sigma=sigma[part],
                limits=LIMIT_TABLE,
                **{name: each[part] for name, each in self.table.items()},
            )

        parts = [slice(i, min(i + _TOGETHER, n)) for i in range(0, n, _TOGETHER)]
        _share(write, parts, threads)
        if same is None:
            same = Same.of(pose, sigma, np.ascontiguousarray(weight[:, :, -1]))
        merging.merge_spreads(pose, sigma, same.told, same.share, kernels.MAX_CORRELATION)
        same.merge_weights(weight, self.temperature)
        probability = np.ascontiguousarray(weight[:, :, -1])
        return Futures(Prediction(self.agents, pose, sigma, probability, engine), weight, same)


def decode(
    outputs: Arrays,
    agents: Agents,
    calibration: Calibration,
    engine: str,
    candidate: int = 0,
) -> Futures:
    """One answer for `agents`, see `Bodies.decode`."""
    return Bodies.of(agents, calibration).decode(outputs, engine, candidate)


def _share(work: Callable[[slice], None], parts: Sequence[slice], threads: Executor | None) -> None:
    """Do all parts; one of `threads` takes some of them if it comes to it."""
    todo = iter(parts)

    def do(mine: Iterator[slice]) -> None:
        for part in mine:
            work(part)

    if threads is None or len(parts) < 2:
        do(todo)
        return
    other = threads.submit(do, todo)
    try:
        do(todo)
    finally:
        if not other.cancel():
            other.result()
