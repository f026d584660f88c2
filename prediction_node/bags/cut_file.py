"""Lets SQLite read a file that has lost its end, and tells it where the end begins.

Left to itself SQLite refuses such a file outright, or takes zeros for what is missing and gives
messages that were never recorded.
"""

from __future__ import annotations

from pathlib import Path

import apsw

CUT_FILE_VFS = 'prediction_node_cut_file'


def is_cut(path: Path) -> bool:
    """Whether a database is shorter than its header says."""
    return _whole_size(path) > path.stat().st_size


def _whole_size(path: Path) -> int:
    """Bytes that a database should have by its header; 0 if it has no header of a database."""
    with path.open('rb') as file:
        head = file.read(100)
    if len(head) < 100 or not head.startswith(b'SQLite format 3\0'):
        return 0
    page = int.from_bytes(head[16:18], 'big')
    page = 65536 if page == 1 else page  # as the file format has it
    return page * int.from_bytes(head[28:32], 'big')


class _CutFile(apsw.VFSFile):
    """Claims the size it should have; what is missing is an error, not zeros."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._size = _whole_size(self._path)
        self._file = self._path.open('rb')

    def xFileSize(self) -> int:
        return self._size

    def xRead(self, amount: int, offset: int) -> bytes:
        self._file.seek(offset)
        data = self._file.read(amount)
        if len(data) < amount:
            raise apsw.IOError(f'the file is cut before byte {offset + amount}')
        return data

    def xClose(self) -> None:
        self._file.close()

    def xDeviceCharacteristics(self) -> int:
        return 0

    def xSectorSize(self) -> int:
        return 0

    def xFileControl(self, operation: int, pointer: int) -> bool:
        return False

    def xLock(self, level: int) -> None:
        pass

    def xUnlock(self, level: int) -> None:
        pass

    def xCheckReservedLock(self) -> bool:
        return False


class _CutFiles(apsw.VFS):
    def __init__(self) -> None:
        super().__init__(CUT_FILE_VFS, '')

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        if name is None or not flags[0] & apsw.SQLITE_OPEN_READONLY:
            raise apsw.CantOpenError('only for reading')
        flags[1] = flags[0]
        return _CutFile(name if isinstance(name, str) else name.filename())


# SQLite knows it by name for as long as this module is alive.
_VFS = _CutFiles()
