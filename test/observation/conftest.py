"""Messages and drives for the tests of the observation stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.frames import Transform, quaternion_from_yaw
from prediction_node.domain.message_arrays import (
    Detection3DArrayArrays,
    OdometryArrays,
    RadarTracksArrays,
    TrackedObjectsArrays,
    TrafficLightGroupsArrays,
    TransformsArrays,
)
from prediction_node.observation.observer import Observed, Observer
from prediction_node.observation.parameters import (
    DEFAULT_SOURCES,
    ObservationParameters,
    SourceParameters,
)

MS = 1_000_000
EPOCH_NS = (
    1_700_000_000_123_456_789  # an odd instant, so that nothing survives a pass through floats
)


def quaternions(yaw_rad: Any, n: int) -> np.ndarray:
    return quaternion_from_yaw(np.broadcast_to(np.asarray(yaw_rad, dtype=np.float64), (n,)))


class Build:
    """Messages with plausible values; keyword arguments replace whole fields."""

    @staticmethod
    def tracked(
        n: int = 1, *, stamp_ns: int = EPOCH_NS, frame: str = 'lidar', **fields: Any
    ) -> TrackedObjectsArrays:
        yaw = fields.pop('yaw', 0.0)
        covariance = np.tile(np.diag([0.01, 0.02, 0.03, 0.001, 0.001, 0.004]), (n, 1, 1))
        made = TrackedObjectsArrays(
            stamp_ns=stamp_ns,
            frame_id=frame,
            object_id=np.random.default_rng(n).integers(0, 256, (n, 16), dtype=np.uint8),
            existence_probability=np.full(n, 0.9, np.float32),
            class_offsets=np.arange(n + 1),
            class_label=np.ones(n, np.uint8),
            class_probability=np.full(n, 0.8, np.float32),
            position=np.column_stack(
                [np.linspace(5.0, 50.0, n), np.linspace(-3, 3, n), np.zeros(n)]
            ),
            orientation=quaternions(yaw, n),
            pose_covariance=covariance,
            orientation_availability=np.full(n, 2, np.uint8),
            twist_linear=np.tile([5.0, 0.0, 0.0], (n, 1)),
            twist_angular=np.tile([0.0, 0.0, 0.1], (n, 1)),
            twist_covariance=np.tile(np.diag([0.04, 0.09, 0.01, 0.0, 0.0, 0.01]), (n, 1, 1)),
            acceleration_linear=np.zeros((n, 3)),
            acceleration_angular=np.zeros((n, 3)),
            acceleration_covariance=np.zeros((n, 6, 6)),
            is_stationary=np.zeros(n, bool),
            shape_type=np.zeros(n, np.uint8),
            footprint_offsets=np.zeros(n + 1, np.int64),
            footprint=np.zeros((0, 3), np.float32),
            dimensions=np.tile([4.5, 1.8, 1.5], (n, 1)),
        )
        return replace(made, **fields)

    @staticmethod
    def detections(
        n: int = 1,
        *,
        stamp_ns: int = EPOCH_NS,
        frame: str = 'camera',
        hypotheses: Sequence[tuple[str, float]] = (('car', 0.8),),
        covariance: np.ndarray | None = None,
        **fields: Any,
    ) -> Detection3DArrayArrays:
        h = len(hypotheses)
        given = np.diag([0.5, 0.1, 0.2, 0.0, 0.0, 0.0]) if covariance is None else covariance
        made = Detection3DArrayArrays(
            stamp_ns=stamp_ns,
            frame_id=frame,
            detection_stamp_ns=np.full(n, stamp_ns),
            detection_frame_id=(frame,) * n,
            hypothesis_offsets=np.arange(n + 1) * h,
            hypothesis_class_id=tuple(name for name, _ in hypotheses) * n,
            hypothesis_score=np.tile([float(score) for _, score in hypotheses], n),
            hypothesis_position=np.zeros((n * h, 3)),
            hypothesis_orientation=quaternions(0.0, n * h),
            hypothesis_covariance=np.tile(given, (n * h, 1, 1)),
            position=np.column_stack(
                [np.linspace(5.0, 50.0, n), np.linspace(-3, 3, n), np.zeros(n)]
            ),
            orientation=quaternions(0.0, n),
            size=np.tile([4.5, 1.8, 1.5], (n, 1)),
            id=tuple(f'track {i}' for i in range(n)),
        )
        return replace(made, **fields)

    @staticmethod
    def radar(
        n: int = 1, *, stamp_ns: int = EPOCH_NS, frame: str = 'radar', **fields: Any
    ) -> RadarTracksArrays:
        covariance = np.tile(np.array([0.25, 0.0, 0.0, 0.5, 0.0, 0.0], np.float32), (n, 1))
        made = RadarTracksArrays(
            stamp_ns=stamp_ns,
            frame_id=frame,
            uuid=np.random.default_rng(n).integers(0, 256, (n, 16), dtype=np.uint8),
            position=np.column_stack(
                [np.linspace(5.0, 50.0, n), np.linspace(-3, 3, n), np.zeros(n)]
            ),
            velocity=np.tile([5.0, 1.0, 0.0], (n, 1)),
            acceleration=np.zeros((n, 3)),
            size=np.zeros((n, 3)),
            classification=np.zeros(n, np.uint16),
            position_covariance=covariance,
            velocity_covariance=covariance,
            acceleration_covariance=np.zeros((n, 6), np.float32),
            size_covariance=np.zeros((n, 6), np.float32),
        )
        return replace(made, **fields)

    @staticmethod
    def odometry(
        stamp_ns: int = EPOCH_NS,
        *,
        xyz: Sequence[float] = (0.0, 0.0, 0.0),
        yaw: float = 0.0,
        velocity: Sequence[float] = (0.0, 0.0, 0.0),
        turn_rate: float = 0.0,
        frame: str = 'map',
        child: str = 'base_link',
        **fields: Any,
    ) -> OdometryArrays:
        made = OdometryArrays(
            stamp_ns=stamp_ns,
            frame_id=frame,
            child_frame_id=child,
            position=np.array(xyz, dtype=np.float64),
            orientation=quaternions(yaw, 1)[0],
            pose_covariance=np.zeros((6, 6)),
            twist_linear=np.array(velocity, dtype=np.float64),
            twist_angular=np.array([0.0, 0.0, turn_rate]),
            twist_covariance=np.zeros((6, 6)),
        )
        return replace(made, **fields)

    @staticmethod
    def transforms(
        *edges: tuple[str, str, Sequence[float], float], stamp_ns: int = EPOCH_NS
    ) -> TransformsArrays:
        """Each edge is parent, child, translation, yaw."""
        n = len(edges)
        return TransformsArrays(
            stamp_ns=np.full(n, stamp_ns),
            frame_id=tuple(edge[0] for edge in edges),
            child_frame_id=tuple(edge[1] for edge in edges),
            translation=np.array([edge[2] for edge in edges], dtype=np.float64).reshape(n, 3),
            rotation=quaternions([edge[3] for edge in edges], n),
        )

    @staticmethod
    def lights(
        *elements: tuple[int, int], stamp_ns: int = EPOCH_NS, **fields: Any
    ) -> TrafficLightGroupsArrays:
        """Each element is group, colour; round, solid on, certain."""
        n = len(elements)
        made = TrafficLightGroupsArrays(
            stamp_ns=stamp_ns,
            group_id=np.array([group for group, _ in elements], dtype=np.int64),
            color=np.array([colour for _, colour in elements], dtype=np.uint8),
            shape=np.ones(n, np.uint8),
            status=np.full(n, 2, np.uint8),
            confidence=np.ones(n, np.float32),
        )
        return replace(made, **fields)

    @staticmethod
    def source(name: str = 'lidar', **fields: Any) -> SourceParameters:
        """The default source of that name, changed."""
        return replace(next(s for s in DEFAULT_SOURCES if s.name == name), **fields)

    mounts = (
        ('base_link', 'camera', (1.5, 0.0, 1.4), 0.0),
        ('base_link', 'thermal', (1.5, 0.2, 1.4), 0.0),
        ('base_link', 'lidar', (1.0, 0.0, 1.9), 0.1),
        ('base_link', 'radar', (3.6, 0.5, 0.5), 0.2),
    )


class Drive:
    """A robotaxi on a circle among standing and moving objects, seen by an Observer.

    Each `cycle` brings 100 ms of odometry at 50 Hz and one message per sensor, then releases.
    `true_ns` is the time of the world, which nothing sees; `stamp_offset_ns` is what the stamps
    make of it, and `arrival_offset_ns` what the driving clock makes of it. A test changes them to
    break the clocks.
    """

    speed_mps = 10.0
    turn_rate_radps = 0.1
    sensor_latency_ns = 60 * MS
    odometry_latency_ns = 2 * MS
    odometry_per_cycle = 5

    def __init__(
        self,
        parameters: ObservationParameters | None = None,
        sources: Sequence[SourceParameters] = DEFAULT_SOURCES,
    ) -> None:
        self.observer = Observer(parameters or ObservationParameters(), sources)
        self.sources = sources
        self.observer.on_transforms(Build.transforms(*Build.mounts), static=True, arrival_ns=0)
        self.true_ns = 0
        self.stamp_offset_ns = EPOCH_NS
        self.arrival_offset_ns = 0
        self.with_odometry = True
        self.with_sensors = True
        self.notices: list[str] = []

    def map_from_base(self, true_ns: int) -> Transform:
        yaw = self.turn_rate_radps * true_ns * 1e-9
        radius = self.speed_mps / self.turn_rate_radps
        return Transform.from_xyz_yaw(
            np.array([radius * np.sin(yaw), radius * (1.0 - np.cos(yaw)), 0.0]), yaw
        )

    def objects_m(self, true_ns: int) -> np.ndarray:
        """(4, 3) in the map: three stand, the last drives along y at 3 m/s."""
        return np.array(
            [[30.0, 5.0, 0.0], [40.0, -8.0, 0.0], [10.0, 20.0, 0.0], [20.0, 3e-9 * true_ns, 0.0]]
        )

    def odometry(self, true_ns: int) -> OdometryArrays:
        pose = self.map_from_base(true_ns)
        return Build.odometry(
            true_ns + self.stamp_offset_ns,
            xyz=pose.translation_m,
            yaw=pose.yaw_rad,
            velocity=(self.speed_mps, 0.0, 0.0),
            turn_rate=self.turn_rate_radps,
        )

    def seen(self, source: SourceParameters, true_ns: int) -> Any:
        """What a sensor reports of the objects at an instant, exactly."""
        x, y, z = next(m[2] for m in Build.mounts if m[1] == source.name)
        yaw = next(m[3] for m in Build.mounts if m[1] == source.name)
        base_from_sensor = Transform.from_xyz_yaw(np.array([x, y, z]), yaw)
        sensor_from_map = (self.map_from_base(true_ns) @ base_from_sensor).inverse()
        position = sensor_from_map.apply(self.objects_m(true_ns))
        velocity = np.zeros((4, 3))
        velocity[3] = sensor_from_map.rotation @ [0.0, 3.0, 0.0]
        stamp_ns = true_ns + self.stamp_offset_ns
        if 'Detection3D' in source.type:
            return Build.detections(4, stamp_ns=stamp_ns, frame=source.name, position=position)
        if 'Radar' in source.type:
            return Build.radar(
                4, stamp_ns=stamp_ns, frame=source.name, position=position, velocity=velocity
            )
        heading = sensor_from_map.yaw_rad + np.array([0.0, 0.0, 0.0, np.pi / 2])
        twist = np.zeros((4, 3))
        twist[3, 0] = 3.0
        return Build.tracked(
            4,
            stamp_ns=stamp_ns,
            frame=source.name,
            position=position,
            yaw=heading,
            twist_linear=twist,
        )

    def messages(self) -> list[tuple[int, Callable[[int], None]]]:
        """The (true arrival, delivery) pairs of the coming 100 ms, in order of arrival."""
        start = self.true_ns
        out: list[tuple[int, Callable[[int], None]]] = []
        if self.with_odometry:
            period_ns = 100 * MS // self.odometry_per_cycle
            for i in range(self.odometry_per_cycle):
                arrival = start + (i + 1) * period_ns
                made = self.odometry(arrival - self.odometry_latency_ns)
                out.append((arrival, lambda at, m=made: self.observer.on_odometry(m, at)))
        if self.with_sensors:
            for source in self.sources:
                arrival = start + 70 * MS
                made = self.seen(source, max(arrival - self.sensor_latency_ns, 1))
                out.append(
                    (
                        arrival,
                        lambda at, m=made, s=source.name: self.observer.on_tracks(s, m, at),
                    )
                )
        return sorted(out, key=lambda pair: pair[0])

    def cycle(self, count: int = 1) -> Observed:
        """`count` releases; returns the last."""
        for _ in range(count):
            for true_ns, deliver in self.messages():
                deliver(true_ns + self.arrival_offset_ns)
            self.true_ns += 100 * MS
            observed = self.observer.release(self.now_ns)
            if observed.reset:
                self.notices.append(observed.notice)
        return observed

    @property
    def now_ns(self) -> int:
        return self.true_ns + self.arrival_offset_ns

    def error_m(self, observed: Observed) -> float:
        """Largest distance of ego and observed objects from the truth at their own stamps."""
        assert observed.ego is not None
        assert observed.stamp_ns is not None
        truth = self.map_from_base(observed.stamp_ns - self.stamp_offset_ns)
        errors = [float(np.linalg.norm(observed.ego.position_m - truth.translation_m[:2]))]
        for tracks in observed.observations:
            at_ns = tracks.stamp_ns - self.stamp_offset_ns
            errors.append(float(np.abs(tracks.position_m - self.objects_m(at_ns)).max()))
        return max(errors)


@pytest.fixture(scope='session')
def build() -> type[Build]:
    return Build


@pytest.fixture
def drive() -> Drive:
    """A drive on a circle with the default parameters and sources."""
    return Drive()


@pytest.fixture(scope='session')
def drive_with() -> type[Drive]:
    """The class, for drives with other parameters."""
    return Drive
