"""std_msgs/Float32MultiArray with labelled dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prediction_node.cdr.reading import Buffer, Cursor
from prediction_node.cdr.writing import Strip
from prediction_node.domain.errors import MessageError

_MESSAGE = 'Float32MultiArray'
_SMALLEST_DIMENSION = 4 + 4 + 4
_MAX_DIMENSIONS = 32  # numpy 1.x has no more


def write_float32_multi_array(values: np.ndarray, labels: Sequence[str]) -> bytes:
    """`values` of any shape, row major; one label per dimension.

    The stride of a dimension is the count of numbers in one whole run of it, as in the definition
    of std_msgs/MultiArrayLayout. Raises MessageError if labels and dimensions do not agree.
    """
    if len(labels) != values.ndim:
        raise MessageError(
            f'{_MESSAGE}.layout.dim must have {values.ndim} labels, got {len(labels)}'
        )
    strip = Strip()
    strip.u32(values.ndim)
    for i, label in enumerate(labels):
        strip.text(label, f'{_MESSAGE}.layout.dim[{i}].label')
        strip.u32(values.shape[i])
        strip.u32(int(np.prod(values.shape[i:], dtype=np.int64)))
    strip.u32(0)
    strip.u32(values.size)
    strip.raw(np.ascontiguousarray(values, '<f4').tobytes())
    return strip.message()


def read_float32_multi_array(data: Buffer) -> tuple[np.ndarray, tuple[str, ...]]:
    """The values, shaped as the layout says, and the labels.

    Raises MessageError if the buffer is malformed or the data is not exactly what the layout spans.
    """
    cursor = Cursor(data, _MESSAGE)
    count = cursor.count(_SMALLEST_DIMENSION, _MAX_DIMENSIONS, 'layout.dim')
    labels, shape = [], []
    offset = cursor.offset
    for i in range(count):
        label, offset = cursor.text_at(offset, 'layout.dim[{}].label', i)
        offset = (offset + 3) & -4
        labels.append(label)
        shape.append(cursor.u32_at(offset, 'layout.dim[{}].size', i))
        cursor.check(offset, 8, 'layout.dim[{}].stride', i)
        offset += 8
    skipped = cursor.u32_at(offset, 'layout.data_offset')
    size = cursor.count_at(offset + 4, 4, None, 'data')
    spanned = 1
    for extent in shape:
        spanned *= extent
    if skipped + spanned != size:
        raise cursor.error(
            f'{size} numbers where the layout spans {skipped} + {spanned}', offset + 4, 'data'
        )
    cursor.offset = offset + 8 + 4 * size
    cursor.finish()
    flat = np.frombuffer(cursor.payload, '>f4' if cursor.big_endian else '<f4', size, offset + 8)[
        skipped:
    ]
    return flat.astype(np.float32).reshape(shape), tuple(labels)
