"""Read the boost binary archive in which Lanelet2 stores maps (.bin) and Autoware sends them
(LaneletMapBin).

Lanelet2's own loader creates every regulatory element through a factory and gives up the whole
map on the first kind it does not know, as all of Autoware's are; and it trusts every count in the
bytes. An archive holds the rules as plain data (id, attributes, members by role), so this reader
walks the same layout itself: every kind survives, and every count is checked against the bytes
that are left.

Layout (boost::archive::binary_oarchive on a little-endian 64-bit machine,
lanelet2_io/io_handlers/Serialize.h): a signature with the library version; then the layers point,
line string, polygon, area, lanelet, rule, each a uint64 count and its objects. The first object
of each class is preceded by its class information (tracking byte, uint32 version). A shared
pointer is an int16 class id, for the first of its class the class information, and a uint32
object id: the first use of an object id is followed by the data, later ones stand alone. Lanelet2
before and after its change to boost's map serialisation differ by a uint32 after the count of
every attribute map; both are read. An int64 may end the archive: the
writer's id counter, which Autoware and newer Lanelet2 append.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from typing import Any, NoReturn

import numpy as np

from prediction_node.domain.errors import MapError
from prediction_node.lanelet.elements import (
    AreaElement,
    Directed,
    Elements,
    LaneletElement,
    Member,
    Points,
    RuleElement,
    Tags,
    Way,
)
from prediction_node.lanelet.parameters import MapLimits

_SIGNATURE = b'serialization::archive'
_OLDEST_LIBRARY, _NEWEST_LIBRARY = 10, 32
_SIZES = bytes((4, 8, 4, 8))  # of int, long, float and double where the archive was written
_LONGEST_TEXT = 1 << 16
_POINT_REFERENCE = np.dtype([('class_id', '<i2'), ('object_id', '<u4')])
_VARIANTS = ('point', 'way', 'polygon', 'lanelet', 'area')

_Steps = Generator[Any, Any, Any]


class ArchiveError(Exception):
    """The bytes at `offset` are not what the layout promises."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def read_archive(data: bytes | memoryview, source: str, limits: MapLimits) -> Elements:
    """The elements of an archive. Raises MapError naming the source, the byte and the element."""
    if not len(data):
        raise MapError(f'{source}: the map is empty')
    if len(data) > limits.max_bytes:
        raise MapError(f'{source}: {len(data)} bytes are over the limit of {limits.max_bytes}')
    data = bytes(data)
    try:
        return _Reader(data, source, limits, item_versions=True).read()
    except ArchiveError as newer:
        try:
            return _Reader(data, source, limits, item_versions=False).read()
        except ArchiveError as older:
            error = max(newer, older, key=lambda e: e.offset)  # the layout that got further
            raise MapError(f'{source}, byte {error.offset}: {error}') from None


