"""Vector maps of Argoverse 2 as lane maps."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from prediction_node.domain.errors import DataError
from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.lane_map import (
    Area,
    BorderKind,
    LaneKind,
    LaneMap,
    Polylines,
    Relation,
    Turn,
)
from prediction_node.importers.polyline import (
    LONGEST_LANE_M,
    arc_length_m,
    centreline_of,
    headings_rad,
)

TURN_RAD = np.deg2rad(30.0)
MAX_BYTES = 256 * 1024 * 1024

# Latitude and longitude of the city frames' origins; east and north are those of the UTM plane
# there.
_ORIGINS = {
    'ATX': (30.27464237939507, -97.7404457407424),
    'DTW': (42.29993066912924, -83.17555750783717),
    'MIA': (25.77452579915163, -80.19656914449405),
    'PAO': (37.416065, -122.13571963362166),
    'PIT': (40.44177902989321, -80.01294377242584),
    'WDC': (38.889377, -77.0355047439081),
}
_KINDS = {'VEHICLE': LaneKind.ROAD, 'BUS': LaneKind.ROAD, 'BIKE': LaneKind.BICYCLE}


def city_origin(file: Path) -> tuple[float, float]:
    """Latitude and longitude of the city frame's origin; (0, 0) if the name tells no city."""
    match = re.search(r'_([A-Z]{3})_city_', file.name)
    return _ORIGINS.get(match.group(1), (0.0, 0.0)) if match else (0.0, 0.0)


def read_vector_map(file: Path) -> LaneMap:
    """The lane segments and crossings of `log_map_archive_*.json`, drivable areas as areas.

    The format names neither speed limits nor rules nor lights. Lanes inside of intersections turn
    where their direction changes by more than 30 degrees. Raises DataError naming file and element.
    """
    archive = _archive(file)
    segments = [_Segment(file, value) for value in _items(file, archive, 'lane_segments')]
    crossings = [_crossing(file, value) for value in _items(file, archive, 'pedestrian_crossings')]
    index = {segment.id: i for i, segment in enumerate(segments)}
    ids = [*(s.id for s in segments), *(number for number, _, _ in crossings)]
    if len(set(ids)) != len(ids):
        raise DataError(f'{file}: two lanes or crossings have the same id')
    successors = [[index[k] for k in s.successors if k in index] for s in segments]
    cut = sum(len(s.successors) for s in segments) - sum(len(row) for row in successors)
    left_m = [*(s.left_m for s in segments), *(left for _, left, _ in crossings)]
    right_m = [*(s.right_m for s in segments), *(right for _, _, right in crossings)]
    none: list[list[int]] = [[] for _ in crossings]
    left = [_beside(segments, index, i, s.left_neighbour) for i, s in enumerate(segments)]
    right = [_beside(segments, index, i, s.right_neighbour) for i, s in enumerate(segments)]
    n = len(ids)
    return LaneMap(
        id=np.array(ids, dtype=np.int64),
        kind=np.array([*(s.kind for s in segments), *(LaneKind.CROSSWALK for _ in none)], np.int8),
        turn=np.array([*(s.turn for s in segments), *(Turn.NONE for _ in none)], np.int8),
        speed_limit_mps=np.full(n, np.inf),
        has_speed_limit=np.zeros(n, dtype=bool),
        centreline=Polylines.of(
            [centreline_of(*pair) for pair in zip(left_m, right_m, strict=True)]
        ),
        left_border=Polylines.of(left_m),
        right_border=Polylines.of(right_m),
        left_border_kind=np.array(
            [*(s.left_kind for s in segments), *(BorderKind.VIRTUAL for _ in none)], np.int8
        ),
        right_border_kind=np.array(
            [*(s.right_kind for s in segments), *(BorderKind.VIRTUAL for _ in none)], np.int8
        ),
        one_way=np.array([*(True for _ in segments), *(False for _ in none)], bool),
        successors=Relation.of([*successors, *none]),
        predecessors=Relation.of(_reverse([*successors, *none])),
        left=Relation.of([*left, *none]),
        right=Relation.of([*right, *none]),
        left_change=_changes(left, [s.left_kind for s in segments], len(none)),
        right_change=_changes(right, [s.right_kind for s in segments], len(none)),
        yields_to=Relation.of([[] for _ in ids]),
        light_group_id=np.zeros(0, dtype=np.int64),
        light_lanes=Relation.of([]),
        light_stop_line=Relation.of([]),
        lane_lights=Relation.of([[] for _ in ids]),
        light_position=Polylines.of([]),
        stop_lines=Polylines.of([]),
        stop_line_lanes=Relation.of([]),
        areas=tuple(_area(file, value) for value in _items(file, archive, 'drivable_areas')),
        source=str(file),
        warnings=(f'{cut} connections lead out of the part of the city that the log holds',)
        if cut
        else (),
    )


def _reverse(targets_of: list[list[int]]) -> list[list[int]]:
    """Who leads here: the archive's own lists of predecessors have gaps."""
    sources: list[list[int]] = [[] for _ in targets_of]
    for source, targets in enumerate(targets_of):
        for target in targets:
            sources[target].append(source)
    return sources


def _changes(beside: list[list[int]], kinds: list[BorderKind], crossings: int) -> np.ndarray:
    """(L,) bool: a neighbour across a dashed line."""
    allowed = [
        bool(lanes) and kind == BorderKind.DASHED for lanes, kind in zip(beside, kinds, strict=True)
    ]
    return np.array([*allowed, *[False] * crossings], dtype=bool)


