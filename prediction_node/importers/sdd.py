"""Stanford Drone: pedestrians, cyclists and others on a campus, boxes in pixels at 30 Hz.

Format: "Learning Social Etiquette: Human Trajectory Understanding in Crowded Scenes" (2016), lines
of `track xmin ymin xmax ymax frame lost occluded generated "label"`. Metres per pixel come from
`estimated_scales.yaml` at the root of the collection.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.recording import Recording
from prediction_node.domain.stamps import STEP_NS
from prediction_node.importers.csv_table import whole_numbers
from prediction_node.importers.point_tracks import recording_of_points

SCALES = 'estimated_scales.yaml'
EVERY = 3  # frames of 30 Hz: 10 Hz
MAX_FRAMES = 1_000_000
_CLASSES = {
    'Pedestrian': ObjectClass.PEDESTRIAN,
    'Skater': ObjectClass.PEDESTRIAN,
    'Biker': ObjectClass.BICYCLE,
    'Car': ObjectClass.CAR,
    'Cart': ObjectClass.CAR,
    'Bus': ObjectClass.BUS,
}
_TRACK, _FRAME, _LOST = 0, 5, 6


def read_sdd(path: Path | str) -> Recording:
    """The road users of one `annotations.txt`, with y upwards, in metres from the picture's corner.

    Boxes count as their middles; lost ones are left out. Boxes between key frames are interpolated
    by the annotators' tool (the column `generated`), so they know of the next key frame: nothing
    can be done about it but to say so. Raises DataError naming the file and the line, or the scale
    that is missing.
    """
    path = Path(path)
    scale = scale_of(path)
    values, label = _read(path)
    track, frame, lost = (
        whole_numbers(path, name, values[:, column])
        for name, column in (('track', _TRACK), ('frame', _FRAME), ('lost', _LOST))
    )
    if len(frame) and not 0 <= frame.min() <= frame.max() <= MAX_FRAMES:
        raise DataError(f'{path}: frame must lie in [0, {MAX_FRAMES}]')
    used = (frame % EVERY == 0) & (lost == 0)
    track, frame, label, values = track[used], frame[used], label[used], values[used]
    if not len(track):
        raise DataError(f'{path} holds no box that is not lost')
    ids, first, row = np.unique(track, return_index=True, return_inverse=True)
    begin = int(frame.min()) // EVERY
    column = frame // EVERY - begin
    count = int(column.max()) + 1
    position = np.zeros((len(ids), count, 2))
    valid = np.zeros((len(ids), count), bool)
    middle = 0.5 * (values[:, 1:3] + values[:, 3:5]) * scale
    position[row, column] = middle * (1.0, -1.0)
    valid[row, column] = True
    return recording_of_points(
        f'{path.parent.parent.name}_{path.parent.name}',
        [str(i) for i in ids],
        label[first],
        (begin + np.arange(count, dtype=np.int64)) * STEP_NS,
        position,
        valid,
    )


def scale_of(path: Path) -> float:
    """Metres per pixel of the video in whose folder `path` lies. Raises DataError."""
    video, scene = path.resolve().parent.name, path.resolve().parent.parent.name
    for folder in path.resolve().parents:
        file = folder / SCALES
        if file.is_file():
            break
    else:
        raise DataError(f'{path}: no {SCALES} in any folder above it')
    try:
        scale = float(yaml.safe_load(file.read_text(encoding='utf-8'))[scene][video]['scale'])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as problem:
        raise DataError(f'{file} has no scale of {scene}/{video}: {problem!r}') from problem
    if not 1e-4 < scale < 1.0:
        raise DataError(f'{file}: scale of {scene}/{video} must lie in (0.0001, 1), got {scale}')
    return scale


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(K, 9) numbers and (K,) classes."""
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f'{path} cannot be read: {problem}') from problem
    values = np.zeros((len(lines), 9))
    label = np.zeros(len(lines), np.int64)
    for k, line in enumerate(lines):
        parts = line.split()
        if len(parts) != 10:
            raise DataError(f'{path}, line {k + 1}: 10 values expected, got {len(parts)}')
        name = parts[9].strip('"')
        if name not in _CLASSES:
            known = ', '.join(_CLASSES)
            raise DataError(f'{path}, line {k + 1}: label must be one of {known}, got {name!r}')
        try:
            values[k] = [float(v) for v in parts[:9]]
        except ValueError as problem:
            raise DataError(f'{path}, line {k + 1}: {problem}') from problem
        label[k] = _CLASSES[name]
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise DataError(f'{path}, line {bad[0] + 1}: numbers must be finite')
    return values, label
