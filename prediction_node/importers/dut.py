"""DUT: pedestrians and cars sharing space on a campus, seen from a drone at 24 Hz.

Format: `vci-dut` trajectories, "Top-view Trajectories: A Pedestrian Dataset of Vehicle-Crowd
Interaction from Controlled Experiments and Crowded Campus" (2019). One file of filtered states for
pedestrians and one for vehicles of every clip; either may be missing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.recording import Recording
from prediction_node.domain.stamps import NS_PER_S
from prediction_node.importers.csv_table import read_csv, whole_numbers
from prediction_node.importers.point_tracks import recording_of_points

FRAMES_PER_S = 24
EVERY = 2  # frames: 12 Hz; instants between frames would have to look at the next one
ENDINGS = {'veh': '_traj_veh_filtered.csv', 'ped': '_traj_ped_filtered.csv'}
_CLASSES = {'veh': ObjectClass.CAR, 'ped': ObjectClass.PEDESTRIAN}
MAX_FRAMES = 1_000_000


def read_dut(path: Path | str) -> Recording:
    """The clip that the file (of either kind) belongs to. The origin is that of the clip's map.

    Of the published states positions and the headings of vehicles are used. Raises DataError naming
    file, line and column.
    """
    path = Path(path)
    ending = next((e for e in ENDINGS.values() if path.name.endswith(e)), None)
    if ending is None:
        raise DataError(f'{path}: a file of DUT ends in {" or ".join(ENDINGS.values())}')
    clip = path.name[: -len(ending)]
    files = {kind: path.with_name(clip + each) for kind, each in ENDINGS.items()}
    parts = [_read(file, kind) for kind, file in files.items() if file.exists()]
    if not parts:
        raise DataError(f'{path} does not exist')
    last = max((int(frame.max()) for _, _, frame, _, _ in parts if len(frame)), default=0)
    if last > MAX_FRAMES:
        raise DataError(f'{path}: frame must be at most {MAX_FRAMES}, got {last}')
    names = sorted({(kind, int(i)) for kind, ids, *_ in parts for i in np.unique(ids)})
    row_of = {name: k for k, name in enumerate(names)}
    count = last // EVERY + 1
    position, yaw = np.zeros((len(names), count, 2)), np.zeros((len(names), count))
    valid = np.zeros((len(names), count), bool)
    for kind, ids, frame, xy, heading in parts:
        used = frame % EVERY == 0
        rows = np.array([row_of[kind, int(i)] for i in ids[used]], np.int64)
        at = (rows, frame[used] // EVERY)
        position[at], yaw[at], valid[at] = xy[used], heading[used], True
    label = np.array([_CLASSES[kind] for kind, _ in names], np.int64)
    stamp_ns = np.arange(count, dtype=np.int64) * EVERY * NS_PER_S // FRAMES_PER_S
    recording = recording_of_points(
        clip, [f'{kind}_{i}' for kind, i in names], label, stamp_ns, position, valid
    )
    # Cars are filtered with a bicycle model, which knows where they head even while they stand.
    of_row = {f'{kind}_{i}': row for (kind, i), row in row_of.items()}
    for k, track_id in enumerate(recording.track_id):
        if track_id.startswith('veh'):
            recording.yaw_rad[k] = yaw[of_row[track_id]]
    return recording


_Part = tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _read(file: Path, kind: str) -> _Part:
    """Kind, id (K,), frame (K,), position (K, 2) and heading (K,)."""
    numbers = ['id', 'frame', 'x_est', 'y_est', *(['psi_est'] if kind == 'veh' else [])]
    table = read_csv(file, numbers)
    frame = whole_numbers(file, 'frame', table['frame'])
    if len(frame) and frame.min() < 0:
        raise DataError(f'{file}: frame must not be negative, got {frame.min()}')
    return (
        kind,
        whole_numbers(file, 'id', table['id']),
        frame,
        np.column_stack([table['x_est'], table['y_est']]),
        table.get('psi_est', np.zeros(len(frame))),
    )
