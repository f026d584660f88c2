"""Read the boost binary archive in which Lanelet2 stores maps (.bin) and Autoware sends them
(LaneletMapBin).

Lanelet2's own loader creates every regulatory element through a factory and gives up the whole
map on the first kind it does not know, as all of Autoware's are; and it trusts every count in the
bytes. An archive holds the rules as plain data (id, attributes, members by role), so this reader
walks the same layout itself: every kind survives, and every count is checked against the bytes
that are left.

Layout (lanelet2_io/io_handlers/Serialize.h): the layers point, line string, polygon, area,
lanelet, rule, each a count and its objects; what lies behind a pointer is told where it is first
met. Lanelet2 before and after its change to boost's own map serialisation differ by a uint32 after
the count of every attribute map; both are read. An int64 may end the archive: the writer's id
counter, which Autoware and newer Lanelet2 append.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from typing import Any

import numpy as np

from prediction_node.domain.errors import MapError
from prediction_node.lanelet.archive_stream import ArchiveError, ArchiveStream
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

_POINT_REFERENCE = np.dtype([('class_id', '<i2'), ('object_id', '<u4')])
_VARIANTS = ('point', 'way', 'polygon', 'lanelet', 'area')

_Steps = Generator[Any, Any, Any]


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
    """Lanelet2's layers out of one archive."""

    def __init__(self, data: bytes, source: str, limits: MapLimits, *, item_versions: bool) -> None:
        self._in = ArchiveStream(data, limits)
        self._source = source
        self._limits = limits
        self._item_versions = item_versions
        self._row_of: dict[int, int] = {}  # object id -> row, points only
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
            self._in.header()
            self._layers()
        except struct.error:
            self._in.fail(f'the archive ends within {self._in.doing}')
        trailing = len(self._in.data) - self._in.at
        if trailing not in (0, 8):  # 8: the writer's id counter
            self._in.fail(f'{trailing} unexpected bytes after the map')
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

    def _layers(self) -> None:
        self._in.expect_class('LaneletMap')
        self._in.doing = 'the points'
        count = self._in.count(12, self._limits.max_points)
        for _ in range(count):
            self._point()
        self._in.doing = 'the line strings'
        for _ in range(self._in.count(7)):
            self._line()
        self._in.doing = 'the polygons'
        for _ in range(self._in.count(7)):
            self._line(polygon=True)
        self._in.doing = 'the areas'
        for _ in range(self._in.count(6)):
            _run(self._area())
        self._in.doing = 'the lanelets'
        for _ in range(self._in.count(7)):
            _run(self._lanelet())
        self._in.doing = 'the regulatory elements'
        for _ in range(self._in.count(8)):
            _run(self._rule())

    def _map_count(self) -> int:
        count = self._in.u64()
        if self._item_versions:
            self._in.at += 4
        if count > self._limits.max_tags:
            self._in.fail(
                f'{count} attributes on {self._in.doing}, over the limit of {self._limits.max_tags}'
            )
        return count

    def _tags(self) -> Tags:
        self._in.expect_class('attributes')
        tags: Tags = {}
        for _ in range(self._map_count()):
            self._in.expect_class('named attribute')
            key = self._in.text()
            self._in.expect_class('attribute')
            tags[key] = self._in.text()
        return tags

    # Points and lines

    def _point(self) -> int:
        """Row of the point that stands here."""
        self._in.expect_class('point')
        object_id, fresh = self._in.pointer('point data')
        if not fresh:
            return self._row_of[object_id]
        row = len(self._point_ids)
        if row >= self._limits.max_points:
            self._in.fail(f'more than {self._limits.max_points} points')
        id_ = self._in.i64()
        self._in.doing = f'point {id_}'
        tags = self._tags()
        x, y, z = self._in.take('<ddd')
        self._in.objects[object_id] = ('point data', id_)
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
            self._in.fail(f'{key} of {self._in.doing} is not a number: {text[:40]!r}')
        return value

    def _line(self, *, polygon: bool = False) -> Directed:
        self._in.expect_class('polygon' if polygon else 'line string')
        inverted = self._in.flag()
        object_id, fresh = self._in.pointer('line string data')
        if not fresh:
            way = self._ways[self._in.objects[object_id][1]]
            way.polygon |= polygon
            return Directed(way.id, inverted)
        id_ = self._in.i64()
        self._in.doing = f'line string {id_}'
        if id_ in self._ways:
            self._in.fail(f'line string {id_} occurs twice')
        self._in.objects[object_id] = ('line string data', id_)
        tags = self._tags()
        rows = self._point_rows()
        if not len(rows):
            self._faults.append(f'line string {id_} has no points')
        self._ways[id_] = Way(id_, rows, tags, polygon)
        return Directed(id_, inverted)

    def _point_rows(self) -> np.ndarray:
        count = self._in.vector_count('points', 6, self._limits.max_parts)
        end = self._in.at + count * _POINT_REFERENCE.itemsize
        if self._in.knows('pointer to point data') and end <= len(self._in.data):
            # Usually their layer has told all points: then this is a plain table of references.
            references = np.frombuffer(self._in.data, _POINT_REFERENCE, count, self._in.at)
            rows = [self._row_of.get(i, -1) for i in references['object_id'].tolist()]
            if -1 not in rows and (references['class_id'] == self._in.class_id('point data')).all():
                self._in.at = end
                return np.array(rows, dtype=np.int64)
        return np.array([self._point() for _ in range(count)], dtype=np.int64)

    # Lanelets, areas and rules refer to each other without end, so they are steps for `_run`, not
    # recursion

    def _lanelet(self) -> _Steps:
        self._in.expect_class('lanelet')
        inverted = self._in.flag()
        object_id, fresh = self._in.pointer('lanelet data')
        if not fresh:
            return Member('lanelet', self._in.objects[object_id][1])
        id_ = self._in.i64()
        self._in.objects[object_id] = ('lanelet data', id_)
        self._in.doing = f'lanelet {id_}'
        tags = self._tags()
        left, right = self._line(), self._line()
        if inverted:
            left, right = (
                Directed(right.way, not right.inverted),
                Directed(left.way, not left.inverted),
            )
        rules = yield self._rule_list()
        self._in.doing = f'lanelet {id_}'
        centreline = self._line() if self._in.flag() else None
        if id_ in self._lanelets:
            self._in.fail(f'lanelet {id_} occurs twice')
        self._lanelets[id_] = LaneletElement(id_, tags, left, right, centreline, rules)
        return Member('lanelet', id_)

    def _area(self) -> _Steps:
        self._in.expect_class('area')
        object_id, fresh = self._in.pointer('area data')
        if not fresh:
            return Member('area', self._in.objects[object_id][1])
        id_ = self._in.i64()
        self._in.objects[object_id] = ('area data', id_)
        self._in.doing = f'area {id_}'
        tags = self._tags()
        for _ in range(self._in.vector_count('rings', 12)):
            self._ring()
        outer = self._ring()
        rules = yield self._rule_list()
        self._areas[id_] = AreaElement(id_, tags, outer, rules)
        return Member('area', id_)

    def _ring(self) -> tuple[Directed, ...]:
        return tuple(
            self._line() for _ in range(self._in.vector_count('ring', 7, self._limits.max_parts))
        )

    def _rule_list(self) -> _Steps:
        rules = []
        for _ in range(self._in.count(8, self._limits.max_parts)):
            rules.append((yield self._rule()))
        return tuple(rules)

    def _rule(self) -> _Steps:
        self._in.expect_class('regulatory element')
        id_ = self._in.i64()
        if id_ in self._rules:
            return id_  # written in full once, by its id alone afterwards
        self._in.doing = f'regulatory element {id_}'
        object_id, fresh = self._in.pointer('regulatory element data')
        if not fresh:
            self._in.fail(f'regulatory element {id_} shares the data of another')
        self._in.objects[object_id] = ('regulatory element data', id_)
        own_id = self._in.i64()
        if own_id != id_:
            self._in.fail(f'regulatory element {id_} holds the data of {own_id}', self._in.at - 8)
        rule = RuleElement(id_, self._tags())
        self._rules[id_] = rule
        name = f'regulatory element {id_} ({rule.kind or "no subtype"})'
        self._in.doing = name
        if not rule.kind:
            self._warnings.append(f'regulatory element {id_} has no subtype')
        self._in.expect_class('members')
        for _ in range(self._map_count()):
            self._in.expect_class('named members')
            role = self._in.text()
            members = rule.members.setdefault(role, [])
            for _ in range(self._in.vector_count('member list', 4, self._limits.max_parts)):
                self._in.doing = name
                members.append((yield self._member()))
            self._in.doing = name
        return id_

    def _member(self) -> _Steps:
        self._in.expect_tracked_class('member')  # newer boost tracks every variant
        (which,) = self._in.take('<i')
        if not 0 <= which < len(_VARIANTS):
            self._in.fail(
                f'a member of {self._in.doing} is of unknown class {which}', self._in.at - 4
            )
        kind = _VARIANTS[which]
        if kind == 'point':
            return Member('point', self._point_ids[self._point()])
        if kind in ('way', 'polygon'):
            return Member('way', self._line(polygon=kind == 'polygon').way)
        self._in.expect_class(f'weak {kind}')
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
