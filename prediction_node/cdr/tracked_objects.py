"""autoware_perception_msgs/TrackedObjects."""

from __future__ import annotations

import numpy as np

from prediction_node.cdr.object_layout import (
    ObjectPlan,
    body_after_head,
    end_after_footprint,
    header_strip,
    read_shared,
    write_shared,
)
from prediction_node.cdr.reading import DEFAULT_LIMIT, Buffer, Cursor
from prediction_node.cdr.records import KINEMATICS, TRACKED_STATE
from prediction_node.cdr.writing import Sheet, column, counts_of
from prediction_node.domain.message_arrays import TrackedObjectsArrays

_MESSAGE = 'TrackedObjects'
_SMALLEST_OBJECT = 24 + 1016 + 8 + 24
_FOOTPRINT_COUNT = KINEMATICS.size + 4  # in a body
_FOOTPRINT = KINEMATICS.size + TRACKED_STATE.size


def read_tracked_objects(data: Buffer, limit: int = DEFAULT_LIMIT) -> TrackedObjectsArrays:
    """Raises MessageError if the buffer is malformed or holds more than `limit` objects."""
    cursor = Cursor(data, _MESSAGE)
    stamp_ns = cursor.stamp('header.stamp')
    frame_id = cursor.text('header.frame_id')
    count = cursor.count(_SMALLEST_OBJECT, limit, 'objects')
    heads, class_counts, bodies, footprint_counts, ends = [], [], [], [], []
    offset = cursor.offset
    for i in range(count):
        heads.append(offset)
        classes, body = body_after_head(cursor, offset, i)
        points, offset = end_after_footprint(cursor, body + _FOOTPRINT_COUNT, i)
        class_counts.append(classes)
        bodies.append(body)
        footprint_counts.append(points)
        ends.append(offset)
    cursor.offset = offset
    cursor.finish()
    body_offsets = np.array(bodies, np.int64)
    state = cursor.rows(TRACKED_STATE, body_offsets + KINEMATICS.size)
    return TrackedObjectsArrays(
        stamp_ns=stamp_ns,
        frame_id=frame_id,
        orientation_availability=state['orientation_availability'],
        is_stationary=state['is_stationary'] != 0,
        shape_type=state['shape_type'],
        **read_shared(
            cursor,
            heads=np.array(heads, np.int64),
            class_counts=np.array(class_counts, np.int64),
            bodies=body_offsets,
            footprints=body_offsets + _FOOTPRINT,
            footprint_counts=np.array(footprint_counts, np.int64),
            ends=np.array(ends, np.int64),
        ),
    )


def write_tracked_objects(arrays: TrackedObjectsArrays) -> bytes:
    """Raises MessageError if the arrays do not fit together."""
    n = len(arrays.object_id)
    class_counts = counts_of(
        arrays.class_offsets, n, len(arrays.class_label), f'{_MESSAGE}.class_offsets'
    )
    footprint_counts = counts_of(
        arrays.footprint_offsets, n, len(arrays.footprint), f'{_MESSAGE}.footprint_offsets'
    )
    head = header_strip(arrays, n, _MESSAGE)
    plan = ObjectPlan(head.size, class_counts, np.full(n, _FOOTPRINT, np.int64), footprint_counts)
    state = np.zeros(n, TRACKED_STATE.little)
    for name in ('orientation_availability', 'is_stationary', 'shape_type'):
        state[name] = column(
            getattr(arrays, name), (n,), TRACKED_STATE.base(name), f'{_MESSAGE}.{name}'
        )
    state['footprint_count'] = footprint_counts
    sheet = Sheet(head, plan.size)
    write_shared(sheet, plan, arrays, class_counts, footprint_counts, _MESSAGE)
    sheet.scatter(plan.bodies + KINEMATICS.size, state, TRACKED_STATE)
    return sheet.message()
