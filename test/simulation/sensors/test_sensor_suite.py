"""Stamps, arrivals, ids and seeds of a suite of sensors, and its description in YAML."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from prediction_node.domain.errors import DataError, ParameterError
from prediction_node.domain.kinds import Modality, ObjectClass
from prediction_node.domain.recording import Recording
from prediction_node.simulation.sensors.corners import CORNERS, corner_suite
from prediction_node.simulation.sensors.nuisances import NUISANCES, with_nuisances
from prediction_node.simulation.sensors.parameters import (
    SensorParameters,
    SuiteParameters,
    default_sensor,
)
from prediction_node.simulation.sensors.suite import (
    SensorMessage,
    rows_in_view,
    simulate_sensors,
)
from prediction_node.simulation.sensors.suite_file import load_suite, suite_from

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def world(world_of: Any, circle: Any) -> Recording:
    return world_of(circle(12, 40.0), velocity_mps=np.full((12, 2), 3.0), steps=31)


def messages(recording: Recording, suite: SuiteParameters, seed: int = 0) -> list[SensorMessage]:
    return list(simulate_sensors(recording, suite, seed))


def names_of(arrays: Any) -> list[bytes]:
    ids = getattr(arrays, 'uuid', None) if hasattr(arrays, 'uuid') else None
    if ids is None and hasattr(arrays, 'object_id'):
        ids = arrays.object_id
    return [bytes.fromhex(n) for n in arrays.id] if ids is None else [row.tobytes() for row in ids]


def assert_same(a: SensorMessage, b: SensorMessage) -> None:
    assert (a.arrival_ns, a.source) == (b.arrival_ns, b.source)
    for field in dataclasses.fields(a.arrays):
        np.testing.assert_array_equal(getattr(a.arrays, field.name), getattr(b.arrays, field.name))


def test_arrivals_are_sorted_and_late_by_the_latency(world: Recording) -> None:
    out = messages(world, SuiteParameters())
    arrivals = [m.arrival_ns for m in out]
    assert arrivals == sorted(arrivals)
    latency_ns = {'camera': 90e6, 'lidar': 60e6, 'radar': 40e6, 'thermal': 90e6}
    for message in out:
        assert message.arrival_ns - message.arrays.stamp_ns == latency_ns[message.source]
        assert message.arrays.frame_id == message.source


def test_rates(world: Recording) -> None:
    out = messages(world, SuiteParameters())
    for source, rate_hz in (('camera', 10), ('lidar', 10), ('radar', 15), ('thermal', 10)):
        stamps = np.array([m.arrays.stamp_ns for m in out if m.source == source])
        assert len(stamps) == 3 * rate_hz
        np.testing.assert_allclose(np.diff(stamps), 1e9 / rate_hz, atol=1)
        assert world.stamp_ns[0] <= stamps[0]
        assert stamps[-1] <= world.stamp_ns[-1]


def test_jitter_delays_and_never_hastens(world: Recording) -> None:
    sensor = default_sensor(Modality.LIDAR, latency_jitter_ms=250.0)
    out = messages(world, SuiteParameters(sensors={'lidar': sensor}))
    late_ms = np.array([(m.arrival_ns - m.arrays.stamp_ns) * 1e-6 for m in out])
    assert late_ms.min() >= 60.0
    assert late_ms.max() <= 310.0
    assert np.ptp(late_ms) > 100.0
    arrivals = [m.arrival_ns for m in out]
    assert arrivals == sorted(arrivals)
    stamps = [m.arrays.stamp_ns for m in out]
    assert stamps != sorted(stamps)  # with so much jitter messages overtake each other


def test_same_seed_same_messages(world: Recording) -> None:
    for a, b in zip(
        messages(world, SuiteParameters(), 7), messages(world, SuiteParameters(), 7), strict=True
    ):
        assert_same(a, b)


def test_another_seed_gives_other_noise(world: Recording) -> None:
    a, b = (
        next(m for m in messages(world, SuiteParameters(), seed) if m.source == 'lidar')
        for seed in (1, 2)
    )
    assert a.arrays.position.shape != b.arrays.position.shape or not np.allclose(
        a.arrays.position, b.arrays.position
    )


def test_a_sensor_does_not_depend_on_the_others(world: Recording) -> None:
    suite = SuiteParameters()
    alone = messages(world, SuiteParameters(sensors={'radar': suite.sensors['radar']}), 3)
    among = [m for m in messages(world, suite, 3) if m.source == 'radar']
    assert len(alone) == len(among)
    for a, b in zip(alone, among, strict=True):
        assert_same(a, b)


def test_the_noise_of_an_object_does_not_depend_on_who_is_in_view(world: Recording) -> None:
    """Where a car leaves, the measurements of the others stay as they were."""
    fewer = dataclasses.replace(world, valid=world.valid.copy())
    fewer.valid[5] = False
    suite = SuiteParameters(occlusion=False, sensors={'lidar': default_sensor(Modality.LIDAR)})
    for a, b in zip(messages(world, suite), messages(fewer, suite), strict=True):
        places = {tuple(p) for p in a.arrays.position.tolist()}
        assert {tuple(p) for p in b.arrays.position.tolist()} <= places
        assert len(a.arrays.position) - len(b.arrays.position) <= 1


def test_messages_are_interpolated_at_their_own_stamps(world_of: Any) -> None:
    world = world_of(np.array([[20.0, 0.0]]), velocity_mps=np.array([[10.0, 0.0]]), steps=31)
    sensor = default_sensor(
        Modality.LIDAR, x_m=0.0, dropout=0.0, sigma_along_m=0.0, sigma_across_m=0.0
    )
    suite = SuiteParameters(sensors={'lidar': sensor})
    for message in messages(world, suite):
        since_s = (message.arrays.stamp_ns - int(world.stamp_ns[0])) * 1e-9
        np.testing.assert_allclose(
            message.arrays.position[0, :2], [20.0 + 10.0 * since_s, 0.0], atol=1e-6
        )


def test_ids_stay_while_an_object_is_seen_and_change_after_a_gap(world_of: Any) -> None:
    world = world_of(np.array([[20.0, 0.0]]), steps=61)
    gap = dataclasses.replace(world, valid=world.valid.copy())
    gap.valid[1, 20:40] = False
    suite = SuiteParameters(sensors={'lidar': default_sensor(Modality.LIDAR)})
    steady = {name for m in messages(world, suite) for name in names_of(m.arrays)}
    assert len(steady) == 1
    broken = [name for m in messages(gap, suite) for name in names_of(m.arrays)]
    assert len(set(broken)) == 2
    assert broken == sorted(broken, key=broken.index)  # never back to the first


def test_id_switches_at_their_rate(world_of: Any, circle: Any) -> None:
    world = world_of(circle(20, 40.0), steps=201)
    sensor = default_sensor(Modality.LIDAR, id_switch=0.05, dropout=0.0)
    out = messages(world, SuiteParameters(occlusion=False, sensors={'lidar': sensor}))
    names = {name for m in out for name in names_of(m.arrays)}
    seen = sum(len(m.arrays.position) for m in out)
    assert abs((len(names) - 20) / seen - 0.05) < 4.0 * np.sqrt(0.05 * 0.95 / seen)


def test_ids_of_two_sensors_and_two_objects_differ(world: Recording) -> None:
    out = messages(world, SuiteParameters())
    by_source: dict[str, set[bytes]] = {}
    for message in out:
        names = names_of(message.arrays)
        assert len(set(names)) == len(names)
        by_source.setdefault(message.source, set()).update(names)
    assert not by_source['lidar'] & by_source['radar']
    assert not by_source['camera'] & by_source['thermal']


def test_sensors_are_silent_while_the_robotaxi_is_away(world: Recording) -> None:
    away = dataclasses.replace(world, valid=world.valid.copy())
    away.valid[0, :10] = False
    stamps = [m.arrays.stamp_ns for m in messages(away, SuiteParameters())]
    assert min(stamps) >= world.stamp_ns[10]


def test_rows_in_view_are_the_ones_that_are_reported(world_of: Any, circle: Any) -> None:
    """Without dropouts a sensor reports exactly who is in view; behind a bus nobody is."""
    places = np.concatenate([circle(7, 30.0), 2.0 * circle(7, 30.0), 5.0 * circle(7, 30.0)])
    world = world_of(places, size_m=(12.0, 2.5, 3.2))
    suite = SuiteParameters(
        sensors={
            name: dataclasses.replace(sensor, dropout=0.0)
            for name, sensor in SuiteParameters().sensors.items()
        }
    )
    for message in messages(world, suite):
        rows = rows_in_view(world, suite, message.arrays.stamp_ns)[message.source]
        assert len(message.arrays.position) == len(rows)
        assert 0 not in rows
    first = rows_in_view(world, suite, int(world.stamp_ns[0]))
    assert set(first['lidar']) == set(range(1, 8))


def test_nobody_is_in_view_of_an_absent_robotaxi(world: Recording) -> None:
    away = dataclasses.replace(world, valid=world.valid.copy())
    away.valid[0, 3] = False
    rows = rows_in_view(away, SuiteParameters(), int(world.stamp_ns[3]))
    assert {name: len(found) for name, found in rows.items()} == {
        'camera': 0,
        'lidar': 0,
        'radar': 0,
        'thermal': 0,
    }


def test_no_robotaxi_is_an_error(world: Recording) -> None:
    with pytest.raises(DataError, match='world: no track is the robotaxi'):
        simulate_sensors(dataclasses.replace(world, ego=None), SuiteParameters(), 0)


def test_shipped_yaml_is_the_defaults() -> None:
    assert load_suite(REPOSITORY / 'config' / 'sensors.yaml') == SuiteParameters()
    assert load_suite(REPOSITORY / 'config' / 'sensors_corners.yaml') == corner_suite()


def test_everyday_trouble_leaves_range_noise_and_dropouts_as_they_are() -> None:
    plain, troubled = corner_suite(), with_nuisances(corner_suite())
    assert load_suite(REPOSITORY / 'config' / 'sensors_everyday.yaml') == troubled
    for name, sensor in plain.sensors.items():
        trouble = NUISANCES[sensor.kind]
        for field in dataclasses.fields(sensor):
            value = getattr(troubled.sensors[name], field.name)
            assert value == trouble.get(field.name, getattr(sensor, field.name))


def test_shipped_yaml_lists_every_figure() -> None:
    content = yaml.safe_load((REPOSITORY / 'config' / 'sensors.yaml').read_text())
    assert set(content) == {f.name for f in dataclasses.fields(SuiteParameters)}
    figures = {f.name for f in dataclasses.fields(SensorParameters)}
    for name, sensor in content['sensors'].items():
        assert set(sensor) == figures, name


def test_corners_overlap_and_leave_no_gap_next_to_the_vehicle(world_of: Any, circle: Any) -> None:
    suite = dataclasses.replace(corner_suite(dropout=0.0), occlusion=False)
    assert len(suite.sensors) == len({s.topic for s in suite.sensors.values()}) == 16
    for modality in Modality:
        name = modality.name.lower()
        mine = {f'{name}_{c}' for c in CORNERS}
        assert mine <= set(suite.sensors)
        for radius_m in (10.0, 40.0):
            around = circle(72, radius_m) + np.array([1.4, 0.0])
            world = world_of(around, label=ObjectClass.PEDESTRIAN)
            rows = rows_in_view(world, suite, int(world.stamp_ns[0]))
            times_seen = np.bincount(np.concatenate([rows[m] for m in mine]), minlength=73)[1:]
            assert times_seen.min() >= 1  # nobody goes unseen
            assert (times_seen >= 2).any()  # and some are seen by two


def test_yaml_changes_only_what_it_names(tmp_path: Path) -> None:
    file = tmp_path / 'sensors.yaml'
    file.write_text(
        'night: true\nsensors:\n  left:\n    modality: camera\n    yaw_deg: 90\n'
        '    field_of_view_deg: 100.0\n'
    )
    suite = load_suite(file)
    assert suite.night
    assert list(suite.sensors) == ['left']
    assert suite.sensors['left'] == default_sensor(
        Modality.CAMERA, yaw_deg=90.0, field_of_view_deg=100.0
    )


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'nigth': True}, 'nigth is unknown'),
        ({'night': 1}, 'night must be a bool, got int 1'),
        ({'sensors': []}, 'sensors must map names to figures'),
        ({'sensors': {'a': {'range_m': 5.0}}}, 'sensors.a.modality must be one of'),
        ({'sensors': {'a': {'modality': 'sonar'}}}, "got 'sonar'"),
        ({'sensors': {'a': {'modality': 'lidar', 'rnage_m': 5.0}}}, 'sensors.a.rnage_m is unknown'),
        (
            {'sensors': {'a': {'modality': 'lidar', 'dropout': 1.5}}},
            r'sensors\.a\.dropout must be <= 1.0',
        ),
        (
            {'sensors': {'a': {'modality': 'lidar', 'rate_hz': 'fast'}}},
            "sensors.a.rate_hz must be a float, got str 'fast'",
        ),
        ({'sensors': {'a': {'modality': 'lidar', 'rate_hz': float('nan')}}}, 'must be a number'),
        ('nothing', 'must be a mapping'),
    ],
)
def test_bad_descriptions_name_the_key(content: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        suite_from(content)


def test_bad_files_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'absent\.yaml cannot be read'):
        load_suite(tmp_path / 'absent.yaml')
    broken = tmp_path / 'broken.yaml'
    broken.write_text('a: [')
    with pytest.raises(DataError, match=r'broken\.yaml is not YAML'):
        load_suite(broken)
    wrong = tmp_path / 'wrong.yaml'
    wrong.write_text('nihgt: true')
    with pytest.raises(ParameterError, match=r'wrong\.yaml: nihgt is unknown'):
        load_suite(wrong)
