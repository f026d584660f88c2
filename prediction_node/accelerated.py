"""A model on the GPU with ONNX Runtime to relieve it."""

from __future__ import annotations

import dataclasses
import os
import weakref
from pathlib import Path

from prediction_node.domain.errors import EngineError
from prediction_node.domain.model_folder import ModelFolder
from prediction_node.domain.tensors import Sizes
from prediction_node.inference.armed import Armed
from prediction_node.inference.engine_process import EngineProcess
from prediction_node.inference.model import Model
from prediction_node.inference.relief import Relieved
from prediction_node.inference.tensorrt_engine.cache import NotKept, cache_folder
from prediction_node.inference.tensorrt_engine.device import find_device
from prediction_node.inference.tensorrt_engine.opening import Wanted, open_engine
from prediction_node.inference.tensorrt_engine.request import Request, default_precision


def accelerated(folder: ModelFolder, second: Model, candidates: int) -> Relieved:
    """The kept engine of `second`'s sizes once it is there and found right; until then, and
    whenever it fails, `second`. Engines are never built here: `prepare-engine` does.

    The engine's process ends with the returned model.
    """
    wanted, sizes = wanted_engine(folder, second.sizes.agents, second.sizes.map_nodes, candidates)
    armed = Armed(sizes, Maker(wanted, sizes))
    model = Relieved(armed, second, 'tensorrt', 'onnx')
    weakref.finalize(model, armed.close)
    return model


def wanted_engine(
    folder: ModelFolder, agents: int, map_nodes: int, candidates: int
) -> tuple[Wanted, Sizes]:
    """The kept engine of a model and sizes, and the sizes of what goes in and out of it."""
    request = Request(default_precision(folder), agents, map_nodes, candidates)
    sizes = dataclasses.replace(request.sizes(folder), candidates=candidates)
    return Wanted(folder.path, request, cache_folder()), sizes


class Maker:
    """Makes processes for `Armed`. Where no engine was kept it starts none before the cache
    changes: a process costs seconds of a core.
    """

    def __init__(self, wanted: Wanted, sizes: Sizes) -> None:
        self._wanted, self._sizes = wanted, sizes
        self._newest: EngineProcess | None = None
        self._seen = 0

    def __call__(self) -> EngineProcess:
        """A process that is not started yet. Raises EngineError where it would be in vain."""
        if not find_device(self._wanted.device).present:
            raise EngineError('there is no NVIDIA GPU, or no driver for it')
        now = _changed_ns(self._wanted.cache)
        before = self._newest
        if before is not None and before.fault == NotKept.__name__ and now == self._seen:
            raise EngineError(before.reason)
        self._seen = now
        self._newest = EngineProcess(self._sizes, open_engine, self._wanted)
        return self._newest


def _changed_ns(folder: Path) -> int:
    """When a file came to a folder or went; 0 where there is no folder."""
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0
