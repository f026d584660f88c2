"""How a network is built: everything that decides the shapes of its parameters, as plain values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prediction_node.domain.tensors import Sizes


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes, widths and which inputs are used. No raster where `sizes.channels` is 0, no map where
    `sizes.map_nodes` is 0. Raises ValueError on what does not fit together.
    """

    sizes: Sizes = Sizes()  # noqa: RUF009 (frozen)
    use_proposals: bool = True  # refine kinematic futures; else constant velocity
    use_plan: bool = True  # the robotaxi's plan is read
    use_graph: bool = True  # actors heed each other and the map; off for ablations
    width: int = 128  # of the tokens of actors and modes
    heads: int = 8
    layers: int = 3  # of attention
    edge_width: int = 16  # of what lies between two tokens
    knot_width: int = 32  # of a mode's token in one block
    reaction_width: int = 48  # of an actor's token in one block, plan known
    relation_width: int = 24  # of what lies between a mode and the plan in one block
    raster_widths: tuple[int, int, int] = (32, 48, 64)  # of features of 4, 8 and 16 cells
    look_width: int = 16  # of the feature map that is looked at
    raster_offset: tuple[int, ...] = ()  # byte that means zero, by channel
    cells_m: tuple[float, float] = (0.5, 1.4)  # near, far
    speed_scale_mps: float = 10.0  # typical speed; lengths are scaled by one second of it
    offset_scale_mps: float = 1.0  # typical error of the base, per second ahead
    sigma_start_m: tuple[float, float] = (0.3, 0.6)  # at once, and growth per second
    sigma_range_m: tuple[float, float] = (0.03, 80.0)
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.sizes, Mapping):
            object.__setattr__(self, 'sizes', Sizes(**self.sizes))
        for name in ('raster_offset', 'raster_widths', 'cells_m', 'sigma_start_m', 'sigma_range_m'):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.width % self.heads:
            raise ValueError(f'width must be divisible by {self.heads} heads, got {self.width}')
        if self.reaction_width % REACTION_HEADS:
            raise ValueError(
                f'reaction_width must be divisible by {REACTION_HEADS}, got {self.reaction_width}'
            )
        if self.sizes.blocks % self.sizes.weights:
            raise ValueError(
                f'weights must divide {self.sizes.blocks} blocks, got {self.sizes.weights}'
            )
        if len(self.raster_offset) != self.sizes.channels:
            raise ValueError(
                f'raster_offset must name {self.sizes.channels} channels, '
                f'got {len(self.raster_offset)}'
            )
        if self.sizes.channels and self.sizes.cells % 16:
            raise ValueError(f'cells must be divisible by 16, got {self.sizes.cells}')

    def as_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON; `from_dict` reads them back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NetworkConfig:
        return cls(**values)

    @property
    def steps_per_block(self) -> int:
        return self.sizes.steps // self.sizes.blocks

    @property
    def length_scale_m(self) -> float:
        return 0.2 * self.speed_scale_mps


# Of the mixing over time and over actors in the decoder.
REACTION_HEADS = 4
