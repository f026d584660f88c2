"""Drivers who look where they drive.

SUMO's drivers heed lanes: those ahead in theirs, and those whom the rules of a junction name. They
drive through a car that stands half in their way, a walker at a corner, a cyclist beside a turning
lorry. Here they brake for any box ahead at the last moment, which leaves SUMO's own driving alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from prediction_node.domain.kinds import WALKERS, class_mask
from prediction_node.simulation.world.contact import boxes_of, must_brake
from prediction_node.simulation.world.engine import Engine
from prediction_node.simulation.world.roster import Roster

_BRAKES_MPS2 = 6.0
# Two that wait for each other would wait for ever: after this long a driver goes on, for a while.
_PATIENCE_S = 6.0
_IMPATIENT_S = 4.0
_ON_FOOT = class_mask(WALKERS)


class Alert:
    """The last moment of all drivers."""

    def __init__(self, engine: Engine, roster: Roster, step_s: float) -> None:
        self._vehicle, self._roster, self._step_s = engine.sumo.vehicle, roster, step_s
        self._held_since_s: dict[str, float] = {}
        self._heedless_until_s: dict[str, float] = {}
        self.brakings = 0

    def look(
        self,
        driven: Mapping[str, int],
        trailers: Mapping[int, int],
        scripted: np.ndarray,
        now_s: float,
    ) -> None:
        """Have those of `driven` (name -> row) brake who must, and the others go on as they like.
        `trailers` gives the row of the tractor for the row of a trailer; of walkers only those of
        the script (rows) are known to walk on.
        """
        roster = self._roster
        rows = roster.rows_here()
        boxes = boxes_of(roster.position_m[rows], roster.yaw_rad[rows], roster.size_m[rows])
        velocity = roster.velocity_mps[rows].copy()
        velocity[_ON_FOOT[roster.label[rows]] & ~np.isin(rows, scripted)] = 0.0
        part_of = np.array([trailers.get(row, row) for row in rows.tolist()])
        names = [name for name in driven if self._heedless_until_s.get(name, 0.0) <= now_s]
        drivers = np.searchsorted(rows, np.array([driven[name] for name in names], np.int64))
        brakes = must_brake(boxes, velocity, roster.yaw_rate_radps[rows], drivers, part_of)
        held = [name for name, brake in zip(names, brakes, strict=True) if brake]
        for name in held:
            speed = float(np.hypot(*roster.velocity_mps[driven[name]]))
            self._vehicle.setSpeed(name, max(0.0, speed - _BRAKES_MPS2 * self._step_s))
            if name not in self._held_since_s:
                self._held_since_s[name] = now_s
                self.brakings += 1
            elif now_s - self._held_since_s[name] > _PATIENCE_S:
                self._heedless_until_s[name] = now_s + _IMPATIENT_S
        for name in [name for name in self._held_since_s if name not in held]:
            del self._held_since_s[name]
            if name in driven:
                self._vehicle.setSpeed(name, -1.0)
