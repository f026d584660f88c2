"""What a folder of samples holds: one entry per recording, all of them in `index.json`.

index.json            all entries; what readers read
NAME.json             the entry of one recording, written when its shards are complete
NAME-000.tar, ...     its shards: WebDataset's layout, one uncompressed .npz per sample
maps/DIGEST.npz       a lane map by the SHA-256 of its bytes
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from prediction_node.domain.errors import DataError
from prediction_node.domain.whole_file import write_whole

FORMAT = 1  # to be raised when the same sample gives other bytes
INDEX = 'index.json'
MAPS = 'maps'


@dataclass(frozen=True, slots=True)
class Shard:
    """One tar file, and where in it its samples lie."""

    file: str
    bytes: int
    sha256: str
    stamp_ns: list[int]  # of the scenes
    offset: list[int]  # of the samples' .npz bytes
    size: list[int]
    crc32: list[int]
    map: list[int]  # index into RecordingEntry.maps, -1: without


@dataclass(frozen=True, slots=True)
class RecordingEntry:
    """All samples of one recording."""

    name: str
    identity: str  # digest of everything the samples were made from
    group: str
    origin: str
    maps: list[str]  # SHA-256 of the lane maps
    shards: list[Shard]
    # Agents with a whole future, by class; summed over samples.
    agents: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)  # source, licence and the like

    @property
    def samples(self) -> int:
        return sum(len(shard.offset) for shard in self.shards)


def write_entry(folder: Path, entry: RecordingEntry) -> None:
    """File the entry of a recording whose shards are in place."""
    _write(folder / f'{entry.name}.json', {'format': FORMAT, **asdict(entry)})


def read_entry(path: Path) -> RecordingEntry:
    """Raises DataError naming the file."""
    values = _read(path)
    return _entry(values, path)


def write_index(folder: Path, groups: Mapping[str, str] | None = None) -> list[RecordingEntry]:
    """Gather the entries of all recordings in `folder` into its index.

    `groups`: recording -> group, where that is only known once all recordings are.
    """
    entries = []
    for path in sorted(folder.glob('*.json')):
        if path.name == INDEX or path.name.startswith('.'):
            continue
        entry = read_entry(path)
        group = (groups or {}).get(entry.name, entry.group)
        if group != entry.group:
            entry = RecordingEntry(**{**_shallow(entry), 'group': group})
            write_entry(folder, entry)
        entries.append(entry)
    _write(folder / INDEX, {'format': FORMAT, 'recordings': [asdict(entry) for entry in entries]})
    return entries


def read_index(folder: Path) -> list[RecordingEntry]:
    """Raises DataError naming the file."""
    path = folder / INDEX
    if not path.is_file():
        raise DataError(f'{folder} holds no {INDEX}: `extract --out {folder}` writes one')
    values = _read(path)
    recordings = values.get('recordings')
    if not isinstance(recordings, list):
        raise DataError(f'{path} must list recordings')
    return [_entry(each, path) for each in recordings]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _shallow(entry: RecordingEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in entry.__slots__}


def _write(path: Path, values: Mapping[str, Any]) -> None:
    write_whole(path, json.dumps(values, sort_keys=True) + '\n')


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding='utf-8'))
    except OSError as problem:
        raise DataError(f'{path} cannot be read: {problem.strerror}') from problem
    except ValueError as problem:
        raise DataError(f'{path} is damaged: {problem}') from problem
    if not isinstance(values, dict) or 'format' not in values:
        raise DataError(f'{path} is no index of samples')
    if values['format'] != FORMAT:
        raise DataError(f'{path} has format {values["format"]}; this version reads {FORMAT}')
    return values


def _entry(values: Mapping[str, Any], path: Path) -> RecordingEntry:
    try:
        known = {name: values[name] for name in RecordingEntry.__slots__}
        shards = [Shard(**shard) for shard in known.pop('shards')]
        return RecordingEntry(**known, shards=shards)
    except (KeyError, TypeError) as problem:
        raise DataError(f'{path}: an entry of a recording is malformed: {problem!r}') from problem
