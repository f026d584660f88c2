"""Fused road users at one instant, and the robotaxi itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from prediction_node.domain.frames import Transform
from prediction_node.domain.kinds import (
    ATTRIBUTE_COUNT,
    CLASS_COUNT,
    MODALITY_COUNT,
    ObjectClass,
)


@dataclass(frozen=True, slots=True, eq=False)
class Agents:
    """N fused road users at `stamp_ns`, in the map frame, all extrapolated to that instant.

    Rows keep no order from cycle to cycle: `uuid` is what stays.
    """

    stamp_ns: int
    uuid: np.ndarray  # (N, 16) uint8, stable for the life of a track
    position_m: np.ndarray  # (N, 3) centre of the box
    yaw_rad: np.ndarray  # (N,) heading of the body
    velocity_mps: np.ndarray  # (N, 2) over ground
    yaw_rate_radps: np.ndarray  # (N,)
    acceleration_mps2: np.ndarray  # (N,) along the heading
    covariance: np.ndarray  # (N, 5, 5) of x, y, yaw, speed along heading, yaw rate
    size_m: np.ndarray  # (N, 3) length, width, height
    class_probabilities: np.ndarray  # (N, CLASS_COUNT), rows sum to one
    existence: np.ndarray  # (N,) in [0, 1]
    attributes: np.ndarray  # (N, ATTRIBUTE_COUNT)
    has_attribute: np.ndarray  # (N, ATTRIBUTE_COUNT) bool
    modality_age_s: np.ndarray  # (N, MODALITY_COUNT) since last seen by each modality, inf if never

    def __post_init__(self) -> None:
        n = len(self.position_m)
        shapes = {
            'uuid': (n, 16),
            'position_m': (n, 3),
            'yaw_rad': (n,),
            'velocity_mps': (n, 2),
            'yaw_rate_radps': (n,),
            'acceleration_mps2': (n,),
            'covariance': (n, 5, 5),
            'size_m': (n, 3),
            'class_probabilities': (n, CLASS_COUNT),
            'existence': (n,),
            'attributes': (n, ATTRIBUTE_COUNT),
            'has_attribute': (n, ATTRIBUTE_COUNT),
            'modality_age_s': (n, MODALITY_COUNT),
        }
        for name, shape in shapes.items():
            actual = getattr(self, name).shape
            if actual != shape:
                raise ValueError(f'Agents.{name} must have shape {shape}, got {actual}')

    def __len__(self) -> int:
        return len(self.position_m)

    @property
    def label(self) -> np.ndarray:
        """(N,) most probable class, kinds.ObjectClass."""
        label: np.ndarray = np.argmax(self.class_probabilities, axis=1)
        return label

    @property
    def speed_mps(self) -> np.ndarray:
        """(N,) speed along the heading, negative when reversing."""
        cos, sin = np.cos(self.yaw_rad), np.sin(self.yaw_rad)
        speed: np.ndarray = self.velocity_mps[:, 0] * cos + self.velocity_mps[:, 1] * sin
        return speed

    def select(self, index: np.ndarray) -> Agents:
        """The rows that `index` (bool mask or integers) picks."""
        rows = {f.name: getattr(self, f.name)[index] for f in fields(self) if f.name != 'stamp_ns'}
        return Agents(stamp_ns=self.stamp_ns, **rows)

    @classmethod
    def joined(cls, parts: Sequence[Agents]) -> Agents:
        """The rows of all parts, one after the other, at the stamp of the last."""
        names = [f.name for f in fields(cls) if f.name != 'stamp_ns']
        rows = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(stamp_ns=parts[-1].stamp_ns, **rows)

    @classmethod
    def empty(cls, stamp_ns: int) -> Agents:
        return cls(
            stamp_ns=stamp_ns,
            uuid=np.zeros((0, 16), np.uint8),
            position_m=np.zeros((0, 3)),
            yaw_rad=np.zeros(0),
            velocity_mps=np.zeros((0, 2)),
            yaw_rate_radps=np.zeros(0),
            acceleration_mps2=np.zeros(0),
            covariance=np.zeros((0, 5, 5)),
            size_m=np.zeros((0, 3)),
            class_probabilities=np.zeros((0, CLASS_COUNT)),
            existence=np.zeros(0),
            attributes=np.zeros((0, ATTRIBUTE_COUNT)),
            has_attribute=np.zeros((0, ATTRIBUTE_COUNT), bool),
            modality_age_s=np.zeros((0, MODALITY_COUNT)),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Ego:
    """The robotaxi at `stamp_ns`."""

    stamp_ns: int
    map_from_base: Transform
    velocity_mps: np.ndarray  # (2,) over ground, axes of base_link
    yaw_rate_radps: float
    size_m: np.ndarray  # (3,) length, width, height
    centre_offset_m: float = 0.0  # box centre ahead of base_link (the rear axle on many vehicles)
    present: bool = True  # False: nobody drives, the pose only says from where the scene is seen

    @property
    def position_m(self) -> np.ndarray:
        """(2,) of base_link in the map frame."""
        return self.map_from_base.translation_m[:2]

    @property
    def yaw_rad(self) -> float:
        return self.map_from_base.yaw_rad

    @property
    def centre_m(self) -> np.ndarray:
        """(2,) of the box centre in the map frame."""
        yaw = self.yaw_rad
        return self.position_m + self.centre_offset_m * np.array([np.cos(yaw), np.sin(yaw)])

    @property
    def map_velocity_mps(self) -> np.ndarray:
        """(2,) over ground, in the map frame."""
        velocity: np.ndarray = self.map_from_base.rotation_2d @ self.velocity_mps
        return velocity

    def as_agent(self) -> Agents:
        """The robotaxi as the only road user: a car without a name that no sensor sees and whose
        state is certain.
        """
        height_m = float(self.map_from_base.translation_m[2]) + 0.5 * float(self.size_m[2])
        return Agents(
            stamp_ns=self.stamp_ns,
            uuid=np.zeros((1, 16), np.uint8),
            position_m=np.array([[*self.centre_m, height_m]]),
            yaw_rad=np.array([self.yaw_rad]),
            velocity_mps=self.map_velocity_mps[None],
            yaw_rate_radps=np.array([float(self.yaw_rate_radps)]),
            acceleration_mps2=np.zeros(1),  # odometry tells none
            covariance=np.zeros((1, 5, 5)),
            size_m=np.asarray(self.size_m, float)[None],
            class_probabilities=np.eye(CLASS_COUNT)[[ObjectClass.CAR]],
            existence=np.ones(1),
            attributes=np.zeros((1, ATTRIBUTE_COUNT)),
            has_attribute=np.zeros((1, ATTRIBUTE_COUNT), bool),
            modality_age_s=np.full((1, MODALITY_COUNT), np.inf),
        )
