"""What is asked of every recording."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.errors import ParameterError
from prediction_node.domain.stamps import STEP_NS, nanoseconds


@dataclass(frozen=True, slots=True)
class Asking:
    """Equal askings of equal recordings give equal samples."""

    stride_s: float = 0.5  # between two scenes of one recording
    egos: int = 1  # road users per instant that take a turn as the robotaxi, where nobody is it
    noise: bool = False  # agents known exactly are seen as a fusion would see them
    seed: int = 0  # of noise and turns
    reacting: bool = False  # only scenes in which the robotaxi's plan can affect who moves

    def __post_init__(self) -> None:
        if not 0.1 <= self.stride_s <= 60.0:
            raise ParameterError(f'--stride-s must lie in [0.1, 60] s, got {self.stride_s}')
        if not 1 <= self.egos <= 64:
            raise ParameterError(f'--egos must lie in [1, 64], got {self.egos}')

    @property
    def stride_ns(self) -> int:
        """The stride in whole steps of 0.1 s."""
        return max(1, round(nanoseconds(self.stride_s) / STEP_NS)) * STEP_NS

    def generator(self, recording: str, purpose: int) -> np.random.Generator:
        """Randomness of one recording, whatever else is extracted with it."""
        return np.random.default_rng([self.seed, zlib.crc32(recording.encode()), purpose])
