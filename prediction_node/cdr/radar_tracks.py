"""radar_msgs/RadarTracks. No member of a track varies in size, so nothing is walked.

A track is its UUID (16 bytes), padding to a multiple of 8, and 196 bytes of state. A state ends 4
bytes past a multiple of 8, so behind the first track (which may begin on one) all are laid out
alike.
"""

from __future__ import annotations

import numpy as np

from prediction_node.cdr.object_layout import header_strip
from prediction_node.cdr.reading import DEFAULT_LIMIT, Buffer, Cursor, aligned, columns
from prediction_node.cdr.records import RADAR_STATE, UUID
from prediction_node.cdr.writing import Sheet, rows_of
from prediction_node.domain.message_arrays import RadarTracksArrays

_MESSAGE = 'RadarTracks'
_PADDING = 4
_STRIDE = UUID.size + _PADDING + RADAR_STATE.size


def _offsets(origin: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(N,) offsets of the UUIDs and of the states."""
    states = aligned(origin + UUID.size, 8) + _STRIDE * np.arange(count)
    uuids = states - (UUID.size + _PADDING)
    uuids[:1] = origin
    return uuids, states


def read_radar_tracks(data: Buffer, limit: int = DEFAULT_LIMIT) -> RadarTracksArrays:
    """Raises MessageError if the buffer is malformed or holds more than `limit` tracks."""
    cursor = Cursor(data, _MESSAGE)
    stamp_ns = cursor.stamp('header.stamp')
    frame_id = cursor.text('header.frame_id')
    count = cursor.count(UUID.size + RADAR_STATE.size, limit, 'tracks')
    uuids, states = _offsets(cursor.offset, count)
    if count:
        ends = states + RADAR_STATE.size
        if ends[-1] > cursor.end:
            first = int(np.searchsorted(ends, cursor.end, side='right'))
            begin = int(uuids[first])
            cursor.check(begin, int(ends[first]) - begin, 'tracks[{}]', first)
        cursor.offset = int(ends[-1])
    cursor.finish()
    return RadarTracksArrays(
        stamp_ns=stamp_ns,
        frame_id=frame_id,
        **columns(cursor.rows(UUID, uuids), UUID),
        **columns(cursor.rows(RADAR_STATE, states), RADAR_STATE),
    )


def write_radar_tracks(arrays: RadarTracksArrays) -> bytes:
    """Raises MessageError if the arrays do not fit together."""
    n = len(arrays.uuid)
    head = header_strip(arrays, n, _MESSAGE)
    uuids, states = _offsets(head.size, n)
    size = int(states[-1]) + RADAR_STATE.size if n else head.size
    sheet = Sheet(head, size)
    sheet.scatter(uuids, rows_of(UUID, arrays, n, _MESSAGE), UUID)
    sheet.scatter(states, rows_of(RADAR_STATE, arrays, n, _MESSAGE), RADAR_STATE)
    return sheet.message()
