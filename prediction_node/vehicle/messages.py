"""Everything a vehicle says, as bytes in the order of arrival."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import NamedTuple

from prediction_node import cdr
from prediction_node.domain.interpolation import snapshot
from prediction_node.domain.message_arrays import (
    Detection3DArrayArrays,
    RadarTracksArrays,
    TrackedObjectsArrays,
)
from prediction_node.domain.recording import Recording
from prediction_node.domain.stamps import NS_PER_S
from prediction_node.simulation.sensors.messages import SensorArrays
from prediction_node.simulation.sensors.parameters import SuiteParameters, topic_of
from prediction_node.simulation.sensors.suite import generator_for, simulate_sensors
from prediction_node.vehicle.own_messages import (
    map_to_base,
    mounts,
    odometry_at,
    signals,
    truth_at,
)

ODOMETRY = '/localization/odometry'
TF = '/tf'
TF_STATIC = '/tf_static'
SIGNALS = '/perception/traffic_light_recognition/traffic_signals'
TRUTH = '/ground_truth/objects'
TF_EVERY = 5  # odometry messages


class BagMessage(NamedTuple):
    log_ns: int
    topic: str
    data: bytes


def messages(recording: Recording, suite: SuiteParameters, seed: int) -> Iterator[BagMessage]:
    """Every message in the order of arrival, which is its log time; of equal times by topic.

    Sensors, odometry and transforms speak while the robotaxi is there; the truth (all road users
    but the robotaxi, at every instant of the recording) and the signals speak all the time.
    """
    return heapq.merge(
        _static(recording, suite),
        _odometry(recording, suite, seed),
        _signals(recording, suite),
        _truth(recording),
        _sensors(recording, suite, seed),
        key=lambda message: (message.log_ns, message.topic),
    )


def _static(recording: Recording, suite: SuiteParameters) -> Iterator[BagMessage]:
    start_ns = int(recording.stamp_ns[0])
    yield BagMessage(start_ns, TF_STATIC, cdr.write_transforms(mounts(suite, start_ns)))


def _odometry(recording: Recording, suite: SuiteParameters, seed: int) -> Iterator[BagMessage]:
    start_ns, end_ns = int(recording.stamp_ns[0]), int(recording.stamp_ns[-1])
    rng = generator_for(seed, 'odometry')
    latency_ns = round(suite.odometry_latency_ms * 1e6)
    for k in range(int((end_ns - start_ns) / NS_PER_S * suite.odometry_rate_hz) + 1):
        stamp_ns = start_ns + round(k * NS_PER_S / suite.odometry_rate_hz)
        arrays = odometry_at(recording, suite, stamp_ns, rng) if stamp_ns <= end_ns else None
        if arrays is None:
            continue
        if k % TF_EVERY == 0:
            data = cdr.write_transforms(map_to_base(arrays))
            yield BagMessage(stamp_ns + latency_ns, TF, data)
        yield BagMessage(stamp_ns + latency_ns, ODOMETRY, cdr.write_odometry(arrays))


def _signals(recording: Recording, suite: SuiteParameters) -> Iterator[BagMessage]:
    latency_ns = round(suite.signals_latency_ms * 1e6)
    for lights, stamp in zip(recording.lights, recording.stamp_ns.tolist(), strict=True):
        data = cdr.write_traffic_light_groups(signals(lights, stamp))
        yield BagMessage(stamp + latency_ns, SIGNALS, data)


def _truth(recording: Recording) -> Iterator[BagMessage]:
    for stamp in recording.stamp_ns.tolist():
        arrays = truth_at(recording, snapshot(recording, stamp))
        yield BagMessage(stamp, TRUTH, cdr.write_tracked_objects(arrays))


def _sensors(recording: Recording, suite: SuiteParameters, seed: int) -> Iterator[BagMessage]:
    for message in simulate_sensors(recording, suite, seed):
        topic = topic_of(message.source, suite.sensors[message.source])
        yield BagMessage(message.arrival_ns, topic, _serialised(message.arrays))


def _serialised(arrays: SensorArrays) -> bytes:
    if isinstance(arrays, Detection3DArrayArrays):
        return cdr.write_detection3d_array(arrays)
    if isinstance(arrays, TrackedObjectsArrays):
        return cdr.write_tracked_objects(arrays)
    assert isinstance(arrays, RadarTracksArrays)
    return cdr.write_radar_tracks(arrays)
