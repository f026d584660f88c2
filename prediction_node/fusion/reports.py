"""All reports that one step uses, side by side, and how they fall into scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import Orientation
from prediction_node.domain.observations import SensorTracks
from prediction_node.fusion.parameters import FusionParameters

_VAGUEST_YAW_RAD = 0.6
_JOINED = (
    'id_hash',
    'has_id',
    'position_m',
    'position_covariance',
    'orientation',
    'yaw_rad',
    'yaw_variance',
    'has_velocity',
    'velocity_mps',
    'velocity_covariance',
    'has_yaw_rate',
    'yaw_rate_radps',
    'has_size',
    'size_m',
    'has_class',
    'class_probabilities',
    'existence',
    'attributes',
    'has_attribute',
)


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
    stamp_ns: np.ndarray  # (R,) int64
    modality: np.ndarray  # (R,) int64
    column: np.ndarray  # (R,) int64
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


def gather(
    messages: Sequence[SensorTracks],
    columns: Sequence[int],
    origin_m: np.ndarray,
    parameters: FusionParameters,
) -> Reports:
    """The reports of `messages` (M >= 1, by rising stamp) of the sources in `columns` (M,).

    Covariances gain what senders leave out of them. A yaw that may be any is none: senders without
    one give it the variance of a full turn. A yaw rate of exactly zero is none as well: senders
    who measure none write it, with or without a covariance.
    """
    joined = {name: np.concatenate([getattr(m, name) for m in messages]) for name in _JOINED}
    count = np.array([len(m) for m in messages])
    stamp_ns = np.array([m.stamp_ns for m in messages], np.int64)
    modality = np.array([m.modality for m in messages], np.int64)
    message = np.repeat(np.arange(len(messages)), count)
    of_row = modality[message]

    joined['position_m'] = joined['position_m'] - np.array([*origin_m, 0.0])
    extra = np.square(parameters.extra_sigma_m)[of_row]
    joined['position_covariance'][:, 0, 0] += extra
    joined['position_covariance'][:, 1, 1] += extra
    joined['velocity_covariance'][:, [0, 1], [0, 1]] += parameters.extra_sigma_mps**2
    joined['orientation'][joined['yaw_variance'] > _VAGUEST_YAW_RAD**2] = Orientation.UNAVAILABLE
    joined['yaw_variance'] += parameters.extra_sigma_rad**2
    joined['has_yaw_rate'] &= joined['yaw_rate_radps'] != 0.0
    return Reports(
        first_row=np.concatenate([[0], np.cumsum(count)]),
        message_stamp_ns=stamp_ns,
        message_modality=modality,
        message_column=np.array(columns, np.int64),
        message=message,
        stamp_ns=stamp_ns[message],
        modality=of_row,
        column=np.array(columns, np.int64)[message],
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
