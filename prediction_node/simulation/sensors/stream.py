"""All sensors of a vehicle in a world that goes on, as messages in the order they arrive."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.cast import Cast
from prediction_node.domain.interpolation import Passage, Snapshot
from prediction_node.domain.stamps import NS_PER_S
from prediction_node.simulation.sensors.bodies import Bodies
from prediction_node.simulation.sensors.identities import Identities
from prediction_node.simulation.sensors.messages import SensorArrays, as_message
from prediction_node.simulation.sensors.mounting import base_pose, mount_of
from prediction_node.simulation.sensors.parameters import (
    SensorParameters,
    SuiteParameters,
    frame_of,
)
from prediction_node.simulation.sensors.phantoms import Phantoms
from prediction_node.simulation.sensors.randomness import Draws, ScanChance, generator_for
from prediction_node.simulation.sensors.scan import in_view, measure, reported
from prediction_node.simulation.sensors.walls import Walls, pieces


@dataclass(frozen=True, slots=True, eq=False)
class SensorMessage:
    """One message of the sensor called `source`, received at `arrival_ns`."""

    arrival_ns: int
    source: str
    arrays: SensorArrays


class SensorStream:
    """The sensors of `cast.ego` from the first world it is given on.

    Each sensor scans at its own rate from a moment of its own, and reports the world as it is at
    that moment; while the robotaxi is not there, its sensors are silent. The messages of a sensor
    depend on its own figures and name, the world and the seed: not on other sensors.

    `buildings`, closed outlines (K, 2) in the map frame, hide what is behind them; they and
    `rails`, open lines (K, 2) that hide nothing, send echoes.
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
        walls, echoing = Walls.of(buildings), Walls.of((*buildings, *pieces(rails)))
        rows = len(cast.track_id)
        self._sensors = [
            _Sensor(name, sensor, suite, seed, rows, walls, echoing)
            for name, sensor in suite.sensors.items()
        ]
        self._cast, self._suite = cast, suite
        self._newest: Snapshot | None = None
        self._waiting: list[tuple[int, str, int, SensorMessage]] = []

    def advance(self, world: Snapshot) -> list[SensorMessage]:
        """The messages that arrive up to the instant of this world, by arrival, of equal by name.

        Scans in between see bodies on their way from the world before to this one; who is in one
        of the two only is not seen. Raises ValueError if it is no later than the one before.
        """
        first = self._newest is None
        passage = Passage(world if self._newest is None else self._newest, world)
        self._newest = world
        for sensor in self._sensors:
            if first:
                sensor.start(world.stamp_ns)
            while sensor.next_ns <= world.stamp_ns:
                scan = sensor.scans
                message = sensor.scan(passage.at(sensor.next_ns), self._cast)
                if message is not None:
                    item = (message.arrival_ns, message.source, scan, message)
                    heapq.heappush(self._waiting, item)
        return self._arrived(world.stamp_ns)

    def finish(self) -> list[SensorMessage]:
        """What is still on its way."""
        return self._arrived(None)

    def _arrived(self, until_ns: int | None) -> list[SensorMessage]:
        out = []
        while self._waiting and (until_ns is None or self._waiting[0][0] <= until_ns):
            out.append(heapq.heappop(self._waiting)[-1])
        return out


class _Sensor:
    """One sensor and what it remembers."""

    def __init__(
        self,
        name: str,
        sensor: SensorParameters,
        suite: SuiteParameters,
        seed: int,
        first_rows: int,
        walls: Walls,
        echoing: Walls,
    ) -> None:
        self._name, self._sensor, self._suite, self._seed = name, sensor, suite, seed
        self._first_rows, self._walls = first_rows, walls
        self._mount = mount_of(sensor)
        self._identities = Identities(name, sensor, seed)
        reach_m = sensor.reach_m(suite.night, suite.visibility_m)
        self._phantoms = Phantoms(name, sensor, reach_m, seed, echoing)
        self._phase = float(generator_for(seed, name, 'phase').random())
        self._start_ns = 0
        self.scans = 0

    def start(self, stamp_ns: int) -> None:
        self._start_ns = stamp_ns

    @property
    def next_ns(self) -> int:
        """When it scans next."""
        return self._start_ns + round((self.scans + self._phase) * NS_PER_S / self._sensor.rate_hz)

    def scan(self, world: Snapshot, cast: Cast) -> SensorMessage | None:
        """The message of the scan at the instant of `world`; None while there is no robotaxi."""
        number = self.scans
        self.scans += 1
        map_from_base = base_pose(world, cast, self._suite.centre_offset_m)
        if map_from_base is None:
            return None
        sensor, stamp_ns = self._sensor, world.stamp_ns
        map_from_sensor = map_from_base @ self._mount
        chance = ScanChance(self._seed, self._name, number, self._first_rows)
        at = np.flatnonzero(in_view(sensor, self._suite, cast, world, map_from_sensor, self._walls))
        draws = chance.of(world.row[at])
        phantoms = None
        if self._phantoms.any:
            phantoms = self._phantoms.of(number, stamp_ns, map_from_sensor)
        if phantoms is not None:
            bodies, draws, uuid = self._with_phantoms(at, world, cast, draws, *phantoms)
        else:
            kept = reported(sensor, draws)
            at, draws = at[kept], draws.at(kept)
            bodies = _bodies(world, cast, at)
            uuid = self._identities.of(cast.track_id, world.row[at], stamp_ns, draws.mistaken)
        seen = measure(sensor, bodies, map_from_sensor, draws)
        arrays = as_message(sensor, frame_of(self._name, sensor), stamp_ns, seen, uuid)
        late_ns = round(sensor.latency_ms * 1e6)
        jitter_ns = round(chance.late * sensor.latency_jitter_ms * 1e6)
        return SensorMessage(stamp_ns + late_ns + jitter_ns, self._name, arrays)

    def _with_phantoms(
        self,
        at: np.ndarray,
        world: Snapshot,
        cast: Cast,
        draws: Draws,
        phantoms: Bodies,
        their_draws: Draws,
        their_uuid: np.ndarray,
    ) -> tuple[Bodies, Draws, np.ndarray]:
        """What is reported of those in view, `at` (M,) of the world, and of what is not there."""
        draws = draws.and_also(their_draws)
        kept = reported(self._sensor, draws)
        real = kept < len(at)
        row = world.row[at[kept[real]]]
        uuid = np.empty((len(kept), 16), dtype=np.uint8)
        uuid[real] = self._identities.of(
            cast.track_id, row, world.stamp_ns, draws.mistaken[kept[real]]
        )
        uuid[~real] = their_uuid[kept[~real] - len(at)]
        bodies = _bodies(world, cast, at).and_also(phantoms)
        return bodies.at(kept), draws.at(kept), uuid


def _bodies(world: Snapshot, cast: Cast, at: np.ndarray) -> Bodies:
    row = world.row[at]
    return Bodies(
        world.position_m[at],
        world.yaw_rad[at],
        world.velocity_mps[at],
        cast.size_m[row],
        cast.label[row],
        world.attributes[at],
        world.has_attribute[at],
    )
