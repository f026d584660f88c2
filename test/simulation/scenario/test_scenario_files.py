"""Scenario files: what they say is what one gets, and a broken one is told in one sentence."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from prediction_node.domain.errors import DataError, ParameterError, PredictionNodeError
from prediction_node.resources import share_path
from prediction_node.simulation.scenario import (
    SHIPPED,
    Scenario,
    load_scenario,
    random_scenario,
    scenario_from,
    scenario_text,
)


def write(folder: Path, text: str) -> Path:
    path = folder / 'mine.yaml'
    path.write_text(text, encoding='utf-8')
    return path


@pytest.mark.parametrize('name', SHIPPED)
def test_shipped_scenarios_load_under_their_own_name(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.description or name == 'city'


def test_every_file_in_the_folder_is_shipped() -> None:
    stems = {path.stem for path in share_path('config', 'scenarios').glob('*.yaml')}
    assert stems == set(SHIPPED)


def test_the_file_of_defaults_equals_the_defaults_and_names_every_field() -> None:
    path = share_path('config', 'scenarios', 'city.yaml')
    assert load_scenario('city') == Scenario()
    first, rest = path.read_text(encoding='utf-8').split('\n', 1)
    assert first.startswith('#')
    assert rest == scenario_text(Scenario())


@pytest.mark.parametrize('seed', range(8))
def test_a_scenario_written_as_text_reads_back_equal(seed: int) -> None:
    scenario = random_scenario(seed)
    assert scenario_from(yaml.safe_load(scenario_text(scenario))) == scenario


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path, 'arterial: {lanes: 3}\nweather: {night: true}\nlayout: {arm_m: 200}\n')
    expected = dataclasses.replace(
        Scenario(name='mine'),
        arterial=dataclasses.replace(Scenario().arterial, lanes=3),
        weather=dataclasses.replace(Scenario().weather, night=True),
        layout=dataclasses.replace(Scenario().layout, arm_m=200.0),
    )
    assert load_scenario(path) == expected


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert load_scenario(write(tmp_path, '')) == Scenario(name='mine')


@pytest.mark.parametrize(
    ('text', 'parts'),
    [
        ('demand: {car_per_h: -5.0}', ('demand.car_per_h', '>= 0', '1/h', '-5')),
        ('layout: {block_m: 5000}', ('layout.block_m', '<= 600', 'm', '5000')),
        ('layout: {rows: [motorway]}', ('layout.rows', 'arterial', "'motorway'")),
        ('layout: {rows: []}', ('layout.rows', '1 to 8', '0')),
        ('layout: {rows: arterial}', ('layout.rows', 'list', "'arterial'")),
        ('layout: {junctions: [signal, stop]}', ('layout.junctions', '1 or 4', '2')),
        ('demand: {cars_per_h: 5}', ('demand.cars_per_h', 'unknown', 'car_per_h')),
        ('wether: {night: true}', ('wether', 'unknown', 'weather')),
        ('weather: {night: 1}', ('weather.night', 'true or false', '1')),
        ('weather: {visibility_m: .nan}', ('weather.visibility_m', 'nan')),
        ('arterial: {lanes: 2.5}', ('arterial.lanes', 'whole number', '2.5')),
        ('arterial: {lanes: true}', ('arterial.lanes', 'whole number', 'True')),
        ('events: 7', ('events', 'map', '7')),
        ('events:', ('events', 'map', 'nothing')),
        ('[1, 2]', ('a scenario', 'map')),
        (
            'layout: {columns: [arterial], rows: [collector], junctions: [roundabout]}',
            ('layout.junctions', 'roundabout', 'arterial', '2 lanes'),
        ),
    ],
)
def test_a_broken_file_is_told_in_one_sentence(
    tmp_path: Path, text: str, parts: tuple[str, ...]
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ParameterError) as caught:
        load_scenario(path)
    message = str(caught.value)
    assert message.startswith(f'{path}: ')
    assert '\n' not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize('content', [b'layout: [', b'\xff\xfe\x00', b'a: b: c'])
def test_what_is_not_yaml_is_told_by_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'broken.yaml'
    path.write_bytes(content)
    with pytest.raises(DataError, match=r'broken\.yaml') as caught:
        load_scenario(path)
    assert '\n' not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'none\.yaml'):
        load_scenario(tmp_path / 'none.yaml')


def test_an_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(PredictionNodeError) as caught:
        load_scenario('dwontown')
    assert all(name in str(caught.value) for name in ('dwontown', *SHIPPED))
