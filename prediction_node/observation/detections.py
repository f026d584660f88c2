"""vision_msgs/Detection3DArray to tracks in the message's frame, which carry no velocity."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import (
    ATTRIBUTE_COUNT,
    ATTRIBUTE_INDEX,
    FRONT_WHEEL_ANGLE,
    ObjectClass,
    Orientation,
)
from prediction_node.domain.message_arrays import Detection3DArrayArrays
from prediction_node.observation.classes import all_of, class_table, members
from prediction_node.observation.frame_tracks import FrameTracks, Translation
from prediction_node.observation.identity import hash_names
from prediction_node.observation.judging import (
    Judge,
    given,
    has_length,
    probability,
    semidefinite,
    within,
)
from prediction_node.observation.parameters import ObservationParameters, SourceParameters
from prediction_node.observation.reasons import Reason
from prediction_node.observation.rotations import matrices_from_quaternions

ATTRIBUTE_PREFIX = 'attribute/'
# No front wheel turns further than this.
LARGEST_WHEEL_ANGLE_RAD = 1.6


def translate_detections(
    arrays: Detection3DArrayArrays,
    source: SourceParameters,
    parameters: ObservationParameters,
    frame_id: str,
    rows: np.ndarray,
) -> Translation:
    """Judge and read the detections `rows` of the message; see `translate`.

    The stamp is the array's. The scores of the class hypotheses are probabilities; their sum, times
    what the source is worth, is the probability that the object exists. Position and yaw covariance
    are those of the best class hypothesis that has one. A yaw counts if it has a covariance, else
    as the source's `orientation` says. Attributes that are not known here are passed over.
    """
    n = len(rows)
    position = np.asarray(arrays.position[rows], dtype=np.float64)
    quaternion = np.asarray(arrays.orientation[rows], dtype=np.float64)
    size = np.asarray(arrays.size[rows], dtype=np.float64)
    frames = [arrays.detection_frame_id[i] for i in rows.tolist()]
    own_frame = arrays.frame_id
    judge = Judge(n)
    judge.require(
        np.fromiter((not f or f == own_frame for f in frames), dtype=bool, count=n),
        Reason.OBJECT_FRAME,
    )
    judge.require(within(position, parameters.max_position_m), Reason.POSITION)
    judge.require(has_length(quaternion), Reason.ORIENTATION)
    judge.require(within(size, parameters.max_size_m) & (size >= 0.0).all(axis=1), Reason.SIZE)
    hypotheses = _read_hypotheses(arrays, _codes(source), rows, judge, parameters)
    covariance = hypotheses.covariance
    bound = parameters.max_variance
    judge.require(semidefinite(covariance[:, :3, :3], bound), Reason.POSITION_COVARIANCE)
    judge.require(semidefinite(covariance[:, 3:, 3:], bound), Reason.ORIENTATION_COVARIANCE)

    has_turn_covariance = given(covariance[:, 3:, 3:])
    assumed = Orientation[source.orientation.upper()]
    orientation = np.where(has_turn_covariance, Orientation.AVAILABLE, assumed).astype(np.int8)
    quaternion[~judge.good] = (0.0, 0.0, 0.0, 1.0)  # left out below, but divided by before
    id_hash, has_id = hash_names([arrays.id[i] for i in rows.tolist()])
    total = hypotheses.class_total
    tracks = FrameTracks(
        source=source.name,
        stamp_ns=int(arrays.stamp_ns),
        frame_id=frame_id,
        id_hash=id_hash,
        has_id=has_id,
        position_m=position,
        position_covariance=covariance[:, :3, :3],
        has_position_covariance=given(covariance[:, :3, :3]),
        orientation=orientation,
        axes=matrices_from_quaternions(quaternion),
        axes_covariance=covariance[:, 3:, 3:],
        has_axes_covariance=has_turn_covariance,
        has_velocity=np.zeros(n, dtype=bool),
        velocity_mps=np.zeros((n, 3)),
        velocity_covariance=np.zeros((n, 3, 3)),
        has_velocity_covariance=np.zeros(n, dtype=bool),
        has_turn_rate=np.zeros(n, dtype=bool),
        turn_rate_radps=np.zeros((n, 3)),
        has_size=np.all(size > 0.01, axis=1),
        size_m=size,
        has_class=total > 0.0,
        class_probabilities=hypotheses.class_probabilities,
        existence=source.existence * np.where(total > 0.0, np.minimum(total, 1.0), 1.0),
        attributes=hypotheses.attributes,
        has_attribute=hypotheses.has_attribute,
    )
    if not judge.good.all():
        tracks = tracks.select(judge.good)
    return Translation(tracks=tracks, received=len(arrays.position), refused=judge.refused)


@dataclass(frozen=True, slots=True, eq=False)
class _Hypotheses:
    """What the hypotheses of N detections say together."""

    class_probabilities: np.ndarray  # (N, CLASS_COUNT)
    class_total: np.ndarray  # (N,) sum of the class scores
    attributes: np.ndarray  # (N, ATTRIBUTE_COUNT)
    has_attribute: np.ndarray  # (N, ATTRIBUTE_COUNT) bool
    covariance: np.ndarray  # (N, 6, 6), zero where no class hypothesis has one


def _read_hypotheses(
    arrays: Detection3DArrayArrays,
    codes_by_name: Mapping[str, int],
    rows: np.ndarray,
    judge: Judge,
    parameters: ObservationParameters,
) -> _Hypotheses:
    """Gather the hypotheses of the detections `rows`, without those of refused detections."""
    n = len(rows)
    offsets = arrays.hypothesis_offsets
    judge.require(offsets[rows + 1] - offsets[rows] <= parameters.max_hypotheses, Reason.CLASS)
    owner, flat = members(offsets, rows, judge.good)

    # One look-up per hypothesis: classes from 0 up, attributes from -1 down.
    names_read = [arrays.hypothesis_class_id[i] for i in flat.tolist()]
    codes = np.array([codes_by_name[name] for name in names_read], dtype=np.int64)
    score = np.asarray(arrays.hypothesis_score, dtype=np.float64)[flat]
    is_class = codes >= 0
    attribute = -1 - codes
    is_attribute = (codes < 0) & (attribute < ATTRIBUTE_COUNT)
    is_angle = is_attribute & (attribute == FRONT_WHEEL_ANGLE)
    probable = probability(score)
    angle_ok = np.abs(score) <= LARGEST_WHEEL_ANGLE_RAD
    judge.require(all_of(owner, ~is_class | probable, n), Reason.CLASS)
    attribute_ok = ~is_attribute | np.where(is_angle, angle_ok, probable)
    judge.require(all_of(owner, attribute_ok, n), Reason.ATTRIBUTE)

    usable = judge.good[owner]
    of_class = np.flatnonzero(is_class & usable)
    table, total = class_table(
        owner[of_class], codes[of_class], np.clip(score[of_class], 0.0, 1.0), n
    )
    attributes = np.zeros((n, ATTRIBUTE_COUNT))
    has_attribute = np.zeros((n, ATTRIBUTE_COUNT), dtype=bool)
    of_attribute = np.flatnonzero(is_attribute & usable)
    at = owner[of_attribute], attribute[of_attribute]
    attributes[at] = np.where(
        is_angle[of_attribute], score[of_attribute], np.clip(score[of_attribute], 0.0, 1.0)
    )
    has_attribute[at] = True

    covariance = np.zeros((n, 6, 6))
    candidates = np.asarray(arrays.hypothesis_covariance, dtype=np.float64)[flat[of_class]]
    some = np.flatnonzero(np.any(candidates.reshape(len(of_class), 36) != 0.0, axis=1))
    # Later assignments win: ascending scores leave each detection the covariance of its best
    # hypothesis.
    some = some[np.argsort(score[of_class[some]], kind='stable')]
    covariance[owner[of_class[some]]] = candidates[some]
    return _Hypotheses(table, total, attributes, has_attribute, covariance)


class _Codes(dict[str, int]):
    """Number of each known name; unknown classes are UNKNOWN, unknown attributes below them all."""

    def __missing__(self, name: str) -> int:
        if name.startswith(ATTRIBUTE_PREFIX):
            return -1 - ATTRIBUTE_COUNT
        return int(ObjectClass.UNKNOWN)


@functools.lru_cache(maxsize=64)
def _codes(source: SourceParameters) -> _Codes:
    """What the hypotheses of a source mean: classes from 0 up, attributes from -1 down."""
    codes = _Codes({name: int(kind) for name, kind in source.classes().items()})
    codes.update({ATTRIBUTE_PREFIX + name: -1 - i for name, i in ATTRIBUTE_INDEX.items()})
    return codes
