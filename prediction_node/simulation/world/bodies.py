"""What SUMO's types of vehicles and persons are to us: class, size, trailer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.errors import SimulationError
from prediction_node.domain.kinds import ATTRIBUTE_COUNT, ATTRIBUTE_INDEX, ObjectClass
from prediction_node.simulation.world.engine import Engine

_CLASS_OF_VCLASS = {
    'passenger': ObjectClass.CAR,
    'private': ObjectClass.CAR,
    'taxi': ObjectClass.CAR,
    'hov': ObjectClass.CAR,
    'evehicle': ObjectClass.CAR,
    'custom1': ObjectClass.CAR,
    'custom2': ObjectClass.CAR,
    'authority': ObjectClass.CAR,
    'vip': ObjectClass.CAR,
    'emergency': ObjectClass.CAR,
    'delivery': ObjectClass.TRUCK,
    'truck': ObjectClass.TRUCK,
    'trailer': ObjectClass.TRUCK,
    'bus': ObjectClass.BUS,
    'coach': ObjectClass.BUS,
    'motorcycle': ObjectClass.MOTORCYCLE,
    'moped': ObjectClass.MOTORCYCLE,
    'bicycle': ObjectClass.BICYCLE,
    'scooter': ObjectClass.BICYCLE,
    'pedestrian': ObjectClass.PEDESTRIAN,
    'wheelchair': ObjectClass.PEDESTRIAN,
}
# An ambulance is a van or a lorry by its size.
_LONG_EMERGENCY_M = 6.5

_LIGHTS = ('turn_left', 'turn_right', 'brake', 'hazard')
_OF_CARS = (*_LIGHTS, 'door_open', 'emergency_active', 'towed', 'parked', 'front_wheel_angle_rad')
# Which attributes make sense for a class; the others are never told.
_ATTRIBUTES_OF = {
    ObjectClass.CAR: _OF_CARS,
    ObjectClass.TRUCK: _OF_CARS,
    ObjectClass.BUS: _OF_CARS,
    ObjectClass.TRAILER: (*_LIGHTS, 'towed', 'parked'),
    ObjectClass.MOTORCYCLE: (*_LIGHTS, 'parked', 'front_wheel_angle_rad'),
    ObjectClass.BICYCLE: ('turn_left', 'turn_right', 'parked', 'front_wheel_angle_rad'),
    ObjectClass.PEDESTRIAN: ('phone_in_hand', 'looking_at_road'),
}
DOG_SIZE_M = (0.8, 0.35, 0.6)
WALKER_SIZE_M = (0.5, 0.6, 1.72)


@dataclass(frozen=True, slots=True)
class Trailer:
    """A box drawn behind another."""

    label: ObjectClass
    length_m: float
    gap_m: float  # between the boxes, on a straight


@dataclass(frozen=True, slots=True)
class Body:
    """A road user of a type. With a trailer, the length is that of the front box alone."""

    label: ObjectClass
    length_m: float
    width_m: float
    height_m: float
    emergency: bool = False
    trailer: Trailer | None = None


def attributes_told() -> np.ndarray:
    """(CLASS_COUNT, ATTRIBUTE_COUNT) bool: has_attribute of each class."""
    told = np.zeros((len(ObjectClass), ATTRIBUTE_COUNT), dtype=bool)
    for label, names in _ATTRIBUTES_OF.items():
        told[label, [ATTRIBUTE_INDEX[name] for name in names]] = True
    return told


class BodyTypes:
    """The bodies of an engine's types, each asked for once."""

    def __init__(self, engine: Engine) -> None:
        self._types = engine.sumo.vehicletype
        self._known: dict[str, Body] = {}

    def __getitem__(self, type_id: str) -> Body:
        # Who makes way for an emergency vehicle has a type of its own for a while, `car@its name`.
        type_id = type_id.partition('@')[0]
        body = self._known.get(type_id)
        if body is None:
            body = self._known[type_id] = self._read(type_id)
        return body

    def _read(self, type_id: str) -> Body:
        vclass = self._types.getVehicleClass(type_id)
        if vclass not in _CLASS_OF_VCLASS:
            raise SimulationError(f'vehicle type {type_id} is of class {vclass}, which nobody is')
        label = _CLASS_OF_VCLASS[vclass]
        length_m = self._types.getLength(type_id)
        emergency = vclass == 'emergency'
        if emergency and length_m > _LONG_EMERGENCY_M:
            label = ObjectClass.TRUCK
        trailer = self._trailer(type_id)
        if trailer is not None:
            length_m -= trailer.length_m + trailer.gap_m
        if length_m <= 0.0:
            raise SimulationError(f'vehicle type {type_id} has {length_m} m left for its front box')
        width_m, height_m = self._types.getWidth(type_id), self._types.getHeight(type_id)
        return Body(label, length_m, width_m, height_m, emergency, trailer)

    def _trailer(self, type_id: str) -> Trailer | None:
        length = self._types.getParameter(type_id, 'trailer_length_m')
        if not length:
            return None
        gap = self._types.getParameter(type_id, 'trailer_gap_m')
        name = self._types.getParameter(type_id, 'trailer_label') or 'trailer'
        try:
            return Trailer(ObjectClass[name.upper()], float(length), float(gap or 1.0))
        except (KeyError, ValueError) as error:
            raise SimulationError(
                f'trailer of vehicle type {type_id} is not understood: '
                f'length {length!r}, gap {gap!r}, class {name!r}'
            ) from error
