"""Checkpoints that survive anything: written whole or not at all, and found again."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from prediction_node.domain.errors import DataError
from prediction_node.domain.whole_file import PARTIAL, whole_file
from prediction_node.learning.module import RECORD, Learner

PATTERN = 'step_*.ckpt'
KEPT = 2


class Stopped(Exception):
    """Training was asked to stop (SIGTERM); its state is saved."""


class WholeFiles(TorchCheckpointIO):
    """Writes beside the target and renames: who is killed meanwhile leaves the old file."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            torch.save(checkpoint, file)


def newest_checkpoint(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint that can be read and what it says of its origin; None if there is none.

    Raises DataError if there are some but none can be read.
    """
    found = sorted(folder.glob(PATTERN), reverse=True)
    for path in found:
        try:
            content = torch.load(path, map_location='cpu', weights_only=True)
            return path, {'step': content['global_step'], **content[RECORD]}
        except Exception as problem:  # whatever a damaged file makes torch raise
            reason = ' '.join(str(problem).split())[:120]
            print(f'{path} cannot be read ({reason}); trying the one before')
    if found:
        raise DataError(f'{folder}: none of {len(found)} checkpoints can be read')
    return None


class SavePoints(pl.Callback):
    """Saves every so often, when SIGTERM arrives, and at the end.

    A checkpoint is taken between two steps: after all that follows a step (validation, early
    stopping) and before anything of the next. Resuming repeats nothing and leaves out nothing.
    """

    def __init__(self, folder: Path, every_s: float) -> None:
        self._folder = folder
        self._every_s = every_s
        self._last_s = time.monotonic()
        self._terminated = False
        self._previous: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._last_s = time.monotonic()
        if trainer.is_global_zero:
            for leftover in self._folder.glob(f'.step_*{PARTIAL}'):
                leftover.unlink()
        # Lightning's own answer to SIGTERM ends the run in the middle of a step's aftermath.
        with contextlib.suppress(ValueError):  # not in the main thread: nobody signals it
            self._previous = signal.signal(signal.SIGTERM, self._on_sigterm)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        # All processes save together; the clock of the first one decides when.
        due = trainer.is_global_zero and time.monotonic() - self._last_s >= self._every_s
        some = trainer.strategy.reduce_boolean_decision
        if not some(due or self._terminated, all=False):
            return
        stop = some(self._terminated, all=False)
        self._save(trainer)
        if stop:
            raise Stopped(f'stopped after step {trainer.global_step}; --resume goes on')

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Learner)
        pl_module.finished = True
        self._save(trainer)
        self._restore()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self._restore()

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        # The batch that is about to begin has been counted already; it has not begun.
        for part in ('total', 'current'):
            counted = checkpoint['loops']['fit_loop']['epoch_loop.batch_progress'][part]
            for state in ('ready', 'started', 'processed'):
                counted[state] = counted['completed']

    def _save(self, trainer: pl.Trainer) -> None:
        path = self._folder / f'step_{trainer.global_step:09d}.ckpt'
        trainer.save_checkpoint(path)
        self._last_s = time.monotonic()
        if trainer.is_global_zero:
            for old in sorted(self._folder.glob(PATTERN))[:-KEPT]:
                old.unlink()

    def _on_sigterm(self, number: int, frame: Any) -> None:
        self._terminated = True

    def _restore(self) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)
            self._previous = None
