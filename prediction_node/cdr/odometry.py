"""nav_msgs/Odometry."""

from __future__ import annotations

import numpy as np

from prediction_node.cdr.reading import Buffer, Cursor
from prediction_node.cdr.records import ODOMETRY
from prediction_node.cdr.writing import Strip, column
from prediction_node.domain.message_arrays import OdometryArrays

_MESSAGE = 'Odometry'


def read_odometry(data: Buffer) -> OdometryArrays:
    """Raises MessageError if the buffer is malformed."""
    cursor = Cursor(data, _MESSAGE)
    stamp_ns = cursor.stamp('header.stamp')
    frame_id = cursor.text('header.frame_id')
    child_frame_id = cursor.text('child_frame_id')
    row = cursor.row(ODOMETRY, 8, 'pose')
    cursor.finish()
    return OdometryArrays(
        stamp_ns=stamp_ns,
        frame_id=frame_id,
        child_frame_id=child_frame_id,
        **{name: row[name] for name in ODOMETRY.names},
    )


def write_odometry(arrays: OdometryArrays) -> bytes:
    """Raises MessageError if the arrays do not fit together."""
    row = np.zeros((), ODOMETRY.little)
    for name in ODOMETRY.names:
        row[name] = column(
            getattr(arrays, name), ODOMETRY.shape(name), ODOMETRY.base(name), f'{_MESSAGE}.{name}'
        )
    strip = Strip()
    strip.stamp(arrays.stamp_ns, f'{_MESSAGE}.header.stamp')
    strip.text(arrays.frame_id, f'{_MESSAGE}.header.frame_id')
    strip.text(arrays.child_frame_id, f'{_MESSAGE}.child_frame_id')
    strip.align(8)
    strip.raw(row.tobytes())
    return strip.message()
