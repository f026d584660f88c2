"""The robotaxi: put where the planner says, or driven by SUMO along its route without an end."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.errors import SimulationError
from prediction_node.simulation.world.engine import Engine
from prediction_node.simulation.world.roster import Roster
from prediction_node.simulation.world.state import EgoPose
from prediction_node.simulation.world.vehicles import EGO_ID

# With fewer edges ahead than this the route is made longer.
_EDGES_AHEAD = 4
_LOOK_EVERY_STEPS = 10
_ATTEMPTS = 20
# keepRoute of moveToXY: anywhere, exactly as told.
_ANYWHERE = 2
_REACH_M = 100.0  # SUMO looks for a road this far from the pose


class Ego:
    """Vehicle `ego` of the demand."""

    def __init__(self, engine: Engine, roster: Roster, seed: int) -> None:
        self._engine, self._roster = engine, roster
        self._random = np.random.default_rng([seed, 0xE60])
        self._steps = 0

    def put(self, pose: EgoPose) -> None:
        """Have it at this pose after the coming step."""
        # SUMO forgets the route over it: if SUMO is to drive on, look at once how far it goes.
        self._steps = -1
        row = self._roster.ego
        if row is None:
            raise SimulationError('the robotaxi is not in the world, so it cannot be moved')
        values = (*np.asarray(pose.position_m, dtype=np.float64)[:2], pose.yaw_rad, pose.speed_mps)
        if not np.all(np.isfinite(values)):
            raise SimulationError(f'the pose of the robotaxi must be finite, got {values}')
        half_m = 0.5 * float(self._roster.size_m[row, 0])
        x = float(values[0] + half_m * np.cos(pose.yaw_rad))
        y = float(values[1] + half_m * np.sin(pose.yaw_rad))
        angle = float(np.degrees(0.5 * np.pi - pose.yaw_rad))
        with self._engine.errors(f'could not put the robotaxi at ({x:.1f}, {y:.1f})'):
            self._engine.sumo.vehicle.moveToXY(EGO_ID, '', -1, x, y, angle, _ANYWHERE, _REACH_M)

    def keep_going(self) -> None:
        """See to it that the route does not end."""
        self._steps += 1
        if self._steps % _LOOK_EVERY_STEPS or self._roster.ego is None:
            return
        sumo = self._engine.sumo
        if EGO_ID not in sumo.vehicle.getIDList():
            return
        edges = sumo.vehicle.getRoute(EGO_ID)
        here = sumo.vehicle.getRouteIndex(EGO_ID)
        if here < 0 or len(edges) - here > _EDGES_AHEAD:
            return
        type_id = sumo.vehicle.getTypeID(EGO_ID).partition('@')[0]
        known = [edge for edge in sumo.edge.getIDList() if not edge.startswith(':')]
        for _ in range(_ATTEMPTS):
            goal = known[int(self._random.integers(len(known)))]
            found = sumo.simulation.findRoute(edges[-1], goal, type_id)
            if len(found.edges) > _EDGES_AHEAD:
                with self._engine.errors('could not lengthen the route of the robotaxi'):
                    sumo.vehicle.setRoute(EGO_ID, [*edges[here:], *found.edges[1:]])
                return
