"""The elements of a Lanelet2 map as both file formats hold them, before any meaning is read into
them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

Tags = dict[str, str]


class Directed(NamedTuple):
    """A way, walked from its first point or (`inverted`) from its last."""

    way: int
    inverted: bool = False


class Member(NamedTuple):
    """What a rule refers to."""

    kind: str  # point, way, lanelet or area
    id: int


@dataclass(slots=True)
class Way:
    """A line string or polygon: rows into the points of its map."""

    id: int
    rows: np.ndarray  # (n,) int64
    tags: Tags
    polygon: bool = False


@dataclass(slots=True)
class LaneletElement:
    """A lanelet; borders are aligned with the driving direction only where `aligned` says so."""

    id: int
    tags: Tags
    left: Directed
    right: Directed
    centreline: Directed | None
    rules: tuple[int, ...]


@dataclass(slots=True)
class AreaElement:
    """An area bounded by an outer ring of ways, walked in order."""

    id: int
    tags: Tags
    outer: tuple[Directed, ...]
    rules: tuple[int, ...]


@dataclass(slots=True)
class RuleElement:
    """A regulatory element of any kind."""

    id: int
    tags: Tags
    members: dict[str, list[Member]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return self.tags.get('subtype', '')


@dataclass(slots=True)
class Points:
    """P points. Positions that the map leaves out are nan; `xyz_m` is what an archive carries."""

    id: np.ndarray  # (P,) int64
    latitude_deg: np.ndarray  # (P,)
    longitude_deg: np.ndarray  # (P,)
    elevation_m: np.ndarray  # (P,) 0 where the map has none
    local_m: np.ndarray  # (P, 2) local_x, local_y
    xyz_m: np.ndarray | None = None  # (P, 3), archives only

    _row_of: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.id)

    def row_of(self) -> dict[int, int]:
        """Row by id."""
        if not self._row_of:
            self._row_of = {id_: row for row, id_ in enumerate(self.id.tolist())}
        return self._row_of


@dataclass(slots=True)
class Elements:
    """A whole map.

    `faults` name elements that cannot be trusted, `warnings` what was repaired or left out.
    """

    source: str
    points: Points
    ways: dict[int, Way]
    lanelets: dict[int, LaneletElement]
    areas: dict[int, AreaElement]
    rules: dict[int, RuleElement]
    aligned: bool  # borders already run along the driving direction
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
