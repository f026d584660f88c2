"""Read an MCAP file without its index: all messages up to the first flaw, by log time.

A recorder that was killed leaves no summary, and its last chunk may be cut. This walks the records
from the start, unpacks what still unpacks of a cut chunk, and stops at the first record that cannot
be right.
"""

from __future__ import annotations

import heapq
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from rosbags.interfaces import Qos
from rosbags.rosbag2.metadata import parse_qos

from prediction_node.bags.compression import salvage
from prediction_node.bags.mcap_file import (
    CHANNEL,
    CHUNK,
    DATA_END,
    FOOTER,
    HEADER,
    MAGIC,
    MESSAGE,
    MESSAGE_FIXED_BYTES,
    SCHEMA,
    SUMMARY_OFFSET,
)
from prediction_node.bags.values import Damage, Message, Topic

_RECORD_HEAD = struct.Struct('<BQ')
_MESSAGE_BODY = struct.Struct('<HIQQ')
_CHUNK_BODY = struct.Struct('<QQQI')
# Files of other writers may carry the same messages under no profile; rosbags refuses those unread.
PROFILE = 'ros2'
# A chunk may claim any size; beyond this it is taken for a lie, since recorders write some MB.
CHUNK_LIMIT_BYTES = 1 << 30


class _Flaw(Exception):
    """Where reading must stop, and why."""


@dataclass
class _Block:
    """A chunk, or a run of messages outside chunks: where they lie and what they are."""

    offset: int  # in the file
    length: int
    compression: str | None = None  # None: messages lie in the file itself
    size: int = 0  # unpacked, as far as it can be used
    # log time, place in the unpacked chunk or in the file, payload bytes, channel
    entries: list[tuple[int, int, int, int]] = field(default_factory=list)


@dataclass
class _Channel:
    topic: str
    type: str
    definition: str
    qos: tuple[Qos, ...]
    count: int = 0


