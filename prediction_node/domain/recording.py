"""What really happened: exact tracks of all road users over a stretch of time (data sets,
simulators).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_COUNT
from prediction_node.domain.lights import LightStates


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """N road users over T instants in the map frame. Positions are box centres. Row `ego` is the
    robotaxi.
    """

    name: str
    stamp_ns: np.ndarray  # (T,) int64, increasing
    track_id: tuple[str, ...]  # N, unique
    label: np.ndarray  # (N,) int8, kinds.ObjectClass
    size_m: np.ndarray  # (N, 3) length, width, height
    position_m: np.ndarray  # (N, T, 3)
    yaw_rad: np.ndarray  # (N, T)
    velocity_mps: np.ndarray  # (N, T, 2) over ground
    valid: np.ndarray  # (N, T) bool
    attributes: np.ndarray  # (N, T, ATTRIBUTE_COUNT)
    has_attribute: np.ndarray  # (N, T, ATTRIBUTE_COUNT) bool
    ego: int | None  # row of the robotaxi, None if nobody drives it
    lights: tuple[LightStates, ...]  # T entries

    def __post_init__(self) -> None:
        n, t = len(self.track_id), len(self.stamp_ns)
        shapes = {
            'label': (n,),
            'size_m': (n, 3),
            'position_m': (n, t, 3),
            'yaw_rad': (n, t),
            'velocity_mps': (n, t, 2),
            'valid': (n, t),
            'attributes': (n, t, ATTRIBUTE_COUNT),
            'has_attribute': (n, t, ATTRIBUTE_COUNT),
        }
        for name, shape in shapes.items():
            actual = getattr(self, name).shape
            if actual != shape:
                raise ValueError(f'Recording.{name} must have shape {shape}, got {actual}')
        if len(self.lights) != t:
            raise ValueError(f'Recording.lights must have {t} entries, got {len(self.lights)}')
        if np.any(np.diff(self.stamp_ns) <= 0):
            raise ValueError(f'Recording.stamp_ns of {self.name} must increase')
