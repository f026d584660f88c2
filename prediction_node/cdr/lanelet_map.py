"""autoware_map_msgs/LaneletMapBin: a header, three names and the map's archive as bytes."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_node.cdr.reading import Buffer, Cursor
from prediction_node.cdr.writing import Strip

_MESSAGE = 'LaneletMapBin'
DEFAULT_MAP_LIMIT_BYTES = 1 << 30


@dataclass(frozen=True, slots=True, eq=False)
class LaneletMapBlob:
    """autoware_map_msgs/LaneletMapBin. `data` is the archive, untouched."""

    stamp_ns: int
    frame_id: str
    version_map_format: str
    version_map: str
    name_map: str
    data: bytes | memoryview


def read_lanelet_map_bin(
    data: Buffer, limit_bytes: int = DEFAULT_MAP_LIMIT_BYTES
) -> LaneletMapBlob:
    """Raises MessageError if the buffer is malformed or the archive is above `limit_bytes`."""
    cursor = Cursor(data, _MESSAGE)
    stamp_ns = cursor.stamp('header.stamp')
    frame_id = cursor.text('header.frame_id')
    version_map_format = cursor.text('version_map_format')
    version_map = cursor.text('version_map')
    name_map = cursor.text('name_map')
    size = cursor.count(1, limit_bytes, 'data')
    start = cursor.offset
    cursor.offset = start + size
    cursor.finish()
    return LaneletMapBlob(
        stamp_ns=stamp_ns,
        frame_id=frame_id,
        version_map_format=version_map_format,
        version_map=version_map,
        name_map=name_map,
        data=memoryview(cursor.payload)[start : start + size],
    )


def write_lanelet_map_bin(blob: LaneletMapBlob) -> bytes:
    """Raises MessageError if a name cannot be encoded."""
    strip = Strip()
    strip.stamp(blob.stamp_ns, f'{_MESSAGE}.header.stamp')
    strip.text(blob.frame_id, f'{_MESSAGE}.header.frame_id')
    strip.text(blob.version_map_format, f'{_MESSAGE}.version_map_format')
    strip.text(blob.version_map, f'{_MESSAGE}.version_map')
    strip.text(blob.name_map, f'{_MESSAGE}.name_map')
    strip.u32(len(blob.data))
    strip.raw(bytes(blob.data))
    return strip.message()
