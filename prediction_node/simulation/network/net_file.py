"""A SUMO network file as values: lanes, connections, junctions, signal programmes.

Format: SUMO's documentation of the network file. Coordinates are those of the file; City networks
have no offset, so they are metres in the map frame.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from prediction_node.domain.errors import SimulationError

DEFAULT_WIDTH_M = 3.2  # SUMO's where the file names none
_MOTORISED = frozenset(
    {'passenger', 'taxi', 'bus', 'coach', 'delivery', 'truck', 'trailer', 'motorcycle', 'moped'}
    | {'hov', 'emergency', 'authority', 'private', 'army', 'vip', 'evehicle'}
)


class Function(enum.Enum):
    """What an edge is, by the file's `function`."""

    NORMAL = 'normal'
    INTERNAL = 'internal'  # across a junction
    CROSSING = 'crossing'
    WALKING_AREA = 'walkingarea'
    CONNECTOR = 'connector'


@dataclass(frozen=True, slots=True)
class Access:
    """The vehicle classes of `allow` and `disallow`."""

    allowed: frozenset[str] | None = None  # None: all but the forbidden
    forbidden: frozenset[str] = frozenset()

    @classmethod
    def of(cls, allow: str | None, disallow: str | None = None) -> Access:
        """From the attributes' text."""
        allowed = None if allow is None or allow == 'all' else frozenset(allow.split())
        return cls(allowed, frozenset((disallow or '').split()))

    def allows(self, vehicle_class: str) -> bool:
        if self.allowed is not None:
            return vehicle_class in self.allowed
        return vehicle_class not in self.forbidden and 'all' not in self.forbidden

    @property
    def motorised(self) -> bool:
        """Whether any kind of motor traffic drives here."""
        return any(self.allows(each) for each in _MOTORISED)

    @property
    def closed(self) -> bool:
        """Whether nobody at all may be here."""
        return self.allowed == frozenset() or 'all' in self.forbidden


@dataclass(frozen=True, slots=True, eq=False)
class NetLane:
    """A lane; of a walking area `shape_m` is the outline, else the centreline."""

    id: str
    edge: str
    index: int  # from the right
    function: Function
    shape_m: np.ndarray  # (n, 3)
    width_m: float
    speed_mps: float
    access: Access
    change_left: Access  # who may change lane to that side, as far as the neighbour admits them
    change_right: Access


@dataclass(frozen=True, slots=True)
class NetEdge:
    """An edge; inside of junctions `start` and `end` are empty."""

    id: str
    function: Function
    start: str
    end: str
    lanes: tuple[str, ...]  # ids from the right


@dataclass(frozen=True, slots=True)
class NetConnection:
    """From one lane to the next; `via` is the lane inside of the junction that leads there."""

    start: str
    end: str
    via: str  # empty: none
    direction: str  # s straight, t turn around, l left, r right, L and R partially
    state: str  # M major, m minor, s stop, w all-way stop, = equal, Z zipper, o or O signal off
    signal: str  # id of the signal controller, empty: none
    link: int  # index in the controller's states, -1: none


@dataclass(frozen=True, slots=True, eq=False)
class NetJunction:
    """A junction; link k leads over (or ends on) lane inner[k]."""

    id: str
    kind: str
    outline_m: np.ndarray  # (n, 3), may be empty
    incoming: tuple[str, ...]  # lanes
    inner: tuple[str, ...]  # lanes, the last of every way across, then the crossings
    gives_way: np.ndarray  # (K, K) bool, link row must let link column pass
    waits_inside: np.ndarray  # (K,) bool, a second stop lies within the junction


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """All of a network file, in its order."""

    path: Path
    edges: Mapping[str, NetEdge]
    lanes: Mapping[str, NetLane]
    connections: tuple[NetConnection, ...]
    junctions: Mapping[str, NetJunction]  # without those inside of junctions
    programmes: Mapping[str, tuple[tuple[str, ...], ...]]  # controller -> programmes -> states


