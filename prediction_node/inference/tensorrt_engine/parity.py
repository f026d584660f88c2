"""One engine's answers against another's, on scenes that were kept for it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from prediction_node.domain.errors import EngineError
from prediction_node.domain.sketch import (
    NO_CHANGES,
    TILE_TYPE,
    Drawing,
    filled_tiles,
    sketch_type,
)
from prediction_node.domain.tensors import OUTPUTS, RASTERS, Arrays
from prediction_node.inference.model import Model

# Of a raster so many bytes may differ by more than one count: rounding seldom tips a cell over that
# somebody hardly covers. Who is left out costs more than that in any cell.
_OTHER_BYTES = 3
# How far two engines may be apart 8 s ahead, m.
BOUND_M = {'fp32': 0.01, 'fp16': 0.05, 'int8': 0.25, 'fp8': 0.25}
# ... for this share of all futures. With 8 bits what is added up in another order tips numbers over
# to the next ones there are: inputs that differ by 1e-4 of themselves move single futures by up to
# 2 m, half of them by less than 0.12 m.
BOUND_SHARE = {'fp32': 1.0, 'fp16': 1.0, 'int8': 0.5, 'fp8': 0.5}


@dataclass(frozen=True, eq=False)
class StoredScene:
    """What the encoder reads, a plan, and what the network answers in full precision."""

    arrays: Arrays
    plan: np.ndarray  # (C, K, 5)
    plan_valid: np.ndarray  # (C, K)
    expected: Arrays  # OUTPUTS

    @classmethod
    def of(cls, model: Model, arrays: Arrays, plan: np.ndarray, valid: np.ndarray) -> StoredScene:
        """With the answer of `model`."""
        return cls(arrays, plan, valid, model.decode(model.encode(arrays), plan, valid))

    def to_bytes(self) -> bytes:
        """As a compressed .npz without pickles."""
        file = io.BytesIO()
        named: dict[str, Any] = {f'in/{name}': array for name, array in self.arrays.items()}
        named |= {f'out/{name}': array for name, array in self.expected.items()}
        np.savez_compressed(file, plan=self.plan, plan_valid=self.plan_valid, **named)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> StoredScene:
        """Raises EngineError where it is no such scene."""
        with _stored(data, 'scene') as found:
            return cls(
                arrays={n[3:]: a for n, a in found.items() if n.startswith('in/')},
                plan=found['plan'],
                plan_valid=found['plan_valid'],
                expected={name: found[f'out/{name}'] for name in OUTPUTS},
            )

    def difference_m(self, model: Model, share: float = 1.0) -> float:
        """How far at most means of `model` lie from the expected ones at the last step, m, for this
        share of all futures: of agents that are there, plans and modes. Infinite where something is
        not finite.
        """
        found = model.decode(model.encode(self.arrays), self.plan, self.plan_valid)
        return apart_m(found, self.expected, self.arrays['actor_valid'][1:] > 0.5, share)


@dataclass(frozen=True, eq=False)
class StoredDrawing:
    """A sketch, the squares of texture that it wants, and the rasters that the processor draws."""

    sketch: np.ndarray  # (1,) of sketch_type
    tiles: np.ndarray  # (n,) of TILE_TYPE
    rasters: tuple[np.ndarray, np.ndarray]  # near, far

    @classmethod
    def of(cls, drawing: Drawing, agents: int) -> StoredDrawing:
        """For engines of so many agents. Raises ValueError for a scene that does not fit in."""
        sketch = np.zeros(1, sketch_type(agents))
        if not drawing.write(sketch):
            raise ValueError(f'the scene does not fit into a sketch of {agents} agents')
        places, _ = drawing.changed_tiles(NO_CHANGES)
        tiles = np.zeros(len(places), TILE_TYPE)
        for _ in filled_tiles(drawing, places, tiles):
            pass
        near, far = drawing.rasters()
        return cls(sketch, tiles, (near.copy(), far.copy()))

    def to_bytes(self) -> bytes:
        """As a compressed .npz without pickles."""
        file = io.BytesIO()
        near, far = self.rasters
        sketch, tiles = self.sketch.view(np.uint8), self.tiles.view(np.uint8)
        np.savez_compressed(file, near=near, far=far, sketch=sketch, tiles=tiles)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, agents: int) -> StoredDrawing:
        """Raises EngineError where it is no such drawing."""
        with _stored(data, 'drawing') as found:
            sketch = found['sketch'].view(sketch_type(agents))
            tiles = found['tiles'].view(TILE_TYPE)
            return cls(sketch, tiles, (found['near'], found['far']))

    def difference(self, near: np.ndarray, far: np.ndarray) -> str:
        """What is wrong with these rasters; empty: nothing."""
        for name, found, expected in zip(RASTERS, (near, far), self.rasters, strict=True):
            gap = np.abs(found.astype(np.int16) - expected)
            others = int(np.sum(gap > 1))
            if others > _OTHER_BYTES:
                return f'{others} bytes of {name} come out otherwise, up to {gap.max()} counts'
        return ''


@contextmanager
def _stored(data: bytes, what: str) -> Iterator[dict[str, np.ndarray]]:
    """The arrays of an .npz. Raises EngineError where it is none, or is not what is made of it."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            yield {name: file[name] for name in file.files}
    except (KeyError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise EngineError(f'the stored {what} cannot be read: {error}') from error


def apart_m(
    found: Mapping[str, np.ndarray], expected: Arrays, there: np.ndarray, share: float
) -> float:
    """Of agents `there` (A,), between two answers, at the last step, for this share of them."""
    for name in OUTPUTS:
        if found[name].shape != expected[name].shape:
            return np.inf
        if not np.isfinite(found[name][:, there]).all():
            return np.inf
    if not there.any():
        return 0.0
    gap = found['mean'][:, there, :, -1] - expected['mean'][:, there, :, -1]
    return float(np.quantile(np.hypot(gap[..., 0], gap[..., 1]), share))
