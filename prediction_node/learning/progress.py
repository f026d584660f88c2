"""What a training shows on the terminal: a bar, or a line now and then where it goes to a file."""

from __future__ import annotations

import time
from typing import Any

import lightning.pytorch as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from prediction_node.learning.module import Learner

LINE_EVERY_S = 30.0


class Display(pl.Callback):
    """Steps, loss, samples a second, time left; figures after each validation."""

    def __init__(self, console: Console, steps: int, minutes: float, batch_size: int) -> None:
        self._console = console
        self._steps, self._minutes, self._batch_size = steps, minutes, batch_size
        self._bar: Progress | None = None
        self._task: Any = None
        self._since = (0, 0.0)
        self._line_s = 0.0
        self._loss = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._since = (trainer.global_step, time.monotonic())
        self._line_s = time.monotonic()
        if not trainer.is_global_zero or not self._console.is_terminal:
            return
        self._bar = Progress(
            TextColumn('training'),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn('{task.fields[state]}'),
            console=self._console,
        )
        self._bar.start()
        self._task = self._bar.add_task(
            '', total=self._steps, completed=trainer.global_step, state=''
        )

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        if not trainer.is_global_zero:
            return
        now, step = time.monotonic(), trainer.global_step
        if self._bar is None and now - self._line_s < LINE_EVERY_S:
            return
        loss = float(outputs['loss'])
        self._loss = 0.95 * self._loss + 0.05 * loss if self._loss else loss
        first, began = self._since
        speed = (step - first) / max(now - began, 1e-6)
        left_s = (self._steps - step) / max(speed, 1e-9)
        if self._minutes:
            assert isinstance(pl_module, Learner)
            left_s = min(left_s, 60.0 * self._minutes - pl_module.elapsed_s)
        samples = speed * self._batch_size * trainer.world_size
        state = f'loss {self._loss:.3f}, {samples:.1f} samples/s, {_clock(left_s)} left'
        if self._bar is not None:
            self._bar.update(self._task, completed=step, state=state)
        else:
            self._console.print(
                f'step {step} of {self._steps}: {state}', highlight=False, soft_wrap=True
            )
            self._line_s = now

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, Learner)
        line = validation_line(pl_module.figures)
        self._console.print(f'step {trainer.global_step}: {line}', highlight=False, soft_wrap=True)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._close()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def validation_line(figures: dict[str, float]) -> str:
    """The figures of moving agents at the last instant in one line, kinematic ones in brackets."""
    parts = [f'validation loss {figures["loss"]:.3f}'] if 'loss' in figures else []
    last = sorted(
        (k for k in figures if k.startswith('moving/min_fde_') and k.endswith('s')),
        key=lambda k: float(k.removeprefix('moving/min_fde_').removesuffix('s')),
    )
    if last:
        horizon = last[-1].removeprefix('moving/min_fde_')
        parts.append(f'moving at {horizon}:')
        for name, shown in (('likely_fde', 'likely FDE'), ('min_fde', 'minFDE')):
            key = f'moving/{name}_{horizon}'
            baseline = figures.get(f'{key}_kinematic')
            versus = '' if baseline is None else f' ({baseline:.2f})'
            parts.append(f'{shown} {figures[key]:.2f} m{versus}')
    if 'all/ece' in figures:
        parts.append(f'ECE {figures["all/ece"]:.3f}')
    return ', '.join(parts).replace(':,', ':')


def _clock(seconds: float) -> str:
    minutes = max(0, round(seconds / 60.0))
    return f'{minutes // 60}:{minutes % 60:02d} h'
