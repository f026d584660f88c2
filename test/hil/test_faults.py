"""Faults: what may be asked for, and what becomes of messages."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.bench.ride import _by_topic
from prediction_node.bench.stand import modalities
from prediction_node.domain.errors import MessageError, ParameterError
from prediction_node.domain.frames import Transform
from prediction_node.domain.message_arrays import RadarTracksArrays
from prediction_node.simulation.faults.grammar import MESSAGE_KINDS, parse_fault, parse_faults
from prediction_node.simulation.faults.injector import Injector
from prediction_node.simulation.faults.parameters import FaultParameters
from prediction_node.simulation.sensors.corners import corner_suite

SUITE = corner_suite()
SENSORS = modalities(SUITE)
START_NS = 1_700_000_000_000_000_000
TOPIC = SUITE.sensors['radar_front_left'].topic


def test_a_modality_stands_for_its_sensors_and_all_for_everyone() -> None:
    assert parse_fault('off:lidar:20:40', SENSORS, 60.0).members == (
        'lidar_front_left', 'lidar_front_right', 'lidar_rear_left', 'lidar_rear_right',
    )  # fmt: skip
    assert len(parse_fault('off:all:0:1', SENSORS, 60.0).members) == 16
    assert 'odometry' in parse_fault('clock_jump:all:0:1', SENSORS, 60.0).members
    fault = parse_fault('off:lidar_front_left:20:40.5', SENSORS, 60.0)
    assert (fault.start_s, fault.end_s) == (20.0, 40.5)
    assert fault.active(20.0)
    assert not fault.active(40.5)
    assert str(fault) == 'off:lidar_front_left:20:40.5'


@pytest.mark.parametrize(
    ('text', 'named'),
    [
        ('off:lidar:20', 'KIND:SOURCE:START:END'),
        ('of:lidar:20:40', 'kind must be one of off'),
        ('off:lidar_front_lef:20:40', "did you mean 'lidar_front_left'"),
        ('off:sonar:20:40', 'source must be'),
        ('off:lidar:soon:40', 'START must be a number of seconds'),
        ('off:lidar:20:nan', 'END must be a number of seconds'),
        ('off:lidar:40:20', 'START must lie before END'),
        ('off:lidar:-1:20', 'not below 0'),
        ('off:lidar:60:70', 'below the duration of 60 s'),
        ('kill:lidar:20:30', 'write kill:node'),
        ('off:node:20:30', 'can only be killed'),
        ('stuck:odometry:20:30', 'is a fault of sensors'),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(text: str, named: str) -> None:
    with pytest.raises(ParameterError, match=named) as caught:
        parse_fault(text, SENSORS, 60.0)
    assert '\n' not in str(caught.value)


def test_a_modality_the_vehicle_lacks_and_two_kills_at_a_time_are_refused() -> None:
    with pytest.raises(ParameterError, match='has no radar sensor'):
        parse_fault('off:radar:1:2', {'lidar': 'lidar'}, 60.0)
    with pytest.raises(ParameterError, match='must not overlap'):
        parse_faults(['kill:node:20:30', 'kill:node:5:21'], SENSORS, 60.0)


def radar(k: int, x_m: float = 20.0) -> bytes:
    """Message k: one track whose place tells its number."""
    row = np.zeros((1, 3))
    upper = np.zeros((1, 6), np.float32)
    return cdr.write_radar_tracks(
        RadarTracksArrays(
            stamp_ns=START_NS + k * 100_000_000,
            frame_id='radar_front_left',
            uuid=np.zeros((1, 16), np.uint8),
            position=np.array([[x_m, float(k), 0.0]]),
            velocity=row,
            acceleration=row,
            size=row,
            classification=np.zeros(1, np.uint16),
            position_covariance=upper,
            velocity_covariance=upper,
            acceleration_covariance=upper,
            size_covariance=upper,
        )
    )


def played(text: str, count: int = 60, seed: int = 0) -> list[list[tuple[int, Any]]]:
    """What comes instead of messages 0 to count, 100 ms apart: (ms late, message or None)."""
    sources, codecs = _by_topic(SUITE)
    fault = parse_fault(text, SENSORS, 60.0)
    injector = Injector([fault], sources, codecs, FaultParameters(), START_NS, seed)
    out = []
    for k in range(count):
        at_ns = START_NS + k * 100_000_000
        came: list[tuple[int, Any]] = []
        for new_ns, data in injector.apply(at_ns, TOPIC, radar(k)):
            try:
                message = cdr.read_radar_tracks(data)
            except MessageError:
                message = None
            came.append(((new_ns - at_ns) // 1_000_000, message))
        out.append(came)
    return out


@pytest.mark.parametrize('kind', MESSAGE_KINDS)
def test_outside_of_its_time_and_source_a_fault_changes_nothing(kind: str) -> None:
    source = 'radar_front_left'
    came = played(f'{kind}:{source}:2:4')
    for k in [*range(20), *range(40, 60)]:
        ((late_ms, message),) = came[k]
        assert late_ms == 0
        assert message.position[0, 1] == k
        assert message.stamp_ns == START_NS + k * 100_000_000
    for k, here in enumerate(played(f'{kind}:radar_rear_left:2:4')):
        assert [(late, m.position[0, 1]) for late, m in here] == [(0, k)]


def test_off_says_nothing() -> None:
    assert all(not came for came in played('off:radar:2:4')[20:40])


def test_stuck_repeats_the_last_content_under_new_stamps() -> None:
    for k, ((_, message),) in enumerate(played('stuck:radar:2:4')[20:40], start=20):
        assert message.position[0, 1] == 19
        assert message.stamp_ns == START_NS + k * 100_000_000


def test_garbage_cannot_be_read_and_comes_again_the_same() -> None:
    assert all(message is None for ((_, message),) in played('garbage:radar:2:4')[20:40])
    sources, codecs = _by_topic(SUITE)
    fault = parse_fault('garbage:radar:0:4', SENSORS, 60.0)
    twice = [
        Injector([fault], sources, codecs, FaultParameters(), START_NS, seed).apply(
            START_NS, TOPIC, radar(0)
        )
        for seed in (5, 5, 6)
    ]
    assert twice[0] == twice[1] != twice[2]


def test_wrong_is_turned_about_the_sensor_and_shifted() -> None:
    p = FaultParameters()
    turn = Transform.from_xyz_yaw(np.array([p.shift_m, 0.0, 0.0]), np.deg2rad(p.turn_deg))
    for k, ((_, message),) in enumerate(played('wrong:radar:2:4')[20:40], start=20):
        np.testing.assert_allclose(message.position[0], turn.apply(np.array([20.0, k, 0.0])))


def test_slow_delayed_intermittent_burst_and_jump_do_what_they_say() -> None:
    p = FaultParameters()
    assert sum(map(len, played('slow:radar:2:4')[20:40])) == 20 // p.slow_factor
    delayed = played('delayed:radar:2:4')[20:40]
    assert {late for came in delayed for late, _ in came} == {round(p.delay_s * 1e3)}
    on = [bool(came) for came in played('intermittent:radar:2:4')[20:40]]
    assert on == [*[False] * 5, *[True] * 5] * 2
    assert {len(came) for came in played('burst:radar:2:4')[20:40]} == {p.burst_factor}
    for k, ((_, message),) in enumerate(played('clock_jump:radar:2:4')[20:40], start=20):
        assert message.stamp_ns - START_NS == k * 100_000_000 + round(p.jump_s * 1e9)
        assert message.position[0, 1] == k


def test_every_topic_of_the_vehicle_can_jump() -> None:
    """tf holds many stamps, detections one each: all of them move."""
    from prediction_node.domain.message_arrays import TransformsArrays

    sources, codecs = _by_topic(SUITE)
    fault = parse_fault('clock_jump:tf:0:4', SENSORS, 60.0)
    injector = Injector([fault], sources, codecs, FaultParameters(), START_NS, 0)
    arrays = TransformsArrays(
        np.array([START_NS, START_NS + 7]),
        ('map', 'map'),
        ('base_link', 'other'),
        np.zeros((2, 3)),
        np.tile([0.0, 0.0, 0.0, 1.0], (2, 1)),
    )
    ((_, data),) = injector.apply(START_NS, '/tf', cdr.write_transforms(arrays))
    moved = cdr.read_transforms(data)
    np.testing.assert_array_equal(moved.stamp_ns - arrays.stamp_ns, 1_000_000_000)
    assert dataclasses.replace(moved, stamp_ns=arrays.stamp_ns).frame_id == arrays.frame_id
