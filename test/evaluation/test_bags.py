"""Samples by class and horizon: figures that add up, files that are there, bad input by name."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from prediction_node import cli
from prediction_node.domain.errors import DataError, ParameterError
from prediction_node.evaluation.arguments import add_engine, chosen_engine
from prediction_node.evaluation.bags import evaluate_bags, judge_store, worst
from prediction_node.evaluation.engines import (
    CONSTANT_VELOCITY,
    KINEMATIC,
    Choice,
    EngineSpec,
    Folded,
    Same,
)
from prediction_node.evaluation.judging import STANDING_SPEED_MPS
from prediction_node.evaluation.sample_windows import spread_indices, window_of
from prediction_node.evaluation.stores import open_store
from prediction_node.learning.folds import Fold, write_fold
from prediction_node.learning.samples import SampleStore
from prediction_node.resources import share_path

SPECS = (EngineSpec(KINEMATIC), EngineSpec(CONSTANT_VELOCITY))


def test_classes_add_up_to_all_of_them(small_store: Path) -> None:
    result, judgement = evaluate_bags(SampleStore(small_store), SPECS)
    assert result['groups'] == 3
    assert result['origins'] == {'simulated': result['samples']}
    assert set(result['classes']) == {'car', 'truck', 'bicycle', 'pedestrian'}
    for engine in (KINEMATIC, CONSTANT_VELOCITY):
        for motion in ('moving', 'all'):
            for horizon in ('1s', '3s', '5s', '8s'):
                whole = result['all_classes'][engine][motion][horizon]
                parts = [c[engine][motion][horizon] for c in result['classes'].values()]
                assert sum(p['windows'] for p in parts) == whole['windows'] > 0
                total = sum(p['fde'] * p['windows'] for p in parts if p['windows'])
                assert total / whole['windows'] == pytest.approx(whole['fde'])
    # Those who keep their velocity cost constant velocity nothing, whatever their class.
    walkers = result['classes']['pedestrian'][CONSTANT_VELOCITY]['moving']['8s']
    assert walkers['fde'] < 0.05
    assert result['classes']['truck'][CONSTANT_VELOCITY]['moving']['8s']['fde'] > 5.0
    assert len(judgement.sample) == len(judgement.results[KINEMATIC])


def test_who_stands_is_told_by_the_present_and_not_by_what_comes(small_store: Path) -> None:
    store = SampleStore(small_store)
    judgement = judge_store(store, SPECS)
    seen = [window_of(store[int(k)]) for k in dict.fromkeys(judgement.sample.tolist())]
    speed = np.concatenate(
        [np.linalg.norm(w.scene.agents.velocity_mps[w.judged], axis=-1) for w in seen]
    )
    for judged in judgement.results.values():
        np.testing.assert_array_equal(judged.standing, speed < STANDING_SPEED_MPS)
    # Somebody may stand now and count as moving later: he is in both.
    result, _ = evaluate_bags(store, SPECS)
    for motion, rows in (('standing', judged.standing), ('moving', judged.moving)):
        cells = result['all_classes'][KINEMATIC][motion]
        counts = judged.scores['counts'][rows]
        assert [cells[h]['windows'] for h in ('1s', '3s', '5s', '8s')] == counts.sum(0).tolist()


def test_two_processes_find_what_one_finds(small_store: Path) -> None:
    store = SampleStore(small_store)
    steady = SPECS[1:]
    alone = judge_store(store, steady, limit=24)
    together = judge_store(store, steady, limit=24, jobs=2)
    np.testing.assert_array_equal(alone.sample, together.sample)
    for name, judged in alone.results.items():
        for figure, values in judged.scores.items():
            np.testing.assert_array_equal(values, together.results[name].scores[figure])


def test_a_hidden_input_is_an_engine_beside(small_store: Path) -> None:
    specs = (*SPECS[:1], EngineSpec(KINEMATIC, mask='history'), EngineSpec(KINEMATIC, mask='radar'))
    result, _ = evaluate_bags(SampleStore(small_store), specs, limit=6)
    assert result['baselines'] == ['kinematic without history', 'kinematic without radar']
    over = result['all_classes']['gain_over']
    # The kinematic predictor does not ask which sensor saw an agent.
    assert over['kinematic without radar']['5s']['fde']['value'] == 0.0


def test_the_worst_are_of_different_recordings_and_classes(small_store: Path) -> None:
    store = SampleStore(small_store)
    cases = worst(judge_store(store, SPECS), store)
    assert len({case['recording'] for case in cases}) == len(cases) == 3
    assert len({case['class'] for case in cases}) == 3
    for case in cases:
        window = window_of(store[case['sample']])
        assert case['agent'] in window.judged


def test_a_limit_is_spread_over_the_store(small_store: Path) -> None:
    store = SampleStore(small_store)
    assert spread_indices(store, None).tolist() == list(range(len(store)))
    some = spread_indices(store, 3)
    assert some.tolist() == [0, round((len(store) - 1) / 2), len(store) - 1]


def test_the_command_makes_a_page_with_pictures(
    small_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, file = tmp_path / 'report', tmp_path / 'figures.json'
    arguments = ['evaluate', 'bags', '--data', str(small_store), '--out', str(out)]
    assert cli.main([*arguments, '--json', str(file), '--limit', '30']) == 0
    assert 'pedestrian' in capsys.readouterr().out
    result = json.loads(file.read_text())
    page = (out / 'index.html').read_text()
    pictures = ['errors.png', 'calibration.png']
    pictures += [f'worst_{k + 1}.png' for k in range(len(result['worst']))]
    for name in pictures:
        assert f'src="{name}"' in page
        assert (out / name).read_bytes().startswith(b'\x89PNG')
    assert f'{result["classes"]["car"]["kinematic"]["moving"]["5s"]["fde"]:.2f} m' in page


def test_what_cannot_be_evaluated_is_named(
    tmp_path: Path, small_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(['evaluate', 'bags', '--data', str(tmp_path / 'nothing')]) == 2
    assert 'nothing' in capsys.readouterr().err
    arguments = ['evaluate', 'bags', '--data', str(small_store)]
    assert cli.main([*arguments, '--engine', 'kinematic', '--model', str(tmp_path)]) == 2
    assert '--model' in capsys.readouterr().err
    assert cli.main([*arguments, '--model', str(tmp_path)]) == 2
    assert f'{tmp_path}: no model here' in capsys.readouterr().err


def test_without_a_model_the_learned_engine_is_the_shipped_one(small_store: Path) -> None:
    def chosen(command: str, *more: str) -> Choice:
        parser = argparse.ArgumentParser()
        add_engine(parser, folds=command == 'ngsim', shipped=command == 'bags')
        return chosen_engine(parser.parse_args(more))

    choice = chosen('bags', '--engine', 'onnx')
    assert isinstance(choice, Same)
    assert choice.spec.model == share_path('models', 'product')
    # Where recordings may have been learned from, the model has to be named.
    with pytest.raises(ParameterError, match='--model'):
        chosen('ngsim', '--engine', 'onnx')


def test_recordings_that_cannot_be_read_are_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / 'data'
    data.mkdir()
    walk = [f'{10 * k} {who} {0.5 * k} {2 * who}' for k in range(40) for who in range(3)]
    (data / 'walk.txt').write_text('\n'.join(walk))
    (data / 'broken.txt').write_text('\n'.join([*walk[:6], '20 1 five 3']))
    said: list[tuple[str, int, int]] = []
    store, failed = open_store(data, tmp_path / 'samples', progress=lambda *each: said.append(each))
    assert set(store.recording) == {'walk'}
    assert [each.name for each in failed] == ['broken']
    assert [(done, total) for _, done, total in said] == [(0, 2), (1, 2), (2, 2)]
    file = tmp_path / 'figures.json'
    arguments = ['evaluate', 'bags', '--engine', 'constant_velocity', '--json', str(file)]
    assert cli.main([*arguments, '--data', str(data), '--out', str(tmp_path / 'report')]) == 1
    told = capsys.readouterr()
    assert 'pedestrian' in told.out
    assert 'index.html' in told.out
    assert 'broken.txt' in told.err
    (left_out,) = json.loads(file.read_text())['left_out']
    assert 'broken.txt, line 7' in left_out['reason']
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    (elsewhere / 'other.txt').write_text('\n'.join(walk))
    with pytest.raises(DataError, match=r'samples holds samples of other recordings \(walk\)'):
        open_store(elsewhere, tmp_path / 'samples')
    (data / 'walk.txt').unlink()
    assert cli.main([*arguments, '--data', str(data)]) == 2
    assert 'broken.txt cannot be evaluated' in capsys.readouterr().err


def test_a_map_that_is_not_there_is_named_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / 'drive.mcap').write_bytes(b'')
    with pytest.raises(DataError, match=r'nowhere\.osm does not exist'):
        open_store(tmp_path, tmp_path / 'samples', tmp_path / 'nowhere.osm')


def test_each_group_is_asked_of_the_model_that_never_saw_it(tmp_path: Path) -> None:
    for k, fold in enumerate((Fold(0, 2, ('a', 'c')), Fold(1, 2, ('b',)))):
        (tmp_path / f'fold{k}').mkdir()
        write_fold(tmp_path / f'fold{k}', fold)
    folded = Folded.below(tmp_path)
    assert folded.spec_for(['b', 'later']).model == tmp_path / 'fold1'
    assert folded.spec_for(['c']).model == tmp_path / 'fold0'
    with pytest.raises(DataError, match='0 folds hold out the group of z'):
        folded.spec_for(['z'])
