"""Argoverse 2 sensor logs: a real drive, the boxes annotated around it, and the vector map.

Format: Argoverse 2 user guide, sensor data set. Annotations are boxes in the frame of the recording
vehicle at the moments of its LiDAR sweeps; `city_SE3_egovehicle` is its pose in the city frame.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from prediction_node.domain.errors import DataError
from prediction_node.domain.frames import wrap_angle, yaw_from_quaternion
from prediction_node.domain.kinds import ATTRIBUTE_COUNT, ObjectClass
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.lights import LightStates
from prediction_node.domain.recording import Recording
from prediction_node.importers.av2_map import city_origin, read_vector_map
from prediction_node.importers.motion import trailing_velocity

EGO = 'ego'
EGO_SIZE_M = (4.877, 2.0, 1.473)
EGO_CENTRE_M = (1.4, 0.0, 0.41)  # of its box; the frame's origin is the middle of the rear axle
GAP_NS = 150_000_000  # a track that misses a sweep starts anew

_CLASSES = {
    'REGULAR_VEHICLE': ObjectClass.CAR,
    'LARGE_VEHICLE': ObjectClass.TRUCK,
    'BOX_TRUCK': ObjectClass.TRUCK,
    'TRUCK': ObjectClass.TRUCK,
    'TRUCK_CAB': ObjectClass.TRUCK,
    'VEHICULAR_TRAILER': ObjectClass.TRAILER,
    'BUS': ObjectClass.BUS,
    'SCHOOL_BUS': ObjectClass.BUS,
    'ARTICULATED_BUS': ObjectClass.BUS,
    'MOTORCYCLE': ObjectClass.MOTORCYCLE,
    'MOTORCYCLIST': ObjectClass.MOTORCYCLE,
    'BICYCLE': ObjectClass.BICYCLE,
    'BICYCLIST': ObjectClass.BICYCLE,
    'WHEELED_RIDER': ObjectClass.BICYCLE,
    'PEDESTRIAN': ObjectClass.PEDESTRIAN,
    'OFFICIAL_SIGNALER': ObjectClass.PEDESTRIAN,
    'STROLLER': ObjectClass.PEDESTRIAN,
    'WHEELCHAIR': ObjectClass.PEDESTRIAN,
    'DOG': ObjectClass.ANIMAL,
    'ANIMAL': ObjectClass.ANIMAL,
    'WHEELED_DEVICE': ObjectClass.UNKNOWN,
    'RAILED_VEHICLE': ObjectClass.UNKNOWN,
}
# Road furniture, and the recording vehicle itself, which comes from its poses.
_LEFT_OUT = (
    'BOLLARD',
    'CONSTRUCTION_BARREL',
    'CONSTRUCTION_CONE',
    'EGO_VEHICLE',
    'MESSAGE_BOARD_TRAILER',
    'MOBILE_PEDESTRIAN_CROSSING_SIGN',
    'MOBILE_PEDESTRIAN_SIGN',
    'SIGN',
    'STOP_SIGN',
    'TRAFFIC_LIGHT_TRAILER',
)
_POSE = ('qx', 'qy', 'qz', 'qw', 'tx_m', 'ty_m', 'tz_m')


def read_av2_log(folder: Path | str) -> tuple[Recording, LaneMap, tuple[float, float]]:
    """Recording, map and the latitude and longitude of the city frame's origin.

    The map frame is the city frame, whose coordinates reach thousands of metres. Instants are those
    of the annotated sweeps. Row `ego` is the recording vehicle. Velocities are slopes over the last
    three steps, so they know nothing of the future; a track begins with its second box, the first
    that has a velocity. Raises DataError naming the file and the field, or saying that pyarrow is
    missing.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f'{folder} is not a folder; an Argoverse 2 log is one')
    boxes_file = _one_of(folder, 'annotations.feather', 'annotations_with_ego.feather')
    pose_file = _one_of(folder, 'city_SE3_egovehicle.feather')
    map_file = _map_file(folder)
    boxes = _table(
        boxes_file,
        (*_POSE, 'timestamp_ns', 'track_uuid', 'category', 'length_m', 'width_m', 'height_m'),
    )
    poses = _table(pose_file, ('timestamp_ns', *_POSE))
    recording = _recording(folder.name, boxes, boxes_file, poses, pose_file)
    return recording, read_vector_map(map_file), city_origin(map_file)


