"""Parts of the network that learn while the rest stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('lightning', reason='needs requirements/training.txt')

import torch
from rich.console import Console

from prediction_node.domain.errors import ParameterError
from prediction_node.learning.run import train, train_only

REACTION = 'decoder.reaction'


def test_what_is_not_named_stays_bit_for_bit(tmp_path: Path, tiny_parameters: Any) -> None:
    quiet = Console(quiet=True)
    base = train(tiny_parameters(run={'steps': 2}), tmp_path / 'a', resume=False, console=quiet)
    run = {
        'steps': 4,
        'initial_weights': str(tmp_path / 'a' / 'best.safetensors'),
        'only': [REACTION],
    }
    told = tiny_parameters(
        run=run,
        augmentation={'no_plan': 0.0, 'no_ego': 0.0},
        loss={'keep': 1.0, 'common': 0.1, 'affected_weight': 5.0},
    )
    after = train(told, tmp_path / 'b', resume=False, console=quiet)
    before = dict(base.network.named_parameters())
    changed = {
        name
        for name, value in after.network.named_parameters()
        if not torch.equal(value, before[name])
    }
    assert changed
    assert all(name.startswith(REACTION) for name in changed)


def test_a_part_that_is_none_is_named() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(1, 1))
    with pytest.raises(ParameterError, match=r"run\.only .*0\.bias, 0\.weight.* got 'decoder'"):
        train_only(network, ('decoder',))
