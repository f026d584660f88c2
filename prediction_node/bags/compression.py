"""Chunk compression of MCAP files: whole, or as much of a damaged chunk as still decodes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import lz4.frame  # type: ignore[import-untyped]

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# One step of the salvage: small enough that a flaw costs little, large enough to be quick.
SALVAGE_STEP_BYTES = 4096


def compress_zstd(data: bytes | bytearray, level: int) -> bytes:
    """One zstd frame. The same data and level give the same bytes with the same library."""
    compressed: bytes = zstd.compress(data, level)
    return compressed


def decompress_zstd(data: bytes) -> bytes:
    """The content of a whole zstd frame. Raises an error of the library if it is flawed."""
    content: bytes = zstd.decompress(data)
    return content


def copy_unpacked(packed: Path, unpacked: Path) -> None:
    """Unpack a zstd file. What decodes before a flaw is written before the flaw is raised."""
    decoder = zstd.ZstdDecompressor()
    with packed.open('rb') as source, unpacked.open('wb') as target:
        while part := source.read(1 << 20):
            target.write(decoder.decompress(part))
        if not decoder.eof:
            raise ValueError(f'{packed.name} is cut')


def salvage(data: bytes, compression: str, limit_bytes: int) -> bytes:
    """What still decodes of `data`, from its start, at most `limit_bytes`.

    `compression` is '', 'zstd' or 'lz4', as MCAP names them; of any other nothing decodes.
    """
    if compression == '':
        return data[:limit_bytes]
    decoder: Any
    if compression == 'zstd':
        decoder = zstd.ZstdDecompressor()
    elif compression == 'lz4':
        decoder = lz4.frame.LZ4FrameDecompressor()
    else:
        return b''
    parts: list[bytes] = []
    size = 0
    for start in range(0, len(data), SALVAGE_STEP_BYTES):
        if decoder.eof or size >= limit_bytes:
            break
        try:
            part = decoder.decompress(data[start : start + SALVAGE_STEP_BYTES])
        except Exception:  # each library has its own; all mean: no further
            break
        parts.append(part)
        size += len(part)
    return b''.join(parts)[:limit_bytes]
