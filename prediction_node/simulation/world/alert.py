"""Drivers who look where they drive.

SUMO's drivers heed lanes: those ahead in theirs, and those whom the rules of a junction name. They
drive through a car that stands half in their way, a walker at a corner, a cyclist beside a turning
lorry. Here they brake for any box ahead at the last moment, which leaves SUMO's own driving alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from prediction_node.domain.interpolation import Snapshot
from prediction_node.domain.kinds import WALKERS, class_mask
from prediction_node.simulation.world.contact import must_brake
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
        shot: Snapshot,
        names: Sequence[str],
        drivers: np.ndarray,
        trailers: Mapping[int, int],
        scripted: np.ndarray,
        now_s: float,
    ) -> None:
        """Have those of D drivers (names, rows) brake who must, and the others go on as they like.
        `trailers` gives the row of the tractor for the row of a trailer; of walkers only those of
        the script (rows) are known to walk on.
        """
        rows = shot.row
        velocity = shot.velocity_mps.copy()
        velocity[_ON_FOOT[self._roster.label[rows]]] = 0.0
        if len(scripted):
            known = np.searchsorted(rows, scripted)
            velocity[known] = shot.velocity_mps[known]
        part_of = rows.copy()
        for trailer, tractor in trailers.items():
            part_of[np.searchsorted(rows, trailer)] = tractor
        boxes, places = self._roster.boxes(rows), np.searchsorted(rows, drivers)
        brakes = must_brake(boxes, velocity, shot.yaw_rate_radps, places, part_of)
        heedless = self._heedless_until_s
        must = [names[k] for k in np.flatnonzero(brakes).tolist()]
        held = [name for name in must if heedless.get(name, 0.0) <= now_s]
        row_of = dict(zip(names, places.tolist(), strict=True)) if held else {}
        for name in held:
            speed = float(np.hypot(*shot.velocity_mps[row_of[name]]))
            self._vehicle.setSpeed(name, max(0.0, speed - _BRAKES_MPS2 * self._step_s))
            if name not in self._held_since_s:
                self._held_since_s[name] = now_s
                self.brakings += 1
            elif now_s - self._held_since_s[name] > _PATIENCE_S:
                heedless[name] = now_s + _IMPATIENT_S
        for name in [name for name in self._held_since_s if name not in held]:
            del self._held_since_s[name]
            if name in names:
                self._vehicle.setSpeed(name, -1.0)
