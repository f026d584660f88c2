"""Message arrays to tracks in the message's own frame. Any message type may serve any modality."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.message_arrays import (
    Detection3DArrayArrays,
    RadarTracksArrays,
    TrackedObjectsArrays,
)
from prediction_node.observation.capacity import SensorArrays, nearest
from prediction_node.observation.detections import translate_detections
from prediction_node.observation.frame_tracks import Translation
from prediction_node.observation.headers import frame_name
from prediction_node.observation.parameters import ObservationParameters, SourceParameters
from prediction_node.observation.radar_tracks import translate_radar_tracks
from prediction_node.observation.reasons import Reason
from prediction_node.observation.tracked_objects import translate_tracked_objects


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
    read = nearest(arrays, near_m, parameters.max_objects)
    # Bad values are compared with bounds before anything is computed from them; the products of
    # large but finite ones may overflow on the way to being refused.
    with np.errstate(over='ignore', invalid='ignore'):
        if isinstance(read, TrackedObjectsArrays):
            tracks, refused = translate_tracked_objects(read, source, parameters, frame_id)
        elif isinstance(read, Detection3DArrayArrays):
            tracks, refused = translate_detections(read, source, parameters, frame_id)
        elif isinstance(read, RadarTracksArrays):
            tracks, refused = translate_radar_tracks(read, source, parameters, frame_id)
        else:
            raise TypeError(f'no tracks can be read from {type(arrays).__name__}')
    if len(read.position) < total:
        refused[Reason.OVER_CAPACITY] += total - len(read.position)
    return Translation(tracks=tracks, received=total, refused=refused)
