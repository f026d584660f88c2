"""What training found to make probabilities and spreads honest, by class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import CLASS_COUNT, CLASS_NAMES

LOW, HIGH = 0.05, 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Factors by class, order of kinds.ObjectClass; ones leave everything as it is."""

    # Logits of modes are divided by it (Guo et al., "On Calibration of Modern Neural Networks",
    # ICML 2017).
    temperature: np.ndarray = field(default_factory=lambda: np.ones(CLASS_COUNT))
    sigma_scale: np.ndarray = field(default_factory=lambda: np.ones(CLASS_COUNT))

    def __post_init__(self) -> None:
        for name in ('temperature', 'sigma_scale'):
            value = getattr(self, name)
            if value.shape != (CLASS_COUNT,):
                raise DataError(f'calibration.{name} must be ({CLASS_COUNT},), got {value.shape}')
            if not np.all((value >= LOW) & (value <= HIGH)):
                raise DataError(f'calibration.{name} must lie in {LOW} to {HIGH}, got {value}')

    def as_dict(self) -> dict[str, dict[str, float]]:
        """{'temperature': {'car': 1.1, ...}, 'sigma_scale': {...}} for JSON."""
        return {
            name: dict(zip(CLASS_NAMES, getattr(self, name).tolist(), strict=True))
            for name in ('temperature', 'sigma_scale')
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """The inverse of `as_dict`; what is not named is 1. Raises DataError naming the field."""
        found = {}
        for name, by_class in values.items():
            if name not in ('temperature', 'sigma_scale') or not isinstance(by_class, Mapping):
                raise DataError(f'calibration.{name} is unknown or no table by class')
            factor = np.ones(CLASS_COUNT)
            for label, value in by_class.items():
                if label not in CLASS_NAMES or not isinstance(value, int | float):
                    raise DataError(f'calibration.{name}.{label} is unknown or no number')
                factor[CLASS_NAMES.index(label)] = value
            found[name] = factor
        return cls(**found)
