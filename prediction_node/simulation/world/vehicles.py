"""Vehicles: from SUMO's front bumpers to boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from prediction_node.simulation.network.script import Script
from prediction_node.simulation.world.articulation import Trail
from prediction_node.simulation.world.bodies import Body, BodyTypes
from prediction_node.simulation.world.driving import Driving, planned_end_s
from prediction_node.simulation.world.engine import Engine
from prediction_node.simulation.world.roster import Roster

EGO_ID = 'ego'


@dataclass(slots=True)
class _Train:
    """A vehicle with a trailer."""

    row: int
    trailer_row: int
    body: Body
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
        self._sumo, self._roster, self._bodies = engine.sumo, roster, bodies
        self._driving, self._step_s = driving, step_s
        self._red_light_runners = frozenset(script.red_light_runners)
        self._rows: dict[str, int] = {}
        self._trains: dict[str, _Train] = {}
        tc = engine.constants
        self._position, self._angle, self._speed = tc.VAR_POSITION, tc.VAR_ANGLE, tc.VAR_SPEED
        self._signals = tc.VAR_SIGNALS
        self.removed = 0

    def watch(self, now_s: float) -> None:
        """Take note of who set out, stopped by plan, drove on, or was taken out of a jam."""
        simulation, vehicle = self._sumo.simulation, self._sumo.vehicle
        for name in simulation.getDepartedIDList():
            vehicle.subscribe(name, [self._position, self._angle, self._speed, self._signals])
            if name in self._red_light_runners:
                # Passes red lights, however long red, when it sees a gap in the cross traffic.
                vehicle.setParameter(name, 'junctionModel.jmDriveAfterRedTime', '1000')
        for name in simulation.getStopStartingVehiclesIDList():
            label = self._bodies[vehicle.getTypeID(name)].label
            self._driving.stop(name, label, now_s, planned_end_s(vehicle.getStops(name, 1), now_s))
        for name in simulation.getStopEndingVehiclesIDList():
            self._driving.go(name)
        self.removed += simulation.getStartingTeleportNumber()

    def read(self, now_s: float) -> None:
        """Put everybody where SUMO says, with what they show."""
        results = self._sumo.vehicle.getAllSubscriptionResults()
        if not results:
            return
        values = np.array(
            [
                (*r[self._position], r[self._angle], r[self._speed], r[self._signals])
                for r in results.values()
            ]
        )
        yaw = 0.5 * np.pi - np.radians(values[:, 2])
        self._meet(results, values, yaw)
        rows = np.fromiter((self._rows[name] for name in results), np.int64, len(results))
        half_m = 0.5 * self._roster.size_m[rows, 0]
        centre = values[:, :2] - half_m[:, None] * np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
        names = list(results)
        for name in [name for name in self._trains if name not in results]:
            del self._trains[name]
        trailers = self._draw(names, values, centre, yaw)
        self._roster.place(rows, centre, yaw, values[:, 3])
        bits = values[:, 4].astype(np.int64)
        here = dict(zip(names, rows.tolist(), strict=True))
        self._driving.show(here, rows, values[:, 3], bits, now_s, self._step_s)
        for train, centre_m, yaw_rad, speed_mps in trailers:
            row = np.array([train.trailer_row])
            self._roster.place(row, centre_m[None], np.array([yaw_rad]), np.array([speed_mps]))
            self._driving.trail(train.row, train.trailer_row)

    def row(self, name: str) -> int | None:
        """The row of a vehicle; None if it was never here."""
        return self._rows.get(name)

    def _meet(self, results: dict[str, Any], values: np.ndarray, yaw: np.ndarray) -> None:
        if results.keys() <= self._rows.keys():
            return
        for place, name in enumerate(results):
            if name in self._rows:
                continue
            body = self._bodies[self._sumo.vehicle.getTypeID(name)]
            size = (body.length_m, body.width_m, body.height_m)
            row = self._rows[name] = self._roster.add(name, body.label, size)
            self._driving.meet(row, name, body)
            if name == EGO_ID:
                self._roster.ego = row
            if body.trailer is not None:
                self._couple(name, row, body, values[place, :2], float(yaw[place]))

    def _couple(self, name: str, row: int, body: Body, front_m: np.ndarray, yaw_rad: float) -> None:
        trailer = body.trailer
        assert trailer is not None
        size = (trailer.length_m, body.width_m, body.height_m)
        trailer_row = self._roster.add(f'{name}.trailer', trailer.label, size)
        whole_m = body.length_m + trailer.gap_m + trailer.length_m
        trail = Trail(front_m, yaw_rad, whole_m)
        self._trains[name] = _Train(row, trailer_row, body, trail)

    def _draw(
        self, names: list[str], values: np.ndarray, centre: np.ndarray, yaw: np.ndarray
    ) -> list[tuple[_Train, np.ndarray, float, float]]:
        """Move trains on: the boxes in front in place, those behind returned with their speed."""
        if not self._trains:
            return []
        drawn = []
        for name, train in self._trains.items():
            place = names.index(name)
            train.trail.move(values[place, :2])
            body = train.body
            assert body.trailer is not None
            from_m = body.length_m + body.trailer.gap_m
            centre[place], yaw[place] = train.trail.chord(0.0, body.length_m)
            behind = train.trail.chord(from_m, from_m + body.trailer.length_m)
            drawn.append((train, *behind, float(values[place, 3])))
        return drawn
