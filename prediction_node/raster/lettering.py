"""Small letters for pictures, where nothing that draws text is installed."""

from __future__ import annotations

import numpy as np

# Letters of 3 x 5 dots: one octal digit per row, its bits from left to right.
_GLYPHS = dict(
    zip(
        'abcdefghijklmnopqrstuvwxyz0123456789_-.:+',
        (
            '25755 65656 34443 65556 74647 74644 34553 55755 72227 11152 55655 44447 57755 '
            '65555 25552 65644 25573 65655 34216 72222 55557 55552 55775 55255 55222 71247 '
            '75557 26227 71747 71317 55711 74717 74757 71122 75757 75717 '
            '00007 00700 00002 02020 02720'
        ).split(),
        strict=True,
    )
)
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
