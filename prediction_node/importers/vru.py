"""VRU: cyclists and pedestrians at an intersection, one trajectory a file.

Format: "VRU Trajectory Dataset", University of Applied Sciences Aschaffenburg: columns timestamp
(s, from the beginning of the trajectory), x and y (m), in folders `cyclists` and `pedestrians` and
below them by kind of motion.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.recording import Recording
from prediction_node.domain.stamps import NS_PER_S
from prediction_node.importers.csv_table import read_csv
from prediction_node.importers.point_tracks import recording_of_points

CLASSES = {'cyclists': ObjectClass.BICYCLE, 'pedestrians': ObjectClass.PEDESTRIAN}
COLUMNS = ('timestamp', 'x', 'y')
# Cyclists come at 12.5 Hz and pedestrians at 50 Hz, of which every fourth instant is enough.
_MIN_STEP_S = 0.075


def is_vru_folder(path: Path) -> bool:
    """Does the folder hold trajectories, one a file?"""
    return class_of(path) is not None and any(path.glob('*.csv'))


def class_of(path: Path) -> ObjectClass | None:
    """Who is in the files of a folder: its name or its parent's tells."""
    for name in (path.name, path.parent.name):
        if name in CLASSES:
            return CLASSES[name]
    return None


def read_vru_folder(folder: Path | str) -> tuple[list[Recording], list[str]]:
    """The trajectories of a folder, each a recording of one road user, in the order of their names,
    and why others are left out: two of the published files have no times.

    Raises DataError if the folder's name tells no class, or if none of its files can be read.
    """
    folder = Path(folder)
    label = class_of(folder)
    if label is None:
        raise DataError(f'{folder}: neither it nor its parent is called {" or ".join(CLASSES)}')
    recordings, left_out = [], []
    for file in sorted(folder.glob('*.csv')):
        try:
            recordings.append(read_vru_track(file, label))
        except DataError as problem:
            left_out.append(str(problem))
    if not recordings:
        raise DataError(f'{folder}: {left_out[0] if left_out else "no .csv file in it"}')
    return recordings, left_out


def read_vru_track(file: Path, label: ObjectClass) -> Recording:
    """One trajectory. Raises DataError naming the file, and the column or the line."""
    table = read_csv(file, COLUMNS)
    time_s = table['timestamp']
    if len(time_s) < 2:
        raise DataError(f'{file}: at least two instants are needed')
    backward = np.flatnonzero(np.diff(time_s) <= 0.0)
    if len(backward):
        raise DataError(f'{file}, line {backward[0] + 3}: timestamp must increase')
    stamp_ns = np.round(time_s * NS_PER_S).astype(np.int64)
    kept, last_s = [], -np.inf
    for k, now_s in enumerate(time_s.tolist()):
        if now_s - last_s >= _MIN_STEP_S:
            kept.append(k)
            last_s = now_s
    position = np.column_stack([table['x'], table['y']])[kept]
    return recording_of_points(
        f'{file.parent.name}_{file.stem}',
        [f'{file.parent.parent.name}_{file.parent.name}_{file.stem}'],
        np.array([label], np.int64),
        stamp_ns[kept],
        position[None],
        np.ones((1, len(kept)), bool),
    )