class _Reader:
    """One pass over the bytes; `_at` is the next unread one."""

    def __init__(self, data: bytes, source: str, limits: MapLimits, *, item_versions: bool) -> None:
        self._data = data
        self._source = source
        self._limits = limits
        self._item_versions = item_versions
        self._at = 0
        self._classes: set[str] = set()  # whose class information was read
        self._members_tracked = False
        self._class_ids: dict[str, int] = {}  # of classes behind pointers
        self._objects: dict[int, tuple[str, int]] = {}  # object id -> class, key
        self._row_of: dict[int, int] = {}  # object id -> row, points only
        self._doing = 'the header'  # for messages
        self._point_ids: list[int] = []
        self._xyz: list[tuple[float, float, float]] = []
        self._local: list[tuple[float, float]] = []
        self._ways: dict[int, Way] = {}
        self._lanelets: dict[int, LaneletElement] = {}
        self._areas: dict[int, AreaElement] = {}
        self._rules: dict[int, RuleElement] = {}
        self._faults: list[str] = []
        self._warnings: list[str] = []

    def read(self) -> Elements:
        try:
            self._header()
            self._layers()
        except struct.error:
            self._fail(f'the archive ends within {self._doing}')
        trailing = len(self._data) - self._at
        if trailing not in (0, 8):  # 8: the writer's id counter
            self._fail(f'{trailing} unexpected bytes after the map')
        n = len(self._point_ids)
        xyz = np.array(self._xyz, dtype=float).reshape(n, 3)
        if not np.isfinite(xyz).all():
            row = int(np.flatnonzero(~np.isfinite(xyz).all(axis=1))[0])
            raise MapError(f'{self._source}: point {self._point_ids[row]} has no finite position')
        points = Points(
            id=np.array(self._point_ids, dtype=np.int64),
            latitude_deg=np.full(n, np.nan),
            longitude_deg=np.full(n, np.nan),
            elevation_m=xyz[:, 2].copy(),
            local_m=np.array(self._local, dtype=float).reshape(n, 2),
            xyz_m=xyz,
        )
        return Elements(
            source=self._source,
            points=points,
            ways=self._ways,
            lanelets=self._lanelets,
            areas=self._areas,
            rules=self._rules,
            aligned=True,
            faults=self._faults,
            warnings=self._warnings,
        )

    # Layers

    def _header(self) -> None:
        length = self._u64()
        if length != len(_SIGNATURE) or self._data[8:30] != _SIGNATURE:
            self._fail('not a boost archive', 0)
        self._at = 30
        (library,) = self._take('<H')
        if not _OLDEST_LIBRARY <= library <= _NEWEST_LIBRARY:
            self._fail(
                f'boost archive version {library} is not between {_OLDEST_LIBRARY} and '
                f'{_NEWEST_LIBRARY}'
            )
        sizes = self._data[self._at : self._at + 4]
        self._at += 4
        (one,) = self._take('<i')
        if sizes != _SIZES or one != 1:
            self._fail('the archive was written on a machine of another word size or byte order')

    def _layers(self) -> None:
        self._class('LaneletMap')
        self._doing = 'the points'
        count = self._count(12, self._limits.max_points)
        for _ in range(count):
            self._point()
        self._doing = 'the line strings'
        for _ in range(self._count(7)):
            self._line()
        self._doing = 'the polygons'
        for _ in range(self._count(7)):
            self._line(polygon=True)
        self._doing = 'the areas'
        for _ in range(self._count(6)):
            _run(self._area())
        self._doing = 'the lanelets'
        for _ in range(self._count(7)):
            _run(self._lanelet())
        self._doing = 'the regulatory elements'
        for _ in range(self._count(8)):
            _run(self._rule())

    # Primitives

    def _fail(self, message: str, offset: int | None = None) -> NoReturn:
        raise ArchiveError(message, self._at if offset is None else offset)

    def _take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(layout, self._data, self._at)
        self._at += struct.calcsize(layout)
        return values

    def _u64(self) -> int:
        (value,) = struct.unpack_from('<Q', self._data, self._at)
        self._at += 8
        return int(value)

    def _i64(self) -> int:
        (value,) = struct.unpack_from('<q', self._data, self._at)
        self._at += 8
        return int(value)

    def _flag(self) -> bool:
        (value,) = self._take('<B')
        if value > 1:
            self._fail(f'a flag of {self._doing} is {value}', self._at - 1)
        return bool(value)

    def _text(self) -> str:
        (length,) = struct.unpack_from('<Q', self._data, self._at)
        start = self._at + 8
        end = start + length
        if length > _LONGEST_TEXT or end > len(self._data):
            self._fail(f'a text of {self._doing} claims {length} bytes')
        self._at = end
        try:
            return self._data[start:end].decode()
        except UnicodeDecodeError:
            self._fail(f'a text of {self._doing} is not UTF-8', start)

    def _count(self, least_bytes: int, most: int | None = None) -> int:
        """A count of objects that take at least so many bytes each."""
        count = self._u64()
        most = self._limits.max_elements if most is None else most
        if count > most:
            self._fail(f'{self._doing} are {count}, over the limit of {most}', self._at - 8)
        if count * least_bytes > len(self._data) - self._at + 64:
            self._fail(
                f'{self._doing} claim to be {count}, more than the bytes can hold', self._at - 8
            )
        return count

    def _class(self, name: str) -> None:
        """Class information precedes the first object of each class."""
        if name not in self._classes:
            tracking, _ = self._take('<BI')
            if tracking > (name == 'member'):
                self._fail(f'class information of {name} expected', self._at - 5)
            if tracking:
                self._members_tracked = True
            self._classes.add(name)

    def _pointer(self, name: str) -> tuple[int, bool]:
        """The object id behind a shared pointer, and whether its data follow."""
        self._class(f'pointer to {name}')
        (class_id,) = self._take('<h')
        known = self._class_ids.get(name)
        if known is None:
            tracking, _ = self._take('<BI')
            if tracking != 1 or class_id < 0 or class_id in self._class_ids.values():
                self._fail(f'a pointer to {name} expected within {self._doing}')
            self._class_ids[name] = class_id
        elif class_id != known:
            self._fail(f'a pointer to {name} expected within {self._doing}', self._at - 2)
        (object_id,) = self._take('<I')
        held = self._objects.get(object_id)
        if held is None:
            return object_id, True
        if held[0] != name:
            self._fail(f'{held[0]} where {name} belongs, within {self._doing}', self._at - 4)
        return object_id, False

    def _map_count(self) -> int:
        count = self._u64()
        if self._item_versions:
            self._at += 4
        if count > self._limits.max_tags:
            self._fail(
                f'{count} attributes on {self._doing}, over the limit of {self._limits.max_tags}'
            )
        return count

    def _tags(self) -> Tags:
        self._class('attributes')
        tags: Tags = {}
        for _ in range(self._map_count()):
            self._class('named attribute')
            key = self._text()
            self._class('attribute')
            tags[key] = self._text()
        return tags

    def _vector_count(self, name: str, least_bytes: int, most: int | None = None) -> int:
        self._class(name)
        count = self._count(least_bytes, most)
        self._at += 4  # item version
        return count

    # Points and lines

    def _point(self) -> int:
        """Row of the point that stands here."""
        self._class('point')
        object_id, fresh = self._pointer('point data')
        if not fresh:
            return self._row_of[object_id]
        row = len(self._point_ids)
        if row >= self._limits.max_points:
            self._fail(f'more than {self._limits.max_points} points')
        id_ = self._i64()
        self._doing = f'point {id_}'
        tags = self._tags()
        x, y, z = struct.unpack_from('<ddd', self._data, self._at)
        self._at += 24
        self._objects[object_id] = ('point data', id_)
        self._row_of[object_id] = row
        self._point_ids.append(id_)
        self._xyz.append((x, y, z))
        self._local.append((self._metres(tags, 'local_x'), self._metres(tags, 'local_y')))
        return row

    def _metres(self, tags: Tags, key: str) -> float:
        text = tags.get(key)
        if not text:
            return np.nan
        try:
            value = float(text)
        except ValueError:
            value = np.inf
        if not np.isfinite(value):
            self._fail(f'{key} of {self._doing} is not a number: {text[:40]!r}')
        return value

    def _line(self, *, polygon: bool = False) -> Directed:
        self._class('polygon' if polygon else 'line string')
        inverted = self._flag()
        object_id, fresh = self._pointer('line string data')
        if not fresh:
            way = self._ways[self._objects[object_id][1]]
            way.polygon |= polygon
            return Directed(way.id, inverted)
        id_ = self._i64()
        self._doing = f'line string {id_}'
        if id_ in self._ways:
            self._fail(f'line string {id_} occurs twice')
        self._objects[object_id] = ('line string data', id_)
        tags = self._tags()
        rows = self._point_rows()
        if not len(rows):
            self._faults.append(f'line string {id_} has no points')
        self._ways[id_] = Way(id_, rows, tags, polygon)
        return Directed(id_, inverted)

    def _point_rows(self) -> np.ndarray:
        count = self._vector_count('points', 6, self._limits.max_parts)
        end = self._at + count * _POINT_REFERENCE.itemsize
        if {'point', 'pointer to point data'} <= self._classes and end <= len(self._data):
            # Usually their layer has told all points: then this is a plain table of references.
            references = np.frombuffer(self._data, _POINT_REFERENCE, count, self._at)
            rows = [self._row_of.get(i, -1) for i in references['object_id'].tolist()]
            if (
                -1 not in rows
                and (references['class_id'] == self._class_ids.get('point data', -1)).all()
            ):
                self._at = end
                return np.array(rows, dtype=np.int64)
        return np.array([self._point() for _ in range(count)], dtype=np.int64)

    # Lanelets, areas and rules refer to each other without end, so they are steps for `_run`, not
    # recursion

    def _lanelet(self) -> _Steps:
        self._class('lanelet')
        inverted = self._flag()
        object_id, fresh = self._pointer('lanelet data')
        if not fresh:
            return Member('lanelet', self._objects[object_id][1])
        id_ = self._i64()
        self._objects[object_id] = ('lanelet data', id_)
        self._doing = f'lanelet {id_}'
        tags = self._tags()
        left, right = self._line(), self._line()
        if inverted:
            left, right = (
                Directed(right.way, not right.inverted),
                Directed(left.way, not left.inverted),
            )
        rules = yield self._rule_list()
        self._doing = f'lanelet {id_}'
        centreline = self._line() if self._flag() else None
        if id_ in self._lanelets:
            self._fail(f'lanelet {id_} occurs twice')
        self._lanelets[id_] = LaneletElement(id_, tags, left, right, centreline, rules)
        return Member('lanelet', id_)

    def _area(self) -> _Steps:
        self._class('area')
        object_id, fresh = self._pointer('area data')
        if not fresh:
            return Member('area', self._objects[object_id][1])
        id_ = self._i64()
        self._objects[object_id] = ('area data', id_)
        self._doing = f'area {id_}'
        tags = self._tags()
        for _ in range(self._vector_count('rings', 12)):
            self._ring()
        outer = self._ring()
        rules = yield self._rule_list()
        self._areas[id_] = AreaElement(id_, tags, outer, rules)
        return Member('area', id_)

    def _ring(self) -> tuple[Directed, ...]:
        return tuple(
            self._line() for _ in range(self._vector_count('ring', 7, self._limits.max_parts))
        )

    def _rule_list(self) -> _Steps:
        rules = []
        for _ in range(self._count(8, self._limits.max_parts)):
            rules.append((yield self._rule()))
        return tuple(rules)

    def _rule(self) -> _Steps:
        self._class('regulatory element')
        id_ = self._i64()
        if id_ in self._rules:
            return id_  # written in full once, by its id alone afterwards
        self._doing = f'regulatory element {id_}'
        object_id, fresh = self._pointer('regulatory element data')
        if not fresh:
            self._fail(f'regulatory element {id_} shares the data of another')
        self._objects[object_id] = ('regulatory element data', id_)
        own_id = self._i64()
        if own_id != id_:
            self._fail(f'regulatory element {id_} holds the data of {own_id}', self._at - 8)
        rule = RuleElement(id_, self._tags())
        self._rules[id_] = rule
        name = f'regulatory element {id_} ({rule.kind or "no subtype"})'
        self._doing = name
        if not rule.kind:
            self._warnings.append(f'regulatory element {id_} has no subtype')
        self._class('members')
        for _ in range(self._map_count()):
            self._class('named members')
            role = self._text()
            members = rule.members.setdefault(role, [])
            for _ in range(self._vector_count('member list', 4, self._limits.max_parts)):
                self._doing = name
                members.append((yield self._member()))
            self._doing = name
        return id_

    def _member(self) -> _Steps:
        self._class('member')
        if self._members_tracked:  # boost tracks every variant: an object id precedes it
            self._at += 4
        (which,) = self._take('<i')
        if not 0 <= which < len(_VARIANTS):
            self._fail(f'a member of {self._doing} is of unknown class {which}', self._at - 4)
        kind = _VARIANTS[which]
        if kind == 'point':
            return Member('point', self._point_ids[self._point()])
        if kind in ('way', 'polygon'):
            return Member('way', self._line(polygon=kind == 'polygon').way)
        self._class(f'weak {kind}')
        return (yield self._lanelet() if kind == 'lanelet' else self._area())


def _run(steps: _Steps) -> Any:
    """Run generators that yield the generators they wait for: recursion without the interpreter's
    stack.
    """
    waiting = [steps]
    result: Any = None
    while waiting:
        try:
            waiting.append(waiting[-1].send(result))
            result = None
        except StopIteration as done:
            waiting.pop()
            result = done.value
    return result
