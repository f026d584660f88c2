"""Existence, death, and merging of tracks that turned out to be one object."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.stamps import NS_PER_S, nanoseconds
from prediction_node.fusion.classes import PRIOR
from prediction_node.fusion.kernels import existence
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.fusion.reports import Reports
from prediction_node.fusion.tables import Tables
from prediction_node.fusion.tracks import NEVER_NS, TrackTable

_CLASSES_CONTRADICT = 3.0  # as -2 log of a likelihood ratio
_SAME_OBJECT = 13.8  # squared Mahalanobis distance in two dimensions, 99.9 %
_FRESH_NS = 300_000_000
_TOLD_APART_NS = NS_PER_S  # how long having been told apart counts


def count_misses(tracks: TrackTable, owner: np.ndarray, reports: Reports, tables: Tables) -> None:
    """Lower the log-odds of tracks that a source saw just now and does not report any more.

    `owner` (R,) is the track that each report was given to, or -1. A source that never saw the
    object, or lost it a while ago (hidden, out of range), says nothing about it.
    """
    existence.count_misses(
        tracks.log_odds,
        tracks.source_seen_ns,
        owner,
        reports.message,
        reports.message_stamp_ns,
        reports.message_column,
        tables.existence_loss[reports.message_modality],
        nanoseconds(tables.parameters.miss_window_s),
    )


def alive(tracks: TrackTable, stamp_ns: int, parameters: FusionParameters) -> np.ndarray:
    """(N,) bool: tracks worth keeping at `stamp_ns`."""
    keep: np.ndarray = existence.alive(
        _followed(tracks),
        stamp_ns,
        nanoseconds(parameters.remember_s),
        nanoseconds(parameters.tentative_s),
        parameters.death_log_odds,
        _FRESH_NS,
        parameters.max_coast_sigma_m**2,
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
    near, apart_m2 = existence.near_pairs(
        tracks.mean,
        tracks.seen_ns,
        tracks.seen_ns.max(initial=NEVER_NS) - _FRESH_NS,
        parameters.merge_distance_m,
    )
    doomed: np.ndarray = existence.duplicates(
        _followed(tracks),
        near[np.argsort(apart_m2, kind='stable')],
        class_probabilities,
        PRIOR,
        _SAME_OBJECT,
        _CLASSES_CONTRADICT,
        _TOLD_APART_NS,
    )
    return doomed


def _followed(tracks: TrackTable) -> existence.Followed:
    return existence.Followed(
        tracks.mean,
        tracks.independent,
        tracks.shared,
        tracks.confirmed,
        tracks.log_odds,
        tracks.seen_ns,
        tracks.source_seen_ns,
        tracks.serial,
    )
