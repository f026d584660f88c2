"""What a world says after a step, and what may be asked of it before one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.interpolation import Snapshot
from prediction_node.domain.lights import LightStates


@dataclass(frozen=True, slots=True, eq=False)
class WorldState:
    """Everybody and every light at one instant; rows of the snapshot point into the cast."""

    snapshot: Snapshot
    lights: LightStates


@dataclass(frozen=True, slots=True, eq=False)
class EgoPose:
    """Where the robotaxi is to be at the next instant: box centre in the map frame."""

    position_m: np.ndarray  # (2,)
    yaw_rad: float
    speed_mps: float  # along its heading
