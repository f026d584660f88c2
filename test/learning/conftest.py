"""A tiny training: a second or two for a few dozen steps."""

from __future__ import annotations

from typing import Any

import pytest

from prediction_node.learning.parameters import TrainParameters, from_mapping

TINY: dict[str, Any] = {
    'name': 'tiny',
    'data': {
        'kind': 'synthetic',
        'workers': 0,
        'agents': 3,
        'map_nodes': 0,
        'options': {'count': 32},
    },
    'network': {
        'width': 16,
        'heads': 2,
        'layers': 1,
        'edge_width': 8,
        'knot_width': 8,
        'reaction_width': 8,
        'relation_width': 8,
    },
    'optimizer': {'warm_up_steps': 5, 'ema_decay': 0.9},
    'loss': {'warm_up_steps': 10},
    'run': {
        'steps': 12,
        'batch_size': 4,
        'accelerator': 'cpu',
        'threads': 1,
        'validate_every': 4,
        'save_every_min': 60.0,
        'log_every': 1,
    },
}


def tiny(**changes: dict[str, Any]) -> TrainParameters:
    """The tiny training with other values: tiny(run={'steps': 9})."""
    document = dict(TINY)
    for branch, values in changes.items():
        document[branch] = {**document.get(branch, {}), **values}
    return from_mapping(document, 'test')


@pytest.fixture(scope='session')
def tiny_parameters() -> Any:
    """The builder `tiny` as a fixture."""
    return tiny