class SalvagedMcap:
    """The readable part of an MCAP file. `reason`: why its index fails, None if it has none."""

    def __init__(self, path: Path, reason: str | None) -> None:
        self._path = path
        self._channels: dict[int, _Channel] = {}
        self._schemas: dict[int, tuple[str, str]] = {}
        self._blocks: list[_Block] = []
        self._profile = ''
        self.damage: list[Damage] = []
        self.start_ns: int | None = None
        self.end_ns: int | None = None
        with path.open('rb') as file:
            flaw, whole = self._scan(file)
        self._blocks = [b for b in self._blocks if b.entries]
        for block in self._blocks:
            block.entries.sort(key=lambda entry: (entry[0], entry[1]))
        if self._blocks:
            self.start_ns = min(b.entries[0][0] for b in self._blocks)
            self.end_ns = max(b.entries[-1][0] for b in self._blocks)
        if not whole:
            self.damage.append(Damage(path.name, flaw or 'the file ends early', self.end_ns))
        elif flaw or (reason and self._profile == PROFILE):
            text = flaw or f'its index cannot be used ({reason})'
            self.damage.append(Damage(path.name, text, self.end_ns, self.end_ns))
        self.topics = [
            Topic(c.topic, c.type, c.count, c.qos, '', c.definition)
            for c in self._channels.values()
        ]

    def _scan(self, file: BinaryIO) -> tuple[str | None, bool]:
        """Walk the file. Returns the flaw met, if any, and whether all its messages were passed."""
        if file.read(len(MAGIC)) != MAGIC:
            return 'it does not begin as an MCAP file', False
        end = file.seek(0, 2)
        offset = len(MAGIC)
        whole = False
        try:
            while True:
                opcode, length = self._head(file, offset, end)
                body = offset + _RECORD_HEAD.size
                if opcode == FOOTER:
                    file.seek(body + length)
                    if file.read() != MAGIC:
                        raise _Flaw('it does not end as an MCAP file')
                    return None, True
                if not whole:
                    self._record(file, opcode, body, length, end)
                whole = whole or opcode == DATA_END
                offset = body + length
        except _Flaw as flaw:
            return str(flaw), whole
        except (struct.error, UnicodeDecodeError, KeyError, ValueError) as error:
            return f'a record at byte {offset} is malformed ({error})', whole

    def _head(self, file: BinaryIO, offset: int, end: int) -> tuple[int, int]:
        file.seek(offset)
        head = file.read(_RECORD_HEAD.size)
        if len(head) < _RECORD_HEAD.size:
            raise _Flaw(f'it is cut at byte {end}')
        opcode, length = _RECORD_HEAD.unpack(head)
        if not HEADER <= opcode < 0x80:  # the upper half is for private records
            raise _Flaw(f'no record begins at byte {offset}')
        body = offset + _RECORD_HEAD.size
        if body + length > end:
            if opcode == CHUNK:
                self._chunk(file, body, end - body, whole=False)
            if opcode > SUMMARY_OFFSET and opcode != DATA_END:
                raise _Flaw(f'no record begins at byte {offset}')
            raise _Flaw(f'it is cut at byte {end}')
        return opcode, length

    def _record(self, file: BinaryIO, opcode: int, body: int, length: int, end: int) -> None:
        if opcode == CHUNK:
            self._chunk(file, body, length, whole=True)
        elif opcode == MESSAGE:
            if length < MESSAGE_FIXED_BYTES:
                raise _Flaw(f'a message at byte {body} is shorter than its fields')
            fixed = file.read(MESSAGE_FIXED_BYTES)
            if not self._blocks or self._blocks[-1].compression is not None:
                self._blocks.append(_Block(body, end - body))
            self._message(self._blocks[-1], fixed, body, length)
        elif opcode in (SCHEMA, CHANNEL):
            self._describe(opcode, file.read(length))
        elif opcode == HEADER:
            self._profile, _ = _text(file.read(length), 0)

    def _chunk(self, file: BinaryIO, body: int, length: int, *, whole: bool) -> None:
        """Take a chunk into account; of a cut or flawed one, the messages that come out whole."""
        file.seek(body)
        head = file.read(min(length, _CHUNK_BODY.size + 4))
        if len(head) < _CHUNK_BODY.size + 4:
            raise _Flaw(f'it is cut at byte {body + len(head)}')
        _, _, size, crc = _CHUNK_BODY.unpack_from(head)
        (name_bytes,) = struct.unpack_from('<I', head, _CHUNK_BODY.size)
        if name_bytes > 16 or size > CHUNK_LIMIT_BYTES:
            raise _Flaw(f'a chunk at byte {body} is malformed')
        rest = file.read(name_bytes + 8)
        if len(rest) < name_bytes + 8:
            raise _Flaw(f'it is cut at byte {body + len(head) + len(rest)}')
        compression = rest[:name_bytes].decode('ascii', 'replace')
        packed_start = body + len(head) + len(rest)
        (packed_bytes,) = struct.unpack_from('<Q', rest, name_bytes)
        room = body + length - packed_start
        if whole and packed_bytes > room:
            raise _Flaw(f'a chunk at byte {body} claims more than its record holds')
        block = _Block(packed_start, min(packed_bytes, room), compression)
        content = self._unpack(file, block, size)
        if len(content) == size and crc and zlib.crc32(content) != crc:
            raise _Flaw(f'the checksum of the chunk at byte {body} does not match')
        self._blocks.append(block)
        flaw = self._content(block, content)
        if len(content) < size and whole:
            raise _Flaw(f'the chunk at byte {body} cannot be unpacked to its end')
        if flaw and whole:
            raise _Flaw(f'the chunk at byte {body} is malformed')

    @staticmethod
    def _unpack(file: BinaryIO, block: _Block, size: int) -> bytes:
        file.seek(block.offset)
        content = salvage(file.read(block.length), block.compression or '', size)
        block.size = len(content)
        return content

    def _content(self, block: _Block, content: bytes) -> bool:
        """Index the records of an unpacked chunk. Returns whether a flaw ended it early."""
        offset = 0
        while offset < len(content):
            if offset + _RECORD_HEAD.size > len(content):
                return True
            opcode, length = _RECORD_HEAD.unpack_from(content, offset)
            offset += _RECORD_HEAD.size
            if offset + length > len(content):
                return True
            if opcode == MESSAGE:
                if length < MESSAGE_FIXED_BYTES:
                    return True
                fixed = content[offset : offset + MESSAGE_FIXED_BYTES]
                self._message(block, fixed, offset, length)
            elif opcode in (SCHEMA, CHANNEL):
                self._describe(opcode, content[offset : offset + length])
            offset += length
        return False

    def _message(self, block: _Block, fixed: bytes, body: int, length: int) -> None:
        channel, _, log_ns, _ = _MESSAGE_BODY.unpack(fixed)
        if channel not in self._channels:
            return  # of another encoding, or described nowhere: nobody could read it
        self._channels[channel].count += 1
        payload = body + MESSAGE_FIXED_BYTES
        block.entries.append((log_ns, payload, length - MESSAGE_FIXED_BYTES, channel))

    def _describe(self, opcode: int, body: bytes) -> None:
        (key,) = struct.unpack_from('<H', body)
        offset = 2
        if opcode == SCHEMA:
            name, offset = _text(body, offset)
            encoding, offset = _text(body, offset)
            content, _ = _text(body, offset)
            self._schemas[key] = (name, content if encoding == 'ros2msg' else '')
            return
        (schema,) = struct.unpack_from('<H', body, offset)
        topic, offset = _text(body, offset + 2)
        encoding, offset = _text(body, offset)
        (extra_bytes,) = struct.unpack_from('<I', body, offset)
        if key in self._channels or encoding != 'cdr' or schema not in self._schemas:
            return
        name, content = self._schemas[schema]
        qos = _qos(body[offset + 4 : offset + 4 + extra_bytes])
        self._channels[key] = _Channel(topic, name, content, qos)

    def messages(self, topics: Collection[str] | None) -> Iterator[Message]:
        """Messages of the named topics (None: of all) in the order of their log times."""
        waiting = sorted(self._blocks, key=lambda b: b.entries[0][0], reverse=True)
        heap: list[tuple[int, int, int, int, int, bytes]] = []
        with self._path.open('rb') as file:
            while waiting or heap:
                while waiting and (not heap or waiting[-1].entries[0][0] <= heap[0][0]):
                    self._unfold(file, waiting.pop(), topics, heap)
                if not heap:
                    continue
                log_ns, _, place, length, channel, content = heapq.heappop(heap)
                if content:
                    data = content[place : place + length]
                else:
                    file.seek(place)
                    data = file.read(length)
                known = self._channels[channel]
                yield Message(log_ns, known.topic, known.type, data)

    def _unfold(
        self,
        file: BinaryIO,
        block: _Block,
        topics: Collection[str] | None,
        heap: list[tuple[int, int, int, int, int, bytes]],
    ) -> None:
        content = b'' if block.compression is None else self._unpack(file, block, block.size)
        for log_ns, place, length, channel in block.entries:
            if topics is None or self._channels[channel].topic in topics:
                entry = (log_ns, block.offset, place, length, channel, content)
                heapq.heappush(heap, entry)

    def close(self) -> None:
        """Nothing is held open."""


def _text(body: bytes, offset: int) -> tuple[str, int]:
    (length,) = struct.unpack_from('<I', body, offset)
    end = offset + 4 + length
    if end > len(body):
        raise ValueError(f'a text of {length} bytes does not fit its record')
    return body[offset + 4 : end].decode(), end


def _qos(extra: bytes) -> tuple[Qos, ...]:
    """The profiles in a channel's metadata; none if unreadable, since replay needs none."""
    offset = 0
    try:
        while offset < len(extra):
            key, offset = _text(extra, offset)
            value, offset = _text(extra, offset)
            if key == 'offered_qos_profiles':
                return tuple(parse_qos(value))
    except Exception:  # text of a damaged file
        return ()
    return ()
