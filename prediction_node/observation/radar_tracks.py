"""radar_msgs/RadarTracks to tracks in the message's frame."""

from __future__ import annotations

import functools

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_COUNT, CLASS_COUNT, ObjectClass, Orientation
from prediction_node.domain.message_arrays import RadarTracksArrays
from prediction_node.observation.classes import class_table
from prediction_node.observation.frame_tracks import FrameTracks, Translation
from prediction_node.observation.identity import hash_uuids
from prediction_node.observation.judging import Judge, given, semidefinite, within
from prediction_node.observation.parameters import ObservationParameters, SourceParameters
from prediction_node.observation.reasons import Reason

# Where xx, xy, xz, yy, yz, zz go in a matrix.
_UNFOLD = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])


def translate_radar_tracks(
    arrays: RadarTracksArrays,
    source: SourceParameters,
    parameters: ObservationParameters,
    frame_id: str,
    rows: np.ndarray,
) -> Translation:
    """Judge and read the tracks `rows` of the message; see `translate`.

    Velocities stay as the radar gives them; those relative to the sensor become velocities over
    ground in the map, where the robotaxi's own motion is known.
    """
    position = np.asarray(arrays.position[rows], dtype=np.float64)
    velocity = np.asarray(arrays.velocity[rows], dtype=np.float64)
    size = np.asarray(arrays.size[rows], dtype=np.float64)
    position_covariance = arrays.position_covariance[rows].astype(np.float64)[:, _UNFOLD]
    velocity_covariance = arrays.velocity_covariance[rows].astype(np.float64)[:, _UNFOLD]
    relative = source.velocity_reference == 'relative_to_sensor'

    judge = Judge(len(rows))
    judge.require(within(position, parameters.max_position_m), Reason.POSITION)
    judge.require(
        semidefinite(position_covariance, parameters.max_variance), Reason.POSITION_COVARIANCE
    )
    speed = np.sqrt(np.einsum('ni,ni->n', velocity, velocity))
    judge.require(speed <= source.speed_bound_mps(parameters), Reason.VELOCITY)
    judge.require(
        semidefinite(velocity_covariance, parameters.max_variance), Reason.VELOCITY_COVARIANCE
    )
    judge.require(within(size, parameters.max_size_m) & (size >= 0.0).all(axis=1), Reason.SIZE)

    names = _numbers(source)
    numbers = np.array(
        [names.get(code, -1) for code in arrays.classification[rows].tolist()], dtype=np.int64
    )
    classified = np.flatnonzero(numbers >= 0)
    probabilities, total = class_table(
        classified,
        numbers[classified],
        np.where(numbers[classified] == ObjectClass.UNKNOWN, 0.0, source.class_confidence),
        len(rows),
    )
    id_hash, has_id = hash_uuids(arrays.uuid)
    n = len(rows)
    tracks = FrameTracks(
        source=source.name,
        stamp_ns=int(arrays.stamp_ns),
        frame_id=frame_id,
        id_hash=id_hash[rows],
        has_id=has_id[rows],
        position_m=position,
        position_covariance=position_covariance,
        has_position_covariance=given(position_covariance),
        orientation=np.full(n, Orientation.UNAVAILABLE, dtype=np.int8),
        axes=np.broadcast_to(np.eye(3), (n, 3, 3)),
        axes_covariance=np.zeros((n, 3, 3)),
        has_axes_covariance=np.zeros(n, dtype=bool),
        # A relative velocity of zero is a body that drives as fast as we do; over ground, zeros
        # without a covariance are a radar that gives no velocity.
        has_velocity=given(velocity_covariance) | np.any(velocity != 0.0, axis=1) | relative,
        velocity_mps=velocity,
        velocity_covariance=velocity_covariance,
        has_velocity_covariance=given(velocity_covariance),
        has_turn_rate=np.zeros(n, dtype=bool),
        turn_rate_radps=np.zeros((n, 3)),
        has_size=np.all(size > 0.01, axis=1),
        size_m=size,
        has_class=total > 0.0,
        class_probabilities=probabilities.reshape(n, CLASS_COUNT),
        existence=np.full(n, source.existence),
        attributes=np.zeros((n, ATTRIBUTE_COUNT)),
        has_attribute=np.zeros((n, ATTRIBUTE_COUNT), dtype=bool),
    )
    if not judge.good.all():
        tracks = tracks.select(judge.good)
    return Translation(tracks=tracks, received=len(arrays.position), refused=judge.refused)


@functools.lru_cache(maxsize=64)
def _numbers(source: SourceParameters) -> dict[int, int]:
    """Classes of a source by the numbers among its names."""
    return {int(name): int(kind) for name, kind in source.classes().items() if name.isdecimal()}
