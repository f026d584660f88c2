"""Bodies and temperaments of road users as SUMO vehicle types.

Sizes are those of common production vehicles. A vehicle that pulls a trailer is one vehicle of the
whole length with the parameters `trailer_length_m`, `trailer_gap_m` and, unless it is a trailer
proper, `trailer_label`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree

import numpy as np

from prediction_node.simulation.network.documents import PARKING_CLASS
from prediction_node.simulation.scenario.traffic import Behaviour


@dataclass(frozen=True, slots=True)
class Body:
    """A kind of body: SUMO's class and the size, the rear end of a trailer included."""

    name: str
    sumo_class: str
    length_m: float
    width_m: float
    height_m: float
    share: float = 1.0  # among the bodies of its class
    max_speed_mps: float = 45.0
    accel_mps2: float = 2.4
    decel_mps2: float = 4.0
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Temperament:
    """How somebody drives or walks."""

    name: str
    speed_factor: float
    headway_s: float
    gap_m: float
    sigma: float  # imperfection, SUMO's
    eagerness: float  # lane changes for speed, SUMO's lcSpeedGain
    impatience: float  # readiness to make others brake, SUMO's


def _trailer(length_m: float, gap_m: float, label: str = '') -> dict[str, str]:
    named = {'trailer_length_m': f'{length_m:g}', 'trailer_gap_m': f'{gap_m:g}'}
    return {**named, 'trailer_label': label} if label else named


_CARS = (
    Body('small', 'passenger', 3.9, 1.72, 1.5, 0.3, accel_mps2=2.4),
    Body('saloon', 'passenger', 4.7, 1.84, 1.45, 0.33, accel_mps2=2.6),
    Body('suv', 'passenger', 4.8, 1.94, 1.72, 0.27, accel_mps2=2.5),
    Body('van', 'passenger', 5.4, 2.0, 2.2, 0.1, accel_mps2=2.0),
)
BODIES: Mapping[str, tuple[Body, ...]] = {
    'car': _CARS,
    'truck': (
        Body('light', 'truck', 6.8, 2.3, 2.9, 0.6, 25.0, 1.4, 3.6),
        Body('heavy', 'truck', 9.6, 2.5, 3.5, 0.4, 25.0, 1.1, 3.4),
    ),
    'bus': (Body('city', 'bus', 12.0, 2.55, 3.1, 1.0, 23.0, 1.2, 3.4),),
    'trailer': (
        Body('lorry', 'trailer', 15.2, 2.5, 3.6, 0.6, 23.0, 0.9, 3.2, _trailer(7.4, 1.1)),
        Body('camper', 'passenger', 9.6, 2.1, 2.3, 0.25, 27.0, 1.7, 3.6, _trailer(4.1, 0.9)),
        Body('towing', 'truck', 12.6, 2.3, 2.6, 0.15, 20.0, 1.0, 3.2, _trailer(4.4, 1.4, 'car')),
    ),
    'motorcycle': (
        Body('scooter', 'motorcycle', 1.9, 0.75, 1.5, 0.4, 22.0, 3.0, 5.0),
        Body('motorbike', 'motorcycle', 2.2, 0.85, 1.55, 0.6, 45.0, 4.0, 6.0),
    ),
    'bicycle': (
        Body('city', 'bicycle', 1.75, 0.6, 1.75, 0.75, 5.5, 1.2, 3.0),
        Body('fast', 'bicycle', 1.75, 0.6, 1.7, 0.25, 7.8, 1.4, 3.4),
    ),
    'pedestrian': (
        Body('adult', 'pedestrian', 0.35, 0.55, 1.72, 0.75, 1.4),
        Body('elder', 'pedestrian', 0.35, 0.55, 1.65, 0.12, 0.95),
        Body('child', 'pedestrian', 0.3, 0.4, 1.2, 0.08, 1.25),
        Body('jogger', 'pedestrian', 0.4, 0.55, 1.75, 0.05, 2.7),
    ),
    'emergency': (
        Body(
            *('ambulance', 'emergency', 6.0, 2.1, 2.7, 1.0, 30.0, 2.2, 4.5),
            {'has.bluelight.device': 'true'},
        ),
    ),
    'parking': tuple(
        Body(b.name, PARKING_CLASS, b.length_m, b.width_m, b.height_m, b.share) for b in _CARS
    ),
    'ego': (Body('taxi', 'taxi', 4.9, 1.9, 1.6, 1.0, 30.0, 2.0, 4.0),),
}
# Riders stop closer than drivers, and who parks leaves hardly anything.
_LEAST_GAPS_M = {'bicycle': 1.0, 'parking': 0.4}
# Speed sideways as a share of the speed ahead; who leaves the kerb steers hard.
_STEEPEST = {'parking': 0.45}
_SIDE_GAPS_M = {'bicycle': 0.4, 'motorcycle': 0.4}
_SIDEWAYS_MPS = {'bicycle': 0.8, 'motorcycle': 0.8}
_STEADY = Temperament('steady', 1.0, 1.2, 2.2, 0.35, 1.0, 0.2)
_CAUTIOUS = Temperament('cautious', 0.88, 1.7, 2.8, 0.3, 0.5, 0.0)
_HURRIED = Temperament('hurried', 1.13, 0.9, 1.6, 0.45, 2.0, 0.5)
_EGO = Temperament('steady', 0.97, 1.5, 2.6, 0.0, 1.0, 0.2)
_ON_CALL = Temperament('hurried', 1.35, 0.9, 1.5, 0.2, 3.0, 0.5)


