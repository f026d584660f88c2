"""Scenes drawn as rasters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import Transform
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.map_memory import MapMemory
from prediction_node.domain.scene import Scene
from prediction_node.domain.sketch import FAR, NEAR, Changes
from prediction_node.raster import fill
from prediction_node.raster.bodies import CLASS_CHANNEL, CLASSES, VALUE_CHANNEL, VALUES
from prediction_node.raster.lamps import Lamps
from prediction_node.raster.manifest import CELLS, CHANNELS, FAR_CELL_M, NEAR_CELL_M
from prediction_node.raster.parameters import RasterParameters
from prediction_node.raster.shapes import MapShapes, map_shapes
from prediction_node.raster.sketch import DIRECTION_CHANNEL, EMPTY, Sketch
from prediction_node.raster.tiles import Texture, Tiles
from prediction_node.raster.warp import clear, warp

_EMPTY_WORDS = EMPTY.view(np.uint64)
_OFFSET = EMPTY.astype(np.float64)
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
        self._layers = (_Layer(NEAR_CELL_M), _Layer(FAR_CELL_M))
        self._newest: Sketch | None = None

    def prepare(self, lane_map: LaneMap | None) -> None:
        """Make a map ready, so that the first scene on it takes no longer than others."""
        if lane_map is not None:
            self._maps.of(lane_map, self.drawn)

    def draw(
        self, scene: Scene, view: Transform | None = None, into: Raster | None = None
    ) -> Raster:
        """The raster of the scene seen from `view` (map_from_view; default: base_link).

        Written to `into` where given, which is returned.
        """
        raster = Raster.blank() if into is None else into
        self.paint(self.sketch(scene, view), raster)
        return raster

    def sketch(self, scene: Scene, view: Transform | None = None) -> Sketch:
        """What is to be painted, and the textures made ready for it: good until the next one."""
        view = scene.ego.map_from_base if view is None else view
        x_m, y_m = view.translation_m[:2].tolist()
        pose = np.array([x_m, y_m, np.cos(view.yaw_rad), np.sin(view.yaw_rad)])
        if scene.lane_map is None:
            self._newest = Sketch.of(scene, pose, None, None)
        else:
            ready = self._maps.of(scene.lane_map, self.drawn)
            lit = ready.lamps.lit(scene.lights, scene.stamp_ns)
            self._newest = Sketch.of(scene, pose, ready.shapes, lit)
            self._cover(scene, ready, pose)
        return self._newest

    def paint(self, sketch: Sketch, raster: Raster) -> None:
        """The newest sketch: the textures are ready for it alone. Raises ValueError for another."""
        if sketch is not self._newest:
            raise ValueError('the sketch must be the newest one')
        for scale, picture in ((NEAR, raster.near), (FAR, raster.far)):
            layer = self._layers[scale]
            if sketch.origin is None:
                clear(_EMPTY_WORDS, picture.view(np.uint64))
            else:
                warp(
                    layer.texture.texel,
                    sketch.origin,
                    layer.cell_m,
                    DIRECTION_CHANNEL,
                    _EMPTY_WORDS,
                    picture,
                    picture.view(np.uint64),
                )
            self._paint_lists(sketch, scale, picture)

    @property
    def textures(self) -> tuple[Texture, Texture]:
        """The map around the newest sketch, near and far."""
        return self._layers[NEAR].texture, self._layers[FAR].texture

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
            for layer, tiles in zip(self._layers, (drawn.near, drawn.far), strict=True):
                for key in layer.texture.needed(x_m, y_m):
                    tiles.get(key)
        return drawn

    def adopt(self, lane_map: LaneMap, drawn: DrawnMap) -> None:
        """Draw this map from what was made ready elsewhere."""
        self._maps.keep(lane_map, drawn)

    def _cover(self, scene: Scene, ready: DrawnMap, view: np.ndarray) -> None:
        """Have the map there, and some of what will be needed next."""
        x_m, y_m = ready.shapes.anchor.points(view[:2]).tolist()
        pairs = tuple(zip(self._layers, (ready.near, ready.far), strict=True))
        for layer, tiles in pairs:
            layer.texture.cover(tiles, x_m, y_m)
        ego = scene.ego
        if ego.present and self._parameters.tiles_ahead:
            moved = ego.map_velocity_mps * self._parameters.ahead_s
            x_m, y_m = ready.shapes.anchor.points(ego.position_m + moved).tolist()
            for layer, tiles in pairs:
                layer.texture.draw_ahead(tiles, x_m, y_m, self._parameters.tiles_ahead)

    def _paint_lists(self, sketch: Sketch, scale: int, picture: np.ndarray) -> None:
        """All but the map."""
        layer, marks = self._layers[scale], sketch.marks[scale]
        scratch = layer.scratch
        fill.paint_marks(
            marks.points, marks.offsets, marks.channel, marks.values, marks.value, scratch, picture
        )
        fill.paint_strips(
            sketch.strips.corner[scale],
            sketch.strip_channel,
            sketch.strip_strength,
            scratch,
            picture,
        )
        fill.paint_boxes(
            sketch.boxes.corner[scale],
            sketch.bodies.share,
            sketch.bodies.value,
            CLASS_CHANNEL,
            VALUE_CHANNEL,
            _OFFSET,
            scratch,
            layer.slot,
            layer.total,
            picture,
        )


class SceneDrawing:
    """Implements domain.sketch.Drawing: the newest sketch of a rasterizer."""

    def __init__(self, rasterizer: Rasterizer, sketch: Sketch, raster: Raster) -> None:
        """To be painted on `raster`."""
        self._rasterizer, self._sketch, self._raster = rasterizer, sketch, raster
        self.painted = False

    def raster(self) -> Raster:
        """Painted here if it was not yet."""
        if not self.painted:
            self._rasterizer.paint(self._sketch, self._raster)
            self.painted = True
        return self._raster

    def rasters(self) -> tuple[np.ndarray, np.ndarray]:
        return self.raster().near, self.raster().far

    def write(self, sketch: np.ndarray) -> bool:
        return self._sketch.write(sketch)

    def changed_tiles(self, since: Changes) -> tuple[np.ndarray, Changes]:
        near, far = self._rasterizer.textures
        near_places, near_changes = near.changed(since[NEAR])
        far_places, far_changes = far.changed(since[FAR])
        places = [np.insert(near_places, 0, NEAR, axis=1), np.insert(far_places, 0, FAR, axis=1)]
        return np.concatenate(places), (near_changes, far_changes)

    def texture(self, scale: int) -> np.ndarray:
        return self._rasterizer.textures[scale].texel
