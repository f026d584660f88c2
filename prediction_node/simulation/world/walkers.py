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
        self._variables = [tc.VAR_POSITION, tc.VAR_ROAD_ID]
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
            return
        position, road = self._variables
        names = list(results)
        said = np.array([result[position] for result in results.values()])
        roads = [result[road] for result in results.values()]
        if not results.keys() <= self._rows.keys():
            for place, name in enumerate(names):
                if name not in self._rows:
                    self._meet(name, name, said[place])
        rows = np.array([self._rows[name] for name in names])
        steps = self._walking.step(rows, said)
        for place in np.flatnonzero(steps.cut).tolist():
            name = names[place]
            count = self._cuts[name] = self._cuts.get(name, 0) + 1
            rows[place] = self._meet(name, f'{name}.{count}', said[place])
            steps.position_m[place] = said[place]
            steps.yaw_rad[place] = self._yaw_rad(name)
        roster = self._roster
        everybody_m = np.concatenate([steps.position_m, roster.position_m[scripted]])
        # Dogs are long; and nobody of the script gives way.
        bulk_m = _BULK * roster.size_m[scripted, :2].max(axis=1, initial=0.0)
        half_m = np.concatenate([0.5 * roster.size_m[rows, 1], 0.5 * bulk_m])
        longest_m = _ASIDE_MPS * self._step_s
        apart_m = keep_apart(everybody_m, half_m, len(rows), vehicles, speed_mps, longest_m)
        self._walking.moved(rows, apart_m)
        self.tracks_cut += int(steps.cut.sum())
        self.jumps_smoothed += int(steps.jumped.sum())
        self._roster.place(rows, apart_m, steps.yaw_rad, np.zeros(len(rows)))
        # Names of edges within junctions (crosswalks and the corners before them) begin with a
        # colon: it is there that people look, if they do.
        at_crossing = np.array([name[0] == ':' for name in roads])
        self._roster.attributes[rows, LOOKING] = at_crossing & self._looks[rows]
        if self._late:
            self._delay(dict(zip(names, roads, strict=True)), now_s)

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

    def _delay(self, roads: dict[str, str], now_s: float) -> None:
        """Phone holders notice late that they may go: hold them on their first step onto a
        crosswalk.
        """
        for name, late in self._late.items():
            road = roads.get(name)
            if road is None:
                continue
            if late.until_s is not None and now_s >= late.until_s:
                self._sumo.person.setSpeed(name, -1.0)
                late.until_s = None
            elif road != late.road and _is_crosswalk(road) and not _is_crosswalk(late.road):
                self._sumo.person.setSpeed(name, 0.0)
                late.until_s = now_s + late.delay_s
            late.road = road


def _is_crosswalk(road: str) -> bool:
    return road.startswith(':') and '_c' in road
