"""Messages with more objects than are looked at: only the nearest are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

import numpy as np

from prediction_node.domain.message_arrays import (
    Detection3DArrayArrays,
    RadarTracksArrays,
    TrackedObjectsArrays,
)
from prediction_node.observation.classes import members

SensorArrays: TypeAlias = TrackedObjectsArrays | Detection3DArrayArrays | RadarTracksArrays

_OF_TRACKED_OBJECT = (
    'object_id',
    'existence_probability',
    'position',
    'orientation',
    'pose_covariance',
    'orientation_availability',
    'twist_linear',
    'twist_angular',
    'twist_covariance',
    'acceleration_linear',
    'acceleration_angular',
    'acceleration_covariance',
    'is_stationary',
    'shape_type',
    'dimensions',
)
_OF_DETECTION = ('detection_stamp_ns', 'position', 'orientation', 'size')
_OF_HYPOTHESIS = (
    'hypothesis_score',
    'hypothesis_position',
    'hypothesis_orientation',
    'hypothesis_covariance',
)
_OF_RADAR_TRACK = (
    'uuid',
    'position',
    'velocity',
    'acceleration',
    'size',
    'classification',
    'position_covariance',
    'velocity_covariance',
    'acceleration_covariance',
    'size_covariance',
)


def nearest(arrays: SensorArrays, near_m: np.ndarray | None, count: int) -> SensorArrays:
    """The message with at most `count` objects: those closest to `near_m` (3,), in their order.

    `near_m` is in the message's frame; None means its origin.
    """
    if len(arrays.position) <= count:
        return arrays
    offset = arrays.position if near_m is None else arrays.position - near_m
    with np.errstate(over='ignore', invalid='ignore'):
        squared = np.einsum('ni,ni->n', offset, offset)
    squared = np.where(np.isfinite(squared), squared, np.inf)
    return _selected(arrays, np.sort(np.argpartition(squared, count - 1)[:count]))


def _selected(arrays: SensorArrays, rows: np.ndarray) -> SensorArrays:
    if isinstance(arrays, RadarTracksArrays):
        return replace(arrays, **{name: getattr(arrays, name)[rows] for name in _OF_RADAR_TRACK})
    if isinstance(arrays, TrackedObjectsArrays):
        class_offsets, classes = _ragged(arrays.class_offsets, rows)
        footprint_offsets, corners = _ragged(arrays.footprint_offsets, rows)
        return replace(
            arrays,
            **{name: getattr(arrays, name)[rows] for name in _OF_TRACKED_OBJECT},
            class_offsets=class_offsets,
            class_label=arrays.class_label[classes],
            class_probability=arrays.class_probability[classes],
            footprint_offsets=footprint_offsets,
            footprint=arrays.footprint[corners],
        )
    hypothesis_offsets, hypotheses = _ragged(arrays.hypothesis_offsets, rows)
    return replace(
        arrays,
        **{name: getattr(arrays, name)[rows] for name in _OF_DETECTION},
        detection_frame_id=tuple(arrays.detection_frame_id[i] for i in rows.tolist()),
        id=tuple(arrays.id[i] for i in rows.tolist()),
        hypothesis_offsets=hypothesis_offsets,
        hypothesis_class_id=tuple(arrays.hypothesis_class_id[i] for i in hypotheses.tolist()),
        **{name: getattr(arrays, name)[hypotheses] for name in _OF_HYPOTHESIS},
    )


def _ragged(offsets: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (len(rows) + 1,) of the members of `rows` alone, and their flat indices."""
    lengths = offsets[rows + 1] - offsets[rows]
    _, flat = members(offsets, rows)
    return np.concatenate([[0], np.cumsum(lengths)]), flat
