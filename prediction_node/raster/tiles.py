"""Drawn squares of the map, kept, and joined into the texture around the robotaxi."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from prediction_node.domain.sketch import TEXTURE_CELLS, TILE_CELLS, TILE_CHANNELS
from prediction_node.raster import fill
from prediction_node.raster.manifest import CELLS
from prediction_node.raster.shapes import Shapes, tile_rules

_SLOTS = TEXTURE_CELLS // TILE_CELLS
# From the view's origin to the corner of its picture, and one cell for the interpolation.
_REACH_CELLS = 0.5 * CELLS * np.sqrt(2.0) + 1.0
_NORM, _GAIN, _OFFSET = tile_rules()

Key = tuple[int, int]
Span = tuple[int, int, int, int]  # of tiles: first and last i, first and last j


class Tiles:
    """The tiles of one map in one scale. Tile (i, j) has its low corner at (i, j) x side."""

    def __init__(self, shapes: Shapes, cell_m: float, capacity: int) -> None:
        self._shapes = shapes
        self._cell_m = cell_m
        self._capacity = capacity
        self._drawn: OrderedDict[Key, np.ndarray] = OrderedDict()
        self._local = np.empty((max(shapes.polygons.longest, 1), 2))
        self._scratch = np.empty((TILE_CELLS, TILE_CELLS + 1))
        self._total = np.empty((TILE_CELLS, TILE_CELLS, TILE_CHANNELS), np.float32)

    def __len__(self) -> int:
        return len(self._drawn)

    def __contains__(self, key: Key) -> bool:
        return key in self._drawn

    def get(self, key: Key) -> np.ndarray:
        """(TILE_CELLS, TILE_CELLS, TILE_CHANNELS) bytes; drawn if need be."""
        tile = self._drawn.get(key)
        if tile is None:
            tile = self._draw(key)
            self._drawn[key] = tile
            while len(self._drawn) > self._capacity:
                self._drawn.popitem(last=False)
        else:
            self._drawn.move_to_end(key)
        return tile

    def _draw(self, key: Key) -> np.ndarray:
        tile = np.empty((TILE_CELLS, TILE_CELLS, TILE_CHANNELS), np.uint8)
        corner_m = np.array(key, np.float64) * (TILE_CELLS * self._cell_m)
        fill.paint_tile(
            self._shapes.polygons.points_m,
            self._shapes.polygons.offsets,
            self._shapes.bounds_m,
            self._shapes.value,
            corner_m,
            self._cell_m,
            _NORM,
            _GAIN,
            _OFFSET,
            self._local,
            self._scratch,
            self._total,
            tile,
        )
        return tile


class Texture:
    """The map around the robotaxi in one array whose sides close on themselves.

    Tile (i, j) lies at slot (i % SLOTS, j % SLOTS): as the view moves, tiles behind it make room
    for those ahead and nothing else is copied.
    """

    def __init__(self, cell_m: float) -> None:
        self.cell_m = cell_m
        self.texel = np.zeros((TEXTURE_CELLS, TEXTURE_CELLS, TILE_CHANNELS), np.uint8)
        self._tiles: Tiles | None = None
        self._held: dict[Key, Key] = {}  # slot -> tile
        self._changes = 0
        self._changed_at = np.zeros((_SLOTS, _SLOTS), np.int64)
        # From cycle to cycle the view mostly looks at the same tiles.
        self._covered: Span | None = None
        self._ahead: Span | None = None

    def cover(self, tiles: Tiles, x_m: float, y_m: float) -> None:
        """Have all tiles there that a view at this place, however turned, looks at."""
        if tiles is not self._tiles:
            self._tiles = tiles
            self._held.clear()
            self._covered = self._ahead = None
        span = self._span(x_m, y_m)
        if span == self._covered:
            return
        for key in _keys(span):
            slot = (key[0] % _SLOTS, key[1] % _SLOTS)
            if self._held.get(slot) == key:
                continue
            row, column = slot[0] * TILE_CELLS, slot[1] * TILE_CELLS
            self.texel[row : row + TILE_CELLS, column : column + TILE_CELLS] = tiles.get(key)
            self._held[slot] = key
            self._changes += 1
            self._changed_at[slot] = self._changes
        self._covered = span

    def changed(self, since: int) -> tuple[np.ndarray, int]:
        """(n, 2) first row and column of the tiles in `texel` that came after change number
        `since`, and the number of the newest change.
        """
        return TILE_CELLS * np.argwhere(self._changed_at > since), self._changes

    def needed(self, x_m: float, y_m: float) -> list[Key]:
        """Tiles that a view at this place may look at."""
        return _keys(self._span(x_m, y_m))

    def _span(self, x_m: float, y_m: float) -> Span:
        side = TILE_CELLS
        x, y = x_m / self.cell_m, y_m / self.cell_m
        low_i, high_i = (int((x + sign * _REACH_CELLS) // side) for sign in (-1, 1))
        low_j, high_j = (int((y + sign * _REACH_CELLS) // side) for sign in (-1, 1))
        return low_i, high_i, low_j, high_j

    def draw_ahead(self, tiles: Tiles, x_m: float, y_m: float, budget: int) -> None:
        """Draw some of the tiles that a view at this place will need, for later."""
        span = self._span(x_m, y_m)
        if span == self._ahead:
            return
        for key in _keys(span):
            if budget <= 0:
                return
            if key not in tiles:
                tiles.get(key)
                budget -= 1
        self._ahead = span


def _keys(span: Span) -> list[Key]:
    low_i, high_i, low_j, high_j = span
    return [(i, j) for i in range(low_i, high_i + 1) for j in range(low_j, high_j + 1)]
