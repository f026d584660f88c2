"""config/hil.yaml, the file of a run, and what the launch file makes of its arguments."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from prediction_node import config
from prediction_node.bench import run_file
from prediction_node.bench.driver import (
    candidate_arrays,
    ego_state,
    light_states,
    trajectory_arrays,
    trajectory_from,
)
from prediction_node.bench.launching import commands, prepare_from_words
from prediction_node.bench.settings import BenchSettings, load_settings, to_yaml
from prediction_node.bench.stand import node_config, node_parameters
from prediction_node.domain.errors import DataError, MessageError, ParameterError
from prediction_node.domain.frames import quaternion_from_yaw
from prediction_node.domain.message_arrays import OdometryArrays, TrafficLightGroupsArrays
from prediction_node.resources import share_path
from prediction_node.simulation.planner.candidates import Trajectory
from prediction_node.simulation.planner.parameters import BodyParameters
from prediction_node.simulation.sensors.corners import corner_suite


def test_the_shipped_file_holds_the_defaults_with_their_comments() -> None:
    assert load_settings() == BenchSettings()
    assert share_path('config', 'hil.yaml').read_text() == to_yaml()


def test_what_a_file_says_counts_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / 'mine.yaml'
    path.write_text('verdict:\n  max_p99_ms: 55\nplanner:\n  cruise_mps: 8.0\n')
    settings = load_settings(path)
    assert settings.verdict.max_p99_ms == 55.0
    assert settings.planner.cruise_mps == 8.0
    assert settings.body == BenchSettings().body
    path.write_text('')
    assert load_settings(path) == BenchSettings()


@pytest.mark.parametrize(
    ('text', 'named'),
    [
        ('verdict:\n  max_p99: 3\n', "did you mean 'max_p99_ms'"),
        ('verdict:\n  max_p99_ms: fast\n', 'verdict.max_p99_ms must be a float'),
        ('verdict:\n  max_p99_ms: 0.1\n', 'verdict.max_p99_ms must be >= 1'),
        ('verdict:\n  must_name: [stuck, of]\n', 'must be one of'),
        ('faults:\n  slow_factor: 2.5\n', 'faults.slow_factor must be a int'),
        ('verdict: 5\n', 'verdict must map names to values'),
        ('[1, 2]\n', 'the file must map names'),
        ('{a: [\n', 'is not YAML'),
    ],
)
def test_a_broken_file_is_told_in_a_sentence_with_its_name(
    tmp_path: Path, text: str, named: str
) -> None:
    path = tmp_path / 'broken.yaml'
    path.write_text(text)
    with pytest.raises((ParameterError, DataError), match=re.escape(named)) as caught:
        load_settings(path)
    assert str(path) in str(caught.value)
    assert '\n' not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='cannot be read'):
        load_settings(tmp_path / 'none.yaml')


def test_node_parameters_are_a_configuration_of_the_node(tmp_path: Path) -> None:
    suite = corner_suite()
    values = node_parameters(suite, tmp_path / 'map.osm')
    path = tmp_path / 'prediction.yaml'
    path.write_text(yaml.safe_dump({'prediction': {'ros__parameters': values}}))
    read = config.load_yaml(path)
    assert [s.name for s in read.sources] == list(suite.sensors)
    assert read.map.path == str((tmp_path / 'map.osm').resolve())
    same = dataclasses.replace(read, map=config.MapParameters())
    assert same == node_config(suite)


def test_a_run_file_reads_back_and_says_what_is_wrong(tmp_path: Path) -> None:
    run = run_file.RunFile(
        'downtown', 3, 20.0, '', ('off:lidar:1:2',), False, 'conditional', '', {'lidar': 'lidar'},
        {'lidar': 100.0}, ((100_001, 100_002), (100_007,)), (4.9, 1.9, 1.6),
    )  # fmt: skip
    path = tmp_path / run_file.RUN_FILE
    with pytest.raises(DataError, match='prepare the run first'):
        run_file.read_run(tmp_path)
    path.write_text(json.dumps(dataclasses.asdict(run)))
    assert run_file.read_run(tmp_path) == run
    assert run.parsed_faults()[0].members == ('lidar',)
    path.write_text('{"scenario": 5}')
    with pytest.raises(DataError, match='describes no run'):
        run_file.read_run(tmp_path)


WORDS = {
    'folder': '', 'scenario': 'downtown', 'duration': '20', 'seed': '0', 'faults': '',
    'config': '', 'clock': 'false',
}  # fmt: skip


@pytest.mark.parametrize(
    ('name', 'word', 'named'),
    [
        ('duration', 'long', 'duration must be a number'),
        ('seed', '-1', 'seed must be 0 to'),
        ('clock', 'yes', 'clock must be true or false'),
        ('faults', 'kill:node:1:2', 'only the command'),
        ('scenario', 'uptown', 'is no scenario'),
        ('config', '/nowhere/hil.yaml', 'cannot be read'),
    ],
)
def test_launch_arguments_that_cannot_be_are_named(
    tmp_path: Path, name: str, word: str, named: str
) -> None:
    with pytest.raises((ParameterError, DataError), match=named):
        prepare_from_words({**WORDS, 'folder': str(tmp_path / 'run'), name: word})


def test_launch_starts_three_processes_and_hands_the_file_to_the_monitor() -> None:
    made = commands(Path('/tmp/run'), '/tmp/hil.json')
    assert set(made) == {'simulator', 'planner', 'monitor'}
    for name, command in made.items():
        assert command[:3] == ['-m', f'prediction_node.ros.hil.{name}', '/tmp/run']
    assert made['monitor'][3:] == ['--json', '/tmp/hil.json']
    assert len(commands(Path('/tmp/run'), '')['monitor']) == 3


def make_trajectory(name: str = 'keep') -> Trajectory:
    angle = np.linspace(0.0, 1.5, 81)
    pose = np.stack([20.0 * np.sin(angle), 20.0 * (1.0 - np.cos(angle)), angle], axis=-1)
    return Trajectory(1_700_000_000_000_000_007, name, pose, np.full(81, 3.7), np.zeros(81))


def test_a_plan_comes_back_from_its_message() -> None:
    body, made = BodyParameters(), make_trajectory()
    back = trajectory_from(trajectory_arrays(made, body), body)
    assert back.stamp_ns == made.stamp_ns
    np.testing.assert_allclose(back.pose, made.pose, atol=1e-9)
    np.testing.assert_allclose(back.speed_mps, made.speed_mps, rtol=1e-6)
    arrays = trajectory_arrays(made, body)
    off = np.linalg.norm(arrays.position[:, :2] - made.pose[:, :2], axis=1)
    np.testing.assert_allclose(off, body.centre_offset_m)  # base_link is the rear axle
    np.testing.assert_allclose(arrays.heading_rate, 1.5 / 8.0, rtol=1e-6)


def test_points_that_are_not_a_tenth_of_a_second_apart_are_refused() -> None:
    body = BodyParameters()
    arrays = trajectory_arrays(make_trajectory(), body)
    slow = dataclasses.replace(arrays, time_from_start_ns=2 * arrays.time_from_start_ns)
    with pytest.raises(MessageError, match=re.escape('0.1 s apart')):
        trajectory_from(slow, body)


def test_candidates_of_one_kind_have_one_generator() -> None:
    made = tuple(make_trajectory(name) for name in ('keep', 'stop', 'stop', 'lane_change_right'))
    arrays = candidate_arrays(made, BodyParameters())
    assert set(arrays.info_name) == {'keep', 'stop', 'lane_change_right'}
    ids = [row.tobytes() for row in arrays.generator_id]
    assert ids[1] == ids[2]
    assert len(set(ids)) == 3
    assert {row.tobytes() for row in arrays.info_id} == set(ids)


def test_the_robotaxi_of_an_odometry_message_is_the_middle_of_its_box() -> None:
    odometry = OdometryArrays(
        5, 'map', 'base_link', np.array([1.0, 2.0, 0.0]), quaternion_from_yaw(np.array(np.pi / 2)),
        np.eye(6), np.array([4.0, 0.0, 0.0]), np.zeros(3), np.eye(6),
    )  # fmt: skip
    ego = ego_state(odometry, BodyParameters(centre_offset_m=1.5), np.ones(3))
    np.testing.assert_allclose(ego.position_m, [1.0, 3.5])
    assert (ego.stamp_ns, ego.speed_mps) == (5, 4.0)
    assert ego.yaw_rad == pytest.approx(np.pi / 2)


def test_lamps_have_the_stamp_of_their_message() -> None:
    one = np.ones(2, np.uint8)
    arrays = TrafficLightGroupsArrays(9, np.array([3, 4]), one, one, one, np.ones(2, np.float32))
    states = light_states(arrays)
    assert states.stamp_ns.tolist() == [9, 9]
    assert states.group_id.tolist() == [3, 4]
