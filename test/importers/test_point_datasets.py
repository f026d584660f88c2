"""DUT, VRU and SDD: files that the tests write, as the publishers' look."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import ObjectClass
from prediction_node.importers.dut import read_dut
from prediction_node.importers.point_tracks import recording_of_points
from prediction_node.importers.sdd import read_sdd
from prediction_node.importers.vru import read_vru_folder

PED, VEH = 'clip_traj_ped_filtered.csv', 'clip_traj_veh_filtered.csv'
NOT_CAUSAL = 'velocities must not know the future'


def write_dut(folder: Path) -> None:
    """A pedestrian at 1.5 m/s along y from frame 4, a car at 6 m/s along x."""
    walker = [f'0,{f},ped,10.0,{1.5 * f / 24},0,0' for f in range(4, 60)]
    car = [f'0,{f},veh,{6.0 * f / 24},3.0,0.1,6.0' for f in range(60)]
    header = 'id,frame,label,x_est,y_est,'
    (folder / PED).write_text('\n'.join([header + 'vx_est,vy_est', *walker]))
    (folder / VEH).write_text('\n'.join([header + 'psi_est,vel_est', *car]))


def test_dut_joins_pedestrians_and_vehicles_of_a_clip(tmp_path: Path) -> None:
    write_dut(tmp_path)
    for name in (PED, VEH):
        recording = read_dut(tmp_path / name)
        assert recording.name == 'clip'
        assert recording.track_id == ('ped_0', 'veh_0')
        assert recording.label.tolist() == [ObjectClass.PEDESTRIAN, ObjectClass.CAR]
        np.testing.assert_array_equal(
            np.diff(recording.stamp_ns), [83_333_333, 83_333_333, 83_333_334] * 9 + [83_333_333] * 2
        )
        walker, car = recording.valid
        assert car.sum() == 29  # of 30 even frames the first has no velocity yet
        assert not walker[:3].any()
        assert walker[3:].all()
        k = 20
        np.testing.assert_allclose(recording.position_m[:, k, 0], [10.0, 10.0], atol=1e-9)
        np.testing.assert_allclose(
            recording.velocity_mps[:, k], [[0.0, 1.5], [6.0, 0.0]], atol=1e-6
        )
        np.testing.assert_allclose(recording.yaw_rad[:, k], [math.pi / 2, 0.1], atol=1e-6)
        assert recording.ego is None


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('0,1.5,ped,1,1,0,0', 'whole numbers'),
        ('0,-2,ped,1,1,0,0', 'negative'),
        ('0,2,ped,nan,1,0,0', 'x_est must be finite'),
        ('0,2,ped,here,1,0,0', 'column x_est'),
        ('0,2,ped', '7 values expected'),
        ('0,999999999,ped,1,1,0,0', 'at most'),
    ],
)
def test_bad_dut_lines_are_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / PED).write_text(f'id,frame,label,x_est,y_est,vx_est,vy_est\n{line}\n')
    with pytest.raises(DataError, match=rf'{PED}.*{message}'):
        read_dut(tmp_path / PED)


def test_dut_without_a_column_or_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / PED).write_text('id,frame\n0,1\n')
    with pytest.raises(DataError, match='column x_est is missing'):
        read_dut(tmp_path / PED)
    with pytest.raises(DataError, match='does not exist'):
        read_dut(tmp_path / 'other_traj_ped_filtered.csv')
    with pytest.raises(DataError, match='ends in'):
        read_dut(tmp_path / 'other.csv')


def write_vru(folder: Path, name: str, step_s: float, count: int, speed_mps: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f'{k},{k * step_s:.2f},{k * step_s * speed_mps},0.0' for k in range(count)]
    (folder / f'{name}.csv').write_text('\n'.join([',timestamp,x,y', *lines]))


@pytest.mark.parametrize(
    ('kind', 'label', 'step_s', 'kept_s'),
    [
        ('cyclists', ObjectClass.BICYCLE, 0.08, 0.08),
        ('pedestrians', ObjectClass.PEDESTRIAN, 0.02, 0.08),
    ],
)
def test_vru_folders_are_one_road_user_a_file(
    tmp_path: Path, kind: str, label: ObjectClass, step_s: float, kept_s: float
) -> None:
    folder = tmp_path / kind / 'moving'
    write_vru(folder, '7', step_s, 101, 3.0)
    write_vru(folder, '9', step_s, 51, 2.0)
    (folder / '8.csv').write_text(',timestamp,x,y\n0,0.0,1,1\n1,0.0,1,1\n')
    recordings, left_out = read_vru_folder(folder)
    assert [r.name for r in recordings] == ['moving_7', 'moving_9']
    assert len(left_out) == 1
    assert '8.csv, line 3: timestamp must increase' in left_out[0]
    first = recordings[0]
    assert first.label.tolist() == [label]
    np.testing.assert_allclose(np.diff(first.stamp_ns) / 1e9, kept_s, atol=1e-9)
    np.testing.assert_allclose(first.velocity_mps[0, 1:, 0], 3.0, atol=1e-6)
    np.testing.assert_array_equal(first.yaw_rad, 0.0)


def test_vru_folders_of_unknown_people_are_named(tmp_path: Path) -> None:
    write_vru(tmp_path / 'horses' / 'moving', '7', 0.08, 10, 3.0)
    with pytest.raises(DataError, match='cyclists or pedestrians'):
        read_vru_folder(tmp_path / 'horses' / 'moving')
    (tmp_path / 'cyclists').mkdir()
    with pytest.raises(DataError, match=r'no \.csv file'):
        read_vru_folder(tmp_path / 'cyclists')


def write_sdd(root: Path, lines: list[str], scale: str = '0.05') -> Path:
    folder = root / 'gates' / 'video3'
    folder.mkdir(parents=True)
    (root / 'estimated_scales.yaml').write_text(f'gates:\n  video3:\n    scale: {scale}\n')
    (folder / 'annotations.txt').write_text('\n'.join(lines))
    return folder / 'annotations.txt'


def test_sdd_boxes_become_metres_with_y_upwards(tmp_path: Path) -> None:
    lines = [
        f'4 {100 + 2 * f} 190 {120 + 2 * f} 210 {f} {int(f in (60, 61, 62))} 0 0 "Biker"'
        for f in range(30, 120)
    ]
    recording = read_sdd(write_sdd(tmp_path, lines))
    assert recording.name == 'gates_video3'
    assert recording.label.tolist() == [ObjectClass.BICYCLE]
    assert recording.stamp_ns[0] == 1_000_000_000
    np.testing.assert_allclose(recording.position_m[0, 5, :2], [0.05 * (110 + 90), -0.05 * 200])
    np.testing.assert_allclose(recording.velocity_mps[0, 5], [3.0, 0.0], atol=1e-6)
    # Lost in frame 60, and after it a track begins anew: with its second box.
    np.testing.assert_array_equal(np.flatnonzero(~recording.valid[0]), [0, 10, 11])


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('4 1 1 2 2 0 0 0 0 "Horse"', "line 1: label must be one of .* got 'Horse'"),
        ('4 1 1 2 2 0 0 0', 'line 1: 10 values expected, got 8'),
        ('4 1 1 x 2 0 0 0 0 "Car"', 'line 1: could not convert'),
        ('4 1 1 inf 2 0 0 0 0 "Car"', 'line 1: numbers must be finite'),
        ('4 1 1 2 2 -3 0 0 0 "Car"', 'frame must lie in'),
        ('4 1 1 2 2 3 1 0 0 "Car"', 'no box that is not lost'),
    ],
)
def test_bad_sdd_lines_are_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DataError, match=rf'annotations\.txt.*{message}'):
        read_sdd(write_sdd(tmp_path, [line]))


@pytest.mark.parametrize('scale', ['0', '7', 'wide', '[1]'])
def test_bad_scales_are_named(tmp_path: Path, scale: str) -> None:
    path = write_sdd(tmp_path, ['4 1 1 2 2 0 0 0 0 "Car"'], scale)
    with pytest.raises(DataError, match=r'estimated_scales\.yaml.*gates/video3'):
        read_sdd(path)
    (tmp_path / 'estimated_scales.yaml').unlink()
    with pytest.raises(DataError, match=r'no estimated_scales\.yaml'):
        read_sdd(path)


def test_points_tell_nothing_of_the_future() -> None:
    rng = np.random.default_rng(0)
    stamp_ns = np.arange(40, dtype=np.int64) * 100_000_000
    position = np.cumsum(rng.normal(size=(3, 40, 2)), axis=1)
    valid = rng.random((3, 40)) < 0.9
    label = np.full(3, ObjectClass.PEDESTRIAN)

    def made(position: np.ndarray) -> Any:
        return recording_of_points('x', ['a', 'b', 'c'], label, stamp_ns, position, valid)

    changed = position.copy()
    changed[:, 21:] += 5.0
    a, b = made(position), made(changed)
    for name in ('position_m', 'velocity_mps', 'yaw_rad', 'valid'):
        np.testing.assert_array_equal(
            getattr(a, name)[:, :21], getattr(b, name)[:, :21], err_msg=NOT_CAUSAL
        )


def test_who_stands_keeps_the_heading_of_the_last_steps() -> None:
    time_s = 0.1 * np.arange(40)
    y = np.minimum(time_s, 2.0) * 1.5
    recording = recording_of_points(
        'x',
        ['a'],
        np.array([ObjectClass.PEDESTRIAN]),
        (np.arange(40) * 100_000_000).astype(np.int64),
        np.stack([np.zeros(40), y], axis=-1)[None],
        np.ones((1, 40), bool),
    )
    np.testing.assert_allclose(recording.yaw_rad[0, 1:], math.pi / 2)


@pytest.mark.parametrize(
    ('folder', 'least'), [('dut/data/trajectories_filtered', 1), ('sdd/little/video0', 50)]
)
def test_published_files_are_read(shared_data: Path, folder: str, least: int) -> None:
    place = shared_data / 'research' / folder
    if not place.is_dir():
        pytest.skip(f'needs {place}')
    if folder.startswith('dut'):
        recording = read_dut(place / 'intersection_01_traj_ped_filtered.csv')
        assert (recording.label == ObjectClass.CAR).any()
    else:
        recording = read_sdd(place / 'annotations.txt')
    assert len(recording.track_id) >= least
    speed = np.hypot(*np.moveaxis(recording.velocity_mps, -1, 0))[recording.valid]
    walkers = recording.label == ObjectClass.PEDESTRIAN
    walking = np.hypot(*np.moveaxis(recording.velocity_mps[walkers], -1, 0))
    typical = np.median(walking[recording.valid[walkers] & (walking > 0.5)])
    assert 1.0 < typical < 2.0
    assert np.quantile(speed, 0.99) < 12.0
