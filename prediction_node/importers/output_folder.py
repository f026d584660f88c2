"""Folders that hold either all results or none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prediction_node.domain.errors import DataError


@contextmanager
def whole_results(folder: Path, names: tuple[str, ...], force: bool) -> Iterator[Path]:
    """A scratch folder; when the body succeeds, its entries `names` move to `folder`.

    Other files of `folder` stay. Raises DataError before anything is written if one of `names` is
    there already, unless `force`: then it is replaced once the new results are complete. When the
    body fails, nothing has changed.
    """
    existing = [name for name in names if (folder / name).exists()]
    if existing and not force:
        raise DataError(
            f'{folder} already holds {" and ".join(existing)}; use --force to replace them'
        )
    scratch = folder.parent / f'.{folder.name}.{os.getpid()}.partial'
    try:
        scratch.mkdir(parents=True)
        try:
            yield scratch
            folder.mkdir(exist_ok=True)
            for name in names:
                _replace(scratch / name, folder / name, scratch / f'{name}.old')
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as problem:
        raise DataError(f'{folder} cannot be written: {problem.strerror}') from problem


def _replace(new: Path, place: Path, aside: Path) -> None:
    if place.exists():
        place.rename(aside)
    new.rename(place)
