"""Parameters as kernels want them: arrays by class and by modality, made once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from prediction_node.fusion.parameters import FusionParameters
from prediction_node.fusion.predict import motion_table


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """Arrays of doubles: (CLASS_COUNT, 7), else by modality (MODALITY_COUNT,) unless said."""

    parameters: FusionParameters
    motion: np.ndarray  # (CLASS_COUNT, 7) log variances, see predict.motion_table
    log_speed_sigma: np.ndarray  # (CLASS_COUNT,) of speeds that nobody told
    class_trust: np.ndarray
    attribute_trust: np.ndarray
    size_trust: np.ndarray
    shared_error: np.ndarray
    extra_variance_m2: np.ndarray
    height_variance_m2: np.ndarray
    existence_gain: np.ndarray
    existence_loss: np.ndarray
    reference_scatter: np.ndarray
    gate_squared: float  # largest squared Mahalanobis distance in the plane
    density_cost: float  # twice the logarithm of 2 pi times the density of new objects

    @classmethod
    def of(cls, parameters: FusionParameters) -> Tables:
        return cls(
            parameters=parameters,
            motion=motion_table(parameters),
            log_speed_sigma=np.log(parameters.unseen_speed_sigma_mps),
            class_trust=_array(parameters.class_trust),
            attribute_trust=_array(parameters.attribute_trust),
            size_trust=_array(parameters.size_trust),
            shared_error=_array(parameters.shared_error),
            extra_variance_m2=np.square(_array(parameters.extra_sigma_m)),
            height_variance_m2=np.square(_array(parameters.height_sigma_m)),
            existence_gain=_array(parameters.existence_gain),
            existence_loss=_array(parameters.existence_loss),
            reference_scatter=_array(parameters.reference_scatter),
            # Quantile of the chi-squared distribution with two degrees of freedom.
            gate_squared=-2.0 * math.log(parameters.gate_probability_loss),
            density_cost=2.0 * math.log(2.0 * math.pi * parameters.new_object_density_per_m2),
        )


def _array(values: tuple[float, ...]) -> np.ndarray:
    return np.array(values, np.float64)
