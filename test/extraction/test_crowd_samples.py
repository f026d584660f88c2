"""Samples of ETH/UCY files: which files are taken, and what their scenes know."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from prediction_node.domain.kinds import ObjectClass
from prediction_node.extraction.asking import Asking
from prediction_node.extraction.licences import licence_of
from prediction_node.extraction.make import Done, extract, finished
from prediction_node.extraction.readers import open_unit
from prediction_node.extraction.units import ETH_UCY, find_units
from prediction_node.learning.samples import SampleStore, write_index
from prediction_node.learning.samples.sample import Sample

FRAMES = 40


def rows(first: int = 0, last: int = FRAMES, turn: int = FRAMES) -> list[str]:
    """Three walkers at 1.25 m/s along x, side by side; from frame `turn` on they walk along y."""
    lines = []
    for frame in range(first, last):
        x, y = 0.5 * min(frame, turn), 0.5 * max(0, frame - turn)
        lines += [f'{10.0 * frame}\t{who}.0\t{x}\t{y + 2.0 * who}' for who in range(3)]
    return lines


def write(path: Path, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines), encoding='utf-8')
    return path


def samples_in(path: Path, asking: Asking) -> list[Sample]:
    (unit,) = find_units([path])
    out: list[Sample] = []
    open_unit(unit, asking).tell(out.append)
    return out


def test_only_text_of_the_protocol_is_taken(tmp_path: Path) -> None:
    good = write(tmp_path / 'walk.txt', rows())
    write(tmp_path / 'notes.txt', ['four words stand here'])
    write(tmp_path / 'requirements.txt', ['numpy'])
    write(tmp_path / 'half.txt', ['0.5 1 2.0 3.0'])
    write(tmp_path / 'endless.txt', ['0 1 nan 3.0'])
    (tmp_path / 'bytes.txt').write_bytes(b'\xff\xfe\x00\x01')
    (unit,) = find_units([tmp_path])
    assert (unit.kind, unit.path, unit.name, unit.group) == (ETH_UCY, good, 'walk', 'walk')


def test_each_recording_is_taken_once_whole_where_it_is_whole(tmp_path: Path) -> None:
    both = {'train': rows(0, 30), 'val': rows(30, 40)}
    for fold in ('a', 'b'):
        for part, lines in both.items():
            write(tmp_path / fold / part / f'cut_{part}.txt', lines)
    write(tmp_path / 'a' / 'train' / 'whole_train.txt', both['train'])
    write(tmp_path / 'b' / 'test' / 'whole.txt', rows())
    write(tmp_path / 'c' / 'whole.txt', rows(turn=20))  # another of the same name
    found = {str(u.path.relative_to(tmp_path)): (u.name, u.group) for u in find_units([tmp_path])}
    assert found == {
        'a/train/cut_train.txt': ('cut_train', 'cut'),
        'a/val/cut_val.txt': ('cut_val', 'cut'),
        'b/test/whole.txt': ('whole', 'whole'),
        'c/whole.txt': ('whole_2', 'whole'),
    }


def test_scenes_lie_on_annotated_instants_and_know_nothing_later(tmp_path: Path) -> None:
    asking = Asking(stride_s=0.5)
    straight, turning = (
        samples_in(write(tmp_path / name / 'walk.txt', rows(turn=turn)), asking)
        for name, turn in (('a', FRAMES), ('b', 20))
    )
    stamps = np.array([s.scene.stamp_ns for s in straight])
    since = (stamps - stamps[0]) / 1e9 + 1.2  # the first annotated instant after a second
    np.testing.assert_allclose(since / 0.4, np.round(since / 0.4))
    assert np.mean(np.diff(stamps)) == pytest.approx(0.5e9, rel=0.1)
    turned_s = 20 * 0.4
    for time_s, one, other in zip(since, straight, turning, strict=True):
        past = [np.asarray(each.scene.history.position_m) for each in (one, other)]
        same = np.array_equal(*past) and np.array_equal(
            one.scene.agents.velocity_mps, other.scene.agents.velocity_mps
        )
        assert same == (time_s <= turned_s + 1e-6)
        assert not np.array_equal(one.future_m, other.future_m) or time_s + 8.0 <= turned_s


def test_futures_are_those_of_the_file_on_the_grid_of_the_product(tmp_path: Path) -> None:
    sample = samples_in(write(tmp_path / 'walk.txt', rows()), Asking(stride_s=1.0))[0]
    agents = sample.scene.agents
    assert not sample.scene.ego.present
    assert sample.scene.lane_map is None
    assert sample.label.tolist() == 3 * [ObjectClass.PEDESTRIAN]
    np.testing.assert_allclose(agents.velocity_mps, np.tile([1.25, 0.0], (3, 1)), atol=1e-9)
    assert sample.future_valid.all()
    ahead = 0.125 * np.arange(1, 81)
    expected = agents.position_m[:, None, 0] + ahead
    np.testing.assert_allclose(sample.future_m[..., 0], expected, atol=1e-6)


@pytest.mark.parametrize(
    ('name', 'licence'),
    [
        ('students003_train', 'UCY: free with credit'),
        ('crowds_zara01', 'UCY: free with credit'),
        ('biwi_hotel', 'ETH: none stated'),
        ('mine', 'mine to give'),
    ],
)
def test_licences_are_known_by_the_name(tmp_path: Path, name: str, licence: str) -> None:
    (unit,) = find_units([write(tmp_path / f'{name}.txt', rows())], licence='mine to give')
    assert licence_of(unit) == licence
    out = tmp_path / 'out'
    assert isinstance(extract(unit, Asking(stride_s=4.0), out), Done)
    write_index(out)
    (entry,) = SampleStore(out).recordings
    assert entry.facts['licence'] == licence
    assert entry.samples > 0


def test_where_nobody_drives_nobody_reacts(tmp_path: Path) -> None:
    (unit,) = find_units([write(tmp_path / 'walk.txt', rows())])
    out = tmp_path / 'out'
    done = extract(unit, Asking(stride_s=1.0, reacting=True), out)
    assert isinstance(done, Done)
    assert done.samples == 0
    assert finished(out, unit, Asking(stride_s=1.0, reacting=True)) is not None
    assert finished(out, unit, Asking(stride_s=1.0)) is None
    assert extract(unit, Asking(stride_s=1.0), out).samples > 0


def test_the_published_folds_hold_eight_recordings(shared_data: Path) -> None:
    units = find_units([shared_data / 'eth_ucy'])
    groups = [str(unit.group) for unit in units]
    assert sorted(groups) == sorted(
        ('biwi_eth', 'biwi_hotel', 'crowds_zara01', 'crowds_zara02', 'students001', 'students003')
        # whole files; these two are there in parts alone
        + 2 * ('crowds_zara03', 'uni_examples')
    )
    licences = {group: licence_of(u) for group, u in zip(groups, units, strict=True)}
    assert {g for g, said in licences.items() if said.startswith('ETH')} == {
        'biwi_eth',
        'biwi_hotel',
    }
    assert dataclasses.replace(units[0], licence='x').content == units[0].content
