"""vision_msgs/Detection3DArray to tracks in the message's frame, which carry no velocity."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
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
from prediction_node.observation.classes import all_of, class_table, clipped
from prediction_node.observation.frame_tracks import (
    FORWARD,
    POSITION,
    POSITION_COVARIANCE,
    TURN_COVARIANCE,
    FrameTracks,
)
from prediction_node.observation.identity import hash_names
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

ATTRIBUTE_PREFIX = 'attribute/'
# No front wheel turns further than this.
LARGEST_WHEEL_ANGLE_RAD = 1.6


def translate_detections(
    arrays: Detection3DArrayArrays,
    source: SourceParameters,
    parameters: ObservationParameters,
    frame_id: str,
) -> tuple[FrameTracks, Counter[Reason]]:
    """Judge and read the detections of a message; see `translate`.

    The stamp is the array's. The scores of the class hypotheses are probabilities; their sum, times
    what the source is worth, is the probability that the object exists. Position and yaw covariance
    are those of the best class hypothesis that has one. A yaw counts if it has a covariance, else
    as the source's `orientation` says. Attributes that are not known here are passed over.
    """
    n = len(arrays.position)
    quaternion = arrays.orientation
    size = np.asarray(arrays.size, dtype=np.float64)
    vectors = np.zeros((n, 4, 3))
    vectors[:, POSITION] = arrays.position
    judge = Judge(n)
    known = {'', arrays.frame_id}
    if not known.issuperset(arrays.detection_frame_id):
        in_known = [frame in known for frame in arrays.detection_frame_id]
        judge.require(np.array(in_known), Reason.OBJECT_FRAME)
    judge.require(within(vectors[:, POSITION], parameters.max_position_m), Reason.POSITION)
    judge.require(has_length(quaternion), Reason.ORIENTATION)
    judge.require(between(size, 0.0, parameters.max_size_m), Reason.SIZE)
    hypotheses = _read_hypotheses(arrays, _codes(source), judge, parameters)
    covariances = hypotheses.covariances
    usable = semidefinite(covariances[:, :2], parameters.max_variance)
    judge.require(usable[:, 0], Reason.POSITION_COVARIANCE)
    judge.require(usable[:, 1], Reason.ORIENTATION_COVARIANCE)

    if not judge.all_good:
        # Left out below, but divided by before.
        quaternion = np.where(judge.good[:, None], quaternion, (0.0, 0.0, 0.0, 1.0))
    vectors[:, FORWARD] = matrices_from_quaternions(quaternion)[:, :, 0]
    has_covariance = given(covariances)
    assumed = Orientation[source.orientation.upper()]
    id_hash, has_id = hash_names(arrays.id)
    has_class = hypotheses.class_total > 0.0
    none = np.zeros(n, dtype=bool)
    tracks = FrameTracks(
        source=source.name,
        stamp_ns=int(arrays.stamp_ns),
        frame_id=frame_id,
        id_hash=id_hash,
        has_id=has_id,
        vectors=vectors,
        covariances=covariances,
        has_covariance=has_covariance,
        orientation=np.where(
            has_covariance[:, TURN_COVARIANCE], np.int8(Orientation.AVAILABLE), np.int8(assumed)
        ),
        has_velocity=none,
        has_turn_rate=none,
        has_size=size.min(axis=1) > 0.01,
        size_m=size,
        has_class=has_class,
        class_probabilities=hypotheses.class_probabilities,
        existence=source.existence
        * np.where(has_class, np.minimum(hypotheses.class_total, 1.0), 1.0),
        attributes=hypotheses.attributes,
        has_attribute=hypotheses.has_attribute,
    )
    if not judge.all_good:
        tracks = tracks.select(judge.good)
    return tracks, judge.refused


@dataclass(frozen=True, slots=True, eq=False)
class _Hypotheses:
    """What the hypotheses of N detections say together."""

    class_probabilities: np.ndarray  # (N, CLASS_COUNT)
    class_total: np.ndarray  # (N,) sum of the class scores
    attributes: np.ndarray  # (N, ATTRIBUTE_COUNT)
    has_attribute: np.ndarray  # (N, ATTRIBUTE_COUNT) bool
    covariances: np.ndarray  # (N, 3, 3, 3) see FrameTracks, zero where no class hypothesis has one


def _read_hypotheses(
    arrays: Detection3DArrayArrays,
    codes_by_name: Mapping[str, int],
    judge: Judge,
    parameters: ObservationParameters,
) -> _Hypotheses:
    """Gather the hypotheses of the detections, without those of refused detections."""
    n = len(arrays.position)
    counts = arrays.hypothesis_offsets[1:] - arrays.hypothesis_offsets[:-1]
    judge.require(counts <= parameters.max_hypotheses, Reason.CLASS)
    names: Sequence[str] = arrays.hypothesis_class_id
    score = np.asarray(arrays.hypothesis_score, dtype=np.float64)
    covariance = arrays.hypothesis_covariance
    owner = np.arange(n).repeat(counts)
    if not judge.all_good:
        of_good = np.flatnonzero(judge.good[owner])
        names = [names[i] for i in of_good.tolist()]
        owner, score, covariance = owner[of_good], score[of_good], covariance[of_good]

    # One look-up per hypothesis: classes from 0 up, attributes from -1 down.
    codes = np.array([codes_by_name[name] for name in names], dtype=np.int64)
    is_class = codes >= 0
    attribute = -1 - codes
    is_angle = attribute == FRONT_WHEEL_ANGLE
    score_ok = np.where(is_angle, np.abs(score) <= LARGEST_WHEEL_ANGLE_RAD, probability(score))
    # Scores of attributes that are not known here mean nothing.
    score_ok |= attribute >= ATTRIBUTE_COUNT
    if not score_ok.all():
        judge.require(all_of(owner, ~is_class | score_ok, n), Reason.CLASS)
        judge.require(all_of(owner, is_class | score_ok, n), Reason.ATTRIBUTE)
        usable = judge.good[owner]
        owner, codes, score = owner[usable], codes[usable], score[usable]
        covariance, is_class = covariance[usable], is_class[usable]
        attribute, is_angle = attribute[usable], is_angle[usable]
    score = np.where(is_angle, score, clipped(score))

    of_class = np.flatnonzero(is_class)
    class_owner = owner[of_class]
    table, total = class_table(class_owner, codes[of_class], score[of_class], n)
    attributes = np.zeros((n, ATTRIBUTE_COUNT))
    has_attribute = np.zeros((n, ATTRIBUTE_COUNT), dtype=bool)
    of_attribute = np.flatnonzero(~is_class & (attribute < ATTRIBUTE_COUNT))
    if len(of_attribute):
        at = owner[of_attribute], attribute[of_attribute]
        attributes[at] = score[of_attribute]
        has_attribute[at] = True

    covariances = np.zeros((n, 3, 3, 3))
    candidates = covariance[of_class]
    some = np.flatnonzero((candidates != 0.0).any(axis=(1, 2)))
    # Later assignments win: ascending scores leave each detection the covariance of its best
    # hypothesis.
    some = some[np.argsort(score[of_class[some]], kind='stable')]
    covariances[class_owner[some], POSITION_COVARIANCE] = candidates[some, :3, :3]
    covariances[class_owner[some], TURN_COVARIANCE] = candidates[some, 3:, 3:]
    return _Hypotheses(table, total, attributes, has_attribute, covariances)


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
