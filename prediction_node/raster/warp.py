"""The drawn map, turned and shifted into the view, as machine code.

Stands alone: imports nothing of ours but `compiled`, see there.
"""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled


@compiled
def clear(empty: np.ndarray, words: np.ndarray) -> None:
    """Write the cell `empty` (K,) uint64 all over the picture, words (S, S, K)."""
    for r in range(words.shape[0]):
        for c in range(words.shape[1]):
            for k in range(words.shape[2]):
                words[r, c, k] = empty[k]


@compiled
def warp(
    texture: np.ndarray,
    origin: np.ndarray,
    cell_m: float,
    direction: int,
    empty: np.ndarray,
    picture: np.ndarray,
    words: np.ndarray,
) -> None:
    """Write every cell of the picture (S, S, 64): the map, and `empty` from channel 31 on.

    texture (W, W, 32) holds the map in cells of the same size, rows along x and columns along y of
    the map's own frame, cell (i, j) at [i % W, j % W], W a power of two; its channel 31 is not 0
    where anything is there. Bilinear. origin: x, y, cosine, sine of the view's pose in the map's
    own frame. Channels `direction` and the one after it are a vector in that frame, 128 is zero: it
    is turned into the view. words (S, S, 8) is the picture's memory as uint64, empty (8,) a cell of
    it: whole words are faster to write.
    """
    size = picture.shape[0]
    last = texture.shape[0] - 1
    cos, sin = origin[2], origin[3]
    middle = 0.5 * (size - 1)
    empty_0, empty_1, empty_2, empty_3 = empty[0], empty[1], empty[2], empty[3]
    empty_4, empty_5, empty_6, empty_7 = empty[4], empty[5], empty[6], empty[7]
    for r in range(size):
        ahead = middle - r
        # Texel centres lie half a cell from its corners.
        u_row = origin[0] / cell_m + cos * ahead - 0.5
        v_row = origin[1] / cell_m + sin * ahead - 0.5
        for c in range(size):
            aside = middle - c
            u, v = u_row - sin * aside, v_row + cos * aside
            u_cell, v_cell = math.floor(u), math.floor(v)
            fu, fv = np.float32(u - u_cell), np.float32(v - v_cell)
            i0, j0 = int(u_cell) & last, int(v_cell) & last
            i1, j1 = (i0 + 1) & last, (j0 + 1) & last
            words[r, c, 4], words[r, c, 5] = empty_4, empty_5
            words[r, c, 6], words[r, c, 7] = empty_6, empty_7
            filled = (
                texture[i0, j0, 31]
                | texture[i1, j0, 31]
                | texture[i0, j1, 31]
                | texture[i1, j1, 31]
            )
            if filled == 0:
                words[r, c, 0], words[r, c, 1] = empty_0, empty_1
                words[r, c, 2], words[r, c, 3] = empty_2, empty_3
                continue
            w11 = fu * fv
            w10, w01 = fu - w11, fv - w11
            w00 = np.float32(1.0) - fu - fv + w11
            a, b = texture[i0, j0], texture[i1, j0]
            e, f = texture[i0, j1], texture[i1, j1]
            cell = picture[r, c]
            for q in range(32):
                cell[q] = np.uint8(
                    np.float32(a[q]) * w00
                    + np.float32(b[q]) * w10
                    + np.float32(e[q]) * w01
                    + np.float32(f[q]) * w11
                    + np.float32(0.5)
                )
            cell[31] = 0
            x, y = int(cell[direction]) - 128, int(cell[direction + 1]) - 128
            if x != 0 or y != 0:
                cell[direction] = min(math.floor(128.5 + cos * x + sin * y), 255)
                cell[direction + 1] = min(math.floor(128.5 + cos * y - sin * x), 255)
