"""Writing of XCDR1 little-endian buffers: a sequential part, and scattering of records.

Sources as in `reading`. Padding bytes are zero, so equal values give equal bytes.
"""

from __future__ import annotations

import struct
import threading
from typing import Any

import numpy as np

from prediction_node.cdr.reading import HEADER_SIZE
from prediction_node.cdr.records import Record
from prediction_node.domain.errors import MessageError
from prediction_node.domain.stamps import to_sec_nanosec

_ENCAPSULATION = b'\x00\x01\x00\x00'
_ZEROS = bytes(8)
_U32 = struct.Struct('<I')
_STAMP = struct.Struct('<iI')
_KEPT_SIZE = 32 << 20


def sec_nanosec(stamp_ns: int, field: str) -> tuple[int, int]:
    """The two fields of a Time or Duration; MessageError if the seconds do not fit 32 bits."""
    sec, nanosec = to_sec_nanosec(stamp_ns)
    if not -(2**31) <= sec < 2**31:
        raise MessageError(f'{field} must fit 32-bit seconds, got {sec} s')
    return sec, nanosec


class Strip:
    """The payload of a message, written from front to back."""

    __slots__ = ('_parts', 'size')

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def raw(self, data: bytes) -> None:
        self._parts.append(data)
        self.size += len(data)

    def align(self, alignment: int) -> None:
        padding = -self.size % alignment
        if padding:
            self.raw(_ZEROS[:padding])

    def u32(self, value: int) -> None:
        self.align(4)
        self.raw(_U32.pack(value))

    def stamp(self, stamp_ns: int, field: str) -> None:
        self.align(4)
        self.raw(_STAMP.pack(*sec_nanosec(stamp_ns, field)))

    def text(self, value: str, field: str) -> None:
        if '\0' in value:
            raise MessageError(f'{field} must not hold a zero character, got {value[:80]!r}')
        try:
            encoded = value.encode('utf-8')
        except UnicodeEncodeError as error:
            raise MessageError(f'{field} is not valid text: {error.reason}') from error
        self.align(4)
        self.raw(_U32.pack(len(encoded) + 1))
        self.raw(encoded)
        self.raw(b'\0')

    def payload(self) -> bytes:
        return b''.join(self._parts)

    def message(self) -> bytes:
        return b''.join([_ENCAPSULATION, *self._parts])


class Scratch(threading.local):
    """Memory that outlives the message built in it, one piece per purpose and thread.

    A cycle's message is built in megabytes that were just given back to the system, and touching
    fresh pages costs several times as much as writing them: 2 ms of 2.4 ms for 1.8 MB.
    """

    def __init__(self) -> None:
        self._kept: dict[str, np.ndarray] = {}

    def take(self, purpose: str, size: int) -> np.ndarray:
        """(size,) uint8 of any content, valid until the same thread takes it again."""
        kept = self._kept.get(purpose)
        if kept is None or len(kept) < size:
            if size > _KEPT_SIZE:
                return np.empty(size, np.uint8)
            kept = self._kept[purpose] = np.empty(size + size // 4, np.uint8)
        return kept[:size]


SCRATCH = Scratch()


class Sheet:
    """The zeroed payload of a message of known size, filled by scattering records.

    A thread may fill one at a time.
    """

    __slots__ = ('_memory', 'payload')

    def __init__(self, head: Strip, size: int) -> None:
        # Four bytes ahead of the encapsulation header put the payload on a multiple of 8.
        self._memory = SCRATCH.take('sheet', 2 * HEADER_SIZE + size)
        self._memory.fill(0)
        self._memory[HEADER_SIZE : 2 * HEADER_SIZE] = np.frombuffer(_ENCAPSULATION, np.uint8)
        self.payload = self._memory[2 * HEADER_SIZE :]
        self.payload[: head.size] = np.frombuffer(head.payload(), np.uint8)

    def scatter(self, offsets: np.ndarray, rows: np.ndarray, record: Record) -> None:
        """Put (N,) little-endian records to (N,) byte offsets."""
        if len(offsets) == 0:
            return
        view: np.ndarray = np.ndarray(
            (len(self.payload) - record.size + 1,), record.void, self.payload, strides=(1,)
        )
        view[offsets] = rows.view(record.void)

    def message(self) -> bytes:
        return self._memory[HEADER_SIZE:].tobytes()


def column(values: Any, shape: tuple[int, ...], kind: np.dtype[Any], field: str) -> np.ndarray:
    """`values` as an array of the given shape whose type casts to `kind`; else MessageError."""
    array = np.asarray(values)
    if array.shape != shape:
        raise MessageError(f'{field} must have shape {shape}, got {array.shape}')
    if array.dtype != kind and not np.can_cast(array.dtype, kind, 'same_kind'):
        raise MessageError(f'{field} must have type {kind.name}, got {array.dtype.name}')
    return array


def rows_of(record: Record, arrays: Any, count: int, message: str) -> np.ndarray:
    """(count,) little-endian records filled from the attributes of `arrays` of the same names."""
    rows = np.zeros(count, record.little)
    for name in record.names:
        rows[name] = column(
            getattr(arrays, name),
            (count, *record.shape(name)),
            record.base(name),
            f'{message}.{name}',
        )
    return rows


def counts_of(offsets: Any, groups: int, total: int, field: str) -> np.ndarray:
    """(groups,) row counts from (groups + 1,) row offsets into `total` rows; else MessageError."""
    array = column(offsets, (groups + 1,), np.dtype(np.int64), field)
    counts: np.ndarray = np.diff(array)
    if array[0] != 0 or array[-1] != total or np.any(counts < 0):
        raise MessageError(
            f'{field} must rise from 0 to {total}, got {array[0]} to {array[-1]}'
            + (', falling in between' if np.any(counts < 0) else '')
        )
    return counts
