"""CommonRoad 2020a scenarios: recorded traffic and its road map.

Format: "CommonRoad: Documentation of the XML Format (version 2020a)", TU Munich.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prediction_node.domain.frames import rotation_2d, wrap_angle
from prediction_node.domain.kinds import ATTRIBUTE_COUNT, ATTRIBUTE_INDEX, ObjectClass
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.recording import Recording
from prediction_node.domain.stamps import NS_PER_S
from prediction_node.importers.body import USUAL_SIZE_M
from prediction_node.importers.commonroad_lights import read_cycles, states_at
from prediction_node.importers.commonroad_map import read_lane_map
from prediction_node.importers.ego import choose_ego
from prediction_node.importers.motion import backward_velocity
from prediction_node.importers.xml_document import Node, read_xml

START_NS = 1_000_000_000 * NS_PER_S  # arbitrary: scenarios count steps and name no instant
MAX_STEPS = 36_000
VERSIONS = ('2018b', '2020a')

_CLASSES = {
    'unknown': ObjectClass.UNKNOWN,
    'car': ObjectClass.CAR,
    'truck': ObjectClass.TRUCK,
    'bus': ObjectClass.BUS,
    'bicycle': ObjectClass.BICYCLE,
    'pedestrian': ObjectClass.PEDESTRIAN,
    'priorityVehicle': ObjectClass.CAR,
    'parkedVehicle': ObjectClass.CAR,
    'taxi': ObjectClass.CAR,
    'motorcycle': ObjectClass.MOTORCYCLE,
    'train': ObjectClass.UNKNOWN,
}
# By a word of the attribute `source`. Road maps drawn after OpenStreetMap come under its licence.
_LICENCES = {
    'NGSIM': 'NGSIM: US DOT, public domain',
    'OpenStreetMap': 'lanes partly OpenStreetMap, ODbL',
}
# Static obstacles that are no road users; a predictor of motion has nothing to say about them.
_IMMOBILE = (
    'constructionZone',
    'roadBoundary',
    'building',
    'pillar',
    'median_strip',
    'medianStrip',
)


@dataclass
class _Track:
    """One obstacle: its states by time step as rows step, x, y, yaw, speed."""

    id: str
    label: ObjectClass
    size_m: tuple[float, float, float]
    states: np.ndarray  # (K, 5)
    parked: bool


def read_commonroad(path: Path | str, velocity: str = 'backward') -> tuple[Recording, LaneMap]:
    """The recorded road users and the lane map of a CommonRoad XML file.

    The map frame is the file's own. `Recording.ego` is the row that `choose_ego` finds: the
    planning problem's vehicle is no recorded one, so it is left out. Obstacles whose future is
    given as occupied regions (set-based predictions) are valid at their initial state only.
    Intervals count as their middle, shapes in place of points as their centre.

    `velocity`: `backward` takes differences to the instant before (the recorded speed only where
    there is none); `recorded` takes the file's speed along the orientation. The recorded speeds of
    the NGSIM scenarios are the mean of the backward and the forward difference of the positions
    (least squares weights 0.43 and 0.56 on Lankershim, 0.49 and 0.50 on US101): as history they
    leak the future.

    Raises DataError naming the file and the element.
    """
    if velocity not in ('backward', 'recorded'):
        raise ValueError(f'velocity must be backward or recorded, got {velocity!r}')
    root = read_xml(Path(path), 'commonRoad')
    version = root.attribute('commonRoadVersion')
    if version not in VERSIONS:
        raise root.error(f'commonRoadVersion must be one of {", ".join(VERSIONS)}, got {version!r}')
    dt_s = _positive_attribute(root, 'timeStepSize')
    name = root.element.get('benchmarkID') or Path(path).stem
    return _recording(root, name, dt_s, velocity), read_lane_map(root)


def licence_of_scenario(path: Path | str) -> str:
    """The licences of what a scenario names as its sources, empty if it names none known.

    Raises DataError as `read_commonroad`.
    """
    source = read_xml(Path(path), 'commonRoad').element.get('source', '')
    return '; '.join(said for mark, said in _LICENCES.items() if mark in source)


def read_origin(path: Path | str) -> tuple[float, float]:
    """Latitude and longitude in degrees that the scenario names; (0, 0) if it names none.

    Scenarios name a place near by, so a map drawn on the Earth with it may lie tens of metres off.
    """
    location = read_xml(Path(path), 'commonRoad').find('location')
    if location is None:
        return 0.0, 0.0
    latitude, longitude = location.number('gpsLatitude'), location.number('gpsLongitude')
    if not (abs(latitude) <= 84.0 and abs(longitude) <= 180.0):
        return 0.0, 0.0  # the format's mark for nowhere is 999
    return latitude, longitude


def _recording(root: Node, name: str, dt_s: float, velocity: str) -> Recording:
    tracks = list(_tracks(root))
    steps = [t.states[:, 0] for t in tracks if not t.parked]
    if not steps:
        steps = [t.states[:, 0] for t in tracks]
    if not steps:
        raise root.error('there is no obstacle, so nothing is recorded')
    first = int(min(s.min() for s in steps))
    count = int(max(s.max() for s in steps)) - first + 1
    if count > MAX_STEPS:
        raise root.error(f'the recording must have at most {MAX_STEPS} time steps, got {count}')

    n = len(tracks)
    stamp_ns = START_NS + np.array(
        [round(k * dt_s * NS_PER_S) for k in range(count)], dtype=np.int64
    )
    position = np.zeros((n, count, 3))
    yaw = np.zeros((n, count))
    recorded = np.zeros((n, count, 2))
    valid = np.zeros((n, count), dtype=bool)
    attributes = np.zeros((n, count, ATTRIBUTE_COUNT))
    has_attribute = np.zeros((n, count, ATTRIBUTE_COUNT), dtype=bool)
    for row, track in enumerate(tracks):
        at = slice(None) if track.parked else track.states[:, 0].astype(int) - first
        _, x, y, heading, speed = track.states.T
        position[row, at, 0], position[row, at, 1] = x, y
        position[row, :, 2] = (
            0.5 * track.size_m[2]
        )  # the file is flat, with the road at height zero
        yaw[row, at] = wrap_angle(heading)
        recorded[row, at, 0] = speed * np.cos(heading)
        recorded[row, at, 1] = speed * np.sin(heading)
        valid[row, at] = True
        if track.parked:
            attributes[row, :, ATTRIBUTE_INDEX['parked']] = 1.0
            has_attribute[row, :, ATTRIBUTE_INDEX['parked']] = True
    if velocity == 'backward':
        recorded = backward_velocity(position, valid, stamp_ns, recorded)
    cycles = read_cycles(root)
    recording = Recording(
        name=name,
        stamp_ns=stamp_ns,
        track_id=tuple(t.id for t in tracks),
        label=np.array([t.label for t in tracks], dtype=np.int8),
        size_m=np.array([t.size_m for t in tracks]).reshape(n, 3),
        position_m=position,
        yaw_rad=yaw,
        velocity_mps=recorded,
        valid=valid,
        attributes=attributes,
        has_attribute=has_attribute,
        ego=None,
        lights=tuple(states_at(cycles, first + k, int(stamp_ns[k])) for k in range(count)),
    )
    return dataclasses.replace(recording, ego=choose_ego(recording))


def _tracks(root: Node) -> list[_Track]:
    tracks = []
    seen: set[int] = set()
    for node in (*root.all('dynamicObstacle'), *root.all('staticObstacle'), *root.all('obstacle')):
        number = node.integer('id')
        if number in seen:
            raise node.error(f'id {number} is used twice')
        seen.add(number)
        parked = node.tag == 'staticObstacle' or node.element.findtext('role') == 'static'
        kind = node.child('type').text
        if parked and kind in _IMMOBILE:
            continue
        if kind not in _CLASSES:
            raise node.error(f'type {kind!r} is unknown; known are {", ".join(_CLASSES)}')
        tracks.append(_track(node, number, _CLASSES[kind], parked))
    return tracks


def _track(node: Node, number: int, label: ObjectClass, parked: bool) -> _Track:
    length, width, centre = _box(node.child('shape'), label)
    states = [_state(node.child('initialState'))]
    trajectory = None if parked else node.find('trajectory')
    if trajectory is not None:
        states.extend(_state(s) for s in trajectory.all('state'))
    rows = np.array(states)
    if len(np.unique(rows[:, 0])) != len(rows):
        raise node.error('two states have the same time')
    rows[:, 1:3] += (rotation_2d(rows[:, 3]) @ centre).reshape(-1, 2)
    size_m = (length, width, float(USUAL_SIZE_M[label, 2]))
    return _Track(str(number), label, size_m, rows, parked)


def _state(node: Node) -> tuple[float, float, float, float, float]:
    step = _middle(node.child('time'))
    if step != round(step):
        raise node.error(f'time must be a whole number of steps, got {step}')
    x, y = _place(node.child('position'))
    speed = node.find('velocity')
    return (
        step,
        x,
        y,
        _middle(node.child('orientation')),
        0.0 if speed is None else _middle(speed),
    )


def _middle(node: Node) -> float:
    """The exact value, or the middle of the interval."""
    if node.find('exact') is not None:
        return node.number('exact')
    return 0.5 * (node.number('intervalStart') + node.number('intervalEnd'))


def _place(node: Node) -> tuple[float, float]:
    """The point, or the centre of the region that stands in its place."""
    point = node.find('point')
    if point is not None:
        return point.number('x'), point.number('y')
    for tag in ('rectangle', 'circle'):
        shape = node.find(tag)
        if shape is not None:
            centre = shape.child('center')
            return centre.number('x'), centre.number('y')
    corners = np.array([[p.number('x'), p.number('y')] for p in node.child('polygon').all('point')])
    if len(corners) < 3:
        raise node.error(f'a polygon needs three points, got {len(corners)}')
    centre_m = 0.5 * (corners.min(axis=0) + corners.max(axis=0))
    return float(centre_m[0]), float(centre_m[1])


def _box(node: Node, label: ObjectClass) -> tuple[float, float, np.ndarray]:
    """Length, width and the offset (2,) of the centre from the state's position, all in metres."""
    rectangle, circle, polygon = (node.find(t) for t in ('rectangle', 'circle', 'polygon'))
    centre = np.zeros(2)
    if rectangle is not None:
        length, width = rectangle.number('length'), rectangle.number('width')
        at = rectangle.find('center')
        if at is not None:
            centre = np.array([at.number('x'), at.number('y')])
    elif circle is not None:
        length = width = 2.0 * circle.number('radius')
    elif polygon is not None:
        corners = np.array([[p.number('x'), p.number('y')] for p in polygon.all('point')])
        if len(corners) < 3:
            raise polygon.error(f'a polygon needs three points, got {len(corners)}')
        low, high = corners.min(axis=0), corners.max(axis=0)
        (length, width), centre = high - low, 0.5 * (low + high)
    else:
        length, width = USUAL_SIZE_M[label, :2]
    if not (length > 0.0 and width > 0.0):
        raise node.error(f'length and width must be positive, got {length} and {width}')
    return float(length), float(width), centre


def _positive_attribute(node: Node, name: str) -> float:
    text = node.attribute(name)
    try:
        value = float(text)
    except ValueError:
        value = float('nan')
    if not 1e-3 <= value <= 10.0:
        raise node.error(f'attribute {name} must lie in [0.001, 10], got {text!r}')
    return value
