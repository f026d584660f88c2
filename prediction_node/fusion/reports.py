"""All reports that one step uses, side by side, and how they fall into scans."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import Orientation
from prediction_node.domain.observations import SensorTracks
from prediction_node.fusion.tables import Tables

_VAGUEST_YAW_RAD = 0.6
_X, _Y = (0, 1), (0, 1)  # the diagonal of a matrix in the plane
_JOINED: dict[str, type] = {
    'id_hash': np.uint64,
    'has_id': np.bool_,
    'position_m': np.float64,
    'position_covariance': np.float64,
    'orientation': np.int8,
    'yaw_rad': np.float64,
    'yaw_variance': np.float64,
    'has_velocity': np.bool_,
    'velocity_mps': np.float64,
    'velocity_covariance': np.float64,
    'has_yaw_rate': np.bool_,
    'yaw_rate_radps': np.float64,
    'has_size': np.bool_,
    'size_m': np.float64,
    'has_class': np.bool_,
    'class_probabilities': np.float64,
    'existence': np.float64,
    'attributes': np.float64,
    'has_attribute': np.bool_,
}
_joined_of = operator.attrgetter(*_JOINED)


@dataclass(frozen=True, slots=True, eq=False)
class Reports:
    """R reports of M messages, message after message by rising stamp.

    Positions are relative to the local origin. Masks are as in SensorTracks.
    """

    first_row: np.ndarray  # (M + 1,) int64: message m has the rows first_row[m] to first_row[m + 1]
    message_stamp_ns: np.ndarray  # (M,) int64
    message_modality: np.ndarray  # (M,) int64
    message_column: np.ndarray  # (M,) int64, the source's column of the track table
    message: np.ndarray  # (R,) int64
    by_x: np.ndarray  # (R,) int64 rows, message after message by rising x
    modality: np.ndarray  # (R,) int64
    id_hash: np.ndarray  # (R,) uint64
    has_id: np.ndarray  # (R,) bool
    position_m: np.ndarray  # (R, 3)
    position_covariance: np.ndarray  # (R, 2, 2)
    orientation: np.ndarray  # (R,) int8
    yaw_rad: np.ndarray  # (R,)
    yaw_variance: np.ndarray  # (R,)
    has_velocity: np.ndarray  # (R,) bool
    velocity_mps: np.ndarray  # (R, 2)
    velocity_covariance: np.ndarray  # (R, 2, 2)
    has_yaw_rate: np.ndarray  # (R,) bool
    yaw_rate_radps: np.ndarray  # (R,)
    has_size: np.ndarray  # (R,) bool
    size_m: np.ndarray  # (R, 3)
    has_class: np.ndarray  # (R,) bool
    class_probabilities: np.ndarray  # (R, CLASS_COUNT)
    existence: np.ndarray  # (R,)
    attributes: np.ndarray  # (R, ATTRIBUTE_COUNT)
    has_attribute: np.ndarray  # (R, ATTRIBUTE_COUNT) bool

    def __len__(self) -> int:
        return len(self.message)

    def of(self, messages: slice) -> Reports:
        """Those of a range of messages, which then count from 0; views where that is possible."""
        start, stop = int(self.first_row[messages.start]), int(self.first_row[messages.stop])
        rows = slice(start, stop)
        return Reports(
            first_row=self.first_row[messages.start : messages.stop + 1] - start,
            message_stamp_ns=self.message_stamp_ns[messages],
            message_modality=self.message_modality[messages],
            message_column=self.message_column[messages],
            message=self.message[rows] - messages.start,
            by_x=self.by_x[rows] - start,
            modality=self.modality[rows],
            **{name: getattr(self, name)[rows] for name in _JOINED},
        )


def gather(
    messages: Sequence[SensorTracks],
    columns: Sequence[int],
    origin_m: np.ndarray,
    tables: Tables,
) -> Reports:
    """The reports of `messages` (M >= 1, by rising stamp) of the sources in `columns` (M,).

    Covariances gain what senders leave out of them. A yaw that may be any is none: senders without
    one give it the variance of a full turn. A yaw rate of exactly zero is none as well: senders
    who measure none write it, with or without a covariance.
    """
    parameters = tables.parameters
    joined: dict[str, np.ndarray] = {
        name: np.concatenate(parts, dtype=dtype)
        for (name, dtype), parts in zip(
            _JOINED.items(), zip(*map(_joined_of, messages), strict=True), strict=True
        )
    }
    count = np.array([len(m) for m in messages])
    modality = np.array([m.modality for m in messages], np.int64)
    message = np.repeat(np.arange(len(messages)), count)
    of_row = modality[message]

    joined['position_m'][:, :2] -= origin_m
    joined['position_covariance'][:, _X, _Y] += tables.extra_variance_m2[of_row, None]
    joined['velocity_covariance'][:, _X, _Y] += parameters.extra_sigma_mps**2
    joined['orientation'][joined['yaw_variance'] > _VAGUEST_YAW_RAD**2] = Orientation.UNAVAILABLE
    joined['yaw_variance'] += parameters.extra_sigma_rad**2
    joined['has_yaw_rate'] &= joined['yaw_rate_radps'] != 0.0
    return Reports(
        first_row=np.concatenate([[0], np.cumsum(count)]),
        message_stamp_ns=np.array([m.stamp_ns for m in messages], np.int64),
        message_modality=modality,
        message_column=np.array(columns, np.int64),
        message=message,
        by_x=np.lexsort((joined['position_m'][:, 0], message)),
        modality=of_row,
        **joined,
    )


def scans(stamp_ns: np.ndarray, longest_ns: int) -> list[slice]:
    """Ranges of messages (M,), by rising stamp, none of them longer than `longest_ns`.

    The messages of one range are taken together. A range starts with the first message after the
    one before, so that only stamps decide.
    """
    ranges, first = [], 0
    for m in range(1, len(stamp_ns) + 1):
        if m == len(stamp_ns) or stamp_ns[m] - stamp_ns[first] > longest_ns:
            ranges.append(slice(first, m))
            first = m
    return ranges
