"""MCAP files as other writers make them: without chunks or index, with lz4, under no profile."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lz4.frame
import pytest

from prediction_node.bags.compression import compress_zstd, salvage
from prediction_node.bags.mcap_file import (
    CHANNEL,
    CHUNK,
    DATA_END,
    FOOTER,
    HEADER,
    MAGIC,
    MESSAGE,
    SCHEMA,
)
from prediction_node.bags.reader import BagReader
from prediction_node.bags.values import Message

Compress = Callable[[bytes], bytes]
COMPRESSORS: dict[str, Compress] = {
    '': lambda data: data,
    'lz4': lz4.frame.compress,
    'zstd': lambda data: compress_zstd(data, 1),
}


def text(value: str) -> bytes:
    return struct.pack('<I', len(value)) + value.encode()


def record(opcode: int, body: bytes) -> bytes:
    return struct.pack('<BQ', opcode, len(body)) + body


def head(profile: str = 'ros2') -> bytes:
    return MAGIC + record(HEADER, text(profile) + text('another writer'))


def described(encoding: str = 'cdr') -> bytes:
    schema = (
        struct.pack('<H', 7) + text('std_msgs/msg/String') + text('ros2msg') + text('string data')
    )
    channel = struct.pack('<HH', 3, 7) + text('/text') + text(encoding) + struct.pack('<I', 0)
    return record(SCHEMA, schema) + record(CHANNEL, channel)


def message(log_ns: int, data: bytes, channel: int = 3) -> bytes:
    return record(MESSAGE, struct.pack('<HIQQ', channel, 0, log_ns, log_ns) + data)


def chunk(content: bytes, compression: str, *, crc: int | None = None) -> bytes:
    packed = COMPRESSORS[compression](content)
    crc = zlib.crc32(content) if crc is None else crc
    body = struct.pack('<QQQI', 0, 0, len(content), crc) + text(compression)
    return record(CHUNK, body + struct.pack('<Q', len(packed)) + packed)


TAIL = record(DATA_END, bytes(4)) + record(FOOTER, bytes(20)) + MAGIC


def read(path: Path) -> tuple[list[Message], list[str]]:
    with BagReader(path) as bag:
        messages = list(bag.messages())
        return messages, [d.describe(bag.start_ns) for d in bag.damage]


@pytest.fixture
def texts(recordings: Any) -> list[Message]:
    return [m._replace(topic='/text') for m in recordings.content(30, 3000)]


def test_messages_without_chunks_are_put_in_order(tmp_path: Path, texts: list[Message]) -> None:
    shuffled = texts[10:] + texts[:10]
    file = tmp_path / 'a.mcap'
    file.write_bytes(
        head() + described() + b''.join(message(m.log_ns, m.data) for m in shuffled) + TAIL
    )
    assert read(file) == (texts, [])
    file.write_bytes(file.read_bytes()[:-2000])
    messages, damage = read(file)
    assert messages == texts[:9] + texts[10:]
    assert 'it is cut at byte' in damage[0]


@pytest.mark.parametrize('compression', list(COMPRESSORS))
def test_chunks_without_index_are_read(
    tmp_path: Path, texts: list[Message], compression: str
) -> None:
    parts = [described()] + [message(m.log_ns, m.data) for m in texts]
    data = head()
    for start in range(0, len(parts), 8):
        data += chunk(b''.join(parts[start : start + 8]), compression)
    file = tmp_path / 'a.mcap'
    file.write_bytes(data + TAIL)
    assert read(file) == (texts, [])
    file.write_bytes(data)
    messages, damage = read(file)
    assert messages == texts
    assert len(damage) == 1


@pytest.mark.parametrize('compression', list(COMPRESSORS))
def test_a_wrong_checksum_ends_the_recording_before_the_chunk(
    tmp_path: Path, texts: list[Message], compression: str
) -> None:
    good = chunk(described() + message(texts[0].log_ns, texts[0].data), compression)
    bad = chunk(message(texts[1].log_ns, texts[1].data), compression, crc=1)
    file = tmp_path / 'a.mcap'
    file.write_bytes(head() + good + bad + TAIL)
    messages, damage = read(file)
    assert messages == texts[:1]
    assert 'the checksum of the chunk' in damage[0]


def test_a_file_under_no_profile_is_not_damaged(tmp_path: Path, texts: list[Message]) -> None:
    file = tmp_path / 'a.mcap'
    content = described() + b''.join(message(m.log_ns, m.data) for m in texts)
    file.write_bytes(head(profile='') + chunk(content, 'zstd') + TAIL)
    assert read(file) == (texts, [])


def test_channels_of_other_encodings_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / 'a.mcap'
    file.write_bytes(head() + described('json') + message(1, b'{}') + message(2, b'', 99) + TAIL)
    assert read(file) == ([], [])


@pytest.mark.parametrize('compression', list(COMPRESSORS))
def test_what_is_salvaged_is_a_prefix(compression: str) -> None:
    content = b''.join(struct.pack('<Q', i * i) for i in range(40_000))
    packed = COMPRESSORS[compression](content)
    sizes = []
    for share in (0.0, 0.1, 0.5, 0.9, 1.0):
        part = salvage(packed[: int(share * len(packed))], compression, len(content))
        assert content.startswith(part)
        sizes.append(len(part))
    assert sizes == sorted(sizes)
    assert sizes[0] == 0
    assert 0 < sizes[2] < len(content)
    assert sizes[-1] == len(content)
    assert len(salvage(packed, compression, 100)) == 100
    assert salvage(b'no such thing', 'brotli', 100) == b''
