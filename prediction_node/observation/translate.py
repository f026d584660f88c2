"""Message arrays to tracks in the message's own frame. Any message type may serve any modality."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from prediction_node.domain.message_arrays import (
    Detection3DArrayArrays,
    RadarTracksArrays,
    TrackedObjectsArrays,
)
from prediction_node.observation.detections import translate_detections
from prediction_node.observation.frame_tracks import Translation
from prediction_node.observation.headers import frame_name
from prediction_node.observation.parameters import ObservationParameters, SourceParameters
from prediction_node.observation.radar_tracks import translate_radar_tracks
from prediction_node.observation.reasons import Reason
from prediction_node.observation.tracked_objects import translate_tracked_objects

SensorArrays: TypeAlias = TrackedObjectsArrays | Detection3DArrayArrays | RadarTracksArrays


def translate(
    arrays: SensorArrays,
    source: SourceParameters,
    parameters: ObservationParameters,
    near_m: np.ndarray | None = None,
) -> Translation:
    """Judge and read one message of `source`.

    Objects with unusable values are left out and counted. Of more than `max_objects` objects the
    nearest to `near_m` (3,) (in the message's frame; None: its origin) are read, the rest is not
    looked at, so that the work is bounded. Raises Refused when the message names no frame.
    """
    frame_id = frame_name(source.frame or arrays.frame_id)
    total = len(arrays.position)
    rows = _nearest(arrays.position, near_m, parameters.max_objects)
    # Bad values are compared with bounds before anything is computed from them; the products of
    # large but finite ones may overflow on the way to being refused.
    with np.errstate(over='ignore', invalid='ignore'):
        if isinstance(arrays, TrackedObjectsArrays):
            out = translate_tracked_objects(arrays, source, parameters, frame_id, rows)
        elif isinstance(arrays, Detection3DArrayArrays):
            out = translate_detections(arrays, source, parameters, frame_id, rows)
        elif isinstance(arrays, RadarTracksArrays):
            out = translate_radar_tracks(arrays, source, parameters, frame_id, rows)
        else:
            raise TypeError(f'no tracks can be read from {type(arrays).__name__}')
    if len(rows) < total:
        out.refused[Reason.OVER_CAPACITY] += total - len(rows)
    return Translation(tracks=out.tracks, received=total, refused=out.refused)


def _nearest(position: np.ndarray, near_m: np.ndarray | None, count: int) -> np.ndarray:
    """Rows of the `count` positions closest to `near_m`, in their order."""
    if len(position) <= count:
        return np.arange(len(position))
    offset = position if near_m is None else position - near_m
    with np.errstate(over='ignore', invalid='ignore'):
        squared = np.einsum('ni,ni->n', offset, offset)
    squared = np.where(np.isfinite(squared), squared, np.inf)
    return np.sort(np.argpartition(squared, count - 1)[:count])
