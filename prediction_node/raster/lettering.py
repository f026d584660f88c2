"""Small letters for pictures, where nothing that draws text is installed."""

from __future__ import annotations

import numpy as np

# Letters of 3 x 5 dots: one octal digit per row, its bits from left to right.
_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789_-.:+'
_DOTS = (
    '25755656563444365556746477464434553557557222711152556554444757755'
    '65555255526564425573656553421672222555575555255775552555522271247'
    '75557262277174771317557117471774757711227575775717'
    '0000700700000020202002720'
)
_GLYPHS = {letter: _DOTS[5 * i : 5 * i + 5] for i, letter in enumerate(_LETTERS)}
ADVANCE = 4
HEIGHT = 5


def lettered(text: str, scale: int = 1) -> np.ndarray:
    """(5 x scale, 4 x scale x letters) bool: the dots of a line; unknown letters stay blank."""
    dots = np.zeros((HEIGHT, ADVANCE * max(len(text), 1)), bool)
    for i, letter in enumerate(text.lower()):
        for row, digit in enumerate(_GLYPHS.get(letter, '00000')):
            bits = int(digit, 8)
            dots[row, ADVANCE * i : ADVANCE * i + 3] = [bits & 4, bits & 2, bits & 1]
    return np.repeat(np.repeat(dots, scale, axis=0), scale, axis=1)


def write(
    picture: np.ndarray, text: str, row: int, column: int, colour: tuple[int, int, int], scale: int
) -> None:
    """Write a line onto picture (H, W, 3); what does not fit is cut off."""
    dots = lettered(text, scale)
    place = picture[row : row + dots.shape[0], column : column + dots.shape[1]]
    place[dots[: place.shape[0], : place.shape[1]]] = colour
