"""The kernels of paint.cu as C++ on the processor, and networks that draw with them: one that other
processes import by name, too.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prediction_node.domain.sketch import CHANNELS, FAR, NEAR, TEXTURE_CELLS, TILE_CHANNELS
from prediction_node.domain.tensors import OUTPUTS, RASTERS, Sizes
from prediction_node.inference.tensorrt_engine.painter import SOURCE, defines

SIZES = Sizes(agents=40, map_nodes=2, candidates=1, channels=CHANNELS)
COMPILERS = ('g++', 'clang++')


def compiler() -> str | None:
    return next(filter(None, map(shutil.which, COMPILERS)), None)


def build(sizes: Sizes, folder: Path) -> Path:
    """The library for scenes of these sizes."""
    path = folder / f'paint_{sizes.agents}.so'
    options = [f'-D{name}={value}' for name, value in defines(sizes).items()]
    flags = ['-O2', '-Wall', '-Werror', '-ffp-contract=off', '-shared', '-fPIC', '-x', 'c++']
    command = [str(compiler()), *flags, str(SOURCE), '-o', str(path), *options]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return path


class Kernels:
    """What a GPU would run, on addresses of this process."""

    def __init__(self, path: Path | str) -> None:
        self._library = ctypes.CDLL(str(path))

    def queueable(
        self, source: str, options: Sequence[str], names: Mapping[str, int]
    ) -> dict[str, Callable[..., None]]:
        """As `cuda.Gpu.kernels`."""
        assert source == SOURCE.read_text(encoding='utf-8')
        assert '--fmad=false' in options
        assert names == {'paint': 5, 'place': 3}
        return {'paint': self._paint, 'place': self._place}

    def _paint(self, grid: Any, block: Any, addresses: Sequence[int]) -> None:
        assert grid[0] * block[0] >= SIZES.cells
        assert grid[1] * block[1] >= SIZES.cells
        assert grid[2] == 2
        self._library.paint_all(*map(ctypes.c_void_p, addresses))

    def _place(self, grid: Any, block: Any, addresses: Sequence[int]) -> None:
        tiles, near, far = map(ctypes.c_void_p, addresses)
        self._library.place_all(tiles, ctypes.c_int(grid[0]), near, far)


class HostPainter:
    """Draws sketches as a device does: what it knows of the map is what it was told."""

    def __init__(self, path: Path | str, sketch: np.ndarray, tiles: np.ndarray) -> None:
        self.kernels = Kernels(path)
        self.sketch, self.tiles = sketch, tiles
        side = (TEXTURE_CELLS, TEXTURE_CELLS, TILE_CHANNELS)
        self.texture = {NEAR: np.zeros(side, np.uint8), FAR: np.zeros(side, np.uint8)}

    def take_tiles(self, count: int) -> None:
        where = [self.tiles, self.texture[NEAR], self.texture[FAR]]
        self.kernels._place((count, 1, 1), (), [each.ctypes.data for each in where])

    def paint(self, near: np.ndarray, far: np.ndarray) -> None:
        where = [self.sketch, self.texture[NEAR], self.texture[FAR], near, far]
        self.kernels._paint((10, 10, 2), (16, 16, 1), [each.ctypes.data for each in where])


class CopyingNetwork:
    """Answers with sums of its rasters, and with how often it drew them itself: never."""

    sizes = SIZES
    _drawn = 0

    def encode(self, arrays: Mapping[str, np.ndarray]) -> list[float]:
        return [checksum(arrays[name]) for name in RASTERS]

    def decode(
        self, encoded: list[float], plan: np.ndarray, valid: np.ndarray
    ) -> dict[str, np.ndarray]:
        found = {name: np.zeros(tensor.shape(SIZES), 'f4') for name, tensor in OUTPUTS.items()}
        found['mean'][0, 0, 0, 0] = encoded
        found['weight_logit'][...] = self._drawn
        return found


class DrawingNetwork(CopyingNetwork):
    """Draws them."""

    def __init__(self, path: str, dies: str, arrays: Mapping[str, np.ndarray]) -> None:
        self.cannot_draw = ''
        self._dies = dies
        self._painter = HostPainter(path, arrays['sketch'], arrays['tiles'])
        self._rasters = [np.zeros_like(arrays[name]) for name in RASTERS]
        self._drawn = 0

    def draw(self, arrays: Mapping[str, np.ndarray]) -> list[float]:
        self._die('draw')
        self._drawn += 1
        self._painter.paint(*self._rasters)
        return [checksum(raster) for raster in self._rasters]

    def take_tiles(self, count: int) -> None:
        self._die('tiles')
        self._painter.take_tiles(count)

    def _die(self, where: str) -> None:
        if self._dies == where:
            os.kill(os.getpid(), signal.SIGKILL)


def checksum(raster: np.ndarray) -> float:
    """Different for different rasters, and exact as a float32."""
    weights = 1 + np.arange(raster.size, dtype=np.int64) % 8191
    return float((raster.ravel() * weights).sum() % 2**24)


def open_drawing(how: Any, arrays: Mapping[str, np.ndarray]) -> DrawingNetwork:
    """`how`: the library's path, and before it where the process dies: 'tiles' or 'draw'."""
    dies, _, path = str(how).rpartition(' ')
    return DrawingNetwork(path, dies, arrays)
