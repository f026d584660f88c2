"""A raster to look at: an overview of both scales, and every channel by its name."""

from __future__ import annotations

import numpy as np

from prediction_node.raster.lettering import write
from prediction_node.raster.manifest import CELLS, CHANNELS, FAR_CELL_M, INDEX, NEAR_CELL_M
from prediction_node.raster.rasterizer import Raster

_COLUMNS = 8
_SHRINK = 2
_SIDE = CELLS // _SHRINK
_GAP, _TITLE = 4, 12
_ENLARGE = 4
_PAPER, _INK, _FAINT = (24, 26, 30), (235, 235, 235), (150, 150, 150)
# Painted in this order, each over the ones before by what it covers.
_OVERVIEW: tuple[tuple[str, tuple[int, int, int]], ...] = (
    ('building', (62, 58, 54)),
    ('parking', (52, 60, 72)),
    ('sidewalk', (74, 74, 68)),
    ('shoulder', (66, 66, 70)),
    ('drivable', (86, 88, 94)),
    ('bicycle_lane', (70, 92, 78)),
    ('crosswalk', (150, 150, 140)),
    ('light_red', (170, 40, 40)),
    ('light_amber', (190, 140, 30)),
    ('light_green', (40, 140, 70)),
    ('border_dashed', (170, 170, 170)),
    ('border_solid', (200, 200, 200)),
    ('border_curb', (140, 130, 110)),
    ('centreline', (110, 112, 120)),
    ('stop_line', (240, 240, 240)),
    ('past_motor', (40, 90, 150)),
    ('past_two_wheeler', (30, 120, 130)),
    ('past_walker', (140, 100, 30)),
    ('past_ego', (110, 50, 120)),
    ('unknown', (180, 180, 180)),
    ('car', (80, 160, 250)),
    ('heavy', (60, 110, 230)),
    ('motorcycle', (60, 210, 210)),
    ('bicycle', (70, 230, 190)),
    ('pedestrian', (255, 190, 60)),
    ('animal', (230, 120, 60)),
    ('ego', (230, 90, 230)),
)


def overview(picture: np.ndarray) -> np.ndarray:
    """(S, S, 3) RGB of one scale (S, S, channels): the road, its lights and who is on it."""
    rgb = np.tile(np.array(_PAPER, np.float32), (*picture.shape[:2], 1))
    for name, colour in _OVERVIEW:
        share = picture[..., INDEX[name], None].astype(np.float32) / 255.0
        rgb += share * (np.array(colour, np.float32) - rgb)
    return np.asarray(np.round(rgb), np.uint8)


def montage(raster: Raster) -> np.ndarray:
    """(H, W, 3) RGB uint8: near and far overviews, then near and far of every channel.

    Forward is up. Signed channels are red above zero and blue below it.
    """
    cell = (_TITLE + _SIDE + _GAP, 2 * _SIDE + 2 + 2 * _GAP)
    rows = -(-len(CHANNELS) // _COLUMNS)
    large = CELLS * _ENLARGE
    top = _TITLE + large + 2 * _GAP
    width = max(_COLUMNS * cell[1] + _GAP, 2 * large + 3 * _GAP)
    out = np.tile(np.array(_PAPER, np.uint8), (top + rows * cell[0], width, 1))
    for i, (name, picture, cell_m) in enumerate(
        (('near', raster.near, NEAR_CELL_M), ('far', raster.far, FAR_CELL_M))
    ):
        column = _GAP + i * (width // 2)
        reach_m = 0.5 * CELLS * cell_m
        title = f'{name}: {cell_m:g} m cells, {reach_m:g} m to each side'
        write(out, title, 2, column, _INK, 2)
        view = overview(picture).repeat(_ENLARGE, axis=0).repeat(_ENLARGE, axis=1)
        out[_TITLE + _GAP : _TITLE + _GAP + large, column : column + large] = view
    for i, channel in enumerate(CHANNELS):
        row, column = top + i // _COLUMNS * cell[0], _GAP + i % _COLUMNS * cell[1]
        # Names that are too long for twofold letters get small ones.
        scale = 2 if 8 * len(channel.name) <= cell[1] - _GAP else 1
        write(out, channel.name, row + (0 if scale == 2 else 4), column, _FAINT, scale)
        for k, picture in enumerate((raster.near, raster.far)):
            left = column + k * (_SIDE + 2)
            small = _shrunk(picture[..., i], channel.offset)
            out[row + _TITLE : row + _TITLE + _SIDE, left : left + _SIDE] = small
    return out


def _shrunk(plane: np.ndarray, offset: int) -> np.ndarray:
    """(S, S) bytes to (S / 2, S / 2, 3): of four cells the one farthest from zero."""
    signed = plane.astype(np.int16) - offset
    split = signed.reshape(_SIDE, _SHRINK, _SIDE, _SHRINK).swapaxes(1, 2)
    blocks = split.reshape(_SIDE, _SIDE, _SHRINK * _SHRINK)
    at = np.argmax(np.abs(blocks), axis=-1)
    value = np.take_along_axis(blocks, at[..., None], axis=-1)[..., 0]
    # Small values are seen better so.
    level = np.sqrt(np.abs(value) / (255.0 - offset if offset else 255.0)).clip(0.0, 1.0)
    rgb = np.repeat((level * 255.0)[..., None], 3, axis=-1)
    if offset:
        rgb[..., 1] *= 0.45
        rgb[..., 2] = np.where(value > 0, 0.3 * rgb[..., 2], rgb[..., 2])
        rgb[..., 0] = np.where(value < 0, 0.3 * rgb[..., 0], rgb[..., 0])
    return np.maximum(rgb, 8.0).astype(np.uint8)
