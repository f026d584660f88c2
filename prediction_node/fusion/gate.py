"""Which reports may belong to which tracks, and how well they fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.fusion.belief import Belief
from prediction_node.fusion.classes import PRIOR
from prediction_node.fusion.kernels import gate, motion
from prediction_node.fusion.reports import Reports
from prediction_node.fusion.tables import Tables
from prediction_node.fusion.tracks import TrackTable

_PAIRS_PER_REPORT = 4  # there is room for at first


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """P candidate pairs of a track row and a report row."""

    track: np.ndarray  # (P,) int64
    report: np.ndarray  # (P,) int64
    cost: np.ndarray  # (P,) negative: one object is likelier than two

    def of(self, index: np.ndarray) -> Pairs:
        """The pairs that `index` (bool mask or integers) picks."""
        return Pairs(self.track[index], self.report[index], self.cost[index])

    def with_more(self, more: Pairs) -> Pairs:
        return Pairs(
            np.concatenate([self.track, more.track]),
            np.concatenate([self.report, more.report]),
            np.concatenate([self.cost, more.cost]),
        )


def candidate_pairs(
    tracks: TrackTable,
    tracks_ns: int,
    belief: Belief,
    reports: Reports,
    is_open: np.ndarray,
    founder: np.ndarray,
    tables: Tables,
) -> Pairs:
    """All pairs inside the gate that are likelier one object than two.

    The tracks (N,) are at `tracks_ns`; reports, those of which is_open (R,), are not newer. They
    are compared with where the tracks were, less certain by what may have happened since. A track
    that a message has started now, founder (N,) (-1 else), may have reports of later messages only.

    The cost is -2 log of the likelihood ratio between "the report is of this track" and "of an
    object not tracked yet": squared Mahalanobis distance and log determinant of position and, where
    reported, velocity, class disagreement, and a bonus for an unchanged sensor-side id.
    """
    late_s = (tracks_ns - reports.message_stamp_ns) * 1e-9
    past = motion.past_places(tracks.mean, late_s)
    motions = (past, tracks.independent, tracks.shared, belief.noise)
    pairs, cost = _near(motions, late_s, belief.length_m, founder, reports, is_open, tables)
    cost += tables.density_cost
    gate.add_velocity_cost(
        cost,
        pairs,
        *motions,
        late_s,
        reports.has_velocity,
        reports.velocity_mps,
        reports.velocity_covariance,
    )
    gate.add_class_cost(
        cost,
        pairs,
        belief.class_probabilities,
        reports.has_class,
        reports.class_probabilities,
        PRIOR,
        tables.parameters.class_weight,
    )
    gate.take_id_bonus(
        cost,
        pairs,
        tracks.source_has_id,
        tracks.source_id,
        tracks.source_seen_ns,
        reports.has_id,
        reports.id_hash,
        reports.message_stamp_ns,
        reports.message_column,
        tables.parameters.id_bonus,
    )
    good = np.flatnonzero(cost < 0.0)
    return Pairs(pairs[good, 0], pairs[good, 1], cost[good])


def _near(
    motions: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    late_s: np.ndarray,
    length_m: np.ndarray,
    founder: np.ndarray,
    reports: Reports,
    is_open: np.ndarray,
    tables: Tables,
) -> tuple[np.ndarray, np.ndarray]:
    """Track, report and message (P, 3) of the pairs in the gate, and what the places cost (P,)."""
    places = gate.sorted_places(
        reports.first_row,
        reports.by_x,
        is_open,
        reports.position_m,
        reports.position_covariance,
    )
    scatter = tables.reference_scatter[reports.message_modality]
    room = _PAIRS_PER_REPORT * len(reports)
    while True:  # once, or in a crowd twice
        pairs, cost = np.empty((room, 3), np.int64), np.empty(room)
        found = gate.find_near(
            pairs,
            cost,
            *motions,
            length_m,
            founder,
            late_s,
            scatter,
            *places,
            tables.gate_squared,
            tables.parameters.gate_max_m,
        )
        if found <= room:
            return pairs[:found], cost[:found]
        room = found
