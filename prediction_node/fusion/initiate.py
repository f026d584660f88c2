"""Birth: reports that belong to no track start tentative ones."""

from __future__ import annotations

import uuid

import numpy as np

from prediction_node.domain.kinds import CLASS_COUNT, ObjectClass, Orientation
from prediction_node.fusion.heading import facing, set_heading
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.fusion.reports import Reports
from prediction_node.fusion.tracks import VX, VY, YAW, TrackTable, X, Y

_NO_CLASS = np.eye(CLASS_COUNT)[ObjectClass.UNKNOWN]
_SIDEWAYS_SIGMA_MPS = 0.5  # of a body whose heading is known


def founders(reports: Reports, rows: np.ndarray, reach_m: float) -> np.ndarray:
    """(R,) bool: which of the report rows `rows` (R,) nobody before them may have reported as well.

    One message reports an object once, so that only reports of other, earlier messages within
    reach_m count.
    """
    message = reports.message[rows]
    x, y = reports.position_m[rows, 0], reports.position_m[rows, 1]
    earlier = message[None] < message[:, None]
    apart2 = np.square(x[None] - x[:, None]) + np.square(y[None] - y[:, None])
    first: np.ndarray = ~(earlier & (apart2 < reach_m**2)).any(axis=1)
    return first


def start_tracks(
    reports: Reports,
    columns: np.ndarray,
    sources: int,
    namespace: uuid.UUID,
    first_serial: int,
    parameters: FusionParameters,
) -> tuple[TrackTable, np.ndarray]:
    """One track for each of the report rows `columns` (K,), at its report's instant, and their
    order.

    Class, size and the like are left blank: they are noted as with any later report.

    The order of birth, which enters the identity, is that of the messages and then of the
    positions, not of the rows: sensors list their objects in any order.
    """
    y, x = reports.position_m[columns, 1::-1].T
    columns = columns[np.lexsort((y, x, reports.message[columns]))]
    born = TrackTable.blank(len(columns), sources)
    born.serial = first_serial + np.arange(len(columns))
    names = [
        f'{stamp_ns}/{serial}'
        for stamp_ns, serial in zip(reports.stamp_ns[columns], born.serial, strict=True)
    ]
    identities = b''.join(uuid.uuid5(namespace, name).bytes for name in names)
    born.uuid = np.frombuffer(identities, np.uint8).reshape(-1, 16).copy()
    born.log_odds[:] = parameters.prior_log_odds
    born.height_m[:, 0] = reports.position_m[columns, 2]
    born.height_m[:, 1] = np.square(parameters.height_sigma_m)[reports.modality[columns]]

    rumoured = np.where(
        reports.has_class[columns, None], reports.class_probabilities[columns], _NO_CLASS
    )
    speed_variance = np.exp(2.0 * rumoured @ np.log(parameters.unseen_speed_sigma_mps))
    rows = np.arange(len(columns))
    _start_motion(born, rows, reports, columns, speed_variance, parameters)
    return born, columns


def _start_motion(
    born: TrackTable,
    rows: np.ndarray,
    reports: Reports,
    columns: np.ndarray,
    speed_variance: np.ndarray,
    parameters: FusionParameters,
) -> None:
    """State and covariance from one report alone; what it does not say is wide open."""
    known = reports.has_velocity[columns]
    oriented = reports.orientation[columns] != Orientation.UNAVAILABLE
    velocity = np.where(known[:, None], reports.velocity_mps[columns], 0.0)
    yaw = np.where(oriented, reports.yaw_rad[columns], 0.0)
    yaw = facing(yaw, reports.orientation[columns], velocity)
    ahead = np.stack([np.cos(yaw), np.sin(yaw)], axis=1)
    along = ahead[:, :, None] * ahead[:, None, :]
    sideways = np.minimum(_SIDEWAYS_SIGMA_MPS**2, speed_variance)
    open_velocity = np.where(
        oriented[:, None, None],
        sideways[:, None, None] * np.eye(2) + (speed_variance - sideways)[:, None, None] * along,
        speed_variance[:, None, None] * np.eye(2),
    )
    part = np.asarray(parameters.shared_error)[reports.modality[columns], None, None]
    place, motion = slice(X, Y + 1), slice(VX, VY + 1)
    born.mean[:, place] = reports.position_m[columns, :2]
    born.independent[:, place, place] = (1.0 - part) * reports.position_covariance[columns]
    born.shared[:, place, place] = part * reports.position_covariance[columns]
    born.mean[:, motion] = velocity
    measured = np.where(known[:, None, None], reports.velocity_covariance[columns], 0.0)
    born.independent[:, motion, motion] = np.where(
        known[:, None, None], (1.0 - part) * measured, open_velocity
    )
    born.shared[:, motion, motion] = part * measured
    born.independent[:, YAW, YAW] = np.pi**2 / 3.0  # any heading
    set_heading(born, rows[oriented], yaw[oriented], reports.yaw_variance[columns[oriented]])
