"""vision_msgs/Detection3DArray.

Strings stand inside every detection and hypothesis, so both are walked for offsets; the numbers are
then gathered at once. Strings repeat from message to message and are shared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prediction_node.cdr.detection_layout import fill_texts, place_detections
from prediction_node.cdr.object_layout import header_strip
from prediction_node.cdr.reading import (
    DEFAULT_LIMIT,
    Buffer,
    Cursor,
    columns,
    offsets_of,
)
from prediction_node.cdr.records import BOUNDING_BOX, HYPOTHESIS, STAMP
from prediction_node.cdr.writing import Sheet, Strip, column, counts_of, rows_of, sec_nanosec
from prediction_node.domain.errors import MessageError
from prediction_node.domain.message_arrays import Detection3DArrayArrays
from prediction_node.domain.stamps import NS_PER_S

_MESSAGE = 'Detection3DArray'
_SMALLEST_DETECTION = 8 + 4 + 4 + BOUNDING_BOX.size + 4
_SMALLEST_HYPOTHESIS = 4 + HYPOTHESIS.size
_DETECTION = 'detections[{}]'
_FRAME_ID = _DETECTION + '.header.frame_id'
_RESULTS = _DETECTION + '.results'
_BOX = _DETECTION + '.bbox'
_IDENTITY = _DETECTION + '.id'
_HYPOTHESIS = _DETECTION + '.results[{}]'
_CLASS_ID = _HYPOTHESIS + '.hypothesis.class_id'


def read_detection3d_array(data: Buffer, limit: int = DEFAULT_LIMIT) -> Detection3DArrayArrays:
    """Raises MessageError if the buffer is malformed or holds more than `limit` detections."""
    cursor = Cursor(data, _MESSAGE)
    stamp_ns = cursor.stamp('header.stamp')
    frame_id = cursor.text('header.frame_id')
    count = cursor.count(_SMALLEST_DETECTION, limit, 'detections')
    text_at, count_at, end = cursor.text_at, cursor.count_at, cursor.end
    stamps, frames, hypothesis_counts, boxes, identities = [], [], [], [], []
    class_ids: list[str] = []
    hypotheses: list[int] = []
    offset = cursor.offset
    for i in range(count):
        start = (offset + 3) & -4
        frame, offset = text_at(start + 8, _FRAME_ID, i)
        offset = (offset + 3) & -4
        results = count_at(offset, _SMALLEST_HYPOTHESIS, None, _RESULTS, i)
        offset += 4
        for j in range(results):
            class_id, offset = text_at(offset, _CLASS_ID, i, j)
            offset = (offset + 7) & -8
            hypotheses.append(offset)
            class_ids.append(class_id)
            offset += HYPOTHESIS.size
            if offset > end:
                cursor.check(offset - HYPOTHESIS.size, HYPOTHESIS.size, _HYPOTHESIS, i, j)
        box = (offset + 7) & -8
        if box + BOUNDING_BOX.size > end:
            cursor.check(box, BOUNDING_BOX.size, _BOX, i)
        identity, offset = text_at(box + BOUNDING_BOX.size, _IDENTITY, i)
        stamps.append(start)
        frames.append(frame)
        hypothesis_counts.append(results)
        boxes.append(box)
        identities.append(identity)
    cursor.offset = offset
    cursor.finish()
    return Detection3DArrayArrays(
        stamp_ns=stamp_ns,
        frame_id=frame_id,
        detection_stamp_ns=cursor.stamps(np.array(stamps, np.int64)),
        detection_frame_id=tuple(frames),
        hypothesis_offsets=offsets_of(np.array(hypothesis_counts, np.int64)),
        hypothesis_class_id=tuple(class_ids),
        id=tuple(identities),
        **columns(cursor.rows(HYPOTHESIS, np.array(hypotheses, np.int64)), HYPOTHESIS),
        **columns(cursor.rows(BOUNDING_BOX, np.array(boxes, np.int64)), BOUNDING_BOX),
    )


def write_detection3d_array(arrays: Detection3DArrayArrays) -> bytes:
    """Raises MessageError if the arrays do not fit together."""
    n, total = len(arrays.id), len(arrays.hypothesis_class_id)
    if len(arrays.detection_frame_id) != n:
        raise MessageError(
            f'{_MESSAGE}.detection_frame_id must have {n} entries, '
            f'got {len(arrays.detection_frame_id)}'
        )
    counts_of(arrays.hypothesis_offsets, n, total, f'{_MESSAGE}.hypothesis_offsets')
    first = np.ascontiguousarray(arrays.hypothesis_offsets, np.int64)
    stamps = _stamps(
        column(
            arrays.detection_stamp_ns, (n,), np.dtype(np.int64), f'{_MESSAGE}.detection_stamp_ns'
        )
    )
    hypotheses = rows_of(HYPOTHESIS, arrays, total, _MESSAGE)
    boxes = rows_of(BOUNDING_BOX, arrays, n, _MESSAGE)
    frames, frame_end = _texts(arrays.detection_frame_id, _FRAME_ID)
    classes, class_end = _texts(arrays.hypothesis_class_id, 'hypothesis_class_id[{}]')
    identities, identity_end = _texts(arrays.id, _IDENTITY)
    strip = header_strip(arrays, n, _MESSAGE)
    detection, name, hypothesis, box, end = place_detections(
        strip.size,
        first,
        np.diff(frame_end),
        np.diff(class_end),
        np.diff(identity_end),
        HYPOTHESIS.size,
        BOUNDING_BOX.size,
    )
    sheet = Sheet(strip, end)
    sheet.scatter(detection, stamps, STAMP)
    sheet.scatter(hypothesis, hypotheses, HYPOTHESIS)
    sheet.scatter(box, boxes, BOUNDING_BOX)
    fill_texts(
        sheet.payload,
        detection,
        name,
        box,
        first,
        frames,
        frame_end,
        classes,
        class_end,
        identities,
        identity_end,
        BOUNDING_BOX.size,
    )
    return sheet.message()


def _stamps(stamp_ns: np.ndarray) -> np.ndarray:
    """(N,) records of (N,) stamps. Raises MessageError for one that does not fit."""
    sec, nanosec = np.divmod(stamp_ns.astype(np.int64), NS_PER_S)
    beyond = np.flatnonzero((sec < -(2**31)) | (sec >= 2**31))
    if len(beyond):
        i = int(beyond[0])
        sec_nanosec(int(stamp_ns[i]), f'{_MESSAGE}.{_DETECTION.format(i)}.header.stamp')
    out = np.empty(len(stamp_ns), STAMP.little)
    out['sec'], out['nanosec'] = sec, nanosec
    return out


def _texts(values: Sequence[str], field: str) -> tuple[np.ndarray, np.ndarray]:
    """All of them as bytes, a zero behind each, and the (len + 1,) offsets between them.

    Raises MessageError naming `field` with the index of one that cannot be written.
    """
    if not values:
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    try:
        data = np.frombuffer(('\0'.join(values) + '\0').encode('utf-8'), np.uint8)
    except UnicodeEncodeError:
        data = np.zeros(0, np.uint8)
    ends = np.flatnonzero(data == 0) + 1
    if len(ends) != len(values):
        for i, value in enumerate(values):
            Strip().text(value, f'{_MESSAGE}.{field.format(i)}')
    return data, np.concatenate([[0], ends])
