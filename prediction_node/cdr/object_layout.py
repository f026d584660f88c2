"""What TrackedObject and PredictedObject share on the wire.

An object: UUID, existence probability, count of classifications (24 bytes), the classifications
(8 bytes each), padding to a multiple of 8, then the *body*, which begins with the 127 doubles of
the kinematics and ends with the shape's dimensions, also doubles. So every body, and every object
but the first, begins on a multiple of 8; the first may begin 4 bytes past one, behind the count of
objects.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from prediction_node.cdr.reading import Cursor, aligned, columns, offsets_of, spans
from prediction_node.cdr.records import (
    CLASSIFICATION,
    COUNT,
    DIMENSIONS,
    FOOTPRINT,
    IDENTITY,
    KINEMATICS,
)
from prediction_node.cdr.writing import Sheet, Strip, rows_of

HEAD_SIZE = 24
CLASSIFICATION_SIZE = CLASSIFICATION.size
FOOTPRINT_SIZE = FOOTPRINT.size


def body_after_head(cursor: Cursor, offset: int, index: int) -> tuple[int, int]:
    """Count of classifications of the object at `offset`, and the offset of its body."""
    if offset + HEAD_SIZE > cursor.end:
        cursor.check(offset, HEAD_SIZE, 'objects[{}]', index)
    classes = cursor.unpack_u32(cursor.payload, offset + 20)[0]
    body = (offset + 31 + CLASSIFICATION_SIZE * classes) & -8
    if body + KINEMATICS.size > cursor.end:
        cursor.count_at(offset + 20, CLASSIFICATION_SIZE, None, 'objects[{}].classification', index)
        cursor.check(body, KINEMATICS.size, 'objects[{}].kinematics', index)
    return classes, body


def end_after_footprint(cursor: Cursor, offset: int, index: int) -> tuple[int, int]:
    """Count of the footprint's points, which stands at `offset`, and where the object ends."""
    if offset + 4 > cursor.end:
        cursor.check(offset, 4, 'objects[{}].shape.footprint', index)
    points = cursor.unpack_u32(cursor.payload, offset)[0]
    dimensions = (offset + 11 + FOOTPRINT_SIZE * points) & -8
    if dimensions + DIMENSIONS.size > cursor.end:
        cursor.count_at(offset, FOOTPRINT_SIZE, None, 'objects[{}].shape.footprint.points', index)
        cursor.check(dimensions, DIMENSIONS.size, 'objects[{}].shape.dimensions', index)
    return points, dimensions + DIMENSIONS.size


def read_shared(
    cursor: Cursor,
    heads: np.ndarray,
    class_counts: np.ndarray,
    bodies: np.ndarray,
    footprints: np.ndarray,
    footprint_counts: np.ndarray,
    ends: np.ndarray,
) -> dict[str, Any]:
    """The arrays both messages have; heads, bodies, footprints and ends are (N,) offsets."""
    classes = cursor.rows(
        CLASSIFICATION, spans(heads + HEAD_SIZE, class_counts, CLASSIFICATION_SIZE)
    )
    points = cursor.rows(FOOTPRINT, spans(footprints, footprint_counts, FOOTPRINT_SIZE))
    return {
        **columns(cursor.rows(IDENTITY, heads), IDENTITY),
        'class_offsets': offsets_of(class_counts),
        **columns(classes, CLASSIFICATION),
        **columns(cursor.rows(KINEMATICS, bodies), KINEMATICS),
        'footprint_offsets': offsets_of(footprint_counts),
        **columns(points, FOOTPRINT),
        **columns(cursor.rows(DIMENSIONS, ends - DIMENSIONS.size), DIMENSIONS),
    }


def header_strip(arrays: Any, count: int, message: str) -> Strip:
    """std_msgs/Header and the count of a sequence behind it."""
    strip = Strip()
    strip.stamp(arrays.stamp_ns, f'{message}.header.stamp')
    strip.text(arrays.frame_id, f'{message}.header.frame_id')
    strip.u32(count)
    return strip


class ObjectPlan:
    """Where each object's parts go, from the (N,) sizes of everything that varies.

    `lead` is the size of a body up to its footprint's first point.
    """

    def __init__(
        self,
        origin: int,
        class_counts: np.ndarray,
        lead: np.ndarray,
        footprint_counts: np.ndarray,
    ) -> None:
        heads_size = HEAD_SIZE + CLASSIFICATION_SIZE * class_counts
        dimensions = (lead + FOOTPRINT_SIZE * footprint_counts + 7) & -8
        body_size = dimensions + DIMENSIONS.size
        self.bodies = np.zeros(len(class_counts), np.int64)
        self.heads = self.bodies
        self.size = origin
        if len(class_counts):
            self.bodies[0] = aligned(origin + int(heads_size[0]), 8)
            self.bodies[1:] = self.bodies[0] + np.cumsum(body_size[:-1] + heads_size[1:])
            self.heads = self.bodies - heads_size
            self.heads[0] = origin
            self.size = int(self.bodies[-1] + body_size[-1])
        self.footprints = self.bodies + lead
        self.dimensions = self.bodies + dimensions


def write_shared(
    sheet: Sheet,
    plan: ObjectPlan,
    arrays: Any,
    class_counts: np.ndarray,
    footprint_counts: np.ndarray,
    message: str,
) -> None:
    """Scatter the arrays both messages have."""
    n = len(class_counts)
    sheet.scatter(plan.heads, rows_of(IDENTITY, arrays, n, message), IDENTITY)
    sheet.scatter(plan.heads + 20, count_rows(class_counts), COUNT)
    sheet.scatter(
        spans(plan.heads + HEAD_SIZE, class_counts, CLASSIFICATION_SIZE),
        rows_of(CLASSIFICATION, arrays, int(class_counts.sum()), message),
        CLASSIFICATION,
    )
    sheet.scatter(plan.bodies, rows_of(KINEMATICS, arrays, n, message), KINEMATICS)
    sheet.scatter(
        spans(plan.footprints, footprint_counts, FOOTPRINT_SIZE),
        rows_of(FOOTPRINT, arrays, int(footprint_counts.sum()), message),
        FOOTPRINT,
    )
    sheet.scatter(plan.dimensions, rows_of(DIMENSIONS, arrays, n, message), DIMENSIONS)


def count_rows(counts: np.ndarray) -> np.ndarray:
    """(N,) sequence lengths as records."""
    rows = np.zeros(len(counts), COUNT.little)
    rows['count'] = counts
    return rows
