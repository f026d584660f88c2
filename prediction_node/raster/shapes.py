"""A lane map as polygons with values, in a frame that belongs to the map itself.

Tiles are drawn on the grid of that frame. It turns and moves with the map, so the raster of a
turned world is the raster of the world.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.lane_map import BorderKind, LaneKind, LaneMap, Polylines, Turn
from prediction_node.domain.sketch import TILE_CHANNELS
from prediction_node.raster.manifest import CHANNELS, FAR_CELL_M, INDEX, NEAR_CELL_M
from prediction_node.raster.outlines import Polygons, pieces, strokes

# Of a tile's channels the first; the last two are the sums that means are taken over.
MAP_CHANNELS = sum(channel.group == 'map' for channel in CHANNELS)
_DIRECTED, _LIMITED = TILE_CHANNELS - 2, TILE_CHANNELS - 1
_LINE_CELLS = 0.5  # width of a drawn line
_SAME_POINT_M = 1e-3
_MAX_LIMIT_MPS = 50.0
_SURFACE: dict[int, str] = {
    LaneKind.ROAD: 'drivable',
    LaneKind.BICYCLE: 'bicycle_lane',
    LaneKind.WALKWAY: 'sidewalk',
    LaneKind.CROSSWALK: 'crosswalk',
    LaneKind.SHOULDER: 'shoulder',
    LaneKind.OTHER: 'shoulder',
}
_BORDER: dict[int, str] = {
    BorderKind.VIRTUAL: 'border_virtual',
    BorderKind.DASHED: 'border_dashed',
    BorderKind.SOLID: 'border_solid',
    BorderKind.CURB: 'border_curb',
    BorderKind.OTHER: 'border_solid',
}
_DRIVEN = (LaneKind.ROAD, LaneKind.BICYCLE)


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """The map's own frame: where it lies in the map frame."""

    origin_m: np.ndarray  # (2,)
    cos: float
    sin: float

    def points(self, points_m: np.ndarray) -> np.ndarray:
        """(..., 2 or more) in the map frame to (..., 2) in the map's own."""
        dx = points_m[..., 0] - self.origin_m[0]
        dy = points_m[..., 1] - self.origin_m[1]
        return np.stack([self.cos * dx + self.sin * dy, self.cos * dy - self.sin * dx], axis=-1)

    def pose(self, pose: np.ndarray) -> np.ndarray:
        """(4,) x, y, cosine and sine of a pose in the map frame to the same in the map's own."""
        x, y = self.points(pose[:2])
        cos, sin = pose[2:].tolist()
        return np.array(
            [x, y, self.cos * cos + self.sin * sin, self.cos * sin - self.sin * cos], np.float64
        )


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """What tiles of one scale show."""

    polygons: Polygons
    bounds_m: np.ndarray  # (n, 4)
    value: np.ndarray  # (n, TILE_CHANNELS) float32, what each adds per share of a cell
    stop_lines: Polygons  # S, to paint lights on


@dataclass(frozen=True, slots=True, eq=False)
class MapShapes:
    """A lane map, ready to draw."""

    lane_map: LaneMap
    anchor: Anchor
    lanes: Polygons  # L, to paint lights on
    near: Shapes
    far: Shapes


