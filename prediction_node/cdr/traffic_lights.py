"""autoware_perception_msgs/TrafficLightGroupArray: present states; predictions are skipped."""

from __future__ import annotations

import itertools

import numpy as np

from prediction_node.cdr.reading import DEFAULT_LIMIT, Buffer, Cursor, columns, spans
from prediction_node.cdr.records import GROUP_ID, LIGHT_ELEMENT
from prediction_node.cdr.writing import Strip, column, rows_of
from prediction_node.domain.message_arrays import TrafficLightGroupsArrays

_MESSAGE = 'TrafficLightGroupArray'
_SMALLEST_GROUP = 8 + 4 + 4
_SMALLEST_PREDICTION = 8 + 4 + 4 + 4
_GROUP = 'traffic_light_groups[{}]'
_PREDICTION = _GROUP + '.predictions[{}]'


def read_traffic_light_groups(data: Buffer, limit: int = DEFAULT_LIMIT) -> TrafficLightGroupsArrays:
    """Raises MessageError if the buffer is malformed or holds more than `limit` groups."""
    cursor = Cursor(data, _MESSAGE)
    stamp_ns = cursor.stamp('stamp')
    count = cursor.count(_SMALLEST_GROUP, limit, 'traffic_light_groups')
    identities, element_starts, element_counts = [], [], []
    offset = cursor.offset
    for i in range(count):
        start = (offset + 7) & -8
        cursor.check(start, 12, _GROUP, i)
        elements = cursor.count_at(start + 8, LIGHT_ELEMENT.size, None, _GROUP + '.elements', i)
        identities.append(start)
        element_starts.append(start + 12)
        element_counts.append(elements)
        offset = _skip_predictions(cursor, start + 12 + LIGHT_ELEMENT.size * elements, i)
    cursor.offset = offset
    cursor.finish()
    counts = np.array(element_counts, np.int64)
    group_id = cursor.rows(GROUP_ID, np.array(identities, np.int64))['group_id']
    elements_at = spans(np.array(element_starts, np.int64), counts, LIGHT_ELEMENT.size)
    return TrafficLightGroupsArrays(
        stamp_ns=stamp_ns,
        group_id=np.repeat(group_id, counts),
        **columns(cursor.rows(LIGHT_ELEMENT, elements_at), LIGHT_ELEMENT),
    )


def _skip_predictions(cursor: Cursor, offset: int, group: int) -> int:
    """The offset behind the predictions whose count stands at `offset`."""
    count = cursor.count_at(offset, _SMALLEST_PREDICTION, None, _GROUP + '.predictions', group)
    offset += 4
    for j in range(count):
        start = (offset + 3) & -4
        elements = cursor.count_at(
            start + 8, LIGHT_ELEMENT.size, None, _PREDICTION + '.simultaneous_elements', group, j
        )
        reliability = start + 12 + LIGHT_ELEMENT.size * elements
        _, offset = cursor.text_at(reliability + 4, _PREDICTION + '.information_source', group, j)
    return offset


def write_traffic_light_groups(arrays: TrafficLightGroupsArrays) -> bytes:
    """Neighbouring elements of one group id become one group.

    Raises MessageError if the arrays do not fit together.
    """
    total = len(arrays.group_id)
    group_id = column(arrays.group_id, (total,), np.dtype(np.int64), f'{_MESSAGE}.group_id').astype(
        '<i8'
    )
    rows = rows_of(LIGHT_ELEMENT, arrays, total, _MESSAGE)
    changes = np.flatnonzero(group_id[1:] != group_id[:-1]) + 1
    bounds = [0, *changes.tolist(), total] if total else [0]
    strip = Strip()
    strip.stamp(arrays.stamp_ns, f'{_MESSAGE}.stamp')
    strip.u32(len(bounds) - 1)
    for begin, end in itertools.pairwise(bounds):
        strip.align(8)
        strip.raw(group_id[begin].tobytes())
        strip.u32(end - begin)
        strip.raw(rows[begin:end].tobytes())
        strip.u32(0)
    return strip.message()
