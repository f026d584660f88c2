"""A road network as planned, before netconvert works out junctions: nodes, edges, lanes."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

import numpy as np


class LaneUse(enum.Enum):
    """Who a lane is for."""

    SIDEWALK = 'sidewalk'
    BICYCLE = 'bicycle'
    PARKING = 'parking'
    DRIVING = 'driving'


@dataclass(frozen=True, slots=True)
class PlannedLane:
    """One lane of an edge."""

    use: LaneUse
    width_m: float


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """Where edges meet."""

    id: str
    x_m: float
    y_m: float
    kind: str  # one of scenario.layout.JUNCTION_KINDS, 'ring', 'join' or 'fringe'


@dataclass(frozen=True, slots=True, eq=False)
class PlannedEdge:
    """One direction of a stretch of street between two nodes."""

    id: str
    start: str
    end: str
    street: str  # kind of street
    name: str  # the same for all edges of a street
    shape_m: np.ndarray  # (K, 2) left border of the leftmost lane, along the driving direction
    lanes: tuple[PlannedLane, ...]  # from the right
    speed_mps: float
    priority: int
    turn_lane: bool = False  # the leftmost lane is for left turns alone

    @property
    def width_m(self) -> float:
        return sum(lane.width_m for lane in self.lanes)

    @property
    def length_m(self) -> float:
        return float(np.hypot(*np.diff(self.shape_m, axis=0).T).sum())

    def lane_index(self, use: LaneUse) -> int | None:
        """The rightmost lane of a use, None if there is none."""
        for index, lane in enumerate(self.lanes):
            if lane.use is use:
                return index
        return None


@dataclass(frozen=True, slots=True)
class PlannedCrosswalk:
    """Walkers cross these edges beside a node."""

    node: str
    edges: tuple[str, ...]
    priority: bool  # vehicles give way


@dataclass(slots=True, eq=False)
class Plan:
    """A network in the making; `layout` functions add to it."""

    nodes: list[PlannedNode] = field(default_factory=list)
    edges: list[PlannedEdge] = field(default_factory=list)
    crosswalks: list[PlannedCrosswalk] = field(default_factory=list)
    rings: list[tuple[str, ...]] = field(default_factory=list)  # edges of each roundabout

    def into(self, node_id: str) -> list[PlannedEdge]:
        return [edge for edge in self.edges if edge.end == node_id]

    def out_of(self, node_id: str) -> list[PlannedEdge]:
        return [edge for edge in self.edges if edge.start == node_id]
