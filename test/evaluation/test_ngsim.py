"""The NGSIM protocol: nothing from the future, groups kept apart, figures that add up."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node import cli
from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import ATTRIBUTE_COUNT, ObjectClass
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.lights import LightStates
from prediction_node.domain.recording import Recording
from prediction_node.evaluation.bootstrap import relative_gain
from prediction_node.evaluation.engines import (
    CONSTANT_VELOCITY,
    KINEMATIC,
    EngineSpec,
    Folded,
    Same,
)
from prediction_node.evaluation.ngsim import evaluate_ngsim, split_groups
from prediction_node.evaluation.tables import percent
from prediction_node.evaluation.windows import windows
from prediction_node.extraction.causal import observed_agents, unbroken_steps
from prediction_node.learning.folds import Fold

STEP_NS = 100_000_000


def recording_of(position_m: np.ndarray, valid: np.ndarray | None = None) -> Recording:
    """Cars at positions (N, T, 2), 0.1 s apart; recorded velocities are deliberately useless."""
    n, steps, _ = position_m.shape
    return Recording(
        name='made',
        stamp_ns=STEP_NS * np.arange(1, steps + 1),
        track_id=tuple(f'car {k}' for k in range(n)),
        label=np.full(n, ObjectClass.CAR, np.int8),
        size_m=np.tile([4.5, 1.8, 1.5], (n, 1)),
        position_m=np.concatenate([position_m, np.zeros((n, steps, 1))], axis=-1),
        yaw_rad=np.zeros((n, steps)),
        velocity_mps=np.full((n, steps, 2), 99.0),
        valid=np.ones((n, steps), bool) if valid is None else valid,
        attributes=np.zeros((n, steps, ATTRIBUTE_COUNT)),
        has_attribute=np.zeros((n, steps, ATTRIBUTE_COUNT), bool),
        ego=None,
        lights=(LightStates.none(),) * steps,
    )


def accelerating(steps: int) -> np.ndarray:
    t = 0.1 * np.arange(steps)
    along = np.stack([4.0 * t + 0.75 * t**2, np.zeros(steps)], axis=-1)
    turned = np.stack([20.0 * np.sin(0.5 * t), 20.0 * (1.0 - np.cos(0.5 * t))], axis=-1)
    return np.stack([along, turned])


def test_the_observed_state_is_that_of_the_motion() -> None:
    agents, row = observed_agents(recording_of(accelerating(40)), 25)
    assert row.tolist() == [0, 1]
    np.testing.assert_allclose(agents.velocity_mps[0], [4.0 + 1.5 * 2.5, 0.0], atol=1e-9)
    assert agents.acceleration_mps2[0] == pytest.approx(1.5)
    # Parabolas only approach a circle.
    assert agents.speed_mps[1] == pytest.approx(10.0, abs=0.15)
    assert agents.yaw_rad[1] == pytest.approx(0.5 * 2.5, abs=0.05)
    assert agents.yaw_rate_radps[1] == pytest.approx(0.5, abs=0.05)


@settings(max_examples=30, deadline=None)
@given(now=st.integers(1, 38), seed=st.integers(0, 1000))
def test_the_future_changes_nothing_that_is_observed(now: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    position = accelerating(40)
    valid = random.random((2, 40)) < 0.9
    valid[:, now] = True
    plain = recording_of(position, valid)
    other = position.copy()
    other[:, now + 1 :] += random.normal(0.0, 50.0, other[:, now + 1 :].shape)
    changed = dataclasses.replace(
        recording_of(other, np.concatenate([valid[:, : now + 1], ~valid[:, now + 1 :]], axis=1)),
        yaw_rad=np.concatenate([np.zeros((2, now + 1)), np.ones((2, 39 - now))], axis=1),
    )
    first, _ = observed_agents(plain, now)
    second, _ = observed_agents(changed, now)
    for field in dataclasses.fields(first):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))


def test_history_counts_back_to_the_first_gap() -> None:
    valid = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 1, 1], [1, 1, 1, 0, 1], [0, 0, 0, 1, 1]], bool)
    assert unbroken_steps(valid, 4).tolist() == [4, 2, 0, 1]
    assert unbroken_steps(valid, 2).tolist() == [2, 0, 2, -1]


def test_windows_come_once_a_second_with_a_second_of_history(empty_map: LaneMap) -> None:
    valid = np.ones((2, 45), bool)
    valid[1, 15] = False
    made = list(windows(recording_of(accelerating(45), valid), empty_map))
    assert [w.scene.stamp_ns // STEP_NS - 1 for w in made] == [10, 20, 30, 40]
    assert [w.judged.tolist() for w in made] == [[0, 1], [0], [0, 1], [0, 1]]
    # The second car's future ends at its gap; nobody knows where it was.
    assert made[0].valid.sum(axis=1).tolist() == [34, 4]
    np.testing.assert_allclose(made[2].truth_m[0, 0, 0], accelerating(45)[0, 31, 0])


def test_the_split_is_a_rule_and_halves_the_groups() -> None:
    groups = [[f'scenario {k}', 'another'] for k in range(9)]
    tuning, held_out = split_groups(groups)
    assert sorted(tuning + held_out) == list(range(9))
    assert len(tuning) == 4
    order = np.random.default_rng(0).permutation(9)
    again, _ = split_groups([groups[k] for k in order])
    assert {groups[k][0] for k in tuning} == {groups[order[k]][0] for k in again}


def test_a_gain_is_exact_where_all_groups_agree() -> None:
    baseline = np.array([1.0, 2.0, 3.0, 4.0])
    gain = relative_gain(0.5 * baseline, baseline, np.array([0, 0, 1, 2]))
    assert (gain.value, gain.low, gain.high) == pytest.approx((0.5, 0.5, 0.5))


def test_a_gain_of_one_group_alone_is_no_sure_gain() -> None:
    baseline = np.ones(6)
    error = np.array([0.1, 0.1, 1.1, 1.1, 1.1, 1.1])
    gain = relative_gain(error, baseline, np.array([0, 0, 1, 1, 2, 2]))
    assert gain.value == pytest.approx(1.0 - 4.6 / 6.0)
    assert gain.low < 0.0 < gain.high
    alone = relative_gain(error, baseline, np.zeros(6))
    assert (alone.value, alone.low, alone.high) == (gain.value, None, None)
    assert percent(alone.as_dict()) == '23 %'
    assert percent({'value': 0.12, 'low': 0.034, 'high': 0.2}) == '12 % (3 to 20)'
    with pytest.raises(ValueError, match='at least one window'):
        relative_gain(np.zeros(0), np.zeros(0), np.zeros(0))


def test_a_folder_without_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='Lankershim'):
        evaluate_ngsim(tmp_path, Same(EngineSpec(CONSTANT_VELOCITY)))
    assert cli.main(['evaluate', 'ngsim', '--data', str(tmp_path)]) == 2


def test_the_folder_of_the_collection_will_do_as_well(tmp_path: Path) -> None:
    broken = tmp_path / 'ngsim_commonroad' / 'US101' / 'broken.xml'
    broken.parent.mkdir(parents=True)
    broken.write_text('not xml')
    with pytest.raises(DataError, match=r'broken\.xml'):
        evaluate_ngsim(tmp_path, Same(EngineSpec(CONSTANT_VELOCITY)))


def test_cross_validation_asks_of_each_group_the_model_that_never_saw_it(
    shared_data: Path, tmp_path: Path
) -> None:
    names = ('USA_Lanker-2_4_T-1', 'USA_Lanker-2_10_T-1')
    (tmp_path / 'Lankershim').mkdir()
    for name in names:
        source = shared_data / 'ngsim_commonroad' / 'Lankershim' / f'{name}.xml'
        shutil.copy(source, tmp_path / 'Lankershim')
    steady, hidden = EngineSpec(CONSTANT_VELOCITY), EngineSpec(CONSTANT_VELOCITY, mask='lights')
    folds = (Fold(0, 2, names[:1]), Fold(1, 2, names[1:]))
    whole = evaluate_ngsim(tmp_path, Same(steady))
    made = evaluate_ngsim(tmp_path, Folded(folds, (steady, hidden)))
    assert made['cross_validation'] == [[names[0]], [names[1]]]
    assert whole['cross_validation'] is None
    # Constant velocity does not look at lights: its figures are the same in both folds.
    assert made['datasets'] == whole['datasets']
    with pytest.raises(DataError, match='0 folds hold out'):
        evaluate_ngsim(tmp_path, Folded((Fold(0, 2, names[:1]), Fold(1, 2, ('x',))), (steady,) * 2))


def test_gains_over_both_baselines_are_of_the_same_windows(
    shared_data: Path, tmp_path: Path
) -> None:
    (tmp_path / 'US101').mkdir()
    shutil.copy(
        shared_data / 'ngsim_commonroad' / 'US101' / 'USA_US101-23_1_T-1.xml', tmp_path / 'US101'
    )
    masked = EngineSpec(KINEMATIC, mask='map', title='kinematic')
    result = evaluate_ngsim(tmp_path, Same(masked))
    figures = result['datasets']['US101']['all_groups']
    for baseline in result['baselines']:
        cell, base = figures['kinematic']['moving']['5s'], figures[baseline]['moving']['5s']
        assert cell['windows'] == base['windows'] > 10
        gain = figures['gain_over'][baseline]['5s']['fde']['value']
        assert gain == pytest.approx(1.0 - cell['fde'] / base['fde'])


def test_the_command_writes_figures_that_show_the_gain(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / 'data' / 'Lankershim'
    folder.mkdir(parents=True)
    for name in ('USA_Lanker-2_4_T-1', 'USA_Lanker-2_10_T-1'):
        shutil.copy(shared_data / 'ngsim_commonroad' / 'Lankershim' / f'{name}.xml', folder)
    file = tmp_path / 'figures.json'
    arguments = ['evaluate', 'ngsim', '--engine', 'kinematic', '--data', str(folder.parent)]
    assert cli.main([*arguments, '--json', str(file)]) == 0
    assert 'Lankershim, held out' in capsys.readouterr().out
    result = json.loads(file.read_text())
    everything = result['datasets']['Lankershim']['all_groups']
    cell = everything['kinematic']['moving']['5s']
    baseline = everything['constant_velocity']['moving']['5s']
    assert set(cell) >= {'ade', 'fde', 'min_ade', 'min_fde', 'miss_rate', 'brier_min_fde'}
    assert cell['windows'] == baseline['windows'] > 100
    gain = everything['gain']['5s']['fde']
    assert gain['value'] == pytest.approx(1.0 - cell['fde'] / baseline['fde'])
    assert gain['value'] > 0.15
    assert everything['gain']['5s']['min_fde']['value'] > 0.4
    assert 0.0 <= everything['kinematic']['calibration']['ece'] < 0.2
    first = file.read_bytes()
    assert cli.main([*arguments, '--json', str(file)]) == 0
    assert file.read_bytes() == first
