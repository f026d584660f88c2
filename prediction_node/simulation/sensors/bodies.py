"""What a sensor is about to measure, real or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_COUNT


@dataclass(frozen=True, slots=True, eq=False)
class Bodies:
    """M objects in the map frame as they are."""

    position_m: np.ndarray  # (M, 3) centre
    yaw_rad: np.ndarray  # (M,)
    velocity_mps: np.ndarray  # (M, 2) over ground
    size_m: np.ndarray  # (M, 3)
    label: np.ndarray  # (M,)
    attributes: np.ndarray  # (M, ATTRIBUTE_COUNT)
    has_attribute: np.ndarray  # (M, ATTRIBUTE_COUNT) bool

    @classmethod
    def standing(
        cls, position_m: np.ndarray, yaw_rad: np.ndarray, size_m: np.ndarray, label: np.ndarray
    ) -> Bodies:
        """Bodies at rest that show nothing."""
        n = len(position_m)
        return cls(
            position_m,
            yaw_rad,
            np.zeros((n, 2)),
            size_m,
            label,
            np.zeros((n, ATTRIBUTE_COUNT)),
            np.zeros((n, ATTRIBUTE_COUNT), dtype=bool),
        )

    def __len__(self) -> int:
        return len(self.position_m)

    def at(self, index: np.ndarray) -> Bodies:
        return Bodies(*(getattr(self, name)[index] for name in self.__slots__))

    def and_also(self, others: Bodies) -> Bodies:
        return Bodies(
            *(
                np.concatenate([getattr(self, name), getattr(others, name)])
                for name in self.__slots__
            )
        )
