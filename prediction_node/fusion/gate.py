"""Which reports may belong to which tracks, and how well they fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from prediction_node.domain.observations import SensorTracks
from prediction_node.fusion.classes import class_disagreement
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.fusion.predict import Past
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


def candidate_pairs(
    tracks: TrackTable,
    past: Past,
    class_probabilities: np.ndarray,
    length_m: np.ndarray,
    reports: SensorTracks,
    column: int,
    parameters: FusionParameters,
) -> Pairs:
    """All pairs inside the gate with their costs.

    `past` are the tracks at the reports' instant, `length_m` (N,)
    their lengths, `column` the source's column of the track table. The cost is -2 log of the
    likelihood ratio between "the report is of this track" and "of an object not tracked yet":
    squared Mahalanobis distance and log determinant of position and, where reported, velocity,
    class disagreement, and a bonus for an unchanged sensor-side id.
    """
    mean, covariance = past.mean, past.covariance
    place = np.ascontiguousarray(reports.position_m[:, :2])
    near = np.abs(mean[:, None, X] - place[None, :, 0]) < parameters.gate_max_m
    near &= np.abs(mean[:, None, Y] - place[None, :, 1]) < parameters.gate_max_m
    track, report = np.nonzero(near)
    scatter = (parameters.reference_scatter[reports.modality] * length_m[track]) ** 2
    distance, log_determinant = _mahalanobis(
        place[report] - mean[track, X : Y + 1],
        covariance[track, X : Y + 1, X : Y + 1] + reports.position_covariance[report],
        scatter,
    )
    gate = np.full(len(track), chdtri(2, parameters.gate_probability_loss))
    cost = (
        distance
        + log_determinant
        + 2.0 * np.log(2.0 * np.pi * parameters.new_object_density_per_m2)
    )
    if reports.has_velocity.any():
        both = reports.has_velocity[report]
        velocity_distance, log_determinant = _mahalanobis(
            reports.velocity_mps[report] - mean[track, VX : VY + 1],
            covariance[track, VX : VY + 1, VX : VY + 1]
            + np.where(both[:, None, None], reports.velocity_covariance[report], 0.0),
            np.full(len(track), 1e-4),
        )
        velocity_distance = np.minimum(velocity_distance, _WORST_VELOCITY)
        velocity_cost = velocity_distance + log_determinant - 4.0 * np.log(_SPEED_SPREAD_MPS)
        cost = cost + np.where(both, velocity_cost, 0.0)

    inside = distance < gate
    track, report, cost = track[inside], report[inside], cost[inside]
    disagreement = class_disagreement(
        class_probabilities[track], reports.class_probabilities[report]
    )
    cost = cost + parameters.class_weight * np.where(reports.has_class[report], disagreement, 0.0)
    same_id = (
        reports.has_id[report]
        & tracks.source_has_id[track, column]
        & (tracks.source_id[track, column] == reports.id_hash[report])
        & (reports.stamp_ns - tracks.source_seen_ns[track, column] < _FORGET_ID_NS)
    )
    return Pairs(track, report, cost - np.where(same_id, parameters.id_bonus, 0.0))


def _mahalanobis(
    offset: np.ndarray, spread: np.ndarray, added: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances (P,) of offsets (P, 2) and log determinants (P,) of spread + added * I."""
    xx, yy, xy = spread[:, 0, 0] + added, spread[:, 1, 1] + added, spread[:, 0, 1]
    dx, dy = offset[:, 0], offset[:, 1]
    determinant = np.maximum(xx * yy - xy * xy, 1e-12)
    distance = (yy * dx * dx - 2.0 * xy * dx * dy + xx * dy * dy) / determinant
    return distance, np.log(determinant)
