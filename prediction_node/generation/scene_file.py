"""One scene for learning in one file: what really happened, who could see it, and the map.

An .npz archive (numpy.load reads it) without pickles: every entry has a fixed type, below. Only
instants at which a road user is there are stored, track by track. Positions are float32 about an
origin in float64, so they are right to 0.1 mm within a kilometre. The entry `digest` is the BLAKE2b
of all others; a reader refuses a file that differs from it.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import ATTRIBUTE_COUNT
from prediction_node.domain.lights import LightStates
from prediction_node.domain.recording import Recording
from prediction_node.domain.whole_file import whole_file

FORMAT = 1
# Entry: type. Sizes: N tracks, T instants, P instants of tracks that are there, E lamps of all
# instants, V instants of visibility, S sensors, A attributes. Texts are UTF-8, of lists one a line.
ENTRIES: Mapping[str, str] = {
    'format': '<u2',  # ()
    'name': '|u1',  # text
    'stamp_ns': '<i8',  # (T,)
    'track_id': '|u1',  # text of N lines
    'label': '|i1',  # (N,) kinds.ObjectClass
    'size_m': '<f4',  # (N, 3)
    'ego': '<i4',  # (1,) row of the robotaxi, or (0,)
    'valid': '|u1',  # bits of (N, T): who is there
    'origin_m': '<f8',  # (3,)
    'position_m': '<f4',  # (P, 3) from the origin, map axes
    'yaw_rad': '<f4',  # (P,)
    'velocity_mps': '<f4',  # (P, 2)
    'attributes': '<f4',  # (P, A)
    'has_attribute': '|u1',  # bits of (P, A)
    'light_offsets': '<i8',  # (T + 1,) instant i has lamps [i]..[i + 1]
    'light_group_id': '<i8',  # (E,)
    'light_colour': '|i1',  # (E,)
    'light_shape': '|i1',  # (E,)
    'light_confidence': '<f4',  # (E,)
    'light_stamp_ns': '<i8',  # (E,)
    'sensor': '|u1',  # text of S lines
    'view_stamp_ns': '<i8',  # (V,)
    'in_view': '|u1',  # bits of (S, N, V): whom each sensor could report
    'map_osm': '|u1',  # the Lanelet2 map, as in a file
    'conditions': '|u1',  # JSON: weather and other facts about the scene
}
DIGEST = 'digest'
_SMALL_IS_ENOUGH = 1  # zlib level: higher ones take several times as long for a tenth less

# What zipfile and numpy raise on bytes that are not theirs.
_NOT_WHOLE = (
    *(ValueError, KeyError, EOFError, NotImplementedError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)

_T = TypeVar('_T')


@dataclass(frozen=True, slots=True, eq=False)
class LearningScene:
    """What a learner needs of one simulated drive."""

    recording: Recording
    sensors: tuple[str, ...]
    view_stamp_ns: np.ndarray  # (V,) int64
    in_view: np.ndarray  # (S, N, V) bool: the sensor could report the track, dropouts apart
    map_osm: bytes  # as lanelet.load reads it
    conditions: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (len(self.sensors), len(self.recording.track_id), len(self.view_stamp_ns))
        if self.in_view.shape != shape:
            raise ValueError(f'in_view must have shape {shape}, got {self.in_view.shape}')


def write_scene_file(scene: LearningScene, path: Path) -> None:
    """Write all of it or nothing; the same scene gives the same bytes. Raises DataError."""
    entries = {
        name: np.asarray(values, dtype=ENTRIES[name]) for name, values in _entries_of(scene).items()
    }
    entries[DIGEST] = _digest(entries)
    with whole_file(path) as file, zipfile.ZipFile(file, 'w') as archive:
        for name, values in entries.items():
            _add(archive, name, values)


def _add(archive: zipfile.ZipFile, name: str, values: np.ndarray) -> None:
    data = io.BytesIO()
    np.lib.format.write_array(data, values, version=(1, 0), allow_pickle=False)
    # The date of an entry is fixed: it would be the only thing to differ between two runs.
    info = zipfile.ZipInfo(f'{name}.npy', date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data.getvalue(), compresslevel=_SMALL_IS_ENOUGH)


def _entries_of(scene: LearningScene) -> dict[str, Any]:
    recording = scene.recording
    there = recording.valid
    positions = recording.position_m[there]
    origin = np.round(positions[0]) if len(positions) else np.zeros(3)
    lights = recording.lights
    return {
        'format': FORMAT,
        'name': _text(recording.name),
        'stamp_ns': recording.stamp_ns,
        'track_id': _lines(recording.track_id),
        'label': recording.label,
        'size_m': recording.size_m,
        'ego': [] if recording.ego is None else [recording.ego],
        'valid': np.packbits(there),
        'origin_m': origin,
        'position_m': positions - origin,
        'yaw_rad': recording.yaw_rad[there],
        'velocity_mps': recording.velocity_mps[there],
        'attributes': recording.attributes[there],
        'has_attribute': np.packbits(recording.has_attribute[there]),
        'light_offsets': np.concatenate([[0], np.cumsum([len(each) for each in lights])]),
        **{
            f'light_{part}': np.concatenate([getattr(each, part) for each in lights] or [[]])
            for part in ('group_id', 'colour', 'shape', 'confidence', 'stamp_ns')
        },
        'sensor': _lines(scene.sensors),
        'view_stamp_ns': scene.view_stamp_ns,
        'in_view': np.packbits(scene.in_view),
        'map_osm': np.frombuffer(scene.map_osm, np.uint8),
        'conditions': _text(json.dumps(dict(scene.conditions), sort_keys=True)),
    }


def read_scene_file(path: Path) -> LearningScene:
    """Raises DataError naming the file, and what is wrong with it."""
    entries = _read_entries(path)

    def part(name: str, make: Callable[[np.ndarray], _T]) -> _T:
        try:
            return make(entries[name])
        except (ValueError, IndexError, TypeError) as problem:
            raise DataError(f'{path}: entry {name} is malformed: {problem}') from problem

    stamps = entries['stamp_ns']
    ids, sensors = part('track_id', _lines_of), part('sensor', _lines_of)
    n, t = len(ids), len(stamps)
    valid = part('valid', lambda bits: _bits(bits, (n, t)))
    count = int(valid.sum())

    def spread(values: np.ndarray) -> np.ndarray:
        out = np.zeros((n, t, *values.shape[1:]), values.dtype)
        out[valid] = values
        return out

    position = np.zeros((n, t, 3))
    position[valid] = part('position_m', lambda p: p.astype(np.float64) + entries['origin_m'])
    has_attribute = part('has_attribute', lambda bits: _bits(bits, (count, ATTRIBUTE_COUNT)))
    return part(
        'stamp_ns',
        lambda _: LearningScene(
            recording=Recording(
                name=_text_of(entries['name']),
                stamp_ns=stamps,
                track_id=ids,
                label=entries['label'],
                size_m=entries['size_m'].astype(np.float64),
                position_m=position,
                yaw_rad=spread(entries['yaw_rad'].astype(np.float64)),
                velocity_mps=spread(entries['velocity_mps'].astype(np.float64)),
                valid=valid,
                attributes=spread(entries['attributes'].astype(np.float64)),
                has_attribute=spread(has_attribute),
                ego=int(entries['ego'][0]) if len(entries['ego']) else None,
                lights=_lights(entries, t),
            ),
            sensors=sensors,
            view_stamp_ns=entries['view_stamp_ns'],
            in_view=_bits(entries['in_view'], (len(sensors), n, len(entries['view_stamp_ns']))),
            map_osm=entries['map_osm'].tobytes(),
            conditions=json.loads(_text_of(entries['conditions'])),
        ),
    )


def _read_entries(path: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            # Read whole, and so checked, before anything is made of it.
            data = {name.removesuffix('.npy'): archive.read(name) for name in archive.namelist()}
        entries = {
            name: np.lib.format.read_array(io.BytesIO(each), allow_pickle=False)
            for name, each in data.items()
        }
    except OSError as problem:
        raise DataError(f'{path} cannot be read: {problem.strerror or problem}') from problem
    except _NOT_WHOLE as problem:
        raise DataError(f'{path} is no whole scene file: {problem}') from problem
    missing = {*ENTRIES, DIGEST} - set(entries)
    if missing:
        raise DataError(f'{path} is no scene file: {", ".join(sorted(missing))} missing')
    if int(entries['format']) != FORMAT:
        raise DataError(f'{path} has format {int(entries["format"])}; this version reads {FORMAT}')
    for name, kind in ENTRIES.items():
        if entries[name].dtype != np.dtype(kind):
            raise DataError(f'{path}: entry {name} must be {kind}, got {entries[name].dtype.str}')
    stored = entries.pop(DIGEST)
    if not np.array_equal(stored, _digest(entries)):
        raise DataError(f'{path} is damaged: its digest does not match what it holds')
    return entries


def _digest(entries: Mapping[str, np.ndarray]) -> np.ndarray:
    """(32,) uint8 over names, types, shapes and bytes of all entries."""
    digest = hashlib.blake2b(digest_size=32)
    for name in sorted(entries):
        values = entries[name]
        digest.update(f'{name} {values.dtype.str} {values.shape}\n'.encode())
        digest.update(np.ascontiguousarray(values).data)
    return np.frombuffer(digest.digest(), np.uint8)


def _lights(entries: Mapping[str, np.ndarray], count: int) -> tuple[LightStates, ...]:
    offsets = entries['light_offsets']
    if len(offsets) != count + 1:
        raise ValueError(f'light_offsets must have {count + 1} values, got {len(offsets)}')
    parts = [
        entries['light_group_id'],
        entries['light_colour'],
        entries['light_shape'],
        entries['light_confidence'].astype(np.float64),
        entries['light_stamp_ns'],
    ]
    return tuple(
        LightStates(*(values[a:b] for values in parts))
        for a, b in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    )


def _bits(packed: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    count = int(np.prod(shape))
    return np.unpackbits(packed, count=count).astype(bool).reshape(shape)


def _text(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8)


def _text_of(values: np.ndarray) -> str:
    return values.tobytes().decode()


def _lines(texts: tuple[str, ...]) -> np.ndarray:
    return _text('\n'.join(texts))


def _lines_of(values: np.ndarray) -> tuple[str, ...]:
    return tuple(_text_of(values).split('\n')) if len(values) else ()
