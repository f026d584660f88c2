"""Samples of one recording into shards, which appear whole or not at all."""

from __future__ import annotations

import hashlib
import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import CLASS_NAMES
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.whole_file import WholeFile, write_whole
from prediction_node.learning.samples.archive import pack
from prediction_node.learning.samples.index import MAPS, RecordingEntry, Shard, write_entry
from prediction_node.learning.samples.map_arrays import map_to_arrays
from prediction_node.learning.samples.sample import Sample
from prediction_node.learning.samples.sample_arrays import to_arrays

SHARD_BYTES = 128 << 20  # a shard is closed once it is larger
_BLOCK = 512  # of a tar file
_NAME = re.compile(r'[^A-Za-z0-9_-]+')


def file_name(recording: str) -> str:
    """What the files of a recording are called: no dots, for WebDataset ends a key at the first."""
    return _NAME.sub('_', recording).strip('_')[:120] or 'recording'


class SampleWriter:
    """Writes the samples of one recording to `folder`; a context manager.

    All samples must be of the recording, the group and the origin named here. Leaving the context
    well puts the shards in place and files their entry; leaving it with an exception removes them.
    `write_index(folder)` then tells readers. Several processes may write different recordings.
    """

    def __init__(
        self,
        folder: Path,
        recording: str,
        *,
        group: str,
        origin: str,
        identity: str = '',
        facts: Mapping[str, Any] | None = None,
        shard_bytes: int = SHARD_BYTES,
    ) -> None:
        self._folder = folder
        self._name = file_name(recording)
        self._group = group
        self._origin = origin
        self._identity = identity
        self._facts = dict(facts or {})
        self._shard_bytes = shard_bytes
        self._maps: list[str] = []
        self._last_map: tuple[LaneMap, int] | None = None
        self._parts: list[_Part] = []
        self._agents: Counter[str] = Counter()
        self.samples = 0

    def __enter__(self) -> SampleWriter:
        try:
            (self._folder / MAPS).mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise DataError(f'{self._folder} cannot be written: {problem.strerror}') from problem
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._complete()
        else:
            self.abort()

    def add(self, sample: Sample) -> None:
        """Append one sample. Raises DataError if the disk does not take it."""
        index, digest = self._map(sample.scene.lane_map)
        data = pack(to_arrays(sample, digest))
        try:
            self._part().add(f'{self._name}_{self.samples:06d}.npz', data, sample, index)
        except OSError as problem:
            raise DataError(f'{self._folder} cannot be written: {problem.strerror}') from problem
        self.samples += 1
        whole = sample.label[sample.future_valid[:, -1]]
        self._agents.update(CLASS_NAMES[c] for c in whole.tolist())

    def abort(self) -> None:
        """Leave nothing behind but maps, which other recordings may share."""
        for part in self._parts:
            part.remove()
        self._parts.clear()

    def _map(self, lane_map: LaneMap | None) -> tuple[int, str | None]:
        """Index and digest of a map, which is written when it is first seen."""
        if lane_map is None:
            return -1, None
        if self._last_map is None or self._last_map[0] is not lane_map:
            data = pack(map_to_arrays(lane_map), compressed=True)
            digest = hashlib.sha256(data).hexdigest()
            path = self._folder / MAPS / f'{digest}.npz'
            if not path.exists():
                write_whole(path, data)
            if digest not in self._maps:
                self._maps.append(digest)
            self._last_map = (lane_map, self._maps.index(digest))
        index = self._last_map[1]
        return index, self._maps[index]

    def _part(self) -> _Part:
        if self._parts and self._parts[-1].position < self._shard_bytes:
            return self._parts[-1]
        if self._parts:
            self._parts[-1].close()
        part = _Part(WholeFile(self._folder / f'{self._name}-{len(self._parts):03d}.tar'))
        self._parts.append(part)
        return part

    def _complete(self) -> None:
        try:
            shards = [part.commit() for part in self._parts]
        except OSError as problem:
            self.abort()
            raise DataError(f'{self._folder} cannot be written: {problem.strerror}') from problem
        kept = {shard.file for shard in shards}
        for old in self._folder.glob(f'{self._name}-[0-9][0-9][0-9].tar'):
            if old.name not in kept:  # of an earlier run that had more
                old.unlink()
        write_entry(
            self._folder,
            RecordingEntry(
                name=self._name,
                identity=self._identity,
                group=self._group,
                origin=self._origin,
                maps=self._maps,
                shards=shards,
                agents=dict(sorted(self._agents.items())),
                facts=self._facts,
            ),
        )


@dataclass(eq=False)
class _Part:
    """A shard in the making: a tar file under a name of its own until it is complete."""

    whole: WholeFile
    position: int = 0
    stamp_ns: list[int] = field(default_factory=list)
    offset: list[int] = field(default_factory=list)
    size: list[int] = field(default_factory=list)
    crc32: list[int] = field(default_factory=list)
    map: list[int] = field(default_factory=list)
    _digest: Any = field(default_factory=hashlib.sha256)

    def add(self, name: str, data: bytes, sample: Sample, map_index: int) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        header = info.tobuf(tarfile.USTAR_FORMAT)
        self.stamp_ns.append(sample.scene.stamp_ns)
        self.offset.append(self.position + len(header))
        self.size.append(len(data))
        self.crc32.append(zlib.crc32(data))
        self.map.append(map_index)
        self._write(header + data + bytes(-len(data) % _BLOCK))

    def _write(self, data: bytes) -> None:
        self.whole.file.write(data)
        self._digest.update(data)
        self.position += len(data)

    def close(self) -> None:
        """End the tar file; it stays under its partial name."""
        if not self.whole.file.closed:
            self._write(bytes(2 * _BLOCK))
            self.whole.close()

    def commit(self) -> Shard:
        self.close()
        self.whole.commit()
        return Shard(
            file=self.whole.path.name,
            bytes=self.position,
            sha256=self._digest.hexdigest(),
            stamp_ns=self.stamp_ns,
            offset=self.offset,
            size=self.size,
            crc32=self.crc32,
            map=self.map,
        )

    def remove(self) -> None:
        self.whole.abort()
        self.whole.path.unlink(missing_ok=True)
