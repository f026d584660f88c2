"""Small recorded drives: an ego, cars at constant velocity, one LiDAR, the truth."""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.bags.values import Message
from prediction_node.bags.writer import BagWriter
from prediction_node.domain.frames import quaternion_from_yaw
from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.message_arrays import OdometryArrays, TrackedObjectsArrays
from prediction_node.replay import command

START_NS = 1_700_000_000_000_000_000
MS = 1_000_000
ODOMETRY_TYPE = 'nav_msgs/msg/Odometry'
TRACKS_TYPE = 'autoware_perception_msgs/msg/TrackedObjects'


class Drive:
    """The ego drives along x at 5 m/s; cars drive beside it, each at its own constant velocity."""

    START_NS = START_NS
    ODOMETRY = '/localization/odometry'
    LIDAR = '/perception/lidar/tracks'
    TRUTH = '/ground_truth/objects'
    LATENCY_NS = 20 * MS

    def __init__(self, cars: int = 3, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.ids = [uuid.uuid5(uuid.NAMESPACE_OID, str(i)).bytes for i in range(cars)]
        self.begin_m = np.column_stack([rng.uniform(0, 40, cars), 8.0 * np.arange(1, cars + 1)])
        self.speed_mps = rng.uniform(4.0, 9.0, cars)

    def position_m(self, stamp_ns: int) -> np.ndarray:
        """(N, 2) of the cars."""
        along = self.speed_mps * (stamp_ns - START_NS) / 1e9
        return self.begin_m + np.column_stack([along, np.zeros(len(along))])

    def odometry(self, stamp_ns: int) -> bytes:
        x = 5.0 * (stamp_ns - START_NS) / 1e9
        return cdr.write_odometry(
            OdometryArrays(
                stamp_ns=stamp_ns,
                frame_id='map',
                child_frame_id='base_link',
                position=np.array([x, 0.0, 0.0]),
                orientation=np.array([0.0, 0.0, 0.0, 1.0]),
                pose_covariance=1e-4 * np.eye(6),
                twist_linear=np.array([5.0, 0.0, 0.0]),
                twist_angular=np.zeros(3),
                twist_covariance=1e-4 * np.eye(6),
            )
        )

    def tracks(self, stamp_ns: int) -> bytes:
        n = len(self.ids)
        covariance = np.tile(np.diag([0.01, 0.01, 0.01, 1e-3, 1e-3, 1e-3]), (n, 1, 1))
        position = np.column_stack([self.position_m(stamp_ns), np.full(n, 0.75)])
        zeros = np.zeros((n, 3))
        return cdr.write_tracked_objects(
            TrackedObjectsArrays(
                stamp_ns=stamp_ns,
                frame_id='map',
                object_id=np.frombuffer(b''.join(self.ids), np.uint8).reshape(n, 16),
                existence_probability=np.ones(n, np.float32),
                class_offsets=np.arange(n + 1),
                class_label=np.full(n, ObjectClass.CAR, np.uint8),
                class_probability=np.ones(n, np.float32),
                position=position,
                orientation=quaternion_from_yaw(np.zeros(n)),
                pose_covariance=covariance,
                orientation_availability=np.full(n, 2, np.uint8),
                twist_linear=np.column_stack([self.speed_mps, np.zeros((n, 2))]),
                twist_angular=zeros,
                twist_covariance=covariance,
                acceleration_linear=zeros,
                acceleration_angular=zeros,
                acceleration_covariance=covariance,
                is_stationary=np.zeros(n, bool),
                shape_type=np.zeros(n, np.uint8),
                footprint_offsets=np.zeros(n + 1, np.int64),
                footprint=np.zeros((0, 3), np.float32),
                dimensions=np.tile([4.5, 1.8, 1.5], (n, 1)),
            )
        )

    def messages(
        self, duration_s: float, topics: Sequence[str] = (ODOMETRY, LIDAR, TRUTH)
    ) -> list[Message]:
        """By log time: odometry at 50 Hz, tracks at 10 Hz 20 ms late, truth at 10 Hz."""
        found = []
        for k in range(round(duration_s * 50) + 1):
            stamp = START_NS + k * 20 * MS
            if self.ODOMETRY in topics:
                data = self.odometry(stamp)
                found.append(Message(stamp + 2 * MS, self.ODOMETRY, ODOMETRY_TYPE, data))
            if k % 5 == 0 and self.TRUTH in topics:
                found.append(Message(stamp, self.TRUTH, TRACKS_TYPE, self.tracks(stamp)))
            if k % 5 == 0 and self.LIDAR in topics:
                log_ns = stamp + self.LATENCY_NS
                found.append(Message(log_ns, self.LIDAR, TRACKS_TYPE, self.tracks(stamp)))
        return sorted(found, key=lambda m: (m.log_ns, m.topic))

    @staticmethod
    def write(folder: Path, messages: list[Message], *, level: int = 1) -> Path:
        with BagWriter(folder, level=level) as bag:
            for name, message_type in dict.fromkeys((m.topic, m.type) for m in messages):
                bag.add_topic(name, message_type)
            for message in messages:
                bag.write(message.topic, message.log_ns, message.data)
        return folder


@pytest.fixture(scope='session')
def drive() -> Drive:
    return Drive()


@pytest.fixture
def replay() -> Any:
    """Runs `replay` as the command line does, without report; returns its exit status."""

    def run(*arguments: object) -> int:
        parser = argparse.ArgumentParser()
        command.add_parser(parser.add_subparsers())
        return command.run(parser.parse_args(['replay', *map(str, arguments), '--no-report']))

    return run
