"""From reports to linearised measurements of their tracks."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.kinds import Orientation
from prediction_node.fusion.heading import yaw_innovation
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.fusion.predict import MotionNoise, moved, share_moving, variances_since
from prediction_node.fusion.reports import Reports
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
from prediction_node.fusion.update import Told

_YAW_RATE_SIGMA_RADPS = 0.3  # messages carry none for it
_PLACE, _MOTION = slice(X, Y + 1), slice(VX, VY + 1)


def measurements(
    tracks: TrackTable,
    rows: np.ndarray,
    first: np.ndarray,
    reports: Reports,
    columns: np.ndarray,
    late_s: np.ndarray,
    noise: MotionNoise,
    length_m: np.ndarray,
    silence_s: np.ndarray,
    parameters: FusionParameters,
) -> tuple[Told, np.ndarray]:
    """What the reports tell, and evidence (R,) for the headings of their tracks.

    Track rows (R,), rising, were matched with the report rows `columns` (R,); `first` (K,) are the
    first pairs of each track. A report that is late_s (R,) older than the tracks is compared with
    where they were; what may have happened since is noise of it. Beside the reports stands one more
    thing known of every body with a heading: it does not move sideways (its unsteered axle does
    not, which lies `axle_fraction` of the length behind the centre). silence_s (K,) is the time
    since that was last counted.
    """
    past, jacobian = moved(tracks.mean[rows], -late_s, parameters)
    turning = noise.yaw_rate_drift * share_moving(tracks.mean[:, VX], tracks.mean[:, VY])
    place, motion, yawed, turned = variances_since(noise.of(rows), turning[rows], late_s)
    innovation = np.zeros((len(rows), STATE_COUNT))
    information = np.zeros((len(rows), STATE_COUNT, STATE_COUNT))

    innovation[:, _PLACE] = reports.position_m[columns, :2] - past[:, _PLACE]
    information[:, _PLACE, _PLACE] = _inverses(reports.position_covariance[columns], place)
    told = reports.has_velocity[columns]
    velocity = reports.velocity_mps[columns] - past[:, _MOTION]
    innovation[:, _MOTION] = np.where(told[:, None], velocity, 0.0)
    information[:, _MOTION, _MOTION] = np.where(
        told[:, None, None],
        _inverses(reports.velocity_covariance[columns], motion),
        0.0,
    )
    oriented = reports.orientation[columns] != Orientation.UNAVAILABLE
    yaw, evidence = yaw_innovation(
        past[:, YAW], reports.yaw_rad[columns], reports.orientation[columns]
    )
    innovation[:, YAW] = np.where(oriented, yaw, 0.0)
    information[:, YAW, YAW] = oriented / (reports.yaw_variance[columns] + yawed)
    told = reports.has_yaw_rate[columns]
    if told.any():
        rate = reports.yaw_rate_radps[columns] - past[:, YAW_RATE]
        innovation[:, YAW_RATE] = np.where(told, rate, 0.0)
        information[:, YAW_RATE, YAW_RATE] = told / (_YAW_RATE_SIGMA_RADPS**2 + turned)
    known, known_information = _no_slip(tracks, rows[first], noise, length_m, silence_s, parameters)
    return (
        Told(
            first=first,
            innovation=innovation,
            information=information,
            jacobian=jacobian,
            shared_part=np.asarray(parameters.shared_error)[reports.modality[columns]],
            known=known,
            known_information=known_information,
        ),
        evidence,
    )


def _inverses(covariance: np.ndarray, added: np.ndarray) -> np.ndarray:
    """Inverses (R, 2, 2) of covariance + added * I."""
    xx, yy, xy = covariance[:, 0, 0] + added, covariance[:, 1, 1] + added, covariance[:, 0, 1]
    inverse = np.empty_like(covariance)
    inverse[:, 0, 0], inverse[:, 1, 1] = yy, xx
    inverse[:, 0, 1] = inverse[:, 1, 0] = -xy
    inverse /= (xx * yy - xy * xy)[:, None, None]
    return inverse


def _no_slip(
    tracks: TrackTable,
    rows: np.ndarray,
    noise: MotionNoise,
    length_m: np.ndarray,
    silence_s: np.ndarray,
    parameters: FusionParameters,
) -> tuple[np.ndarray, np.ndarray]:
    """That the unsteered axle of `rows` (K,) does not move sideways, as information (K, 7),
    (K, 7, 7); none without a heading.
    """
    vx, vy, yaw, w = (tracks.mean[rows, i] for i in (VX, VY, YAW, YAW_RATE))
    lever = noise.axle_fraction[rows] * length_m[rows]
    cos, sin = np.cos(yaw), np.sin(yaw)
    jacobian = np.zeros((len(rows), STATE_COUNT))
    jacobian[:, VX] = -sin
    jacobian[:, VY] = cos
    # Standing, the noise of the speed would turn the body bit by bit: no motion, no heading from
    # it.
    jacobian[:, YAW] = -(vx * cos + vy * sin)
    jacobian[:, YAW_RATE] = -lever
    innovation = -(vy * cos - vx * sin - lever * w)
    # Said anew with every report of any source, it must not count more often than slip changes.
    said = np.clip(silence_s, 1e-3, parameters.slip_memory_s) / parameters.slip_memory_s
    weighed = jacobian * (tracks.has_heading[rows] * said / noise.slip_variance[rows])[:, None]
    return weighed * innovation[:, None], weighed[:, :, None] * jacobian[:, None, :]
