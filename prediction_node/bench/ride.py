"""The simulated vehicle on its way: the world steps, the body moves, messages come out."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Sequence
from types import TracebackType

import numpy as np

from prediction_node import cdr
from prediction_node.bench.settings import BenchSettings
from prediction_node.bench.stand import Stand
from prediction_node.domain.errors import SimulationError
from prediction_node.domain.kinds import Modality
from prediction_node.domain.stamps import STEP_NS, nanoseconds
from prediction_node.simulation.faults.grammar import Fault
from prediction_node.simulation.faults.injector import Codec, Injector
from prediction_node.simulation.planner.body import BodyState, Follower, body_at, middle_of
from prediction_node.simulation.planner.candidates import Trajectory, warm_up
from prediction_node.simulation.sensors.parameters import SuiteParameters, topic_of
from prediction_node.simulation.world.state import EgoPose, WorldState
from prediction_node.simulation.world.world import World
from prediction_node.vehicle.messages import (
    ODOMETRY,
    SIGNALS,
    TF,
    TF_STATIC,
    BagMessage,
    VehicleMessages,
)

_CODECS = {
    Modality.CAMERA: Codec(cdr.read_detection3d_array, cdr.write_detection3d_array),
    Modality.THERMAL: Codec(cdr.read_detection3d_array, cdr.write_detection3d_array),
    Modality.LIDAR: Codec(cdr.read_tracked_objects, cdr.write_tracked_objects),
    Modality.RADAR: Codec(cdr.read_radar_tracks, cdr.write_radar_tracks),
}
# Sources of faults that are no sensors, by topic.
_OTHERS = {ODOMETRY: 'odometry', TF: 'tf', TF_STATIC: 'tf', SIGNALS: 'signals'}
_OTHER_CODECS = {
    ODOMETRY: Codec(cdr.read_odometry, cdr.write_odometry),
    TF: Codec(cdr.read_transforms, cdr.write_transforms),
    TF_STATIC: Codec(cdr.read_transforms, cdr.write_transforms),
    SIGNALS: Codec(cdr.read_traffic_light_groups, cdr.write_traffic_light_groups),
}

_REHEARSED_STEPS = 3


class Ride:
    """A world and a vehicle in it, step by step. `begin` says when; then `step` again and again.

    While there is no plan, SUMO drives; from the first one on the body follows what the planner
    says.
    """

    def __init__(self, stand: Stand, settings: BenchSettings, faults: Sequence[Fault]) -> None:
        """Raises SimulationError."""
        warm_up()
        self._world = World(stand.city, stand.seed)
        self._stand, self._settings, self._faults = stand, settings, faults
        self._vehicle = self._new_vehicle()
        self._rehearse()
        self._injector: Injector | None = None
        self._body = settings.body
        self._follower = Follower(settings.body)
        self._driven: BodyState | None = None
        self._planned = False
        self._waiting: list[tuple[int, int, BagMessage]] = []
        self._pushed = 0
        self._shift_ns = 0
        self.now_ns = 0  # stamp of the newest state

    def _new_vehicle(self) -> VehicleMessages:
        stand = self._stand
        return VehicleMessages(
            self._world.cast, stand.suite, stand.seed, buildings=stand.city.buildings
        )

    def _rehearse(self) -> None:
        """Let another vehicle's sensors look at the world once, so that the first step is not the
        slow one: kernels are loaded, or compiled.
        """
        vehicle, state = self._new_vehicle(), self._world.state
        for k in range(_REHEARSED_STEPS):
            stamp_ns = state.snapshot.stamp_ns + k * STEP_NS
            shot = dataclasses.replace(state.snapshot, stamp_ns=stamp_ns)
            vehicle.advance(shot, state.lights)

    @property
    def world(self) -> World:
        return self._world

    def begin(self, zero_ns: int) -> list[BagMessage]:
        """What is said at the first instant. Stamps are the world's, moved so that it is the
        settling time before `zero_ns`, the run's zero; faults count from there.
        """
        self.now_ns = zero_ns - nanoseconds(self._settings.time.settle_s)
        self._shift_ns = self.now_ns - self._world.state.snapshot.stamp_ns
        sources, codecs = _by_topic(self._stand.suite)
        self._injector = Injector(
            self._faults, sources, codecs, self._settings.faults, zero_ns, self._stand.seed
        )
        return self._messages(self._world.state)

    def take_plan(self, plan: Trajectory) -> None:
        """A newer plan to follow."""
        self._planned = True
        self._follower.take(plan.stamp_ns, plan.pose, plan.speed_mps, plan.acceleration_mps2)

    def step(self) -> list[BagMessage]:
        """One step of the world; the messages that arrive until then, in order of arrival.

        Raises SimulationError.
        """
        ego = None
        if self._planned:
            start = self._driven or self._body_in(self._world.state)
            self._driven = self._follower.move(start, self.now_ns, self.now_ns + STEP_NS)
            ego = EgoPose(
                middle_of(self._driven, self._body), self._driven.yaw_rad, self._driven.speed_mps
            )
        state = self._world.step(ego)
        self.now_ns += STEP_NS
        return self._messages(state)

    def close(self) -> None:
        self._world.close()

    def __enter__(self) -> Ride:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ego_row(self) -> int:
        row = self._world.cast.ego
        if row is None:
            raise SimulationError('the robotaxi is not in the city')
        return row

    def _body_in(self, state: WorldState) -> BodyState:
        shot = state.snapshot
        at = int(np.flatnonzero(shot.row == self._ego_row())[0])
        heading = np.array([np.cos(shot.yaw_rad[at]), np.sin(shot.yaw_rad[at])])
        speed = max(float(shot.velocity_mps[at] @ heading), 0.0)
        return body_at(shot.position_m[at, :2], float(shot.yaw_rad[at]), speed, self._body)

    def _messages(self, state: WorldState) -> list[BagMessage]:
        assert self._injector is not None, 'begin comes first'
        shot = dataclasses.replace(
            state.snapshot, stamp_ns=state.snapshot.stamp_ns + self._shift_ns
        )
        lights = dataclasses.replace(state.lights, stamp_ns=state.lights.stamp_ns + self._shift_ns)
        for message in self._vehicle.advance(shot, lights):
            for arrival_ns, data in self._injector.apply(*message):
                item = (arrival_ns, self._pushed, BagMessage(arrival_ns, message.topic, data))
                heapq.heappush(self._waiting, item)
                self._pushed += 1
        out = []
        while self._waiting and self._waiting[0][0] <= self.now_ns:
            out.append(heapq.heappop(self._waiting)[-1])
        return out


def _by_topic(suite: SuiteParameters) -> tuple[dict[str, str], dict[str, Codec]]:
    """Source and codec of each topic that can be at fault."""
    sources, codecs = dict(_OTHERS), dict(_OTHER_CODECS)
    for name, sensor in suite.sensors.items():
        sources[topic_of(name, sensor)] = name
        codecs[topic_of(name, sensor)] = _CODECS[sensor.kind]
    return sources, codecs
