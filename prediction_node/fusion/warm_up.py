"""Invented traffic that has every loop of fusion run once."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_COUNT, CLASS_COUNT, Modality, Orientation
from prediction_node.domain.observations import SensorTracks
from prediction_node.domain.stamps import STEP_NS
from prediction_node.fusion.fusion import Fusion
from prediction_node.fusion.parameters import FusionParameters

_STEPS = 5
_START_NS = 1_000_000_000


def warm_up(parameters: FusionParameters) -> None:
    """Run all loops of fusion once, on tracks of its own: compiled at a first call, or loaded.

    Two sensors report a crowd whose places hardly differ, so that reports are contested, tracks
    are born, one object twice is found, and, once the crowd is gone, tracks die.
    """
    fusion = Fusion(parameters)
    for k in range(_STEPS):
        stamp_ns = _START_NS + k * STEP_NS
        spacing_m = 0.3 if k < _STEPS - 1 else 30.0
        window = [
            _crowd(Modality.LIDAR, stamp_ns, spacing_m),
            _crowd(Modality.CAMERA, stamp_ns - 20_000_000, spacing_m),
        ]
        fusion.step(window, stamp_ns, None)


def _crowd(modality: Modality, stamp_ns: int, spacing_m: float, count: int = 6) -> SensorTracks:
    """A row of cars."""
    n = count
    position_m = np.zeros((n, 3))
    position_m[:, 0] = spacing_m * np.arange(n)
    return SensorTracks(
        source=modality.name,
        modality=modality,
        stamp_ns=stamp_ns,
        frame_id='map',
        id_hash=np.arange(n, dtype=np.uint64),
        has_id=np.ones(n, bool),
        position_m=position_m,
        position_covariance=np.tile(np.eye(2), (n, 1, 1)),
        orientation=np.full(n, Orientation.AVAILABLE, np.int8),
        yaw_rad=np.zeros(n),
        yaw_variance=np.full(n, 0.01),
        has_velocity=np.ones(n, bool),
        velocity_mps=np.zeros((n, 2)),
        velocity_covariance=np.tile(np.eye(2), (n, 1, 1)),
        has_yaw_rate=np.ones(n, bool),
        yaw_rate_radps=np.full(n, 0.01),
        has_size=np.ones(n, bool),
        size_m=np.full((n, 3), 2.0),
        has_class=np.ones(n, bool),
        class_probabilities=np.full((n, CLASS_COUNT), 1.0 / CLASS_COUNT),
        existence=np.ones(n),
        attributes=np.full((n, ATTRIBUTE_COUNT), 0.5),
        has_attribute=np.ones((n, ATTRIBUTE_COUNT), bool),
    )
