"""What runs a network, whatever runs it: the scene once, plans as often as a planner asks."""

from __future__ import annotations

from typing import Any, Protocol

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
