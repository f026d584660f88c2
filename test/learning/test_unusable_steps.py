"""Steps whose gradient is no number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('lightning', reason='needs requirements/training.txt')

import torch
from rich.console import Console

from prediction_node.domain.errors import DataError
from prediction_node.learning import module
from prediction_node.learning.run import train


def _broken_at(steps: set[int]) -> Any:
    whole = module.losses

    def losses(output: Any, batch: Any, parameters: Any, step: int) -> Any:
        terms = dict(whole(output, batch, parameters, step))
        if step in steps:
            terms['loss'] = terms['loss'] * float('nan')
        return terms

    return losses


def test_a_step_without_a_finite_gradient_is_left_out(
    tmp_path: Path, tiny_parameters: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, 'losses', _broken_at({1, 3}))
    trained = train(
        tiny_parameters(run={'steps': 6}), tmp_path, resume=False, console=Console(quiet=True)
    )
    assert all(bool(torch.isfinite(p).all()) for p in trained.network.parameters())


def test_a_training_of_nothing_else_ends_with_advice(
    tmp_path: Path, tiny_parameters: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, 'losses', _broken_at(set(range(100))))
    monkeypatch.setattr(module, 'MOST_LEFT_OUT', 4)
    with pytest.raises(DataError, match=r'4 steps in a row .* lower optimizer\.learning_rate'):
        train(
            tiny_parameters(run={'steps': 20}), tmp_path, resume=False, console=Console(quiet=True)
        )