def type_id(kind: str, body: Body, temperament: Temperament) -> str:
    return f'{kind}_{body.name}_{temperament.name}'


def draw_type(kind: str, behaviour: Behaviour, rng: np.random.Generator) -> tuple[str, Body]:
    """The type id and the body of one more road user of a kind (a key of BODIES)."""
    bodies = BODIES[kind]
    shares = np.array([body.share for body in bodies])
    body = bodies[int(rng.choice(len(bodies), p=shares / shares.sum()))]
    temperaments = _temperaments(kind)
    if len(temperaments) == 1:
        return type_id(kind, body, temperaments[0]), body
    hurried = behaviour.hurried_share
    cautious = min(behaviour.cautious_share, 1.0 - hurried)
    shares = np.array([1.0 - hurried - cautious, cautious, hurried])
    return type_id(kind, body, temperaments[int(rng.choice(3, p=shares))]), body


def _temperaments(kind: str) -> tuple[Temperament, ...]:
    if kind == 'ego':
        return (_EGO,)
    if kind == 'emergency':
        return (_ON_CALL,)
    return (_STEADY, _CAUTIOUS, _HURRIED)


def type_elements() -> list[ElementTree.Element]:
    """All types, each body with each temperament of its kind."""
    return [
        _element(kind, body, temperament)
        for kind, bodies in BODIES.items()
        for body in bodies
        for temperament in _temperaments(kind)
    ]


def _element(kind: str, body: Body, temperament: Temperament) -> ElementTree.Element:
    values = {
        'id': type_id(kind, body, temperament),
        'vClass': body.sumo_class,
        'length': f'{body.length_m:g}',
        'width': f'{body.width_m:g}',
        'height': f'{body.height_m:g}',
    }
    if kind == 'pedestrian':
        values['maxSpeed'] = f'{body.max_speed_mps * temperament.speed_factor:.3f}'
        values['speedDev'] = '0.1'
        values['minGap'] = '0.3'
    else:
        values |= _driving(kind, body, temperament)
    element = ElementTree.Element('vType', values)
    for key, value in body.parameters.items():
        ElementTree.SubElement(element, 'param', {'key': key, 'value': value})
    return element


def _driving(kind: str, body: Body, temperament: Temperament) -> dict[str, str]:
    return {
        'maxSpeed': f'{body.max_speed_mps:g}',
        'accel': f'{body.accel_mps2:g}',
        'decel': f'{body.decel_mps2:g}',
        'emergencyDecel': f'{max(7.0, body.decel_mps2 + 2.0):g}',
        'sigma': f'{temperament.sigma:g}',
        'tau': f'{temperament.headway_s:g}',
        'minGap': f'{_LEAST_GAPS_M.get(kind, temperament.gap_m):g}',
        'speedFactor': f'norm({temperament.speed_factor:g},{0.0 if kind == "ego" else 0.05:g})',
        'impatience': f'{temperament.impatience:g}',
        # Walkers who are farther from the car's path are not waited for.
        'jmCrossingGap': '5',
        # A standing truck ahead is seen in time to change lane without stopping behind it.
        'lcSpeedGainLookahead': '6',
        'lcSpeedGain': f'{temperament.eagerness:g}',
        'latAlignment': 'center',
        'minGapLat': f'{_SIDE_GAPS_M.get(kind, 0.6):g}',
        'maxSpeedLat': f'{_SIDEWAYS_MPS.get(kind, 1.0):g}',
        # Bodies on wheels do not slide sideways: not while they stand, and never steeply.
        'lcMaxSpeedLatStanding': '0',
        'lcMaxSpeedLatFactor': f'{_STEEPEST.get(kind, 0.25):g}',
    }
