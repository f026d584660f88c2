"""One sample: a scene, and what became of everybody in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.prediction import POSE_COUNT
from prediction_node.domain.scene import Scene

FUTURE_STEPS = POSE_COUNT - 1
# recorded: real traffic, seen as it was annotated or as the vehicle's own fusion saw it;
# simulated: a simulated city, seen as it was; sensed: through modelled sensors and fusion.
ORIGINS: tuple[str, ...] = ('recorded', 'simulated', 'sensed')


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A scene of N agents with their futures in the map frame; column k is (k + 1) x 0.1 s after
    `scene.stamp_ns`.

    A future ends where it is no longer known: nothing after a gap is valid, and what is not valid
    is 0. `group` names the stretch of time (or the city) that the sample shows: samples of one
    group never sit in two splits.
    """

    scene: Scene
    label: np.ndarray  # (N,) int8 true kinds.ObjectClass; the most probable where no truth is known
    future_m: np.ndarray  # (N, 80, 2)
    future_yaw_rad: np.ndarray  # (N, 80)
    future_valid: np.ndarray  # (N, 80) bool
    ego_future: np.ndarray  # (80, 4) x_m, y_m, yaw_rad of base_link, speed_mps along its heading
    ego_future_valid: np.ndarray  # (80,) bool
    recording: str
    group: str
    origin: str

    def __post_init__(self) -> None:
        n = len(self.scene.agents)
        shapes = {
            'label': (n,),
            'future_m': (n, FUTURE_STEPS, 2),
            'future_yaw_rad': (n, FUTURE_STEPS),
            'future_valid': (n, FUTURE_STEPS),
            'ego_future': (FUTURE_STEPS, 4),
            'ego_future_valid': (FUTURE_STEPS,),
        }
        for name, shape in shapes.items():
            actual = getattr(self, name).shape
            if actual != shape:
                raise ValueError(f'Sample.{name} must have shape {shape}, got {actual}')
        if self.origin not in ORIGINS:
            raise ValueError(f'Sample.origin must be one of {ORIGINS}, got {self.origin!r}')
