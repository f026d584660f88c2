"""vision_msgs/Detection3DArray.

Strings stand inside every detection and hypothesis, so both are walked for offsets; the numbers are
then gathered at once. Strings repeat from message to message and are shared.
"""

from __future__ import annotations

import numpy as np

from prediction_node.cdr.object_layout import header_strip
from prediction_node.cdr.reading import DEFAULT_LIMIT, Buffer, Cursor, columns, offsets_of
from prediction_node.cdr.records import BOUNDING_BOX, HYPOTHESIS
from prediction_node.cdr.writing import column, counts_of, rows_of
from prediction_node.domain.errors import MessageError
from prediction_node.domain.message_arrays import Detection3DArrayArrays

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
    stamps = column(
        arrays.detection_stamp_ns, (n,), np.dtype(np.int64), f'{_MESSAGE}.detection_stamp_ns'
    )
    hypotheses = rows_of(HYPOTHESIS, arrays, total, _MESSAGE)
    boxes = rows_of(BOUNDING_BOX, arrays, n, _MESSAGE)
    first = arrays.hypothesis_offsets.tolist()
    strip = header_strip(arrays, n, _MESSAGE)
    for i in range(n):
        where = f'{_MESSAGE}.detections[{i}]'
        strip.stamp(int(stamps[i]), f'{where}.header.stamp')
        strip.text(arrays.detection_frame_id[i], f'{where}.header.frame_id')
        strip.u32(first[i + 1] - first[i])
        for j in range(first[i], first[i + 1]):
            strip.text(arrays.hypothesis_class_id[j], f'{where}.results[{j - first[i]}].class_id')
            strip.align(8)
            strip.raw(hypotheses[j].tobytes())
        strip.align(8)
        strip.raw(boxes[i].tobytes())
        strip.text(arrays.id[i], f'{where}.id')
    return strip.message()
