"""Samples read back, in any order."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prediction_node.domain.errors import DataError
from prediction_node.domain.lane_map import LaneMap
from prediction_node.learning.samples.archive import unpack
from prediction_node.learning.samples.index import (
    MAPS,
    RecordingEntry,
    file_digest,
    read_index,
)
from prediction_node.learning.samples.map_arrays import map_from_arrays
from prediction_node.learning.samples.sample import Sample
from prediction_node.learning.samples.sample_arrays import from_arrays

OPEN_FILES = 32
CACHED_MAPS = 32


class SampleStore(Sequence[Sample]):
    """The samples of a folder as a sequence.

    Samples of one map share one LaneMap object as long as it is among the `maps` used last, so what
    is derived from it may be kept by its identity. A store may go to other processes: files are
    opened where they are read, and maps stay behind. Raises DataError naming the file that is
    missing or damaged.
    """

    def __init__(self, folder: Path | str, *, maps: int = CACHED_MAPS) -> None:
        self.folder = Path(folder)
        self.recordings: tuple[RecordingEntry, ...] = tuple(read_index(self.folder))
        shards = [(k, s) for k, entry in enumerate(self.recordings) for s in entry.shards]
        counts = [len(shard.offset) for _, shard in shards]
        self._file = [shard.file for _, shard in shards]
        self._shard = np.repeat(np.arange(len(shards)), counts)
        self._owner = np.repeat([k for k, _ in shards], counts).astype(np.int64)
        self._offset, self._size, self._crc32, self._map, self.stamp_ns = (
            np.array([v for _, s in shards for v in getattr(s, part)], dtype=np.int64)
            for part in ('offset', 'size', 'crc32', 'map', 'stamp_ns')
        )
        self._most_maps = maps
        self._forget()

    def _forget(self) -> None:
        self._descriptors: OrderedDict[str, int] = OrderedDict()
        self._lane_maps: OrderedDict[str, LaneMap] = OrderedDict()
        self._process = os.getpid()

    def __len__(self) -> int:
        return len(self._shard)

    def __getitem__(self, index: Any) -> Any:
        """The sample `index`; of a slice, a list of them."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = int(index)
        if not -len(self) <= i < len(self):
            raise IndexError(f'sample {i} of {len(self)} in {self.folder}')
        i %= len(self)
        entry = self.recordings[self._owner[i]]
        file = self._file[self._shard[i]]
        data = self._read(file, int(self._offset[i]), int(self._size[i]))
        if zlib.crc32(data) != self._crc32[i]:
            raise DataError(
                f'{self.folder / file} is damaged: {int(self._size[i])} bytes at '
                f'{int(self._offset[i])} are not the sample that was written'
            )
        lane_map = self.lane_map(entry.maps[self._map[i]]) if self._map[i] >= 0 else None
        try:
            return from_arrays(unpack(data), lane_map, entry.name, entry.group, entry.origin)
        except (ValueError, IndexError) as problem:
            raise DataError(f'{self.folder / file}: sample {i} is malformed: {problem}') from None

    @property
    def recording(self) -> list[str]:
        """Recording of every sample."""
        return [self.recordings[k].name for k in self._owner]

    @property
    def group(self) -> list[str]:
        """Group of every sample: those of one never sit in two splits."""
        return [self.recordings[k].group for k in self._owner]

    @property
    def origin(self) -> list[str]:
        """Origin of every sample, see ORIGINS."""
        return [self.recordings[k].origin for k in self._owner]

    @property
    def digest(self) -> str:
        """SHA-256 of all there is: what a checkpoint was trained on."""
        digest = hashlib.sha256()
        for entry in self.recordings:
            digest.update(f'{entry.name} {entry.group} {entry.origin} {entry.maps}\n'.encode())
            for shard in entry.shards:
                digest.update(f'{shard.file} {shard.sha256}\n'.encode())
        return digest.hexdigest()

    def lane_map(self, digest: str) -> LaneMap:
        """The map of this SHA-256, the same object while it is cached."""
        self._mind_forks()
        if digest in self._lane_maps:
            self._lane_maps.move_to_end(digest)
            return self._lane_maps[digest]
        path = self.folder / MAPS / f'{digest}.npz'
        try:
            data = path.read_bytes()
        except OSError as problem:
            raise DataError(f'{path} cannot be read: {problem.strerror}') from problem
        if hashlib.sha256(data).hexdigest() != digest:
            raise DataError(f'{path} is damaged: its SHA-256 is not its name')
        try:
            lane_map = map_from_arrays(unpack(data))
        except ValueError as problem:
            raise DataError(f'{path}: {problem}') from None
        self._lane_maps[digest] = lane_map
        while len(self._lane_maps) > self._most_maps:
            self._lane_maps.popitem(last=False)
        return lane_map

    def verify(self) -> None:
        """Read every shard and compare it with the index. Raises DataError naming the first that
        differs.
        """
        for entry in self.recordings:
            for shard in entry.shards:
                path = self.folder / shard.file
                if not path.is_file():
                    raise DataError(f'{path} is missing')
                if path.stat().st_size != shard.bytes or file_digest(path) != shard.sha256:
                    raise DataError(f'{path} is damaged: its SHA-256 is not that of the index')
            for digest in entry.maps:
                self.lane_map(digest)

    def close(self) -> None:
        """Close the files; reading opens them again."""
        if self._process == os.getpid():
            for descriptor in self._descriptors.values():
                os.close(descriptor)
        self._forget()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_descriptors': OrderedDict(), '_lane_maps': OrderedDict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def __del__(self) -> None:
        if '_descriptors' in self.__dict__:
            self.close()

    def _mind_forks(self) -> None:
        """A forked child shares descriptors, which is well (pread keeps no position), but must not
        close what its parent reads: it starts afresh.
        """
        if self._process != os.getpid():
            self._forget()

    def _read(self, file: str, offset: int, size: int) -> bytes:
        self._mind_forks()
        path = self.folder / file
        try:
            if file not in self._descriptors:
                self._descriptors[file] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                while len(self._descriptors) > OPEN_FILES:
                    os.close(self._descriptors.popitem(last=False)[1])
            self._descriptors.move_to_end(file)
            data = os.pread(self._descriptors[file], size, offset)
        except OSError as problem:
            raise DataError(f'{path} cannot be read: {problem.strerror}') from problem
        if len(data) < size:
            raise DataError(f'{path} is damaged: it ends after {offset + len(data)} bytes')
        return data