def _recording(
    name: str, boxes: dict[str, Any], boxes_file: Path, poses: dict[str, Any], pose_file: Path
) -> Recording:
    category = np.asarray(boxes['category'], dtype=object)
    unknown = sorted(set(category) - set(_CLASSES) - set(_LEFT_OUT))
    if unknown:
        raise DataError(f'{boxes_file}: category {unknown[0]!r} is unknown')
    stamp_ns = np.unique(boxes['timestamp_ns']).astype(np.int64)
    if len(stamp_ns) < 2:
        raise DataError(f'{boxes_file}: at least two annotated instants are needed')
    rotation, translation = _ego_poses(poses, pose_file, stamp_ns)

    kept = np.isin(category, list(_CLASSES))
    ids, row = np.unique(np.asarray(boxes['track_uuid'], dtype=str)[kept], return_inverse=True)
    column = np.searchsorted(stamp_ns, boxes['timestamp_ns'][kept])
    n, t = len(ids) + 1, len(stamp_ns)
    position, valid = np.zeros((n, t, 3)), np.zeros((n, t), dtype=bool)
    quaternion = np.zeros((n, t, 4))
    quaternion[..., 3] = 1.0
    size, label = np.zeros((n, 3)), np.zeros(n, dtype=np.int8)

    place = _stacked(boxes, ('tx_m', 'ty_m', 'tz_m'))[kept]
    position[1 + row, column] = (
        np.einsum('kij,kj->ki', _matrices(rotation)[column], place) + translation[column]
    )
    own = _stacked(boxes, ('qx', 'qy', 'qz', 'qw'))[kept]
    quaternion[1 + row, column] = _product(rotation[column], own)
    valid[1 + row, column] = True
    size[1 + row] = _stacked(boxes, ('length_m', 'width_m', 'height_m'))[kept]
    label[1 + row] = [_CLASSES[c] for c in category[kept]]
    if np.any(size[1:] <= 0.0):
        raise DataError(f'{boxes_file}: length_m, width_m and height_m must be positive')

    position[0] = np.einsum('kij,j->ki', _matrices(rotation), np.array(EGO_CENTRE_M)) + translation
    quaternion[0], valid[0] = rotation, True
    size[0], label[0] = EGO_SIZE_M, ObjectClass.CAR
    velocity, known = trailing_velocity(position, valid, stamp_ns, GAP_NS)
    valid &= known
    # At the first instant nobody has a velocity yet, and a single box never gets one.
    rows, instants = np.ix_(np.flatnonzero(valid.any(axis=1)), np.arange(1, t))
    n, t = len(rows), t - 1
    return Recording(
        name=name,
        stamp_ns=stamp_ns[1:],
        track_id=tuple([EGO, *ids.tolist()][k] for k in rows[:, 0]),
        label=label[rows[:, 0]],
        size_m=size[rows[:, 0]],
        position_m=position[rows, instants],
        yaw_rad=wrap_angle(yaw_from_quaternion(quaternion[rows, instants])),
        velocity_mps=velocity[rows, instants],
        valid=valid[rows, instants],
        attributes=np.zeros((n, t, ATTRIBUTE_COUNT)),
        has_attribute=np.zeros((n, t, ATTRIBUTE_COUNT), dtype=bool),
        ego=0,
        lights=(LightStates.none(),) * t,
    )


def _ego_poses(
    poses: dict[str, Any], file: Path, stamp_ns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Quaternions (T, 4) and translations (T, 3) of the vehicle at the given instants."""
    known_ns = poses['timestamp_ns'].astype(np.int64)
    order = np.argsort(known_ns, kind='stable')
    known_ns = known_ns[order]
    if not len(known_ns) or known_ns[0] > stamp_ns[0] or known_ns[-1] < stamp_ns[-1]:
        raise DataError(f'{file}: the poses do not cover the annotated time')
    after = np.clip(np.searchsorted(known_ns, stamp_ns), 1, len(known_ns) - 1)
    span_ns = known_ns[after] - known_ns[after - 1]
    share = ((stamp_ns - known_ns[after - 1]) / np.maximum(span_ns, 1))[:, None]
    place = _stacked(poses, ('tx_m', 'ty_m', 'tz_m'))[order]
    turn = _stacked(poses, ('qx', 'qy', 'qz', 'qw'))[order]
    # Poses are a few milliseconds apart: a normalised mean is the interpolation.
    first, second = turn[after - 1], turn[after]
    second = np.where(np.sum(first * second, axis=1, keepdims=True) < 0.0, -second, second)
    mean = (1.0 - share) * first + share * second
    return (
        mean / np.linalg.norm(mean, axis=1, keepdims=True),
        (1.0 - share) * place[after - 1] + share * place[after],
    )


def _matrices(quaternion: np.ndarray) -> np.ndarray:
    """(K, 4) unit quaternions x, y, z, w to (K, 3, 3)."""
    x, y, z, w = quaternion.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(K, 4) a then b in the frame of a: the rotations composed."""
    ax, ay, az, aw = a.T
    bx, by, bz, bw = b.T
    return np.stack(
        [
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ],
        axis=-1,
    )


def _stacked(table: dict[str, Any], names: tuple[str, ...]) -> np.ndarray:
    return np.stack([np.asarray(table[name], dtype=np.float64) for name in names], axis=-1)


def _table(file: Path, columns: tuple[str, ...]) -> dict[str, Any]:
    """The columns of a feather file as arrays. Raises DataError."""
    try:
        from pyarrow import ArrowException, feather
    except ImportError as problem:
        raise DataError(
            'reading Argoverse 2 logs needs pyarrow, which is not installed: pip install pyarrow'
        ) from problem
    try:
        table = feather.read_table(str(file))
    except (OSError, ArrowException, ValueError) as problem:
        raise DataError(f'{file} is not a feather file: {problem}') from problem
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise DataError(f'{file}: column {missing[0]} is missing')
    out = {name: table[name].to_numpy() for name in columns}
    for name, values in out.items():
        if values.dtype.kind == 'f' and not np.isfinite(values).all():
            raise DataError(f'{file}: column {name} must be finite')
        if name == 'timestamp_ns' and values.dtype.kind not in 'iu':
            raise DataError(f'{file}: column {name} must hold integers')
    return out


def _one_of(folder: Path, *names: str) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f'{folder} holds no {" or ".join(names)}')


def _map_file(folder: Path) -> Path:
    found = sorted((folder / 'map').glob('log_map_archive_*.json'))
    if not found:
        raise DataError(f'{folder / "map"} holds no log_map_archive_*.json')
    return found[0]
