"""radar_msgs/RadarTracks to tracks in the message's frame."""

from __future__ import annotations

import functools
from collections import Counter

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_COUNT, CLASS_COUNT, ObjectClass, Orientation
from prediction_node.domain.message_arrays import RadarTracksArrays
from prediction_node.observation.frame_tracks import (
    FORWARD,
    POSITION,
    POSITION_COVARIANCE,
    VELOCITY,
    VELOCITY_COVARIANCE,
    FrameTracks,
)
from prediction_node.observation.identity import hash_uuids
from prediction_node.observation.judging import Judge, between, given, semidefinite, within
from prediction_node.observation.parameters import ObservationParameters, SourceParameters
from prediction_node.observation.reasons import Reason

# Where xx, xy, xz, yy, yz, zz go in a matrix.
_UNFOLD = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])


def translate_radar_tracks(
    arrays: RadarTracksArrays,
    source: SourceParameters,
    parameters: ObservationParameters,
    frame_id: str,
) -> tuple[FrameTracks, Counter[Reason]]:
    """Judge and read the tracks of a message; see `translate`.

    Velocities stay as the radar gives them; those relative to the sensor become velocities over
    ground in the map, where the robotaxi's own motion is known.
    """
    n = len(arrays.position)
    vectors = np.zeros((n, 4, 3))
    vectors[:, POSITION] = arrays.position
    vectors[:, FORWARD, 0] = 1.0
    vectors[:, VELOCITY] = velocity = arrays.velocity
    size = np.asarray(arrays.size, dtype=np.float64)
    covariances = np.zeros((n, 3, 3, 3))
    covariances[:, POSITION_COVARIANCE] = arrays.position_covariance[:, _UNFOLD]
    covariances[:, VELOCITY_COVARIANCE] = arrays.velocity_covariance[:, _UNFOLD]
    relative = source.velocity_reference == 'relative_to_sensor'

    judge = Judge(n)
    judge.require(within(vectors[:, POSITION], parameters.max_position_m), Reason.POSITION)
    usable = semidefinite(covariances, parameters.max_variance)
    judge.require(usable[:, POSITION_COVARIANCE], Reason.POSITION_COVARIANCE)
    speed_squared = np.einsum('ni,ni->n', velocity, velocity)
    judge.require(speed_squared <= source.speed_bound_mps(parameters) ** 2, Reason.VELOCITY)
    judge.require(usable[:, VELOCITY_COVARIANCE], Reason.VELOCITY_COVARIANCE)
    judge.require(between(size, 0.0, parameters.max_size_m), Reason.SIZE)

    has_covariance = given(covariances)
    numbers, probabilities = _classes(source)
    known = [numbers.get(code, 0) for code in arrays.classification.tolist()]
    id_hash, has_id = hash_uuids(arrays.uuid)
    none = np.zeros(n, dtype=bool)
    class_probabilities = probabilities[known]
    tracks = FrameTracks(
        source=source.name,
        stamp_ns=int(arrays.stamp_ns),
        frame_id=frame_id,
        id_hash=id_hash,
        has_id=has_id,
        vectors=vectors,
        covariances=covariances,
        has_covariance=has_covariance,
        orientation=np.full(n, Orientation.UNAVAILABLE, dtype=np.int8),
        # A relative velocity of zero is a body that drives as fast as we do; over ground, zeros
        # without a covariance are a radar that gives no velocity.
        has_velocity=has_covariance[:, VELOCITY_COVARIANCE] | (speed_squared > 0.0) | relative,
        has_turn_rate=none,
        has_size=size.min(axis=1) > 0.01,
        size_m=size,
        has_class=class_probabilities[:, ObjectClass.UNKNOWN] < 1.0,
        class_probabilities=class_probabilities,
        existence=np.full(n, source.existence),
        attributes=np.zeros((n, ATTRIBUTE_COUNT)),
        has_attribute=np.zeros((n, ATTRIBUTE_COUNT), dtype=bool),
    )
    if not judge.all_good:
        tracks = tracks.select(judge.good)
    return tracks, judge.refused


@functools.lru_cache(maxsize=64)
def _classes(source: SourceParameters) -> tuple[dict[int, int], np.ndarray]:
    """Classes of a source by the numbers among its names, and the probabilities (CLASS_COUNT,
    CLASS_COUNT) that such a number gives.
    """
    numbers = {int(name): int(kind) for name, kind in source.classes().items() if name.isdecimal()}
    probabilities = source.class_confidence * np.eye(CLASS_COUNT)
    probabilities[:, ObjectClass.UNKNOWN] = 1.0 - source.class_confidence
    probabilities[ObjectClass.UNKNOWN, ObjectClass.UNKNOWN] = 1.0
    return numbers, probabilities
