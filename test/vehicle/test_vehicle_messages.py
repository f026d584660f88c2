"""A bag is what a vehicle in the recording would have recorded: checked against the truth in it."""

from __future__ import annotations

import dataclasses
import uuid
from pathlib import Path

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.bags.reader import BagReader
from prediction_node.bags.types import type_store
from prediction_node.domain.frames import BASE_LINK, MAP, Transform, yaw_from_quaternion
from prediction_node.domain.recording import Recording
from prediction_node.simulation.sensors.parameters import SuiteParameters
from prediction_node.vehicle.bag import write_bag
from prediction_node.vehicle.messages import (
    ODOMETRY,
    SIGNALS,
    TF,
    TF_STATIC,
    TRUTH,
    BagMessage,
    messages,
)
from prediction_node.vehicle.own_messages import track_uuid

TRACKS = {name: f'/perception/{name}/tracks' for name in ('camera', 'lidar', 'radar', 'thermal')}


def exact_suite() -> SuiteParameters:
    """The default sensors without noise, dropouts and bodies in the way."""
    suite = SuiteParameters(
        occlusion=False, odometry_sigma_m=0.0, odometry_sigma_yaw_deg=0.0,
        odometry_sigma_speed_mps=0.0,
    )  # fmt: skip
    quiet = {
        name: dataclasses.replace(
            sensor,
            dropout=0.0,
            sigma_along_m=0.0,
            sigma_along_fraction=0.0,
            sigma_across_m=0.0,
            sigma_across_deg=0.0,
            sigma_height_m=0.0,
            x_m=1.0,
            y_m=-0.5,
            yaw_deg=75.0,
        )
        for name, sensor in suite.sensors.items()
    }
    return dataclasses.replace(suite, sensors=quiet)


def on(topic: str, stream: list[BagMessage]) -> list[BagMessage]:
    return [message for message in stream if message.topic == topic]


def test_messages_come_in_the_order_of_their_arrival(drive: Recording) -> None:
    stream = list(messages(drive, SuiteParameters(), 0))
    times = [message.log_ns for message in stream]
    assert times == sorted(times)
    assert {m.topic for m in stream} == {TF, TF_STATIC, ODOMETRY, SIGNALS, TRUTH, *TRACKS.values()}
    assert stream[0].topic in (TF_STATIC, TRUTH)


def test_sensor_tracks_lead_back_to_the_truth(drive: Recording) -> None:
    """Sensor frame -> base_link -> map, by the mounts and the odometry in the bag itself."""
    stream = list(messages(drive, exact_suite(), 0))
    mounts = cdr.read_transforms(on(TF_STATIC, stream)[0].data)
    assert set(mounts.frame_id) == {BASE_LINK}
    base_from = {
        child: Transform.from_quaternion(mounts.translation[k], mounts.rotation[k])
        for k, child in enumerate(mounts.child_frame_id)
    }
    odometry = [cdr.read_odometry(m.data) for m in on(ODOMETRY, stream)]
    poses = {o.stamp_ns: Transform.from_quaternion(o.position, o.orientation) for o in odometry}
    start_s = np.array(sorted(poses))
    readers = {
        'camera': cdr.read_detection3d_array,
        'lidar': cdr.read_tracked_objects,
        'radar': cdr.read_radar_tracks,
        'thermal': cdr.read_detection3d_array,
    }
    checked = 0
    for name, topic in TRACKS.items():
        for message in on(topic, stream):
            arrays = readers[name](message.data)
            nearest = int(start_s[np.abs(start_s - arrays.stamp_ns).argmin()])
            map_from_sensor = poses[nearest] @ base_from[arrays.frame_id]
            found = map_from_sensor.apply(arrays.position)
            time_s = (arrays.stamp_ns - int(drive.stamp_ns[0])) * 1e-9
            truth = np.array([[20 + 8 * time_s, 0], [60 - 9 * time_s, 12], [10, -8]])
            gaps = np.linalg.norm(found[:, None, :2] - truth[None], axis=-1).min(axis=1)
            # At most 5 ms between the stamps: 4 cm of driving and 0.1 degrees of turning.
            assert gaps.max() < 0.15
            assert found[:, 2] == pytest.approx(0.75, abs=1e-6)
            checked += len(found)
    assert checked > 400


def test_odometry_turns_with_the_vehicle(drive: Recording) -> None:
    stream = on(ODOMETRY, list(messages(drive, exact_suite(), 0)))
    odometry = [cdr.read_odometry(m.data) for m in stream]
    stamps = np.array([o.stamp_ns for o in odometry])
    assert set(np.diff(stamps).tolist()) == {10_000_000}
    assert {(o.frame_id, o.child_frame_id) for o in odometry} == {(MAP, BASE_LINK)}
    yaw = np.array([yaw_from_quaternion(o.orientation) for o in odometry])
    time_s = (stamps - stamps[0]) * 1e-9
    np.testing.assert_allclose(yaw, time_s * 8.0 / 30.0, atol=1e-3)
    middle = np.array([o.position[:2] for o in odometry]) + 1.4 * np.stack(
        [np.cos(yaw), np.sin(yaw)], axis=-1
    )
    circle = 30.0 * np.stack([np.sin(yaw), 1.0 - np.cos(yaw)], axis=-1)
    np.testing.assert_allclose(middle, circle, atol=0.01)
    rates = np.array([o.twist_angular[2] for o in odometry])[5:-5]
    np.testing.assert_allclose(rates, 8.0 / 30.0, rtol=1e-3)
    # The middle of the body slides outwards of base_link: forward speed only behind it.
    forward = np.array([o.twist_linear for o in odometry])[20:]
    np.testing.assert_allclose(forward[:, 0], 8.0, atol=0.05)
    assert np.abs(forward[:, 1] + 1.4 * 8.0 / 30.0).max() < 0.15


