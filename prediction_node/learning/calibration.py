"""Temperatures and spreads by class, found on validation samples after training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from prediction_node.domain.kinds import CLASS_COUNT
from prediction_node.learning.losses import closest_mode, distances, instants
from prediction_node.tensors.calibration import Calibration

# Of fewer agents nothing is learned about a class: it takes what all classes together say.
FEWEST = 50
LOW, HIGH = 0.25, 4.0


@dataclass
class Answers:
    """What the network said of judged agents whose whole future is known, and what came true."""

    logit: list[np.ndarray]  # (N, M) at the last instant
    closest: list[np.ndarray]  # (N,) the mode that ended closest
    surprise: list[np.ndarray]  # (N,) mean squared Mahalanobis distance of the best mode, per axis
    label: list[np.ndarray]  # (N,)


# An answer of the network, and what of the batch it is judged by: rasters take too much memory.
Judged = tuple[dict[str, Tensor], dict[str, Tensor]]
_JUDGING = ('future', 'future_valid', 'weight', 'label', 'proposal', 'proposal_log_weight')


@torch.no_grad()
def ask(network: nn.Module, batches: Iterable[Mapping[str, Tensor]]) -> list[Judged]:
    """What the network says of all batches."""
    device = next(network.parameters()).device
    answers = []
    for batch in batches:
        output = network({name: value.to(device) for name, value in batch.items()})
        kept = {name: batch[name] for name in _JUDGING if name in batch}
        answers.append(({name: value.float().cpu() for name, value in output.items()}, kept))
    return answers


def gather(judged: Iterable[Judged]) -> Answers:
    """What calibration looks at."""
    answers = Answers([], [], [], [])
    for output, batch in judged:
        logit = output['weight_logit']
        last = instants(output['mean'].shape[-2], logit.shape[-1])[-1]
        known = batch['future_valid']
        picked = (batch['weight'] > 0) & (known[..., last] > 0)
        distance = distances(output['mean'], batch['future'])
        ends = distance[..., last].argmin(-1)
        best = closest_mode(distance, known, 0.5)[..., None, None, None]
        error = output['mean'] - batch['future'][:, :, None]
        square = _mahalanobis(
            error.take_along_dim(best, 2)[:, :, 0],
            output['spread'].take_along_dim(best, 2)[:, :, 0],
        )
        square = (square * known).sum(-1) / known.sum(-1).clamp(min=1.0)
        for values, into in (
            (logit[..., -1], answers.logit),
            (ends, answers.closest),
            (0.5 * square, answers.surprise),
            (batch['label'], answers.label),
        ):
            into.append(values[picked].numpy())
    return answers


def calibrate(answers: Answers) -> Calibration:
    """Temperatures that minimise the cross-entropy of the closest mode (Guo et al., On Calibration
    of Modern Neural Networks, 2017), and factors that make errors as large as the spreads say.
    """
    label = np.concatenate(answers.label)
    logit = np.concatenate(answers.logit).astype(np.float64)
    closest, surprise = np.concatenate(answers.closest), np.concatenate(answers.surprise)
    temperature, scale = np.ones(CLASS_COUNT), np.ones(CLASS_COUNT)
    if len(label):
        temperature[:] = best_temperature(logit, closest)
        scale[:] = spread_scale(surprise)
    for kind in range(CLASS_COUNT):
        mine = label == kind
        if mine.sum() >= FEWEST:
            temperature[kind] = best_temperature(logit[mine], closest[mine])
            scale[kind] = spread_scale(surprise[mine])
    return Calibration(temperature, scale)


def best_temperature(logit: np.ndarray, closest: np.ndarray) -> float:
    """The temperature in [LOW, HIGH] by which logits (N, M) are divided so that the cross-entropy
    of `closest` (N,) is least. It has one minimum in 1 / temperature.
    """
    low, high = 1.0 / HIGH, 1.0 / LOW
    rows = np.arange(len(closest))

    def cost(inverse: float) -> float:
        scaled = inverse * (logit - logit.max(axis=1, keepdims=True))
        return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, closest]))

    golden = 0.5 * (np.sqrt(5.0) - 1.0)
    for _ in range(40):
        a, b = high - golden * (high - low), low + golden * (high - low)
        if cost(a) <= cost(b):
            high = b
        else:
            low = a
    return float(2.0 / (low + high))


def spread_scale(surprise: np.ndarray) -> float:
    """By which sigmas are multiplied so that mean squared distances (N,) per axis become one: the
    likeliest scale. One in a hundred, the worst, is left out: they are other manoeuvres.
    """
    kept = np.sort(surprise)[: max(1, round(0.99 * len(surprise)))]
    return float(np.clip(np.sqrt(kept.mean()), LOW, HIGH))


def _mahalanobis(error: Tensor, spread: Tensor) -> Tensor:
    sigma_x, sigma_y, rho = spread.unbind(-1)
    x, y = error[..., 0] / sigma_x, error[..., 1] / sigma_y
    return (x.square() + y.square() - 2.0 * rho * x * y) / (1.0 - rho.square())
