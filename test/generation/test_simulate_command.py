"""`simulate` from end to end, with the real city."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node import cli
from prediction_node.bags.reader import BagReader
from prediction_node.generation.inspection import inspect_bag
from prediction_node.generation.scene_file import read_scene_file
from prediction_node.lanelet.load import load_map
from prediction_node.simulation.scenario import load_scenario
from prediction_node.vehicle.messages import ODOMETRY, SIGNALS, TF_STATIC, TRUTH

pytest.importorskip('libsumo', reason='SUMO is not installed (requirements/simulation.txt)')

SMALL = """
name: small
layout: {columns: [collector, residential], rows: [collector], junctions: [signal, priority]}
demand: {car_per_h: 300.0, pedestrian_per_h: 120.0, parked_share: 0.2}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / 'small.yaml'
    path.write_text(SMALL)
    return path


def simulate(*arguments: object) -> int:
    return cli.main(['simulate', *map(str, arguments)])


def files(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path for path in folder.rglob('*')}
    return {name: path.read_bytes() for name, path in found.items() if path.is_file()}


@pytest.mark.slow
def test_bags_that_replay_reads_without_a_jump_or_an_overlap(
    small: Path, tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / 'out'
    common = ('--scenario', small, '--duration', 6, '--seed', 3, '--count', 2)
    assert simulate(*common, '--jobs', 1, '--out', out, '--check') == 0
    said = capsys.readouterr().out
    assert '2 of 2 scenes written' in said
    assert 'windows rejected (' in said
    assert 'per CPU-second' in said
    assert '2 bags read back: 0 jumps or overlaps' in said
    scene = out / 'scene_000003'
    assert {path.name for path in scene.iterdir()} == {
        'bag',
        'map.osm',
        'scenario.yaml',
        'scene.json',
    }
    with BagReader(scene / 'bag') as bag:
        counts = {topic.name: topic.count for topic in bag.topics}
        assert bag.damage == []
    assert counts[TRUTH] == 61
    assert counts[SIGNALS] == 61
    assert counts[TF_STATIC] == 1
    assert counts[ODOMETRY] > 590
    assert counts['/perception/lidar/tracks'] > 55
    assert inspect_bag(scene / 'bag').classes >= {'car', 'pedestrian'}
    assert len(load_map(scene / 'map.osm')) > 20
    assert load_scenario(str(scene / 'scenario.yaml')) == load_scenario(str(small))
    report = json.loads((scene / 'scene.json').read_text())
    assert report['agents']['car'] >= 1
    assert report['conditions']['name'] == 'small'

    # In one process after another scene, or alone in its own: the same bytes.
    alone = tmp_path / 'alone'
    assert simulate('--scenario', small, '--duration', 6, '--seed', 4, '--out', alone) == 0
    assert files(alone / 'scene_000004') == files(out / 'scene_000004')


@pytest.mark.slow
def test_scenes_to_learn_from(small: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / 'out'
    common = ('--scenario', small, '--duration', 6, '--scenes-only', '--out', out)
    assert simulate(*common) == 0
    scene = read_scene_file(out / 'scene_000000' / 'scene.npz')
    recording = scene.recording
    assert len(recording.stamp_ns) == 61
    assert recording.ego is not None
    assert recording.valid[recording.ego].all()
    assert scene.sensors == ('camera', 'lidar', 'radar', 'thermal')
    assert scene.in_view.any(axis=(1, 2)).all()
    assert not scene.in_view[:, recording.ego].any()
    (tmp_path / 'map.osm').write_bytes(scene.map_osm)
    lane_map = load_map(tmp_path / 'map.osm')
    # The robotaxi is on the map: within a lane's width of some centreline all the time.
    path = recording.position_m[recording.ego, :, :2]
    offset = path[:, None] - lane_map.centreline.points_m[None, :, :2]
    assert np.hypot(offset[..., 0], offset[..., 1]).min(axis=1).max() < 3.0

    before = files(out)
    capsys.readouterr()
    assert simulate(*common, '--count', 1) == 0
    assert '1 of 1 scenes written, 1 of them by an earlier run' in capsys.readouterr().out
    after = files(out)
    after.pop('summary.json')
    before.pop('summary.json')
    assert after == before


def told(capsys: Any) -> str:
    return str(capsys.readouterr().err).strip()


def test_a_broken_scenario_file_is_one_sentence(tmp_path: Path, capsys: Any) -> None:
    broken = tmp_path / 'broken.yaml'
    broken.write_text('demand: {car_per_h: -5.0}\n')
    assert simulate('--scenario', broken, '--out', tmp_path / 'out') == 2
    assert 'broken.yaml: demand.car_per_h must be >= 0.0 1/h, got -5.0' in told(capsys)
    broken.write_text('demand: [\n')
    assert simulate('--scenario', broken, '--out', tmp_path / 'out') == 2
    said = told(capsys)
    assert 'broken.yaml' in said
    assert 'Traceback' not in said
    assert simulate('--scenario', 'downtwon', '--out', tmp_path / 'out') == 2
    assert 'downtwon' in told(capsys)
    assert not (tmp_path / 'out').exists()


def test_a_missing_sumo_is_one_sentence(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prediction_node.simulation.network import netconvert

    monkeypatch.setattr(netconvert.importlib.util, 'find_spec', lambda name: None)
    monkeypatch.delenv('SUMO_HOME', raising=False)
    monkeypatch.setenv('PATH', str(tmp_path))
    assert simulate('--scenario', 'downtown', '--out', tmp_path / 'out') == 2
    said = told(capsys)
    assert said.startswith('error: ')
    assert 'netconvert of Eclipse SUMO is missing' in said
    assert '\n' not in said
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (('--duration', '0'), '--duration: must be in 1 to 3600 s, got 0'),
        (('--duration', 'nan'), '--duration: must be in 1 to 3600 s, got nan'),
        (('--count', '0'), '--count: must be in 1 to'),
        (('--jobs', '-1'), '--jobs: must be in 1 to'),
        (('--seed', '-3'), '--seed: must be in 0 to'),
    ],
)
def test_values_out_of_range_are_named(
    tmp_path: Path, capsys: Any, arguments: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(SystemExit) as left:
        simulate('--scenario', 'downtown', '--out', tmp_path / 'out', *arguments)
    assert left.value.code == 2
    assert sentence in told(capsys)


def test_help_teaches(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        simulate('--help')
    text = capsys.readouterr().out
    for word in ('downtown', 'scene.npz', 'read_scene_file', '--ray', 'exit status'):
        assert word in text
