"""Vehicles: from SUMO's front bumpers to boxes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from prediction_node.compiled import compiled
from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.kinds import ObjectClass
from prediction_node.simulation.network.script import Script, StandingCar
from prediction_node.simulation.world.articulation import Trail, box_between
from prediction_node.simulation.world.bodies import BodyTypes
from prediction_node.simulation.world.driving import Driving, planned_end_s
from prediction_node.simulation.world.engine import VEHICLE, Engine
from prediction_node.simulation.world.leaving import Leaving
from prediction_node.simulation.world.roster import Roster
from prediction_node.simulation.world.state import EgoPose

EGO_ID = 'ego'
# Bits of SUMO's speed mode: all its checks but the one for red lights. Such a driver passes them
# when it sees a gap in the cross traffic.
_HEEDS_ALL_BUT_RED = 0b01111
# Bent lines are longer than the boxes on them.
_SPARE = 1.6


@dataclass(slots=True)
class _Train:
    """A vehicle with a trailer."""

    row: int
    trailer_row: int
    rods_m: tuple[float, float, float]  # front box, gap, trailer
    trail: Trail


class Vehicles:
    """All vehicles of the world."""

    def __init__(
        self,
        engine: Engine,
        roster: Roster,
        bodies: BodyTypes,
        driving: Driving,
        script: Script,
        step_s: float,
    ) -> None:
        self._engine = engine
        self._sumo, self._roster, self._bodies = engine.sumo, roster, bodies
        self._driving, self._step_s = driving, step_s
        self._red_light_runners = frozenset(script.red_light_runners)
        self._rows: dict[str, int] = {}
        self._trains: dict[str, _Train] = {}
        # Who parks is asked once and no more until it leaves.
        self._parked: dict[str, int] = {}
        self._just_parked: list[str] = []
        self._leaving = Leaving(engine, roster)
        self._for_good = [self._stand(car) for car in script.parked]
        self._parked_rows = np.array(self._for_good, np.int64)
        tc = engine.constants
        self._variables = [tc.VAR_POSITION, tc.VAR_ANGLE, tc.VAR_SIGNALS]
        self.removed = 0
        # Those that move or might, in SUMO's order.
        self.drivers: list[str] = []
        self.driver_rows = np.zeros(0, np.int64)
        self.trailers: dict[int, int] = {}  # row of a trailer -> row before it

    def watch(self, now_s: float) -> None:
        """Take note of who set out, stopped by plan, drove on, or was taken out of a jam."""
        simulation, vehicle = self._sumo.simulation, self._sumo.vehicle
        for name in simulation.getDepartedIDList():
            self._engine.subscribe(VEHICLE, name, self._variables)
            if name in self._red_light_runners:
                vehicle.setSpeedMode(name, _HEEDS_ALL_BUT_RED)
        for name in simulation.getStopStartingVehiclesIDList():
            label = self._bodies[vehicle.getTypeID(name)].label
            if self._driving.parks(name, label):
                vehicle.unsubscribe(name)
                self._just_parked.append(name)
            else:
                until_s = planned_end_s(vehicle.getStops(name, 1), now_s)
                self._driving.stop(name, now_s, until_s)
        for name in simulation.getStopEndingVehiclesIDList():
            self._driving.go(name)
            self._leave(name)
        self.removed += simulation.getStartingTeleportNumber()

    def rows(self) -> np.ndarray:
        """(V,) of all boxes on wheels that move or might."""
        if not self.trailers:
            return self.driver_rows
        return np.concatenate([self.driver_rows, np.array(list(self.trailers))])

    def read(self, now_s: float, ego: EgoPose | None) -> None:
        """Put everybody where SUMO says, and the robotaxi at `ego` if there is one, with what they
        show.
        """
        # Who has just parked was told of once more.
        parking = frozenset(self._just_parked)
        self._read_parked()
        results = self._engine.results(VEHICLE)
        if parking:
            results = {name: told for name, told in results.items() if name not in parking}
        if results:
            self._read_driving(results, now_s, ego)
        else:
            self.drivers, self.driver_rows, self.trailers = [], np.zeros(0, np.int64), {}
        self._leaving.look(self.rows())
        self._driving.prepare(self._rows, now_s, self._step_s)

    def _read_driving(
        self, results: Mapping[str, Mapping[int, Any]], now_s: float, ego: EgoPose | None
    ) -> None:
        position, angle, signals = self._variables
        values = np.array([(*r[position], r[angle], r[signals]) for r in results.values()])
        names = list(results)
        newcomers_mps = np.zeros(len(names))
        if names != self.drivers:
            for place, name in enumerate(names):
                if name not in self._rows:
                    self._meet(name, values[place, :2], _yaw_rad(values[place, 2]))
                    newcomers_mps[place] = self._sumo.vehicle.getSpeed(name)
            self.drivers = names
            self.driver_rows = np.array([self._rows[name] for name in names])
        rows, roster = self.driver_rows, self._roster
        centre, yaw = np.empty((len(rows), 2)), np.empty(len(rows))
        _centres(values, rows, roster.size_m, centre, yaw)
        trailers = self._draw(names, values[:, :2], centre, yaw)
        if ego is not None:
            place = names.index(EGO_ID)
            centre[place], yaw[place] = ego.position_m[:2], ego.yaw_rad
        roster.place(rows, centre, yaw, newcomers_mps)
        if ego is not None and roster.ego is not None:
            along = np.array([math.cos(ego.yaw_rad), math.sin(ego.yaw_rad)])
            roster.velocity_mps[roster.ego] = ego.speed_mps * along
        self._driving.show(rows, values[:, 3], self._step_s)
        self._driving.stand(self._rows, now_s)
        for train, centre_m, yaw_rad in trailers:
            mps = float(newcomers_mps[names.index(roster.track_id[train.row])])
            row = np.array([train.trailer_row])
            roster.place(row, centre_m[None], np.array([yaw_rad]), np.array([mps]))
            self._driving.trail(train.row, train.trailer_row)

    def _read_parked(self) -> None:
        vehicle = self._sumo.vehicle
        self._roster.stay(self._parked_rows)
        for name in self._just_parked:
            front_m = np.array(vehicle.getPosition(name))
            yaw_rad = _yaw_rad(vehicle.getAngle(name))
            if name not in self._rows:
                self._meet(name, front_m, yaw_rad)
            row = self._parked[name] = self._rows[name]
            half_m = 0.5 * self._roster.size_m[row, 0]
            centre = front_m - half_m * np.array([math.cos(yaw_rad), math.sin(yaw_rad)])
            self._roster.place(np.array([row]), centre[None], np.array([yaw_rad]), np.zeros(1))
            self._driving.park(row)
        if self._just_parked:
            self._just_parked = []
            self._count_parked()

    def _count_parked(self) -> None:
        self._parked_rows = np.array([*self._for_good, *self._parked.values()], np.int64)

    def _stand(self, car: StandingCar) -> int:
        """The row of a car that SUMO does not know."""
        row = self._roster.add(car.id, ObjectClass.CAR, car.size_m.tolist())
        self._roster.settle(row, car.position_m, float(wrap_angle(np.array(car.yaw_rad))))
        self._driving.park(row)
        return row

    def _leave(self, name: str) -> None:
        if name in self._just_parked:
            self._just_parked.remove(name)
        elif name in self._parked:
            del self._parked[name]
            self._count_parked()
        else:
            return
        self._engine.subscribe(VEHICLE, name, self._variables)
        if name in self._rows:
            self._leaving.wait(name, self._rows[name])

    def _meet(self, name: str, front_m: np.ndarray, yaw_rad: float) -> None:
        body = self._bodies[self._sumo.vehicle.getTypeID(name)]
        size = (body.length_m, body.width_m, body.height_m)
        row = self._rows[name] = self._roster.add(name, body.label, size)
        self._driving.meet(row, name, body)
        if name == EGO_ID:
            self._roster.ego = row
        trailer = body.trailer
        if trailer is not None:
            size = (trailer.length_m, body.width_m, body.height_m)
            trailer_row = self._roster.add(f'{name}.trailer', trailer.label, size)
            rods_m = (body.length_m, trailer.gap_m, trailer.length_m)
            trail = Trail(front_m, yaw_rad, _SPARE * sum(rods_m))
            self._trains[name] = _Train(row, trailer_row, rods_m, trail)

    def _draw(
        self,
        names: list[str],
        front_m: np.ndarray,
        centre: np.ndarray,
        yaw: np.ndarray,
    ) -> list[tuple[_Train, np.ndarray, float]]:
        """Move trains on: the boxes in front in place, those behind returned."""
        drawn = []
        self.trailers = {}
        for name in list(self._trains):
            if name not in names:
                del self._trains[name]
                continue
            place, train = names.index(name), self._trains[name]
            train.trail.move(front_m[place])
            ends = train.trail.chain(train.rods_m)
            centre[place], yaw[place] = box_between(ends[0], ends[1])
            behind_m, behind_rad = box_between(ends[2], ends[3])
            self.trailers[train.trailer_row] = train.row
            drawn.append((train, behind_m, behind_rad))
        return drawn


def _yaw_rad(angle_deg: float) -> float:
    """SUMO's angles run clockwise from north."""
    return 0.5 * math.pi - math.radians(angle_deg)


@compiled
def _centres(
    values: np.ndarray, rows: np.ndarray, size: np.ndarray, centre: np.ndarray, yaw: np.ndarray
) -> None:
    """Box centres and yaw from front bumpers and angles; values x, y, angle_deg, ..."""
    for k in range(len(rows)):
        yaw[k] = 0.5 * math.pi - values[k, 2] * math.pi / 180.0
        half = 0.5 * size[rows[k], 0]
        centre[k, 0] = values[k, 0] - half * math.cos(yaw[k])
        centre[k, 1] = values[k, 1] - half * math.sin(yaw[k])
