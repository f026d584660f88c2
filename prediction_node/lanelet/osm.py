"""Read Lanelet2's OSM files: references resolved, faults and omissions named."""

from __future__ import annotations

import math
from pathlib import Path

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
    Way,
)
from prediction_node.lanelet.osm_document import Document, Relation, scan_osm
from prediction_node.lanelet.parameters import MapLimits
from prediction_node.lanelet.rings import outer_ring


def read_osm(path: Path, limits: MapLimits) -> Elements:
    """The elements of an .osm file. Raises MapError naming file, line and element."""
    return _Linker(str(path), scan_osm(path, limits)).link()


class _Linker:
    """`Document` -> `Elements`."""

    def __init__(self, source: str, document: Document) -> None:
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

    def _lanelet(self, id_: int, relation: Relation, ways: dict[int, Way]) -> LaneletElement | None:
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

    def _rules_of(self, name: str, relation: Relation) -> tuple[int, ...]:
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

    def _area(self, id_: int, relation: Relation, ways: dict[int, Way]) -> AreaElement | None:
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
        self, id_: int, relation: Relation, ways: dict[int, Way], row_of: dict[int, int]
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
