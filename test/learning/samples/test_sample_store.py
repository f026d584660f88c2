"""Samples come back as they were written, or a typed error names the file that is damaged."""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.config import Config
from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.errors import DataError
from prediction_node.domain.frames import Transform
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.lights import LightStates
from prediction_node.domain.scene import History, Scene
from prediction_node.learning.samples import Sample, SampleStore, SampleWriter, write_index
from prediction_node.learning.samples.archive import pack, unpack
from prediction_node.learning.samples.map_arrays import map_from_arrays, map_to_arrays
from prediction_node.map_source import map_from_file

SAMPLES = Path(__file__).resolve().parents[3] / 'samples'
FAR_M = np.array([4_500_000.25, 7_000_000.5, 120.0])


@pytest.fixture(scope='module')
def lane_map() -> LaneMap:
    return map_from_file(SAMPLES / 'lankershim' / 'map.osm', Config().map)


def history(rng: np.random.Generator, n: int, centre: np.ndarray) -> History:
    valid = rng.random((n, 31)) < 0.8
    return History(
        position_m=np.where(valid[..., None], centre[:2] + rng.uniform(-80, 80, (n, 31, 2)), 0.0),
        yaw_rad=np.where(valid, rng.uniform(-3, 3, (n, 31)), 0.0),
        velocity_mps=np.where(valid[..., None], rng.normal(size=(n, 31, 2)), 0.0),
        valid=valid,
    )


def make_sample(
    agents_of: Callable[..., Agents], seed: int = 0, n: int = 5, **changes: Any
) -> Sample:
    """A sample full of everything, far from the origin of its map."""
    rng = np.random.default_rng(seed)
    stamp_ns = 1_700_000_000_123_456_789 + seed
    agents = agents_of(n, stamp_ns=stamp_ns, seed=seed)
    agents = dataclasses.replace(
        agents,
        position_m=agents.position_m + FAR_M,
        attributes=rng.random(agents.attributes.shape),
        has_attribute=rng.random(agents.attributes.shape) < 0.5,
        modality_age_s=np.where(rng.random((n, 4)) < 0.3, np.inf, rng.random((n, 4))),
    )
    future_valid = np.logical_and.accumulate(rng.random((n, 80)) < 0.98, axis=1)
    ego_valid = np.arange(80) < 60
    ego_future = np.column_stack(
        [FAR_M[:2] + rng.uniform(-50, 50, (80, 2)), rng.uniform(-3, 3, 80), rng.uniform(0, 9, 80)]
    )
    values: dict[str, Any] = {
        'scene': Scene(
            stamp_ns=stamp_ns,
            agents=agents,
            history=history(rng, n, FAR_M),
            ego=Ego(
                stamp_ns=stamp_ns,
                map_from_base=Transform.from_xyz_yaw(FAR_M + rng.uniform(-9, 9, 3), 0.7),
                velocity_mps=rng.normal(size=2),
                yaw_rate_radps=0.1,
                size_m=np.array([4.9, 1.9, 1.7]),
                centre_offset_m=1.4,
            ),
            lane_map=None,
            lights=LightStates(
                group_id=np.array([2**40, 7], np.int64),
                colour=np.array([1, 3], np.int8),
                shape=np.array([1, 2], np.int8),
                confidence=np.array([0.5, 0.9]),
                stamp_ns=np.array([stamp_ns - 5, stamp_ns], np.int64),
            ),
            ego_history=history(rng, 1, FAR_M),
        ),
        'label': rng.integers(0, 9, n).astype(np.int8),
        'future_m': np.where(
            future_valid[..., None], FAR_M[:2] + rng.uniform(-150, 150, (n, 80, 2)), 0.0
        ),
        'future_yaw_rad': np.where(future_valid, rng.uniform(-3, 3, (n, 80)), 0.0),
        'future_valid': future_valid,
        'ego_future': np.where(ego_valid[:, None], ego_future, 0.0),
        'ego_future_valid': ego_valid,
        'recording': 'drive',
        'group': 'monday',
        'origin': 'recorded',
    }
    values.update(changes)
    return Sample(**values)


def same(a: Any, b: Any, where: str = 'sample') -> None:
    """Equal to float32 about an origin; integers, masks and texts exactly."""
    if isinstance(a, LaneMap):
        return
    if dataclasses.is_dataclass(a):
        for field in dataclasses.fields(a):
            same(getattr(a, field.name), getattr(b, field.name), f'{where}.{field.name}')
    elif isinstance(a, np.ndarray) and a.dtype.kind == 'f':
        np.testing.assert_allclose(b, a, rtol=1e-6, atol=2e-5, err_msg=where)
    elif isinstance(a, np.ndarray):
        np.testing.assert_array_equal(b, a, err_msg=where)
        assert b.dtype == a.dtype, where
    elif isinstance(a, float):
        assert b == pytest.approx(a), where
    else:
        assert a == b, where


