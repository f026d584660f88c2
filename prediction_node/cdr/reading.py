"""Bounds-checked reading of XCDR1 ("plain CDR") buffers.

Sources: OMG CORBA 3.x part 2, 9.3 (CDR alignment and strings) and DDSI-RTPS 2.x, 10.2 (the 4-byte
encapsulation header). Alignment counts from the first byte after that header.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from prediction_node.cdr.records import STAMP, Record
from prediction_node.domain.errors import MessageError
from prediction_node.domain.stamps import NS_PER_S, from_sec_nanosec

Buffer = bytes | bytearray | memoryview

HEADER_SIZE = 4
MAX_TRAILING_BYTES = 3  # transports round the size of a message up to a multiple of 4
DEFAULT_LIMIT = 100_000
_INTERNED_LENGTH = 256

_CDR_BE = 0x0000
_CDR_LE = 0x0001


@lru_cache(maxsize=8192)
def _interned(raw: bytes) -> str:
    return _decode(raw)


def _decode(raw: bytes) -> str:
    """Text of a CDR string with its terminator; ValueError if that is missing or not UTF-8."""
    if not raw:
        return ''  # some writers encode an empty string without a terminator
    if raw[-1] != 0:
        raise ValueError('string does not end with a zero byte')
    return str(memoryview(raw)[:-1], 'utf-8')


def aligned(offset: int, alignment: int) -> int:
    """The first multiple of `alignment` (a power of two) at or after `offset`."""
    return (offset + alignment - 1) & -alignment


def spans(starts: np.ndarray, counts: np.ndarray, size: int) -> np.ndarray:
    """Offsets of all rows when group i has counts[i] rows of `size` bytes from starts[i] on."""
    first_row = np.cumsum(counts) - counts
    row = np.arange(int(counts.sum())) - np.repeat(first_row, counts)
    spread: np.ndarray = np.repeat(starts, counts) + size * row
    return spread


def offsets_of(counts: np.ndarray) -> np.ndarray:
    """(N + 1,) int64 row offsets of groups with the given (N,) row counts."""
    out = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=out[1:])
    return out


class Cursor:
    """A position in the payload of one message, with checked reads.

    Field names in errors are templates: `{}` takes the indices, formatted only when an error is
    raised. Offsets are counted from the payload's first byte; errors name them from the buffer's.
    """

    __slots__ = ('big_endian', 'end', 'message', 'offset', 'payload', 'unpack_u32')

    def __init__(self, data: Buffer, message: str) -> None:
        self.message = message
        head = bytes(memoryview(data)[:HEADER_SIZE])
        if len(head) < HEADER_SIZE:
            raise MessageError(
                f'{message}: encapsulation header at byte 0 needs {HEADER_SIZE} bytes, '
                f'got {len(head)}'
            )
        kind = head[0] << 8 | head[1]
        if kind not in (_CDR_BE, _CDR_LE):
            raise MessageError(
                f'{message}: encapsulation kind 0x{kind:04x} at byte 0 is not supported, '
                f'must be 0x0000 (CDR, big endian) or 0x0001 (CDR, little endian)'
            )
        # One copy, at memory speed: doubles of the payload come to lie on multiples of 8, and bytes
        # slice into strings without another conversion.
        self.payload: bytes = bytes(memoryview(data)[HEADER_SIZE:])
        self.end = len(self.payload)
        self.offset = 0
        self.big_endian = kind == _CDR_BE
        self.unpack_u32: Callable[[bytes, int], tuple[int]] = struct.Struct(
            '>I' if self.big_endian else '<I'
        ).unpack_from

    def error(self, reason: str, offset: int, field: str, *index: int) -> MessageError:
        return MessageError(
            f'{self.message}: {field.format(*index)} at byte {offset + HEADER_SIZE}: {reason}'
        )

    def check(self, offset: int, size: int, field: str, *index: int) -> None:
        """Raise MessageError unless `size` bytes from `offset` on lie in the buffer."""
        if offset + size > self.end:
            remaining = max(self.end - offset, 0)
            raise self.error(f'needs {size} bytes, {remaining} remain', offset, field, *index)

    def u32_at(self, offset: int, field: str, *index: int) -> int:
        """An unsigned integer at an aligned offset."""
        self.check(offset, 4, field, *index)
        return self.unpack_u32(self.payload, offset)[0]

    def text_at(self, offset: int, field: str, *index: int) -> tuple[str, int]:
        """The string at or after `offset`, and the offset behind it."""
        start = (offset + 7) & -4
        if start > self.end:
            self.check(start - 4, 4, field, *index)
        length = self.unpack_u32(self.payload, start - 4)[0]
        stop = start + length
        if stop > self.end:
            self.check(start, length, field, *index)
        raw = self.payload[start:stop]
        try:
            return (_interned(raw) if length <= _INTERNED_LENGTH else _decode(raw)), stop
        except UnicodeDecodeError as error:
            raise self.error(
                f'string is not UTF-8 ({error.reason})', start, field, *index
            ) from error
        except ValueError as error:
            raise self.error(str(error), start, field, *index) from error

    def count_at(
        self, offset: int, smallest: int, limit: int | None, field: str, *index: int
    ) -> int:
        """The length of a sequence whose elements take at least `smallest` bytes each."""
        if offset + 4 > self.end:
            self.check(offset, 4, field, *index)
        count = self.unpack_u32(self.payload, offset)[0]
        if limit is not None and count > limit:
            raise self.error(f'count {count} is above the limit {limit}', offset, field, *index)
        remaining = self.end - offset - 4
        if count * smallest > remaining:
            raise self.error(
                f'count {count} needs at least {count * smallest} bytes, {remaining} remain',
                offset,
                field,
                *index,
            )
        return count

    def stamp(self, field: str) -> int:
        """A builtin_interfaces/Time in nanoseconds; moves the cursor."""
        start = aligned(self.offset, 4)
        self.check(start, 8, field)
        sec, nanosec = struct.unpack_from('>iI' if self.big_endian else '<iI', self.payload, start)
        self.offset = start + 8
        return from_sec_nanosec(sec, nanosec)

    def text(self, field: str) -> str:
        """A string; moves the cursor."""
        text, self.offset = self.text_at(self.offset, field)
        return text

    def count(self, smallest: int, limit: int | None, field: str) -> int:
        """A sequence's length; moves the cursor to where its first element may begin."""
        start = aligned(self.offset, 4)
        count = self.count_at(start, smallest, limit, field)
        self.offset = start + 4
        return count

    def row(self, record: Record, alignment: int, field: str) -> np.ndarray:
        """One record as a structured scalar array (); moves the cursor."""
        start = aligned(self.offset, alignment)
        self.check(start, record.size, field)
        self.offset = start + record.size
        row: np.ndarray = self.rows(record, np.array([start]))[0:1].reshape(())
        return row

    def rows(self, record: Record, offsets: np.ndarray) -> np.ndarray:
        """(N,) records at (N,) byte offsets, in native byte order, in memory of their own.

        The caller has checked that all of them end within the buffer.
        """
        if len(offsets) == 0:
            return np.zeros(0, record.native)
        view: np.ndarray = np.ndarray(
            (self.end - record.size + 1,), record.void, self.payload, strides=(1,)
        )
        wire = view[offsets].view(record.big if self.big_endian else record.little)
        native: np.ndarray = wire.astype(record.native, copy=False)
        return native

    def stamps(self, offsets: np.ndarray) -> np.ndarray:
        """(N,) int64 nanoseconds of the Time values at (N,) byte offsets."""
        rows = self.rows(STAMP, offsets)
        out: np.ndarray = rows['sec'].astype(np.int64) * NS_PER_S + rows['nanosec']
        return out

    def finish(self) -> None:
        """Raise MessageError if more than padding follows the last field."""
        left = self.end - self.offset
        if left > MAX_TRAILING_BYTES:
            raise self.error(
                f'{left} bytes follow, at most {MAX_TRAILING_BYTES} of padding may',
                self.offset,
                'end of message',
            )


def columns(rows: np.ndarray, record: Record) -> dict[str, Any]:
    """The fields of (N,) records by name, as (N, ...) arrays."""
    return {name: rows[name] for name in record.names}
