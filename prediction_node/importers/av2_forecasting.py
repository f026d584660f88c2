"""Argoverse 2 motion forecasting: scenarios of 11 s at 10 Hz with their vector maps.

Format: Argoverse 2 user guide, motion forecasting data set: one parquet table of object states and
one map archive a scenario.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.recording import Recording
from prediction_node.domain.stamps import STEP_NS
from prediction_node.importers.av2_map import read_vector_map
from prediction_node.importers.point_tracks import recording_of_points

EGO = 'AV'
MAX_STEPS = 10_000
_CLASSES = {
    'vehicle': ObjectClass.CAR,
    'bus': ObjectClass.BUS,
    'motorcyclist': ObjectClass.MOTORCYCLE,
    'cyclist': ObjectClass.BICYCLE,
    'pedestrian': ObjectClass.PEDESTRIAN,
    'unknown': ObjectClass.UNKNOWN,
}
# No road users: things that stand, and what the detector saw for no reason.
_LEFT_OUT = ('static', 'background', 'construction', 'riderless_bicycle')
_COLUMNS = ('track_id', 'object_type', 'timestep', 'position_x', 'position_y', 'heading')


def read_av2_scenario(folder: Path | str) -> tuple[Recording, LaneMap]:
    """Recording and map of a scenario's folder. The map frame is the city's.

    Row `ego` is the recording vehicle. Published velocities are those of a smoother, so velocities
    are slopes over the last three steps instead; headings are the published ones. Boxes are those
    usual for the class: the format has none. Raises DataError naming the file and the field, or
    saying that pyarrow is missing.
    """
    folder = Path(folder)
    file, map_file = _one(folder, 'scenario_*.parquet'), _one(folder, 'log_map_archive_*.json')
    table = _table(file)
    kinds = table['object_type'].astype(str)
    unknown = sorted(set(kinds) - set(_CLASSES) - set(_LEFT_OUT))
    if unknown:
        raise DataError(f'{file}: object_type {str(unknown[0])!r} is unknown')
    used = np.isin(kinds, list(_CLASSES))
    ids, first, row = np.unique(
        table['track_id'].astype(str)[used], return_index=True, return_inverse=True
    )
    step = table['timestep'][used].astype(np.int64)
    if not len(step) or step.min() < 0 or step.max() >= MAX_STEPS:
        raise DataError(f'{file}: timestep must lie in [0, {MAX_STEPS}) and not be empty')
    if EGO not in ids:
        raise DataError(f'{file}: no track {EGO}, the recording vehicle')
    count = int(step.max()) + 1
    position, yaw = np.zeros((len(ids), count, 2)), np.zeros((len(ids), count))
    valid = np.zeros((len(ids), count), bool)
    position[row, step] = np.column_stack([table['position_x'], table['position_y']])[used]
    yaw[row, step] = table['heading'][used]
    valid[row, step] = True
    label = np.array([_CLASSES[kind] for kind in kinds[used][first]], np.int64)
    recording = recording_of_points(
        folder.name,
        ids.tolist(),
        label,
        np.arange(count, dtype=np.int64) * STEP_NS,
        position,
        valid,
        yaw,
    )
    if EGO not in recording.track_id:
        raise DataError(f'{file}: track {EGO} is there for one instant only')
    ego = recording.track_id.index(EGO)
    return dataclasses.replace(recording, ego=ego), read_vector_map(map_file)


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise DataError(f'{folder} holds no {pattern}')
    return found[0]


def _table(file: Path) -> dict[str, Any]:
    """The columns of a parquet file as arrays. Raises DataError."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as problem:
        raise DataError(
            'reading Argoverse 2 scenarios needs pyarrow, which is not installed: '
            'pip install pyarrow'
        ) from problem
    try:
        table = parquet.read_table(str(file))
    except (OSError, ArrowException, ValueError) as problem:
        raise DataError(f'{file} is no parquet file: {problem}') from problem
    missing = [name for name in _COLUMNS if name not in table.column_names]
    if missing:
        raise DataError(f'{file}: column {missing[0]} is missing')
    out = {name: np.asarray(table[name].to_numpy()) for name in _COLUMNS}
    for name in ('position_x', 'position_y', 'heading', 'timestep'):
        if out[name].dtype.kind not in 'fiu' or not np.isfinite(out[name]).all():
            raise DataError(f'{file}: column {name} must hold finite numbers')
    return out
