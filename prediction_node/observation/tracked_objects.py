"""autoware_perception_msgs/TrackedObjects to tracks in the message's frame."""

from __future__ import annotations

from collections import Counter

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_COUNT, Orientation
from prediction_node.domain.message_arrays import TrackedObjectsArrays
from prediction_node.observation.classes import all_of, class_table, clipped, known_labels
from prediction_node.observation.frame_tracks import (
    FORWARD,
    POSITION,
    POSITION_COVARIANCE,
    TURN_COVARIANCE,
    VELOCITY,
    VELOCITY_COVARIANCE,
    FrameTracks,
)
from prediction_node.observation.identity import hash_uuids
from prediction_node.observation.judging import (
    Judge,
    between,
    given,
    has_length,
    probability,
    semidefinite,
    within,
)
from prediction_node.observation.parameters import ObservationParameters, SourceParameters
from prediction_node.observation.reasons import Reason
from prediction_node.observation.rotations import matrices_from_quaternions

CYLINDER = 1
POLYGON = 2
# Less certain than this, a yaw rate says nothing: it is what any car may do.
UNSUREST_TURN_RATE_RADPS = 0.5


def translate_tracked_objects(
    arrays: TrackedObjectsArrays,
    source: SourceParameters,
    parameters: ObservationParameters,
    frame_id: str,
) -> tuple[FrameTracks, Counter[Reason]]:
    """Judge and read the objects of a message; see `translate`.

    The twist comes in the object's own axes and is turned, with its covariance, into those of the
    message.
    """
    n = len(arrays.position)
    quaternion = arrays.orientation
    # In the object's own axes: velocity and turn rate.
    twist = np.empty((n, 2, 3))
    twist[:, 0], twist[:, 1] = arrays.twist_linear, arrays.twist_angular
    vectors = np.empty((n, 4, 3))
    vectors[:, POSITION] = arrays.position
    pose_covariance = arrays.pose_covariance
    twist_covariance = arrays.twist_covariance
    covariances = np.empty((n, 3, 3, 3))
    covariances[:, POSITION_COVARIANCE] = pose_covariance[:, :3, :3]
    covariances[:, TURN_COVARIANCE] = pose_covariance[:, 3:, 3:]
    covariances[:, VELOCITY_COVARIANCE] = twist_covariance[:, :3, :3]
    existence = np.asarray(arrays.existence_probability, dtype=np.float64)
    size = _sizes(arrays)

    judge = Judge(n)
    judge.require(within(vectors[:, POSITION], parameters.max_position_m), Reason.POSITION)
    judge.require(has_length(quaternion), Reason.ORIENTATION)
    usable = semidefinite(covariances, parameters.max_variance)
    judge.require(usable[:, POSITION_COVARIANCE], Reason.POSITION_COVARIANCE)
    judge.require(usable[:, TURN_COVARIANCE], Reason.ORIENTATION_COVARIANCE)
    speed_squared = np.einsum('ni,ni->n', twist[:, 0], twist[:, 0])
    judge.require(speed_squared <= source.speed_bound_mps(parameters) ** 2, Reason.VELOCITY)
    judge.require(usable[:, VELOCITY_COVARIANCE], Reason.VELOCITY_COVARIANCE)
    judge.require(within(twist[:, 1], parameters.max_yaw_rate_radps), Reason.YAW_RATE)
    judge.require(between(size, 0.0, parameters.max_size_m), Reason.SIZE)
    judge.require(probability(existence), Reason.EXISTENCE)
    counts = arrays.class_offsets[1:] - arrays.class_offsets[:-1]
    judge.require(counts <= parameters.max_hypotheses, Reason.CLASS)
    owner = np.arange(n).repeat(counts)
    score = np.asarray(arrays.class_probability, dtype=np.float64)
    passed = probability(score)
    if not passed.all():
        judge.require(all_of(owner, passed, n), Reason.CLASS)

    if not judge.all_good:  # left out below, but computed with before
        bad = ~judge.good
        quaternion = np.where(bad[:, None], (0.0, 0.0, 0.0, 1.0), quaternion)
        score = np.where(bad[owner], 0.0, score)
        twist[bad], covariances[bad] = 0.0, 0.0
    probabilities, total = class_table(owner, known_labels(arrays.class_label), clipped(score), n)
    axes = matrices_from_quaternions(quaternion)
    axes_inverse = axes.swapaxes(1, 2)
    vectors[:, FORWARD] = axes[:, :, 0]
    vectors[:, VELOCITY:] = twist @ axes_inverse
    drift = covariances[:, VELOCITY_COVARIANCE]
    covariances[:, VELOCITY_COVARIANCE] = axes @ drift @ axes_inverse
    has_covariance = given(covariances)
    availability = arrays.orientation_availability
    known = availability <= Orientation.AVAILABLE
    standing = np.asarray(arrays.is_stationary, dtype=bool)
    id_hash, has_id = hash_uuids(arrays.object_id)
    tracks = FrameTracks(
        source=source.name,
        stamp_ns=int(arrays.stamp_ns),
        frame_id=frame_id,
        id_hash=id_hash,
        has_id=has_id,
        vectors=vectors,
        covariances=covariances,
        has_covariance=has_covariance,
        orientation=np.where(known, availability, Orientation.UNAVAILABLE).astype(np.int8),
        # Nothing but zeros is a sender that measures no velocity, unless it says that the object
        # stands.
        has_velocity=has_covariance[:, VELOCITY_COVARIANCE] | (speed_squared > 0.0) | standing,
        has_turn_rate=_has_turn_rate(twist[:, 1], twist_covariance[:, 5, 5]),
        has_size=size.min(axis=1) > 0.01,
        size_m=size,
        has_class=total > 0.0,
        class_probabilities=probabilities,
        existence=clipped(existence),
        attributes=np.zeros((n, ATTRIBUTE_COUNT)),
        has_attribute=np.zeros((n, ATTRIBUTE_COUNT), dtype=bool),
    )
    if not judge.all_good:
        tracks = tracks.select(judge.good)
    return tracks, judge.refused


def _has_turn_rate(angular_radps: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """(N,) whether a yaw rate was measured: not without value and variance, nor with a huge one."""
    some = (angular_radps != 0.0).any(axis=1) | (variance > 0.0)
    return np.asarray(some & (variance <= UNSUREST_TURN_RATE_RADPS**2))


def _sizes(arrays: TrackedObjectsArrays) -> np.ndarray:
    """(N, 3) length, width, height, completed for shapes that leave one of the first two out."""
    size = np.asarray(arrays.dimensions, dtype=np.float64)
    left_out = size[:, :2] == 0.0
    if not left_out.any():
        return size
    size = size.copy()
    flat = left_out.any(axis=1)
    cylinders = flat & (arrays.shape_type == CYLINDER)
    size[cylinders, :2] = size[cylinders, :2].max(axis=1)[:, None]
    for i in np.flatnonzero(flat & (arrays.shape_type == POLYGON)).tolist():
        corners = arrays.footprint[arrays.footprint_offsets[i] : arrays.footprint_offsets[i + 1]]
        if len(corners) >= 3:
            size[i, :2] = np.ptp(corners[:, :2].astype(np.float64), axis=0)
    return size
