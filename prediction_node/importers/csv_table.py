"""Tables in text files, column by column."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from prediction_node.domain.errors import DataError


def read_csv(
    path: Path, numbers: Sequence[str], texts: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """The named columns of a file with a header: finite numbers (float64) and texts.

    Raises DataError naming the file, and the column or the line.
    """
    try:
        with path.open(encoding='utf-8', newline='') as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise DataError(f'{path} cannot be read: {problem}') from problem
    header = rows[0] if rows else []
    missing = [name for name in (*numbers, *texts) if name not in header]
    if missing:
        raise DataError(f'{path}: column {missing[0]} is missing')
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise DataError(f'{path}, line {line}: {len(header)} values expected, got {len(row)}')
    columns = dict(zip(header, zip(*rows[1:], strict=True), strict=False))
    out = {name: _numbers(path, name, columns.get(name, ())) for name in numbers}
    out.update({name: np.array(columns.get(name, ()), dtype=str) for name in texts})
    return out


def _numbers(path: Path, name: str, values: Sequence[str]) -> np.ndarray:
    try:
        numbers = np.array([float(v) for v in values])
    except ValueError as problem:
        raise DataError(f'{path}: column {name}: {problem}') from problem
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise DataError(f'{path}, line {bad[0] + 2}: {name} must be finite, got {values[bad[0]]}')
    return numbers


def whole_numbers(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    """The same as int64. Raises DataError where one has a fraction or no place in 32 bits."""
    bad = np.flatnonzero((values != np.round(values)) | (np.abs(values) > 2**31))
    if len(bad):
        raise DataError(f'{path}: {name} must hold whole numbers, got {values[bad[0]]}')
    return values.astype(np.int64)
