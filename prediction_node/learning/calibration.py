"""Temperatures and spreads by class, found on validation samples after training.

Spreads first: they tell which modes are told as one (`tensors.decode.Same`), and the probabilities
that planners get are those of what is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from prediction_node.domain.kinds import CLASS_COUNT
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, STEP_S
from prediction_node.learning.losses import closest_mode, distances, instants
from prediction_node.tensors.calibration import Calibration
from prediction_node.tensors.decode import Same

# Of fewer agents nothing is learned about a class.
FEWEST = 50
LOW, HIGH = 0.25, 4.0


@dataclass
class Answers:
    """What is told of judged agents whose whole future is known, and what came true."""

    logit: list[np.ndarray]  # (N, M) log weights at the last instant, -inf of what is not told
    closest: list[np.ndarray]  # (N,) the mode that ended closest, of those that are told
    surprise: list[np.ndarray]  # (N,) mean squared Mahalanobis distance of the best mode, per axis
    label: list[np.ndarray]  # (N,)
    recorded: list[np.ndarray]  # (N,) bool: people were at the wheel, no simulation


# An answer of the network, and what of the batch it is judged by: rasters take too much memory.
Judged = tuple[dict[str, Tensor], dict[str, Tensor]]
_JUDGING = (
    'future',
    'future_valid',
    'weight',
    'label',
    'proposal',
    'proposal_log_weight',
    'recorded',
)


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


def gather(judged: Sequence[Judged], step_s: float, before: Calibration | None = None) -> Answers:
    """What calibration looks at, of networks whose steps are `step_s` long; `before` as of
    `calibrate`.
    """
    answers = Answers([], [], [], [], [])
    for output, batch in judged:
        picked = _whole(output, batch)
        recorded = batch.get('recorded', torch.ones(len(picked)))[:, None].expand_as(picked)
        answers.surprise.append(_surprise(output, batch)[picked].numpy())
        answers.label.append(batch['label'][picked].numpy())
        answers.recorded.append(recorded[picked].numpy() > 0)
    scale = torch.tensor(_spreads(answers, before), dtype=torch.float32)
    for output, batch in judged:
        picked = _whole(output, batch)
        log_weight = told(output, scale[batch['label']], step_s)[picked][..., -1]
        last = instants(output['mean'].shape[-2], output['weight_logit'].shape[-1])[-1]
        distance = distances(output['mean'], batch['future'])[picked][..., last]
        distance = torch.where(log_weight > -torch.inf, distance, torch.inf)
        answers.logit.append(log_weight.numpy())
        answers.closest.append(distance.argmin(-1).numpy())
    return answers


def told(
    output: Mapping[str, Tensor],
    sigma_scale: Tensor,
    step_s: float,
    temperature: Tensor | None = None,
) -> Tensor:
    """(B, A, M, W) log weights of the modes that planners are told, -inf of the others.

    output: mean, spread and weight_logit as the contract says; sigma_scale and temperature (B, A).
    """
    mean, logit = output['mean'], output['weight_logit']
    if not planners_get(mean.shape[2], mean.shape[3], step_s):
        flat = logit if temperature is None else logit / temperature[..., None, None]
        return flat.log_softmax(2)
    agents = mean.shape[0] * mean.shape[1]
    weight = logit.double().softmax(2).numpy().reshape(agents, *logit.shape[2:])
    pose = np.zeros((agents, mean.shape[2], mean.shape[3] + 1, 2))
    sigma = np.ones((*pose.shape[:3], 3))  # of the present nobody asks
    pose[:, :, 1:] = mean.reshape(agents, *mean.shape[2:]).numpy()
    factor = sigma_scale.reshape(agents, 1, 1, 1).numpy()
    spread = output['spread'].reshape(agents, *mean.shape[2:4], 3).numpy()
    sigma[:, :, 1:, :2], sigma[:, :, 1:, 2] = spread[..., :2] * factor, spread[..., 2]
    flatten = np.ones(agents) if temperature is None else temperature.double().reshape(-1).numpy()
    same = Same.of(pose, sigma, np.ascontiguousarray(weight[:, :, -1]))
    same.merge_weights(weight, flatten)
    with np.errstate(divide='ignore'):
        return torch.from_numpy(np.log(weight).astype(np.float32)).reshape(logit.shape)


def planners_get(modes: int, steps: int, step_s: float) -> bool:
    """Whether answers of such a network are decoded for planners: of no other are modes merged."""
    return (modes, steps, step_s) == (MODE_COUNT, POSE_COUNT - 1, STEP_S)


def _whole(output: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
    """(B, A) bool: judged, and known at the last instant."""
    last = instants(output['mean'].shape[-2], output['weight_logit'].shape[-1])[-1]
    return (batch['weight'] > 0) & (batch['future_valid'][..., last] > 0)


def _surprise(output: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
    """(B, A) mean squared Mahalanobis distance of the best mode, per axis."""
    known = batch['future_valid']
    best = closest_mode(distances(output['mean'], batch['future']), known, 0.5)
    best = best[..., None, None, None]
    error = output['mean'] - batch['future'][:, :, None]
    square = _mahalanobis(
        error.take_along_dim(best, 2)[:, :, 0], output['spread'].take_along_dim(best, 2)[:, :, 0]
    )
    return 0.5 * (square * known).sum(-1) / known.sum(-1).clamp(min=1.0)


def calibrate(answers: Answers, before: Calibration | None = None) -> Calibration:
    """Temperatures that minimise the cross-entropy of the closest mode (Guo et al., On Calibration
    of Modern Neural Networks, 2017), and factors that make errors as large as the spreads say.

    Recorded agents alone decide about classes of which there are enough: simulated ones are easier
    to foresee, and would make the network too sure of people. Classes of fewer than FEWEST keep
    what they have in `before`; without it they take what is found for all together.
    """
    logit = np.concatenate(answers.logit).astype(np.float64)
    closest = np.concatenate(answers.closest)
    temperature = _by_class(
        answers,
        None if before is None else before.temperature,
        lambda rows: best_temperature(logit[rows], closest[rows]),
    )
    return Calibration(temperature, _spreads(answers, before))


def _spreads(answers: Answers, before: Calibration | None) -> np.ndarray:
    """(CLASS_COUNT,) what sigmas are multiplied by."""
    surprise = np.concatenate(answers.surprise)
    return _by_class(
        answers,
        None if before is None else before.sigma_scale,
        lambda rows: spread_scale(surprise[rows]),
    )


def _by_class(
    answers: Answers, before: np.ndarray | None, found: Callable[[np.ndarray], float]
) -> np.ndarray:
    """What is found for the rows of each class; of those of too few `before`, or what is found for
    all of them.
    """
    label, recorded = np.concatenate(answers.label), np.concatenate(answers.recorded)
    values = np.ones(CLASS_COUNT) if before is None else before.copy()
    if before is None and len(label):
        values[:] = found(_decisive(np.ones(len(label), bool), recorded))
    for kind in range(CLASS_COUNT):
        mine = label == kind
        if mine.sum() >= FEWEST:
            values[kind] = found(_decisive(mine, recorded))
    return values


def _decisive(rows: np.ndarray, recorded: np.ndarray) -> np.ndarray:
    """The recorded ones of `rows` if they are enough, else all."""
    real = rows & recorded
    return real if real.sum() >= FEWEST else rows


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
