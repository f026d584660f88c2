"""The drawn map, turned and shifted into the view, as machine code.

Stands alone: imports nothing of ours but `compiled`, see there.
"""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled


@compiled
def clear(picture: np.ndarray, empty: np.ndarray) -> None:
    """Write the cell `empty` (C,) all over the picture (S, S, C)."""
    for r in range(picture.shape[0]):
        for c in range(picture.shape[1]):
            for q in range(picture.shape[2]):
                picture[r, c, q] = empty[q]


@compiled
def warp(
    texture: np.ndarray,
    origin: np.ndarray,
    cell_m: float,
    direction: int,
    empty: np.ndarray,
    picture: np.ndarray,
) -> None:
    """Write every cell of the picture (S, S, 64): the map, and `empty` (64,) in later channels.

    texture (W, W, 32) holds the map in cells of the same size, rows along x and columns along y of
    the map's own frame, cell (i, j) at [i % W, j % W], W a power of two, all 32 channels to be
    written. Bilinear, in steps of 1/256 of a cell. origin: x, y, cosine, sine of the view's pose in
    the map's own frame. Channels `direction` and the one after it are a vector in that frame, 128
    is zero: it is turned into the view.
    """
    size = picture.shape[0]
    last = texture.shape[0] - 1
    cos, sin = origin[2], origin[3]
    middle = 0.5 * (size - 1)
    for r in range(size):
        ahead = middle - r
        # Texel centres lie half a cell from its corners.
        u_row = origin[0] / cell_m + cos * ahead - 0.5
        v_row = origin[1] / cell_m + sin * ahead - 0.5
        for c in range(size):
            aside = middle - c
            u, v = u_row - sin * aside, v_row + cos * aside
            u_cell, v_cell = math.floor(u), math.floor(v)
            fu, fv = int((u - u_cell) * 256.0 + 0.5), int((v - v_cell) * 256.0 + 0.5)
            i0, j0 = int(u_cell) & last, int(v_cell) & last
            i1, j1 = (i0 + 1) & last, (j0 + 1) & last
            w11 = (fu * fv + 128) >> 8
            w10, w01 = fu - w11, fv - w11
            w00 = 256 - fu - fv + w11
            for q in range(32):
                picture[r, c, q] = (
                    texture[i0, j0, q] * w00
                    + texture[i1, j0, q] * w10
                    + texture[i0, j1, q] * w01
                    + texture[i1, j1, q] * w11
                    + 128
                ) >> 8
            for q in range(32, 64):
                picture[r, c, q] = empty[q]
            x, y = int(picture[r, c, direction]) - 128, int(picture[r, c, direction + 1]) - 128
            if x != 0 or y != 0:
                picture[r, c, direction] = min(math.floor(128.5 + cos * x + sin * y), 255)
                picture[r, c, direction + 1] = min(math.floor(128.5 + cos * y - sin * x), 255)
