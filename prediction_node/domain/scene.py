"""Everything a predictor may look at, at one instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

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
        return cls(
            position_m=np.tile(ego.centre_m, (1, columns, 1)),
            yaw_rad=np.full((1, columns), ego.yaw_rad),
            velocity_mps=np.tile(ego.map_velocity_mps, (1, columns, 1)),
            valid=np.arange(columns)[None] == columns - 1,
        )

    def select(self, rows: np.ndarray) -> History:
        """The pasts of some agents."""
        return History(*(getattr(self, f.name)[rows] for f in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[History]) -> History:
        """The rows of all parts, one after the other."""
        names = [f.name for f in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


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

    def select(self, rows: np.ndarray) -> Scene:
        """The scene with some of its agents."""
        return replace(self, agents=self.agents.select(rows), history=self.history.select(rows))
