"""How much the raster remembers."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_node.domain.parameter import check, parameter


@dataclass(frozen=True, slots=True)
class RasterParameters:
    """Drawn map tiles are kept; a tile is a square of 32 x 32 cells and takes 32 KiB."""

    tiles: int = parameter(
        1024,
        'Map tiles kept for each map and scale; those unused for longest are forgotten first.',
        low=256,
        high=100_000,
    )
    tiles_ahead: int = parameter(
        2,
        'Map tiles drawn at most in one cycle, for each scale, before the robotaxi needs them.',
        low=0,
        high=64,
    )
    ahead_s: float = parameter(
        3.0, 'How far ahead of the robotaxi map tiles are drawn.', unit='s', low=0.0, high=20.0
    )
    maps: int = parameter(
        4, 'Maps kept ready; the one unused for longest is forgotten first.', low=1, high=1000
    )

    def __post_init__(self) -> None:
        check(self, 'raster.')
