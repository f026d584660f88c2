"""Which steps of the set-up are done: a stamp holds the digest of what a step was made from."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


def digest_of(
    values: Iterable[str] = (), paths: Iterable[Path] = (), root: Path = Path('.')
) -> str:
    """Hex digest of strings and of files: names below `root` and bytes. Folders count whole."""
    total = hashlib.sha256()
    for value in values:
        total.update(f'{len(value)}:{value}'.encode())
    for file in sorted(_files(paths)):
        name = file.relative_to(root).as_posix()
        total.update(f'{len(name)}:{name}{hashlib.sha256(file.read_bytes()).hexdigest()}'.encode())
    return total.hexdigest()


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (file for file in path.rglob('*') if file.is_file())
        else:
            yield path


class Stamps:
    """One JSON file a finished step, in a folder of the environment that the steps make."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, step: str) -> dict[str, Any]:
        """What was recorded; empty where nothing was, or what is there cannot be read."""
        try:
            found = json.loads(self._path(step).read_text(encoding='utf-8'))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def is_fresh(self, step: str, digest: str) -> bool:
        return self.read(step).get('digest') == digest

    def forget(self, step: str) -> None:
        """To be called before a step starts: if it is interrupted, it counts as not done."""
        with contextlib.suppress(FileNotFoundError):
            self._path(step).unlink()

    def record(self, step: str, digest: str, **facts: Any) -> None:
        """Written beside and moved into place, so that a stamp is whole or absent."""
        self._folder.mkdir(parents=True, exist_ok=True)
        beside = self._folder / f'{step}.{os.getpid()}.part'
        beside.write_text(json.dumps({'digest': digest, **facts}, indent=1), encoding='utf-8')
        os.replace(beside, self._path(step))

    def _path(self, step: str) -> Path:
        return self._folder / f'{step}.json'


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold the lock file; wait for another set-up.

    The programs that we start inherit it (progress.run): if we are killed, the kernel frees it only
    when they, too, have ended.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open('a+', encoding='utf-8') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or 'unknown'
            print(
                f'waiting for another set-up of this checkout (process {holder})', file=sys.stderr
            )
            fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        os.set_inheritable(file.fileno(), True)
        yield
