"""The elements of an OSM file as they are written: expat's events, bounded, nothing resolved.

Document types, entities and network access are refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TypeVar
from xml.parsers import expat

from prediction_node.domain.errors import MapError
from prediction_node.lanelet.elements import Tags
from prediction_node.lanelet.parameters import MapLimits

_T = TypeVar('_T')
_CHUNK = 1 << 20


@dataclass(slots=True)
class Relation:
    line: int
    tags: Tags
    members: list[tuple[str, str, int]]  # role, type, id

    def with_role(self, role: str) -> list[tuple[str, int]]:
        return [(kind, ref) for r, kind, ref in self.members if r == role]


@dataclass(slots=True)
class Document:
    """The file's own words: nodes, ways and relations by id."""

    nodes: dict[int, tuple[float, float, Tags]] = field(default_factory=dict)
    ways: dict[int, tuple[int, list[int], Tags]] = field(default_factory=dict)
    relations: dict[int, Relation] = field(default_factory=dict)


def scan_osm(path: Path, limits: MapLimits) -> Document:
    """What an .osm file says. Raises MapError naming file, line and element."""
    size = path.stat().st_size
    if size > limits.max_bytes:
        raise MapError(f'{path}: {size} bytes are over the limit of {limits.max_bytes}')
    document = Document()
    scanner = _Scanner(path, limits, document)
    with path.open('rb') as stream:
        while chunk := stream.read(_CHUNK):
            scanner.feed(chunk)
    scanner.close()
    return document


class _Scanner:
    """Expat's events -> `Document`."""

    def __init__(self, path: Path, limits: MapLimits, document: Document) -> None:
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
            relation = Relation(self._parser.CurrentLineNumber, self._tags, self._members)
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
