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
    x, y = reports.position_m[:, 0], reports.position_m[:, 1]
    near = np.abs(mean[:, X, None] - x) < parameters.gate_max_m
    near &= np.abs(mean[:, Y, None] - y) < parameters.gate_max_m
    track, report = np.nonzero(near)
    scatter = (parameters.reference_scatter[reports.modality] * length_m) ** 2
    spread = reports.position_covariance
    distance, log_determinant = _mahalanobis(
        x[report] - mean[:, X][track],
        y[report] - mean[:, Y][track],
        (covariance[:, X, X] + scatter)[track] + spread[:, 0, 0][report],
        (covariance[:, Y, Y] + scatter)[track] + spread[:, 1, 1][report],
        covariance[:, X, Y][track] + spread[:, 0, 1][report],
    )
    gate = chdtri(2, parameters.gate_probability_loss)
    density = 2.0 * np.pi * parameters.new_object_density_per_m2
    cost = distance + log_determinant + 2.0 * np.log(density)
    if reports.has_velocity.any():
        vx, vy = reports.velocity_mps[:, 0], reports.velocity_mps[:, 1]
        both, spread = reports.has_velocity[report], reports.velocity_covariance
        velocity_distance, log_determinant = _mahalanobis(
            vx[report] - mean[:, VX][track],
            vy[report] - mean[:, VY][track],
            covariance[:, VX, VX][track] + spread[:, 0, 0][report],
            covariance[:, VY, VY][track] + spread[:, 1, 1][report],
            covariance[:, VX, VY][track] + spread[:, 0, 1][report],
        )
        velocity_distance = np.minimum(velocity_distance, _WORST_VELOCITY)
        velocity_cost = velocity_distance + log_determinant - 4.0 * np.log(_SPEED_SPREAD_MPS)
        cost = np.where(both, cost + velocity_cost, cost)

    inside = distance < gate
    track, report, cost = track[inside], report[inside], cost[inside]
    if reports.has_class.any():
        disagreement = class_disagreement(
            class_probabilities[track], reports.class_probabilities[report]
        )
        weighed = parameters.class_weight * disagreement
        cost = np.where(reports.has_class[report], cost + weighed, cost)
    same_id = (
        reports.has_id[report]
        & tracks.source_has_id[track, column]
        & (tracks.source_id[track, column] == reports.id_hash[report])
        & (reports.stamp_ns - tracks.source_seen_ns[track, column] < _FORGET_ID_NS)
    )
    return Pairs(track, report, cost - np.where(same_id, parameters.id_bonus, 0.0))


def _mahalanobis(
    dx: np.ndarray, dy: np.ndarray, xx: np.ndarray, yy: np.ndarray, xy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances (P,) of offsets dx, dy under covariances xx, yy, xy; log determinants."""
    determinant = np.maximum(xx * yy - xy * xy, 1e-12)
    distance = (yy * dx * dx - 2.0 * xy * dx * dy + xx * dy * dy) / determinant
    return distance, np.log(determinant)
