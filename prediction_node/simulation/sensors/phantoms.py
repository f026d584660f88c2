"""What a sensor reports that is not there: false alarms, ghosts, echoes of buildings and rails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import Transform, direction_rad
from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.stamps import NS_PER_S
from prediction_node.simulation.sensors.bodies import Bodies
from prediction_node.simulation.sensors.identities import name_uuid
from prediction_node.simulation.sensors.occlusion import first_hits
from prediction_node.simulation.sensors.parameters import SensorParameters
from prediction_node.simulation.sensors.randomness import NORMALS, UNIFORMS, Draws, generator_for
from prediction_node.simulation.sensors.walls import Walls

# What nothing is taken for: a blob, a car, somebody on foot.
_LABELS = np.array([ObjectClass.UNKNOWN, ObjectClass.CAR, ObjectClass.PEDESTRIAN], dtype=np.int8)
_SHARES = (0.4, 0.3, 0.3)
_SIZES_M = np.array([[1.0, 1.0, 1.0], [4.5, 1.8, 1.5], [0.6, 0.6, 1.7]])
_TRIES = 16  # directions looked into for an echo


@dataclass(frozen=True, slots=True, eq=False)
class _Ghosts:
    """Those alive, with the instant each is gone and its id."""

    bodies: Bodies
    gone_ns: np.ndarray  # (G,) int64
    uuid: np.ndarray  # (G, 16) uint8


class Phantoms:
    """The phantoms of one sensor. What a scan holds depends on seed, sensor and scans so far."""

    def __init__(
        self, name: str, sensor: SensorParameters, reach_m: float, seed: int, walls: Walls
    ) -> None:
        """`walls` send echoes: buildings and rails."""
        self._name, self._sensor, self._seed = name, sensor, seed
        self._reach_m = reach_m
        self._walls = walls
        self._ghosts = _Ghosts(
            _nothing(), np.zeros(0, dtype=np.int64), np.zeros((0, 16), dtype=np.uint8)
        )

    @property
    def any(self) -> bool:
        """Does this sensor ever report one?"""
        sensor = self._sensor
        echoes = sensor.clutter > 0.0 and len(self._walls.start_m) > 0
        return sensor.false_alarms > 0.0 or sensor.ghosts_per_minute > 0.0 or echoes

    def of(
        self, scan: int, stamp_ns: int, map_from_sensor: Transform
    ) -> tuple[Bodies, Draws, np.ndarray] | None:
        """The phantoms of this scan, their chance, and their ids (G, 16); None if there are none.

        Call it for every scan, in order.
        """
        sensor = self._sensor
        generator = generator_for(self._seed, self._name, scan, 'phantoms')
        alarms = int(generator.poisson(sensor.false_alarms))
        echoes = int(generator.poisson(sensor.clutter)) if len(self._walls.start_m) else 0
        born = int(generator.poisson(sensor.ghosts_per_minute / 60.0 / sensor.rate_hz))
        if born or len(self._ghosts.gone_ns):
            self._live(born, scan, stamp_ns, map_from_sensor, generator)
        if not (alarms or echoes or len(self._ghosts.gone_ns)):
            return None
        once = self._anywhere(alarms, map_from_sensor, generator)
        if echoes:
            once = once.and_also(self._echoes(echoes, map_from_sensor, generator))
        staying = np.flatnonzero(self._in_sector(self._ghosts.bodies, map_from_sensor))
        bodies = once.and_also(self._ghosts.bodies.at(staying))
        names = [f'{self._seed}/{self._name}/phantom/{scan}/{i}' for i in range(len(once))]
        uuid = np.concatenate(
            [*(name_uuid(name)[None] for name in names), self._ghosts.uuid[staying]]
        )
        n = len(bodies)
        draws = Draws(
            generator.standard_normal((n, NORMALS)),
            generator.random((n, UNIFORMS)),
            generator.random(n),
            np.ones(n),
        )
        return bodies, draws, uuid

    def _live(
        self,
        born: int,
        scan: int,
        stamp_ns: int,
        map_from_sensor: Transform,
        generator: np.random.Generator,
    ) -> None:
        """Some ghosts go, some come."""
        ghosts = self._ghosts
        stays_s = generator.exponential(self._sensor.ghost_lifetime_s, born)
        names = [f'{self._seed}/{self._name}/ghost/{scan}/{i}' for i in range(born)]
        alive = ghosts.gone_ns > stamp_ns
        self._ghosts = _Ghosts(
            ghosts.bodies.at(alive).and_also(self._anywhere(born, map_from_sensor, generator)),
            np.concatenate(
                [ghosts.gone_ns[alive], stamp_ns + (stays_s * NS_PER_S).astype(np.int64)]
            ),
            np.concatenate([ghosts.uuid[alive], *(name_uuid(name)[None] for name in names)]),
        )

    def _anywhere(
        self, count: int, map_from_sensor: Transform, generator: np.random.Generator
    ) -> Bodies:
        """Evenly over the area of the sector, standing on the ground."""
        range_m = self._reach_m * np.sqrt(generator.random(count))
        view_rad = np.deg2rad(self._sensor.field_of_view_deg)
        bearing_rad = view_rad * (generator.random(count) - 0.5)
        return self._placed(range_m, bearing_rad, map_from_sensor, generator)

    def _echoes(
        self, count: int, map_from_sensor: Transform, generator: np.random.Generator
    ) -> Bodies:
        """Where the first wall stands in directions taken at random."""
        view_rad = np.deg2rad(self._sensor.field_of_view_deg)
        bearing_rad = view_rad * (generator.random(_TRIES * count) - 0.5)
        range_m = first_hits(
            map_from_sensor.translation_m,
            bearing_rad + map_from_sensor.yaw_rad,
            self._reach_m,
            self._walls,
        )
        hit = np.flatnonzero(np.isfinite(range_m))[:count]
        return self._placed(range_m[hit], bearing_rad[hit], map_from_sensor, generator)

    def _placed(
        self,
        range_m: np.ndarray,
        bearing_rad: np.ndarray,
        map_from_sensor: Transform,
        generator: np.random.Generator,
    ) -> Bodies:
        """Bodies of any class and heading at these places of the sector."""
        n = len(range_m)
        kind = generator.choice(len(_LABELS), n, p=_SHARES)
        size = _SIZES_M[kind]
        height_m = 0.5 * size[:, 2] - self._sensor.z_m
        local = np.stack(
            [range_m * np.cos(bearing_rad), range_m * np.sin(bearing_rad), height_m], axis=-1
        )
        yaw_rad = generator.uniform(-np.pi, np.pi, n)
        return Bodies.standing(map_from_sensor.apply(local), yaw_rad, size, _LABELS[kind])

    def _in_sector(self, bodies: Bodies, map_from_sensor: Transform) -> np.ndarray:
        offset = map_from_sensor.inverse().apply(bodies.position_m)
        half_rad = 0.5 * np.deg2rad(self._sensor.field_of_view_deg)
        return np.asarray(
            (np.hypot(offset[:, 0], offset[:, 1]) <= self._reach_m)
            & (np.abs(direction_rad(offset)) <= half_rad + 1e-12)
        )


def _nothing() -> Bodies:
    none = np.zeros(0)
    return Bodies.standing(np.zeros((0, 3)), none, np.zeros((0, 3)), none.astype(np.int8))
