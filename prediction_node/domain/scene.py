"""Everything a predictor may look at, at one instant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.lights import LightStates


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Where N agents were: column T - 1 is the scene's instant, columns are 0.1 s apart, map
    frame.
    """

    position_m: np.ndarray  # (N, T, 2)
    yaw_rad: np.ndarray  # (N, T)
    velocity_mps: np.ndarray  # (N, T, 2)
    valid: np.ndarray  # (N, T) bool; the rest has no meaning

    @classmethod
    def of_present(cls, ego: Ego, columns: int = 1) -> History:
        """One row, the robotaxi's: the last of the `columns` is all that is known."""
        velocity = ego.map_from_base.rotation_2d @ ego.velocity_mps
        return cls(
            position_m=np.tile(ego.centre_m, (1, columns, 1)),
            yaw_rad=np.full((1, columns), ego.yaw_rad),
            velocity_mps=np.tile(velocity, (1, columns, 1)),
            valid=np.arange(columns)[None] == columns - 1,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Agents with their pasts, the robotaxi, the map and the lights, at `stamp_ns` in the map
    frame.
    """

    stamp_ns: int
    agents: Agents
    history: History
    ego: Ego
    lane_map: LaneMap | None
    lights: LightStates
    ego_history: History | None = None  # of its box centre, one row; None where unknown
