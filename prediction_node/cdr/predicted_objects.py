"""autoware_perception_msgs/PredictedObjects: what the planner reads, 1.8 MB for 64 road users."""

from __future__ import annotations

import numpy as np

from prediction_node.cdr.object_layout import (
    ObjectPlan,
    body_after_head,
    count_rows,
    end_after_footprint,
    header_strip,
    read_shared,
    write_shared,
)
from prediction_node.cdr.reading import DEFAULT_LIMIT, Buffer, Cursor, offsets_of, spans
from prediction_node.cdr.records import (
    COUNT,
    KINEMATICS,
    PATH_END,
    PATH_MARGIN,
    POSE_SIZE,
    PREDICTED_SHAPE,
    Record,
    path_poses,
    predicted_path,
)
from prediction_node.cdr.writing import Sheet, column, counts_of, sec_nanosec
from prediction_node.domain.errors import MessageError
from prediction_node.domain.message_arrays import PredictedObjectsArrays
from prediction_node.domain.stamps import from_sec_nanosec

_MESSAGE = 'PredictedObjects'
_SMALLEST_OBJECT = 24 + 1016 + 4 + 8 + 24
_PATH_COUNT = KINEMATICS.size  # in a body
_PATHS = _PATH_COUNT + 4
_PATH_FIELD = 'objects[{}].kinematics.predicted_paths[{}]'


def read_predicted_objects(data: Buffer, limit: int = DEFAULT_LIMIT) -> PredictedObjectsArrays:
    """Raises MessageError if the buffer is malformed or holds more than `limit` objects, or if its
    paths differ in pose count or time step (the arrays have one of each).
    """
    cursor = Cursor(data, _MESSAGE)
    stamp_ns = cursor.stamp('header.stamp')
    frame_id = cursor.text('header.frame_id')
    count = cursor.count(_SMALLEST_OBJECT, limit, 'objects')
    heads, class_counts, bodies, path_counts, shapes, footprint_counts, ends = (
        [], [], [], [], [], [], [],
    )  # fmt: skip
    poses: int | None = None
    offset = cursor.offset
    for i in range(count):
        heads.append(offset)
        classes, body = body_after_head(cursor, offset, i)
        paths, poses, shape = _walk_paths(cursor, body + _PATH_COUNT, poses, i)
        cursor.check(shape, PREDICTED_SHAPE.size, 'objects[{}].shape', i)
        points, offset = end_after_footprint(cursor, shape + 4, i)
        class_counts.append(classes)
        bodies.append(body)
        path_counts.append(paths)
        shapes.append(shape)
        footprint_counts.append(points)
        ends.append(offset)
    cursor.offset = offset
    cursor.finish()
    body_offsets = np.array(bodies, np.int64)
    shape_offsets = np.array(shapes, np.int64)
    counts = np.array(path_counts, np.int64)
    path = predicted_path(poses or 0)
    path_offsets = offsets_of(counts)
    starts = spans(body_offsets + _PATHS, counts, path.size)
    rows = cursor.rows(path, starts)
    return PredictedObjectsArrays(
        stamp_ns=stamp_ns,
        frame_id=frame_id,
        path_offsets=path_offsets,
        path_pose=rows['poses'],
        path_time_step_ns=_time_step_ns(cursor, rows, starts, path_offsets),
        path_confidence=rows['confidence'],
        shape_type=cursor.rows(PREDICTED_SHAPE, shape_offsets)['shape_type'],
        **read_shared(
            cursor,
            heads=np.array(heads, np.int64),
            class_counts=np.array(class_counts, np.int64),
            bodies=body_offsets,
            footprints=shape_offsets + PREDICTED_SHAPE.size,
            footprint_counts=np.array(footprint_counts, np.int64),
            ends=np.array(ends, np.int64),
        ),
    )


def _walk_paths(
    cursor: Cursor, offset: int, poses: int | None, index: int
) -> tuple[int, int | None, int]:
    """Count of the paths (it stands at `offset`), their pose count, and the offset behind them."""
    paths = cursor.count_at(
        offset, PATH_MARGIN, None, 'objects[{}].kinematics.predicted_paths', index
    )
    offset += 4
    for j in range(paths):
        cursor.check(offset, 4, _PATH_FIELD, index, j)
        here = cursor.unpack_u32(cursor.payload, offset)[0]
        stop = offset + PATH_MARGIN + POSE_SIZE * here
        if stop > cursor.end:
            cursor.count_at(offset, POSE_SIZE, None, _PATH_FIELD + '.path', index, j)
            cursor.check(offset, stop - offset, _PATH_FIELD, index, j)
        if poses is None:
            poses = here
        elif here != poses:
            reason = f'{here} poses where earlier paths have {poses}'
            raise cursor.error(reason, offset, _PATH_FIELD + '.path', index, j)
        offset = stop
    return paths, poses, offset


