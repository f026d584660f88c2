"""A scene as lists of polygons on the cells of its raster: a painter has but to fill them.

Where it is painted makes no difference: here (rasterizer.py), or on a GPU, which is handed the same
lists (`write`, domain/sketch.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.agents import Ego
from prediction_node.domain.scene import Scene
from prediction_node.domain.sketch import MARK_POINTS, MARK_VALUES, MARKS, STRIPS_EACH
from prediction_node.raster import corners
from prediction_node.raster.bodies import CLASS_CHANNEL, VALUE_CHANNEL, Bodies, as_table
from prediction_node.raster.lamps import Lit
from prediction_node.raster.manifest import CELLS, CHANNELS, FAR_CELL_M, INDEX, NEAR_CELL_M
from prediction_node.raster.outlines import Polygons
from prediction_node.raster.shapes import MapShapes

EMPTY = np.array([channel.offset for channel in CHANNELS], np.uint8)
DIRECTION_CHANNEL = INDEX['direction_x']
_LIGHT = INDEX['light_red']
_EGO, _PAST_EGO = INDEX['ego'], INDEX['past_ego']
_CELL_M = (NEAR_CELL_M, FAR_CELL_M)
_REACH_M = CELLS * FAR_CELL_M  # across the larger view
_EGO_VALUE = np.array([[255.0, 0.0, 0.0, 0.0, 0.0]])


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """M polygons of one scale, in the order in which they are painted."""

    points: np.ndarray  # (P, 2) row, column
    offsets: np.ndarray  # (M + 1,)
    window: np.ndarray  # (M, 4), see domain.sketch
    channel: np.ndarray  # (M,) the first of
    values: np.ndarray  # (M,) so many
    value: np.ndarray  # (M, MARK_VALUES) bytes as numbers


@dataclass(frozen=True, slots=True, eq=False)
class Quads:
    """N polygons of four points, in both scales."""

    corner: np.ndarray  # (2, N, 4, 2) row, column
    window: np.ndarray  # (2, N, 4)

    @classmethod
    def of(cls, corner_m: np.ndarray) -> Quads:
        """From (N, 4, 2) in the view frame."""
        n = len(corner_m)
        made = cls(np.empty((2, n, 4, 2)), np.empty((2, n, 4), np.int32))
        points_m, offsets = corner_m.reshape(4 * n, 2), np.arange(0, 4 * n + 1, 4)
        for scale, cell_m in enumerate(_CELL_M):
            points = made.corner[scale].reshape(4 * n, 2)
            corners.in_cells(points_m, offsets, cell_m, CELLS, points, made.window[scale])
        return made


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """All of a scene but the map."""

    origin: np.ndarray | None  # (4,) pose of the view in the map's own frame; None: no map
    marks: tuple[Marks, Marks]  # near, far
    strips: Quads  # S pieces of pasts
    strip_channel: np.ndarray  # (S,)
    strip_strength: np.ndarray  # (S,) in bytes
    boxes: Quads  # of N bodies
    bodies: Bodies

    @classmethod
    def of(
        cls, scene: Scene, view: np.ndarray, shapes: MapShapes | None, lit: Lit | None
    ) -> Sketch:
        """`view`: x, y, cosine and sine of the view's pose in the map frame. `shapes` of the map
        and what is `lit` on it, None where there is no map.
        """
        origin: np.ndarray | None = None
        lights: tuple[list[_Group], list[_Group]] = ([], [])
        if shapes is not None and lit is not None:
            origin = shapes.anchor.pose(view)
            lights = _lights(shapes, lit, origin)
        own = [_outline(scene.ego, view)] if scene.ego.present else []
        bodies = Bodies.of(scene.agents, view)
        corner_m = np.empty((len(bodies.pose), 4, 2))
        corners.boxes(bodies.pose, bodies.size_m, corner_m)
        near, far = (
            _marks([*each, *own], cell_m) for each, cell_m in zip(lights, _CELL_M, strict=True)
        )
        return cls(origin, (near, far), *_strips(scene, bodies, view), Quads.of(corner_m), bodies)

    def write(self, to: np.ndarray) -> bool:
        """See domain.sketch.Drawing.write."""
        block = to[0]
        strips, boxes = len(self.strip_channel), len(self.bodies.pose)
        if boxes > len(block['box_share']) or strips > len(block['strip_channel']):
            return False
        for marks in self.marks:
            if len(marks.channel) > MARKS or len(marks.points) > MARK_POINTS:
                return False
        block['has_map'] = self.origin is not None
        block['origin'] = 0.0 if self.origin is None else self.origin
        block['cell_m'] = _CELL_M
        block['direction_channel'] = DIRECTION_CHANNEL
        block['class_channel'], block['value_channel'] = CLASS_CHANNEL, VALUE_CHANNEL
        block['empty'] = EMPTY
        for scale, marks in enumerate(self.marks):
            m, p = len(marks.channel), len(marks.points)
            block['marks'][scale] = m
            block['mark_offset'][scale, : m + 1] = marks.offsets
            block['mark_point'][scale, :p] = marks.points
            block['mark_window'][scale, :m] = marks.window
            block['mark_channel'][scale, :m] = marks.channel
            block['mark_values'][scale, :m] = marks.values
            block['mark_value'][scale, :m] = marks.value
        block['strips'] = strips
        block['strip_corner'][:, :strips] = self.strips.corner
        block['strip_window'][:, :strips] = self.strips.window
        block['strip_channel'][:strips] = self.strip_channel
        block['strip_strength'][:strips] = self.strip_strength
        block['boxes'] = boxes
        block['box_corner'][:, :boxes] = self.boxes.corner
        block['box_window'][:, :boxes] = self.boxes.window
        block['box_share'][:boxes] = self.bodies.share
        block['box_value'][:boxes] = self.bodies.value
        return True


# (points in the view frame, offsets, first channel, values): polygons of one kind.
_Group = tuple[np.ndarray, np.ndarray, int, np.ndarray]


def _marks(groups: Sequence[_Group], cell_m: float) -> Marks:
    """Groups one after the other."""
    points, counts, channel, values, value = [np.zeros((0, 2))], [], [], [], []
    for points_m, offsets, first, each in groups:
        points.append(points_m)
        counts.append(np.diff(offsets))
        channel.append(np.full(len(each), first))
        values.append(np.full(len(each), MARK_VALUES if first == _LIGHT else 1))
        value.append(each)
    none = np.zeros(0, np.int64)
    count = np.concatenate([none, *counts])
    offsets = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    points_m = np.concatenate(points)
    placed, window = np.empty_like(points_m), np.empty((len(count), 4), np.int32)
    corners.in_cells(points_m, offsets, cell_m, CELLS, placed, window)
    return Marks(
        placed,
        offsets,
        window,
        np.concatenate([none, *channel]),
        np.concatenate([none, *values]),
        np.concatenate([np.zeros((0, MARK_VALUES)), *value]),
    )


def _lights(shapes: MapShapes, lit: Lit, origin: np.ndarray) -> tuple[list[_Group], list[_Group]]:
    """What the lamps say, on lanes and stop lines, near and far."""
    lanes = _seen(shapes.lanes, lit.lanes, lit.lane_value, origin)
    near, far = (
        _seen(scale.stop_lines, lit.stop_lines, lit.stop_line_value, origin)
        for scale in (shapes.near, shapes.far)
    )
    return [lanes, near], [lanes, far]


def _seen(polygons: Polygons, rows: np.ndarray, value: np.ndarray, origin: np.ndarray) -> _Group:
    """Of polygons `rows` of the map those that reach into the larger view."""
    most = int((polygons.offsets[rows + 1] - polygons.offsets[rows]).sum())
    points_m, offsets = np.empty((most, 2)), np.empty(len(rows) + 1, np.int64)
    kept = np.empty(len(rows), np.int64)
    count = corners.seen(
        polygons.points_m, polygons.offsets, rows, origin, 0.5 * _REACH_M, points_m, offsets, kept
    )
    offsets = offsets[: count + 1]
    return points_m[: offsets[-1]], offsets, _LIGHT, value[kept[:count]]


def _outline(ego: Ego, view: np.ndarray) -> _Group:
    """The robotaxi's box."""
    length_m, width_m = ego.size_m[:2].tolist()
    ahead = ego.map_from_base.rotation_2d
    corner = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * [0.5 * length_m, 0.5 * width_m]
    step = ego.centre_m + corner @ ahead.T - view[:2]
    x = view[2] * step[:, 0] + view[3] * step[:, 1]
    y = view[2] * step[:, 1] - view[3] * step[:, 0]
    return np.column_stack([x, y]), np.array([0, 4]), _EGO, _EGO_VALUE


def _strips(scene: Scene, bodies: Bodies, view: np.ndarray) -> tuple[Quads, np.ndarray, np.ndarray]:
    """Pieces of pasts, their channels and their strengths."""
    pasts = [(scene.history, bodies.size_m[:, 1].copy(), bodies.past)]
    if scene.ego.present and scene.ego_history is not None:
        width_m = scene.ego.size_m[1:2].astype(np.float64)
        pasts.append((scene.ego_history, width_m, np.array([_PAST_EGO])))
    most = STRIPS_EACH * sum(len(width_m) for _, width_m, _ in pasts)
    corner_m, channel, strength = np.empty((most, 4, 2)), np.empty(most, np.int64), np.empty(most)
    count = 0
    for history, width_m, channels in pasts:
        count += corners.strips(
            as_table(history.position_m),
            as_table(history.yaw_rad),
            np.ascontiguousarray(history.valid),
            width_m,
            channels,
            view,
            STRIPS_EACH,
            _REACH_M,
            corner_m[count:],
            channel[count:],
            strength[count:],
        )
    return Quads.of(corner_m[:count]), channel[:count], strength[:count]
