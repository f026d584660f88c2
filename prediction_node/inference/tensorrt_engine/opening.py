"""In the engine's own process: find the kept engine, check it, and run it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prediction_node.domain.errors import EngineError
from prediction_node.domain.model_folder import ModelFolder
from prediction_node.inference.tensorrt_engine.cache import EngineCache, Key
from prediction_node.inference.tensorrt_engine.cuda import Cuda
from prediction_node.inference.tensorrt_engine.cuda_model import CudaModel
from prediction_node.inference.tensorrt_engine.device import find_device
from prediction_node.inference.tensorrt_engine.flavour import find_flavour
from prediction_node.inference.tensorrt_engine.parity import (
    BOUND_M,
    BOUND_SHARE,
    StoredDrawing,
    StoredScene,
)
from prediction_node.inference.tensorrt_engine.request import EngineKey, Request


@dataclass(frozen=True)
class Wanted:
    """Which engine, by what it is made from."""

    model: Path
    request: Request
    cache: Path
    flavour: str = ''
    device: int = 0


def open_engine(wanted: Wanted, host: Mapping[str, np.ndarray]) -> CudaModel:
    """The kept engine, warm and compared with full precision on its stored scene.

    Raises EngineError (NotKept where none was built) and ModelError.
    """
    folder = ModelFolder.read(wanted.model)
    flavour = find_flavour(wanted.flavour)
    device = find_device(wanted.device)
    if not device.present:
        raise EngineError('the engine tensorrt needs an NVIDIA GPU and its driver: there is none')
    key = EngineKey.of(folder, wanted.request, flavour, device).as_dict()
    cache = EngineCache(wanted.cache)
    parts = cache.load(key)
    compiled = _compiled(cache, key)
    sizes = dataclasses.replace(wanted.request.sizes(folder), candidates=wanted.request.candidates)
    plans = {half: parts[half] for half in ('encoder', 'decoder')}
    model = CudaModel(Cuda(wanted.device), flavour, plans, sizes, host, compiled)
    model.warm_up()
    check_parity(model, parts['scene'], wanted.request.precision)
    model.check_drawing(StoredDrawing.from_bytes(parts['drawing'], sizes.agents))
    fresh = model.runtime_cache()
    if fresh and fresh != compiled:
        # The next start is faster with it; nothing is lost without.
        with contextlib.suppress(EngineError):
            cache.store(_runtime_key(key), {'compiled': fresh})
    return model


def check_parity(model: CudaModel, scene: bytes, precision: str) -> None:
    """Raises EngineError for an engine that answers other than the network does."""
    apart_m = StoredScene.from_bytes(scene).difference_m(model, BOUND_SHARE[precision])
    if not apart_m <= BOUND_M[precision]:
        raise EngineError(
            f'the engine must be within {BOUND_M[precision]} m of the network after 8 s, got '
            f'{apart_m:.3f} m on the stored scene'
        )


def _runtime_key(key: Key) -> Key:
    return {**key, 'part': 'compiled'}


def _compiled(cache: EngineCache, key: Key) -> bytes:
    try:
        return cache.load(_runtime_key(key))['compiled']
    except (EngineError, KeyError):
        return b''
