"""From the reports of one message to linearised measurements of their tracks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from prediction_node.domain.kinds import Orientation
from prediction_node.domain.observations import SensorTracks
from prediction_node.fusion.heading import yaw_innovation
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.fusion.predict import MotionNoise, Past
from prediction_node.fusion.tracks import (
    STATE_COUNT,
    VX,
    VY,
    YAW,
    YAW_RATE,
    TrackTable,
    X,
    Y,
)
from prediction_node.fusion.update import Reports

_VAGUEST_YAW_RAD = 0.6
_YAW_RATE_SIGMA_RADPS = 0.3  # messages carry none for it


def prepared(
    reports: SensorTracks, origin_m: np.ndarray, parameters: FusionParameters
) -> SensorTracks:
    """The same reports relative to `origin_m` (3,), with what their own covariances leave out.

    A yaw that may be any is none: senders without one give it the variance of a full turn.
    """
    left_out = parameters.extra_sigma_m[reports.modality] ** 2 * np.eye(2)
    vague = reports.yaw_variance > _VAGUEST_YAW_RAD**2
    return dataclasses.replace(
        reports,
        position_m=reports.position_m - origin_m,
        position_covariance=reports.position_covariance + left_out,
        velocity_covariance=reports.velocity_covariance + parameters.extra_sigma_mps**2 * np.eye(2),
        orientation=np.where(vague, Orientation.UNAVAILABLE, reports.orientation).astype(np.int8),
        yaw_variance=reports.yaw_variance + parameters.extra_sigma_rad**2,
    )


def measurements(
    tracks: TrackTable,
    rows: np.ndarray,
    reports: SensorTracks,
    columns: np.ndarray,
    past: Past,
    noise: MotionNoise,
    length_m: np.ndarray,
    silence_s: np.ndarray,
    parameters: FusionParameters,
) -> Iterator[tuple[np.ndarray, Reports, np.ndarray]]:
    """Yield (which of the K pairs, their Reports, evidence for the headings), equal contents
    together.

    Track rows (K,) were matched with report rows `columns` (K,). A report older than the tracks is
    compared with where they were (`past`). Beside the report stands one more thing known of every
    body with a heading: it does not move sideways (its unsteered axle does not, which lies
    `axle_fraction` of the length behind the centre).
    """
    # An exact zero is what senders write who measure no yaw rate, with or without a covariance.
    turning = reports.has_yaw_rate[columns] & (reports.yaw_rate_radps[columns] != 0.0)
    contents = (
        1 * reports.has_velocity[columns]
        + 2 * (reports.orientation[columns] != Orientation.UNAVAILABLE)
        + 4 * turning
        + 8 * tracks.has_heading[rows]
    )
    for content in np.unique(contents):
        picked = np.flatnonzero(contents == content)
        yield (
            picked,
            *_linearised(
                int(content),
                tracks,
                rows[picked],
                reports,
                columns[picked],
                past,
                noise,
                length_m,
                silence_s[picked],
                parameters,
            ),
        )


def _linearised(
    content: int,
    tracks: TrackTable,
    rows: np.ndarray,
    reports: SensorTracks,
    columns: np.ndarray,
    past: Past,
    noise: MotionNoise,
    length_m: np.ndarray,
    silence_s: np.ndarray,
    parameters: FusionParameters,
) -> tuple[Reports, np.ndarray]:
    past_mean = past.mean[rows]
    observed = [X, Y]
    if content & 1:
        observed += [VX, VY]
    if content & 2:
        observed.append(YAW)
    if content & 4:
        observed.append(YAW_RATE)
    m = len(observed) + (1 if content & 8 else 0)
    innovation = np.zeros((len(rows), m))
    jacobian = np.zeros((len(rows), m, STATE_COUNT))
    r = np.zeros((len(rows), m, m))
    evidence = np.zeros(len(rows))

    innovation[:, :2] = reports.position_m[columns, :2] - past_mean[:, X : Y + 1]
    r[:, :2, :2] = reports.position_covariance[columns]
    at = 2
    if content & 1:
        innovation[:, 2:4] = reports.velocity_mps[columns] - past_mean[:, VX : VY + 1]
        r[:, 2:4, 2:4] = reports.velocity_covariance[columns]
        at = 4
    if content & 2:
        innovation[:, at], evidence = yaw_innovation(
            past_mean[:, YAW], reports.yaw_rad[columns], reports.orientation[columns]
        )
        r[:, at, at] = reports.yaw_variance[columns]
        at += 1
    if content & 4:
        innovation[:, at] = reports.yaw_rate_radps[columns] - past_mean[:, YAW_RATE]
        r[:, at, at] = _YAW_RATE_SIGMA_RADPS**2
        at += 1
    if past.jacobian is None:
        jacobian[:, np.arange(at), observed] = 1.0
    else:
        jacobian[:, :at] = past.jacobian[rows][:, observed]

    part = parameters.shared_error[reports.modality]
    shared, independent = part * r, (1.0 - part) * r
    if past.noise is not None:
        independent[:, :at, :at] += past.noise[rows][:, observed][:, :, observed]
    if content & 8:
        _add_no_slip(
            innovation, jacobian, independent, tracks, rows, noise, length_m, silence_s, parameters
        )
    return Reports(
        innovation, jacobian, independent, shared, bool(content & 1), bool(content & 2)
    ), evidence


def _add_no_slip(
    innovation: np.ndarray,
    jacobian: np.ndarray,
    independent: np.ndarray,
    tracks: TrackTable,
    rows: np.ndarray,
    noise: MotionNoise,
    length_m: np.ndarray,
    silence_s: np.ndarray,
    parameters: FusionParameters,
) -> None:
    """Fill the last number of each report: sideways speed of the unsteered axle, about 0."""
    vx, vy, yaw, w = (tracks.mean[rows, i] for i in (VX, VY, YAW, YAW_RATE))
    lever = noise.axle_fraction[rows] * length_m[rows]
    cos, sin = np.cos(yaw), np.sin(yaw)
    innovation[:, -1] = -(vy * cos - vx * sin - lever * w)
    jacobian[:, -1, VX] = -sin
    jacobian[:, -1, VY] = cos
    # Standing, the noise of the speed would turn the body bit by bit: no motion, no heading from
    # it.
    jacobian[:, -1, YAW] = -(vx * cos + vy * sin)
    jacobian[:, -1, YAW_RATE] = -lever
    # Said anew with every report of any source, it must not count more often than slip changes.
    said = np.clip(silence_s, 1e-3, parameters.slip_memory_s)
    independent[:, -1, -1] = noise.slip_variance[rows] * parameters.slip_memory_s / said
