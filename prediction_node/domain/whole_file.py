"""Files that appear whole or not at all: written beside their place, then renamed into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from prediction_node.domain.errors import DataError, PredictionNodeError

PARTIAL = '.partial'  # how names of files in the making end; they begin with a dot


class WholeFile:
    """A file in the making; what had its name stays there until `commit`.

    Its own name tells of the process, so that several may make the same file; the last one wins.
    Methods raise OSError.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        """`durable`: the bytes are on the disk before the name is, and after `commit` both are, for
        those who lose power.
        """
        self.path = path
        self.partial = path.with_name(f'.{path.name}.{os.getpid()}{PARTIAL}')
        self.file: BinaryIO = self.partial.open('wb')
        self._durable = durable

    def close(self) -> None:
        """All is written; nobody sees it yet. Once is enough, twice does no harm."""
        if self.file.closed:
            return
        with self.file:
            self.file.flush()
            if self._durable:
                os.fsync(self.file.fileno())

    def commit(self) -> None:
        """Give it its name."""
        self.close()
        os.replace(self.partial, self.path)
        if self._durable:
            sync_folder(self.path.parent)

    def abort(self) -> None:
        """Leave nothing of it; harmless after `commit`."""
        try:
            self.file.close()
        finally:
            self.partial.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Names that files got in a folder are on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def whole_file(
    path: Path, *, durable: bool = True, error: type[PredictionNodeError] = DataError
) -> Iterator[BinaryIO]:
    """A file to write to, which takes its place when the block ends well and is gone otherwise.

    Raises `error` naming the path if the disk does not take it.
    """
    try:
        whole = WholeFile(path, durable=durable)
        try:
            yield whole.file
            whole.commit()
        finally:
            whole.abort()
    except OSError as problem:
        raise error(f'{path} cannot be written: {problem.strerror or problem}') from problem


def write_whole(
    path: Path,
    data: bytes | str,
    *,
    durable: bool = True,
    error: type[PredictionNodeError] = DataError,
) -> None:
    """Write a file at once; text as UTF-8. Raises `error` as `whole_file`."""
    with whole_file(path, durable=durable, error=error) as file:
        file.write(data.encode() if isinstance(data, str) else data)
