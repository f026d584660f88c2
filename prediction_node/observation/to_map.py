"""Tracks from the frames of their messages into the map, each at its message's own stamp.

All messages of a release go through one set of array operations: K messages, N objects together.
Every object is turned by itself, so that its result does not depend on what else has come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from prediction_node.domain.frames import direction_rad
from prediction_node.domain.kinds import Orientation
from prediction_node.domain.observations import SensorTracks
from prediction_node.observation.frame_tracks import (
    FORWARD,
    POSITION,
    POSITION_COVARIANCE,
    TURN_COVARIANCE,
    TURN_RATE,
    VELOCITY,
    VELOCITY_COVARIANCE,
)
from prediction_node.observation.judging import Judge
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.reasons import Reason
from prediction_node.observation.viewpoint import Circumstances, Seen

# A heading less certain than this (57 degrees) is none; senders say so with a large variance.
_UNSUREST_YAW_RAD = 1.0
# A body's x axis within 6 degrees of the vertical has no heading.
_FLATTEST_HEADING = 0.1


def to_map(
    messages: Sequence[Seen], parameters: ObservationParameters
) -> list[tuple[SensorTracks, Counter[Reason]]]:
    """Turn and move tracks into the map, and count for each message the objects that are refused.

    Velocities relative to the sensor become velocities over ground: that of the sensor itself,
    which is the ego's plus yaw rate times lever arm, is added. The ego's own uncertainty is added
    where the odometry gives it. Refused are position covariances which are singular in the map
    plane, and speeds over ground beyond the bound.
    """
    if not messages:
        return []
    tracks = [message.tracks for message in messages]
    message_of = np.repeat(np.arange(len(tracks)), [len(one) for one in tracks])
    given = Circumstances.of(messages, message_of)
    rotation = np.array([message.view.map_from_frame.rotation for message in messages])
    translation = np.array([message.view.map_from_frame.translation_m for message in messages])

    vectors = np.concatenate([one.vectors for one in tracks])
    vectors = vectors @ rotation.swapaxes(1, 2)[message_of]
    position = vectors[:, POSITION] + translation[message_of]
    covariances = np.concatenate([one.covariances for one in tracks]).reshape(-1, 3, 9)
    in_map = (covariances @ _congruence(rotation)[message_of]).transpose(1, 2, 0)
    has_covariance = np.concatenate([one.has_covariance for one in tracks]).T
    without_velocity = ~np.concatenate([one.has_velocity for one in tracks])
    orientation = np.concatenate([one.orientation for one in tracks])

    measured = has_covariance[POSITION_COVARIANCE]
    position_covariance = in_map[POSITION_COVARIANCE, :3]
    trace = position_covariance[0] + position_covariance[2]
    wide = ~measured | (_determinant(position_covariance) > 1e-9 * trace * trace)
    if not measured.all():
        assumed = _along_sight(position.T[:2] - given.sensor_m, given)
        position_covariance = np.where(measured, position_covariance, assumed)
    position_covariance = position_covariance + _of_ego(position.T[:2] - given.ego_m, given)
    position_covariance[::2] += parameters.min_sigma_m**2

    forward = vectors[:, FORWARD]
    level = forward[:, 0] ** 2 + forward[:, 1] ** 2 > _FLATTEST_HEADING**2
    yaw_variance = in_map[TURN_COVARIANCE, 3]
    measured = has_covariance[TURN_COVARIANCE] & (yaw_variance > 0.0)
    sure = ~measured | (yaw_variance <= _UNSUREST_YAW_RAD**2)
    orientation[~(level & sure)] = Orientation.UNAVAILABLE
    yaw_variance = np.where(measured, yaw_variance, given.yaw_variance) + given.ego_yaw_variance

    velocity = vectors[:, VELOCITY, :2] + given.own_velocity_mps.T
    velocity_covariance = np.where(
        has_covariance[VELOCITY_COVARIANCE],
        in_map[VELOCITY_COVARIANCE, :3],
        given.velocity_variance * _ROUND,
    )
    velocity_covariance[::2] += parameters.min_sigma_mps**2
    # The floor mends a variance of zero, but not the rounding errors of a huge one.
    mended = without_velocity | (_determinant(velocity_covariance) > 0.0)
    velocity_covariance += given.own_covariance
    speed_squared = velocity[:, 0] ** 2 + velocity[:, 1] ** 2
    slow = without_velocity | (speed_squared <= parameters.max_speed_mps**2)

    turned = {
        'position_m': position,
        'position_covariance': _matrices(position_covariance),
        'orientation': orientation,
        'yaw_rad': direction_rad(forward),
        'yaw_variance': yaw_variance,
        'velocity_mps': velocity,
        'velocity_covariance': _matrices(velocity_covariance),
        'yaw_rate_radps': vectors[:, TURN_RATE, 2],
    }
    verdicts = (
        (wide, Reason.POSITION_COVARIANCE),
        (mended, Reason.VELOCITY_COVARIANCE),
        (slow, Reason.VELOCITY),
    )
    clean = all(passed.all() for passed, _ in verdicts)
    out, end = [], 0
    for message in messages:
        rows = slice(end, end := end + len(message.tracks))
        in_map_frame = _joined(message, {n: v[rows] for n, v in turned.items()}, parameters)
        refused: Counter[Reason] = Counter()
        if not clean:
            judge = Judge(len(in_map_frame))
            for passed, reason in verdicts:
                judge.require(passed[rows], reason)
            refused = judge.refused
            if refused:
                in_map_frame = in_map_frame.select(judge.good)
        out.append((in_map_frame, refused))
    return out


def _joined(
    message: Seen, turned: dict[str, np.ndarray], parameters: ObservationParameters
) -> SensorTracks:
    """The observation of one message: what was `turned` into the map, and what stays as it is."""
    tracks = message.tracks
    return SensorTracks(
        source=tracks.source,
        modality=message.source.modality_kind,
        stamp_ns=tracks.stamp_ns,
        frame_id=parameters.map_frame,
        id_hash=tracks.id_hash,
        has_id=tracks.has_id,
        has_velocity=tracks.has_velocity,
        has_yaw_rate=tracks.has_turn_rate,
        has_size=tracks.has_size,
        size_m=tracks.size_m,
        has_class=tracks.has_class,
        class_probabilities=tracks.class_probabilities,
        existence=tracks.existence,
        attributes=tracks.attributes,
        has_attribute=tracks.has_attribute,
        **turned,
    )


# xx, xy, yy of a variance that is the same in every direction.
_ROUND = np.array([[1.0], [0.0], [1.0]])


def _congruence(rotation: np.ndarray) -> np.ndarray:
    """(K, 3, 3) to (K, 9, 4): flattened covariance C to xx, xy, yy and zz of R C R^T."""
    first, second = rotation[:, [0, 0, 1, 2]], rotation[:, [0, 1, 1, 2]]
    products = first[:, :, :, None] * second[:, :, None, :]
    return np.asarray(products.reshape(-1, 4, 9).swapaxes(1, 2))


def _determinant(covariance: np.ndarray) -> np.ndarray:
    """(N,) from (3, N) xx, xy, yy."""
    xx, xy, yy = covariance
    return np.asarray(xx * yy - xy * xy)


def _matrices(covariance: np.ndarray) -> np.ndarray:
    """(N, 2, 2) from (3, N) xx, xy, yy."""
    return np.ascontiguousarray(covariance[[0, 1, 1, 2]].T).reshape(-1, 2, 2)


def _along_sight(sight_m: np.ndarray, given: Circumstances) -> np.ndarray:
    """(3, N) xx, xy, yy of the sources' own noise about the lines of sight (2, N)."""
    range_m = np.sqrt((sight_m**2).sum(axis=0))
    x, y = np.where(range_m > 0.0, sight_m / np.maximum(range_m, 1e-9), [[1.0], [0.0]])
    along, across = given.range_variance + (given.range_ratio * range_m) ** 2
    # C = across * I + (along - across) * u u^T
    return np.asarray(across * _ROUND + (along - across) * np.stack([x * x, x * y, y * y]))


def _of_ego(arm_m: np.ndarray, given: Circumstances) -> np.ndarray:
    """(3, N) xx, xy, yy of what the uncertainty of the ego's pose does to points at (2, N) from it.

    J P J^T with J = [[1, 0, -y], [0, 1, x]].
    """
    x, y = arm_m
    with_x, with_y = given.ego_with_yaw
    yaw = given.ego_yaw_variance
    turned = np.stack(
        [
            y * (y * yaw - 2.0 * with_x),
            x * with_x - y * (with_y + x * yaw),
            x * (x * yaw + 2.0 * with_y),
        ]
    )
    return np.asarray(given.ego_covariance + turned)
