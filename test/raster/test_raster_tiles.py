"""Drawn tiles: kept, bounded, ahead of the robotaxi; and how fast it is, at all."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from prediction_node.benchmark import raster as benchmark
from prediction_node.compiled import compilations
from prediction_node.domain.errors import ParameterError
from prediction_node.domain.scene import History
from prediction_node.domain.sketch import TEXTURE_CELLS, TILE_CELLS
from prediction_node.raster import Rasterizer, RasterParameters, warm_up
from prediction_node.raster.manifest import NEAR_CELL_M
from prediction_node.raster.shapes import map_shapes
from prediction_node.raster.tiles import Texture, Tiles

SIDE_M = TILE_CELLS * NEAR_CELL_M


@pytest.fixture
def tiles(town: Any) -> Tiles:
    return Tiles(map_shapes(town.lane_map).near, NEAR_CELL_M, 256)


def test_tiles_are_drawn_once(tiles: Tiles) -> None:
    assert tiles.get((0, 0)) is tiles.get((0, 0))
    assert (0, 0) in tiles
    assert (1, 0) not in tiles


def test_the_tiles_unused_for_longest_are_forgotten(tiles: Tiles) -> None:
    for i in range(256):
        tiles.get((i, 0))
    tiles.get((0, 0))
    tiles.get((256, 0))
    assert len(tiles) == 256
    assert (0, 0) in tiles
    assert (1, 0) not in tiles


def test_neighbouring_tiles_join(town: Any, tiles: Tiles) -> None:
    """A tile twice as large shows what its four quarters show."""
    quarters = [[tiles.get((i, j)) for j in (-1, 0)] for i in (-1, 0)]
    joined = np.concatenate([np.concatenate(row, axis=1) for row in quarters], axis=0)
    whole = joined.astype(int)
    # On either side of the seams nothing jumps more than anywhere else.
    seam = np.abs(whole[TILE_CELLS] - whole[TILE_CELLS - 1]).max(axis=0)
    other = np.abs(np.diff(whole, axis=0)).max(axis=(0, 1))
    assert np.all(seam <= other)
    assert whole[..., 0].any()


def test_a_texture_holds_all_that_a_view_needs(tiles: Tiles) -> None:
    texture = Texture(NEAR_CELL_M)
    for x_m, y_m in ((0.0, 0.0), (3.0, -2.0), (900.0, 40.0), (0.5, 0.0)):
        texture.cover(tiles, x_m, y_m)
        needed = texture.needed(x_m, y_m)
        slots = {
            (i % (TEXTURE_CELLS // TILE_CELLS), j % (TEXTURE_CELLS // TILE_CELLS))
            for i, j in needed
        }
        assert len(slots) == len(needed)
        for i, j in needed:
            row, column = (i * TILE_CELLS) % TEXTURE_CELLS, (j * TILE_CELLS) % TEXTURE_CELLS
            held = texture.texel[row : row + TILE_CELLS, column : column + TILE_CELLS]
            np.testing.assert_array_equal(held, tiles.get((i, j)))
        # Half the diagonal of the picture, whatever the view's direction.
        reach_m = 40.0 * np.sqrt(2.0)
        for angle in np.linspace(0.0, 2.0 * np.pi, 17):
            corner = np.array([x_m, y_m]) + reach_m * np.array([np.cos(angle), np.sin(angle)])
            assert tuple((corner // SIDE_M).astype(int).tolist()) in needed


def test_tiles_ahead_are_drawn_a_few_at_a_time(tiles: Tiles) -> None:
    texture = Texture(NEAR_CELL_M)
    texture.cover(tiles, 0.0, 0.0)
    before = len(tiles)
    texture.draw_ahead(tiles, 30.0, 0.0, 3)
    assert len(tiles) == before + 3
    for _ in range(100):
        texture.draw_ahead(tiles, 30.0, 0.0, 3)
    assert all(key in tiles for key in texture.needed(30.0, 0.0))
    after = len(tiles)
    texture.cover(tiles, 30.0, 0.0)
    assert len(tiles) == after


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(ParameterError, match=r'raster\.tiles'):
        RasterParameters(tiles=1)


def test_after_warming_up_nothing_is_compiled(town: Any, lamps_of: Any) -> None:
    warm_up()
    ready = compilations()
    rasterizer = Rasterizer()
    scene = town.scene(lights=lamps_of((7, 1, 1, 1.0, 0.1)))
    rasterizer.draw(scene)
    rasterizer.draw(town.scene([], with_map=False, present=False))
    past = scene.history
    reversed_past = History(
        past.position_m[::-1], past.yaw_rad[::-1], past.velocity_mps[::-1], past.valid[::-1]
    )
    rasterizer.draw(replace(scene, history=reversed_past))
    assert compilations() == ready


def test_the_benchmark_draws_what_it_was_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, 'STEPS', 3)
    monkeypatch.setattr(benchmark, 'WARM_UP_STEPS', 2)
    figures = benchmark.run(argparse.Namespace(agents=20))['raster']
    assert figures['agents'] == 20
    assert figures['steps'] == 3
    assert 0.0 < figures['p50_ms'] <= figures['p99_ms'] <= figures['max_ms']
