"""Which way a body faces: signs resolved by motion, headings started from velocity."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.kinds import Orientation
from prediction_node.fusion.reports import Reports
from prediction_node.fusion.tracks import (
    ACCELERATION,
    VX,
    VY,
    YAW,
    YAW_RATE,
    TrackTable,
)

MAX_EVIDENCE = 4.0
FLIP_EVIDENCE = -2.0
_REPORT_EVIDENCE = 1.0  # nats of one report that tells front from back
_MOTION_EVIDENCE_PER_S = 1.0  # times the square of the speed along the heading: reversing is slow
_MAX_MOTION_EVIDENCE_PER_S = 60.0
_SIGNIFICANT = 4.0  # sigmas of speed from which a direction of motion is a heading
_SLOWEST_MPS = 0.5
_FIRST_YAW_RATE_SIGMA_RADPS = 0.3


def yaw_innovation(
    yaw_rad: np.ndarray, reported_rad: np.ndarray, orientation: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Innovations (R,) in [-pi/2, pi/2) and evidence (R,) for the track's sign of heading.

    Boxes are symmetric: a report half a turn off agrees on the axis and disagrees on the sign, so
    the axis is corrected and the sign is voted on.
    """
    difference = wrap_angle(reported_rad - yaw_rad)
    opposite = np.abs(difference) > 0.5 * np.pi
    folded = np.where(opposite, wrap_angle(difference + np.pi), difference)
    vote = np.where(opposite, -_REPORT_EVIDENCE, _REPORT_EVIDENCE)
    return folded, np.where(orientation == Orientation.AVAILABLE, vote, 0.0)


def judge_by_motion(tracks: TrackTable, rows: np.ndarray, dt_s: float, walks: np.ndarray) -> None:
    """Weigh dt_s of motion of `rows` (K,) and turn those by half whose sign it contradicts.

    Bodies mostly move forward, all the more when fast: a sensor that tells front from back
    outweighs slow motion only. Where none does, motion decides alone and at once, as it does for
    walkers (`walks` (K,) bool), who turn on the spot: their motion decides alone and at once.
    """
    yaw = tracks.mean[rows, YAW]
    ahead = np.stack([np.cos(yaw), np.sin(yaw)], axis=1)
    speed = (tracks.mean[rows, VX : VY + 1] * ahead).sum(axis=1)
    place = (rows, slice(VX, VY + 1), slice(VX, VY + 1))
    covariance = tracks.independent[place] + tracks.shared[place]
    variance = (ahead * (covariance @ ahead[:, :, None])[:, :, 0]).sum(axis=1)
    certain = np.abs(speed) > np.maximum(2.0 * np.sqrt(np.maximum(variance, 0.0)), 0.3)
    rate = np.clip(
        _MOTION_EVIDENCE_PER_S * speed * np.abs(speed),
        -_MAX_MOTION_EVIDENCE_PER_S,
        _MAX_MOTION_EVIDENCE_PER_S,
    )
    free = tracks.has_heading[rows] & (walks | ~tracks.front_told[rows])
    known = certain & tracks.has_heading[rows]
    evidence = tracks.heading_evidence[rows] + np.where(known, rate * dt_s, 0.0)
    evidence = np.clip(evidence, -MAX_EVIDENCE, MAX_EVIDENCE)
    turning = (evidence < FLIP_EVIDENCE) | (free & certain & (speed < 0.0))
    tracks.heading_evidence[rows] = np.where(turning, np.abs(evidence), evidence)
    if turning.any():
        _turn_round(tracks, rows[turning])


def _turn_round(tracks: TrackTable, rows: np.ndarray) -> None:
    """Turn `rows` (K,) by half."""
    tracks.mean[rows, YAW] = wrap_angle(tracks.mean[rows, YAW] + np.pi)
    # The acceleration acts along the heading: turned, it changes its sign.
    tracks.mean[rows, ACCELERATION] *= -1.0
    for part in (tracks.independent, tracks.shared):
        part[rows, ACCELERATION, :] *= -1.0
        part[rows, :, ACCELERATION] *= -1.0


def adopt_headings(
    tracks: TrackTable, rows: np.ndarray, reports: Reports, columns: np.ndarray
) -> None:
    """Give those of `rows` (R,) that lack a heading the first reported in `columns` (R,), if any.

    Its uncertainty is opened fourfold, since the same report goes on into the update.
    """
    fresh = ~tracks.has_heading[rows] & (reports.orientation[columns] != Orientation.UNAVAILABLE)
    if not fresh.any():
        return
    rows, first = np.unique(rows[fresh], return_index=True)
    columns = columns[fresh][first]
    yaw = facing(
        reports.yaw_rad[columns], reports.orientation[columns], tracks.mean[rows, VX : VY + 1]
    )
    set_heading(tracks, rows, yaw, 4.0 * reports.yaw_variance[columns])


def facing(yaw_rad: np.ndarray, orientation: np.ndarray, velocity_mps: np.ndarray) -> np.ndarray:
    """(K,) yaws; one whose sign is unknown looks the way the body moves."""
    ahead = velocity_mps[:, 0] * np.cos(yaw_rad) + velocity_mps[:, 1] * np.sin(yaw_rad)
    ambiguous = orientation == Orientation.SIGN_UNKNOWN
    turned: np.ndarray = np.where(ambiguous & (ahead < 0.0), yaw_rad + np.pi, yaw_rad)
    return turned


def start_headings(tracks: TrackTable, rows: np.ndarray) -> None:
    """Give those of `rows` (K,) that lack a heading the direction of a certain motion."""
    rows = rows[~tracks.has_heading[rows]]
    if not len(rows):
        return
    velocity = tracks.mean[rows, VX : VY + 1]
    place = (rows, slice(VX, VY + 1), slice(VX, VY + 1))
    covariance = tracks.independent[place] + tracks.shared[place]
    speed2 = np.square(velocity).sum(axis=1)
    largest = np.linalg.eigvalsh(covariance)[:, 1]
    significant = (speed2 > _SIGNIFICANT**2 * largest) & (speed2 > _SLOWEST_MPS**2)
    rows, velocity, covariance = rows[significant], velocity[significant], covariance[significant]
    across = np.stack([-velocity[:, 1], velocity[:, 0]], axis=1) / speed2[significant, None]
    variance = np.einsum('ki,kij,kj->k', across, covariance, across)
    set_heading(tracks, rows, np.arctan2(velocity[:, 1], velocity[:, 0]), variance)
    tracks.heading_evidence[rows] = 1.0


def set_heading(
    tracks: TrackTable, rows: np.ndarray, yaw_rad: np.ndarray, variance: np.ndarray
) -> None:
    """Start heading, yaw rate and acceleration of `rows` (K,), uncorrelated with the rest."""
    tracks.mean[rows, YAW] = wrap_angle(yaw_rad)
    tracks.mean[rows, ACCELERATION] = 0.0
    tracks.mean[rows, YAW_RATE] = 0.0
    for part in (tracks.independent, tracks.shared):
        part[rows, ACCELERATION:, :] = 0.0
        part[rows, :, ACCELERATION:] = 0.0
    tracks.independent[rows, YAW, YAW] = variance
    tracks.independent[rows, YAW_RATE, YAW_RATE] = _FIRST_YAW_RATE_SIGMA_RADPS**2
    tracks.independent[rows, ACCELERATION, ACCELERATION] = 1.0
    tracks.has_heading[rows] = True
