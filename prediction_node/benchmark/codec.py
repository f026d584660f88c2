"""CDR with numpy beside message objects: the planner's message out, four modalities in.

The compared variants take turns, so that a busy moment of the machine meets both.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.progress import track

from prediction_node import cdr
from prediction_node.domain.errors import PredictionNodeError
from prediction_node.domain.message_arrays import (
    Detection3DArrayArrays,
    OdometryArrays,
    PredictedObjectsArrays,
    RadarTracksArrays,
    TrackedObjectsArrays,
)
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT
from prediction_node.domain.stamps import STEP_NS

ROUNDS = 40
_TURNS = 5  # calls of the fast variant for each of the slow one
_STAMP_NS = 1_700_000_000_123_456_789
_CLASSES_PER_OBJECT = 2
_CLASS_IDS = ('car', 'attribute/brake')

Call = Callable[[], Any]
Times = list[tuple[float, float]]


def run(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Figures under the key `codec`."""
    return {'codec': measure(args.agents)}


def measure(agents: int, rounds: int = ROUNDS) -> dict[str, Any]:
    """Medians and 99th percentiles of encoding and decoding for `agents` road users, in ms.

    Ratios are those of processor time: on a busy machine long calls wait more often than short
    ones, which would flatter the codec.
    """
    try:
        from prediction_node.ros import message_baseline

        message_baseline.deserialize(cdr.write_odometry(_odometry()), 'nav_msgs/msg/Odometry')
    except ImportError as error:
        raise PredictionNodeError(
            f'benchmark codec compares with rclpy and the message packages: {error}; '
            'run it in the environment of `make test` or in a sourced ROS 2'
        ) from error
    rng = np.random.default_rng(1)
    prediction = predicted_objects(rng, agents)
    inputs = sensor_messages(rng, agents)

    def encode_objects() -> bytes:
        return message_baseline.serialize(message_baseline.predicted_objects_message(prediction))

    def decode() -> None:
        for _, read, data in inputs:
            read(data)

    def decode_objects() -> None:
        for type_name, _, data in inputs:
            message_baseline.deserialize(data, type_name)

    encode_ms, message_encode_ms = _alternate(
        lambda: cdr.write_predicted_objects(prediction), encode_objects, rounds, 'encode'
    )
    decode_ms, message_decode_ms = _alternate(decode, decode_objects, rounds, 'decode')
    figures: dict[str, Any] = {
        'agents': agents,
        'modes': MODE_COUNT,
        'poses': POSE_COUNT,
        'encoded_bytes': len(cdr.write_predicted_objects(prediction)),
        'decoded_bytes': sum(len(data) for _, _, data in inputs),
        'rounds': rounds,
    }
    for name, samples in (
        ('encode', encode_ms),
        ('decode', decode_ms),
        ('message_encode', message_encode_ms),
        ('message_decode', message_decode_ms),
    ):
        wall_ms, cpu_ms = np.array(samples).T
        figures[f'{name}_ms'] = float(np.median(wall_ms))
        figures[f'{name}_p99_ms'] = float(np.percentile(wall_ms, 99))
        figures[f'{name}_cpu_ms'] = float(np.median(cpu_ms))
    for name in ('encode', 'decode'):
        figures[f'{name}_ratio'] = figures[f'message_{name}_cpu_ms'] / figures[f'{name}_cpu_ms']
    return figures


def _alternate(fast: Call, slow: Call, rounds: int, title: str) -> tuple[Times, Times]:
    """Times of single calls, after one call of each to warm up."""
    fast(), slow()
    fast_ms: Times = []
    slow_ms: Times = []
    for _ in track(range(rounds), description=title, transient=True):
        fast_ms.extend(_time_ms(fast) for _ in range(_TURNS))
        slow_ms.append(_time_ms(slow))
    return fast_ms, slow_ms


def _time_ms(call: Call) -> tuple[float, float]:
    """Time on the wall and on the processor."""
    begin_ns, begin_cpu_ns = time.perf_counter_ns(), time.thread_time_ns()
    call()
    end_cpu_ns, end_ns = time.thread_time_ns(), time.perf_counter_ns()
    return (end_ns - begin_ns) / 1e6, (end_cpu_ns - begin_cpu_ns) / 1e6


def sensor_messages(
    rng: np.random.Generator, tracks: int
) -> list[tuple[str, Callable[[bytes], Any], bytes]]:
    """Type name, reader and bytes of a message of each modality: camera, thermal, LiDAR, radar."""
    detections = 'vision_msgs/msg/Detection3DArray'
    return [
        (detections, cdr.read_detection3d_array, _detections(rng, tracks, 'camera')),
        (detections, cdr.read_detection3d_array, _detections(rng, tracks, 'thermal')),
        (
            'autoware_perception_msgs/msg/TrackedObjects',
            cdr.read_tracked_objects,
            cdr.write_tracked_objects(_tracked_objects(rng, tracks)),
        ),
        (
            'radar_msgs/msg/RadarTracks',
            cdr.read_radar_tracks,
            cdr.write_radar_tracks(_radar_tracks(rng, tracks)),
        ),
    ]


