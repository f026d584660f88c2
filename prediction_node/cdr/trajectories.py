"""autoware_planning_msgs/Trajectory, and CandidateTrajectories and ScoredCandidateTrajectories of
autoware_internal_planning_msgs.

A point is its time (8 bytes), padding to a multiple of 8, and 80 bytes of state. A state ends on a
multiple of 8, so behind the first point (which may begin off one) all are laid out alike.

A CandidateTrajectory has two layouts in the field: up to version 1.13 it ends with its points, from
1.14 on a command for the turn indicators follows (a stamp and a byte). The bytes do not say which.
"""

from __future__ import annotations

import numpy as np

from prediction_node.cdr.reading import DEFAULT_LIMIT, Buffer, Cursor, aligned, columns
from prediction_node.cdr.records import STAMP, UUID, Record
from prediction_node.cdr.writing import Strip, column, rows_of
from prediction_node.domain.errors import MessageError
from prediction_node.domain.message_arrays import CandidateTrajectoriesArrays, TrajectoryArrays
from prediction_node.domain.stamps import NS_PER_S

_STATE = Record(
    [
        ('position', 'f8', (3,)),
        ('orientation', 'f8', (4,)),
        ('longitudinal_velocity', 'f4'),
        ('lateral_velocity', 'f4'),
        ('acceleration', 'f4'),
        ('heading_rate', 'f4'),
        ('front_wheel_angle', 'f4'),
        ('rear_wheel_angle', 'f4'),
    ]
)
_COMMAND = Record([('command', 'u1')])
_STRIDE = STAMP.size + _STATE.size
_SMALLEST_CANDIDATE = 8 + 4 + 16 + 4
_SMALLEST_INFO = 16 + 4


def read_trajectory(data: Buffer, limit: int = DEFAULT_LIMIT) -> TrajectoryArrays:
    """Raises MessageError if the buffer is malformed or holds more than `limit` points."""
    cursor = Cursor(data, 'Trajectory')
    stamp_ns = cursor.stamp('header.stamp')
    frame_id = cursor.text('header.frame_id')
    trajectory = _read_points(cursor, stamp_ns, frame_id, limit, '')
    cursor.finish()
    return trajectory


def write_trajectory(arrays: TrajectoryArrays) -> bytes:
    """Raises MessageError if the arrays do not fit together."""
    strip = Strip()
    strip.stamp(arrays.stamp_ns, 'Trajectory.header.stamp')
    strip.text(arrays.frame_id, 'Trajectory.header.frame_id')
    _write_points(strip, arrays, 'Trajectory')
    return strip.message()


def read_candidate_trajectories(
    data: Buffer, limit: int = DEFAULT_LIMIT, *, turn_indicators: bool = False
) -> CandidateTrajectoriesArrays:
    """`turn_indicators`: in the layout that has them.

    Raises MessageError if the buffer is malformed or holds more than `limit` candidates.
    """
    cursor = Cursor(data, 'CandidateTrajectories')
    count = cursor.count(_SMALLEST_CANDIDATE, limit, 'candidate_trajectories')
    trajectories, ids, stamps, commands = [], [], [], []
    for i in range(count):
        name = f'candidate_trajectories[{i}].'
        stamp_ns = cursor.stamp(name + 'header.stamp')
        frame_id = cursor.text(name + 'header.frame_id')
        ids.append(cursor.row(UUID, 1, name + 'generator_id')['uuid'])
        trajectories.append(_read_points(cursor, stamp_ns, frame_id, limit, name))
        if turn_indicators:
            stamps.append(cursor.stamp(name + 'turn_indicators_command.stamp'))
            command = cursor.row(_COMMAND, 1, name + 'turn_indicators_command.command')
            commands.append(int(command['command']))
    infos, names = [], []
    for i in range(cursor.count(_SMALLEST_INFO, limit, 'generator_info')):
        infos.append(cursor.row(UUID, 1, f'generator_info[{i}].generator_id')['uuid'])
        names.append(cursor.text(f'generator_info[{i}].generator_name'))
    cursor.finish()
    return CandidateTrajectoriesArrays(
        trajectories=tuple(trajectories),
        generator_id=np.array(ids, np.uint8).reshape(-1, 16),
        info_id=np.array(infos, np.uint8).reshape(-1, 16),
        info_name=tuple(names),
        indicator_stamp_ns=np.array(stamps, np.int64) if turn_indicators else None,
        indicator_command=np.array(commands, np.uint8) if turn_indicators else None,
    )


