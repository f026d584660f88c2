"""A scene survives its file; a file that is not whole is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.errors import DataError
from prediction_node.domain.lights import LightStates
from prediction_node.generation.scene_file import (
    ENTRIES,
    LearningScene,
    read_scene_file,
    write_scene_file,
)


@pytest.fixture
def scene(recording_of: Any) -> LearningScene:
    rng = np.random.default_rng(4)
    recording = recording_of(3.0, shift_m=(5.0e6, -4.0e5))
    n, t = recording.valid.shape
    valid = rng.random((n, t)) < 0.8
    has = (rng.random(recording.has_attribute.shape) < 0.3) & valid[..., None]
    lights = tuple(
        LightStates(
            np.arange(k, dtype=np.int64),
            np.full(k, 1, np.int8),
            np.full(k, 2, np.int8),
            np.full(k, 0.5),
            np.full(k, 10 * k, np.int64),
        )
        for k in rng.integers(0, 4, t)
    )
    recording = dataclasses.replace(
        recording,
        valid=valid,
        has_attribute=has,
        attributes=np.where(has, 0.25, 0.0),
        lights=lights,
        track_id=tuple(f'Straße {i}' for i in range(n)),
    )
    stamps = recording.stamp_ns[::5]
    return LearningScene(
        recording=recording,
        sensors=('camera', 'lidar'),
        view_stamp_ns=stamps,
        in_view=rng.random((2, n, len(stamps))) < 0.5,
        map_osm=b'<osm/>',
        conditions={'night': True, 'visibility_m': 80.0},
    )


def test_everything_comes_back(scene: LearningScene, tmp_path: Path) -> None:
    path = tmp_path / 'scene.npz'
    write_scene_file(scene, path)
    read = read_scene_file(path)
    a, b = scene.recording, read.recording
    assert (a.name, a.track_id, a.ego) == (b.name, b.track_id, b.ego)
    for name in ('stamp_ns', 'label', 'valid', 'has_attribute', 'attributes'):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    for name, bound in (('position_m', 1e-5), ('yaw_rad', 3e-7), ('velocity_mps', 2e-6)):
        mine, theirs = getattr(a, name)[a.valid], getattr(b, name)[a.valid]
        np.testing.assert_allclose(mine, theirs, rtol=0.0, atol=bound)
    np.testing.assert_allclose(a.size_m, b.size_m, rtol=1e-6)
    for one, other in zip(a.lights, b.lights, strict=True):
        for name in ('group_id', 'colour', 'shape', 'confidence', 'stamp_ns'):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (read.sensors, read.map_osm, read.conditions) == (
        scene.sensors,
        scene.map_osm,
        scene.conditions,
    )
    np.testing.assert_array_equal(read.view_stamp_ns, scene.view_stamp_ns)
    np.testing.assert_array_equal(read.in_view, scene.in_view)
    assert {path.name for path in tmp_path.iterdir()} == {'scene.npz'}


def test_nobody_drives_and_nobody_is_there(scene: LearningScene, tmp_path: Path) -> None:
    recording = dataclasses.replace(
        scene.recording, ego=None, valid=np.zeros_like(scene.recording.valid)
    )
    write_scene_file(dataclasses.replace(scene, recording=recording), tmp_path / 'scene.npz')
    read = read_scene_file(tmp_path / 'scene.npz').recording
    assert read.ego is None
    assert not read.valid.any()


def test_the_same_scene_gives_the_same_bytes(scene: LearningScene, tmp_path: Path) -> None:
    write_scene_file(scene, tmp_path / 'a.npz')
    write_scene_file(scene, tmp_path / 'b.npz')
    assert (tmp_path / 'a.npz').read_bytes() == (tmp_path / 'b.npz').read_bytes()


def test_numpy_reads_it_with_the_types_declared(scene: LearningScene, tmp_path: Path) -> None:
    write_scene_file(scene, tmp_path / 'scene.npz')
    with np.load(tmp_path / 'scene.npz', allow_pickle=False) as archive:
        types = {name: archive[name].dtype.str for name in archive.files}
    assert types == {**ENTRIES, 'digest': '|u1'}


def rewritten(path: Path, **changes: np.ndarray | None) -> None:
    with np.load(path) as archive:
        entries = {name: archive[name] for name in archive.files}
    entries.update({name: v for name, v in changes.items() if v is not None})
    kept = {k: v for k, v in entries.items() if k not in changes or changes[k] is not None}
    np.savez_compressed(path, **kept)


@pytest.mark.parametrize(
    ('changes', 'sentence'),
    [
        ({'yaw_rad': np.zeros(3, np.float32)}, 'is damaged: its digest does not match'),
        ({'label': None}, 'is no scene file: label missing'),
        ({'format': np.asarray(9, np.uint16)}, 'has format 9; this version reads 1'),
        ({'size_m': np.zeros((7, 3))}, 'entry size_m must be <f4, got <f8'),
    ],
)
def test_wrong_contents_are_named(
    scene: LearningScene, tmp_path: Path, changes: Any, sentence: str
) -> None:
    path = tmp_path / 'scene.npz'
    write_scene_file(scene, path)
    rewritten(path, **changes)
    with pytest.raises(DataError, match=f'scene.npz.*{sentence}'):
        read_scene_file(path)


def test_no_flipped_byte_and_no_cut_is_read_as_something_else(
    scene: LearningScene, tmp_path: Path
) -> None:
    path = tmp_path / 'scene.npz'
    write_scene_file(scene, path)
    whole = path.read_bytes()
    expected = read_scene_file(path)
    rng = np.random.default_rng(0)
    refused = 0
    for at in rng.integers(0, len(whole), 60).tolist():
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            read = read_scene_file(path)
        except DataError:
            refused += 1
        else:  # a byte of the archive that means nothing, such as a date
            np.testing.assert_array_equal(read.recording.yaw_rad, expected.recording.yaw_rad)
            assert read.map_osm == expected.map_osm
        path.write_bytes(whole[:at])
        with pytest.raises(DataError, match=r'scene\.npz'):
            read_scene_file(path)
    assert refused > 40


def test_files_that_are_not_there_or_cannot_be_written(
    scene: LearningScene, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r'absent\.npz cannot be read: No such file'):
        read_scene_file(tmp_path / 'absent.npz')
    with pytest.raises(DataError, match='cannot be written: No such file'):
        write_scene_file(scene, tmp_path / 'absent' / 'scene.npz')


def test_shapes_are_checked_where_a_scene_is_made(scene: LearningScene) -> None:
    with pytest.raises(ValueError, match='in_view must have shape'):
        dataclasses.replace(scene, in_view=np.zeros((1, 2, 3), bool))
