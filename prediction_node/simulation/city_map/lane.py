"""Lanes of a city map in the making, tied together by the points that they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from prediction_node.domain.lane_map import BorderKind, LaneKind, Turn
from prediction_node.simulation.network.net_file import Function, NetLane

ON_FOOT = (LaneKind.WALKWAY, LaneKind.CROSSWALK)


class Joints:
    """Points where borders end; joined ones become one, at the mean of their places."""

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._sum_m: list[np.ndarray] = []
        self._count: list[int] = []

    def add(self, place_m: np.ndarray) -> int:
        """`place_m`: (3,)."""
        self._parent.append(len(self._parent))
        self._sum_m.append(np.asarray(place_m, float))
        self._count.append(1)
        return len(self._parent) - 1

    def root(self, joint: int) -> int:
        while self._parent[joint] != joint:
            self._parent[joint] = self._parent[self._parent[joint]]
            joint = self._parent[joint]
        return joint

    def join(self, a: int, b: int) -> None:
        low, high = sorted((self.root(a), self.root(b)))
        if low != high:
            self._parent[high] = low
            self._sum_m[low] = self._sum_m[low] + self._sum_m[high]
            self._count[low] += self._count[high]

    def place(self, joint: int) -> np.ndarray:
        """(3,)"""
        root = self.root(joint)
        return np.asarray(self._sum_m[root] / self._count[root])


@dataclass(slots=True, eq=False)
class Border:
    """A line between two joints; neighbours hold the same object, those against it a mirrored one.

    `points_m` may still start and end a little beside the joints.
    """

    points_m: np.ndarray  # (n, 3)
    start: int
    end: int

    def mirrored(self) -> Border:
        return Border(self.points_m[::-1], self.end, self.start)

    def settled(self, joints: Joints) -> np.ndarray:
        """(n, 3) from joint to joint."""
        line = self.points_m.copy()
        line[0], line[-1] = joints.place(self.start), joints.place(self.end)
        return line


Gate = tuple[int, int]  # joints at the left and right of a lane's end


@dataclass(slots=True, eq=False)
class Lane:
    """One lane of the map to be. Neighbours are others of the same direction beside it."""

    id: int
    kind: LaneKind
    left: Border
    right: Border
    left_kind: BorderKind
    right_kind: BorderKind
    turn: Turn = Turn.NONE
    speed_mps: float = np.inf
    left_lane: Lane | None = None
    right_lane: Lane | None = None
    left_change: bool = False
    right_change: bool = False
    stop: bool = field(default=False)  # a stop line crosses its end

    @property
    def start(self) -> Gate:
        return self.left.start, self.right.start

    @property
    def end(self) -> Gate:
        return self.left.end, self.right.end


class LaneBook:
    """All lanes in order, and which of them holds each SUMO lane."""

    def __init__(self) -> None:
        self.lanes: list[Lane] = []
        self.of_net: dict[str, Lane] = {}

    def add(self, lane: Lane, *net_lanes: str) -> Lane:
        self.lanes.append(lane)
        for net_lane in net_lanes:
            self.of_net[net_lane] = lane
        return lane

    def __iter__(self) -> Iterator[Lane]:
        return iter(self.lanes)


def kind_of(lane: NetLane) -> LaneKind:
    """By who may use it: of vehicles only those that park make a shoulder."""
    if lane.function is Function.CROSSING:
        return LaneKind.CROSSWALK
    access = lane.access
    if access.closed:
        return LaneKind.OTHER
    if access.motorised:
        return LaneKind.ROAD
    if access.allows('bicycle'):
        return LaneKind.BICYCLE
    if access.allows('pedestrian'):
        return LaneKind.WALKWAY
    return LaneKind.SHOULDER
