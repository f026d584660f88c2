"""Cars that leave the kerb: they wait for a gap, then steer out at once.

SUMO would let them roll along the kerb lane until it finds a gap, and does not know the cars parked
there.
"""

from __future__ import annotations

import numpy as np

from prediction_node.simulation.world.engine import Engine
from prediction_node.simulation.world.roster import Roster

_LANE_CHANGE_S = 30.0
# A gap: nobody beside, nor behind within this time, on the lane to the left.
_SIDE_M = (1.0, 4.5)
_AHEAD_M = 9.0
_BEHIND_M = 8.0
_BEHIND_S = 3.5


class Leaving:
    """Those whose stop at the kerb is over and who have not left yet."""

    def __init__(self, engine: Engine, roster: Roster) -> None:
        self._vehicle, self._roster = engine.sumo.vehicle, roster
        self._waiting: dict[str, int] = {}

    def wait(self, name: str, row: int) -> None:
        """A stop is over."""
        self._vehicle.setSpeed(name, 0.0)
        self._waiting[name] = row

    def look(self, vehicles: np.ndarray) -> None:
        """Let go who has a gap among these rows."""
        for name, row in list(self._waiting.items()):
            if not self._roster.is_here(row) or self._gap(row, vehicles):
                del self._waiting[name]
                self._vehicle.setSpeed(name, -1.0)
                lane = self._vehicle.getLaneIndex(name)
                self._vehicle.changeLane(name, lane + 1, _LANE_CHANGE_S)

    def _gap(self, row: int, vehicles: np.ndarray) -> bool:
        roster = self._roster
        others = vehicles[vehicles != row]
        rel = roster.position_m[others] - roster.position_m[row]
        cos, sin = np.cos(roster.yaw_rad[row]), np.sin(roster.yaw_rad[row])
        along = rel[:, 0] * cos + rel[:, 1] * sin
        left = rel[:, 1] * cos - rel[:, 0] * sin
        comes = np.maximum(roster.velocity_mps[others] @ np.array([cos, sin]), 0.0)
        half_m = 0.5 * roster.size_m[others, 0]
        beside = (left > _SIDE_M[0]) & (left < _SIDE_M[1])
        near = (along > -(_BEHIND_M + half_m + _BEHIND_S * comes)) & (along < _AHEAD_M + half_m)
        # Who comes from ahead on the far side passes by; who stands in line ahead does not matter.
        oncoming = roster.velocity_mps[others] @ np.array([cos, sin]) < -1.0
        return not bool((beside & near & ~oncoming).any())
