"""One scan: reports of several messages find their tracks and are used by them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import wrap_angle
from prediction_node.fusion import delete, heading
from prediction_node.fusion.associate import associate
from prediction_node.fusion.classes import class_probabilities
from prediction_node.fusion.describe import describe
from prediction_node.fusion.gate import Pairs, candidate_pairs
from prediction_node.fusion.groups import firsts
from prediction_node.fusion.measure import measurements
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.fusion.predict import MotionNoise, motion_noise
from prediction_node.fusion.reports import Reports
from prediction_node.fusion.size import published_size
from prediction_node.fusion.tracks import YAW, TrackTable
from prediction_node.fusion.update import split_update


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """What follows from the class evidence of N tracks."""

    class_probabilities: np.ndarray  # (N, CLASS_COUNT)
    noise: MotionNoise
    length_m: np.ndarray  # (N,)

    def with_more(self, more: Belief) -> Belief:
        """Of these tracks and then of more."""
        return Belief(
            np.concatenate([self.class_probabilities, more.class_probabilities]),
            self.noise.with_more(more.noise),
            np.concatenate([self.length_m, more.length_m]),
        )


def believed(tracks: TrackTable, motion_table: np.ndarray) -> Belief:
    probabilities = class_probabilities(tracks.class_evidence)
    return Belief(
        probabilities,
        motion_noise(motion_table, probabilities, tracks.has_heading),
        published_size(tracks.size_m, tracks.size_weight, probabilities)[:, 0],
    )


def candidates(
    tracks: TrackTable,
    tracks_ns: int,
    belief: Belief,
    reports: Reports,
    rows: np.ndarray,
    parameters: FusionParameters,
) -> Pairs:
    """Pairs of tracks, at `tracks_ns`, and report rows `rows`, not newer, that may be one."""
    if not len(tracks) or not len(rows):
        return Pairs.none()
    late_s = (tracks_ns - reports.stamp_ns[rows]) * 1e-9
    return candidate_pairs(
        tracks,
        belief.noise,
        belief.class_probabilities,
        belief.length_m,
        reports,
        rows,
        late_s,
        parameters,
    )


def matched(pairs: Pairs, tracks: int, reports: Reports, messages: slice) -> np.ndarray:
    """Which of the `pairs` (P,) of a scan's `messages` are one.

    A message gives a track at most one report; one track may take reports of many messages.
    """
    return associate(
        pairs.track,
        pairs.report - reports.first_row[messages.start],
        reports.message[pairs.report] - messages.start,
        pairs.cost,
        tracks,
    )


def use(
    tracks: TrackTable,
    tracks_ns: int,
    belief: Belief,
    pairs: Pairs,
    reports: Reports,
    parameters: FusionParameters,
) -> None:
    """Give the tracks all that the reports matched with them say."""
    if not len(pairs.track):
        return
    order = np.lexsort((pairs.report, pairs.track))
    track, report = pairs.track[order], pairs.report[order]
    first = firsts(track)
    at = track[first]
    heading.adopt_headings(tracks, track, reports, report)
    told, evidence = measurements(
        tracks,
        track,
        first,
        reports,
        report,
        (tracks_ns - reports.stamp_ns[report]) * 1e-9,
        belief.noise,
        belief.length_m,
        (tracks_ns - tracks.seen_ns[at]) * 1e-9,
        parameters,
    )
    mean, tracks.independent[at], tracks.shared[at] = split_update(
        tracks.mean[at], tracks.independent[at], tracks.shared[at], told
    )
    mean[:, YAW] = wrap_angle(mean[:, YAW])
    tracks.mean[at] = mean
    tracks.heading_evidence[at] += np.add.reduceat(evidence, first)
    tracks.front_told[at] |= np.logical_or.reduceat(evidence != 0.0, first)
    heading.start_headings(tracks, at)
    describe(tracks, track, first, reports, report, parameters)


def count_misses(
    tracks: TrackTable,
    pairs: Pairs,
    reports: Reports,
    messages: slice,
    parameters: FusionParameters,
) -> None:
    """Of all `messages` of a scan, which reported the tracks of `pairs`."""
    hit = np.zeros((len(tracks), messages.stop - messages.start), bool)
    hit[pairs.track, reports.message[pairs.report] - messages.start] = True
    delete.count_misses(
        tracks,
        hit,
        reports.message_column[messages],
        reports.message_stamp_ns[messages],
        reports.message_modality[messages],
        parameters,
    )