def tile_rules() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(TILE_CHANNELS,) norm, gain and offset, as `fill.paint_tile` wants them."""
    norm = np.full(TILE_CHANNELS, -1, np.int64)
    norm[[INDEX['direction_x'], INDEX['direction_y']]] = _DIRECTED
    norm[INDEX['speed_limit']] = _LIMITED
    gain, offset = np.zeros(TILE_CHANNELS), np.zeros(TILE_CHANNELS)
    gain[:MAP_CHANNELS] = [1.0 / channel.scale for channel in CHANNELS[:MAP_CHANNELS]]
    offset[:MAP_CHANNELS] = [channel.offset for channel in CHANNELS[:MAP_CHANNELS]]
    return norm, gain, offset


def map_shapes(lane_map: LaneMap) -> MapShapes:
    """Prepare a map. Takes a second for ten thousand lanes."""
    anchor = _anchor(lane_map)
    left = _local(anchor, lane_map.left_border)
    right = _local(anchor, lane_map.right_border)
    lanes = Polygons.of([np.concatenate([a, b[::-1]]) for a, b in zip(left, right, strict=True)])
    areas = _areas(lane_map, anchor, lanes, left, right)
    lines = _lines(lane_map, anchor, left, right)
    stop_lines = _local(anchor, lane_map.stop_lines)

    def scale(cell_m: float) -> Shapes:
        width_m = _LINE_CELLS * cell_m
        parts = [*areas, *((strokes(group, width_m), value) for group, value in lines)]
        polygons = Polygons.joined([part for part, _ in parts])
        value = np.concatenate([np.zeros((0, TILE_CHANNELS)), *(value for _, value in parts)])
        return Shapes(
            polygons, polygons.bounds_m(), value.astype(np.float32), strokes(stop_lines, width_m)
        )

    return MapShapes(lane_map, anchor, lanes, scale(NEAR_CELL_M), scale(FAR_CELL_M))


def _anchor(lane_map: LaneMap) -> Anchor:
    """On the lane with the lowest number, along its first step."""
    for row in np.argsort(lane_map.id, kind='stable').tolist():
        line = lane_map.centreline[row]
        if len(line) < 2:
            continue
        step = line[1:, :2] - line[0, :2]
        length = np.hypot(step[:, 0], step[:, 1])
        # The farthest point from the first one: the direction that rounding disturbs least.
        far = int(np.argmax(length))
        if length[far] > _SAME_POINT_M:
            cos, sin = step[far] / length[far]
            return Anchor(line[0, :2].copy(), float(cos), float(sin))
    return Anchor(np.zeros(2), 1.0, 0.0)


def _local(anchor: Anchor, lines: Polylines) -> list[np.ndarray]:
    points = anchor.points(lines.points_m)
    return [
        points[a:b]
        for a, b in zip(lines.offsets[:-1].tolist(), lines.offsets[1:].tolist(), strict=True)
    ]


def _twins(lane_map: LaneMap) -> np.ndarray:
    """(L,) whether the row is the way back on a lane of which another row is the way there."""
    known = set(lane_map.id.tolist())
    return np.array(
        [
            not one_way and number < 0 and -number in known
            for number, one_way in zip(lane_map.id.tolist(), lane_map.one_way.tolist(), strict=True)
        ],
        bool,
    )


def _areas(
    lane_map: LaneMap,
    anchor: Anchor,
    lanes: Polygons,
    left: list[np.ndarray],
    right: list[np.ndarray],
) -> list[tuple[Polygons, np.ndarray]]:
    """What covers ground: lanes, their driving directions, areas."""
    parts = [(lanes, _lane_values(lane_map))]
    quads, directions = [np.zeros((0, 4, 2))], [np.zeros((0, 2))]
    for row in np.flatnonzero(np.isin(lane_map.kind, _DRIVEN)).tolist():
        quad, direction = pieces(left[row], right[row])
        quads.append(quad)
        directions.append(direction)
    corners, direction = np.concatenate(quads), np.concatenate(directions)
    value = np.zeros((len(corners), TILE_CHANNELS))
    value[:, [INDEX['direction_x'], INDEX['direction_y']]] = direction
    value[:, _DIRECTED] = 1.0
    offsets = 4 * np.arange(len(corners) + 1, dtype=np.int64)
    parts.append((Polygons(np.ascontiguousarray(corners.reshape(-1, 2)), offsets), value))
    for name in ('parking', 'building'):  # parking_lot, parking_space; building
        found = [each for each in lane_map.areas if each.kind.startswith(name)]
        value = np.zeros((len(found), TILE_CHANNELS))
        value[:, INDEX[name]] = 1.0
        parts.append((Polygons.of([anchor.points(each.outline_m) for each in found]), value))
    return parts


def _lane_values(lane_map: LaneMap) -> np.ndarray:
    """(L, TILE_CHANNELS). Two ways on one surface count once, where they do not differ."""
    value = np.zeros((len(lane_map), TILE_CHANNELS))
    for kind, name in _SURFACE.items():
        value[lane_map.kind == kind, INDEX[name]] = 1.0

    def related(relation_offsets: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.diff(relation_offsets) > 0
        return found

    has_way = np.zeros(len(lane_map), bool)
    has_way[lane_map.yields_to.targets] = True
    flags = {
        'turns_left': lane_map.turn == Turn.LEFT,
        'turns_right': lane_map.turn == Turn.RIGHT,
        'gives_way': related(lane_map.yields_to.offsets),
        'has_way': has_way,
        'change_left': lane_map.left_change & related(lane_map.left.offsets),
        'change_right': lane_map.right_change & related(lane_map.right.offsets),
        'light_ruled': related(lane_map.lane_lights.offsets),
    }
    for name, flag in flags.items():
        value[flag, INDEX[name]] = 1.0
    limited = lane_map.has_speed_limit & (lane_map.kind == LaneKind.ROAD)
    value[limited, INDEX['speed_limit']] = np.minimum(
        lane_map.speed_limit_mps[limited], _MAX_LIMIT_MPS
    )
    value[limited, _LIMITED] = 1.0
    twin = _twins(lane_map)
    surfaces = np.array([INDEX[name] for name in dict.fromkeys(_SURFACE.values())])
    value[np.ix_(twin, surfaces)] = 0.0
    return value


def _lines(
    lane_map: LaneMap, anchor: Anchor, left: list[np.ndarray], right: list[np.ndarray]
) -> list[tuple[list[np.ndarray], np.ndarray]]:
    """What is drawn with a pen, each line once: centrelines, borders, stop lines."""
    centre = _local(anchor, lane_map.centreline)
    driven = np.isin(lane_map.kind, _DRIVEN) & ~_twins(lane_map)
    groups = [('centreline', [centre[row] for row in np.flatnonzero(driven)])]
    for kind, name in _BORDER.items():
        borders = [left[row] for row in np.flatnonzero(lane_map.left_border_kind == kind)]
        borders += [right[row] for row in np.flatnonzero(lane_map.right_border_kind == kind)]
        groups.append((name, borders))
    groups.append(('stop_line', _local(anchor, lane_map.stop_lines)))
    out = []
    for name, found in groups:
        distinct = list({_line_key(line): line for line in found if _is_line(line)}.values())
        value = np.zeros((len(distinct), TILE_CHANNELS))
        value[:, INDEX[name]] = 1.0
        out.append((distinct, value))
    return out


def _is_line(line: np.ndarray) -> bool:
    return len(line) > 1 and bool(np.isfinite(line).all())


def _line_key(line: np.ndarray) -> bytes:
    """The same for the same line drawn from either end."""
    rounded = np.round(line / _SAME_POINT_M).astype(np.int64)

    return min(rounded.tobytes(), rounded[::-1].tobytes())