def write_candidate_trajectories(arrays: CandidateTrajectoriesArrays) -> bytes:
    """In the layout with turn indicators if the arrays have them.

    Raises MessageError if the arrays do not fit together.
    """
    return _write_candidates(arrays, None, 'CandidateTrajectories')


def write_scored_candidate_trajectories(
    arrays: CandidateTrajectoriesArrays, score: np.ndarray
) -> bytes:
    """ScoredCandidateTrajectories: the same candidates, each with its score (N,).

    Raises MessageError if the arrays do not fit together.
    """
    message = 'ScoredCandidateTrajectories'
    count = len(arrays.trajectories)
    scores = column(score, (count,), np.dtype(np.float32), f'{message}.score')
    return _write_candidates(arrays, scores.astype('<f4'), message)


def _write_candidates(
    arrays: CandidateTrajectoriesArrays, score: np.ndarray | None, message: str
) -> bytes:
    byte = np.dtype(np.uint8)
    n, g = len(arrays.trajectories), len(arrays.info_name)
    makers = column(arrays.generator_id, (n, 16), byte, f'{message}.generator_id')
    infos = column(arrays.info_id, (g, 16), byte, f'{message}.info_id')
    indicators = _indicators(arrays, n, message)
    strip = Strip()
    strip.u32(n)
    for i, trajectory in enumerate(arrays.trajectories):
        where = f'{message}.trajectories[{i}]'
        strip.stamp(trajectory.stamp_ns, f'{where}.header.stamp')
        strip.text(trajectory.frame_id, f'{where}.header.frame_id')
        strip.raw(makers[i].astype(np.uint8).tobytes())
        _write_points(strip, trajectory, where)
        if indicators is not None:
            strip.stamp(indicators[i][0], f'{where}.turn_indicators_command.stamp')
            strip.raw(bytes([indicators[i][1]]))
        if score is not None:
            strip.align(4)
            strip.raw(score[i].tobytes())
    strip.u32(g)
    for i, name in enumerate(arrays.info_name):
        strip.raw(infos[i].astype(np.uint8).tobytes())
        strip.text(name, f'{message}.info_name[{i}]')
    return strip.message()


def _indicators(
    arrays: CandidateTrajectoriesArrays, count: int, message: str
) -> list[tuple[int, int]] | None:
    """(stamp, command) of each candidate; None in the layout without."""
    if arrays.indicator_command is None or arrays.indicator_stamp_ns is None:
        return None
    stamps = column(
        arrays.indicator_stamp_ns, (count,), np.dtype(np.int64), f'{message}.indicator_stamp_ns'
    )
    commands = column(
        arrays.indicator_command, (count,), np.dtype(np.uint8), f'{message}.indicator_command'
    )
    return [(int(a), int(b)) for a, b in zip(stamps, commands, strict=True)]


def _read_points(
    cursor: Cursor, stamp_ns: int, frame_id: str, limit: int, prefix: str
) -> TrajectoryArrays:
    count = cursor.count(_STRIDE, limit, prefix + 'points')
    origin = cursor.offset
    states = aligned(origin + STAMP.size, 8) + _STRIDE * np.arange(count)
    times = states - STAMP.size
    times[:1] = origin
    if count:
        cursor.check(origin, int(states[-1]) + _STATE.size - origin, prefix + 'points')
        cursor.offset = int(states[-1]) + _STATE.size
    return TrajectoryArrays(
        stamp_ns=stamp_ns,
        frame_id=frame_id,
        time_from_start_ns=cursor.stamps(times) if count else np.zeros(0, np.int64),
        **columns(cursor.rows(_STATE, states), _STATE),
    )


def _write_points(strip: Strip, arrays: TrajectoryArrays, message: str) -> None:
    count = len(arrays.time_from_start_ns)
    field = f'{message}.time_from_start_ns'
    time_ns = column(arrays.time_from_start_ns, (count,), np.dtype(np.int64), field)
    rows = np.zeros(count, [('time', STAMP.little), ('state', _STATE.little)])
    sec = time_ns // NS_PER_S
    if np.any(np.abs(sec) >= 2**31):
        raise MessageError(f'{field} must fit 32-bit seconds, got {int(np.abs(sec).max())} s')
    rows['time']['sec'], rows['time']['nanosec'] = sec, time_ns - sec * NS_PER_S
    rows['state'] = rows_of(_STATE, arrays, count, message)
    strip.u32(count)
    if count:
        data = rows.tobytes()
        strip.raw(data[: STAMP.size])
        strip.align(8)
        strip.raw(data[STAMP.size :])