def _odometry() -> OdometryArrays:
    return OdometryArrays(
        stamp_ns=_STAMP_NS,
        frame_id='map',
        child_frame_id='base_link',
        position=np.zeros(3),
        orientation=np.array([0.0, 0.0, 0.0, 1.0]),
        pose_covariance=np.zeros((6, 6)),
        twist_linear=np.zeros(3),
        twist_angular=np.zeros(3),
        twist_covariance=np.zeros((6, 6)),
    )


def _body(rng: np.random.Generator, n: int) -> dict[str, Any]:
    """What tracked and predicted objects share."""
    return {
        'stamp_ns': _STAMP_NS,
        'frame_id': 'map',
        'object_id': rng.integers(0, 256, (n, 16), np.uint8),
        'existence_probability': rng.random(n, np.float32),
        'class_offsets': _CLASSES_PER_OBJECT * np.arange(n + 1),
        'class_label': rng.integers(0, 9, _CLASSES_PER_OBJECT * n, np.uint8),
        'class_probability': rng.random(_CLASSES_PER_OBJECT * n, np.float32),
        'position': rng.normal(0.0, 50.0, (n, 3)),
        'orientation': rng.normal(size=(n, 4)),
        'pose_covariance': rng.normal(size=(n, 6, 6)),
        'twist_linear': rng.normal(size=(n, 3)),
        'twist_angular': rng.normal(size=(n, 3)),
        'twist_covariance': rng.normal(size=(n, 6, 6)),
        'acceleration_linear': rng.normal(size=(n, 3)),
        'acceleration_angular': rng.normal(size=(n, 3)),
        'acceleration_covariance': rng.normal(size=(n, 6, 6)),
        'shape_type': np.zeros(n, np.uint8),
        'footprint_offsets': np.zeros(n + 1, np.int64),
        'footprint': np.zeros((0, 3), np.float32),
        'dimensions': rng.random((n, 3)),
    }


def predicted_objects(rng: np.random.Generator, n: int) -> PredictedObjectsArrays:
    """The planner's message in its full size."""
    paths = n * MODE_COUNT
    return PredictedObjectsArrays(
        path_offsets=MODE_COUNT * np.arange(n + 1),
        path_pose=rng.normal(0.0, 50.0, (paths, POSE_COUNT, 7)),
        path_time_step_ns=STEP_NS,
        path_confidence=rng.random(paths, np.float32),
        **_body(rng, n),
    )


def _tracked_objects(rng: np.random.Generator, n: int) -> TrackedObjectsArrays:
    return TrackedObjectsArrays(
        orientation_availability=np.full(n, 2, np.uint8),
        is_stationary=np.zeros(n, bool),
        **_body(rng, n),
    )


def _radar_tracks(rng: np.random.Generator, n: int) -> RadarTracksArrays:
    return RadarTracksArrays(
        stamp_ns=_STAMP_NS,
        frame_id='radar',
        uuid=rng.integers(0, 256, (n, 16), np.uint8),
        position=rng.normal(0.0, 50.0, (n, 3)),
        velocity=rng.normal(size=(n, 3)),
        acceleration=rng.normal(size=(n, 3)),
        size=rng.random((n, 3)),
        classification=np.full(n, 2, np.uint16),
        position_covariance=rng.random((n, 6), np.float32),
        velocity_covariance=rng.random((n, 6), np.float32),
        acceleration_covariance=rng.random((n, 6), np.float32),
        size_covariance=rng.random((n, 6), np.float32),
    )


def _detections(rng: np.random.Generator, n: int, frame_id: str) -> bytes:
    """Each detection has one class and one attribute, and an id like those trackers count up."""
    total = len(_CLASS_IDS) * n
    return cdr.write_detection3d_array(
        Detection3DArrayArrays(
            stamp_ns=_STAMP_NS,
            frame_id=frame_id,
            detection_stamp_ns=np.full(n, _STAMP_NS),
            detection_frame_id=(frame_id,) * n,
            hypothesis_offsets=len(_CLASS_IDS) * np.arange(n + 1),
            hypothesis_class_id=_CLASS_IDS * n,
            hypothesis_score=rng.random(total),
            hypothesis_position=rng.normal(0.0, 50.0, (total, 3)),
            hypothesis_orientation=rng.normal(size=(total, 4)),
            hypothesis_covariance=rng.normal(size=(total, 6, 6)),
            position=rng.normal(0.0, 50.0, (n, 3)),
            orientation=rng.normal(size=(n, 4)),
            size=rng.random((n, 3)),
            id=tuple(f'{frame_id}-{i}' for i in range(n)),
        )
    )
