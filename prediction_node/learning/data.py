"""What training reads: examples that become batches of the contract's tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from prediction_node.domain.tensors import ENCODER_INPUTS, Sizes
from prediction_node.learning.folds import Fold
from prediction_node.learning.order import Batches, Order

Example = dict[str, np.ndarray]
# (output, batch, step) -> scalars by name, of which 'loss' is minimised.
Loss = Callable[[Mapping[str, Tensor], Mapping[str, Tensor], int], dict[str, Tensor]]
# Besides the encoder's inputs and the plan of one candidate, an example has labels:
#   future (A, T, 2) float32, own frame; future_valid (A, T) float32; weight (A,) float32, 0: not
#   judged; label (A,) int64, ObjectClass; perhaps reacts (A,) float32, to the told plan: 1 can, -1
#   cannot, 0 unknown; perhaps recorded () float32, 1: people were at the wheel, 0: a simulation.
_LABEL_AXES: Mapping[str, tuple[str, ...]] = {
    'future': ('agents',),
    'future_valid': ('agents',),
    'weight': ('agents',),
    'label': ('agents',),
    'reacts': ('agents',),
}
# Batches have few different shapes: memory and plans of computation are used again.
_ROUND_ACTORS, _ROUND_NODES = 8, 16


class Examples(Protocol):
    """Something to learn from, by number."""

    def __len__(self) -> int: ...

    def example(self, index: int, draw: int | None) -> Example:
        """One example; `draw` seeds its augmentation, None: as it is."""


@dataclass(frozen=True)
class TrainingData:
    """Examples to learn from and to validate on, and where they come from."""

    train: Examples
    validation: Examples
    train_recording: Sequence[str]  # of each training example: neighbours in the order of reading
    sizes: Sizes
    digest: str  # of everything read
    sources: Mapping[str, Any] = field(default_factory=dict)  # plain values, for the model card
    loss: Loss | None = None  # of its own, instead of losses.losses
    held_out: Fold | None = None  # of a cross-validation


class _Drawn(Dataset[Example]):
    """A dataset whose keys are (index, draw)."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, key: tuple[int, int | None]) -> Example:
        return self._examples.example(*key)


def training_loader(
    data: TrainingData, order: Order, *, start: int, rank: int, processes: int, workers: int
) -> DataLoader[Example]:
    """Batches from step `start` on, without end."""
    return DataLoader(
        _Drawn(data.train),
        batch_sampler=Batches(order, start=start, rank=rank, processes=processes),
        num_workers=workers,
        collate_fn=collate,
        prefetch_factor=4 if workers else None,
        persistent_workers=workers > 0,
    )


def validation_loader(
    examples: Examples, *, batch_size: int, limit: int, rank: int, processes: int, workers: int
) -> DataLoader[Example]:
    """At most `limit` examples, evenly spread; every process gets its own part of them."""
    count = min(limit, len(examples))
    chosen = np.unique(np.linspace(0, len(examples) - 1, count).round().astype(int))
    mine = [(int(index), None) for index in chosen[rank::processes]]
    batches = [mine[k : k + batch_size] for k in range(0, len(mine), batch_size)]
    return DataLoader(
        _Drawn(examples),
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=collate,
    )


def collate(examples: Sequence[Example]) -> dict[str, Tensor]:
    """A batch without the padding that no example of it needs. Valid rows come first."""
    limits = {
        'agents': _needed([e['actor_valid'][1:] for e in examples], _ROUND_ACTORS),
        'map_nodes': _needed([e['map_valid'] for e in examples if 'map_valid' in e], _ROUND_NODES),
    }
    limits['actors'] = limits['agents'] + 1
    batch = {}
    for name in examples[0]:
        cut = _cut(name, limits)
        batch[name] = torch.from_numpy(np.stack([example[name][cut] for example in examples]))
    return batch


def _needed(valid: Sequence[np.ndarray], multiple: int) -> int:
    """How many leading rows hold everything valid, rounded up."""
    last = max((int(np.flatnonzero(v)[-1]) + 1 if v.any() else 1 for v in valid), default=1)
    return -(-last // multiple) * multiple


def _cut(name: str, limits: Mapping[str, int]) -> tuple[slice, ...]:
    tensor = ENCODER_INPUTS.get(name)
    axes = tensor.axes if tensor is not None else _LABEL_AXES.get(name, ())
    return tuple(slice(limits.get(str(axis))) for axis in axes)
