"""Windows of the pedestrian protocol, and what the network is told of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_node.crowds.arrays import (
    encode_crowd,
    encode_labels,
    from_own,
    own_poses,
    sizes,
    to_own,
    velocities,
)
from prediction_node.crowds.files import SCENES, Crowd, read_crowd, split_files
from prediction_node.crowds.windows import CrowdWindow, nearest, windows
from prediction_node.domain.errors import DataError
from prediction_node.domain.frames import rotation_2d
from prediction_node.domain.tensors import STATE_NAMES, check_arrays, encoder_inputs

COUNTS = {'eth': 181, 'hotel': 1053, 'univ': 24334, 'zara1': 2253, 'zara2': 5833}


def make_crowd(people: int = 3, frames: int = 24, seed: int = 0) -> Crowd:
    rng = np.random.default_rng(seed)
    steps = 0.4 * rng.uniform(0.2, 1.6, (people, 1, 1)) * np.array([1.0, 0.3])
    position = rng.uniform(-4, 4, (people, 1, 2)) + steps * np.arange(frames)[:, None]
    position += 0.03 * rng.standard_normal(position.shape)
    return Crowd(
        name='made',
        frame=10 * np.arange(frames),
        person=np.arange(people),
        position_m=position,
        valid=np.ones((people, frames), dtype=bool),
    )


def changed(crowd: Crowd, **fields: np.ndarray) -> Crowd:
    kept = {name: getattr(crowd, name) for name in Crowd.__slots__}
    return Crowd(**{**kept, **fields})


def write(path: Path, lines: str) -> Path:
    path.write_text(lines, encoding='utf-8')
    return path


@pytest.mark.parametrize('scene', SCENES)
def test_windows_number_what_the_protocol_says(shared_data: Path, scene: str) -> None:
    found = 0
    for path in split_files(shared_data / 'eth_ucy', scene, 'test'):
        found += sum(window.judged for window in windows(read_crowd(path)))
    assert found == COUNTS[scene]


def test_splits_of_a_fold_share_no_instant(shared_data: Path) -> None:
    folder = shared_data / 'eth_ucy'
    for scene in SCENES:
        test = {path.stem for path in split_files(folder, scene, 'test')}
        frames = {}
        for split in ('train', 'val'):
            for path in split_files(folder, scene, split):
                name = path.stem.removesuffix(f'_{split}')
                assert name not in test
                frames[name, split] = set(read_crowd(path).frame.tolist())
        for (name, split), instants in frames.items():
            if split == 'val':
                assert not instants & frames.get((name, 'train'), set())


def test_a_window_needs_two_who_stay() -> None:
    alone = make_crowd(people=1)
    assert list(windows(alone)) == []
    crowd = make_crowd(people=2, frames=21)
    assert [w.judged for w in windows(crowd)] == [2, 2]
    valid = crowd.valid.copy()
    valid[1, 20] = False
    assert [w.judged for w in windows(changed(crowd, valid=valid))] == [2]


def test_a_pause_in_the_annotation_is_in_no_window() -> None:
    crowd = make_crowd(frames=30)
    frame = crowd.frame.copy()
    frame[25:] += 10
    firsts = [w.frame for w in windows(changed(crowd, frame=frame))]
    assert firsts == [70 + 10 * k for k in range(6)]


def test_others_who_are_there_are_seen_and_not_judged() -> None:
    crowd = make_crowd(people=4, frames=20)
    valid = crowd.valid.copy()
    valid[2, 10:] = False  # leaves after the present
    valid[3, 5] = False  # was away: known without a gap from frame 6 on
    valid[3, 12:] = False
    (window,) = windows(changed(crowd, valid=valid))
    assert window.person.tolist() == [0, 1, 2, 3]
    assert window.judged == 2
    assert window.history_valid[3].tolist() == [False] * 6 + [True] * 2
    assert np.all(window.history_m[3, :6] == 0.0)


def test_nothing_that_is_encoded_knows_the_future() -> None:
    crowd = make_crowd(frames=20)
    later = crowd.position_m.copy()
    later[:, 8:] += 50.0
    (before,), (after,) = windows(crowd), windows(changed(crowd, position_m=later))
    one = encode_crowd(before.history_m, before.history_valid, sizes())
    two = encode_crowd(after.history_m, after.history_valid, sizes())
    for name, array in one.items():
        np.testing.assert_array_equal(array, two[name])


def test_arrays_are_what_the_contract_says() -> None:
    (window,) = windows(make_crowd(frames=20))
    arrays = encode_crowd(window.history_m, window.history_valid, sizes())
    # Nothing kinematic is proposed to this network.
    wanted = {k: t for k, t in encoder_inputs(sizes()).items() if not k.startswith('proposal')}
    assert arrays.keys() == wanted.keys()
    check_arrays(arrays, wanted, sizes())
    assert arrays['actor_valid'].sum() == 3
    assert arrays['actor_valid'][0] == 0  # nobody drives
    labels = encode_labels(window, sizes())
    assert labels['weight'].sum() == window.judged


@given(angle=st.floats(-np.pi, np.pi), x=st.floats(-500, 500), y=st.floats(-500, 500))
def test_own_frames_turn_with_the_world(angle: float, x: float, y: float) -> None:
    (window,) = windows(make_crowd(frames=20, seed=3))
    turned = window.history_m @ rotation_2d(angle).T + [x, y]
    one = encode_crowd(window.history_m, window.history_valid, sizes(8))
    two = encode_crowd(turned, window.history_valid, sizes(8))
    for name in ('actor_history', 'actor_state'):
        np.testing.assert_allclose(one[name], two[name], atol=2e-4)


def test_velocity_looks_back_two_steps() -> None:
    history = np.zeros((2, 8, 2))
    history[0, :, 0] = 0.4 * 1.2 * np.arange(8)
    history[1, 7] = [3.0, 0.0]
    valid = np.ones((2, 8), dtype=bool)
    valid[1, :7] = False
    np.testing.assert_allclose(velocities(history, valid), [[1.2, 0.0], [0.0, 0.0]], atol=1e-12)
    state = encode_crowd(history, valid, sizes(2))['actor_state']
    assert state[1, STATE_NAMES.index('speed_mps')] == pytest.approx(1.2)


def test_own_frame_and_back() -> None:
    (window,) = windows(make_crowd(frames=20, seed=5))
    pose = own_poses(window.history_m, window.history_valid)
    own = to_own(pose, window.future_m - pose[:, None, :2])
    np.testing.assert_allclose(from_own(pose, own), window.future_m, atol=1e-9)
    modes = np.stack([own, own + 1.0], axis=1)
    np.testing.assert_allclose(from_own(pose, modes)[:, 0], window.future_m, atol=1e-9)


def test_who_stands_looks_where_he_came_from() -> None:
    history = np.zeros((1, 8, 2))
    history[0, :, 1] = [-2.0, -1.5, -1.0, -0.5, 0.0, 0.0, 0.0, 0.0]
    pose = own_poses(history, np.ones((1, 8), dtype=bool))
    np.testing.assert_allclose(pose[0], [0.0, 0.0, 0.0, 1.0])
    still = own_poses(np.zeros((1, 8, 2)), np.ones((1, 8), dtype=bool))
    np.testing.assert_allclose(still[0], [0.0, 0.0, 1.0, 0.0])


def test_the_nearest_begin_with_oneself() -> None:
    history = np.zeros((5, 8, 2))
    history[:, -1, 0] = [0.0, 4.0, 1.0, 4.0, 9.0]
    assert nearest(history, 1, 3).tolist() == [1, 3, 2]
    assert nearest(history, 3, 2).tolist() == [3, 1]
    assert sorted(nearest(history, 0, 16).tolist()) == [0, 1, 2, 3, 4]


def test_too_many_people_are_refused() -> None:
    window: CrowdWindow = next(windows(make_crowd(people=5)))
    with pytest.raises(ValueError, match='at most 4 pedestrians, got 5'):
        encode_crowd(window.history_m, window.history_valid, sizes(4))


@pytest.mark.parametrize(
    ('lines', 'says'),
    [
        ('0 1 2.0\n', 'line 1: must be frame, id, x, y'),
        ('0 1 2.0 nan\n', 'line 1: must be frame'),
        ('0 1 2.0 3.0\n0.5 1 2.0 3.0\n', 'line 2: frame must be a whole number, got 0.5'),
        ('0 1 2.0 3e9\n', 'y must be within 1000 m'),
        ('0 1 2.0 3.0\n0 1 2.5 3.0\n', 'person 1 has two positions in frame 0'),
        ('', 'holds no positions'),
    ],
)
def test_bad_files_are_refused_by_name(tmp_path: Path, lines: str, says: str) -> None:
    path = write(tmp_path / 'bad.txt', lines)
    with pytest.raises(DataError, match=r'bad\.txt') as caught:
        read_crowd(path)
    assert says in str(caught.value)


def test_a_folder_without_recordings_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'univ/val: no recordings'):
        split_files(tmp_path, 'univ', 'val')
