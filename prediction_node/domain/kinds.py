"""The vocabulary shared by all stages: object classes, sensor modalities, semantic attributes."""

from __future__ import annotations

import enum

import numpy as np


class ObjectClass(enum.IntEnum):
    """Object classes, numbered as in autoware_perception_msgs/ObjectClassification."""

    UNKNOWN = 0
    CAR = 1
    TRUCK = 2
    BUS = 3
    TRAILER = 4
    MOTORCYCLE = 5
    BICYCLE = 6
    PEDESTRIAN = 7
    ANIMAL = 8


CLASS_COUNT = len(ObjectClass)
CLASS_NAMES: tuple[str, ...] = tuple(c.name.lower() for c in ObjectClass)

# Bodies that follow lanes with a steered axle.
MOTOR_VEHICLES = (
    ObjectClass.CAR,
    ObjectClass.TRUCK,
    ObjectClass.BUS,
    ObjectClass.TRAILER,
    ObjectClass.MOTORCYCLE,
)
# Bodies that may step in any direction.
WALKERS = (ObjectClass.PEDESTRIAN, ObjectClass.ANIMAL)
VULNERABLE = (ObjectClass.MOTORCYCLE, ObjectClass.BICYCLE, *WALKERS)


def class_mask(classes: tuple[ObjectClass, ...]) -> np.ndarray:
    """(CLASS_COUNT,) bool, true at the given classes; index it with labels."""
    mask = np.zeros(CLASS_COUNT, dtype=bool)
    mask[list(classes)] = True
    return mask


class Modality(enum.IntEnum):
    """Physical principle of a sensor."""

    CAMERA = 0
    LIDAR = 1
    RADAR = 2
    THERMAL = 3


MODALITY_COUNT = len(Modality)
MODALITY_NAMES: tuple[str, ...] = tuple(m.name.lower() for m in Modality)


class Orientation(enum.IntEnum):
    """What a measured yaw is worth, numbered as in
    autoware_perception_msgs/TrackedObjectKinematics.
    """

    UNAVAILABLE = 0
    SIGN_UNKNOWN = 1  # right up to half a turn
    AVAILABLE = 2


# Order of the attribute axis of every array that has one. All but the last are probabilities.
ATTRIBUTE_NAMES: tuple[str, ...] = (
    'phone_in_hand',
    'looking_at_road',
    'turn_left',
    'turn_right',
    'brake',
    'hazard',
    'door_open',
    'emergency_active',
    'towed',
    'parked',
    'front_wheel_angle_rad',
)
ATTRIBUTE_COUNT = len(ATTRIBUTE_NAMES)
ATTRIBUTE_INDEX: dict[str, int] = {name: i for i, name in enumerate(ATTRIBUTE_NAMES)}
FRONT_WHEEL_ANGLE = ATTRIBUTE_INDEX['front_wheel_angle_rad']
