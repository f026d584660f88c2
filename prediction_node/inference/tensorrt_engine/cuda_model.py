"""A network as two engines on a GPU: what the encoder makes stays there for the decoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from prediction_node.domain.errors import EngineError
from prediction_node.domain.tensors import (
    DECODER_INPUTS,
    OUTPUTS,
    RASTERS,
    Arrays,
    Sizes,
    encoder_inputs,
)
from prediction_node.inference.tensorrt_engine.cuda import Gpu
from prediction_node.inference.tensorrt_engine.flavour import Flavour, last_words
from prediction_node.inference.tensorrt_engine.painter import Painter
from prediction_node.inference.tensorrt_engine.parity import StoredDrawing

ONE_PLAN = 1


class CudaModel:
    """Implements inference.model.Model, in the thread that made `gpu`. Nothing is allocated after
    `warm_up`.
    """

    def __init__(
        self,
        gpu: Gpu,
        flavour: Flavour,
        plans: Mapping[str, bytes],
        sizes: Sizes,
        host: Mapping[str, np.ndarray],
        runtime_cache: bytes = b'',
    ) -> None:
        """`plans`: serialised engines by 'encoder' and 'decoder', checked already.
        `sizes.candidates`: most plans in a batch. `host`: arrays of the contract of these sizes,
        from and to which is copied; with 'sketch' and 'tiles' among them it draws rasters itself,
        where it can (`cannot_draw` says why not). Raises EngineError.
        """
        self.sizes = sizes
        self._gpu, self._flavour = gpu, flavour
        self._host = dict(host)
        self._inputs = tuple(encoder_inputs(sizes))
        logger, said = flavour.logger()
        runtime = flavour.api.Runtime(logger)
        self._halves = {
            half: _Half(flavour, runtime, plan, half, said, runtime_cache)
            for half, plan in plans.items()
        }
        self._runtime = runtime
        self._address: dict[str, int] = {}
        for name in (*self._inputs, *DECODER_INPUTS, *OUTPUTS):
            self._address[name] = gpu.allocate(self._host[name].nbytes)
        gpu.pin(self._host.values())
        encoder, decoder = self._halves['encoder'], self._halves['decoder']
        for name, size in encoder.sizes_of_outputs().items():
            self._address[name] = gpu.allocate(size)
        for half in (encoder, decoder):
            half.bind(self._address)
        # What the engines capture themselves must not be captured again.
        self._captures = not flavour.is_rtx
        self._encode: Callable[[], None] = self._queue_encoder
        self._draw: Callable[[], None] = self._queue_drawing
        self.cannot_draw = 'no sketches come'
        self._painter: Painter | None = None
        if 'sketch' in host and 'raster_near' in self._address:
            try:
                self._painter = Painter(gpu, sizes, host)
                self.cannot_draw = ''
            except EngineError as error:
                self.cannot_draw = str(error)
        self._decode: dict[int, Callable[[], None]] = {}

    def warm_up(self) -> None:
        """Run everything once, and record it where that makes later runs cheaper."""
        for array in self._host.values():
            array[...] = 0
        self._queue_encoder()
        self._gpu.synchronize()
        if self._painter is not None:
            self._painter.queue_tiles(1)
            self._queue_drawing()
            self._gpu.synchronize()
        if self._captures:
            self._encode = self._gpu.captured(self._queue_encoder)
            if self._painter is not None:
                self._draw = self._gpu.captured(self._queue_drawing)
        for count in range(ONE_PLAN, self.sizes.candidates + 1):
            self._halves['decoder'].set_plans(count)
            self._queue_decoder(count)
            self._gpu.synchronize()
            if self._captures:
                self._decode[count] = self._gpu.captured(partial(self._queue_decoder, count))

    def encode(self, arrays: Arrays) -> None:
        """Queued only: `decode` waits for it, and has to come before the next scene, whose arrays
        would be written over those of this one while they are read. There is one scene on the
        device, the newest.
        """
        for name in self._inputs:
            _copy(self._host[name], arrays[name])
        self._encode()

    def take_tiles(self, count: int) -> None:
        """The first so many of 'tiles' are news of the textures. Waits until they are there: their
        memory is used again.
        """
        assert self._painter is not None
        self._painter.queue_tiles(count)
        self._gpu.synchronize()

    def draw(self, arrays: Arrays) -> None:
        """As `encode`, with rasters drawn here from 'sketch', which has been filled."""
        for name in self._inputs:
            if name not in RASTERS:
                _copy(self._host[name], arrays[name])
        self._draw()

    def check_drawing(self, stored: StoredDrawing) -> None:
        """Draw what was stored; where something else comes out, `cannot_draw` says so for good."""
        if self.cannot_draw:
            return
        tiles = self._host['tiles']
        for start in range(0, len(stored.tiles), len(tiles)):
            some = stored.tiles[start : start + len(tiles)]
            tiles[: len(some)] = some
            self.take_tiles(len(some))
        self._host['sketch'][:] = stored.sketch
        self._draw()
        for name in RASTERS:
            self._gpu.to_host(self._host[name], self._address[name])
        self._gpu.synchronize()
        self.cannot_draw = stored.difference(*(self._host[name] for name in RASTERS))

    def decode(
        self, encoded: None, plan: np.ndarray, plan_valid: np.ndarray
    ) -> dict[str, np.ndarray]:
        """OUTPUTS, in memory that the next call writes again."""
        count = len(plan)
        _copy(self._host['plan'][:count], plan)
        _copy(self._host['plan_valid'][:count], plan_valid)
        recorded = self._decode.get(count)
        if recorded is not None:
            recorded()
        else:
            self._halves['decoder'].set_plans(count)
            self._queue_decoder(count)
        self._gpu.synchronize()
        return {name: self._host[name][:count] for name in OUTPUTS}

    def runtime_cache(self) -> bytes:
        """What TensorRT for RTX compiled for this GPU, for the next start; else nothing."""
        return self._halves['encoder'].runtime_cache()

    def _queue_encoder(self) -> None:
        for name in self._inputs:
            self._gpu.to_device(self._address[name], self._host[name])
        self._halves['encoder'].queue(self._gpu.stream)

    def _queue_drawing(self) -> None:
        assert self._painter is not None
        self._painter.queue(*(self._address[name] for name in RASTERS))
        for name in self._inputs:
            if name not in RASTERS:
                self._gpu.to_device(self._address[name], self._host[name])
        self._halves['encoder'].queue(self._gpu.stream)

    def _queue_decoder(self, count: int) -> None:
        for name in DECODER_INPUTS:
            self._gpu.to_device(self._address[name], self._host[name][:count])
        self._halves['decoder'].queue(self._gpu.stream)
        for name in OUTPUTS:
            self._gpu.to_host(self._host[name][:count], self._address[name])


class _Half:
    """One engine and its context."""

    def __init__(
        self,
        flavour: Flavour,
        runtime: Any,
        plan: bytes,
        name: str,
        said: list[str],
        runtime_cache: bytes,
    ) -> None:
        api = flavour.api
        self._api, self._name, self._said = api, name, said
        self._engine = runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise EngineError(f'{flavour.name} refuses the kept {name}: {last_words(said)}')
        self._cache: Any = None
        if flavour.is_rtx:
            config = self._engine.create_runtime_config()
            config.cuda_graph_strategy = api.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
            self._cache = config.create_runtime_cache()
            if runtime_cache:
                self._cache.deserialize(runtime_cache)
            config.set_runtime_cache(self._cache)
            self._context = self._engine.create_execution_context(config)
        else:
            self._context = self._engine.create_execution_context()
        if self._context is None:
            raise EngineError(f'{name}: no room for it on the GPU: {last_words(said)}')
        self._names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]

    def sizes_of_outputs(self) -> dict[str, int]:
        """Bytes of what it makes."""
        found = {}
        for name in self._names:
            if self._engine.get_tensor_mode(name) == self._api.TensorIOMode.OUTPUT:
                kind = np.dtype(self._api.nptype(self._engine.get_tensor_dtype(name)))
                shape = tuple(self._engine.get_tensor_shape(name))
                found[name] = int(np.prod(shape)) * kind.itemsize
        return found

    def bind(self, address: Mapping[str, int]) -> None:
        for name in self._names:
            if name not in address:
                raise EngineError(f'{self._name}: tensor {name} is not in the contract')
            self._context.set_tensor_address(name, address[name])

    def set_plans(self, count: int) -> None:
        """How many plans the next run answers."""
        for name in DECODER_INPUTS:
            if name in self._names:
                shape = tuple(self._engine.get_tensor_shape(name))
                if not self._context.set_input_shape(name, (count, *shape[1:])):
                    raise EngineError(f'{self._name}: {count} plans are refused')

    def queue(self, stream: int) -> None:
        if not self._context.execute_async_v3(stream):
            raise EngineError(f'{self._name}: {last_words(self._said)}')

    def runtime_cache(self) -> bytes:
        return b'' if self._cache is None else bytes(self._cache.serialize())


def _copy(to: np.ndarray, values: np.ndarray) -> None:
    """Unless they are the same memory."""
    if to.ctypes.data != values.ctypes.data:
        np.copyto(to, values)
