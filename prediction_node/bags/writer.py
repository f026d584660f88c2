"""Write a rosbag2 folder in MCAP: all of it or nothing, and the same bytes for the same messages.

MCAP after its specification (mcap.dev/spec), metadata.yaml after rosbag2 (version 8, which Humble
to Kilted read). Chunks are compressed and written by one worker thread, since both leave the
interpreter free: the caller only hands over bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rosbags.interfaces import Qos

from prediction_node.bags import metadata, qos, types
from prediction_node.bags.mcap_file import Chunk, McapFile, TopicRecord
from prediction_node.domain.errors import BagError
from prediction_node.domain.whole_file import WholeFile, whole_file

CHUNK_BYTES = 1 << 20
PENDING_CHUNKS = 4  # bounds the memory when the disk is slower than the caller


@dataclass
class _Count:
    messages: int = 0
    first_ns: int = 0
    last_ns: int = 0

    def add(self, log_ns: int) -> None:
        self.first_ns = min(self.first_ns, log_ns) if self.messages else log_ns
        self.last_ns = max(self.last_ns, log_ns) if self.messages else log_ns
        self.messages += 1


class BagWriter:
    """Writes `folder/name.mcap` and `folder/metadata.yaml`; both appear when it closes well.

    >>> with BagWriter(folder) as bag:
    ...     bag.add_topic('/tf_static', 'tf2_msgs/msg/TFMessage', latched=True)
    ...     bag.write('/tf_static', log_ns, data)

    `name` is by default the folder's with '_0', as rosbag2 names files. `level` is zstd's; 0 stores
    uncompressed. Raises BagError when the folder or a file cannot be written.
    """

    def __init__(self, folder: Path, name: str | None = None, *, level: int = 1) -> None:
        self._folder = Path(folder)
        self._name = f'{name or f"{self._folder.resolve().name}_0"}.mcap'
        self._topics: dict[str, TopicRecord] = {}
        self._total = _Count()
        self._pending: list[Future[None]] = []
        self._worker = ThreadPoolExecutor(1, thread_name_prefix='mcap')
        self._closed = False
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._whole = WholeFile(self.path, durable=False)
            self._file = McapFile(self._whole.file, level)
        except OSError as error:
            self._worker.shutdown()
            raise BagError(f'{self._folder} cannot be written: {error.strerror}') from error
        self._chunk = Chunk()
        self._late_chunk = Chunk()
        self._described = False

    @property
    def path(self) -> Path:
        """The .mcap file."""
        return self._folder / self._name

    def add_topic(
        self,
        name: str,
        message_type: str,
        *,
        latched: bool = False,
        reliable: bool = True,
        profiles: Sequence[Qos] | None = None,
        definition: str | None = None,
        type_hash: str | None = None,
    ) -> None:
        """Declare a topic before its first message; again with the same type changes nothing.

        `profiles` wins over `latched` and `reliable`. `definition` and `type_hash` are for types
        the type store does not know. Raises BagError if the topic has another type already.
        """
        if name in self._topics:
            if self._topics[name].message_type != message_type:
                known = self._topics[name].message_type
                raise BagError(f'topic {name} of {self.path} is {known}, not {message_type}')
            return
        if profiles is None:
            profiles = (
                qos.profile(reliable=reliable, latched=latched, depth=1 if latched else 10),
            )
        record = TopicRecord(
            id=len(self._topics) + 1,
            name=name,
            message_type=message_type,
            qos=qos.dump(profiles),
            definition=definition or types.definition(message_type) or '',
            type_hash=type_hash or types.type_hash(message_type) or '',
        )
        self._topics[name] = record
        self._chunk.add_topic(record)

    def write(
        self,
        topic: str,
        log_ns: int,
        data: bytes | memoryview,
        publish_ns: int | None = None,
        *,
        late: bool = False,
    ) -> None:
        """Append one serialised message. `publish_ns` is by default `log_ns`.

        `late`: its log time lies well before that of its neighbours. Late messages have chunks of
        their own, so that readers who go by time need not hold all chunks between at once.

        Raises BagError for an undeclared topic, a negative time, and when an earlier chunk failed.
        """
        if self._closed:
            raise BagError(f'{self.path} is closed')
        record = self._topics.get(topic)
        if record is None:
            raise BagError(f'topic {topic} of {self.path} was not declared')
        if not 0 <= log_ns < 1 << 63:
            raise BagError(f'log time of {topic} must be in [0, 2^63) ns, got {log_ns}')
        chunk = self._late_chunk if late else self._chunk
        chunk.add_message(record.id, log_ns, log_ns if publish_ns is None else publish_ns, data)
        record.count += 1
        self._total.add(log_ns)
        if chunk.size >= CHUNK_BYTES:
            self._flush(late=late)

    def _flush(self, *, late: bool) -> None:
        if late and self._chunk.size and not self._described:
            self._flush(late=False)  # it describes the topics, and must come before their messages
        if late:
            chunk, self._late_chunk = self._late_chunk, Chunk()
        else:
            chunk, self._chunk = self._chunk, Chunk()
            self._described = True
        self._pending.append(self._worker.submit(self._file.write_chunk, chunk))
        while len(self._pending) > PENDING_CHUNKS:
            self._wait_for_one()

    def _wait_for_one(self) -> None:
        try:
            self._pending.pop(0).result()
        except OSError as error:
            raise BagError(f'{self.path} cannot be written: {error.strerror}') from error

    def close(self) -> None:
        """Write what is pending, then put both files in place."""
        if self._closed:
            return
        try:
            for late in (False, True):
                if (self._late_chunk if late else self._chunk).size:
                    self._flush(late=late)
            while self._pending:
                self._wait_for_one()
            text = metadata.dump(
                self._name,
                [*self._topics.values()],
                self._total.messages,
                self._total.first_ns,
                self._total.last_ns,
            )
            try:
                self._file.finish([*self._topics.values()], text)
                self._whole.close()
                described = self._folder / 'metadata.yaml'
                with whole_file(described, durable=False, error=BagError) as beside:
                    beside.write(text.encode())
                    beside.flush()
                    self._whole.commit()
            except (OSError, struct.error) as error:
                raise BagError(f'{self.path} cannot be written: {error}') from error
        except BaseException:
            self.abort()
            raise
        self._closed = True
        self._worker.shutdown()

    def abort(self) -> None:
        """Leave nothing behind."""
        self._closed = True
        self._worker.shutdown(cancel_futures=True)
        self._whole.abort()

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._closed:
            return
        if kind is None:
            self.close()
        else:
            self.abort()
