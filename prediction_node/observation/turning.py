"""One pass over the objects of all messages: from the frames of the messages into the map."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

# What the objects of a message share: columns of `circumstances`.
ALONG_VARIANCE, ACROSS_VARIANCE = 0, 1  # of the source, about the line of sight, fixed parts
ALONG_RATIO, ACROSS_RATIO = 2, 3  # growth of the standard deviations with the range
SOURCE_VELOCITY_VARIANCE, SOURCE_YAW_VARIANCE = 4, 5
SENSOR_X, SENSOR_Y = 6, 7  # in the map frame
# Of the sensor itself, where velocities are relative to it, else zero.
OWN_VX, OWN_VY, OWN_XX, OWN_XY, OWN_YY = 8, 9, 10, 11, 12
# Of the ego, where its pose was needed and has a covariance, else zero.
EGO_X, EGO_Y = 13, 14
EGO_XX, EGO_XY, EGO_YY = 15, 16, 17
EGO_X_YAW, EGO_Y_YAW, EGO_YAW_YAW = 18, 19, 20
CIRCUMSTANCES = 21

# What is found unusable: columns of `passed`.
POSITION_PASSED, VELOCITY_COVARIANCE_PASSED, SPEED_PASSED = 0, 1, 2

# A heading less certain than this (57 degrees) is none; senders say so with a large variance.
_UNSUREST_YAW_RAD = 1.0
# A body's x axis within 6 degrees of the vertical has no heading.
_FLATTEST_HEADING = 0.1
_UNAVAILABLE = 0  # kinds.Orientation.UNAVAILABLE


@compiled
def turned(
    message_of: np.ndarray,
    rotation: np.ndarray,
    translation_m: np.ndarray,
    circumstances: np.ndarray,
    vectors: np.ndarray,
    covariances: np.ndarray,
    has_covariance: np.ndarray,
    has_velocity: np.ndarray,
    orientation: np.ndarray,
    least_variance_m2: float,
    least_variance_m2ps2: float,
    most_mps: float,
) -> tuple[
    np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray
]:
    """Turn N objects of K messages.

    message_of (N,) message of an object; rotation (K, 3, 3) and translation_m (K, 3) map_from_frame
    of the messages; circumstances (K, CIRCUMSTANCES); vectors (N, 4, 3), covariances (N, 3, 3, 3),
    has_covariance (N, 3), has_velocity (N,) of FrameTracks. `orientation` (N,) int8 is written:
    UNAVAILABLE where no heading can be had.

    Returns position_m (N, 3), position_covariance (N, 2, 2), heading (N, 3) direction of the
    object's x axis, yaw_variance (N,), velocity_mps (N, 2), velocity_covariance (N, 2, 2),
    yaw_rate_radps (N,) and passed (N, 3) bool.
    """
    n = len(message_of)
    position = np.empty((n, 3))
    heading = np.empty((n, 3))
    position_covariance = np.empty((n, 2, 2))
    yaw_variance = np.empty(n)
    velocity = np.empty((n, 2))
    velocity_covariance = np.empty((n, 2, 2))
    yaw_rate = np.empty(n)
    passed = np.empty((n, 3), np.bool_)
    for i in range(n):
        k = message_of[i]
        r, given = rotation[k], circumstances[k]
        for a in range(3):
            position[i, a] = _row_times(r, a, vectors[i, 0]) + translation_m[k, a]
            heading[i, a] = _row_times(r, a, vectors[i, 1])
        for a in range(2):
            velocity[i, a] = _row_times(r, a, vectors[i, 2]) + given[OWN_VX + a]
        yaw_rate[i] = _row_times(r, 2, vectors[i, 3])

        # Position.
        xx, xy, yy = _turned_plane(r, covariances[i, 0])
        passed[i, POSITION_PASSED] = True
        if has_covariance[i, 0]:
            trace = xx + yy
            passed[i, POSITION_PASSED] = xx * yy - xy * xy > 1e-9 * trace * trace
        else:
            xx, xy, yy = _along_sight(
                position[i, 0] - given[SENSOR_X], position[i, 1] - given[SENSOR_Y], given
            )
        ego_xx, ego_xy, ego_yy = _of_ego(
            position[i, 0] - given[EGO_X], position[i, 1] - given[EGO_Y], given
        )
        position_covariance[i, 0, 0] = xx + ego_xx + least_variance_m2
        position_covariance[i, 0, 1] = position_covariance[i, 1, 0] = xy + ego_xy
        position_covariance[i, 1, 1] = yy + ego_yy + least_variance_m2

        # Heading.
        level = heading[i, 0] ** 2 + heading[i, 1] ** 2 > _FLATTEST_HEADING**2
        variance = _turned_vertical(r, covariances[i, 1])
        measured = has_covariance[i, 1] and variance > 0.0
        if not (level and (not measured or variance <= _UNSUREST_YAW_RAD**2)):
            orientation[i] = _UNAVAILABLE
        if not measured:
            variance = given[SOURCE_YAW_VARIANCE]
        yaw_variance[i] = variance + given[EGO_YAW_YAW]

        # Velocity.
        if has_covariance[i, 2]:
            xx, xy, yy = _turned_plane(r, covariances[i, 2])
        else:
            xx, xy, yy = given[SOURCE_VELOCITY_VARIANCE], 0.0, given[SOURCE_VELOCITY_VARIANCE]
        xx += least_variance_m2ps2
        yy += least_variance_m2ps2
        # The floor mends a variance of zero, but not the rounding errors of a huge one.
        passed[i, VELOCITY_COVARIANCE_PASSED] = not has_velocity[i] or xx * yy - xy * xy > 0.0
        velocity_covariance[i, 0, 0] = xx + given[OWN_XX]
        velocity_covariance[i, 0, 1] = velocity_covariance[i, 1, 0] = xy + given[OWN_XY]
        velocity_covariance[i, 1, 1] = yy + given[OWN_YY]
        speed_squared = velocity[i, 0] ** 2 + velocity[i, 1] ** 2
        passed[i, SPEED_PASSED] = not has_velocity[i] or speed_squared <= most_mps * most_mps
    return (
        position,
        position_covariance,
        heading,
        yaw_variance,
        velocity,
        velocity_covariance,
        yaw_rate,
        passed,
    )


@compiled
def _row_times(rotation: np.ndarray, row: int, vector: np.ndarray) -> float:
    return float(
        rotation[row, 0] * vector[0] + rotation[row, 1] * vector[1] + rotation[row, 2] * vector[2]
    )


@compiled
def _form(rotation: np.ndarray, first: int, second: int, matrix: np.ndarray) -> float:
    """Entry (first, second) of R C R^T."""
    total = 0.0
    for a in range(3):
        for b in range(3):
            total += rotation[first, a] * matrix[a, b] * rotation[second, b]
    return total


@compiled
def _turned_plane(rotation: np.ndarray, matrix: np.ndarray) -> tuple[float, float, float]:
    """xx, xy, yy of R C R^T."""
    return (
        _form(rotation, 0, 0, matrix),
        _form(rotation, 0, 1, matrix),
        _form(rotation, 1, 1, matrix),
    )


@compiled
def _turned_vertical(rotation: np.ndarray, matrix: np.ndarray) -> float:
    """zz of R C R^T."""
    return _form(rotation, 2, 2, matrix)


@compiled
def _along_sight(
    sight_x_m: float, sight_y_m: float, given: np.ndarray
) -> tuple[float, float, float]:
    """xx, xy, yy of the source's own noise about the line of sight."""
    range_m = math.sqrt(sight_x_m * sight_x_m + sight_y_m * sight_y_m)
    x, y = 1.0, 0.0
    if range_m > 0.0:
        x, y = sight_x_m / max(range_m, 1e-9), sight_y_m / max(range_m, 1e-9)
    along = given[ALONG_VARIANCE] + (given[ALONG_RATIO] * range_m) ** 2
    across = given[ACROSS_VARIANCE] + (given[ACROSS_RATIO] * range_m) ** 2
    # C = across * I + (along - across) * u u^T
    difference = along - across
    return across + difference * x * x, difference * x * y, across + difference * y * y


@compiled
def _of_ego(x: float, y: float, given: np.ndarray) -> tuple[float, float, float]:
    """xx, xy, yy of what the uncertainty of the ego's pose does to a point at (x, y) from it.

    J P J^T with J = [[1, 0, -y], [0, 1, x]].
    """
    with_x, with_y, yaw = given[EGO_X_YAW], given[EGO_Y_YAW], given[EGO_YAW_YAW]
    return (
        given[EGO_XX] + y * (y * yaw - 2.0 * with_x),
        given[EGO_XY] + x * with_x - y * (with_y + x * yaw),
        given[EGO_YY] + x * (x * yaw + 2.0 * with_y),
    )
