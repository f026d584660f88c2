"""Which way a body faces: signs resolved by motion, headings started from velocity."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.kinds import WALKERS, class_mask
from prediction_node.domain.stamps import nanoseconds
from prediction_node.fusion.kernels import heading
from prediction_node.fusion.matches import Matches
from prediction_node.fusion.reports import Reports
from prediction_node.fusion.tracks import TrackTable

LONGEST_STEP_S = 0.2  # of motion, counted for headings: a pause tells no more
_OPENING = 4.0  # of the variance of a yaw that starts a heading and is used again right after
_IS_WALKER = class_mask(WALKERS)


def judge_by_motion(
    tracks: TrackTable, stamp_ns: int, dt_s: float, class_probabilities: np.ndarray
) -> None:
    """Weigh dt_s of motion of the tracks seen lately and turn those by half whose sign it
    contradicts.

    Bodies mostly move forward, all the more when fast: a sensor that tells front from back
    outweighs slow motion only. Where none does, motion decides alone and at once, as it does for
    those that walk by their class probabilities (N, CLASS_COUNT), who turn on the spot.
    """
    heading.judge(
        _headings(tracks),
        stamp_ns - tracks.seen_ns,
        nanoseconds(2.0 * LONGEST_STEP_S),
        class_probabilities,
        _IS_WALKER,
        dt_s,
    )


def adopt_headings(tracks: TrackTable, matches: Matches, reports: Reports) -> None:
    """Give the tracks that lack a heading the first one reported of them, if any.

    Its uncertainty is opened, since the same report goes on into the update.
    """
    heading.adopt(
        _headings(tracks),
        *matches,
        reports.orientation,
        reports.yaw_rad,
        reports.yaw_variance,
        _OPENING,
    )


def start_headings(tracks: TrackTable, rows: np.ndarray) -> None:
    """Give those of `rows` (K,) that lack a heading the direction of a certain motion."""
    heading.begin(_headings(tracks), rows)


def _headings(tracks: TrackTable) -> heading.Headings:
    return heading.Headings(
        tracks.mean,
        tracks.independent,
        tracks.shared,
        tracks.has_heading,
        tracks.front_told,
        tracks.heading_evidence,
    )
