"""A vehicle in a world that goes on says what one in a recording of that world says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.bags.reader import BagReader
from prediction_node.domain.errors import DataError
from prediction_node.domain.interpolation import instant
from prediction_node.domain.recording import Recording
from prediction_node.importers.commonroad import read_commonroad
from prediction_node.resources import share_path
from prediction_node.simulation.sensors.corners import corner_suite
from prediction_node.simulation.sensors.parameters import SuiteParameters
from prediction_node.vehicle.messages import (
    ODOMETRY,
    SIGNALS,
    TF,
    TF_STATIC,
    TRUTH,
    BagMessage,
    VehicleMessages,
    messages,
)


def test_step_by_step_and_all_at_once_are_the_same_bytes(drive: Recording) -> None:
    suite = corner_suite(latency_jitter_ms=30.0, false_alarms=0.5, id_switch=0.01)
    vehicle = VehicleMessages(drive, suite, 9)
    said: list[BagMessage] = []
    for k, stamp_ns in enumerate(drive.stamp_ns.tolist()):
        arrived = vehicle.advance(instant(drive, k), drive.lights[k])
        before_ns = int(drive.stamp_ns[k - 1]) if k else stamp_ns - 1
        assert all(before_ns < m.log_ns <= stamp_ns for m in arrived)
        said += arrived
    rest = vehicle.finish()
    assert {m.topic for m in rest} >= {ODOMETRY, SIGNALS, '/perception/lidar/front_left/tracks'}
    assert said + rest == list(messages(drive, suite, 9))
    assert vehicle.finish() == []


def test_where_the_sensors_sit_is_said_first_and_once(drive: Recording) -> None:
    vehicle = VehicleMessages(drive, corner_suite(), 0)
    first = vehicle.advance(instant(drive, 0), drive.lights[0])
    assert {m.topic for m in first} == {TF_STATIC, TRUTH}
    static = next(m for m in first if m.topic == TF_STATIC)
    assert len(cdr.read_transforms(static.data).child_frame_id) == 16
    later = vehicle.advance(instant(drive, 1), drive.lights[1])
    assert TF_STATIC not in {m.topic for m in later}


def test_a_step_brings_everything_a_vehicle_says(drive: Recording) -> None:
    vehicle = VehicleMessages(drive, corner_suite(), 0)
    said = [vehicle.advance(instant(drive, k), drive.lights[k]) for k in range(11)]
    count: dict[str, int] = {}
    for message in said[-1]:
        count[message.topic] = count.get(message.topic, 0) + 1
    assert count[ODOMETRY] == 10
    assert (count[TF], count[SIGNALS], count[TRUTH]) == (2, 1, 1)
    for corner in ('front_left', 'front_right', 'rear_left', 'rear_right'):
        for modality, most in (('camera', 1), ('lidar', 1), ('radar', 2), ('thermal', 1)):
            assert 1 <= count[f'/perception/{modality}/{corner}/tracks'] <= most


def test_a_robotaxi_that_joins_later_speaks_from_then_on(drive: Recording) -> None:
    late = dataclasses.replace(drive, valid=drive.valid.copy())
    late.valid[0, :10] = False
    vehicle = VehicleMessages(late, SuiteParameters(), 0)
    said = [vehicle.advance(instant(late, k), late.lights[k]) for k in range(31)]
    assert {m.topic for k in range(10) for m in said[k]} == {TF_STATIC, TRUTH, SIGNALS}
    assert ODOMETRY in {m.topic for m in said[11]}


def test_a_world_must_be_later_than_the_one_before(drive: Recording) -> None:
    vehicle = VehicleMessages(drive, SuiteParameters(), 0)
    vehicle.advance(instant(drive, 1), drive.lights[1])
    with pytest.raises(ValueError, match='must be later'):
        vehicle.advance(instant(drive, 0), drive.lights[0])


def test_a_recording_without_a_robotaxi_is_refused(drive: Recording) -> None:
    with pytest.raises(DataError, match='drive: no track is the robotaxi'):
        next(messages(dataclasses.replace(drive, ego=None), SuiteParameters(), 0))


def test_buildings_hide_from_every_sensor_but_not_from_the_truth(drive: Recording) -> None:
    wall = np.array([[15.0, -5.0], [15.0, 100.0], [16.0, 100.0], [16.0, -5.0]])

    def seen(buildings: tuple[np.ndarray, ...]) -> tuple[int, int]:
        lidar, truth = 0, 0
        for m in messages(drive, SuiteParameters(), 0, buildings=buildings):
            if m.topic == '/perception/lidar/tracks':
                lidar += len(cdr.read_tracked_objects(m.data).position)
            elif m.topic == TRUTH:
                truth += len(cdr.read_tracked_objects(m.data).position)
        return lidar, truth

    (free, everybody), (walled, as_ever) = seen(()), seen((wall,))
    assert walled < 0.6 * free
    assert everybody == as_ever


def test_the_sample_bag_is_made_by_this_code(shared_data: Path) -> None:
    """The sample's README promises the same bytes from the same command.

    Another processor may round some last bit otherwise, so what is compared exactly is everything
    that no rounding reaches, and positions to a micrometre.
    """
    recording = read_commonroad(next(shared_data.rglob('USA_Lanker-2_10_T-1.xml')))[0]
    with BagReader(share_path('samples', 'lankershim', 'bag')) as bag:
        shipped = [(stamp, topic, bytes(data)) for stamp, topic, _, data in bag.messages()]
    made = [tuple(m) for m in messages(recording, SuiteParameters(), 0)]
    assert [(s, t, len(d)) for s, t, d in made] == [(s, t, len(d)) for s, t, d in shipped]
    for (_, topic, ours), (_, _, theirs) in zip(made, shipped, strict=True):
        if topic == '/perception/lidar/tracks':
            a, b = cdr.read_tracked_objects(ours), cdr.read_tracked_objects(theirs)
            np.testing.assert_array_equal(a.object_id, b.object_id)
            np.testing.assert_array_equal(a.class_label, b.class_label)
            np.testing.assert_allclose(a.position, b.position, atol=1e-6)
        elif topic == SIGNALS:
            assert ours == theirs
