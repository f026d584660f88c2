"""Walkers of the demand: where they are, whether they look, who is late to step off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_INDEX
from prediction_node.simulation.network.script import Script
from prediction_node.simulation.world.bodies import BodyTypes
from prediction_node.simulation.world.engine import Engine
from prediction_node.simulation.world.roster import Roster
from prediction_node.simulation.world.traits import draw
from prediction_node.simulation.world.walking import Walking

PHONE = ATTRIBUTE_INDEX['phone_in_hand']
LOOKING = ATTRIBUTE_INDEX['looking_at_road']


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
        self._sumo, self._roster, self._bodies = engine.sumo, roster, bodies
        self._seed, self._looking_share = seed, looking_share
        self._walking = Walking(step_s)
        self._late = {each.person_id: _Late(each.delay_s) for each in script.late_walkers}
        self._phone = frozenset(self._late)
        self._rows: dict[str, int] = {}
        self._cuts: dict[str, int] = {}
        self._looks = np.zeros(64, bool)
        tc = engine.constants
        self._position, self._angle, self._speed = tc.VAR_POSITION, tc.VAR_ANGLE, tc.VAR_SPEED
        self._road = tc.VAR_ROAD_ID
        self.jumps_smoothed = 0
        self.tracks_cut = 0

    def watch(self, scripted: frozenset[str]) -> None:
        """Take note of who set out; those of the script are not ours."""
        for name in self._sumo.simulation.getDepartedPersonIDList():
            if name not in scripted:
                variables = [self._position, self._angle, self._speed, self._road]
                self._sumo.person.subscribe(name, variables)

    def read(self, now_s: float) -> None:
        """Put everybody where SUMO says, smoothed, with what they show."""
        results = self._sumo.person.getAllSubscriptionResults()
        if not results:
            return
        values = np.array(
            [(*r[self._position], r[self._angle], r[self._speed]) for r in results.values()]
        )
        said, speed = values[:, :2], values[:, 3]
        yaw = 0.5 * np.pi - np.radians(values[:, 2])
        for place, name in enumerate(results):
            if name not in self._rows:
                self._meet(name, name, said[place], yaw[place], speed[place])
        rows = np.fromiter((self._rows[name] for name in results), np.int64, len(results))
        steps = self._walking.step(rows, said)
        position, smooth_yaw = steps.position_m, steps.yaw_rad
        names = list(results)
        for place in np.flatnonzero(steps.cut).tolist():
            name = names[place]
            count = self._cuts[name] = self._cuts.get(name, 0) + 1
            rows[place] = self._meet(name, f'{name}.{count}', said[place], yaw[place], speed[place])
            position[place], smooth_yaw[place] = said[place], yaw[place]
        self.tracks_cut += int(steps.cut.sum())
        self.jumps_smoothed += int(steps.jumped.sum())
        self._roster.place(rows, position, smooth_yaw, speed)
        # Names of edges within junctions (crosswalks and the corners before them) begin with a
        # colon: it is there that people look, if they do.
        at_crossing = np.fromiter(
            (r[self._road][:1] == ':' for r in results.values()), bool, len(results)
        )
        self._roster.attributes[rows, LOOKING] = at_crossing & self._looks[rows]
        self._delay(results, now_s)

    def _meet(
        self, name: str, track_id: str, said_m: np.ndarray, yaw_rad: float, speed_mps: float
    ) -> int:
        body = self._bodies[self._sumo.person.getTypeID(name)]
        size = (body.length_m, body.width_m, body.height_m)
        row = self._rows[name] = self._roster.add(track_id, body.label, size)
        self._walking.start(row, said_m, yaw_rad, speed_mps)
        while row >= len(self._looks):
            self._looks = np.concatenate([self._looks, np.zeros_like(self._looks)])
        on_phone = name in self._phone
        self._roster.attributes[row, PHONE] = on_phone
        self._looks[row] = not on_phone and draw(self._seed, name, 'looks') < self._looking_share
        return row

    def _delay(self, results: dict[str, Any], now_s: float) -> None:
        """Phone holders notice late that they may go: hold them on their first step onto a
        crosswalk.
        """
        for name, late in self._late.items():
            result = results.get(name)
            if result is None:
                continue
            road = result[self._road]
            if late.until_s is not None and now_s >= late.until_s:
                self._sumo.person.setSpeed(name, -1.0)
                late.until_s = None
            elif road != late.road and _is_crosswalk(road) and not _is_crosswalk(late.road):
                self._sumo.person.setSpeed(name, 0.0)
                late.until_s = now_s + late.delay_s
            late.road = road


def _is_crosswalk(road: str) -> bool:
    return road.startswith(':') and '_c' in road
