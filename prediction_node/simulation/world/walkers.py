"""Walkers of the demand: where they are, whether they look, who is late to step off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_INDEX
from prediction_node.simulation.network.script import Script
from prediction_node.simulation.world.bodies import BodyTypes
from prediction_node.simulation.world.contact import keep_apart
from prediction_node.simulation.world.engine import PERSON, Engine
from prediction_node.simulation.world.roster import Roster
from prediction_node.simulation.world.traits import draw
from prediction_node.simulation.world.walking import Walking

PHONE = ATTRIBUTE_INDEX['phone_in_hand']
LOOKING = ATTRIBUTE_INDEX['looking_at_road']
# As fast as people make room.
_ASIDE_MPS = 2.5
_BULK = 1.2
_TURNS = 4


@dataclass(slots=True)
class _Late:
    """A phone holder before a crosswalk."""

    delay_s: float
    road: str = ''
    until_s: float | None = None  # held at the kerb until then


class Walkers:
    """All walkers that SUMO moves by itself."""

    def __init__(
        self,
        engine: Engine,
        roster: Roster,
        bodies: BodyTypes,
        script: Script,
        seed: int,
        looking_share: float,
        step_s: float,
    ) -> None:
        self._engine = engine
        self._sumo, self._roster, self._bodies = engine.sumo, roster, bodies
        self._seed, self._looking_share = seed, looking_share
        self._step_s = step_s
        self._walking = Walking(step_s)
        self._late = {each.person_id: _Late(each.delay_s) for each in script.late_walkers}
        self._phone = frozenset(self._late)
        self._rows: dict[str, int] = {}
        self._cuts: dict[str, int] = {}
        self._looks = np.zeros(64, bool)
        tc = engine.constants
        self._variables = [tc.VAR_POSITION]
        self._turn = 0
        self._names: list[str] = []  # who is here, in SUMO's order; the arrays go with it
        self._now = np.zeros(0, np.int64)
        self._half_width_m = np.zeros(0)
        self._no_speed = np.zeros(0)
        self.jumps_smoothed = 0
        self.tracks_cut = 0

    def watch(self, scripted: frozenset[str]) -> None:
        """Take note of who set out; those of the script are not ours."""
        for name in self._sumo.simulation.getDepartedPersonIDList():
            if name not in scripted:
                self._engine.subscribe(PERSON, name, self._variables)

    def read(
        self, now_s: float, vehicles: np.ndarray, speed_mps: np.ndarray, scripted: np.ndarray
    ) -> None:
        """Put everybody where SUMO says, smoothed and out of the way of each other, of vehicles
        (V, 6 boxes; V speeds) and of those of the script (rows), with what they show.
        """
        results = self._engine.results(PERSON)
        if not results:
            self._names = []
            return
        (position,) = self._variables
        names = list(results)
        said = np.array([told[position] for told in results.values()])
        if names != self._names:
            for place, name in enumerate(names):
                if name not in self._rows:
                    self._meet(name, name, said[place])
            self._count(names)
        steps = self._walking.step(self._now, said)
        if steps.cut.any():
            for place in np.flatnonzero(steps.cut).tolist():
                name = names[place]
                count = self._cuts[name] = self._cuts.get(name, 0) + 1
                self._meet(name, f'{name}.{count}', said[place])
                steps.position_m[place] = said[place]
                steps.yaw_rad[place] = self._yaw_rad(name)
            self._count(names)
            self.tracks_cut += int(steps.cut.sum())
        self.jumps_smoothed += int(np.count_nonzero(steps.jumped))
        rows, roster = self._now, self._roster
        at_m, half_m = steps.position_m, self._half_width_m
        if len(scripted):
            # Dogs are long; and nobody of the script gives way.
            bulk_m = 0.5 * _BULK * roster.size_m[scripted, :2].max(axis=1)
            at_m = np.concatenate([at_m, roster.position_m[scripted]])
            half_m = np.concatenate([half_m, bulk_m])
        longest_m = _ASIDE_MPS * self._step_s
        apart_m = keep_apart(at_m, half_m, len(rows), vehicles, speed_mps, longest_m)
        self._walking.moved(rows, apart_m)
        roster.place(rows, apart_m, steps.yaw_rad, self._no_speed)
        self._glance(names)
        self._delay(now_s)

    def _count(self, names: list[str]) -> None:
        """Others are here than a step ago."""
        self._names = names
        self._now = np.array([self._rows[name] for name in names])
        self._half_width_m = 0.5 * self._roster.size_m[self._now, 1]
        self._no_speed = np.zeros(len(names))

    def _glance(self, names: list[str]) -> None:
        """Who looks does so at crosswalks and on the corners before them: on edges within
        junctions, whose names begin with a colon. Everybody's turn comes every few steps.
        """
        self._turn = (self._turn + 1) % _TURNS
        for name in names[self._turn :: _TURNS]:
            row = self._rows[name]
            if self._looks[row]:
                road = self._sumo.person.getRoadID(name)
                self._roster.attributes[row, LOOKING] = road.startswith(':')

    def _yaw_rad(self, name: str) -> float:
        return float(0.5 * np.pi - np.radians(self._sumo.person.getAngle(name)))

    def _meet(self, name: str, track_id: str, said_m: np.ndarray) -> int:
        body = self._bodies[self._sumo.person.getTypeID(name)]
        size = (body.length_m, body.width_m, body.height_m)
        row = self._rows[name] = self._roster.add(track_id, body.label, size)
        self._walking.start(row, said_m, self._yaw_rad(name), self._sumo.person.getSpeed(name))
        while row >= len(self._looks):
            self._looks = np.concatenate([self._looks, np.zeros_like(self._looks)])
        on_phone = name in self._phone
        self._roster.attributes[row, PHONE] = on_phone
        self._looks[row] = not on_phone and draw(self._seed, name, 'looks') < self._looking_share
        return row

    def _delay(self, now_s: float) -> None:
        """Phone holders notice late that they may go: hold them on their first step onto a
        crosswalk.
        """
        person = self._sumo.person
        for name in [name for name in self._late if name in self._rows]:
            late = self._late[name]
            if name not in self._names:
                del self._late[name]
                continue
            road = person.getRoadID(name)
            if late.until_s is not None and now_s >= late.until_s:
                person.setSpeed(name, -1.0)
                late.until_s = None
            elif road != late.road and _is_crosswalk(road) and not _is_crosswalk(late.road):
                person.setSpeed(name, 0.0)
                late.until_s = now_s + late.delay_s
            late.road = road


def _is_crosswalk(road: str) -> bool:
    return road.startswith(':') and '_c' in road
