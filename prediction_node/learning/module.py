"""The Lightning module: one step of learning, the averaged weights, and their validation."""

from __future__ import annotations

import copy
import functools
import math
import time
from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from prediction_node.domain.errors import DataError, ParameterError
from prediction_node.learning.borrowed_plans import borrowed
from prediction_node.learning.data import Loss
from prediction_node.learning.losses import BORROWED, LATE, UNPLANNED, losses
from prediction_node.learning.parameters import (
    LossParameters,
    OptimizerParameters,
    TrainParameters,
)
from prediction_node.learning.tally import Tally
from prediction_node.network import Network

MOST_LEFT_OUT = 50
RECORD = 'prediction_node'  # key of what a checkpoint says about its origin


class Learner(pl.LightningModule):
    """Trains `network`; `averaged` follows it slowly and is what validation and export look at.

    Nothing random depends on what happened before a step: the generator is seeded at each, so that
    a run that was stopped goes on as if it had not been.

    `record` goes into every checkpoint (plain values); a checkpoint whose `digest` or `network`
    differ is refused with ParameterError.
    """

    def __init__(
        self,
        network: nn.Module,
        parameters: TrainParameters,
        *,
        step_s: float,
        record: Mapping[str, Any],
        loss: Loss | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.averaged = copy.deepcopy(network).requires_grad_(False)
        self.averaged.eval()
        self.step_s = step_s
        self._told = parameters
        self._losses = loss or functools.partial(_losses, parameters.loss)
        self._record = dict(record)
        self._elapsed_s = 0.0  # of earlier processes
        self._began = time.monotonic()
        self._tally: Tally | None = None
        self._baseline: Tally | None = None
        self._loss = torch.zeros(2, dtype=torch.float64)
        self.figures: dict[str, float] = {}
        self.finished = False
        self._left_out = 0  # steps in a row

    # One step.

    def on_fit_start(self) -> None:
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Time spent on training, by all processes that took part one after the other."""
        return self._elapsed_s + time.monotonic() - self._began

    def progress(self) -> float:
        """How much of the training is done, by steps or time, whichever is further; 1: all."""
        run = self._told.run
        done = self.global_step / run.steps
        if run.minutes:
            elapsed_s = self.elapsed_s
            if self.trainer.world_size > 1:
                elapsed_s = float(self.trainer.strategy.broadcast(elapsed_s))
            done = max(done, elapsed_s / (60.0 * run.minutes))
        return float(done)

    def on_train_batch_start(self, batch: Mapping[str, Tensor], batch_idx: int) -> None:
        done = self.progress()
        step, rank = self.global_step, self.trainer.global_rank
        torch.manual_seed(hash((self._told.run.seed, step, rank)) & 0x7FFFFFFF)
        rate = learning_rate(self._told.optimizer, step, done)
        for group in self.trainer.optimizers[0].param_groups:
            group['lr'] = rate

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> Tensor:
        output = self._answers(self.network, batch)
        terms = self._losses(output, batch, self.global_step)
        for name, value in terms.items():
            self.log(f'train/{name}', value.detach(), batch_size=len(batch['weight']))
        self.log('train/learning_rate', self.trainer.optimizers[0].param_groups[0]['lr'])
        # Lightning's own count of steps, for curves, is one too many after some resumptions.
        self.log('step', float(self.global_step + 1))
        return terms['loss']

    def _answers(self, network: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """To the told plans, and, where the loss compares them, without any plan."""
        loss = self._told.loss
        if not (loss.keep or loss.common) or not isinstance(network, Network):
            answers: dict[str, Tensor] = network(batch)
            return answers
        encoded = network.encoder(batch)
        answers = network.decoder(encoded, batch['plan'], batch['plan_valid'])
        with torch.no_grad():
            others = {UNPLANNED: network.decoder(encoded, None, None)}
        if loss.common and len(encoded['ego']) > len(BORROWED):
            for rank, start in enumerate(BORROWED, 1):
                others[start] = network.decoder(
                    encoded, *self._borrowed(network, encoded, batch, rank)
                )
        named = ((start + name, v) for start, each in others.items() for name, v in each.items())
        return answers | dict(named)

    @staticmethod
    def _borrowed(
        network: Network, encoded: Mapping[str, Tensor], batch: Mapping[str, Tensor], rank: int
    ) -> tuple[Tensor, Tensor]:
        block_s = network.config.steps_per_block * network.config.sizes.step_s
        ego = encoded['ego'].float()
        return borrowed(batch['plan'], batch['plan_valid'], ego, block_s, rank)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """A step without a finite slope is left out; raises DataError when there are only such."""
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        finite = all(bool(torch.isfinite(each).all()) for each in gradients)
        self._left_out = 0 if finite else self._left_out + 1
        self.log('train/left_out', float(self._left_out))
        if finite:
            return
        optimizer.zero_grad(set_to_none=True)
        if self._left_out >= MOST_LEFT_OUT:
            raise DataError(
                f'{self._left_out} steps in a row had no finite gradient, the last at step '
                f'{self.global_step}: lower optimizer.learning_rate or set run.precision=32-true'
            )

    def on_train_batch_end(self, outputs: Any, batch: Mapping[str, Tensor], batch_idx: int) -> None:
        # Young averages follow fast: the first weights are worth nothing.
        step = self.global_step
        decay = min(self._told.optimizer.ema_decay, (1.0 + step) / (10.0 + step))
        with torch.no_grad():
            average(self.averaged, self.network, decay)
        if self.progress() >= 1.0:
            self.trainer.should_stop = True  # after a last validation

    def configure_optimizers(self) -> torch.optim.Optimizer:
        optimizer = self._told.optimizer
        matrices = [p for p in self.network.parameters() if p.requires_grad and p.dim() > 1]
        vectors = [p for p in self.network.parameters() if p.requires_grad and p.dim() <= 1]
        groups = [
            {'params': matrices, 'weight_decay': optimizer.weight_decay},
            {'params': vectors, 'weight_decay': 0.0},
        ]
        return torch.optim.AdamW(
            [g for g in groups if g['params']], lr=optimizer.learning_rate, betas=(0.9, 0.98)
        )

    # Validation.

    def on_validation_epoch_start(self) -> None:
        self._tally = self._baseline = None
        self._loss = torch.zeros(2, dtype=torch.float64)
        self.averaged.eval()

    def validation_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> None:
        answers = self._answers(self.averaged, batch)
        output = {name: value.float() for name, value in answers.items()}
        loss = self._losses(output, batch, LATE)['loss']
        judged = (batch['weight'] * batch['future_valid'].any(-1)).sum().double().cpu()
        self._loss += torch.stack([loss.double().cpu() * judged, judged])
        log_weight = output['weight_logit'].log_softmax(2)
        weights = log_weight.shape[-1]
        self._tally = self._tally or Tally(weights)
        self._tally.add(output['mean'], log_weight, batch, output['spread'])
        if 'proposal' in batch:
            self._baseline = self._baseline or Tally(weights)
            same = batch['proposal_log_weight'][..., None].expand(-1, -1, -1, weights)
            self._baseline.add(batch['proposal'][..., :2], same, batch)

    def on_validation_epoch_end(self) -> None:
        self._loss = self._summed(self._loss)
        figures = {'loss': float(self._loss[0] / self._loss[1].clamp(min=1e-9))}
        if self._tally is not None:
            figures |= self._figures_of(self._tally)
            figures['score'] = score(figures)
        if self._baseline is not None:
            baseline = self._figures_of(self._baseline)
            figures |= {f'{k}_kinematic': v for k, v in baseline.items() if '/nll' not in k}
        self.figures = figures
        named = {f'validation/{name}': value for name, value in figures.items()}
        named['step'] = float(self.global_step)
        self.log_dict(named)

    def _figures_of(self, tally: Tally) -> dict[str, float]:
        tally.at, tally.over, tally.bins = (self._summed(t) for t in tally.tensors())
        return tally.figures(self.step_s, self._steps())

    def _steps(self) -> int:
        return int(self._record['sizes']['steps'])

    def _summed(self, values: Tensor) -> Tensor:
        if self.trainer.world_size == 1:
            return values
        summed = self.trainer.strategy.reduce(values.to(self.device), reduce_op='sum')
        assert isinstance(summed, Tensor)
        return summed.cpu()

    # Checkpoints.

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[RECORD] = {
            **self._record,
            'elapsed_s': self.elapsed_s,
            'finished': self.finished,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        found = checkpoint.get(RECORD, {})
        for key, what in (
            ('digest', 'data'),
            ('network', 'network'),
            ('order', 'order of samples'),
        ):
            if not _agree(found.get(key), self._record.get(key)):
                raise ParameterError(
                    f'the checkpoint was made with another {what}: {found.get(key)!r:.80}, now '
                    f'{self._record.get(key)!r:.80}; train into another folder'
                )
        self._elapsed_s = float(found.get('elapsed_s', 0.0))


def _agree(before: Any, now: Any) -> bool:
    """Equal, but for fields that only a newer version of the code knows."""
    if isinstance(before, dict) and isinstance(now, dict):
        return all(before[name] == now[name] for name in before.keys() & now.keys())
    return bool(before == now)


def _losses(
    parameters: LossParameters,
    output: Mapping[str, Tensor],
    batch: Mapping[str, Tensor],
    step: int,
) -> dict[str, Tensor]:
    return losses(output, batch, parameters, step)


def score(figures: Mapping[str, float]) -> float:
    """One figure, in metres, for the likeliest mode and the closest one: average errors and half
    the last ones, over all judged agents.
    """
    last = max(
        (k for k in figures if k.startswith('all/min_fde_')),
        key=lambda k: float(k.removeprefix('all/min_fde_').removesuffix('s')),
        default='',
    )
    if not last:
        return math.nan
    likely = figures['all/likely_ade'] + 0.5 * figures[last.replace('min_fde', 'likely_fde')]
    return likely + figures['all/min_ade'] + 0.5 * figures[last]


def learning_rate(parameters: OptimizerParameters, step: int, done: float) -> float:
    """The rate of a step when `done` in [0, 1] of the training lies behind: linear up, cosine down
    (Loshchilov and Hutter, SGDR, 2017).
    """
    up = min(1.0, (step + 1) / max(1, parameters.warm_up_steps))
    low = parameters.final_share
    down = low + (1.0 - low) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
    return parameters.learning_rate * up * down


def average(followers: nn.Module, leaders: nn.Module, decay: float) -> None:
    """Move the parameters of one module towards those of its twin; buffers are copied."""
    mine, theirs = list(followers.parameters()), list(leaders.parameters())
    torch._foreach_lerp_(mine, [p.detach() for p in theirs], 1.0 - decay)
    for buffer, other in zip(followers.buffers(), leaders.buffers(), strict=True):
        buffer.copy_(other)
