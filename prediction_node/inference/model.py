"""What runs a network, whatever runs it: the scene once, plans as often as a planner asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np

from prediction_node.domain.tensors import Arrays, Sizes


class Model(Protocol):
    """A trained network of fixed sizes."""

    @property
    def sizes(self) -> Sizes:
        """Of the arrays it takes and gives; `candidates` may differ from call to call."""

    def encode(self, arrays: Arrays) -> Any:
        """ENCODER_INPUTS of one scene to what `decode` needs of it. Raises ValueError naming an
        array that is missing or of another shape or type.
        """

    def decode(
        self, encoded: Any, plan: np.ndarray, plan_valid: np.ndarray
    ) -> dict[str, np.ndarray]:
        """OUTPUTS for plans (C, K, 5), (C, K) in an encoded scene. Raises ValueError as above."""


@runtime_checkable
class LookingModel(Model, Protocol):
    """A network that can look at the rasters in one thread while another does the rest."""

    def look(self, rasters: Arrays) -> Mapping[str, Any]:
        """What the network makes of `raster_near` and `raster_far` alone."""

    def encode_with(self, arrays: Arrays, looked: Callable[[], Mapping[str, Any]]) -> Any:
        """As `encode`, of arrays without rasters; `looked` waits for the answer of `look`."""