def _time_step_ns(
    cursor: Cursor, rows: np.ndarray, starts: np.ndarray, path_offsets: np.ndarray
) -> int:
    """The time step of all paths, 0 where there are none; MessageError if they differ."""
    if len(rows) == 0:
        return 0
    sec, nanosec = rows['sec'], rows['nanosec']
    step_ns = from_sec_nanosec(sec[0], nanosec[0])
    differs = (sec != sec[0]) | (nanosec != nanosec[0])
    if differs.any():
        k = int(np.argmax(differs))
        i = int(np.searchsorted(path_offsets, k, side='right')) - 1
        other_ns = from_sec_nanosec(sec[k], nanosec[k])
        raise cursor.error(
            f'{other_ns} ns where earlier paths have {step_ns} ns',
            int(starts[k]) + rows.dtype.itemsize - 12,
            _PATH_FIELD + '.time_step',
            i,
            k - int(path_offsets[i]),
        )
    return step_ns


def write_predicted_objects(arrays: PredictedObjectsArrays) -> bytes:
    """Raises MessageError if the arrays do not fit together."""
    n = len(arrays.object_id)
    class_counts = counts_of(
        arrays.class_offsets, n, len(arrays.class_label), f'{_MESSAGE}.class_offsets'
    )
    footprint_counts = counts_of(
        arrays.footprint_offsets, n, len(arrays.footprint), f'{_MESSAGE}.footprint_offsets'
    )
    path, path_ends = _path_ends(arrays)
    path_counts = counts_of(arrays.path_offsets, n, len(path_ends), f'{_MESSAGE}.path_offsets')
    shape_lead = _PATHS + path.size * path_counts
    head = header_strip(arrays, n, _MESSAGE)
    plan = ObjectPlan(head.size, class_counts, shape_lead + PREDICTED_SHAPE.size, footprint_counts)
    shape = np.zeros(n, PREDICTED_SHAPE.little)
    shape['shape_type'] = column(
        arrays.shape_type, (n,), PREDICTED_SHAPE.base('shape_type'), f'{_MESSAGE}.shape_type'
    )
    shape['footprint_count'] = footprint_counts
    sheet = Sheet(head, plan.size)
    write_shared(sheet, plan, arrays, class_counts, footprint_counts, _MESSAGE)
    sheet.scatter(plan.bodies + _PATH_COUNT, count_rows(path_counts), COUNT)
    starts = spans(plan.bodies + _PATHS, path_counts, path.size)
    _write_paths(sheet, starts, arrays.path_pose, path_ends)
    sheet.scatter(plan.bodies + shape_lead, shape, PREDICTED_SHAPE)
    return sheet.message()


def _path_ends(arrays: PredictedObjectsArrays) -> tuple[Record, np.ndarray]:
    """The record of a path, and (P,) what follows the poses of each."""
    if np.ndim(arrays.path_pose) != 3:
        raise MessageError(
            f'{_MESSAGE}.path_pose must have shape (P, T, 7), got {np.shape(arrays.path_pose)}'
        )
    paths, poses = arrays.path_pose.shape[:2]
    ends = np.zeros(paths, PATH_END.little)
    ends['sec'], ends['nanosec'] = sec_nanosec(arrays.path_time_step_ns, f'{_MESSAGE}.time_step')
    ends['confidence'] = column(
        arrays.path_confidence,
        (paths,),
        PATH_END.base('confidence'),
        f'{_MESSAGE}.path_confidence',
    )
    return predicted_path(poses), ends


def _write_paths(
    sheet: Sheet, offsets: np.ndarray, path_pose: np.ndarray, ends: np.ndarray
) -> None:
    """Paths (P, T, 7) at (P,) byte offsets: megabytes, copied once."""
    paths, count = path_pose.shape[:2]
    sheet.scatter(offsets, count_rows(np.full(paths, count)), COUNT)
    offsets = offsets + COUNT.size
    poses = path_poses(count)
    values = column(path_pose, (paths, count, 7), poses.base('poses'), f'{_MESSAGE}.path_pose')
    if values.size:
        rows = np.ascontiguousarray(values, '<f8').reshape(-1).view(poses.little)
        sheet.scatter(offsets, rows, poses)
    sheet.scatter(offsets + POSE_SIZE * count, ends, PATH_END)
