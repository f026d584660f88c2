"""The figures of a validation, by class, of the network and of the kinematic futures it was given.

Errors are taken at the instants of the weights (each second of eight, say). `likely` is the
likeliest mode, `min` the closest one; brier-minFDE adds (1 - p)^2 of the closest; a miss is a
closest mode more than 2 m off. Averages over time (ADE) are over all known steps.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from prediction_node.domain.kinds import CLASS_COUNT, CLASS_NAMES
from prediction_node.learning.losses import distances, gaussian_nll, instants

MISS_M = 2.0
MOVING_M = 2.0
BINS = 10
# Sums at an instant, and over all known steps.
AT = ('count', 'likely_fde', 'min_fde', 'brier_min_fde', 'miss_rate', 'nll')
OVER = ('count', 'likely_ade', 'min_ade')
ALL, MOVING = CLASS_COUNT, CLASS_COUNT + 1
ROWS = (*CLASS_NAMES, 'all', 'moving')


class Tally:
    """Sums over agents; those of several processes add up."""

    def __init__(self, weights: int) -> None:
        self.at = torch.zeros(len(ROWS), weights, len(AT), dtype=torch.float64)
        self.over = torch.zeros(len(ROWS), len(OVER), dtype=torch.float64)
        self.bins = torch.zeros(BINS, 3, dtype=torch.float64)  # modes, closest ones, claimed

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.at, self.over, self.bins

    def add(
        self,
        mean: Tensor,
        log_weight: Tensor,
        batch: Mapping[str, Tensor],
        spread: Tensor | None = None,
    ) -> None:
        """Count the judged agents of a batch.

        mean (B, A, M, T, 2); log_weight (B, A, M, W), normalised; spread (B, A, M, T, 3) for `nll`,
        which is 0 without. An unused mode has log_weight below -20.
        """
        picked = (batch['weight'] > 0) & (batch['future_valid'] > 0).any(-1)
        if not bool(picked.any()):
            return
        future, known = batch['future'][picked], batch['future_valid'][picked]
        mean, log_weight, label = mean[picked], log_weight[picked], batch['label'][picked]
        used = log_weight > -20.0
        distance = distances(mean[:, None], future[:, None])[:, 0]  # (N, M, T)
        at = instants(distance.shape[-1], log_weight.shape[-1])
        moving = (future.square().sum(-1) * known).amax(-1).sqrt() > MOVING_M
        rows = torch.zeros(len(label), len(ROWS), dtype=torch.float64, device=label.device)
        rows.scatter_(1, label[:, None], 1.0)
        rows[:, ALL] = 1.0
        rows[:, MOVING] = moving.double()

        final = torch.where(used, distance[..., at], torch.inf)
        closest = final.argmin(1, keepdim=True)
        likeliest = log_weight.argmax(1, keepdim=True)
        min_fde = final.gather(1, closest)[:, 0]
        p = log_weight.exp()
        nll = torch.zeros_like(min_fde)
        if spread is not None:
            each = gaussian_nll(mean[..., at, :] - future[:, None, at], spread[picked][..., at, :])
            nll = -torch.logsumexp(log_weight - each, dim=1)
        values = torch.stack(
            [
                torch.ones_like(min_fde),
                final.gather(1, likeliest)[:, 0],
                min_fde,
                min_fde + (1.0 - p.gather(1, closest)[:, 0]).square(),
                (min_fde > MISS_M).float(),
                nll,
            ],
            dim=-1,
        ).double()  # (N, W, AT)
        values = torch.where(known[:, at, None] > 0, values, 0.0)
        self.at += torch.einsum('nr,nwm->rwm', rows, values).cpu()

        average = (distance * known[:, None]).sum(-1) / known[:, None].sum(-1).clamp(min=1.0)
        average = torch.where(used[..., -1], average, torch.inf)
        values = torch.stack(
            [
                torch.ones_like(average[:, 0]),
                average.gather(1, likeliest[..., -1])[:, 0],
                average.amin(1),
            ],
            dim=-1,
        ).double()
        self.over += (rows.T @ values).cpu()

        ends = known[:, at[-1]] > 0
        p, used = p[ends, :, -1], used[ends, :, -1]
        hit = torch.zeros_like(p).scatter_(1, closest[ends, :, -1], 1.0)
        where = (p * BINS).long().clamp(max=BINS - 1)
        for column, each in enumerate((torch.ones_like(p), hit, p)):
            self.bins[:, column].index_add_(0, where[used].cpu(), each[used].double().cpu())

    def figures(self, step_s: float, steps: int) -> dict[str, float]:
        """'<class>/min_fde_5s' and so on, of classes that were seen; 'all/ece'."""
        found: dict[str, float] = {}
        times = [(i + 1) * step_s for i in instants(steps, self.at.shape[1])]
        # Of many instants those that users look at; of others the last one.
        shown = [w for w, t in enumerate(times) if round(t, 3) in (1.0, 3.0, 5.0)]
        shown = sorted({*shown, len(times) - 1})
        for row, name in enumerate(ROWS):
            if self.over[row, 0] == 0:
                continue
            for column, figure in enumerate(OVER[1:], start=1):
                found[f'{name}/{figure}'] = float(self.over[row, column] / self.over[row, 0])
            for w in shown:
                count = self.at[row, w, 0]
                for column, figure in enumerate(AT[1:], start=1):
                    if count:
                        value = float(self.at[row, w, column] / count)
                        found[f'{name}/{figure}_{times[w]:g}s'] = value
        if self.bins[:, 0].sum():
            gap = (self.bins[:, 1] - self.bins[:, 2]).abs().sum() / self.bins[:, 0].sum()
            found['all/ece'] = float(gap)
        return found