def read_network(path: Path) -> Network:
    """Raises SimulationError naming the file where it cannot be read or is no network."""
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as problem:
        raise SimulationError(f'{path} cannot be read: {problem.strerror}') from problem
    except ElementTree.ParseError as problem:
        raise SimulationError(f'{path} is not XML: {problem}') from problem
    if root.tag != 'net':
        raise SimulationError(f'{path} is not a SUMO network: its root is {root.tag!r}')
    if root.get('lefthand') in ('true', '1'):
        raise SimulationError(f'{path} is for traffic that keeps to the left, which is not known')
    try:
        return _network(path, root)
    except (KeyError, ValueError) as problem:
        raise SimulationError(f'{path} is not a whole SUMO network: {problem!r}') from problem


def _network(path: Path, root: ElementTree.Element) -> Network:
    edges: dict[str, NetEdge] = {}
    lanes: dict[str, NetLane] = {}
    for element in root.iterfind('edge'):
        function = Function(element.get('function') or 'normal')
        found = [_lane(each, element.attrib['id'], function) for each in element.iterfind('lane')]
        lanes.update((lane.id, lane) for lane in found)
        edges[element.attrib['id']] = NetEdge(
            id=element.attrib['id'],
            function=function,
            start=element.get('from', ''),
            end=element.get('to', ''),
            lanes=tuple(lane.id for lane in found),
        )
    programmes: dict[str, list[tuple[str, ...]]] = {}
    for logic in root.iterfind('tlLogic'):
        states = tuple(phase.attrib['state'] for phase in logic.iterfind('phase'))
        programmes.setdefault(logic.attrib['id'], []).append(states)
    return Network(
        path=path,
        edges=edges,
        lanes=lanes,
        connections=tuple(_connection(each) for each in root.iterfind('connection')),
        junctions={
            each.attrib['id']: _junction(each)
            for each in root.iterfind('junction')
            if each.get('type') != 'internal'
        },
        programmes={signal: tuple(rows) for signal, rows in programmes.items()},
    )


def _lane(element: ElementTree.Element, edge: str, function: Function) -> NetLane:
    return NetLane(
        id=element.attrib['id'],
        edge=edge,
        index=int(element.attrib['index']),
        function=function,
        shape_m=_points(element.attrib['shape']),
        width_m=float(element.get('width', DEFAULT_WIDTH_M)),
        speed_mps=float(element.attrib['speed']),
        access=Access.of(element.get('allow'), element.get('disallow')),
        change_left=Access.of(element.get('changeLeft')),
        change_right=Access.of(element.get('changeRight')),
    )


def _points(text: str) -> np.ndarray:
    """(n, 3); the file leaves out heights of zero."""
    points = [[float(v) for v in point.split(',')] for point in text.split()]
    return np.array([[*point, 0.0][:3] for point in points], float).reshape(-1, 3)


def _connection(element: ElementTree.Element) -> NetConnection:
    return NetConnection(
        start=f'{element.attrib["from"]}_{element.attrib["fromLane"]}',
        end=f'{element.attrib["to"]}_{element.attrib["toLane"]}',
        via=element.get('via', ''),
        direction=element.attrib['dir'],
        state=element.attrib['state'],
        signal=element.get('tl', ''),
        link=int(element.get('linkIndex', -1)),
    )


def _junction(element: ElementTree.Element) -> NetJunction:
    requests = sorted(element.iterfind('request'), key=lambda each: int(each.attrib['index']))
    # The last character of a response is link 0.
    rows = [[c == '1' for c in reversed(each.attrib['response'])] for each in requests]
    count = len(rows)
    return NetJunction(
        id=element.attrib['id'],
        kind=element.attrib['type'],
        outline_m=_points(element.get('shape', '')),
        incoming=tuple(element.get('incLanes', '').split()),
        inner=tuple(element.get('intLanes', '').split()),
        gives_way=np.array(rows, bool).reshape(count, count),
        waits_inside=np.array([each.get('cont') == '1' for each in requests], bool),
    )
