"""`prediction_node hil`: the loop in lockstep, the same every time, and errors in a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from prediction_node import cli

KEYS = [
    'cycles', 'misses', 'degraded_cycles', 'p50_ms', 'p99_ms', 'p999_ms', 'max_gap_ms',
    'min_ade_5s', 'ego_collisions', 'hard_brakes', 'faults', 'verdict', 'reasons',
]  # fmt: skip
CLOCKWORK = ('p50_ms', 'p99_ms', 'p999_ms')  # depend on how fast the machine is


def lockstep(folder: Path, name: str, *arguments: str) -> dict[str, Any]:
    """Figures of a short lockstep run."""
    settings = folder / 'hil.yaml'
    settings.write_text('time: {settle_s: 2.0}\n')
    path = folder / f'{name}.json'
    fixed = ['--scenario', 'residential', '--lockstep', '--config', str(settings)]
    status = cli.main(['hil', *fixed, '--json', str(path), *arguments])
    figures: dict[str, Any] = json.loads(path.read_text())
    assert status == (0 if figures['verdict'] == 'pass' else 1), figures['reasons']
    return figures


@pytest.mark.slow
def test_lockstep_gives_the_same_figures_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ('--duration', '6')
    first = lockstep(tmp_path, 'first', *arguments)
    again = lockstep(tmp_path, 'again', *arguments)
    assert list(first)[: len(KEYS)] == KEYS
    assert (first['cycles'], first['misses'], first['degraded_cycles']) == (60, 0, 0)
    assert first['min_ade_5s']
    same = {name: value for name, value in first.items() if name not in CLOCKWORK}
    assert same == {name: again[name] for name in same}
    shown = capsys.readouterr().out
    assert 'verdict: ' in shown
    assert 'response p50 / p99 / p99.9' in shown


@pytest.mark.slow
def test_a_lost_modality_degrades_and_a_lost_sensor_does_not(tmp_path: Path) -> None:
    figures = lockstep(
        tmp_path, 'faults', '--duration', '6',
        '--fault', 'off:lidar:1:3', '--fault', 'garbage:radar_front_left:3.5:5',
    )  # fmt: skip
    off, garbage = figures['faults']
    assert off['modality_lost'] == 'lidar'
    assert off['mode'] == 'degraded'
    assert off['detected_ms'] <= 400.0
    assert off['recovered_ms'] <= 300.0
    assert 15 <= figures['degraded_cycles'] <= 21
    assert garbage['named'] == 'garbage'
    assert garbage['mode'] == 'nominal'
    assert garbage['detected_ms'] <= 400.0


@pytest.mark.parametrize(
    ('arguments', 'named'),
    [
        (['--scenario', 'uptown', '--duration', '5'], 'uptown'),
        (['--scenario', 'downtown', '--duration', '5', '--fault', 'off:lidar'], 'KIND:SOURCE'),
        (['--scenario', 'downtown', '--duration', '5', '--config', '/no.yaml'], '/no.yaml'),
        (['--scenario', 'downtown', '--duration', '5', '--prepare'], '--out'),
        (['--scenario', 'downtown', '--duration', '5', '--lockstep', '--no-node'], '--lockstep'),
        (
            ['--scenario', 'downtown', '--duration', '9', '--no-node', '--fault', 'kill:node:1:2'],
            'cannot be killed',
        ),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(['hil', *arguments]) == 2
    said = capsys.readouterr().err
    error = [line for line in said.splitlines() if line.startswith('error: ')]
    assert len(error) == 1
    assert named in said
    assert 'Traceback' not in said


@pytest.mark.parametrize('text', ['0', 'soon', 'nan', '1e9'])
def test_a_duration_that_cannot_be_is_refused(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(['hil', '--scenario', 'downtown', '--duration', text])
    assert caught.value.code == 2
    assert '--duration' in capsys.readouterr().err


def test_a_broken_scenario_and_a_missing_simulator_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / 'mine.yaml'
    broken.write_text('layout:\n  block_m: 5\n')
    assert cli.main(['hil', '--scenario', str(broken), '--duration', '5', '--lockstep']) == 2
    assert 'block_m' in capsys.readouterr().err
    with mock.patch.dict('sys.modules', {'sumo': None, 'libsumo': None}):
        assert cli.main(['hil', '--scenario', 'downtown', '--duration', '5', '--lockstep']) == 2
    said = capsys.readouterr().err
    assert 'SUMO' in said
    assert 'Traceback' not in said


@pytest.mark.slow
def test_prepare_writes_what_node_and_bench_need(tmp_path: Path) -> None:
    from prediction_node.bench.run_file import read_run
    from prediction_node.config import load_yaml
    from prediction_node.lanelet.load import load_map

    out = tmp_path / 'run'
    arguments = ['--scenario', 'residential', '--duration', '5', '--out', str(out), '--prepare']
    assert cli.main(['hil', *arguments]) == 0
    lane_map = load_map(out / 'map.osm')
    run = read_run(out)
    assert [lane_map.index_of(each) for street in run.streets for each in street]
    node = load_yaml(out / 'prediction.yaml')
    assert node.map.path == str((out / 'map.osm').resolve())
    assert len(node.sources) == 16
