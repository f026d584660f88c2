"""One scan of one sensor: what it sees, and how wrong it is about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.cast import Cast
from prediction_node.domain.frames import (
    Transform,
    direction_rad,
    rotate_covariance,
    rotation_2d,
    wrap_angle,
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
    """What a sensor reports of M objects, in its own frame and in an order that tells nothing."""

    kept: np.ndarray  # (M,) into the bodies in view
    row: np.ndarray  # (M,) into the cast: the truth, for the one who keeps the ids
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
    row: np.ndarray,
    map_from_sensor: Transform,
    draws: Draws,
) -> Scan:
    """What `sensor` reports of M bodies in its view, those apart that it drops.

    `row` (M,) tells who they are, and the draws are theirs: what one object does never changes the
    noise of another.
    """
    kept = np.flatnonzero(draws.uniform[:, 0] >= sensor.dropout)
    kept = kept[np.argsort(draws.order[kept])]
    bodies, normal, uniform = bodies.at(kept), draws.normal[kept], draws.uniform[kept]

    sensor_from_map = map_from_sensor.inverse()
    exact = sensor_from_map.apply(bodies.position_m)
    position, covariance, sight = _position(sensor, exact, normal[:, :3])
    turn = sensor_from_map.rotation_2d
    velocity, velocity_covariance = _velocity(
        sensor, bodies.velocity_mps @ turn.T, sight, normal[:, 3:5]
    )
    yaw = bodies.yaw_rad + sensor_from_map.yaw_rad
    size = bodies.size_m * (1.0 + sensor.sigma_size_fraction * normal[:, 6:9])
    attributes, has_attribute = _attributes(sensor, bodies, exact, uniform[:, 4:], normal[:, 9])
    return Scan(
        kept=kept,
        row=row[kept],
        position_m=position,
        position_covariance=covariance,
        yaw_rad=wrap_angle(yaw + np.deg2rad(sensor.sigma_yaw_deg) * normal[:, 5]),
        velocity_mps=velocity,
        velocity_covariance=velocity_covariance,
        size_m=np.maximum(size, 0.1),
        label=_labels(sensor, bodies.label, uniform[:, 1], uniform[:, 2]),
        attributes=attributes,
        has_attribute=has_attribute,
    )


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


def _position(
    sensor: SensorParameters, exact_m: np.ndarray, normal: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measured positions (M, 3), their covariances (M, 2, 2), and the true lines of sight (M,)."""
    bearing = direction_rad(exact_m)
    along, across = _sigmas(sensor, np.hypot(exact_m[:, 0], exact_m[:, 1]))
    error = np.stack([along * normal[:, 0], across * normal[:, 1]], axis=-1)
    measured = exact_m.copy()
    measured[:, :2] += np.einsum('nij,nj->ni', rotation_2d(bearing), error)
    measured[:, 2] += sensor.sigma_height_m * normal[:, 2]
    # A sensor knows its measurement, not the truth: its covariance follows from the former.
    along, across = _sigmas(sensor, np.hypot(measured[:, 0], measured[:, 1]))
    axes = rotation_2d(direction_rad(measured))
    return measured, _covariance(along, across, axes), bearing


def _sigmas(sensor: SensorParameters, range_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    along = np.hypot(sensor.sigma_along_m, sensor.sigma_along_fraction * range_m)
    across = np.hypot(sensor.sigma_across_m, np.deg2rad(sensor.sigma_across_deg) * range_m)
    return along, across


def _covariance(along: np.ndarray, across: np.ndarray, axes: np.ndarray) -> np.ndarray:
    out = np.zeros((len(axes), 2, 2))
    out[:, 0, 0], out[:, 1, 1] = along**2, across**2
    return rotate_covariance(out, axes)


def _velocity(
    sensor: SensorParameters, exact_mps: np.ndarray, sight_rad: np.ndarray, normal: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Measured velocities (M, 2) and covariances (M, 2, 2)."""
    sigma = np.array([sensor.sigma_speed_along_mps, sensor.sigma_speed_across_mps])
    axes = rotation_2d(sight_rad)
    measured = exact_mps + np.einsum('nij,nj->ni', axes, sigma * normal)
    ones = np.ones(len(axes))
    return measured, _covariance(sigma[0] * ones, sigma[1] * ones, axes)


def _labels(
    sensor: SensorParameters, true: np.ndarray, right: np.ndarray, which: np.ndarray
) -> np.ndarray:
    """(M,) reported classes, from two uniform numbers per object."""
    cumulative = _CUMULATIVE[true]
    wrong = (which[:, None] >= cumulative).sum(axis=1)
    return np.where(right < sensor.class_right, true, np.minimum(wrong, CLASS_COUNT - 1))


def _attributes(
    sensor: SensorParameters,
    bodies: Bodies,
    exact_m: np.ndarray,
    uniform: np.ndarray,
    normal: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Attributes of near objects: `attribute_right` on the recognised side, and an angle."""
    near = np.hypot(exact_m[:, 0], exact_m[:, 1]) <= sensor.attribute_range_m
    true = bodies.attributes
    recognised = (true > 0.5) == (uniform < sensor.attribute_right)
    out = np.where(recognised, sensor.attribute_right, 1.0 - sensor.attribute_right)
    out[:, FRONT_WHEEL_ANGLE] = true[:, FRONT_WHEEL_ANGLE] + FRONT_WHEEL_SIGMA_RAD * normal
    return out, bodies.has_attribute & near[:, None]
