"""Which recordings are found where, and which of them belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prediction_node.domain.errors import DataError
from prediction_node.extraction.groups import PLACE, SPAN, groups_by_time, with_groups
from prediction_node.extraction.readers import city_group
from prediction_node.extraction.units import Unit, find_units
from prediction_node.learning.samples.index import RecordingEntry

FILES = (
    'run/scene_000000/scene.npz',
    'run/scene_000001/scene.npz',
    'run/scene_000001/scene.json',
    'drives/scene_000000/bag/metadata.yaml',
    'drives/scene_000000/bag/bag_0.mcap',
    'drives/scene_000000/map.osm',
    'drives/alone.mcap',
    'logs/0a1b/annotations.feather',
    'logs/0a1b/map/log_map_archive_x.json',
    'forecasting/5e/scenario_5e.parquet',
    'ngsim/USA_Lanker-1_1_T-1.xml',
    'sdd/gates/video3/annotations.txt',
    'dut/a_traj_ped_filtered.csv',
    'dut/a_traj_veh_filtered.csv',
    'dut/b_traj_ped_filtered.csv',
    'vru/cyclists/moving/7.csv',
    'vru/pedestrians/waiting/8.csv',
    '.hidden/scene.npz',
    'notes.txt',
)


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / 'data' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / 'data'


def test_all_kinds_are_found_each_once(collection: Path) -> None:
    units = find_units([collection, collection / 'dut', collection / 'ngsim'])
    found = {(unit.kind, unit.name, str(unit.path.relative_to(collection))) for unit in units}
    assert found == {
        ('scene', 'run-scene_000000', 'run/scene_000000/scene.npz'),
        ('scene', 'run-scene_000001', 'run/scene_000001/scene.npz'),
        ('bag', 'drives-scene_000000', 'drives/scene_000000/bag'),
        ('bag', 'alone', 'drives/alone.mcap'),
        ('av2_log', 'logs-0a1b', 'logs/0a1b'),
        ('av2_forecasting', 'forecasting-5e', 'forecasting/5e'),
        ('commonroad', 'USA_Lanker-1_1_T-1', 'ngsim/USA_Lanker-1_1_T-1.xml'),
        ('sdd', 'gates-video3', 'sdd/gates/video3/annotations.txt'),
        ('dut', 'a', 'dut/a_traj_veh_filtered.csv'),
        ('dut', 'b', 'dut/b_traj_ped_filtered.csv'),
        ('vru', 'cyclists-moving', 'vru/cyclists/moving'),
        ('vru', 'pedestrians-waiting', 'vru/pedestrians/waiting'),
    }


def test_bags_get_the_map_beside_them_or_the_one_given(collection: Path) -> None:
    given = collection / 'elsewhere.osm'
    units = {unit.name: unit for unit in find_units([collection / 'drives'], given)}
    assert units['drives-scene_000000'].map_path == collection / 'drives/scene_000000/map.osm'
    assert units['alone'].map_path == given


def test_equal_names_are_told_apart(collection: Path) -> None:
    other = collection / 'more' / 'run' / 'scene_000000' / 'scene.npz'
    other.parent.mkdir(parents=True)
    other.write_text('')
    names = [unit.name for unit in find_units([collection / 'run', collection / 'more'])]
    assert names == ['run-scene_000000', 'run-scene_000001', 'run-scene_000000_2']


def test_content_follows_every_file(collection: Path) -> None:
    (unit,) = find_units([collection / 'dut' / 'a_traj_ped_filtered.csv'])
    before = unit.content
    assert unit.content == before
    (collection / 'dut' / 'a_traj_ped_filtered.csv').write_text('something else')
    assert unit.content != before


def test_nothing_to_extract_is_an_error(collection: Path) -> None:
    with pytest.raises(DataError, match=r'notes\.txt holds no recording'):
        find_units([collection / 'notes.txt'])
    with pytest.raises(DataError, match='does not exist'):
        find_units([collection / 'nowhere'])


def entry(name: str, begin_s: int, end_s: int, place: str = 'here') -> RecordingEntry:
    facts: dict[str, Any] = {SPAN: [begin_s * 10**9, end_s * 10**9], PLACE: place}
    return RecordingEntry(name, '', name, 'recorded', [], [], {}, facts)


def test_drives_that_meet_form_one_group() -> None:
    entries = [
        entry('c', 290, 400),  # meets b, though not a
        entry('a', 0, 100),
        entry('b', 90, 240),
        entry('d', 90, 240, 'there'),
        entry('e', 1000, 1100),
        RecordingEntry('f', '', 'city-1', 'simulated', [], []),
    ]
    groups = groups_by_time(entries)
    assert groups == {'a': 'a', 'b': 'a', 'c': 'a', 'd': 'd', 'e': 'e'}


def test_recordings_of_one_span_share_a_group_whatever_is_extracted(shared_data: Path) -> None:
    folder = shared_data / 'ngsim_commonroad' / 'Lankershim'
    if not folder.is_dir():
        pytest.skip(f'needs {folder}')
    units = with_groups(find_units([folder]))
    groups = {unit.name: unit.group for unit in units}
    assert 15 < len(set(groups.values())) < len(groups)
    assert set(groups.values()) <= set(groups)
    (one,) = with_groups(find_units([units[-1].path]))
    assert one.group == groups[one.name]


def test_one_city_is_one_group() -> None:
    assert city_group(b'<osm/>') == city_group(b'<osm/>') != city_group(b'<osm></osm>')


def test_units_of_other_kinds_keep_their_groups() -> None:
    units = [Unit('scene', Path('x'), 'x'), Unit('bag', Path('y'), 'y', group='g')]
    assert with_groups(units) == units
