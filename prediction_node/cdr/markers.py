"""visualization_msgs/MarkerArray, as laid out since ROS 2 Humble (with texture and mesh_file)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from prediction_node.cdr.writing import Strip
from prediction_node.domain.markers import Marker, MarkerType

_ADD, _DELETE = 0, 2
_ID_TYPE_ACTION = struct.Struct('<iii')
_POSE_SCALE = struct.Struct('<10d')
_COLOUR_LIFETIME = struct.Struct('<4fiI')
_FIELD = 'MarkerArray.markers'


def write_marker_array(markers: Sequence[Marker], stamp_ns: int, frame_id: str) -> bytes:
    """Points and colours go out as blocks; a marker without points becomes a DELETE."""
    strip = Strip()
    strip.u32(len(markers))
    for marker in markers:
        _write(strip, marker, stamp_ns, frame_id)
    return strip.message()


def _write(strip: Strip, marker: Marker, stamp_ns: int, frame_id: str) -> None:
    strip.stamp(stamp_ns, f'{_FIELD}.header.stamp')
    strip.text(frame_id, f'{_FIELD}.header.frame_id')
    strip.text(marker.name, f'{_FIELD}.ns')
    strip.align(4)
    action = _ADD if len(marker.points_m) else _DELETE
    strip.raw(_ID_TYPE_ACTION.pack(0, int(marker.type), action))
    strip.align(8)
    scale = (1.0, 1.0, 1.0) if marker.type == MarkerType.TRIANGLE_LIST else (marker.size_m,) * 3
    strip.raw(_POSE_SCALE.pack(*map(float, marker.origin_m), 0.0, 0.0, 0.0, 1.0, *scale))
    strip.raw(_COLOUR_LIFETIME.pack(1.0, 1.0, 1.0, 1.0, 0, 0))
    strip.raw(b'\0')  # frame_locked
    strip.u32(len(marker.points_m))
    if len(marker.points_m):
        strip.align(8)
        strip.raw(np.ascontiguousarray(marker.points_m, '<f8').tobytes())
    strip.u32(len(marker.colours))
    strip.raw(np.ascontiguousarray(marker.colours, '<f4').tobytes())
    strip.text('', f'{_FIELD}.texture_resource')
    strip.stamp(0, f'{_FIELD}.texture.header.stamp')
    strip.text('', f'{_FIELD}.texture.header.frame_id')
    strip.text('', f'{_FIELD}.texture.format')
    strip.u32(0)  # texture.data
    strip.u32(0)  # uv_coordinates
    strip.text('', f'{_FIELD}.text')
    strip.text('', f'{_FIELD}.mesh_resource')
    strip.text('', f'{_FIELD}.mesh_file.filename')
    strip.u32(0)  # mesh_file.data
    strip.raw(b'\0')  # mesh_use_embedded_materials
