"""The raster, drawn on the device from a sketch of a few hundred kilobytes: it need not be copied,
nor drawn by the processor.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from prediction_node.domain.sketch import (
    CHANNELS,
    CLASS_SHARES,
    FAR,
    MARK_POINTS,
    MARK_VALUES,
    MARKS,
    NEAR,
    STATE_VALUES,
    STRIPS_EACH,
    TEXTURE_CELLS,
    TILE_CELLS,
    TILE_CHANNELS,
    TILE_TYPE,
    sketch_type,
)
from prediction_node.domain.tensors import Sizes
from prediction_node.inference.tensorrt_engine.cuda import Gpu

SOURCE = Path(__file__).with_name('paint.cu')
# Without it products and sums are contracted, and bytes differ from the processor's by more.
EXACT = '--fmad=false'
_BLOCK = 16


def defines(sizes: Sizes) -> dict[str, int]:
    """The numbers that the source wants."""
    return {
        'AGENTS': sizes.agents,
        'STRIPS': STRIPS_EACH * (sizes.agents + 1),
        'MARKS': MARKS,
        'MARK_POINTS': MARK_POINTS,
        'MARK_VALUES': MARK_VALUES,
        'CLASS_SHARES': CLASS_SHARES,
        'STATE_VALUES': STATE_VALUES,
        'CHANNELS': CHANNELS,
        'CELLS': sizes.cells,
        'TEXTURE_CELLS': TEXTURE_CELLS,
        'TILE_CELLS': TILE_CELLS,
        'TILE_CHANNELS': TILE_CHANNELS,
        'SKETCH_BYTES': sketch_type(sizes.agents).itemsize,
        'TILE_BYTES': TILE_TYPE.itemsize,
    }


class Painter:
    """Queues on the stream of `gpu` what turns the newest sketch into both rasters."""

    def __init__(self, gpu: Gpu, sizes: Sizes, host: Mapping[str, np.ndarray]) -> None:
        """`host`: 'sketch' and 'tiles', which are copied from. Raises EngineError where the device
        or its compiler will not have the kernels.
        """
        self._gpu = gpu
        self._sketch, self._tiles = host['sketch'], host['tiles']
        options = [EXACT, *(f'-D{name}={value}' for name, value in defines(sizes).items())]
        kernels = gpu.kernels(SOURCE.read_text(encoding='utf-8'), options, {'paint': 5, 'place': 3})
        self._paint, self._place = kernels['paint'], kernels['place']
        self._grid = (-(-sizes.cells // _BLOCK), -(-sizes.cells // _BLOCK), 2)
        self._sketch_at = gpu.allocate(self._sketch.nbytes)
        self._tiles_at = gpu.allocate(self._tiles.nbytes)
        side = TEXTURE_CELLS * TEXTURE_CELLS * TILE_CHANNELS
        self._texture = {NEAR: gpu.allocate(side), FAR: gpu.allocate(side)}

    def queue_tiles(self, count: int) -> None:
        """The first so many of 'tiles' into the textures."""
        self._gpu.to_device(self._tiles_at, self._tiles[:count])
        addresses = (self._tiles_at, self._texture[NEAR], self._texture[FAR])
        self._place((count, 1, 1), (TILE_CELLS, TILE_CELLS, 1), addresses)

    def queue(self, near: int, far: int) -> None:
        """The sketch into the rasters at these addresses."""
        self._gpu.to_device(self._sketch_at, self._sketch)
        addresses = (self._sketch_at, self._texture[NEAR], self._texture[FAR], near, far)
        self._paint(self._grid, (_BLOCK, _BLOCK, 1), addresses)
