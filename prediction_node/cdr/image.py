"""sensor_msgs/Image of plain colours."""

from __future__ import annotations

import numpy as np

from prediction_node.cdr.writing import Strip, column

ENCODING = 'rgb8'


def write_image(rgb: np.ndarray, stamp_ns: int, frame_id: str) -> bytes:
    """(H, W, 3) uint8, rows from top to bottom. Raises MessageError for another shape or type."""
    height, width = (*np.shape(rgb), 0, 0)[:2]
    pixels = column(rgb, (height, width, 3), np.dtype(np.uint8), 'Image.data')
    strip = Strip()
    strip.stamp(stamp_ns, 'Image.header.stamp')
    strip.text(frame_id, 'Image.header.frame_id')
    strip.u32(height)
    strip.u32(width)
    strip.text(ENCODING, 'Image.encoding')
    strip.raw(b'\0')  # little-endian
    strip.u32(3 * width)
    strip.u32(3 * width * height)
    strip.raw(np.ascontiguousarray(pixels).tobytes())
    return strip.message()
