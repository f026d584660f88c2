"""Existence, death, and merging of tracks that turned out to be one object."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.stamps import NS_PER_S, nanoseconds
from prediction_node.fusion.classes import class_disagreement
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.fusion.tracks import NEVER_NS, VX, VY, TrackTable, X, Y

_CLASSES_CONTRADICT = 3.0  # as -2 log of a likelihood ratio
_SAME_OBJECT = 13.8  # squared Mahalanobis distance in two dimensions, 99.9 %
_FRESH_NS = 300_000_000
_TOLD_APART_NS = NS_PER_S  # how long having been told apart counts


def count_hits(
    tracks: TrackTable,
    rows: np.ndarray,
    gain: np.ndarray,
    reports: np.ndarray,
    parameters: FusionParameters,
) -> None:
    """Raise the log-odds of the different `rows` (K,) by `gain` (K,), the sum of `reports` (K,)."""
    tracks.log_odds[rows] = np.minimum(tracks.log_odds[rows] + gain, parameters.max_log_odds)
    tracks.hits[rows] += reports
    tracks.confirmed |= (tracks.log_odds >= parameters.confirm_log_odds) & (
        tracks.hits >= parameters.confirm_hits
    )


def count_misses(
    tracks: TrackTable,
    hit: np.ndarray,
    column: np.ndarray,
    stamp_ns: np.ndarray,
    modality: np.ndarray,
    parameters: FusionParameters,
) -> None:
    """Lower the log-odds of tracks that a source saw just now and does not report any more.

    `hit` (N, M) are the tracks reported by each of M messages of the sources `column` (M,), made at
    `stamp_ns` (M,). A source that never saw the object, or lost it a while ago (hidden, out of
    range), says nothing about it.
    """
    age_ns = stamp_ns - tracks.source_seen_ns[:, column]
    missed = (age_ns > 0) & (age_ns <= nanoseconds(parameters.miss_window_s)) & ~hit
    tracks.log_odds -= missed @ np.asarray(parameters.existence_loss)[modality]


def alive(tracks: TrackTable, stamp_ns: int, parameters: FusionParameters) -> np.ndarray:
    """(N,) bool: tracks worth keeping at `stamp_ns`."""
    unseen_ns = stamp_ns - tracks.seen_ns
    limit_s = np.where(tracks.confirmed, parameters.remember_s, parameters.tentative_s)
    spread = 0.5 * np.trace(tracks.covariance[:, X : Y + 1, X : Y + 1], axis1=1, axis2=2)
    lost = (unseen_ns > 0.3 * NS_PER_S) & (spread > parameters.max_coast_sigma_m**2)
    keep: np.ndarray = (
        (unseen_ns <= limit_s * NS_PER_S) & (tracks.log_odds > parameters.death_log_odds) & ~lost
    )
    return keep


def duplicates(
    tracks: TrackTable, class_probabilities: np.ndarray, parameters: FusionParameters
) -> np.ndarray:
    """(N,) bool: tracks of objects that an older or surer track already follows.

    Two tracks are one object if place and velocity agree within their covariances, unless one
    message reported both: a sensor that tells them apart knows better. Classes (N, CLASS_COUNT)
    must not contradict each other: a pedestrian beside a car stays. A track that was not seen
    lately takes no part: it is vague enough to agree with anything and would swallow what passes.
    """
    doomed = np.zeros(len(tracks), bool)
    position = tracks.mean[:, X : Y + 1]
    fresh = tracks.seen_ns >= tracks.seen_ns.max(initial=NEVER_NS) - _FRESH_NS
    near = np.abs(position[:, None, 0] - position[None, :, 0]) < parameters.merge_distance_m
    near &= np.abs(position[:, None, 1] - position[None, :, 1]) < parameters.merge_distance_m
    near &= fresh[:, None] & fresh[None]
    first, second = np.nonzero(np.triu(near, k=1))
    if not len(first):
        return doomed
    differ = class_disagreement(class_probabilities[first], class_probabilities[second])
    distance = np.hypot(*(position[first] - position[second]).T)
    agree = (distance < parameters.merge_distance_m) & (differ < _CLASSES_CONTRADICT)
    covariance = tracks.covariance
    for part in (slice(X, Y + 1), slice(VX, VY + 1)):
        offset = tracks.mean[first, part] - tracks.mean[second, part]
        spread = covariance[first, part, part] + covariance[second, part, part]
        agree &= squared_distance(offset, spread) < _SAME_OBJECT
    together = tracks.source_seen_ns[first] == tracks.source_seen_ns[second]
    newest = tracks.seen_ns[first, None] - _TOLD_APART_NS
    agree &= ~(together & (tracks.source_seen_ns[first] > newest)).any(axis=1)
    nearest = np.argsort(distance[agree], kind='stable')
    for i, j in zip(first[agree][nearest], second[agree][nearest], strict=True):
        if not (doomed[i] or doomed[j]):
            doomed[_lesser(tracks, i, j)] = True
    return doomed


def squared_distance(offset: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """(P,) squared Mahalanobis distances of offsets (P, 2)."""
    xx, yy, xy = covariance[:, 0, 0], covariance[:, 1, 1], covariance[:, 0, 1]
    dx, dy = offset[:, 0], offset[:, 1]
    squared: np.ndarray = (yy * dx * dx - 2.0 * xy * dx * dy + xx * dy * dy) / (xx * yy - xy * xy)
    return squared


def _lesser(tracks: TrackTable, i: int, j: int) -> int:
    """The track of two to drop: the unconfirmed before the confirmed, then the younger."""
    rank_i = (not tracks.confirmed[i], tracks.serial[i])
    rank_j = (not tracks.confirmed[j], tracks.serial[j])
    return i if rank_i > rank_j else j
