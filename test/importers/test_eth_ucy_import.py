"""Pedestrian files as recordings of 10 Hz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from prediction_node.crowds.files import read_crowd, split_files
from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import ObjectClass
from prediction_node.importers.eth_ucy import annotated_instants, read_eth_ucy


def write(path: Path, rows: list[tuple[float, float, float, float]]) -> Path:
    text = '\n'.join(' '.join(str(value) for value in row) for row in rows)
    path.write_text(text, encoding='utf-8')
    return path


def test_a_walk_is_the_same_walk_in_finer_steps(tmp_path: Path) -> None:
    path = write(tmp_path / 'walk.txt', [(10 * f, 4, 0.5 * f, -0.1 * f) for f in range(10)])
    recording = read_eth_ucy(path)
    assert recording.track_id == ('walk-4',)
    assert recording.label.tolist() == [ObjectClass.PEDESTRIAN]
    assert np.all(np.diff(recording.stamp_ns) == 100_000_000)
    assert len(recording.stamp_ns) == 37
    there = recording.valid[0]
    velocity = recording.velocity_mps[0, there]
    np.testing.assert_allclose(velocity, np.tile([1.25, -0.25], (len(velocity), 1)))
    ahead = np.arange(37)[there] * 0.1
    np.testing.assert_allclose(recording.position_m[0, there, 0], 1.25 * ahead)


def test_an_annotated_instant_knows_nothing_later(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    steps = rng.uniform(0.2, 0.7, (12, 2)).cumsum(axis=0)
    rows = [(6 * f, 1, *steps[f].round(6)) for f in range(12)]
    other = [*rows[:8], *((6 * f, 1, *(-steps[f]).round(6)) for f in range(8, 12))]
    one, two = (
        read_eth_ucy(write(tmp_path / f'{k}.txt', each)) for k, each in enumerate((rows, other))
    )
    now = annotated_instants(one)[7]
    for name in ('position_m', 'velocity_mps', 'yaw_rad', 'valid'):
        mine, theirs = getattr(one, name), getattr(two, name)
        np.testing.assert_array_equal(mine[:, : now + 1], theirs[:, : now + 1])
    assert not np.array_equal(one.position_m[:, now + 1], two.position_m[:, now + 1])


def test_nobody_is_invented_in_a_pause(tmp_path: Path) -> None:
    frames = [0, 10, 20, 50, 60, 70]
    path = write(tmp_path / 'pause.txt', [(f, 1, 0.05 * f, 0.0) for f in frames])
    valid = read_eth_ucy(path).valid[0]
    assert not valid[9:20].any()
    assert valid[1:9].all()


def test_frames_that_are_no_whole_steps_apart_are_refused(tmp_path: Path) -> None:
    rows = [(f, 1, 0.1, 0.1) for f in (0, 10, 20, 34, 40, 50)]
    with pytest.raises(DataError, match=r'odd\.txt: frame 34 is no whole number of 10'):
        read_eth_ucy(write(tmp_path / 'odd.txt', rows))


# The clock of ETH's file seems to be wrong: its people walk at 2.5 m/s.
@pytest.mark.parametrize(('scene', 'fastest_mps'), [('zara1', 1.5), ('eth', 3.0)])
def test_recorded_scenes_keep_their_positions(
    shared_data: Path, scene: str, fastest_mps: float
) -> None:
    (path,) = split_files(shared_data / 'eth_ucy', scene, 'test')
    crowd, recording = read_crowd(path), read_eth_ucy(path)
    assert len(recording.track_id) >= 0.9 * len(crowd.person)
    row = {name: k for k, name in enumerate(recording.track_id)}
    step = (crowd.frame - crowd.frame[0]) // int(np.median(np.diff(crowd.frame)))
    for k, person in enumerate(crowd.person.tolist()):
        mine = row.get(f'{crowd.name}-{person}')
        if mine is None:
            continue
        both = crowd.valid[k] & recording.valid[mine, 4 * step]
        there = recording.position_m[mine, 4 * step[both], :2]
        np.testing.assert_allclose(there, crowd.position_m[k, both], atol=1e-12)
    speed = np.linalg.norm(recording.velocity_mps[recording.valid], axis=-1)
    assert 0.8 < np.median(speed) < fastest_mps
