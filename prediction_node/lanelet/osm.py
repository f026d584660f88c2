"""Read Lanelet2's OSM XML with expat: bounded, without document types, entities or network
access.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TypeVar
from xml.parsers import expat

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
from prediction_node.lanelet.rings import outer_ring

_T = TypeVar('_T')
_CHUNK = 1 << 20


@dataclass(slots=True)
class _Relation:
    line: int
    tags: Tags
    members: list[tuple[str, str, int]]  # role, type, id

    def with_role(self, role: str) -> list[tuple[str, int]]:
        return [(kind, ref) for r, kind, ref in self.members if r == role]


@dataclass(slots=True)
class _Document:
    """The file's own words: nodes, ways and relations by id."""

    nodes: dict[int, tuple[float, float, Tags]] = field(default_factory=dict)
    ways: dict[int, tuple[int, list[int], Tags]] = field(default_factory=dict)
    relations: dict[int, _Relation] = field(default_factory=dict)


def read_osm(path: Path, limits: MapLimits) -> Elements:
    """The elements of an .osm file. Raises MapError naming file, line and element."""
    size = path.stat().st_size
    if size > limits.max_bytes:
        raise MapError(f'{path}: {size} bytes are over the limit of {limits.max_bytes}')
    document = _Document()
    scanner = _Scanner(path, limits, document)
    with path.open('rb') as stream:
        while chunk := stream.read(_CHUNK):
            scanner.feed(chunk)
    scanner.close()
    return _Linker(str(path), document).link()


class _Scanner:
    """Expat's events -> `_Document`."""

    def __init__(self, path: Path, limits: MapLimits, document: _Document) -> None:
        self._path = path
        self._limits = limits
        self._document = document
        self._bytes = 0
        self._rooted = False
        self._name = ''  # of the element that is being read
        self._id: int | None = None
        self._tags: Tags = {}
        self._refs: list[int] = []
        self._members: list[tuple[str, str, int]] = []  # role, type, id
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.EntityDeclHandler = self._refuse_doctype
        parser.ExternalEntityRefHandler = self._refuse_entity
        self._parser = parser

    def feed(self, chunk: bytes) -> None:
        self._bytes += len(chunk)  # the file may grow while it is read
        if self._bytes > self._limits.max_bytes:
            self._fail(f'over the limit of {self._limits.max_bytes} bytes')
        self._parse(chunk, False)

    def close(self) -> None:
        if not self._bytes:
            raise MapError(f'{self._path}: the file is empty')
        self._parse(b'', True)

    def _parse(self, chunk: bytes, final: bool) -> None:
        try:
            self._parser.Parse(chunk, final)
        except expat.ExpatError as error:
            during = f' in {self._open()}' if self._name else ''
            reason = expat.errors.messages.get(error.code, str(error.code))
            raise MapError(
                f'{self._path}, line {error.lineno}{during}: not well-formed XML ({reason})'
            ) from None

    def _fail(self, message: str) -> NoReturn:
        raise MapError(f'{self._path}, line {self._parser.CurrentLineNumber}: {message}')

    def _refuse_doctype(self, *_: object) -> NoReturn:
        self._fail('document types and entities are refused')

    def _refuse_entity(self, *_: object) -> int:
        self._fail('external entities are refused')

    def _start(self, name: str, values: dict[str, str]) -> None:
        # Most elements are tags, then nodes: this is where the time of a large map goes.
        if name == 'tag':
            tags = self._tags
            try:
                tags[values['k']] = values['v']
            except KeyError as missing:
                self._fail(f'a tag of {self._open()} lacks {missing}')
            if len(tags) > self._limits.max_tags:
                self._fail(f'{self._open()} has more than {self._limits.max_tags} tags')
        elif name == 'node':
            self._start_node(values)
        elif name == 'nd':
            self._bound_parts(len(self._refs))
            self._refs.append(self._integer(values, 'ref'))
        elif name == 'member':
            self._bound_parts(len(self._members))
            ref = self._integer(values, 'ref')
            self._members.append((values.get('role', ''), values.get('type', ''), ref))
        elif name == 'way':
            id_ = self._begin(name, values)
            way = (self._parser.CurrentLineNumber, self._refs, self._tags)
            self._add(self._document.ways, id_, way, values, self._limits.max_elements)
        elif name == 'relation':
            id_ = self._begin(name, values)
            relation = _Relation(self._parser.CurrentLineNumber, self._tags, self._members)
            self._add(self._document.relations, id_, relation, values, self._limits.max_elements)
        elif name == 'osm' and not self._rooted:
            self._rooted = True
        elif not self._rooted:
            self._fail(f'the root element is <{name}>, a Lanelet2 map has <osm>')
        else:  # something of an editor's: what stands in it belongs to no element
            self._name, self._id = name, None
            self._tags, self._refs, self._members = {}, [], []

    def _begin(self, name: str, values: dict[str, str]) -> int:
        if not self._rooted:
            self._fail(f'the root element is <{name}>, a Lanelet2 map has <osm>')
        self._name, self._id = name, None
        self._id = self._integer(values, 'id')
        self._tags, self._refs, self._members = {}, [], []
        return self._id

    def _start_node(self, values: dict[str, str]) -> None:
        id_ = self._begin('node', values)
        latitude = self._degrees(values, 'lat', 90.0)
        longitude = self._degrees(values, 'lon', 180.0)
        node = (latitude, longitude, self._tags)
        self._add(self._document.nodes, id_, node, values, self._limits.max_points)

    def _bound_parts(self, count: int) -> None:
        if count >= self._limits.max_parts:
            self._fail(f'{self._open()} has more than {self._limits.max_parts} parts')

    def _add(
        self, table: dict[int, _T], id_: int, value: _T, values: dict[str, str], most: int
    ) -> None:
        if values.get('action') == 'delete':  # an editor's mark: the element is gone
            return
        if id_ in table:
            self._fail(f'{self._open()} occurs twice')
        if len(table) >= most:
            self._fail(f'more than {most} elements like {self._open()}')
        table[id_] = value

    def _open(self) -> str:
        """The element that is being read, for messages."""
        return self._name if self._id is None else f'{self._name} {self._id}'

    def _integer(self, values: dict[str, str], key: str) -> int:
        try:
            value = int(values[key])
        except (KeyError, ValueError):
            text = values.get(key, '')[:40]
            self._fail(f'{key} of {self._open()} is not a whole number: {text!r}')
        if not -(2**63) <= value < 2**63:
            self._fail(f'{key} of {self._open()} is out of range: {values[key][:40]}')
        return value

    def _degrees(self, values: dict[str, str], key: str, bound: float) -> float:
        text = values.get(key)
        if not text:
            return math.nan
        try:
            value = float(text)
        except ValueError:
            self._fail(f'{key} of {self._open()} is not a number: {text[:40]!r}')
        if not -bound <= value <= bound:
            self._fail(
                f'{key} of {self._open()} must be within +-{bound:g} degrees, got {text[:40]}'
            )
        return value


