"""One scan: reports of several messages are used by the tracks that they belong to."""

from __future__ import annotations

import numpy as np

from prediction_node.fusion.associate import associate, by_track
from prediction_node.fusion.belief import Belief
from prediction_node.fusion.describe import describe
from prediction_node.fusion.gate import Pairs
from prediction_node.fusion.heading import adopt_headings, start_headings
from prediction_node.fusion.measure import measurements
from prediction_node.fusion.reports import Reports
from prediction_node.fusion.tables import Tables
from prediction_node.fusion.tracks import TrackTable
from prediction_node.fusion.update import split_update


def matched(pairs: Pairs, tracks: int, reports: Reports) -> np.ndarray:
    """(R,) int64 the track that each report of a scan is of, -1 for none."""
    messages = len(reports.message_stamp_ns)
    return associate(pairs.track, pairs.report, pairs.cost, tracks, reports.message, messages)


def use(
    tracks: TrackTable,
    tracks_ns: int,
    belief: Belief,
    owner: np.ndarray,
    reports: Reports,
    tables: Tables,
) -> None:
    """Give the tracks, at `tracks_ns`, all that their reports say; owner (R,) as of `matched`."""
    matches = by_track(owner, len(tracks))
    if not len(matches.at):
        return
    adopt_headings(tracks, matches, reports)
    told = measurements(tracks, tracks_ns, belief, matches, reports, tables)
    split_update(tracks, matches.at, told)
    start_headings(tracks, matches.at)
    describe(tracks, matches, reports, tables)
