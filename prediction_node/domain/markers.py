"""Shapes for RViz and Foxglove: a few lists that hold many triangles or lines each."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np


class MarkerType(enum.IntEnum):
    """The list types of visualization_msgs/Marker that are used here."""

    LINE_LIST = 5
    SPHERE_LIST = 7
    TRIANGLE_LIST = 11


@dataclass(frozen=True, slots=True, eq=False)
class Marker:
    """One list of primitives in the map frame. No points: the marker of this name is taken away."""

    name: str  # namespace; every name is one marker, its id is 0
    type: MarkerType
    size_m: float  # line width or sphere diameter; triangles take none
    points_m: np.ndarray  # (P, 3) relative to origin_m; two per line, three per triangle
    colours: np.ndarray  # (P, 4) red, green, blue, alpha in [0, 1]
    origin_m: (
        np.ndarray
    )  # (3,) pose of the marker: keeps the points small where map coordinates are not

    def __post_init__(self) -> None:
        if self.points_m.shape != (len(self.points_m), 3):
            raise ValueError(f'Marker.points_m must be (P, 3), got {self.points_m.shape}')
        if self.colours.shape != (len(self.points_m), 4):
            raise ValueError(
                f'Marker.colours must be {(len(self.points_m), 4)}, got {self.colours.shape}'
            )
