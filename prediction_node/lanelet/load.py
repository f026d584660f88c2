"""Lanelet2 maps in, `LaneMap` out."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from prediction_node.domain.errors import MapError
from prediction_node.domain.lane_map import LaneMap, Polylines, Relation
from prediction_node.lanelet.archive import read_archive
from prediction_node.lanelet.areas import areas
from prediction_node.lanelet.elements import Elements
from prediction_node.lanelet.lanes import build_lanes
from prediction_node.lanelet.osm import read_osm
from prediction_node.lanelet.parameters import MapLimits, ProjectionParameters, ReadingParameters
from prediction_node.lanelet.projection import place
from prediction_node.lanelet.rules import regulation

_FAULTS_SHOWN = 5
_REPETITION = 4  # how often a lane map may repeat each point


def load_map(
    path: str | Path,
    *,
    projection: ProjectionParameters | None = None,
    limits: MapLimits | None = None,
    reading: ReadingParameters | None = None,
) -> LaneMap:
    """The map in an .osm or .bin file.

    Raises MapError naming the file, and line and element where there is one.
    """
    path = Path(path)
    limits = limits or MapLimits()
    with _collector_at_rest():
        elements = _file_elements(path, limits)
        return _lane_map(
            elements, projection or ProjectionParameters(), limits, reading or ReadingParameters()
        )


def load_map_bin(
    blob: bytes | memoryview,
    *,
    source: str = 'LaneletMapBin',
    projection: ProjectionParameters | None = None,
    limits: MapLimits | None = None,
    reading: ReadingParameters | None = None,
) -> LaneMap:
    """The map in the `data` of an autoware_map_msgs/LaneletMapBin.

    Raises MapError naming byte and element.
    """
    limits = limits or MapLimits()
    with _collector_at_rest():
        elements = read_archive(blob, source, limits)
        return _lane_map(
            elements, projection or ProjectionParameters(), limits, reading or ReadingParameters()
        )


def _file_elements(path: Path, limits: MapLimits) -> Elements:
    try:
        if path.suffix.lower() == '.osm':
            return read_osm(path, limits)
        if path.suffix.lower() == '.bin':
            size = path.stat().st_size
            if size > limits.max_bytes:
                raise MapError(f'{path}: {size} bytes are over the limit of {limits.max_bytes}')
            return read_archive(path.read_bytes(), str(path), limits)
    except OSError as error:
        raise MapError(f'{path}: cannot be read ({error.strerror or error})') from None
    raise MapError(f'{path}: a map file ends in .osm or .bin')


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Reading makes millions of small objects that all stay: collecting amid it only walks them."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _lane_map(
    elements: Elements,
    projection: ProjectionParameters,
    limits: MapLimits,
    reading: ReadingParameters,
) -> LaneMap:
    if not elements.lanelets and not elements.faults:
        raise MapError(f'{elements.source}: the map holds no lanelets, only {_inventory(elements)}')
    _bound_repetition(elements, limits)
    used = np.zeros(len(elements.points), bool)
    for way in elements.ways.values():
        used[way.rows] = True
    for rule in elements.rules.values():
        for members in rule.members.values():
            for member in members:
                if member.kind == 'point':
                    used[elements.points.row_of()[member.id]] = True
    placed = place(elements.points, used, projection, elements.source)
    lanes = build_lanes(elements, placed.xyz_m, reading)
    if elements.faults and reading.strict:
        raise MapError(
            f'{elements.source}: {_listed(elements.faults)} (map.reading.strict: false leaves '
            'faulty elements out)'
        )
    if not lanes.elements:
        raise MapError(f'{elements.source}: no usable lanelets; {_listed(elements.faults)}')
    rules = regulation(elements, placed.xyz_m, lanes)
    found = lanes.topology
    n = len(lanes.elements)
    lane_groups: list[list[int]] = [[] for _ in range(n)]
    for group, rows in enumerate(rules.group_lanes):
        for row in rows:
            lane_groups[row].append(group)
    predecessors: list[list[int]] = [[] for _ in range(n)]
    for row, followers in enumerate(found.successors):
        for follower in followers:
            predecessors[follower].append(row)
    stop_ways = list(rules.stop_lines.lanes_of)
    stop_row = {way: row for row, way in enumerate(stop_ways)}
    return LaneMap(
        id=np.array(lanes.id, dtype=np.int64),
        kind=np.array(lanes.kind, dtype=np.int8),
        turn=np.array(lanes.turn, dtype=np.int8),
        speed_limit_mps=lanes.speed_mps,
        has_speed_limit=lanes.has_speed,
        centreline=Polylines.of(lanes.centre),
        left_border=Polylines.of(lanes.left),
        right_border=Polylines.of(lanes.right),
        left_border_kind=np.array(lanes.left_kind, dtype=np.int8),
        right_border_kind=np.array(lanes.right_kind, dtype=np.int8),
        one_way=np.array(lanes.one_way, dtype=bool),
        successors=Relation.of(found.successors),
        predecessors=Relation.of(predecessors),
        left=Relation.of(found.left),
        right=Relation.of(found.right),
        left_change=found.left_change,
        right_change=found.right_change,
        yields_to=Relation.of(rules.yields_to),
        light_group_id=np.array(rules.group_id, dtype=np.int64),
        light_lanes=Relation.of(rules.group_lanes),
        light_stop_line=Relation.of([[stop_row[w] for w in ways] for ways in rules.group_stop_way]),
        lane_lights=Relation.of(lane_groups),
        light_position=Polylines.of(rules.group_position),
        stop_lines=Polylines.of([placed.xyz_m[elements.ways[way].rows] for way in stop_ways]),
        stop_line_lanes=Relation.of([sorted(rules.stop_lines.lanes_of[way]) for way in stop_ways]),
        areas=tuple(areas(elements, placed.xyz_m)),
        rules=tuple(rules.rules),
        source=elements.source,
        warnings=(*elements.faults, *elements.warnings, *placed.warnings),
    )


def _bound_repetition(elements: Elements, limits: MapLimits) -> None:
    """Ways may be shared. The arrays of a lane map repeat their points: that is bounded too."""
    size = {way.id: len(way.rows) for way in elements.ways.values()}
    points = 0
    for lanelet in elements.lanelets.values():
        points += size.get(lanelet.left.way, 0) + size.get(lanelet.right.way, 0)
    of_lanelet = {
        lanelet.id: size.get(lanelet.left.way, 0) + size.get(lanelet.right.way, 0)
        for lanelet in elements.lanelets.values()
    }
    of_area = {
        area.id: sum(size.get(directed.way, 0) for directed in area.outer)
        for area in elements.areas.values()
    }
    points += sum(of_area.values())
    sizes = {'point': {}, 'way': size, 'lanelet': of_lanelet, 'area': of_area}
    for rule in elements.rules.values():
        for members in rule.members.values():
            points += sum(sizes[member.kind].get(member.id, 1) for member in members)
    if points > _REPETITION * limits.max_points:
        raise MapError(
            f'{elements.source}: lanelets, areas and rules share ways so often that they hold '
            f'{points} points, over the limit of {_REPETITION * limits.max_points}'
        )


def _inventory(elements: Elements) -> str:
    parts = [f'{len(elements.points)} points', f'{len(elements.ways)} ways']
    for way in list(elements.ways.values())[:1]:
        tags = ', '.join(f'{key}={value}' for key, value in list(way.tags.items())[:3])
        parts.append(f'the first of them way {way.id} ({tags or "no tags"})')
    return ', '.join(parts)


def _listed(faults: list[str]) -> str:
    shown = '; '.join(faults[:_FAULTS_SHOWN])
    more = len(faults) - _FAULTS_SHOWN
    return f'{shown}; and {more} more' if more > 0 else shown
