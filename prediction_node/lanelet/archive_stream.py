"""What any boost binary archive is made of: header, numbers, texts, class information, pointers.

Layout (boost::archive::binary_oarchive, little-endian, 64 bit): a signature with the library
version; before the first object of each class its class information (tracking byte, uint32
version). A shared pointer is an int16 class id, for the first of its class the class information,
and a uint32 object id: the first use of an object id is followed by the data, later ones stand
alone. Every count is checked against the bytes that are left before anything is made of it.
"""

from __future__ import annotations

import struct
from typing import Any, NoReturn

from prediction_node.lanelet.parameters import MapLimits

_SIGNATURE = b'serialization::archive'
_OLDEST_LIBRARY, _NEWEST_LIBRARY = 10, 32
_SIZES = bytes((4, 8, 4, 8))  # of int, long, float and double where the archive was written
_LONGEST_TEXT = 1 << 16


class ArchiveError(Exception):
    """The bytes at `offset` are not what the layout promises."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class ArchiveStream:
    """One pass over the bytes; `at` is the next unread one, `doing` what they are part of."""

    def __init__(self, data: bytes, limits: MapLimits) -> None:
        self.data = data
        self.at = 0
        self.doing = 'the header'  # for messages
        self._limits = limits
        self._classes: set[str] = set()  # whose class information was read
        self._tracked: set[str] = set()  # classes whose objects carry an object id
        self._class_ids: dict[str, int] = {}  # of classes behind pointers
        self.objects: dict[int, tuple[str, int]] = {}  # object id -> class, key

    def header(self) -> None:
        length = self.u64()
        if length != len(_SIGNATURE) or self.data[8:30] != _SIGNATURE:
            self.fail('not a boost archive', 0)
        self.at = 30
        (library,) = self.take('<H')
        if not _OLDEST_LIBRARY <= library <= _NEWEST_LIBRARY:
            self.fail(
                f'boost archive version {library} is not between {_OLDEST_LIBRARY} and '
                f'{_NEWEST_LIBRARY}'
            )
        sizes = self.data[self.at : self.at + 4]
        self.at += 4
        (one,) = self.take('<i')
        if sizes != _SIZES or one != 1:
            self.fail('the archive was written on a machine of another word size or byte order')

    def fail(self, message: str, offset: int | None = None) -> NoReturn:
        raise ArchiveError(message, self.at if offset is None else offset)

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(layout, self.data, self.at)
        self.at += struct.calcsize(layout)
        return values

    def u64(self) -> int:
        (value,) = struct.unpack_from('<Q', self.data, self.at)
        self.at += 8
        return int(value)

    def i64(self) -> int:
        (value,) = struct.unpack_from('<q', self.data, self.at)
        self.at += 8
        return int(value)

    def flag(self) -> bool:
        (value,) = self.take('<B')
        if value > 1:
            self.fail(f'a flag of {self.doing} is {value}', self.at - 1)
        return bool(value)

    def text(self) -> str:
        (length,) = struct.unpack_from('<Q', self.data, self.at)
        start = self.at + 8
        end = start + length
        if length > _LONGEST_TEXT or end > len(self.data):
            self.fail(f'a text of {self.doing} claims {length} bytes')
        self.at = end
        try:
            return self.data[start:end].decode()
        except UnicodeDecodeError:
            self.fail(f'a text of {self.doing} is not UTF-8', start)

    def count(self, least_bytes: int, most: int | None = None) -> int:
        """A count of objects that take at least so many bytes each."""
        count = self.u64()
        most = self._limits.max_elements if most is None else most
        if count > most:
            self.fail(f'{self.doing} are {count}, over the limit of {most}', self.at - 8)
        if count * least_bytes > len(self.data) - self.at + 64:
            self.fail(
                f'{self.doing} claim to be {count}, more than the bytes can hold', self.at - 8
            )
        return count

    def expect_class(self, name: str) -> None:
        """Class information precedes the first object of each class."""
        if name not in self._classes:
            tracking, _ = self.take('<BI')
            if tracking:
                self.fail(f'class information of {name} expected', self.at - 5)
            self._classes.add(name)

    def expect_tracked_class(self, name: str) -> None:
        """The same for classes that may be tracked: then an object id precedes every object."""
        if name not in self._classes:
            tracking, _ = self.take('<BI')
            if tracking > 1:
                self.fail(f'class information of {name} expected', self.at - 5)
            if tracking:
                self._tracked.add(name)
            self._classes.add(name)
        if name in self._tracked:
            self.at += 4

    def knows(self, name: str) -> bool:
        """Whether an object of this class was met."""
        return name in self._classes

    def class_id(self, name: str) -> int:
        """The id of a class behind pointers; -1 where none was met."""
        return self._class_ids.get(name, -1)

    def pointer(self, name: str) -> tuple[int, bool]:
        """The object id behind a shared pointer, and whether its data follow."""
        self.expect_class(f'pointer to {name}')
        (class_id,) = self.take('<h')
        known = self._class_ids.get(name)
        if known is None:
            tracking, _ = self.take('<BI')
            if tracking != 1 or class_id < 0 or class_id in self._class_ids.values():
                self.fail(f'a pointer to {name} expected within {self.doing}')
            self._class_ids[name] = class_id
        elif class_id != known:
            self.fail(f'a pointer to {name} expected within {self.doing}', self.at - 2)
        (object_id,) = self.take('<I')
        held = self.objects.get(object_id)
        if held is None:
            return object_id, True
        if held[0] != name:
            self.fail(f'{held[0]} where {name} belongs, within {self.doing}', self.at - 4)
        return object_id, False

    def vector_count(self, name: str, least_bytes: int, most: int | None = None) -> int:
        self.expect_class(name)
        count = self.count(least_bytes, most)
        self.at += 4  # item version
        return count
