"""What every channel of the raster means: the one list that training, vehicle and model files
share.

A raster is two pictures of the same channels around the view's origin: `near` with cells of 0.5 m
(40 m to each side) and `far` with cells of 1.4 m (112 m to each side). Forward is up and left is
left: row r is centred on x = ((CELLS - 1) / 2 - r) x cell, column c on
y = ((CELLS - 1) / 2 - c) x cell, in the view frame. Every cell is a square of which things cover a
share; the byte stands for the physical value (byte - offset) x scale.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from prediction_node.domain.kinds import ATTRIBUTE_NAMES, FRONT_WHEEL_ANGLE, MODALITY_NAMES

VERSION = 1
CELLS = 160
NEAR_CELL_M = 0.5
FAR_CELL_M = 1.4


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: the physical value is (byte - offset) x scale."""

    name: str
    group: str
    scale: float
    offset: int
    meaning: str


_SHARE = 1.0 / 255.0
_SIGNED = 1.0 / 127.0
# Values with a sign: nothing there is 128.
_MIDDLE = 128


def _share(name: str, group: str, meaning: str) -> Channel:
    return Channel(name, group, _SHARE, 0, meaning)


_MAP = (
    _share('drivable', 'map', 'share covered by lanes for vehicles'),
    _share('shoulder', 'map', 'share covered by shoulders and lanes of no known kind'),
    _share('bicycle_lane', 'map', 'share covered by lanes for bicycles'),
    _share('sidewalk', 'map', 'share covered by sidewalks and other paths for walkers'),
    _share('crosswalk', 'map', 'share covered by crosswalks'),
    _share('parking', 'map', 'share covered by areas for parked vehicles'),
    _share('building', 'map', 'share covered by buildings'),
    _share('centreline', 'map', 'share covered by centrelines, half a cell wide'),
    Channel(
        'direction_x',
        'map',
        _SIGNED,
        _MIDDLE,
        'x of the mean driving direction of the lanes here, times the share covered by them; '
        'directions that oppose cancel',
    ),
    Channel('direction_y', 'map', _SIGNED, _MIDDLE, 'the same, y'),
    _share('border_virtual', 'map', 'share covered by borders without a marking, half a cell wide'),
    _share('border_dashed', 'map', 'the same for dashed markings'),
    _share('border_solid', 'map', 'the same for solid markings and borders of other kinds'),
    _share('border_curb', 'map', 'the same for kerbs'),
    Channel(
        'speed_limit',
        'map',
        0.2,
        0,
        'm/s, mean of the limits known here, times the share covered; 0: no limit known',
    ),
    _share('turns_left', 'map', 'share covered by lanes that turn left'),
    _share('turns_right', 'map', 'share covered by lanes that turn right'),
    _share('stop_line', 'map', 'share covered by stop lines, half a cell wide'),
    _share('gives_way', 'map', 'share covered by lanes that give way to another'),
    _share('has_way', 'map', 'share covered by lanes to which another gives way'),
    _share('change_left', 'map', 'share covered by lanes that may be left to the left'),
    _share('change_right', 'map', 'share covered by lanes that may be left to the right'),
    _share('light_ruled', 'map', 'share covered by lanes that a signal group rules'),
)
_LIGHTS = (
    _share('light_red', 'lights', 'confidence of red, on the ruled lanes and their stop lines'),
    _share('light_amber', 'lights', 'the same for amber'),
    _share('light_green', 'lights', 'the same for green'),
    _share('light_unknown', 'lights', 'the same for white and unknown colours'),
    Channel('light_age', 'lights', 0.04, 0, 's since the state was seen, times the share covered'),
)
_CLASSES = tuple(
    _share(name, 'agents', f'share covered by {what}, times probability and existence')
    for name, what in (
        ('car', 'cars'),
        ('heavy', 'trucks, buses and trailers'),
        ('motorcycle', 'motorcycles'),
        ('bicycle', 'bicycles'),
        ('pedestrian', 'pedestrians'),
        ('animal', 'animals'),
        ('unknown', 'what has no known class'),
    )
)
_PASTS = tuple(
    _share(name, 'pasts', f'ground covered by {what} in the last 3 s, fading with age')
    for name, what in (
        ('past_motor', 'cars, heavy vehicles and what has no known class'),
        ('past_two_wheeler', 'motorcycles and bicycles'),
        ('past_walker', 'pedestrians and animals'),
    )
)
# From here on: the mean over the agents in the cell, in proportion to what they cover of it; fades
# out where they cover less than a sixteenth.
_STATES = (
    Channel('velocity_x', 'state', 0.25, _MIDDLE, 'm/s, velocity over ground along x'),
    Channel('velocity_y', 'state', 0.25, _MIDDLE, 'm/s, velocity over ground along y'),
    Channel('heading_x', 'state', _SIGNED, _MIDDLE, 'cosine of the heading'),
    Channel('heading_y', 'state', _SIGNED, _MIDDLE, 'sine of the heading'),
    Channel('length', 'state', 0.1, 0, 'm'),
    Channel('width', 'state', 0.02, 0, 'm'),
    Channel('sigma_position', 'state', 0.02, 0, 'm, root of the mean variance of x and y'),
    Channel('sigma_speed', 'state', 0.05, 0, 'm/s'),
)
_ATTRIBUTES = (
    *(
        Channel(
            f'attribute_{name}',
            'attributes',
            _SIGNED,
            _MIDDLE,
            'twice its probability less one: 1 yes, -1 no, 0 not reported',
        )
        for i, name in enumerate(ATTRIBUTE_NAMES)
        if i != FRONT_WHEEL_ANGLE
    ),
    Channel(
        'attribute_front_wheel_angle_rad',
        'attributes',
        0.01,
        _MIDDLE,
        'rad, to the left; 0 where not reported',
    ),
    _share('has_front_wheel_angle_rad', 'attributes', '1 where the angle is reported'),
)
_MODALITIES = tuple(
    _share(f'seen_by_{name}', 'modalities', f'exp(-age / 1 s) of the last sight by {name}')
    for name in MODALITY_NAMES
)
_EGO = (
    _share('ego', 'ego', 'share covered by the robotaxi'),
    _share('past_ego', 'ego', 'ground covered by it in the last 3 s, fading with age'),
)

CHANNELS: tuple[Channel, ...] = (
    *_MAP,
    *_LIGHTS,
    *_CLASSES,
    *_PASTS,
    *_STATES,
    *_ATTRIBUTES,
    *_MODALITIES,
    *_EGO,
)
INDEX: dict[str, int] = {channel.name: i for i, channel in enumerate(CHANNELS)}


def as_dict() -> dict[str, Any]:
    """The whole manifest as plain values, fit for JSON."""
    return {
        'version': VERSION,
        'cells': CELLS,
        'near_cell_m': NEAR_CELL_M,
        'far_cell_m': FAR_CELL_M,
        'channels': [asdict(channel) for channel in CHANNELS],
    }


def digest() -> str:
    """SHA-256 of the manifest in hexadecimal: equal digests, equal meaning of every byte."""
    text = json.dumps(as_dict(), sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(text.encode()).hexdigest()
