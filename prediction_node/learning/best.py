"""The best weights so far, by validation alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import safetensors
import safetensors.torch
from torch import Tensor, nn

from prediction_node.domain.errors import DataError, ParameterError
from prediction_node.domain.whole_file import write_whole
from prediction_node.learning.module import Learner

FILE = 'best.safetensors'


class Best(pl.Callback):
    """Keeps the averaged weights with the least `monitor` in `folder`/best.safetensors, with the
    step and the figures in the file's metadata.
    """

    def __init__(self, folder: Path, monitor: str, metadata: Mapping[str, str]) -> None:
        self._path = folder / FILE
        self._monitor = monitor
        self._metadata = dict(metadata)
        self.score: float | None = None
        self.step = 0

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Learner)
        known = trainer.callback_metrics
        if self._monitor not in known:
            raise ParameterError(
                f'run.monitor must be one of {", ".join(sorted(known))}, got {self._monitor!r}'
            )
        score = float(known[self._monitor])
        # A figure that is not a number is no progress.
        if not (score < self.score if self.score is not None else score == score):
            return
        self.score, self.step = score, trainer.global_step
        if trainer.is_global_zero:
            facts = {'step': self.step, self._monitor: score, 'figures': pl_module.figures}
            metadata = {**self._metadata, 'validation': json.dumps(facts)}
            write_weights(self._path, pl_module.averaged, metadata)

    def state_dict(self) -> dict[str, Any]:
        return {'score': self.score, 'step': self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.score, self.step = state_dict['score'], state_dict['step']


def write_weights(path: Path, network: nn.Module, metadata: Mapping[str, str]) -> None:
    """A safetensors file of the network's parameters and buffers; appears whole or not at all.

    Raises DataError where it cannot be written.
    """
    tensors = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    write_whole(path, safetensors.torch.save(tensors, metadata=dict(metadata)))


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors by name and the metadata of a safetensors file. Raises DataError naming it."""
    try:
        with safetensors.safe_open(path, 'pt') as file:
            metadata = dict(file.metadata() or {})
        return safetensors.torch.load_file(path), metadata
    except (OSError, safetensors.SafetensorError) as problem:
        raise DataError(f'{path}: no weights can be read: {problem}') from None


def adopt_weights(network: nn.Module, path: Path) -> None:
    """Put weights of a file into a network. Raises DataError if they are those of another one."""
    tensors, _ = read_weights(path)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as problem:
        reason = ' '.join(str(problem).split())
        raise DataError(f'{path}: weights of another network: {reason:.300}') from None
