"""The semantic road map as arrays: lanes, their connections and rules, in the vehicle's map
frame.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


class LaneKind(enum.IntEnum):
    """What a lanelet is for."""

    ROAD = 0
    BICYCLE = 1
    WALKWAY = 2  # sidewalks and other paths for walkers
    CROSSWALK = 3
    SHOULDER = 4
    OTHER = 5


class Turn(enum.IntEnum):
    """Turn direction of a lane; NONE where the map does not say."""

    NONE = 0
    STRAIGHT = 1
    LEFT = 2
    RIGHT = 3


class BorderKind(enum.IntEnum):
    """What separates a lane from its neighbour."""

    VIRTUAL = 0
    DASHED = 1
    SOLID = 2
    CURB = 3
    OTHER = 4


@dataclass(frozen=True, slots=True, eq=False)
class Polylines:
    """Many polylines in one array: line i is points[offsets[i]:offsets[i + 1]]."""

    points_m: np.ndarray  # (P, 3)
    offsets: np.ndarray  # (L + 1,) int64

    @classmethod
    def of(cls, lines: Sequence[np.ndarray]) -> Polylines:
        """From (n_i, 3) arrays."""
        offsets = np.concatenate([[0], np.cumsum([len(line) for line in lines])]).astype(np.int64)
        points = (
            np.concatenate([np.asarray(line, float).reshape(-1, 3) for line in lines])
            if lines
            else np.zeros((0, 3))
        )
        return cls(points, offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int | np.integer[Any]) -> np.ndarray:
        return self.points_m[self.offsets[i] : self.offsets[i + 1]]


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """A directed relation between indices: source i relates to targets[offsets[i]:offsets[i +
    1]].
    """

    targets: np.ndarray  # (E,) int64
    offsets: np.ndarray  # (S + 1,) int64

    @classmethod
    def of(cls, targets_of: Sequence[Iterable[int]]) -> Relation:
        """From one iterable of target indices per source; order is kept."""
        rows = [np.asarray(list(t), dtype=np.int64) for t in targets_of]
        offsets = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int64)
        targets = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        return cls(targets, offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int | np.integer[Any]) -> np.ndarray:
        return self.targets[self.offsets[i] : self.offsets[i + 1]]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A regulatory element of any kind, as found in the map: nothing the map says is lost."""

    id: int
    kind: str  # subtype: traffic_light, right_of_way, crosswalk, no_stopping_area, ...
    lanes: tuple[int, ...]  # indices of lanes that reference it
    geometry: dict[str, tuple[np.ndarray, ...]]  # role -> (n, 3) polylines, polygons or points
    role_lanes: dict[str, tuple[int, ...]] = field(default_factory=dict)  # role -> lanes it names
    tags: dict[str, str] = field(default_factory=dict)  # as written in the map


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """A polygon that is not a lane: parking lot, intersection area, no-stopping area, ..."""

    id: int
    kind: str
    outline_m: np.ndarray  # (n, 3) counterclockwise, first point not repeated


@dataclass(frozen=True, slots=True, eq=False)
class LaneMap:
    """L lanes (lanelets) with geometry, connections and rules. Lane index = row; `id` is the map's
    own number.

    `lights`: G signal groups. A group's id is what /perception/.../traffic_signals names (the
    regulatory element's id in Lanelet2).

    Every row is driven from its first point to its last. A lane that vehicles or bicycles use both
    ways is two rows with `one_way` false: one as drawn, with the lanelet's id, and one against it,
    with the negative id. Lanes for walkers are one row; where `one_way` is false, their successors
    meet them at either end.
    """

    id: np.ndarray  # (L,) int64
    kind: np.ndarray  # (L,) int8, LaneKind
    turn: np.ndarray  # (L,) int8, Turn
    speed_limit_mps: np.ndarray  # (L,) inf where unlimited or unknown
    has_speed_limit: np.ndarray  # (L,) bool
    centreline: Polylines  # L lines along the driving direction
    left_border: Polylines  # L lines, same direction
    right_border: Polylines  # L lines, same direction
    left_border_kind: np.ndarray  # (L,) int8, BorderKind
    right_border_kind: np.ndarray  # (L,) int8, BorderKind
    one_way: np.ndarray  # (L,) bool; false: the same surface is used in both directions
    successors: Relation  # lane -> lanes that continue it
    predecessors: Relation
    left: (
        Relation  # lane -> lane to the left, same direction (at most one); change may be forbidden
    )
    right: Relation
    left_change: np.ndarray  # (L,) bool, lane change to the left is allowed
    right_change: np.ndarray  # (L,) bool
    yields_to: Relation  # lane -> lanes it must give way to
    light_group_id: np.ndarray  # (G,) int64
    light_lanes: Relation  # group -> lanes it rules
    light_stop_line: Relation  # group -> indices into stop_lines (at most one)
    lane_lights: Relation  # lane -> groups that rule it
    light_position: Polylines  # group -> points of all its signal heads' base lines, in turn
    stop_lines: Polylines  # S lines
    stop_line_lanes: Relation  # stop line -> lanes that end (or must stop) at it
    areas: tuple[Area, ...] = ()
    rules: tuple[Rule, ...] = ()
    source: str = ''  # file or topic it came from
    warnings: tuple[str, ...] = field(default=())  # what the reader had to repair or leave out

    def __len__(self) -> int:
        return len(self.id)

    def index_of(self, lane_id: int) -> int:
        """Row of the lanelet with this id. Raises KeyError."""
        rows = np.flatnonzero(self.id == lane_id)
        if not len(rows):
            raise KeyError(f'no lanelet {lane_id} in {self.source or "the map"}')
        return int(rows[0])
