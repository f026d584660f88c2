"""All sensors of a vehicle over a recording, as a stream of messages in the order they arrive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from prediction_node.domain.errors import DataError
from prediction_node.domain.interpolation import instant, snapshot
from prediction_node.domain.recording import Recording
from prediction_node.simulation.sensors.mounting import base_pose, mount_of
from prediction_node.simulation.sensors.parameters import SuiteParameters
from prediction_node.simulation.sensors.scan import in_view
from prediction_node.simulation.sensors.stream import SensorMessage, SensorStream
from prediction_node.simulation.sensors.walls import Walls


def simulate_sensors(
    recording: Recording,
    suite: SuiteParameters,
    seed: int,
    *,
    buildings: Sequence[np.ndarray] = (),
    rails: Sequence[np.ndarray] = (),
) -> Iterator[SensorMessage]:
    """Every message of every sensor, by arrival time; of equal ones by name. See SensorStream.

    Raises DataError if nobody is the robotaxi.
    """
    if recording.ego is None:
        raise DataError(f'{recording.name}: no track is the robotaxi, so there are no sensors')
    stream = SensorStream(recording, suite, seed, buildings=buildings, rails=rails)
    return _messages(recording, stream)


def _messages(recording: Recording, stream: SensorStream) -> Iterator[SensorMessage]:
    for k in range(len(recording.stamp_ns)):
        yield from stream.advance(instant(recording, k))
    yield from stream.finish()


def rows_in_view(
    recording: Recording,
    suite: SuiteParameters,
    stamp_ns: int,
    *,
    buildings: Sequence[np.ndarray] | Walls = (),
) -> dict[str, np.ndarray]:
    """For each sensor the rows of the recording that it could report at an instant, dropouts apart.

    What a tracker can be asked for: nobody sees behind a bus. Empty while the robotaxi is not
    there. Who asks often makes `Walls` of the buildings once.
    """
    truth = snapshot(recording, stamp_ns)
    map_from_base = base_pose(truth, recording, suite.centre_offset_m)
    if map_from_base is None:
        return {name: np.zeros(0, dtype=np.int64) for name in suite.sensors}
    walls = buildings if isinstance(buildings, Walls) else Walls.of(buildings)
    return {
        name: truth.row[
            in_view(sensor, suite, recording, truth, map_from_base @ mount_of(sensor), walls)
        ]
        for name, sensor in suite.sensors.items()
    }
