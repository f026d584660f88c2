"""The ETH and UCY recordings of pedestrians: text files, one `frame id x y` a line, metres.

S. Pellegrini et al., "You'll never walk alone", ICCV 2009 (ETH, HOTEL); A. Lerner et al., "Crowds
by example", Eurographics 2007 (UNIV, ZARA1, ZARA2). The usual protocol leaves one scene out: a
folder per scene with the files to learn from (`train`), to choose by (`val`) and to be judged on
(`test`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prediction_node.domain.errors import DataError

SCENES: tuple[str, ...] = ('eth', 'hotel', 'univ', 'zara1', 'zara2')
SPLITS: tuple[str, ...] = ('train', 'val', 'test')
STEP_S = 0.4
FARTHEST_M = 1000.0  # from the recording's origin: these are squares and streets


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """P pedestrians over F annotated frames, in the metric frame of the recording."""

    name: str
    frame: np.ndarray  # (F,) int64 numbers of the video's frames, increasing
    person: np.ndarray  # (P,) int64 ids, increasing
    position_m: np.ndarray  # (P, F, 2), 0 where not valid
    valid: np.ndarray  # (P, F) bool


def read_crowd(path: Path) -> Crowd:
    """One recording.

    Raises DataError naming the file and the line for what is not four finite numbers, and for a
    person who is in two places at once.
    """
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f'{path}: cannot be read: {problem}') from None
    table = _table(path, lines)
    if not len(table):
        raise DataError(f'{path}: holds no positions')
    frame, column = np.unique(table[:, 0].astype(np.int64), return_inverse=True)
    person, row = np.unique(table[:, 1].astype(np.int64), return_inverse=True)
    valid = np.zeros((len(person), len(frame)), dtype=bool)
    position_m = np.zeros((len(person), len(frame), 2))
    place = row * len(frame) + column
    seen, first = np.unique(place, return_index=True)
    if len(seen) < len(place):
        twice = table[np.setdiff1d(np.arange(len(place)), first)[0]]
        raise DataError(f'{path}: person {twice[1]:.0f} has two positions in frame {twice[0]:.0f}')
    valid[row, column] = True
    position_m[row, column] = table[:, 2:]
    return Crowd(path.stem, frame, person, position_m, valid)


def _table(path: Path, lines: list[str]) -> np.ndarray:
    """(N, 4) of the lines that are not empty. Raises DataError naming the first bad one."""
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    try:
        table = np.array([line.split() for _, line in numbered], dtype=np.float64)
        table = table.reshape(len(numbered), 4)
    except ValueError:
        table = np.full((len(numbered), 4), np.nan)
    fine = np.isfinite(table).all(axis=1) & (np.abs(table[:, 2:]) <= FARTHEST_M).all(axis=1)
    whole = (table[:, :2] == np.round(table[:, :2])) & (np.abs(table[:, :2]) <= 2**53)
    if not np.all(fine & whole.all(axis=1)):
        for number, line in numbered:
            _check(f'{path}, line {number}', line)
    return table


def _check(where: str, line: str) -> None:
    try:
        values = [float(field) for field in line.split()]
    except ValueError:
        values = []
    if len(values) != 4 or not np.all(np.isfinite(values)):
        raise DataError(f'{where}: must be frame, id, x, y, got {line.strip()!r:.60}')
    for name, value in zip(('frame', 'id'), values, strict=False):
        if value != round(value) or abs(value) > 2**53:
            raise DataError(f'{where}: {name} must be a whole number, got {value}')
    for name, value in zip('xy', values[2:], strict=True):
        if abs(value) > FARTHEST_M:
            raise DataError(f'{where}: {name} must be within {FARTHEST_M:g} m, got {value}')


def split_files(folder: Path, scene: str, split: str) -> tuple[Path, ...]:
    """The files of one split of the fold that leaves `scene` out, in the order of their names.

    Raises DataError if `folder` has none of them.
    """
    if scene not in SCENES or split not in SPLITS:
        raise ValueError(f'no split {split!r} of {scene!r}: {SCENES} have {SPLITS}')
    found = tuple(sorted((folder / scene / split).glob('*.txt')))
    if not found:
        raise DataError(f'{folder / scene / split}: no recordings (*.txt) of the ETH/UCY protocol')
    return found


def fold_digest(folder: Path, scene: str) -> str:
    """SHA-256 over names and contents of all that a training without `scene` may read. A model that
    names it was made from these files, and so without those it is judged on.

    Raises DataError if `folder` has none of them.
    """
    digest = hashlib.sha256()
    for split in ('train', 'val'):
        for path in split_files(folder, scene, split):
            digest.update(f'{split}/{path.name}:'.encode() + path.read_bytes())
    return digest.hexdigest()
