"""What runs a network, whatever runs it: the scene once, plans as often as a planner asks."""

from __future__ import annotations

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
class SharingModel(Model, Protocol):
    """A network whose memory models of other sizes share: the largest makes it warm for all."""

    @property
    def memory(self) -> object:
        """The same object for all of them."""


@runtime_checkable
class DrawingModel(Model, Protocol):
    """A network that can draw its rasters itself, from 'sketch' and 'tiles' (domain.sketch) among
    the arrays that it was opened with.
    """

    @property
    def cannot_draw(self) -> str:
        """Why not; empty: it can."""

    def take_tiles(self, count: int) -> None:
        """The first so many of 'tiles' are news of the textures."""

    def draw(self, arrays: Arrays) -> Any:
        """As `encode`, with rasters drawn from 'sketch' in place of those in `arrays`."""


def memory_of(model: Model) -> object:
    """What has to be warm before `model` is; itself where it shares nothing."""
    return model.memory if isinstance(model, SharingModel) else model


@runtime_checkable
class RelievedModel(Model, Protocol):
    """A network in front of another, which stands in for it."""

    @property
    def answers(self) -> str:
        """Who answered last, by name."""

    @property
    def standing_in(self) -> str:
        """Who answered last for whom, and why; empty where the first in line did."""
