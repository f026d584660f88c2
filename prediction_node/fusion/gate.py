"""Which reports may belong to which tracks, and how well they fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from prediction_node.fusion.classes import class_disagreement
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.fusion.predict import MotionNoise, moved_place
from prediction_node.fusion.reports import Reports
from prediction_node.fusion.tracks import VX, VY, TrackTable, X, Y

_FORGET_ID_NS = 1_000_000_000  # sensors reuse ids: an older one hints at nothing
# Velocity never rules a pair out: a body that brakes harder than the model expects is still there.
_WORST_VELOCITY = 12.0
_SPEED_SPREAD_MPS = 10.0  # of road users at large: the density a velocity match competes with


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """P candidate pairs of a track row and a report row."""

    track: np.ndarray  # (P,) int64
    report: np.ndarray  # (P,) int64
    cost: np.ndarray  # (P,) negative where one object is likelier than two

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
    noise: MotionNoise,
    class_probabilities: np.ndarray,
    length_m: np.ndarray,
    reports: Reports,
    rows: np.ndarray,
    late_s: np.ndarray,
    parameters: FusionParameters,
) -> Pairs:
    """All pairs inside the gate.

    The reports `rows` (R,) are late_s (R,) >= 0 older than the tracks: they are compared with where
    the tracks were, less certain by what may have happened since. `class_probabilities`
    (N, CLASS_COUNT) and `length_m` (N,) are the tracks'. The cost is -2 log of the likelihood ratio
    between "the report is of this track" and "of an object not tracked yet": squared Mahalanobis
    distance and log determinant of position and, where reported, velocity, class disagreement, and
    a bonus for an unchanged sensor-side id.
    """
    place_m = reports.position_m[rows, :2]
    track, at = _near(tracks.mean, place_m, late_s, parameters.gate_max_m)
    report, late_s = rows[at], late_s[at]
    past = moved_place(tracks.mean[track], -late_s)
    offset = place_m[at] - past[:, :2]
    covariance = tracks.covariance
    place, cross, motion = (
        covariance[:, X : Y + 1, X : Y + 1],
        covariance[:, X : Y + 1, VX : VY + 1],
        covariance[:, VX : VY + 1, VX : VY + 1][track],
    )
    since = late_s[:, None, None]
    spread = place[track] - since * (cross + cross.swapaxes(1, 2))[track] + since**2 * motion
    drifted = noise.drift[track] * late_s
    modality = reports.modality[report]
    scatter = np.asarray(parameters.reference_scatter)[modality] * length_m[track]
    distance, log_determinant = _mahalanobis(
        offset,
        spread + reports.position_covariance[report],
        scatter**2 + drifted * late_s**2 / 3.0,
    )
    inside = np.flatnonzero(
        (distance < chdtri(2, parameters.gate_probability_loss))
        & (np.square(offset).sum(axis=1) < parameters.gate_max_m**2)
    )
    track, report = track[inside], report[inside]
    density = 2.0 * np.log(2.0 * np.pi * parameters.new_object_density_per_m2)
    cost = distance[inside] + log_determinant[inside] + density
    velocity_distance, log_determinant = _mahalanobis(
        reports.velocity_mps[report] - past[inside, 2:],
        motion[inside] + reports.velocity_covariance[report],
        1e-4 + drifted[inside],
    )
    velocity_distance = np.minimum(velocity_distance, _WORST_VELOCITY)
    velocity_cost = velocity_distance + log_determinant - 4.0 * np.log(_SPEED_SPREAD_MPS)
    cost += np.where(reports.has_velocity[report], velocity_cost, 0.0)
    disagreement = class_disagreement(
        class_probabilities[track], reports.class_probabilities[report]
    )
    cost += np.where(reports.has_class[report], parameters.class_weight * disagreement, 0.0)
    column = reports.column[report]
    same_id = (
        reports.has_id[report]
        & tracks.source_has_id[track, column]
        & (tracks.source_id[track, column] == reports.id_hash[report])
        & (reports.stamp_ns[report] - tracks.source_seen_ns[track, column] < _FORGET_ID_NS)
    )
    return Pairs(track, report, cost - np.where(same_id, parameters.id_bonus, 0.0))


def _near(
    mean: np.ndarray, place_m: np.ndarray, late_s: np.ndarray, reach_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Track rows and report rows (P,) of all pairs that may lie within reach_m, and a few more.

    Sorted along x, the reports near a track are a range; what a track may have moved since the
    latest report widens it.
    """
    order = np.argsort(place_m[:, 0], kind='stable')
    x = place_m[order, 0]
    reach = reach_m + 1.5 * late_s.max(initial=0.0) * np.hypot(mean[:, VX], mean[:, VY]) + 1.0
    low = np.searchsorted(x, mean[:, X] - reach)
    count = np.searchsorted(x, mean[:, X] + reach) - low
    track = np.repeat(np.arange(len(mean)), count)
    step = np.arange(len(track)) - np.repeat(np.cumsum(count) - count, count)
    report = order[low[track] + step]
    near = np.abs(mean[track, Y] - place_m[report, 1]) < reach[track]
    return track[near], report[near]


def _mahalanobis(
    offset: np.ndarray, spread: np.ndarray, added: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances (P,) of offsets (P, 2) and log determinants (P,) of spread + added * I."""
    xx, yy, xy = spread[:, 0, 0] + added, spread[:, 1, 1] + added, spread[:, 0, 1]
    dx, dy = offset[:, 0], offset[:, 1]
    determinant = np.maximum(xx * yy - xy * xy, 1e-12)
    distance = (yy * dx * dx - 2.0 * xy * dx * dy + xx * dy * dy) / determinant
    return distance, np.log(determinant)
