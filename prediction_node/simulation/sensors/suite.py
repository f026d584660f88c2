"""All sensors of a vehicle over a recording, as a stream of messages in the order they arrive."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.errors import DataError
from prediction_node.domain.frames import Transform
from prediction_node.domain.interpolation import snapshot
from prediction_node.domain.recording import Recording
from prediction_node.domain.stamps import NS_PER_S, seconds
from prediction_node.simulation.sensors.messages import SensorArrays, as_message
from prediction_node.simulation.sensors.parameters import (
    SensorParameters,
    SuiteParameters,
    frame_of,
)
from prediction_node.simulation.sensors.scan import in_view, scan


@dataclass(frozen=True, slots=True, eq=False)
class SensorMessage:
    """One message of the sensor called `source`, received at `arrival_ns`."""

    arrival_ns: int
    source: str
    arrays: SensorArrays


def generator_for(seed: int, *names: str | int) -> np.random.Generator:
    """Random numbers that depend on the seed and the names, and on nothing else."""
    digest = hashlib.blake2b('/'.join(str(n) for n in (seed, *names)).encode(), digest_size=16)
    return np.random.default_rng(int.from_bytes(digest.digest(), 'little'))


def mount_of(sensor: SensorParameters) -> Transform:
    """base_from_sensor."""
    return Transform.from_xyz_yaw(
        np.array([sensor.x_m, sensor.y_m, sensor.z_m]), float(np.deg2rad(sensor.yaw_deg))
    )


def base_pose(recording: Recording, stamp_ns: int, centre_offset_m: float) -> Transform | None:
    """map_from_base of the robotaxi: on the ground, behind its middle; None if it is not there."""
    truth = snapshot(recording, stamp_ns)
    at = np.flatnonzero(truth.row == recording.ego)
    if not len(at):
        return None
    yaw = float(truth.yaw_rad[at[0]])
    back = centre_offset_m * np.array([np.cos(yaw), np.sin(yaw), 0.0])
    ground = np.array([0.0, 0.0, 0.5 * recording.size_m[truth.row[at[0]], 2]])
    return Transform.from_xyz_yaw(truth.position_m[at[0]] - back - ground, yaw)


def simulate_sensors(
    recording: Recording, suite: SuiteParameters, seed: int
) -> Iterator[SensorMessage]:
    """Every message of every sensor, by arrival time; of equal ones by name.

    The robotaxi is `recording.ego`; while it is not there, its sensors are silent. Each sensor
    scans at its own rate from a moment of its own, and reports the world as it is at that moment.
    The messages of a sensor depend on its own figures and name, the world and the seed: not on
    other sensors. Raises DataError if nobody is the robotaxi.
    """
    if recording.ego is None:
        raise DataError(f'{recording.name}: no track is the robotaxi, so there are no sensors')
    streams = [
        _stream(name, sensor, recording, suite, seed) for name, sensor in suite.sensors.items()
    ]
    return heapq.merge(*streams, key=lambda message: (message.arrival_ns, message.source))


def rows_in_view(
    recording: Recording, suite: SuiteParameters, stamp_ns: int
) -> dict[str, np.ndarray]:
    """For each sensor the rows of the recording that it could report at an instant, dropouts apart.

    What a tracker can be asked for: nobody sees behind a bus. Empty while the robotaxi is not
    there.
    """
    map_from_base = base_pose(recording, stamp_ns, suite.centre_offset_m)
    if map_from_base is None:
        return {name: np.zeros(0, dtype=np.int64) for name in suite.sensors}
    truth = snapshot(recording, stamp_ns)
    return {
        name: truth.row[in_view(sensor, suite, recording, truth, map_from_base @ mount_of(sensor))]
        for name, sensor in suite.sensors.items()
    }


def _stream(
    name: str, sensor: SensorParameters, recording: Recording, suite: SuiteParameters, seed: int
) -> Iterator[SensorMessage]:
    """The messages of one sensor by arrival: jitter may swap neighbours, so some wait in a heap."""
    waiting: list[tuple[int, int, SensorMessage]] = []
    start_ns, end_ns = int(recording.stamp_ns[0]), int(recording.stamp_ns[-1])
    phase = float(generator_for(seed, name, 'phase').random())
    identities = _Identities(name, sensor, recording, seed)
    base_from_sensor = mount_of(sensor)
    latency_ns = round(sensor.latency_ms * 1e6)
    for k in range(int((end_ns - start_ns) / NS_PER_S * sensor.rate_hz) + 2):
        stamp_ns = start_ns + round((k + phase) * NS_PER_S / sensor.rate_hz)
        if stamp_ns > end_ns:
            break
        while waiting and waiting[0][0] <= stamp_ns + latency_ns:
            yield heapq.heappop(waiting)[2]
        map_from_base = base_pose(recording, stamp_ns, suite.centre_offset_m)
        if map_from_base is None:
            continue
        rng = generator_for(seed, name, k)
        truth = snapshot(recording, stamp_ns)
        seen = scan(sensor, suite, recording, truth, map_from_base @ base_from_sensor, rng)
        uuid = identities.of(seen.row, stamp_ns, rng)
        arrays = as_message(sensor, frame_of(name, sensor), stamp_ns, seen, uuid)
        jitter_ns = round(float(rng.random()) * sensor.latency_jitter_ms * 1e6)
        message = SensorMessage(stamp_ns + latency_ns + jitter_ns, name, arrays)
        heapq.heappush(waiting, (message.arrival_ns, k, message))
    while waiting:
        yield heapq.heappop(waiting)[2]


class _Identities:
    """The sensor's own track ids: kept while it sees an object, new after a gap or by mistake."""

    def __init__(
        self, name: str, sensor: SensorParameters, recording: Recording, seed: int
    ) -> None:
        n = len(recording.track_id)
        self._prefix = f'{seed}/{name}'
        self._sensor = sensor
        self._track_id = recording.track_id
        self._generation = np.zeros(n, dtype=np.int64)
        self._last_ns = np.full(n, -1, dtype=np.int64)

    def of(self, row: np.ndarray, stamp_ns: int, rng: np.random.Generator) -> np.ndarray:
        """(M, 16) uint8 of the objects of these rows, seen at `stamp_ns`."""
        mistaken = rng.random(len(self._last_ns)) < self._sensor.id_switch
        for i in row:
            known = self._last_ns[i] >= 0
            gap_s = seconds(stamp_ns - int(self._last_ns[i]))
            if known and (gap_s > self._sensor.id_memory_s or mistaken[i]):
                self._generation[i] += 1
            self._last_ns[i] = stamp_ns
        names = [f'{self._prefix}/{self._track_id[i]}/{self._generation[i]}' for i in row]
        digests = [hashlib.blake2b(name.encode(), digest_size=16).digest() for name in names]
        return np.frombuffer(b''.join(digests), dtype=np.uint8).reshape(-1, 16)
