"""Configurations survive JSON and refuse what does not fit together."""

from __future__ import annotations

import json
from typing import Any

import pytest

torch = pytest.importorskip('torch', reason='needs the training libraries')
from prediction_node.domain.tensors import Sizes  # noqa: E402
from prediction_node.network import Network, NetworkConfig  # noqa: E402


def test_a_configuration_survives_json() -> None:
    config = NetworkConfig(sizes=Sizes(channels=2, cells=32), raster_offset=(0, 128), layers=1)
    assert NetworkConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config


@pytest.mark.parametrize(
    ('changes', 'named'),
    [
        ({'width': 130}, 'width'),
        ({'reaction_width': 50}, 'reaction_width'),
        ({'sizes': Sizes(channels=3)}, 'raster_offset'),
        ({'sizes': Sizes(channels=1, cells=100), 'raster_offset': (0,)}, 'cells'),
        ({'sizes': Sizes(channels=0, blocks=16, weights=5)}, 'weights'),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        NetworkConfig(**changes)


def test_the_product_is_small_enough_to_ship() -> None:
    from prediction_node.raster import manifest

    offsets = tuple(channel.offset for channel in manifest.CHANNELS)
    config = NetworkConfig(sizes=Sizes(channels=len(offsets)), raster_offset=offsets)
    count = sum(parameter.numel() for parameter in Network(config).parameters())
    assert 1_000_000 < count < 3_000_000
