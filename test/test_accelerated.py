"""The engine on the GPU in the node's pipeline: away, it is relieved and said to be; there, it
answers; and it is never built by the node.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prediction_node import accelerated
from prediction_node.accelerated import Maker
from prediction_node.config import from_flat
from prediction_node.domain.errors import EngineError
from prediction_node.domain.model_folder import ModelFolder
from prediction_node.domain.tensors import Sizes
from prediction_node.inference.onnx_model import OnnxModel
from prediction_node.inference.tensorrt_engine.device import NO_DEVICE, Device
from prediction_node.inference.tensorrt_engine.opening import Wanted
from prediction_node.inference.tensorrt_engine.request import Request
from prediction_node.lanelet.load import load_map
from prediction_node.pipeline import DEGRADED, Pipeline, Release
from prediction_node.predictor import find_model
from prediction_node.resources import share_path

CYCLES = 5


@pytest.fixture
def releases(releases_of: Callable[..., Iterator[Release]]) -> Callable[[], list[Release]]:
    """Of the beginning of the sample, with the engine tensorrt."""

    def drive() -> list[Release]:
        config = from_flat({'engine.name': 'tensorrt', 'cycle.max_agents': 64})
        pipeline = Pipeline(config, load_map(share_path('samples', 'lankershim', 'map.osm')))
        pipeline.prepare()
        return list(itertools.islice(releases_of(pipeline), CYCLES))

    return drive


def test_without_a_gpu_onnx_answers_and_it_is_said(
    releases: Callable[[], list[Release]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerated, 'find_device', lambda _: NO_DEVICE)
    last = releases()[-1]
    assert len(last.prediction.agents) > 10
    assert last.prediction.engine == 'onnx'
    assert last.mode == DEGRADED
    # It may still be on its way when the first cycles are over.
    assert any(reason.startswith('engine fallback (onnx for tensorrt: ') for reason in last.reasons)


class Here:
    """A model in place of the engine's process."""

    reason = ''
    alive = True

    def __init__(self, sizes: Sizes) -> None:
        folder = ModelFolder.read(find_model(''))
        model = OnnxModel(folder, agents=sizes.agents, map_nodes=sizes.map_nodes, threads=1)
        self.sizes, self.encode, self.decode = sizes, model.encode, model.decode

    def start(self) -> None: ...

    def close(self) -> None: ...


def test_an_engine_that_is_there_answers(
    releases: Callable[[], list[Release]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ready(accelerated.Armed):
        """Waits for its first try, as no node does."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            while not self.ready:
                self.join(0.001)

    monkeypatch.setattr(accelerated, 'Armed', Ready)
    monkeypatch.setattr(accelerated, 'Maker', lambda wanted, sizes: lambda: Here(sizes))
    last = releases()[-1]
    assert last.prediction.engine == 'tensorrt'
    assert not any('engine' in reason for reason in last.reasons)


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    return Wanted(tmp_path, Request(), tmp_path / 'cache')


def test_no_process_is_started_in_vain(wanted: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU none; without a kept engine none before the cache changes."""
    monkeypatch.setattr(accelerated, 'find_device', lambda _: NO_DEVICE)
    make = Maker(wanted, Sizes(candidates=2))
    with pytest.raises(EngineError, match='no NVIDIA GPU'):
        make()
    monkeypatch.setattr(accelerated, 'find_device', lambda _: Device('a GPU', '8.9', '580'))
    first = make()
    first.fault = 'NotKept'
    first.reason = 'open: NotKept: no engine is kept for this model, GPU and TensorRT'
    for _ in range(3):
        with pytest.raises(EngineError, match='no engine is kept'):
            make()
    wanted.cache.mkdir()
    second = make()
    assert second is not first
    second.fault, second.reason = 'MemoryError', 'decode: MemoryError: NotKept in memory'
    assert make() is not second  # that may pass


def test_the_node_builds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What opens an engine does not know how to build one."""
    opening = importlib.import_module('prediction_node.inference.tensorrt_engine.opening')
    names = {name for module in (accelerated, opening) for name in vars(module)}
    assert not {'build', 'prepare_engine'} & names
