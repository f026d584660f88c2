"""Small networks, and scenes for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from prediction_node.benchmark.inference import plan_arrays, scene_arrays
from prediction_node.domain.tensors import Sizes

torch = pytest.importorskip('torch', reason='needs the training libraries')
from prediction_node.network import Network, NetworkConfig  # noqa: E402

CHANNELS = 5
SMALL: dict[str, Any] = {
    'width': 32,
    'heads': 4,
    'layers': 2,
    'edge_width': 8,
    'knot_width': 16,
    'reaction_width': 16,
    'relation_width': 8,
    'raster_widths': (8, 12, 16),
    'look_width': 8,
}
CITY = NetworkConfig(
    sizes=Sizes(agents=7, map_nodes=9, channels=CHANNELS, cells=32),
    raster_offset=(0, 0, 128, 0, 128),
    cells_m=(2.0, 6.0),
    **SMALL,
)
CROWD = NetworkConfig(
    sizes=Sizes(
        agents=7,
        map_nodes=0,
        modes=20,
        steps=12,
        step_s=0.4,
        history=8,
        history_step_s=0.4,
        blocks=12,
        weights=3,
        cells=0,
    ),
    use_proposals=False,
    use_plan=False,
    speed_scale_mps=1.3,
    **SMALL,
)

Batch = dict[str, Any]


@pytest.fixture
def city() -> Network:
    """Raster, map, proposals and plans; no weight is zero, so that everything has its effect."""
    return awake(CITY)


@pytest.fixture
def crowd() -> Network:
    """Learned queries; neither map nor raster nor plan."""
    return awake(CROWD)


@pytest.fixture
def batch_of() -> Callable[..., Batch]:
    return make_batch


def awake(config: NetworkConfig) -> Network:
    torch.manual_seed(0)
    network = Network(config).eval()
    for parameter in network.parameters():
        if not parameter.detach().abs().max():
            torch.nn.init.normal_(parameter, std=0.05)
    return network


def make_batch(config: NetworkConfig, count: int = 1, **sizes: int) -> Batch:
    """`count` different scenes with different plans; `sizes` as in Sizes."""
    changed = dataclasses.replace(config.sizes, **sizes)
    scenes = [scene_arrays(changed, seed) for seed in range(count)]
    batch = {name: torch.from_numpy(np.stack([s[name] for s in scenes])) for name in scenes[0]}
    if config.use_plan:
        plan, _ = plan_arrays(changed, count)
        batch['plan'] = torch.from_numpy(plan)
        batch['plan_valid'] = torch.ones(plan.shape[:2])
    return batch
