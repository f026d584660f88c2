"""Birth: reports that belong to no track start tentative ones."""

from __future__ import annotations

import hashlib
import uuid

import numpy as np

from prediction_node.fusion.kernels import birth
from prediction_node.fusion.reports import Reports
from prediction_node.fusion.tables import Tables
from prediction_node.fusion.tracks import TrackTable


def founders(reports: Reports, is_free: np.ndarray, reach_m: float) -> np.ndarray:
    """(K,) rows of the free reports, is_free (R,), which nobody before them may have made as well.

    One message reports an object once, so that only reports of other, earlier messages within
    reach_m count. They are in the order of birth, which enters the identity: that of the messages
    and then of the positions, not of the rows, since sensors list their objects in any order.
    """
    rows = np.flatnonzero(birth.founders(reports.position_m, reports.message, is_free, reach_m))
    x, y = reports.position_m[rows, 0], reports.position_m[rows, 1]
    return rows[np.lexsort((y, x, reports.message[rows]))]


def start_tracks(
    reports: Reports,
    rows: np.ndarray,
    sources: int,
    namespace: uuid.UUID,
    first_serial: int,
    tables: Tables,
) -> TrackTable:
    """One track for each of the report rows `rows` (K,), at its report's instant.

    Class, size and the like are left blank: they are noted as with any later report.
    """
    born = TrackTable.blank(len(rows), sources)
    born.serial = first_serial + np.arange(len(rows))
    stamps_ns = reports.message_stamp_ns[reports.message[rows]].tolist()
    names = [f'{stamp_ns}/{first_serial + k}' for k, stamp_ns in enumerate(stamps_ns)]
    born.uuid = _identities(namespace, names)
    born.log_odds[:] = tables.parameters.prior_log_odds
    born.height_m[:, 0] = reports.position_m[rows, 2]
    born.height_m[:, 1] = tables.height_variance_m2[reports.modality[rows]]
    birth.start_motion(
        birth.Newborn(born.mean, born.independent, born.shared, born.has_heading),
        birth.Founding(
            reports.modality,
            reports.position_m,
            reports.position_covariance,
            reports.has_velocity,
            reports.velocity_mps,
            reports.velocity_covariance,
            reports.orientation,
            reports.yaw_rad,
            reports.yaw_variance,
            reports.has_class,
            reports.class_probabilities,
        ),
        rows,
        tables.shared_error,
        tables.log_speed_sigma,
    )
    return born


def _identities(namespace: uuid.UUID, names: list[str]) -> np.ndarray:
    """(K, 16) uint8 UUIDs of K names in a namespace: version 5 of RFC 4122, as uuid.uuid5."""
    root = hashlib.sha1(namespace.bytes, usedforsecurity=False)
    digests = []
    for name in names:
        each = root.copy()
        each.update(name.encode())
        digests.append(each.digest()[:16])
    out = np.frombuffer(b''.join(digests), np.uint8).reshape(-1, 16).copy()
    out[:, 6] = out[:, 6] & 0x0F | 0x50  # the version
    out[:, 8] = out[:, 8] & 0x3F | 0x80  # the variant
    return out
