"""Fusion on real recordings seen by modelled sensors, through the command."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from prediction_node.domain.errors import DataError
from prediction_node.evaluation import tracking_command
from prediction_node.evaluation.tracking_scenes import find_recordings

SINGLE = ('camera', 'lidar', 'radar', 'thermal')
RECORDINGS = {
    'Lankershim': 'ngsim_commonroad/Lankershim/USA_Lanker-2_16_T-1.xml',
    'US101': 'ngsim_commonroad/US101/USA_US101-10_1_T-1.xml',
}


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    tracking_command.add_parser(parser.add_subparsers(required=True))
    return parser.parse_args(['tracking', *words])


@pytest.fixture(scope='module', params=list(RECORDINGS))
def result(request: Any, shared_data: Path, tmp_path_factory: Any) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp('tracking')
    data = folder / 'data' / request.param
    data.mkdir(parents=True)
    source = shared_data / RECORDINGS[request.param]
    (data / source.name).write_bytes(source.read_bytes())
    file = folder / 'out' / 'tracking.json'
    args = parsed('--data', str(data.parent), '--json', str(file))
    assert args.run(args) == 0
    written: dict[str, Any] = json.loads(file.read_text())['datasets'][request.param]
    return written


@pytest.mark.slow
def test_fused_beats_each_modality_alone(result: dict[str, Any]) -> None:
    variants = result['variants']
    fused = variants['fused']
    for name in SINGLE:
        alone = variants[name]
        assert fused['idf1'] > alone['idf1'], name
        assert fused['position_rmse_missed_m'] < alone['position_rmse_missed_m'], name
        assert alone['fused_position_rmse_paired_m'] < alone['position_rmse_paired_m'], name


@pytest.mark.slow
def test_every_loss_of_one_modality_still_follows(result: dict[str, Any]) -> None:
    for name in SINGLE:
        lost = result['variants'][f'without {name}']
        assert lost['recall'] > 0.85, name
        assert lost['idf1'] > 0.8, name


def test_a_folder_without_recordings_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=str(tmp_path)):
        find_recordings(tmp_path)


def test_both_kinds_of_logs_are_found(tmp_path: Path) -> None:
    for log, boxes in (('a', 'annotations.feather'), ('b', 'annotations_with_ego.feather')):
        (tmp_path / log).mkdir()
        (tmp_path / log / boxes).write_bytes(b'')
    assert [path.name for path in find_recordings(tmp_path)] == ['a', 'b']


def test_the_limit_holds_for_each_folder(tmp_path: Path) -> None:
    for folder in ('one', 'two'):
        (tmp_path / folder).mkdir()
        for k in range(3):
            (tmp_path / folder / f'{k}.xml').write_text('')
    sets = tracking_command._sets(tmp_path, 2)
    assert {name: [p.stem for p in paths] for name, paths in sets.items()} == {
        'one': ['0', '1'],
        'two': ['0', '1'],
    }
