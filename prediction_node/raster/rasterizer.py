"""Scenes drawn as rasters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.agents import Ego
from prediction_node.domain.frames import Transform
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.map_memory import MapMemory
from prediction_node.domain.scene import Scene
from prediction_node.raster import fill
from prediction_node.raster.bodies import (
    CLASS_CHANNEL,
    CLASSES,
    VALUE_CHANNEL,
    VALUES,
    Bodies,
    as_table,
)
from prediction_node.raster.lamps import Lamps, Lit
from prediction_node.raster.manifest import CELLS, CHANNELS, FAR_CELL_M, INDEX, NEAR_CELL_M
from prediction_node.raster.parameters import RasterParameters
from prediction_node.raster.shapes import MapShapes, Shapes, map_shapes
from prediction_node.raster.tiles import Texture, Tiles
from prediction_node.raster.warp import clear, warp

_EMPTY = np.array([channel.offset for channel in CHANNELS], np.uint8).view(np.uint64)
_OFFSET = np.array([float(channel.offset) for channel in CHANNELS])
_DIRECTION = INDEX['direction_x']
_LIGHT = INDEX['light_red']
_EGO, _PAST_EGO = INDEX['ego'], INDEX['past_ego']
_SUMS = CLASSES + VALUES + 2  # of a cell: classes, what is covered, the values, which cell


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """Two pictures of the scene; rows, columns and channels as the manifest says."""

    near: np.ndarray  # (CELLS, CELLS, channels) uint8, cells of NEAR_CELL_M
    far: np.ndarray  # the same, cells of FAR_CELL_M

    @classmethod
    def blank(cls) -> Raster:
        """Memory for a raster; what it holds has no meaning yet."""
        shape = (CELLS, CELLS, len(CHANNELS))
        return cls(np.empty(shape, np.uint8), np.empty(shape, np.uint8))


@dataclass(frozen=True, slots=True, eq=False)
class DrawnMap:
    """A map ready to draw, and what was drawn of it."""

    shapes: MapShapes
    lamps: Lamps
    near: Tiles
    far: Tiles


class _Layer:
    """One scale of the raster: its cells, and the memory to draw with."""

    def __init__(self, cell_m: float) -> None:
        self.cell_m = cell_m
        self.texture = Texture(cell_m)
        self.scratch = np.empty((CELLS, CELLS + 1))
        self.slot = np.full((CELLS, CELLS), -1, np.int32)
        self.total = np.empty((CELLS * CELLS, _SUMS), np.int32)


class Rasterizer:
    """Draws scenes. Keeps what it drew of maps; a raster depends on its scene and view alone.

    One at a time: not for several threads at once.
    """

    def __init__(self, parameters: RasterParameters | None = None) -> None:
        self._parameters = parameters or RasterParameters()
        self._maps: MapMemory[DrawnMap] = MapMemory(self._parameters.maps)
        self._near = _Layer(NEAR_CELL_M)
        self._far = _Layer(FAR_CELL_M)
        self._local = np.empty((64, 2))

    def prepare(self, lane_map: LaneMap | None) -> None:
        """Make a map ready, so that the first scene on it takes no longer than others."""
        if lane_map is not None:
            self._map(lane_map)

    def draw(
        self, scene: Scene, view: Transform | None = None, into: Raster | None = None
    ) -> Raster:
        """The raster of the scene seen from `view` (map_from_view; default: base_link).

        Written to `into` where given, which is returned.
        """
        view = scene.ego.map_from_base if view is None else view
        raster = Raster.blank() if into is None else into
        layers = ((self._near, raster.near), (self._far, raster.far))
        x_m, y_m = view.translation_m[:2].tolist()
        origin = np.array([x_m, y_m, np.cos(view.yaw_rad), np.sin(view.yaw_rad)])
        if scene.lane_map is None:
            for _, picture in layers:
                clear(_EMPTY, picture.view(np.uint64))
        else:
            self._draw_map(scene, self._map(scene.lane_map), view, raster)
        bodies = Bodies.of(scene.agents, origin)
        for layer, picture in layers:
            self._draw_pasts(scene, bodies, origin, layer, picture)
            fill.paint_agents(
                bodies.pose,
                bodies.size_m,
                bodies.share,
                bodies.value,
                CLASS_CHANNEL,
                VALUE_CHANNEL,
                _OFFSET,
                layer.cell_m,
                self._local,
                layer.scratch,
                layer.slot,
                layer.total,
                picture,
            )
            if scene.ego.present:
                self._draw_ego(scene.ego, origin, layer, picture)
        return raster

    def drawn(self, lane_map: LaneMap, place_m: np.ndarray | None = None) -> DrawnMap:
        """A map ready to draw, with the tiles that a view at `place_m` looks at, for `adopt`."""
        shapes = map_shapes(lane_map)
        capacity = self._parameters.tiles
        drawn = DrawnMap(
            shapes,
            Lamps(lane_map),
            Tiles(shapes.near, NEAR_CELL_M, capacity),
            Tiles(shapes.far, FAR_CELL_M, capacity),
        )
        if place_m is not None:
            x_m, y_m = shapes.anchor.points(place_m[:2]).tolist()
            for layer, tiles in ((self._near, drawn.near), (self._far, drawn.far)):
                for key in layer.texture.needed(x_m, y_m):
                    tiles.get(key)
        return drawn

    def adopt(self, lane_map: LaneMap, drawn: DrawnMap) -> None:
        """Draw this map from what was made ready elsewhere."""
        self._maps.keep(lane_map, drawn)
        self._make_room(drawn)

    def _make_room(self, drawn: DrawnMap) -> None:
        """For the longest line of a map as a view sees it."""
        longest = max(drawn.shapes.lanes.longest, drawn.shapes.near.stop_lines.longest)
        if longest > len(self._local):
            self._local = np.empty((longest, 2))

    def _map(self, lane_map: LaneMap) -> DrawnMap:
        drawn = self._maps.of(lane_map, self.drawn)
        self._make_room(drawn)
        return drawn

    def _draw_map(self, scene: Scene, ready: DrawnMap, view: Transform, raster: Raster) -> None:
        """The map and its lights."""
        shapes, ego = ready.shapes, scene.ego
        x_m, y_m = view.translation_m[:2].tolist()
        origin = shapes.anchor.pose(x_m, y_m, view.yaw_rad)
        lit = ready.lamps.lit(scene.lights, scene.stamp_ns)
        for layer, tiles, scale, picture in (
            (self._near, ready.near, shapes.near, raster.near),
            (self._far, ready.far, shapes.far, raster.far),
        ):
            layer.texture.cover(tiles, float(origin[0]), float(origin[1]))
            warp(
                layer.texture.texel,
                origin,
                layer.cell_m,
                _DIRECTION,
                _EMPTY,
                picture,
                picture.view(np.uint64),
            )
            self._draw_lights(lit, shapes, scale, origin, layer, picture)
        if ego.present and self._parameters.tiles_ahead:
            moved = ego.map_velocity_mps * self._parameters.ahead_s
            x_m, y_m = shapes.anchor.points(ego.position_m + moved).tolist()
            for layer, tiles in ((self._near, ready.near), (self._far, ready.far)):
                layer.texture.draw_ahead(tiles, x_m, y_m, self._parameters.tiles_ahead)

    def _draw_lights(
        self,
        lit: Lit,
        shapes: MapShapes,
        scale: Shapes,
        origin: np.ndarray,
        layer: _Layer,
        picture: np.ndarray,
    ) -> None:
        for polygons, rows, value in (
            (shapes.lanes, lit.lanes, lit.lane_value),
            (scale.stop_lines, lit.stop_lines, lit.stop_line_value),
        ):
            fill.paint_marks(
                polygons.points_m,
                polygons.offsets,
                rows,
                value,
                _LIGHT,
                origin,
                layer.cell_m,
                self._local,
                layer.scratch,
                picture,
            )

    def _draw_pasts(
        self,
        scene: Scene,
        bodies: Bodies,
        origin: np.ndarray,
        layer: _Layer,
        picture: np.ndarray,
    ) -> None:
        pasts = [(scene.history, bodies.size_m[:, 1].copy(), bodies.past)]
        if scene.ego.present and scene.ego_history is not None:
            width_m = scene.ego.size_m[1:2].astype(np.float64)
            pasts.append((scene.ego_history, width_m, np.array([_PAST_EGO])))
        for history, width_m, channels in pasts:
            fill.paint_pasts(
                as_table(history.position_m),
                as_table(history.yaw_rad),
                np.ascontiguousarray(history.valid),
                width_m,
                channels,
                origin,
                layer.cell_m,
                self._local,
                layer.scratch,
                picture,
            )

    def _draw_ego(self, ego: Ego, origin: np.ndarray, layer: _Layer, picture: np.ndarray) -> None:
        length_m, width_m = ego.size_m[:2].tolist()
        ahead = ego.map_from_base.rotation_2d
        corners = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * [0.5 * length_m, 0.5 * width_m]
        points_m = np.ascontiguousarray(ego.centre_m + corners @ ahead.T)
        fill.paint_marks(
            points_m,
            np.array([0, 4]),
            np.array([0]),
            np.array([[255.0]]),
            _EGO,
            origin,
            layer.cell_m,
            self._local,
            layer.scratch,
            picture,
        )
