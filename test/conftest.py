"""Builders shared by all tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.agents import Agents
from prediction_node.domain.kinds import ATTRIBUTE_COUNT, CLASS_COUNT, MODALITY_COUNT, ObjectClass

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = REPOSITORY.parent / 'shared' / 'data'


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """The folder of recordings beside the repository; the test is skipped where there is none."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f'needs the recordings in {SHARED_DATA}')
    return SHARED_DATA


def make_agents(
    n: int = 3, *, stamp_ns: int = 1_000_000_000, seed: int = 0, **changes: Any
) -> Agents:
    """`n` plausible cars around the origin; `changes` replaces whole fields."""
    rng = np.random.default_rng(seed)
    yaw = rng.uniform(-np.pi, np.pi, n)
    speed = rng.uniform(0.0, 15.0, n)
    fields: dict[str, Any] = {
        'uuid': rng.integers(0, 256, (n, 16), dtype=np.uint8),
        'position_m': np.column_stack([rng.uniform(-50, 50, (n, 2)), np.zeros(n)]),
        'yaw_rad': yaw,
        'velocity_mps': speed[:, None] * np.column_stack([np.cos(yaw), np.sin(yaw)]),
        'yaw_rate_radps': np.zeros(n),
        'acceleration_mps2': np.zeros(n),
        'covariance': np.tile(np.diag([0.1, 0.1, 0.01, 0.2, 0.01]), (n, 1, 1)),
        'size_m': np.tile([4.5, 1.8, 1.5], (n, 1)),
        'class_probabilities': np.tile(np.eye(CLASS_COUNT)[ObjectClass.CAR], (n, 1)),
        'existence': np.full(n, 0.9),
        'attributes': np.zeros((n, ATTRIBUTE_COUNT)),
        'has_attribute': np.zeros((n, ATTRIBUTE_COUNT), bool),
        'modality_age_s': np.zeros((n, MODALITY_COUNT)),
    }
    fields.update(changes)
    return Agents(stamp_ns=stamp_ns, **fields)


@pytest.fixture
def agents_of() -> Any:
    """The builder `make_agents` as a fixture."""
    return make_agents
