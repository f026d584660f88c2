"""One scan of one sensor: what it sees, and how wrong it is about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.cast import Cast
from prediction_node.domain.frames import (
    Transform,
    direction_rad,
    rotate_covariance,
)
from prediction_node.domain.interpolation import Snapshot
from prediction_node.domain.kinds import (
    ATTRIBUTE_INDEX,
    CLASS_COUNT,
    FRONT_WHEEL_ANGLE,
    ObjectClass,
    class_mask,
)
from prediction_node.simulation.sensors.bodies import Bodies
from prediction_node.simulation.sensors.noise import (
    add_noise,
    recognised,
    sight_axes,
    taken_for,
)
from prediction_node.simulation.sensors.occlusion import in_sight
from prediction_node.simulation.sensors.parameters import SensorParameters, SuiteParameters
from prediction_node.simulation.sensors.randomness import Draws
from prediction_node.simulation.sensors.walls import NO_WALLS, Walls

PARKED = ATTRIBUTE_INDEX['parked']
_WARM = class_mask((ObjectClass.PEDESTRIAN, ObjectClass.ANIMAL, ObjectClass.BICYCLE))
_ENGINE = class_mask((ObjectClass.CAR, ObjectClass.TRUCK, ObjectClass.BUS, ObjectClass.MOTORCYCLE))
FRONT_WHEEL_SIGMA_RAD = 0.1

# What a body is taken for when it is not recognised, as shares; bodies alike in size and outline.
_TAKEN_FOR: dict[ObjectClass, dict[ObjectClass, float]] = {
    ObjectClass.UNKNOWN: {ObjectClass.PEDESTRIAN: 0.5, ObjectClass.CAR: 0.5},
    ObjectClass.CAR: {ObjectClass.TRUCK: 0.6, ObjectClass.UNKNOWN: 0.3, ObjectClass.BUS: 0.1},
    ObjectClass.TRUCK: {ObjectClass.CAR: 0.4, ObjectClass.BUS: 0.4, ObjectClass.TRAILER: 0.2},
    ObjectClass.BUS: {ObjectClass.TRUCK: 0.8, ObjectClass.UNKNOWN: 0.2},
    ObjectClass.TRAILER: {ObjectClass.TRUCK: 0.8, ObjectClass.UNKNOWN: 0.2},
    ObjectClass.MOTORCYCLE: {ObjectClass.BICYCLE: 0.7, ObjectClass.UNKNOWN: 0.3},
    ObjectClass.BICYCLE: {
        ObjectClass.MOTORCYCLE: 0.4,
        ObjectClass.PEDESTRIAN: 0.4,
        ObjectClass.UNKNOWN: 0.2,
    },
    ObjectClass.PEDESTRIAN: {ObjectClass.BICYCLE: 0.5, ObjectClass.UNKNOWN: 0.5},
    ObjectClass.ANIMAL: {ObjectClass.PEDESTRIAN: 0.3, ObjectClass.UNKNOWN: 0.7},
}
CONFUSION = np.zeros((CLASS_COUNT, CLASS_COUNT))  # row: true class; rows sum to one, diagonal zero
for _true, _others in _TAKEN_FOR.items():
    for _other, _share in _others.items():
        CONFUSION[_true, _other] = _share
_CUMULATIVE = np.cumsum(CONFUSION, axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What a sensor reports of M objects, in its own frame."""

    position_m: np.ndarray  # (M, 3)
    position_covariance: np.ndarray  # (M, 2, 2)
    yaw_rad: np.ndarray  # (M,), without meaning if the sensor measures none
    velocity_mps: np.ndarray  # (M, 2) over ground, likewise
    velocity_covariance: np.ndarray  # (M, 2, 2)
    size_m: np.ndarray  # (M, 3), likewise
    label: np.ndarray  # (M,) ObjectClass, likewise
    attributes: np.ndarray  # (M, ATTRIBUTE_COUNT)
    has_attribute: np.ndarray  # (M, ATTRIBUTE_COUNT) bool


def measure(
    sensor: SensorParameters,
    bodies: Bodies,
    map_from_sensor: Transform,
    draws: Draws,
) -> Scan:
    """What `sensor` reports of M bodies.

    The draws are theirs: what one object does never changes the noise of another.
    """
    normal, uniform = draws.normal, draws.uniform
    sensor_from_map = map_from_sensor.inverse()
    exact = sensor_from_map.apply(bodies.position_m)
    sight = direction_rad(exact)
    along = (sensor.sigma_along_m, sensor.sigma_along_fraction)
    across = (sensor.sigma_across_m, float(np.deg2rad(sensor.sigma_across_deg)))
    speed = (sensor.sigma_speed_along_mps, sensor.sigma_speed_across_mps)
    position, velocity, yaw, size = add_noise(
        exact,
        sight,
        bodies.velocity_mps @ sensor_from_map.rotation_2d.T,
        bodies.yaw_rad + sensor_from_map.yaw_rad,
        bodies.size_m,
        normal,
        along,
        across,
        sensor.sigma_height_m,
        float(np.deg2rad(sensor.sigma_yaw_deg)),
        sensor.sigma_size_fraction,
        speed,
    )
    attributes, has_attribute = recognised(
        exact,
        bodies.attributes,
        bodies.has_attribute,
        uniform[:, 4:],
        normal[:, 9],
        sensor.attribute_range_m,
        sensor.attribute_right,
        FRONT_WHEEL_ANGLE,
        FRONT_WHEEL_SIGMA_RAD,
    )
    # A sensor knows its measurement, not the truth: its covariance follows from the former.
    covariance = rotate_covariance(*sight_axes(position, direction_rad(position), along, across))
    sigmas = ((speed[0], 0.0), (speed[1], 0.0))
    return Scan(
        position_m=position,
        position_covariance=covariance,
        yaw_rad=yaw,
        velocity_mps=velocity,
        velocity_covariance=rotate_covariance(*sight_axes(position, sight, *sigmas)),
        size_m=size,
        label=taken_for(bodies.label, uniform[:, 1:3], sensor.class_right, _CUMULATIVE),
        attributes=attributes,
        has_attribute=has_attribute,
    )


def reported(sensor: SensorParameters, draws: Draws) -> np.ndarray:
    """Who of those in view is not dropped, as indices, in an order that tells nothing."""
    kept = np.flatnonzero(draws.uniform[:, 0] >= sensor.dropout)
    return np.asarray(kept[np.argsort(draws.order[kept])])


def in_view(
    sensor: SensorParameters,
    suite: SuiteParameters,
    cast: Cast,
    truth: Snapshot,
    map_from_sensor: Transform,
    walls: Walls = NO_WALLS,
) -> np.ndarray:
    """(M,) bool of `truth`: in range, in the field of view, warm if need be, and not hidden."""
    # The robotaxi is neither seen by its own sensors nor in their way.
    others = truth.row != cast.ego
    wanted = others
    if sensor.warm_bodies_only:
        label = cast.label[truth.row]
        parked = truth.has_attribute[:, PARKED] & (truth.attributes[:, PARKED] > 0.5)
        wanted = others & (_WARM[label] | (_ENGINE[label] & ~parked))
    return in_sight(
        map_from_sensor.translation_m,
        map_from_sensor.yaw_rad,
        sensor.reach_m(suite.night, suite.visibility_m),
        float(np.deg2rad(sensor.field_of_view_deg)),
        truth.position_m,
        truth.yaw_rad,
        cast.size_m[truth.row],
        others,
        wanted,
        suite.hidden_fraction if suite.occlusion else None,
        walls,
    )
