"""tf2_msgs/TFMessage."""

from __future__ import annotations

import numpy as np

from prediction_node.cdr.reading import DEFAULT_LIMIT, Buffer, Cursor, columns
from prediction_node.cdr.records import TRANSFORM
from prediction_node.cdr.writing import Strip, column, rows_of
from prediction_node.domain.errors import MessageError
from prediction_node.domain.message_arrays import TransformsArrays

_MESSAGE = 'TFMessage'
_SMALLEST_TRANSFORM = 8 + 4 + 4 + 56


def read_transforms(data: Buffer, limit: int = DEFAULT_LIMIT) -> TransformsArrays:
    """Raises MessageError if the buffer is malformed or holds more than `limit` transforms."""
    cursor = Cursor(data, _MESSAGE)
    count = cursor.count(_SMALLEST_TRANSFORM, limit, 'transforms')
    stamps, parents, children, rows = [], [], [], []
    offset = cursor.offset
    for i in range(count):
        start = (offset + 3) & -4
        cursor.check(start, 8, 'transforms[{}].header.stamp', i)
        parent, offset = cursor.text_at(start + 8, 'transforms[{}].header.frame_id', i)
        child, offset = cursor.text_at(offset, 'transforms[{}].child_frame_id', i)
        row = (offset + 7) & -8
        cursor.check(row, TRANSFORM.size, 'transforms[{}].transform', i)
        offset = row + TRANSFORM.size
        stamps.append(start)
        parents.append(parent)
        children.append(child)
        rows.append(row)
    cursor.offset = offset
    cursor.finish()
    return TransformsArrays(
        stamp_ns=cursor.stamps(np.array(stamps, np.int64)),
        frame_id=tuple(parents),
        child_frame_id=tuple(children),
        **columns(cursor.rows(TRANSFORM, np.array(rows, np.int64)), TRANSFORM),
    )


def write_transforms(arrays: TransformsArrays) -> bytes:
    """Raises MessageError if the arrays do not fit together."""
    n = len(arrays.frame_id)
    if len(arrays.child_frame_id) != n:
        raise MessageError(
            f'{_MESSAGE}.child_frame_id must have {n} entries, got {len(arrays.child_frame_id)}'
        )
    stamps = column(arrays.stamp_ns, (n,), np.dtype(np.int64), f'{_MESSAGE}.stamp_ns')
    rows = rows_of(TRANSFORM, arrays, n, _MESSAGE)
    strip = Strip()
    strip.u32(n)
    for i in range(n):
        strip.stamp(int(stamps[i]), f'{_MESSAGE}.transforms[{i}].header.stamp')
        strip.text(arrays.frame_id[i], f'{_MESSAGE}.transforms[{i}].header.frame_id')
        strip.text(arrays.child_frame_id[i], f'{_MESSAGE}.transforms[{i}].child_frame_id')
        strip.align(8)
        strip.raw(rows[i].tobytes())
    return strip.message()