class _Linker:
    """`_Document` -> `Elements`: references resolved, faults and omissions named."""

    def __init__(self, source: str, document: _Document) -> None:
        self._source = source
        self._document = document
        self._faults: list[str] = []
        self._warnings: list[str] = []
        self._kinds: dict[int, str] = {}  # relation -> lanelet, area, rule or ''

    def link(self) -> Elements:
        points, row_of = self._points()
        ways = self._ways(row_of)
        for id_, relation in self._document.relations.items():
            self._kinds[id_] = _RELATION_KINDS.get(relation.tags.get('type', ''), '')
            if not self._kinds[id_]:
                kind = relation.tags.get('type', 'without type')
                self._warnings.append(f'relation {id_} ({kind}) is not of Lanelet2 and left out')
        lanelets: dict[int, LaneletElement] = {}
        areas: dict[int, AreaElement] = {}
        rules: dict[int, RuleElement] = {}
        for id_, relation in self._document.relations.items():
            kind = self._kinds[id_]
            if kind == 'lanelet' and (lanelet := self._lanelet(id_, relation, ways)):
                lanelets[id_] = lanelet
            elif kind == 'area' and (area := self._area(id_, relation, ways)):
                areas[id_] = area
            elif kind == 'rule' and (rule := self._rule(id_, relation, ways, row_of)):
                rules[id_] = rule
        return Elements(
            source=self._source,
            points=points,
            ways=ways,
            lanelets=lanelets,
            areas=areas,
            rules=rules,
            aligned=False,
            faults=self._faults,
            warnings=self._warnings,
        )

    def _points(self) -> tuple[Points, dict[int, int]]:
        nodes = self._document.nodes
        n = len(nodes)
        points = Points(
            id=np.fromiter(nodes, np.int64, n),
            latitude_deg=np.fromiter((node[0] for node in nodes.values()), float, n),
            longitude_deg=np.fromiter((node[1] for node in nodes.values()), float, n),
            elevation_m=np.zeros(n),
            local_m=np.full((n, 2), np.nan),
        )
        columns = (
            ('ele', points.elevation_m),
            ('local_x', points.local_m[:, 0]),
            ('local_y', points.local_m[:, 1]),
        )
        for key, column in columns:
            told = [
                (row, node[2][key]) for row, node in enumerate(nodes.values()) if node[2].get(key)
            ]
            try:
                values = np.array([float(text) for _, text in told])
            except ValueError:
                values = np.array([_number(text) for _, text in told])
            wrong = np.flatnonzero(~np.isfinite(values))
            if len(wrong):
                row, text = told[wrong[0]]
                node = f'node {points.id[row]}'
                raise MapError(f'{self._source}: {key} of {node} is not a number: {text[:40]!r}')
            column[[row for row, _ in told]] = values
        return points, {id_: row for row, id_ in enumerate(nodes)}

    def _ways(self, row_of: dict[int, int]) -> dict[int, Way]:
        ways: dict[int, Way] = {}
        for id_, (line, refs, tags) in self._document.ways.items():
            try:
                rows = np.array([row_of[ref] for ref in refs], dtype=np.int64)
            except KeyError as missing:
                self._fault(
                    line, f'way {id_} refers to node {missing}, which the map does not hold'
                )
                continue
            if not len(rows):
                self._fault(line, f'way {id_} has no points')
                continue
            polygon = tags.get('area', '').lower() in ('yes', 'true', '1')
            ways[id_] = Way(id_, rows, tags, polygon)
        return ways

    def _fault(self, line: int, message: str) -> None:
        self._faults.append(f'line {line}: {message}')

    def _lanelet(
        self, id_: int, relation: _Relation, ways: dict[int, Way]
    ) -> LaneletElement | None:
        borders: dict[str, Directed] = {}
        for role in ('left', 'right', 'centerline'):
            members = relation.with_role(role)
            if role == 'centerline' and not members:
                continue
            name = 'centreline' if role == 'centerline' else f'{role} border'
            if len(members) != 1:
                self._fault(
                    relation.line, f'lanelet {id_} has {len(members)} {name}s instead of one'
                )
                return None
            kind, ref = members[0]
            if kind != 'way' or ref not in ways:
                self._fault(
                    relation.line,
                    f'the {name} of lanelet {id_} is {kind} {ref}, which the map does not hold',
                )
                return None
            borders[role] = Directed(ref)
        rules = self._rules_of(f'lanelet {id_}', relation)
        return LaneletElement(
            id_, relation.tags, borders['left'], borders['right'], borders.get('centerline'), rules
        )

    def _rules_of(self, name: str, relation: _Relation) -> tuple[int, ...]:
        rules = []
        for _, ref in relation.with_role('regulatory_element'):
            if self._kinds.get(ref) == 'rule':
                rules.append(ref)
            else:
                self._fault(
                    relation.line,
                    f'{name} refers to regulatory element {ref}, which the map does not hold',
                )
        return tuple(dict.fromkeys(rules))

    def _area(self, id_: int, relation: _Relation, ways: dict[int, Way]) -> AreaElement | None:
        members = [ref for _, ref in relation.with_role('outer')]
        missing = [ref for ref in members if ref not in ways]
        if missing:
            self._fault(
                relation.line,
                f'area {id_} refers to way {missing[0]}, which the map does not hold',
            )
            return None
        ring = outer_ring([ways[ref] for ref in members])
        if ring is None:
            self._warnings.append(f'area {id_} has no closed outer border and is left out')
            return None
        return AreaElement(id_, relation.tags, ring, self._rules_of(f'area {id_}', relation))

    def _rule(
        self, id_: int, relation: _Relation, ways: dict[int, Way], row_of: dict[int, int]
    ) -> RuleElement | None:
        if not relation.tags.get('subtype'):
            self._fault(relation.line, f'regulatory element {id_} has no subtype')
            return None
        rule = RuleElement(id_, relation.tags)
        if not relation.members:
            self._warnings.append(f'regulatory element {id_} ({rule.kind}) refers to nothing')
        for role, kind, ref in relation.members:
            if kind == 'node' and ref in row_of:
                member = Member('point', ref)
            elif kind == 'way' and ref in ways:
                member = Member('way', ref)
            elif kind == 'relation' and self._kinds.get(ref) in ('lanelet', 'area'):
                member = Member(self._kinds[ref], ref)
            else:
                self._fault(
                    relation.line,
                    f'regulatory element {id_} ({rule.kind}) refers to {kind} {ref} as {role!r}, '
                    'which the map does not hold',
                )
                continue
            rule.members.setdefault(role, []).append(member)
        return rule


_RELATION_KINDS = {'lanelet': 'lanelet', 'multipolygon': 'area', 'regulatory_element': 'rule'}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
