"""Which reports may belong to which tracks, and how well they fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from prediction_node.fusion.classes import class_disagreement
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.fusion.predict import MotionNoise, moved_place
from prediction_node.fusion.reports import Reports
from prediction_node.fusion.tracks import ACCELERATION, VX, VY, YAW_RATE, TrackTable, X, Y

_FORGET_ID_NS = 1_000_000_000  # sensors reuse ids: an older one hints at nothing
# Velocity never rules a pair out: a body that brakes harder than the model expects is still there.
_WORST_VELOCITY = 12.0
_SPEED_SPREAD_MPS = 10.0  # of road users at large: the density a velocity match competes with


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """P candidate pairs of a track row and a report row."""

    track: np.ndarray  # (P,) int64
    report: np.ndarray  # (P,) int64
    cost: np.ndarray  # (P,) negative: one object is likelier than two

    @classmethod
    def none(cls) -> Pairs:
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))

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
    """All pairs inside the gate that are likelier one object than two.

    The reports `rows` (R,) are late_s (R,) >= 0 older than the tracks: they are compared with where
    the tracks were, less certain by what may have happened since. `class_probabilities`
    (N, CLASS_COUNT) and `length_m` (N,) are the tracks'. The cost is -2 log of the likelihood ratio
    between "the report is of this track" and "of an object not tracked yet": squared Mahalanobis
    distance and log determinant of position and, where reported, velocity, class disagreement, and
    a bonus for an unchanged sensor-side id.
    """
    gate = chdtri(2, parameters.gate_probability_loss)
    spreads = _spreads(tracks)
    scatter = np.asarray(parameters.reference_scatter)
    vague_m = scatter.max() * length_m + np.sqrt(noise.drift * late_s.max() ** 3 / 3.0)
    track, at = _near(
        tracks.mean,
        np.sqrt(gate * spreads[:, ::2, :2]),
        np.sqrt(gate) * vague_m,
        reports.position_m[rows],
        np.sqrt(gate * np.diagonal(reports.position_covariance[rows], axis1=1, axis2=2)),
        late_s,
        parameters.gate_max_m,
    )
    report, late_s = rows[at], late_s[at]
    if not len(report):
        return Pairs.none()
    past = moved_place(tracks.mean[track], -late_s)
    offset = reports.position_m[report, :2] - past[:, :2]
    spread = spreads[track]
    since = late_s[:, None]
    drifted = noise.drift[track] * late_s
    distance, log_determinant = _mahalanobis(
        offset,
        spread[:, 0] - since * spread[:, 1] + since**2 * spread[:, 2],
        reports.position_covariance[report],
        (scatter[reports.modality[report]] * length_m[track]) ** 2 + drifted * late_s**2 / 3.0,
    )
    inside = np.flatnonzero(
        (distance < gate) & (np.square(offset).sum(axis=1) < parameters.gate_max_m**2)
    )
    track, report = track[inside], report[inside]
    density = 2.0 * np.log(2.0 * np.pi * parameters.new_object_density_per_m2)
    cost = distance[inside] + log_determinant[inside] + density
    velocity_distance, log_determinant = _mahalanobis(
        reports.velocity_mps[report] - past[inside, 2:],
        spread[inside, 2],
        reports.velocity_covariance[report],
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
    cost -= np.where(same_id, parameters.id_bonus, 0.0)
    return Pairs(track, report, cost).of(cost < 0.0)


def _near(
    mean: np.ndarray,
    track_reach: np.ndarray,
    more_reach_m: np.ndarray,
    place_m: np.ndarray,
    report_reach_m: np.ndarray,
    late_s: np.ndarray,
    limit_m: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Track rows and report rows (P,) of all pairs that the gate may pass, and some more.

    A pair that is too far apart along x or y is too far: a distance in the plane is never less
    than that along an axis. `track_reach` (N, 2, 2) are gate sizes by the spread of x, y (row 0,
    metres) and vx, vy (row 1, m/s) alone, `more_reach_m` (N,) by all else that is unknown of a
    track, and `report_reach_m` (R, 2) by the spreads of the reports. No pair is further apart than
    limit_m. Sorted along x, the reports near a track are a range.
    """
    latest_s = late_s.max()
    speed = np.hypot(mean[:, VX], mean[:, VY])
    # Turning and accelerating, it was that far from where a straight line leads back to.
    bend_m = 0.5 * latest_s**2 * (speed * np.abs(mean[:, YAW_RATE]) + np.abs(mean[:, ACCELERATION]))
    reach = track_reach[:, 0] + latest_s * track_reach[:, 1] + (more_reach_m + bend_m)[:, None]
    limit = limit_m + bend_m

    order = np.argsort(place_m[:, 0], kind='stable')
    x, y, reach_x, reach_y = (column[order] for column in (*place_m[:, :2].T, *report_reach_m.T))
    widest = np.minimum(reach[:, 0] + reach_x.max(), limit) + latest_s * np.abs(mean[:, VX])
    low = np.searchsorted(x, mean[:, X] - widest)
    count = np.searchsorted(x, mean[:, X] + widest) - low
    track = np.repeat(np.arange(len(mean)), count)
    at = np.arange(len(track)) + np.repeat(low - np.cumsum(count) + count, count)
    late = late_s[order][at]
    dx = np.abs(x[at] - mean[track, X] + late * mean[track, VX])
    dy = np.abs(y[at] - mean[track, Y] + late * mean[track, VY])
    near = (dx <= reach[track, 0] + reach_x[at]) & (dy <= reach[track, 1] + reach_y[at])
    near &= np.maximum(dx, dy) <= limit[track]
    return track[near], order[at[near]]


def _spreads(tracks: TrackTable) -> np.ndarray:
    """(N, 3, 3): xx, yy, xy of the covariance of the place, of twice the symmetric part of that of
    place and velocity, and of the velocity.
    """
    c = tracks.independent[:, :4, :4] + tracks.shared[:, :4, :4]
    out = np.empty((len(c), 3, 3))
    for k, (i, j) in enumerate(((X, X), (Y, Y), (X, Y))):
        out[:, 0, k] = c[:, i, j]
        out[:, 1, k] = c[:, i, j + 2] + c[:, j, i + 2]
        out[:, 2, k] = c[:, i + 2, j + 2]
    return out


def _mahalanobis(
    offset: np.ndarray, spread: np.ndarray, covariance: np.ndarray, variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances (P,) of offsets (P, 2) and log determinants (P,) of the sum of a spread
    (P, 3) xx, yy, xy, a covariance (P, 2, 2) and a variance (P,) along both axes.
    """
    xx = spread[:, 0] + covariance[:, 0, 0] + variance
    yy = spread[:, 1] + covariance[:, 1, 1] + variance
    xy = spread[:, 2] + covariance[:, 0, 1]
    dx, dy = offset[:, 0], offset[:, 1]
    determinant = np.maximum(xx * yy - xy * xy, 1e-12)
    distance = (yy * dx * dx - 2.0 * xy * dx * dy + xx * dy * dy) / determinant
    return distance, np.log(determinant)
