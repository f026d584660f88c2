"""The folder of a bulk run: one folder per finished scene, which appears whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prediction_node.domain.errors import DataError
from prediction_node.domain.whole_file import sync_folder
from prediction_node.generation.report import SceneReport

MARKER = 'scene.json'  # written last; holds the digests of all other files of the scene
LOCK = '.lock'
_READ_BYTES = 1 << 20


def scene_name(seed: int) -> str:
    return f'scene_{seed:06d}'


class SceneStore:
    """Scenes below `folder`, by their seeds. Several processes may write different scenes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, seed: int) -> Path:
        return self.folder / scene_name(seed)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Make the folder, keep other runs out of it, and sweep what a stopped run left half done.

        Raises DataError if it cannot be written, or if another run writes to it.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / LOCK).open('w')
        except OSError as problem:
            raise DataError(f'{self.folder} cannot be written: {problem.strerror}') from problem
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise DataError(
                    f'another run is writing to {self.folder}: wait for it or choose another folder'
                ) from None
            self._sweep()
            try:
                yield
            finally:
                self._sweep()

    def _sweep(self) -> None:
        for path in self.folder.glob('.scene_*.partial'):
            shutil.rmtree(path, ignore_errors=True)

    def scratch(self, seed: int) -> Path:
        """A new empty folder for a scene in the making; `commit` puts it in place."""
        path = self.folder / f'.{scene_name(seed)}.{os.getpid()}.partial'
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def discard(self, seed: int) -> None:
        """Remove what a process that died left of a scene in the making."""
        for path in self.folder.glob(f'.{scene_name(seed)}.*.partial'):
            shutil.rmtree(path, ignore_errors=True)

    def commit(self, scratch: Path, seed: int, identity: str, report: SceneReport) -> None:
        """Digest the files of `scratch`, write the marker, and make it the scene of `seed`."""
        marker = {
            'identity': identity,
            **report.as_dict(),
            'files': {
                str(path.relative_to(scratch)): {
                    'bytes': path.stat().st_size,
                    'blake2b': file_digest(path, sync=True),
                }
                for path in files_below(scratch)
            },
        }
        with (scratch / MARKER).open('w', encoding='utf-8') as out:
            json.dump(marker, out, indent=1, sort_keys=True)
            out.write('\n')
            out.flush()
            os.fsync(out.fileno())
        place = self.place(seed)
        shutil.rmtree(place, ignore_errors=True)
        scratch.rename(place)
        sync_folder(self.folder)

    def finished(self, seed: int, identity: str) -> SceneReport | None:
        """The report of a finished scene; None if it has to be made (again).

        Raises DataError if the place is taken by a scene of another request: it is never lost.
        """
        place = self.place(seed)
        if not place.exists():
            return None
        try:
            marker = json.loads((place / MARKER).read_text(encoding='utf-8'))
            recorded, files = marker['identity'], marker['files']
            report = SceneReport.of(marker, str(place / MARKER))
        except (OSError, ValueError, KeyError, TypeError, DataError):
            return None
        if recorded != identity:
            raise DataError(
                f'{place} was made with another scenario, duration, kind of result, sensors or '
                'version: choose another --out, or move it away'
            )
        return report if _intact(place, files) else None


def files_below(folder: Path) -> list[Path]:
    """All files but the marker, in an order that does not depend on the file system."""
    return sorted(p for p in folder.rglob('*') if p.is_file() and p != folder / MARKER)


def _intact(place: Path, files: Mapping[str, Any]) -> bool:
    if {str(path.relative_to(place)) for path in files_below(place)} != set(files):
        return False
    return all(
        (place / name).stat().st_size == known['bytes']
        and file_digest(place / name) == known['blake2b']
        for name, known in files.items()
    )


def file_digest(path: Path, *, sync: bool = False) -> str:
    """BLAKE2b of a file's bytes; `sync`: they are on the disk when it returns."""
    digest = hashlib.blake2b(digest_size=32)
    with path.open('rb') as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
        if sync:
            os.fsync(file.fileno())
    return digest.hexdigest()