def write(folder: Path, samples: list[Sample], name: str = 'drive', **settings: Any) -> None:
    with SampleWriter(folder, name, group='monday', origin='recorded', **settings) as writer:
        for sample in samples:
            writer.add(sample)
    write_index(folder)


def test_samples_come_back_as_they_were(agents_of: Any, tmp_path: Path) -> None:
    samples = [make_sample(agents_of, seed, n) for seed, n in enumerate((5, 0, 64, 1))]
    write(tmp_path, samples)
    store = SampleStore(tmp_path)
    assert len(store) == 4
    for i in (3, 0, 2, 1):
        same(samples[i], store[i])
    same(samples[3], store[-1])
    assert [len(s.label) for s in store[1:3]] == [0, 64]
    with pytest.raises(IndexError, match='sample 4 of 4'):
        store[4]


def test_nobody_at_the_wheel_and_no_past_come_back(agents_of: Any, tmp_path: Path) -> None:
    sample = make_sample(agents_of)
    scene = dataclasses.replace(
        sample.scene,
        ego=dataclasses.replace(sample.scene.ego, present=False),
        ego_history=None,
        lights=LightStates.none(),
    )
    write(tmp_path, [dataclasses.replace(sample, scene=scene)])
    found = SampleStore(tmp_path)[0].scene
    assert found.ego.present is False
    assert found.ego_history is None
    assert len(found.lights) == 0


def test_maps_are_stored_once_and_shared(agents_of: Any, tmp_path: Path, lane_map: LaneMap) -> None:
    sample = make_sample(agents_of)
    mapped = dataclasses.replace(sample, scene=dataclasses.replace(sample.scene, lane_map=lane_map))
    write(tmp_path, [mapped, sample, mapped])
    write(tmp_path, [mapped], 'another')
    assert len(list((tmp_path / 'maps').iterdir())) == 1
    store = SampleStore(tmp_path, maps=1)
    found = [each.scene.lane_map for each in store]
    assert found[2] is None
    assert found[0] is found[1]
    assert found[0] is found[3]


def test_a_map_comes_back_bit_for_bit(lane_map: LaneMap) -> None:
    back = map_from_arrays(unpack(pack(map_to_arrays(lane_map), compressed=True)))

    def compare(a: Any, b: Any, where: str) -> None:
        if dataclasses.is_dataclass(a):
            for field in dataclasses.fields(a):
                compare(getattr(a, field.name), getattr(b, field.name), f'{where}.{field.name}')
        elif isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b, err_msg=where)
            assert a.dtype == b.dtype, where
        elif isinstance(a, (tuple, list)):
            assert len(a) == len(b), where
            for k, pair in enumerate(zip(a, b, strict=True)):
                compare(*pair, f'{where}[{k}]')
        elif isinstance(a, dict):
            assert a.keys() == b.keys(), where
            for key in a:
                compare(a[key], b[key], f'{where}[{key}]')
        else:
            assert a == b, where

    assert len(lane_map.rules)
    compare(lane_map, back, 'map')


def test_shards_are_tar_files_that_others_read(agents_of: Any, tmp_path: Path) -> None:
    samples = [make_sample(agents_of, seed) for seed in range(6)]
    write(tmp_path, samples, 'a.drive of 2024', shard_bytes=20_000)
    files = sorted(tmp_path.glob('*.tar'))
    assert len(files) > 1
    keys = []
    for file in files:
        with tarfile.open(file) as shard:
            for member in shard.getmembers():
                data = shard.extractfile(member)
                assert data is not None
                with np.load(io.BytesIO(data.read())) as arrays:
                    k = len(keys)
                    assert int(arrays['stamp_ns']) == samples[k].scene.stamp_ns
                keys.append(member.name)
    assert keys == [f'a_drive_of_2024_{k:06d}.npz' for k in range(6)]
    assert len(SampleStore(tmp_path)) == 6


def test_equal_samples_make_equal_files(agents_of: Any, tmp_path: Path) -> None:
    for name in ('one', 'two'):
        write(tmp_path / name, [make_sample(agents_of, seed) for seed in range(3)])
    one, two = (SampleStore(tmp_path / name) for name in ('one', 'two'))
    assert one.digest == two.digest
    assert (tmp_path / 'one' / 'drive-000.tar').read_bytes() == (
        tmp_path / 'two' / 'drive-000.tar'
    ).read_bytes()
    write(tmp_path / 'two', [make_sample(agents_of, 9)], 'more')
    assert SampleStore(tmp_path / 'two').digest != one.digest