def test_transforms_agree_with_odometry(drive: Recording) -> None:
    stream = list(messages(drive, SuiteParameters(), 0))
    odometry = {cdr.read_odometry(m.data).stamp_ns: m.data for m in on(ODOMETRY, stream)}
    moving = [cdr.read_transforms(m.data) for m in on(TF, stream)]
    assert len(moving) == (len(odometry) + 4) // 5
    for transform in moving:
        same = cdr.read_odometry(odometry[int(transform.stamp_ns[0])])
        np.testing.assert_array_equal(transform.translation[0], same.position)
        np.testing.assert_array_equal(transform.rotation[0], same.orientation)


def test_truth_is_exact_and_without_the_robotaxi(drive: Recording) -> None:
    stream = on(TRUTH, list(messages(drive, SuiteParameters(), 0)))
    assert [m.log_ns for m in stream] == drive.stamp_ns.tolist()
    for k, message in enumerate(stream):
        truth = cdr.read_tracked_objects(message.data)
        assert truth.frame_id == MAP
        assert len(truth.position) == 3
        for i in range(3):
            row = i + 1
            name = uuid.UUID(bytes=truth.object_id[i].tobytes())
            assert name == uuid.uuid5(uuid.NAMESPACE_OID, drive.track_id[row])
            np.testing.assert_array_equal(truth.position[i], drive.position_m[row, k])
            yaw = yaw_from_quaternion(truth.orientation[i])
            turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
            velocity = turn @ truth.twist_linear[i, :2]
            np.testing.assert_allclose(velocity, drive.velocity_mps[row, k], atol=1e-9)
        assert truth.is_stationary.tolist() == [False, False, True]


def test_signals(drive: Recording) -> None:
    stream = on(SIGNALS, list(messages(drive, SuiteParameters(), 0)))
    assert len(stream) == len(drive.stamp_ns)
    for k, message in enumerate(stream):
        groups = cdr.read_traffic_light_groups(message.data)
        assert message.log_ns - groups.stamp_ns == 50_000_000
        assert groups.group_id.tolist() == [90, 90]
        assert set(groups.color.tolist()) == {3 if k % 14 < 5 else 1}
        assert groups.shape.tolist() == [4, 3]  # up and right


def test_the_vehicle_is_silent_while_it_is_away(drive: Recording) -> None:
    away = dataclasses.replace(drive, valid=drive.valid.copy())
    away.valid[0, 20:] = False
    stream = list(messages(away, SuiteParameters(), 0))
    last = int(drive.stamp_ns[19])
    assert max(cdr.read_odometry(m.data).stamp_ns for m in on(ODOMETRY, stream)) == last
    assert len(on(TRUTH, stream)) == len(drive.stamp_ns)  # what happens next can still be judged


def test_bag_is_a_rosbag2_folder_with_profiles(drive: Recording, tmp_path: Path) -> None:
    heard: list[float] = []
    count = write_bag(drive, SuiteParameters(), 0, tmp_path / 'bag', heard.append)
    assert (tmp_path / 'bag' / 'metadata.yaml').is_file()
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    store = type_store()
    with BagReader(tmp_path / 'bag') as bag:
        topics = {topic.name: topic for topic in bag.topics}
        assert sum(topic.count for topic in bag.topics) == count
        for _, _, kind, data in bag.messages():
            store.deserialize_cdr(bytes(data), kind)  # by the definitions, not by our own reader
    assert topics[TF_STATIC].count == 1
    assert topics[TF_STATIC].qos[0].durability.name == 'TRANSIENT_LOCAL'
    assert topics[TRACKS['lidar']].qos[0].reliability.name == 'BEST_EFFORT'
    assert topics[TRACKS['radar']].type == 'radar_msgs/msg/RadarTracks'


def test_same_seed_same_bytes(drive: Recording, tmp_path: Path) -> None:
    files = []
    for name, seed in (('a', 4), ('b', 4), ('c', 5)):
        write_bag(drive, SuiteParameters(), seed, tmp_path / name / 'bag')
        files.append((tmp_path / name / 'bag' / 'bag_0.mcap').read_bytes())
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_track_ids_have_stable_names() -> None:
    assert track_uuid('7').tobytes() == uuid.uuid5(uuid.NAMESPACE_OID, '7').bytes
