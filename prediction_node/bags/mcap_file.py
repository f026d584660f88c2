"""Records of an MCAP file, written in order: header, chunks with their indexes, summary, footer."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from prediction_node.bags.compression import compress_zstd

MAGIC = b'\x89MCAP0\r\n'
LIBRARY = 'prediction_node'

HEADER = 0x01
FOOTER = 0x02
SCHEMA = 0x03
CHANNEL = 0x04
MESSAGE = 0x05
CHUNK = 0x06
MESSAGE_INDEX = 0x07
CHUNK_INDEX = 0x08
STATISTICS = 0x0B
METADATA = 0x0C
METADATA_INDEX = 0x0D
SUMMARY_OFFSET = 0x0E
DATA_END = 0x0F

_MESSAGE_HEAD = struct.Struct(
    '<BQHIQQ'
)  # opcode, length, channel, sequence, log time, publish time
MESSAGE_FIXED_BYTES = 22  # of a message record's body before the payload


def _text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack('<I', len(data)) + data


def _record(opcode: int, body: bytes) -> bytes:
    return struct.pack('<BQ', opcode, len(body)) + body


@dataclass
class TopicRecord:
    """A topic and its type as written; schema and channel share the id."""

    id: int
    name: str
    message_type: str
    qos: str
    definition: str
    type_hash: str
    count: int = 0

    def schema(self) -> bytes:
        encoding = 'ros2msg' if self.definition else ''
        body = struct.pack('<H', self.id) + _text(self.message_type) + _text(encoding)
        return _record(SCHEMA, body + _text(self.definition))

    def channel(self) -> bytes:
        extra = _text('offered_qos_profiles') + _text(self.qos)
        body = struct.pack('<HH', self.id, self.id) + _text(self.name) + _text('cdr')
        return _record(CHANNEL, body + _text(extra))


class Chunk:
    """Records that are compressed together."""

    def __init__(self) -> None:
        self._parts: list[bytes | memoryview] = []
        self.size = 0
        self.first_ns = 0
        self.last_ns = 0
        self.index: dict[int, list[tuple[int, int]]] = {}  # channel -> (log time, offset)

    def _append(self, part: bytes | memoryview) -> None:
        self._parts.append(part)
        self.size += len(part)

    def add_topic(self, topic: TopicRecord) -> None:
        self._append(topic.schema())
        self._append(topic.channel())

    def add_message(
        self, channel: int, log_ns: int, publish_ns: int, data: bytes | memoryview
    ) -> None:
        self.first_ns = min(self.first_ns, log_ns) if self.index else log_ns
        self.last_ns = max(self.last_ns, log_ns) if self.index else log_ns
        self.index.setdefault(channel, []).append((log_ns, self.size))
        length = MESSAGE_FIXED_BYTES + len(data)
        self._append(_MESSAGE_HEAD.pack(MESSAGE, length, channel, 0, log_ns, publish_ns))
        self._append(data)

    def content(self) -> bytes:
        return b''.join(self._parts)


class McapFile:
    """An MCAP file being written. Not safe for two threads at once."""

    def __init__(self, file: BinaryIO, level: int) -> None:
        """`file` is empty; whoever opened it closes it."""
        self._bio = file
        self._level = level
        self._chunk_index: list[bytes] = []
        self._first_ns = 0
        self._last_ns = 0
        self._has_messages = False
        self._bio.write(MAGIC + _record(HEADER, _text('ros2') + _text(LIBRARY)))

    def write_chunk(self, chunk: Chunk) -> None:
        """Compress and append a chunk, and the index of its messages."""
        content = chunk.content()
        compression = 'zstd' if self._level else ''
        packed = compress_zstd(content, self._level) if self._level else content
        head = struct.pack(
            '<QQQI', chunk.first_ns, chunk.last_ns, len(content), zlib.crc32(content)
        )
        head += _text(compression) + struct.pack('<Q', len(packed))
        start = self._bio.tell()
        self._bio.write(struct.pack('<BQ', CHUNK, len(head) + len(packed)) + head)
        self._bio.write(packed)
        end = self._bio.tell()
        offsets = b''
        for channel, entries in sorted(chunk.index.items()):
            offsets += struct.pack('<HQ', channel, self._bio.tell())
            pairs = b''.join(struct.pack('<QQ', *entry) for entry in sorted(entries))
            self._bio.write(_record(MESSAGE_INDEX, struct.pack('<H', channel) + _text(pairs)))
        self._chunk_index.append(
            struct.pack('<QQQQ', chunk.first_ns, chunk.last_ns, start, end - start)
            + _text(offsets)
            + struct.pack('<Q', self._bio.tell() - end)
            + _text(compression)
            + struct.pack('<QQ', len(packed), len(content))
        )
        if chunk.index:
            first = not self._has_messages
            self._first_ns = chunk.first_ns if first else min(self._first_ns, chunk.first_ns)
            self._last_ns = max(self._last_ns, chunk.last_ns)
            self._has_messages = True

    def finish(self, topics: list[TopicRecord], metadata_text: str) -> None:
        """Append summary and footer."""
        described = self._bio.tell()
        entry = _text('serialized_metadata') + _text(metadata_text)
        self._bio.write(_record(METADATA, _text('rosbag2') + _text(entry)))
        described_bytes = self._bio.tell() - described
        self._bio.write(_record(DATA_END, struct.pack('<I', 0)))

        counts = b''.join(struct.pack('<HQ', t.id, t.count) for t in topics)
        statistics = struct.pack(
            '<QHIIIIQQ',
            sum(t.count for t in topics),
            len(topics),
            len(topics),
            0,  # attachments
            1,  # metadata records
            len(self._chunk_index),
            self._first_ns,
            self._last_ns,
        )
        groups = (
            (SCHEMA, b''.join(t.schema() for t in topics)),
            (CHANNEL, b''.join(t.channel() for t in topics)),
            (CHUNK_INDEX, b''.join(_record(CHUNK_INDEX, body) for body in self._chunk_index)),
            (
                METADATA_INDEX,
                _record(
                    METADATA_INDEX,
                    struct.pack('<QQ', described, described_bytes) + _text('rosbag2'),
                ),
            ),
            (STATISTICS, _record(STATISTICS, statistics + _text(counts))),
        )
        summary_start = self._bio.tell()
        summary, offsets = b'', b''
        for opcode, group in groups:
            if group:
                place = struct.pack('<BQQ', opcode, summary_start + len(summary), len(group))
                offsets += _record(SUMMARY_OFFSET, place)
                summary += group
        footer = struct.pack('<BQQQ', FOOTER, 20, summary_start, summary_start + len(summary))
        crc = zlib.crc32(summary + offsets + footer)
        self._bio.write(summary + offsets + footer + struct.pack('<I', crc) + MAGIC)