def test_the_index_tells_what_is_there(agents_of: Any, tmp_path: Path) -> None:
    whole = make_sample(
        agents_of, future_valid=np.ones((5, 80), bool), label=np.full(5, 7, np.int8)
    )
    write(tmp_path, [whole, whole])
    with SampleWriter(tmp_path, 'city', group='city-1', origin='simulated') as writer:
        writer.add(make_sample(agents_of, 3, future_valid=np.zeros((5, 80), bool)))
    write_index(tmp_path, {'city': 'tuesday'})
    store = SampleStore(tmp_path)
    assert store.recording == ['city', 'drive', 'drive']
    assert store.group == ['tuesday', 'monday', 'monday']
    assert store.origin == ['simulated', 'recorded', 'recorded']
    assert store[0].group == 'tuesday'
    assert dict(store.recordings[1].agents) == {'pedestrian': 10}
    assert dict(store.recordings[0].agents) == {}
    store.verify()


def test_a_store_goes_to_other_processes(agents_of: Any, tmp_path: Path) -> None:
    sample = make_sample(agents_of)
    write(tmp_path, [sample])
    store = SampleStore(tmp_path)
    same(sample, store[0])
    same(sample, pickle.loads(pickle.dumps(store))[0])
    store.close()
    same(sample, store[0])


def test_a_flipped_bit_is_named(agents_of: Any, tmp_path: Path) -> None:
    write(tmp_path, [make_sample(agents_of, seed) for seed in range(3)])
    shard = tmp_path / 'drive-000.tar'
    data = bytearray(shard.read_bytes())
    entry = json.loads((tmp_path / 'index.json').read_text())['recordings'][0]['shards'][0]
    data[entry['offset'][1] + entry['size'][1] // 2] ^= 4
    shard.write_bytes(data)
    store = SampleStore(tmp_path)
    assert store[0].recording == store[2].recording == 'drive'
    with pytest.raises(DataError, match=r'drive-000\.tar is damaged'):
        store[1]
    with pytest.raises(DataError, match=r'drive-000\.tar is damaged'):
        store.verify()


def test_a_shard_cut_short_or_missing_is_named(agents_of: Any, tmp_path: Path) -> None:
    write(tmp_path, [make_sample(agents_of, seed) for seed in range(3)])
    shard = tmp_path / 'drive-000.tar'
    shard.write_bytes(shard.read_bytes()[:-20_000])
    with pytest.raises(DataError, match=r'drive-000\.tar is damaged: it ends after'):
        SampleStore(tmp_path)[2]
    shard.unlink()
    with pytest.raises(DataError, match=r'drive-000\.tar cannot be read'):
        SampleStore(tmp_path)[0]
    with pytest.raises(DataError, match=r'drive-000\.tar is missing'):
        SampleStore(tmp_path).verify()


def test_a_damaged_map_is_named(agents_of: Any, tmp_path: Path, lane_map: LaneMap) -> None:
    sample = make_sample(agents_of)
    scene = dataclasses.replace(sample.scene, lane_map=lane_map)
    write(tmp_path, [dataclasses.replace(sample, scene=scene)])
    (file,) = (tmp_path / 'maps').iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match=rf'{file.name} is damaged'):
        SampleStore(tmp_path)[0]
    file.unlink()
    with pytest.raises(DataError, match=rf'{file.name} cannot be read'):
        SampleStore(tmp_path)[0]


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{"format": 1, "recordings": [{"name": 3}]}', 'malformed'),
        ('{"format": 99, "recordings": []}', 'has format 99'),
        ('{"recordings": []}', 'no index'),
        ('{"format": 1}', 'must list recordings'),
        ('{"format"', 'is damaged'),
    ],
)
def test_a_bad_index_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / 'index.json').write_text(content)
    with pytest.raises(DataError, match=rf'index\.json.*{message}'):
        SampleStore(tmp_path)


def test_a_folder_without_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'holds no index\.json'):
        SampleStore(tmp_path)


def test_a_recording_that_fails_leaves_nothing(agents_of: Any, tmp_path: Path) -> None:
    def fail() -> None:
        settings: dict[str, Any] = {'group': 'g', 'origin': 'recorded', 'shard_bytes': 1}
        with SampleWriter(tmp_path, 'drive', **settings) as writer:
            writer.add(make_sample(agents_of, 0))
            writer.add(make_sample(agents_of, 1))
            raise RuntimeError('half way')

    with pytest.raises(RuntimeError, match='half way'):
        fail()
    assert [p for p in tmp_path.iterdir() if p.is_file()] == []


def test_a_shorter_second_run_removes_shards_of_the_first(agents_of: Any, tmp_path: Path) -> None:
    write(tmp_path, [make_sample(agents_of, seed) for seed in range(3)], shard_bytes=1)
    assert len(list(tmp_path.glob('*.tar'))) == 3
    write(tmp_path, [make_sample(agents_of)], shard_bytes=1)
    assert len(list(tmp_path.glob('*.tar'))) == 1


@pytest.mark.parametrize(
    'changes',
    [{'label': np.zeros(4, np.int8)}, {'future_m': np.zeros((5, 79, 2))}, {'origin': 'dreamt'}],
)
def test_a_sample_of_wrong_shapes_is_refused(agents_of: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f'Sample.{next(iter(changes))}'):
        make_sample(agents_of, **changes)
