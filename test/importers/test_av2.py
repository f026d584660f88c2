"""Argoverse 2 logs: written small by the tests, and the recorded ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.errors import DataError
from prediction_node.domain.frames import quaternion_from_yaw
from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.lane_map import BorderKind, LaneKind, Turn
from prediction_node.importers.av2 import read_av2_log
from prediction_node.importers.av2_map import city_origin, read_vector_map

pa = pytest.importorskip('pyarrow')
feather = pytest.importorskip('pyarrow.feather')

SWEEPS = 12
START_NS = 315_966_253_660_357_000
CITY_M = np.array([5172.0, 2419.0, 67.0])  # where the drive begins
YAW_RAD = 0.6


def ego_at(step: float) -> tuple[np.ndarray, float]:
    """4 m/s along the heading, which turns by a tenth of a radian a step."""
    yaw = YAW_RAD + 0.01 * step
    return CITY_M + np.array([0.4 * step, 0.1 * step, 0.0]), yaw


def in_ego(point_m: np.ndarray, step: int) -> np.ndarray:
    place, yaw = ego_at(step)
    offset = point_m - place
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array(
        [cos * offset[0] + sin * offset[1], -sin * offset[0] + cos * offset[1], offset[2]]
    )


def box(step: int, track: str, category: str, city_m: np.ndarray, yaw: float) -> dict[str, Any]:
    place = in_ego(city_m, step)
    q = quaternion_from_yaw(np.array(yaw - ego_at(step)[1]))
    return {
        'timestamp_ns': START_NS + step * 100_000_000,
        'track_uuid': track,
        'category': category,
        'length_m': 4.0,
        'width_m': 1.8,
        'height_m': 1.5,
        'qw': q[3],
        'qx': q[0],
        'qy': q[1],
        'qz': q[2],
        'tx_m': place[0],
        'ty_m': place[1],
        'tz_m': place[2],
    }


def car_at(step: int) -> np.ndarray:
    return CITY_M + np.array([20.0 - 0.6 * step, 0.8 * step, 1.0])


def boxes() -> list[dict[str, Any]]:
    rows = []
    for step in range(SWEEPS):
        rows.append(box(step, 'car', 'REGULAR_VEHICLE', car_at(step), 2.2143))
        rows.append(box(step, 'cone', 'CONSTRUCTION_CONE', CITY_M, 0.0))
        if step in (3, 4, 5, 8, 9):
            rows.append(
                box(step, 'walker', 'PEDESTRIAN', CITY_M + np.array([0, 5 + 0.1 * step, 0]), 1.5)
            )
    rows.append(box(6, 'glimpse', 'BICYCLIST', CITY_M, 0.0))
    return rows


def poses() -> list[dict[str, Any]]:
    """Between the sweeps too, as in the real logs."""
    rows = []
    for tenth in range(-5, 10 * SWEEPS + 5):
        place, yaw = ego_at(tenth / 10 + 0.01)
        q = quaternion_from_yaw(np.array(yaw))
        rows.append(
            {
                'timestamp_ns': START_NS + tenth * 10_000_000 + 1_000_000,
                'qw': q[3], 'qx': q[0], 'qy': q[1], 'qz': q[2],
                'tx_m': place[0], 'ty_m': place[1], 'tz_m': place[2],
            }
        )  # fmt: skip
    return rows


def points(*rows: tuple[float, float]) -> list[dict[str, float]]:
    return [{'x': x, 'y': y, 'z': 67.0} for x, y in rows]


def segment(number: int, left: Any, right: Any, **changes: Any) -> dict[str, Any]:
    return {
        'id': number,
        'is_intersection': False,
        'lane_type': 'VEHICLE',
        'left_lane_boundary': left,
        'left_lane_mark_type': 'NONE',
        'right_lane_boundary': right,
        'right_lane_mark_type': 'SOLID_WHITE',
        'successors': [],
        'predecessors': [],
        'right_neighbor_id': None,
        'left_neighbor_id': None,
        **changes,
    }


def archive() -> dict[str, Any]:
    segments = [
        segment(
            11,
            points((0, 2), (50, 2)),
            points((0, -2), (50, -2)),
            successors=[12, 999],
            left_neighbor_id=13,
            right_neighbor_id=14,
            left_lane_mark_type='DOUBLE_SOLID_YELLOW',
            right_lane_mark_type='DASHED_WHITE',
        ),
        segment(
            12,
            points((50, 2), (60, 3), (70, 10)),
            points((50, -2), (64, -1), (74, 10)),
            is_intersection=True,
        ),
        segment(13, points((50, 2), (0, 2)), points((50, 6), (0, 6)), left_neighbor_id=11),
        segment(
            14,
            points((0, -2), (50, -2)),
            points((0, -5), (50, -5)),
            lane_type='BIKE',
            left_neighbor_id=11,
        ),
    ]
    return {
        'lane_segments': {str(s['id']): s for s in segments},
        'pedestrian_crossings': {
            '21': {'id': 21, 'edge1': points((30, -5), (30, 6)), 'edge2': points((33, 6), (33, -5))}
        },
        'drivable_areas': {
            '31': {'id': 31, 'area_boundary': points((0, -5), (80, -5), (80, 20), (0, -5))}
        },
    }


def write_table(rows: list[dict[str, Any]], file: Path) -> None:
    feather.write_feather(pa.Table.from_pylist(rows), str(file))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / 'a-log'
    (folder / 'map').mkdir(parents=True)
    write_table(boxes(), folder / 'annotations.feather')
    write_table(poses(), folder / 'city_SE3_egovehicle.feather')
    (folder / 'map' / 'log_map_archive_a-log____PIT_city_47896.json').write_text(
        json.dumps(archive())
    )
    return folder


def test_boxes_become_tracks_in_the_city_frame(log: Path) -> None:
    recording, _, _ = read_av2_log(log)
    assert recording.track_id == ('ego', 'car', 'walker')  # no cone, and no single box
    assert recording.label.tolist() == [ObjectClass.CAR, ObjectClass.CAR, ObjectClass.PEDESTRIAN]
    assert recording.stamp_ns.tolist() == [START_NS + k * 100_000_000 for k in range(1, SWEEPS)]
    car = recording.track_id.index('car')
    for column, step in enumerate(range(1, SWEEPS)):
        np.testing.assert_allclose(recording.position_m[car, column], car_at(step), atol=1e-3)
    np.testing.assert_allclose(recording.yaw_rad[car], 2.2143, atol=1e-4)
    np.testing.assert_allclose(
        recording.velocity_mps[car], np.tile([-6.0, 8.0], (SWEEPS - 1, 1)), atol=1e-2
    )
    np.testing.assert_allclose(recording.size_m[car], [4.0, 1.8, 1.5])


def test_the_ego_is_its_box_ahead_of_the_rear_axle(log: Path) -> None:
    recording, _, _ = read_av2_log(log)
    assert recording.ego == 0
    for column, step in enumerate(range(1, SWEEPS)):
        place, yaw = ego_at(step)
        middle = place[:2] + 1.4 * np.array([np.cos(yaw), np.sin(yaw)])
        np.testing.assert_allclose(recording.position_m[0, column, :2], middle, atol=1e-3)
        assert recording.yaw_rad[0, column] == pytest.approx(yaw, abs=1e-4)


def test_a_track_begins_when_its_velocity_is_known(log: Path) -> None:
    recording, _, _ = read_av2_log(log)
    walker = recording.track_id.index('walker')
    # Seen in sweeps 3, 4, 5 and 8, 9; the recording's first instant is sweep 1.
    assert (recording.valid[walker].nonzero()[0] + 1).tolist() == [4, 5, 9]
    seen = recording.velocity_mps[walker][recording.valid[walker]]
    np.testing.assert_allclose(seen, [[0.0, 1.0]] * 3, atol=1e-2)


def test_lanes(log: Path) -> None:
    _, lane_map, origin = read_av2_log(log)
    assert lane_map.id.tolist() == [11, 12, 13, 14, 21]
    assert lane_map.kind.tolist() == [
        LaneKind.ROAD,
        LaneKind.ROAD,
        LaneKind.ROAD,
        LaneKind.BICYCLE,
        LaneKind.CROSSWALK,
    ]
    assert lane_map.turn.tolist() == [Turn.NONE, Turn.LEFT, Turn.NONE, Turn.NONE, Turn.NONE]
    assert lane_map.one_way.tolist() == [True, True, True, True, False]
    assert lane_map.successors[0].tolist() == [1]
    assert lane_map.predecessors[1].tolist() == [0]  # though the archive does not list it
    assert not len(lane_map.left[0])  # the neighbour there drives the other way
    assert lane_map.right[0].tolist() == [3]
    assert lane_map.right_change.tolist() == [True, False, False, False, False]
    assert lane_map.left_border_kind[0] == BorderKind.SOLID
    assert lane_map.warnings[0].startswith('1 connections lead out')
    assert origin == pytest.approx((40.4418, -80.0129), abs=1e-3)
    assert [(area.kind, len(area.outline_m)) for area in lane_map.areas] == [('drivable_area', 3)]


def test_crossings_have_a_left_and_a_right_edge(log: Path) -> None:
    _, lane_map, _ = read_av2_log(log)
    left, right = lane_map.left_border[4], lane_map.right_border[4]
    ahead, across = (left[-1] - left[0])[:2], (left[0] - right[0])[:2]
    assert ahead[0] * across[1] - ahead[1] * across[0] > 0.0
    assert np.dot(ahead, (right[-1] - right[0])[:2]) > 0.0


@pytest.mark.parametrize(
    ('mark', 'on_left', 'kind'),
    [
        ('DASHED_WHITE', True, BorderKind.DASHED),
        ('DOUBLE_DASH_YELLOW', True, BorderKind.OTHER),
        ('SOLID_DASH_WHITE', True, BorderKind.DASHED),
        ('SOLID_DASH_WHITE', False, BorderKind.SOLID),
        ('DASH_SOLID_YELLOW', True, BorderKind.SOLID),
        ('NONE', True, BorderKind.VIRTUAL),
        ('UNKNOWN', False, BorderKind.OTHER),
    ],
)
def test_markings(mark: str, on_left: bool, kind: BorderKind, log: Path) -> None:
    content = archive()
    content['lane_segments']['11'][f'{"left" if on_left else "right"}_lane_mark_type'] = mark
    file = next((log / 'map').iterdir())
    file.write_text(json.dumps(content))
    lane_map = read_vector_map(file)
    kinds = lane_map.left_border_kind if on_left else lane_map.right_border_kind
    assert kinds[0] == kind


def test_cities_without_an_origin(tmp_path: Path) -> None:
    assert city_origin(tmp_path / 'log_map_archive_x____XYZ_city_1.json') == (0.0, 0.0)
    assert city_origin(tmp_path / 'log_map_archive_x.json') == (0.0, 0.0)


def test_missing_pyarrow_is_said_clearly(log: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, 'pyarrow', None)
    with pytest.raises(DataError, match='needs pyarrow, which is not installed: pip install'):
        read_av2_log(log)


def test_missing_files_are_named(log: Path) -> None:
    (log / 'city_SE3_egovehicle.feather').unlink()
    with pytest.raises(DataError, match=r'a-log holds no city_SE3_egovehicle\.feather'):
        read_av2_log(log)
    next((log / 'map').iterdir()).unlink()
    write_table(poses(), log / 'city_SE3_egovehicle.feather')
    with pytest.raises(DataError, match=r'map holds no log_map_archive_\*\.json'):
        read_av2_log(log)


def test_malformed_tables_are_named(log: Path) -> None:
    file = log / 'annotations.feather'
    for change, message in (
        (lambda row: row.pop('tx_m'), 'column tx_m is missing'),
        (lambda row: row.update(tx_m=float('nan')), 'column tx_m must be finite'),
        (lambda row: row.update(category='SPACESHIP'), "category 'SPACESHIP' is unknown"),
        (lambda row: row.update(length_m=0.0), 'length_m, width_m and height_m must be positive'),
        (lambda row: row.update(timestamp_ns=1.5), 'column timestamp_ns must hold integers'),
        (
            lambda row: row.update(timestamp_ns=row['timestamp_ns'] + 10**12),
            'poses do not cover',
        ),
    ):
        rows = boxes()
        for row in rows:
            change(row)
        write_table(rows, file)
        with pytest.raises(DataError, match=message):
            read_av2_log(log)
    file.write_bytes(b'not a table')
    with pytest.raises(DataError, match=r'annotations\.feather is not a feather file'):
        read_av2_log(log)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda a: a.pop('lane_segments'), 'lane_segments is missing or empty'),
        (
            lambda a: a['lane_segments']['11'].update(id='x'),
            "id must be a positive integer, got 'x'",
        ),
        (
            lambda a: a['lane_segments']['11'].update(lane_type='RAIL'),
            "lane segment 11: lane_type 'RAIL' is unknown",
        ),
        (
            lambda a: a['lane_segments']['11'].pop('left_lane_boundary'),
            'lane segment 11: left_lane_boundary must be a list of points',
        ),
        (
            lambda a: a['lane_segments']['11'].update(left_lane_boundary=points((1, 1), (1, 1))),
            'lane segment 11: left_lane_boundary needs two different points',
        ),
        (
            lambda a: a['lane_segments']['11'].update(successors=7),
            'lane segment 11: successors must be a list of ids',
        ),
        (
            lambda a: a['pedestrian_crossings']['21'].update(id=12),
            'two lanes or crossings have the same id',
        ),
    ],
)
def test_malformed_maps_are_named(change: Any, message: str, log: Path) -> None:
    content = archive()
    change(content)
    file = next((log / 'map').iterdir())
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        read_vector_map(file)


def test_broken_json_is_named(log: Path) -> None:
    file = next((log / 'map').iterdir())
    file.write_text('{')
    with pytest.raises(DataError, match='is not JSON'):
        read_vector_map(file)


def test_recorded_logs(shared_data: Path) -> None:
    logs = sorted((shared_data / 'av2' / 'logs').iterdir())
    assert len(logs) == 4
    for folder in logs:
        recording, lane_map, origin = read_av2_log(folder)
        assert origin != (0.0, 0.0)
        assert recording.valid[0].all()
        assert recording.valid.any(axis=1).all()
        assert len(lane_map) > 100
        speed = np.hypot(*np.moveaxis(recording.velocity_mps, -1, 0))[recording.valid]
        assert speed.max() < 25.0
        # Who moves, moves where its body points.
        moving = recording.valid & (np.linalg.norm(recording.velocity_mps, axis=-1) > 3.0)
        moving[~np.isin(recording.label, [ObjectClass.CAR, ObjectClass.BUS, ObjectClass.TRUCK])] = 0
        vx, vy = recording.velocity_mps[moving].T
        off = np.angle(np.exp(1j * (np.arctan2(vy, vx) - recording.yaw_rad[moving])))
        assert np.median(np.abs(off)) < np.deg2rad(5.0)
