"""What the tags of lanelets and borders mean: kind, direction, turn, speed limit, marking."""

from __future__ import annotations

import math
import re

from prediction_node.domain.lane_map import BorderKind, LaneKind, Turn
from prediction_node.lanelet.elements import Tags

_KIND_OF_SUBTYPE = {
    'road': LaneKind.ROAD,
    'highway': LaneKind.ROAD,
    'play_street': LaneKind.ROAD,
    'bus_lane': LaneKind.ROAD,
    'exit': LaneKind.ROAD,
    'bicycle_lane': LaneKind.BICYCLE,
    'walkway': LaneKind.WALKWAY,
    'shared_walkway': LaneKind.WALKWAY,
    'pedestrian_lane': LaneKind.WALKWAY,
    'stairs': LaneKind.WALKWAY,
    'crosswalk': LaneKind.CROSSWALK,
    'road_shoulder': LaneKind.SHOULDER,
    'emergency_lane': LaneKind.SHOULDER,
}
_PARTICIPANT = {
    LaneKind.BICYCLE: 'bicycle',
    LaneKind.WALKWAY: 'pedestrian',
    LaneKind.CROSSWALK: 'pedestrian',
}
_TURNS = {'straight': Turn.STRAIGHT, 'left': Turn.LEFT, 'right': Turn.RIGHT}
_BACKWARD = {Turn.LEFT: Turn.RIGHT, Turn.RIGHT: Turn.LEFT}
_TRUE, _FALSE = ('yes', 'true', '1'), ('no', 'false', '0')

_METRES_PER_SECOND = {
    '': 1 / 3.6,  # Lanelet2: a bare number is km/h
    'km/h': 1 / 3.6,
    'kmh': 1 / 3.6,
    'kph': 1 / 3.6,
    'mph': 0.44704,
    'mp/h': 0.44704,
    'm/s': 1.0,
    'mps': 1.0,
    'knots': 1852 / 3600,
}
_FASTEST_MPS = 130.0

_OPAQUE = ('wall', 'fence', 'guard_rail', 'road_border', 'building', 'rail', 'jersey_barrier')


def participant_of(kind: LaneKind) -> str:
    """Lanelet2's name of those whom a lane is for."""
    return _PARTICIPANT.get(kind, 'vehicle')


def lane_kind(tags: Tags) -> LaneKind:
    """From the subtype; a road that its participants deny to vehicles is theirs."""
    kind = _KIND_OF_SUBTYPE.get(tags.get('subtype', ''), LaneKind.OTHER)
    allowed = {
        key.split(':', 1)[1].split(':')[0]
        for key, value in tags.items()
        if key.startswith('participant:') and value.lower() in _TRUE
    }
    if not allowed or 'vehicle' in allowed:
        return LaneKind.ROAD if kind == LaneKind.OTHER and 'vehicle' in allowed else kind
    if kind in (LaneKind.ROAD, LaneKind.OTHER):
        if 'bicycle' in allowed:
            return LaneKind.BICYCLE
        if 'pedestrian' in allowed:
            return LaneKind.WALKWAY
    return kind


def is_one_way(tags: Tags, kind: LaneKind) -> bool:
    """Walkers go both ways unless one_way:pedestrian says otherwise; all others one way unless
    told.
    """
    participant = participant_of(kind)
    on_foot = participant == 'pedestrian'
    keys = (f'one_way:{participant}',) if on_foot else (f'one_way:{participant}', 'one_way')
    for key in keys:
        value = tags.get(key, '').lower()
        if value in _TRUE or value in _FALSE:
            return value in _TRUE
    return not on_foot


def turn_of(tags: Tags, *, backward: bool) -> Turn:
    """The tagged turn; driven backward, a left turn is one to the right."""
    turn = _TURNS.get(tags.get('turn_direction', ''), Turn.NONE)
    return _BACKWARD.get(turn, turn) if backward else turn


def speed_mps(text: str) -> float | None:
    """A speed such as `50`, `30 mph`, `13.9 m/s` or `none` in m/s; None where it is not one."""
    text = text.strip().lower()
    if text in ('none', 'unlimited', 'inf'):
        return math.inf
    match = re.fullmatch(r'(\d+(?:\.\d*)?|\.\d+)\s*([a-z/]*)', text)
    if match is None or match[2] not in _METRES_PER_SECOND:
        return None
    speed = float(match[1]) * _METRES_PER_SECOND[match[2]]
    return speed if 0 < speed <= _FASTEST_MPS else None


def speed_tag(tags: Tags, kind: LaneKind) -> str | None:
    """The speed_limit tag that counts for those whom the lane is for."""
    participant = participant_of(kind)
    keys = [f'speed_limit:{participant}', 'speed_limit']
    if participant == 'vehicle':
        keys.insert(0, 'speed_limit:vehicle:car')
    return next((tags[key] for key in keys if tags.get(key)), None)


def sign_speed_mps(sign: str) -> float | None:
    """The limit a speed sign's type tells: `30 mph`, or a national code that ends in it:
    `de274-60`.
    """
    speed = speed_mps(sign)
    if speed is not None:
        return speed
    match = re.fullmatch(r'[a-z]{2}[a-z_]*[\d.]+[-_](\d{1,3})', sign.strip().lower())
    return speed_mps(match[1]) if match else None


def border_kind(tags: Tags, *, on_left: bool, inverted: bool) -> BorderKind:
    """What a lane sees at one of its sides.

    `inverted`: the lane drives against the way's own direction.
    """
    type_, subtype = tags.get('type', ''), tags.get('subtype', '')
    if type_ == 'virtual':
        return BorderKind.VIRTUAL
    if 'curb' in type_:  # also the misspelling curbestone, found in maps
        return BorderKind.CURB
    if type_ in _OPAQUE or not type_.startswith('line_'):
        return BorderKind.OTHER
    if subtype in ('solid_dashed', 'dashed_solid'):
        # Named from left to right along the way. A lane that has the way on its left lies to its
        # right.
        of_left, of_right = subtype.split('_')
        subtype = of_right if on_left != inverted else of_left
    if subtype.startswith('solid'):
        return BorderKind.SOLID
    return BorderKind.DASHED if subtype.startswith('dashed') else BorderKind.OTHER
