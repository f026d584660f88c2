"""What a raster is drawn from, as one block of memory of fixed size: a GPU can draw it itself.

Beside it there are two textures, the map around the robotaxi in either scale, which change by
squares as it moves. Whoever keeps them elsewhere is told which squares have changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Protocol

import numpy as np

from prediction_node.domain.tensors import RASTERS, Arrays

NEAR, FAR = range(2)  # scales, in the order of RASTERS
CHANNELS = 64
# Lights on lanes and stop lines, and the robotaxi: polygons of each scale, and their points.
MARKS, MARK_POINTS, MARK_VALUES = 512, 8192, 5
CLASS_SHARES, STATE_VALUES = 7, 24
STRIPS_EACH = 6  # of a body's past
TEXTURE_CELLS, TILE_CHANNELS = 512, 32
TILE_CELLS = 32
# Squares of texture that are told at a time.
TILES = 64


@lru_cache(maxsize=8)
def sketch_type(agents: int) -> np.dtype:
    """The block for up to so many agents, laid out as a C compiler does it.

    An axis of 2 is one of scales. Points are rows and columns of cells; windows are the first row
    and column that a polygon may touch and the ones after the last. Channels are numbers of the
    raster's manifest.
    """
    strips = STRIPS_EACH * (agents + 1)
    return np.dtype(
        [
            ('origin', 'f8', 4),  # pose of the view in the map's own frame: x, y, cosine, sine
            ('cell_m', 'f8', 2),  # of both scales
            ('mark_value', 'f8', (2, MARKS, MARK_VALUES)),  # bytes, not rounded
            ('mark_point', 'f8', (2, MARK_POINTS, 2)),
            ('strip_corner', 'f8', (2, strips, 4, 2)),
            ('strip_strength', 'f8', strips),
            ('box_corner', 'f8', (2, agents, 4, 2)),
            ('has_map', 'i4'),
            ('direction_channel', 'i4'),  # of a vector, which the view turns
            ('class_channel', 'i4'),  # the first of CLASS_SHARES
            ('value_channel', 'i4'),  # the first of STATE_VALUES
            ('marks', 'i4', 2),  # how many
            ('strips', 'i4'),
            ('boxes', 'i4'),
            ('mark_offset', 'i4', (2, MARKS + 1)),  # first point of each mark
            ('mark_window', 'i4', (2, MARKS, 4)),
            ('mark_channel', 'i4', (2, MARKS)),  # the first that it is painted on
            ('mark_values', 'i4', (2, MARKS)),  # how many
            ('strip_window', 'i4', (2, strips, 4)),
            ('strip_channel', 'i4', strips),
            ('box_window', 'i4', (2, agents, 4)),
            ('box_share', 'i4', (agents, CLASS_SHARES)),
            ('box_value', 'i4', (agents, STATE_VALUES)),
            ('empty', 'u1', CHANNELS),  # a cell with nothing in it
        ],
        align=True,
    )


# One square of a texture, and where it goes: row and column of its first cell.
TILE_TYPE = np.dtype(
    [
        ('scale', 'i4'),
        ('row', 'i4'),
        ('column', 'i4'),
        ('unused', 'i4'),  # so that bytes begin where sixteen can be read at once
        ('texel', 'u1', (TILE_CELLS, TILE_CELLS, TILE_CHANNELS)),
    ],
    align=True,
)


# How often the textures of both scales have changed.
Changes = tuple[int, int]
NO_CHANGES: Changes = (0, 0)


class Drawing(Protocol):
    """One scene, ready to be painted here or elsewhere. Good until the next scene is begun."""

    @property
    def painted(self) -> bool:
        """Whether it was painted here."""

    def rasters(self) -> tuple[np.ndarray, np.ndarray]:
        """Near and far, painted here if they were not yet."""

    def write(self, sketch: np.ndarray) -> bool:
        """Fill `sketch`, a single `sketch_type`; False where the scene does not fit in."""

    def changed_tiles(self, since: Changes) -> tuple[np.ndarray, Changes]:
        """(n, 3) scale, row and column of the squares that came after the changes `since`, and what
        to ask with next.
        """

    def texture(self, scale: int) -> np.ndarray:
        """(TEXTURE_CELLS, TEXTURE_CELLS, TILE_CHANNELS) bytes."""


def filled_tiles(drawing: Drawing, places: np.ndarray, tiles: np.ndarray) -> Iterator[int]:
    """Fill `tiles`, of TILE_TYPE, with the squares at `places` (n, 3), as often as it takes: yields
    how many are filled, each time.
    """
    for start in range(0, len(places), len(tiles)):
        some = places[start : start + len(tiles)].tolist()
        for tile, (scale, row, column) in zip(tiles, some, strict=False):
            tile['scale'], tile['row'], tile['column'] = scale, row, column
            square = slice(row, row + TILE_CELLS), slice(column, column + TILE_CELLS)
            tile['texel'] = drawing.texture(scale)[square]
        yield len(some)


class DrawnArrays(Mapping[str, np.ndarray]):
    """The arrays of a scene; the rasters among them are painted when somebody asks for them."""

    def __init__(self, arrays: Arrays, drawing: Drawing) -> None:
        self._arrays = arrays
        self.drawing = drawing

    def __getitem__(self, name: str) -> np.ndarray:
        if name in RASTERS:
            return self.drawing.rasters()[RASTERS.index(name)]
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._arrays
        yield from RASTERS

    def __len__(self) -> int:
        return len(self._arrays) + len(RASTERS)
