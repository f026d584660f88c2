"""What training minimises, from network outputs and what really happened.

Axes: B samples, A agents, M modes, T steps, W instants at which the weights count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from prediction_node.domain.kinds import CLASS_NAMES
from prediction_node.learning.parameters import LossParameters

UNPLANNED = 'unplanned_'
BORROWED = ('borrowed_', 'borrowed_too_')
KEPT_M = 0.1  # less than this is hardly a reaction
LATE = 1 << 40  # a step after all warm-ups, where nothing is drawn by chance
_LOG_TWO_PI = math.log(2.0 * math.pi)


def gaussian_nll(error: Tensor, spread: Tensor) -> Tensor:
    """(...) negative log densities in nats of errors (..., 2) in metres under zero-mean bivariate
    Gaussians of spread (..., 3): sigma x, sigma y in metres and their correlation.
    """
    sigma_x, sigma_y, rho = spread.unbind(-1)
    x, y = error[..., 0] / sigma_x, error[..., 1] / sigma_y
    free = 1.0 - rho.square()
    square = (x.square() + y.square() - 2.0 * rho * x * y) / free
    return _LOG_TWO_PI + sigma_x.log() + sigma_y.log() + 0.5 * free.log() + 0.5 * square


def instants(steps: int, weights: int) -> list[int]:
    """Index of the step at which each of the weights counts."""
    return [(w + 1) * steps // weights - 1 for w in range(weights)]


def distances(mean: Tensor, future: Tensor) -> Tensor:
    """(B, A, M, T) metres between modes (B, A, M, T, 2) and what happened (B, A, T, 2)."""
    # The root has no slope in 0, where training may well arrive: a tenth of a millimetre is added.
    return ((mean - future[:, :, None]).square().sum(-1) + 1e-8).sqrt()


def closest_mode(
    distance: Tensor,
    valid: Tensor,
    final_share: float,
    first_radius_m: float = 0.0,
    first_favour: float = 1.0,
) -> Tensor:
    """(B, A) the mode with least (1 - s) x average + s x last error over known steps; mode 0 if
    its error is below `first_radius_m` or no other's is `first_favour` times less.

    distance (B, A, M, T) in metres, valid (B, A, T) of 0 and 1.
    """
    known = valid[:, :, None]
    average = (distance * known).sum(-1) / known.sum(-1).clamp(min=1.0)
    step = torch.arange(valid.shape[-1], device=valid.device)
    last = (step * (valid > 0)).amax(-1)[:, :, None, None].expand(*distance.shape[:3], 1)
    final = distance.gather(-1, last).squeeze(-1)
    cost = (1.0 - final_share) * average + final_share * final
    return _nearest(cost, first_radius_m, first_favour)


def losses(
    output: Mapping[str, Tensor],
    batch: Mapping[str, Tensor],
    parameters: LossParameters,
    step: int,
) -> dict[str, Tensor]:
    """Scalars by name; 'loss' is their weighted sum, which training minimises.

    output: mean (B, A, M, T, 2), spread (B, A, M, T, 3), weight_logit (B, A, M, W) as the contract
    says; batch: future (B, A, T, 2) in each agent's own frame, future_valid (B, A, T), weight
    (B, A). Agents of weight 0 and unknown steps have no influence. `step` is counted from the
    beginning of training; LATE where it is over.

    `keep` needs reacts (B, A) in `batch` and the answers without a plan, mean and weight_logit, in
    `output` under names that begin with UNPLANNED, `common` also those to two borrowed plans.
    """
    mean, spread = output['mean'].float(), output['spread'].float()
    logit = output['weight_logit'].float()
    if parameters.temperature:
        logit = logit / _temperature(parameters, batch['label'])
    valid = batch['future_valid'] * (batch['weight'] > 0)[..., None]
    future = torch.where(valid[..., None] > 0, batch['future'], 0.0)
    weight = batch['weight'] * valid.any(-1)
    share = weight / weight.sum().clamp(min=1e-6)

    distance = distances(mean, future)
    best = _closest(distance, valid, parameters)
    huber = _pseudo_huber(distance, parameters.huber_m)
    drawn = _pick(distance, best)
    if parameters.variety and step != LATE:
        other = distances(mean, _varied(future, parameters.variety))
        drawn = _pick(other, _closest(other, valid, parameters))
    regression = _over_time(_pseudo_huber(drawn, parameters.huber_m), valid)
    if parameters.others:
        everywhere = _over_time(huber.mean(2), valid)
        regression = (1.0 - parameters.others) * regression + parameters.others * everywhere
    likelihood = _over_time(gaussian_nll(_pick(mean, best) - future, _pick(spread, best)), valid)
    at = instants(mean.shape[-2], logit.shape[-1])
    known = valid[..., at]
    nearest = _nearest(
        distance.detach()[..., at], parameters.first_radius_m, parameters.first_claim
    )
    surprise = -logit.log_softmax(2).gather(2, nearest[:, :, None]).squeeze(2)
    classification = _over_time(surprise, known)
    likely = _over_time(_pick(huber, logit[..., -1].detach().argmax(-1)), valid)
    terms = {
        'regression': regression,
        'likelihood': likelihood,
        'classification': classification,
        'likeliest': likely,
    }
    if parameters.first:
        terms['first'] = _over_time(huber[:, :, 0], valid)
    if parameters.mixture:
        nll = gaussian_nll((mean - future[:, :, None])[..., at, :], spread[..., at, :])
        terms['mixture'] = _over_time(-torch.logsumexp(logit.log_softmax(2) - nll, dim=2), known)
    named = {name: (share * term).sum() for name, term in terms.items()}
    if parameters.keep and 'reacts' in batch:
        bystander = (batch['reacts'] < 0).to(mean.dtype)
        named['keep'] = (_change(output) * bystander).sum() / bystander.sum().clamp(min=1.0)
    if parameters.common and 'reacts' in batch and BORROWED[0] + 'mean' in output:
        reacts = (batch['reacts'] > 0).to(mean.dtype)
        named['common'] = (_common(output) * reacts).sum() / reacts.sum().clamp(min=1.0)
    ramp = min(1.0, step / parameters.warm_up_steps) if parameters.warm_up_steps else 1.0
    scale = {name: getattr(parameters, name) for name in named}
    scale['likelihood'] *= ramp
    # Outputs that no term looks at still take part: distributed training waits for every gradient.
    total = 0.0 * (mean.sum() + spread.sum() + logit.sum())
    for name, value in named.items():
        total = total + scale[name] * value
    return {'loss': total, **named}


def _temperature(parameters: LossParameters, label: Tensor) -> Tensor:
    """(B, A, 1, 1) of labels (B, A)."""
    by_class = [parameters.temperature.get(name, 1.0) for name in CLASS_NAMES]
    return torch.tensor(by_class, device=label.device)[label][..., None, None]


def _closest(distance: Tensor, valid: Tensor, parameters: LossParameters) -> Tensor:
    share, radius_m = parameters.final_share, parameters.first_radius_m
    return closest_mode(distance.detach(), valid, share, radius_m, parameters.first_favour)


def _varied(future: Tensor, share: float) -> Tensor:
    """(B, A, T, 2) as it might have happened: each way longer or shorter by a normal share of that
    deviation at the last step, and less before.
    """
    factor = share * torch.randn(future.shape[:2], device=future.device, dtype=future.dtype)
    steps = future.shape[2]
    ramp = torch.arange(1, steps + 1, device=future.device, dtype=future.dtype) / steps
    return future * (1.0 + (factor[..., None] * ramp).clamp(min=-1.0))[..., None]


def _change(output: Mapping[str, Tensor]) -> Tensor:
    """(B, A) how far the answer is from the one without a plan: metres between modes, and nats
    between their weights.
    """
    mean, logit = output['mean'].float(), output['weight_logit'].float().log_softmax(2)
    before = output[UNPLANNED + 'mean'].float()
    log_share = output[UNPLANNED + 'weight_logit'].float().log_softmax(2)
    apart = ((mean - before).square().sum(-1) + 1e-8).sqrt()
    moved = _pseudo_huber(apart, KEPT_M).mean((2, 3))
    return moved + (log_share.exp() * (log_share - logit)).sum(2).mean(-1)


def _common(output: Mapping[str, Tensor]) -> Tensor:
    """(B, A) product of the changes that two plans make, metres and nats: were it not tamed for
    large ones, its mean over plans drawn alike would be the square of what they change in common.
    """
    total: Tensor | float = 0.0
    for name in ('mean', 'weight_logit'):
        values = [output[start + name].float() for start in (*BORROWED, UNPLANNED)]
        if name == 'weight_logit':
            values = [each.log_softmax(2)[..., None] for each in values]
        one, other = (each - values[2] for each in values[:2])
        size = 1.0 + 0.5 * (one.square() + other.square()).sum(-1)
        total = total + ((one * other).sum(-1) / size.sqrt()).mean((2, 3))
    assert isinstance(total, Tensor)
    return total


def _pseudo_huber(distance: Tensor, delta: float) -> Tensor:
    return delta * ((1.0 + (distance / delta).square()).sqrt() - 1.0)


def _pick(values: Tensor, mode: Tensor) -> Tensor:
    """(B, A, ...) the values (B, A, M, ...) of one mode (B, A) of each agent."""
    index = mode.reshape(*mode.shape, *[1] * (values.dim() - 2))
    return values.take_along_dim(index, dim=2).squeeze(2)


def _over_time(values: Tensor, valid: Tensor) -> Tensor:
    """(B, A) averages of (B, A, T) over known steps; 0 where none is known."""
    return (values * valid).sum(-1) / valid.sum(-1).clamp(min=1.0)


def _nearest(distance: Tensor, first_radius_m: float, times: float) -> Tensor:
    """(B, A, ...) the nearest mode, of (B, A, M, ...) metres; mode 0 if it is nearer than the
    radius or no other is so many times nearer.
    """
    first = distance[:, :, 0]
    own = (first < first_radius_m) | (first <= times * distance.amin(2))
    return torch.where(own, 0, distance.argmin(2))
