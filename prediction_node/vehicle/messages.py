"""Everything a vehicle says, as bytes in the order of arrival."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from prediction_node import cdr
from prediction_node.domain.cast import Cast
from prediction_node.domain.errors import DataError
from prediction_node.domain.interpolation import Passage, Snapshot, instant
from prediction_node.domain.lights import LightStates
from prediction_node.domain.message_arrays import (
    Detection3DArrayArrays,
    RadarTracksArrays,
    TrackedObjectsArrays,
)
from prediction_node.domain.recording import Recording
from prediction_node.domain.stamps import NS_PER_S
from prediction_node.simulation.sensors.messages import SensorArrays
from prediction_node.simulation.sensors.parameters import SuiteParameters, topic_of
from prediction_node.simulation.sensors.randomness import generator_for
from prediction_node.simulation.sensors.stream import SensorMessage, SensorStream
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


def messages(
    recording: Recording,
    suite: SuiteParameters,
    seed: int,
    *,
    buildings: Sequence[np.ndarray] = (),
    rails: Sequence[np.ndarray] = (),
) -> Iterator[BagMessage]:
    """What `VehicleMessages` say over a recording.

    Raises DataError if nobody is the robotaxi.
    """
    if recording.ego is None:
        raise DataError(f'{recording.name}: no track is the robotaxi, so there are no sensors')
    vehicle = VehicleMessages(recording, suite, seed, buildings=buildings, rails=rails)
    for k in range(len(recording.stamp_ns)):
        yield from vehicle.advance(instant(recording, k), recording.lights[k])
    yield from vehicle.finish()


class VehicleMessages:
    """Every message of a vehicle in a world that goes on, in the order of arrival.

    Sensors, odometry and transforms speak while the robotaxi, `cast.ego`, is there; the truth (all
    road users but the robotaxi, at every world given) and the signals speak all the time.
    `buildings` and `rails` are those of SensorStream. The same worlds give the same bytes.
    """

    def __init__(
        self,
        cast: Cast,
        suite: SuiteParameters,
        seed: int,
        *,
        buildings: Sequence[np.ndarray] = (),
        rails: Sequence[np.ndarray] = (),
    ) -> None:
        """Raises ValueError for an outline that is none."""
        self._sensors = SensorStream(cast, suite, seed, buildings=buildings, rails=rails)
        self._cast, self._suite = cast, suite
        self._chance = generator_for(seed, 'odometry')
        self._newest: Snapshot | None = None
        self._start_ns = 0
        self._odometry_count = 0
        self._waiting: list[tuple[int, str, int, BagMessage]] = []
        self._pushed = 0

    def advance(self, world: Snapshot, lights: LightStates) -> list[BagMessage]:
        """The messages that arrive up to the instant of this world; of equal times by topic.

        What lies between two worlds is interpolated: scans and odometry after this one need the
        next, and arrive with it. Raises ValueError if this world is no later than the one before.
        """
        passage = Passage(world if self._newest is None else self._newest, world)
        if self._newest is None:
            self._start_ns = world.stamp_ns
            static = mounts(self._suite, self._start_ns)
            self._push(self._start_ns, TF_STATIC, cdr.write_transforms(static))
        self._newest = world
        self._odometry(passage)
        late_ns = round(self._suite.signals_latency_ms * 1e6)
        seen = cdr.write_traffic_light_groups(signals(lights, world.stamp_ns))
        self._push(world.stamp_ns + late_ns, SIGNALS, seen)
        truth = truth_at(self._cast, passage.at(world.stamp_ns))
        self._push(world.stamp_ns, TRUTH, cdr.write_tracked_objects(truth))
        self._sensor_messages(self._sensors.advance(world))
        return self._arrived(world.stamp_ns)

    def finish(self) -> list[BagMessage]:
        """What is still on its way."""
        self._sensor_messages(self._sensors.finish())
        return self._arrived(None)

    def _odometry(self, passage: Passage) -> None:
        suite = self._suite
        late_ns = round(suite.odometry_latency_ms * 1e6)
        while True:
            k = self._odometry_count
            stamp_ns = self._start_ns + round(k * NS_PER_S / suite.odometry_rate_hz)
            if stamp_ns > passage.after.stamp_ns:
                return
            self._odometry_count += 1
            arrays = odometry_at(passage.at(stamp_ns), self._cast, suite, self._chance)
            if arrays is None:
                continue
            if k % TF_EVERY == 0:
                moving = cdr.write_transforms(map_to_base(arrays))
                self._push(stamp_ns + late_ns, TF, moving, beside=ODOMETRY)
            self._push(stamp_ns + late_ns, ODOMETRY, cdr.write_odometry(arrays))

    def _sensor_messages(self, arrived: list[SensorMessage]) -> None:
        for message in arrived:
            topic = topic_of(message.source, self._suite.sensors[message.source])
            self._push(message.arrival_ns, topic, _serialised(message.arrays))

    def _push(self, arrival_ns: int, topic: str, data: bytes, *, beside: str = '') -> None:
        """Of equal times the order is that of topics; who stands `beside` one shares its place."""
        item = (arrival_ns, beside or topic, self._pushed, BagMessage(arrival_ns, topic, data))
        heapq.heappush(self._waiting, item)
        self._pushed += 1

    def _arrived(self, until_ns: int | None) -> list[BagMessage]:
        out = []
        while self._waiting and (until_ns is None or self._waiting[0][0] <= until_ns):
            out.append(heapq.heappop(self._waiting)[-1])
        return out


def _serialised(arrays: SensorArrays) -> bytes:
    if isinstance(arrays, Detection3DArrayArrays):
        return cdr.write_detection3d_array(arrays)
    if isinstance(arrays, TrackedObjectsArrays):
        return cdr.write_tracked_objects(arrays)
    assert isinstance(arrays, RadarTracksArrays)
    return cdr.write_radar_tracks(arrays)
