"""Polygons of the map that are no lanes."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.lane_map import Area
from prediction_node.lanelet.elements import Directed, Elements, Way
from prediction_node.lanelet.lanes import walk


def areas(elements: Elements, xyz_m: np.ndarray) -> list[Area]:
    """Polygons, multipolygon relations and parking spaces, in order of ids."""
    found = [
        Area(area.id, area.tags.get('subtype') or 'area', ring(elements, xyz_m, area.outer))
        for area in elements.areas.values()
    ]
    for way in elements.ways.values():
        kind = way.tags.get('type', '')
        if way.polygon:
            found.append(Area(way.id, kind or 'polygon', open_ring(xyz_m[way.rows])))
        elif kind == 'parking_space' and len(way.rows) >= 2:
            outline = _widened(way, xyz_m)
            if outline is not None:
                found.append(Area(way.id, kind, outline))
    found.sort(key=lambda area: area.id)
    return [Area(area.id, area.kind, _counterclockwise(area.outline_m)) for area in found]


def _counterclockwise(outline: np.ndarray) -> np.ndarray:
    """The same ring from the same first point."""
    x, y = outline[:, 0] - outline[:1, 0], outline[:, 1] - outline[:1, 1]
    clockwise = float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) < 0
    return np.concatenate([outline[:1], outline[:0:-1]]) if clockwise else outline


def ring(elements: Elements, xyz_m: np.ndarray, outer: tuple[Directed, ...]) -> np.ndarray:
    """(n, 3) points of an area's outer ways, each corner once."""
    parts = [walk(elements, xyz_m, directed)[:-1] for directed in outer]
    return np.concatenate(parts) if parts else np.zeros((0, 3))


def open_ring(outline: np.ndarray) -> np.ndarray:
    """Without the first point's repetition at the end."""
    closed = len(outline) > 1 and np.array_equal(outline[0], outline[-1])
    return outline[:-1] if closed else outline


def _widened(way: Way, xyz_m: np.ndarray) -> np.ndarray | None:
    """A parking space is a line with a width: its rectangle."""
    try:
        half_m = float(way.tags.get('width', '')) / 2
    except ValueError:
        return None
    start, end = xyz_m[way.rows[0]], xyz_m[way.rows[-1]]
    along = end - start
    length_m = float(np.hypot(along[0], along[1]))
    if not (np.isfinite(half_m) and half_m > 0 and length_m > 0):
        return None
    across = np.array([-along[1], along[0], 0.0]) / length_m * half_m
    return np.stack([start + across, start - across, end - across, end + across])