class _Segment:
    """One lane segment, references still by id."""

    def __init__(self, file: Path, value: dict[str, Any]) -> None:
        self.id = _integer(file, 'lane_segments', value, 'id')
        where = f'lane segment {self.id}'
        self.left_m = _line(file, where, value, 'left_lane_boundary')
        self.right_m = _line(file, where, value, 'right_lane_boundary')
        self.left_kind = _marking(value.get('left_lane_mark_type'), on_left=True)
        self.right_kind = _marking(value.get('right_lane_mark_type'), on_left=False)
        lane_type = value.get('lane_type')
        if lane_type not in _KINDS:
            raise DataError(f'{file}: {where}: lane_type {lane_type!r} is unknown')
        self.kind = _KINDS[lane_type]
        self.turn = _turn(self.left_m, self.right_m) if value.get('is_intersection') else Turn.NONE
        self.successors = _references(file, where, value, 'successors')
        self.left_neighbour = value.get('left_neighbor_id')
        self.right_neighbour = value.get('right_neighbor_id')


def _beside(
    segments: list[_Segment], index: dict[int, int], i: int, neighbour: int | None
) -> list[int]:
    """The neighbour, unless it drives the other way: the format does not tell these apart."""
    if neighbour is None or neighbour not in index:
        return []
    other = segments[index[neighbour]]
    mine = segments[i].left_m[-1] - segments[i].left_m[0]
    its = other.left_m[-1] - other.left_m[0]
    return [index[neighbour]] if float(np.dot(mine[:2], its[:2])) > 0.0 else []


def _turn(left_m: np.ndarray, right_m: np.ndarray) -> Turn:
    ahead = headings_rad(centreline_of(left_m, right_m))
    change = float(wrap_angle(ahead[-1] - ahead[0]))
    if abs(change) <= TURN_RAD:
        return Turn.STRAIGHT
    return Turn.LEFT if change > 0.0 else Turn.RIGHT


def _marking(name: Any, on_left: bool) -> BorderKind:
    """What the lane sees; of a double line that differs from side to side, the near one."""
    words = str(name).split('_')
    if words[:2] in (['DASH', 'SOLID'], ['SOLID', 'DASH']):  # from left to right
        near = words[1] if on_left else words[0]
        return BorderKind.SOLID if near == 'SOLID' else BorderKind.DASHED
    if 'DASHED' in words:
        return BorderKind.DASHED
    if 'SOLID' in words:
        return BorderKind.SOLID
    return BorderKind.VIRTUAL if words == ['NONE'] else BorderKind.OTHER


def _crossing(file: Path, value: dict[str, Any]) -> tuple[int, np.ndarray, np.ndarray]:
    """Id, left and right edge of a crosswalk, in one direction."""
    number = _integer(file, 'pedestrian_crossings', value, 'id')
    where = f'pedestrian crossing {number}'
    one = _line(file, where, value, 'edge1')
    two = _line(file, where, value, 'edge2')
    if np.dot((one[-1] - one[0])[:2], (two[-1] - two[0])[:2]) < 0.0:
        two = two[::-1]
    ahead, across = (one[-1] - one[0])[:2], two.mean(axis=0)[:2] - one.mean(axis=0)[:2]
    two_is_left = ahead[0] * across[1] - ahead[1] * across[0] > 0.0
    return (number, two, one) if two_is_left else (number, one, two)


def _area(file: Path, value: dict[str, Any]) -> Area:
    number = _integer(file, 'drivable_areas', value, 'id')
    outline = _line(file, f'drivable area {number}', value, 'area_boundary')
    if np.array_equal(outline[0], outline[-1]):
        outline = outline[:-1]
    return Area(number, 'drivable_area', outline)


def _archive(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise DataError(f'{file} is larger than the {MAX_BYTES} bytes accepted')
        content = json.loads(file.read_text(encoding='utf-8'))
    except OSError as problem:
        raise DataError(f'{file} cannot be read: {problem.strerror}') from problem
    except ValueError as problem:
        raise DataError(f'{file} is not JSON: {problem}') from problem
    if not isinstance(content, dict) or not content.get('lane_segments'):
        raise DataError(f'{file}: lane_segments is missing or empty')
    return content


def _items(file: Path, archive: dict[str, Any], key: str) -> list[dict[str, Any]]:
    items = archive.get(key, {})
    if not isinstance(items, dict) or not all(isinstance(v, dict) for v in items.values()):
        raise DataError(f'{file}: {key} must map ids to objects')
    return list(items.values())


def _integer(file: Path, where: str, value: dict[str, Any], key: str) -> int:
    number = value.get(key)
    if not isinstance(number, int) or number <= 0:
        raise DataError(f'{file}: {where}: {key} must be a positive integer, got {number!r}')
    return number


def _references(file: Path, where: str, value: dict[str, Any], key: str) -> list[int]:
    refs = value.get(key, [])
    if not isinstance(refs, list) or not all(isinstance(k, int) for k in refs):
        raise DataError(f'{file}: {where}: {key} must be a list of ids')
    return refs


def _line(file: Path, where: str, value: dict[str, Any], key: str) -> np.ndarray:
    """(n, 3) of at least two different points."""
    try:
        points = np.array([[p['x'], p['y'], p['z']] for p in value[key]], dtype=np.float64)
    except (KeyError, TypeError, ValueError):
        raise DataError(f'{file}: {where}: {key} must be a list of points x, y, z') from None
    if points.ndim != 2 or not np.isfinite(points).all():
        raise DataError(f'{file}: {where}: {key} must hold finite points')
    keep = np.concatenate([[True], np.any(np.diff(points, axis=0) != 0.0, axis=1)])
    if keep.sum() < 2:
        raise DataError(f'{file}: {where}: {key} needs two different points')
    if not arc_length_m(points)[-1] <= LONGEST_LANE_M:
        raise DataError(f'{file}: {where}: {key} must be at most {LONGEST_LANE_M:.0f} m long')
    return np.asarray(points[keep])
