"""Buildings and rails around a vehicle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Walls:
    """Outlines that hide what is behind them, however high it is, as E edges of B buildings."""

    start_m: np.ndarray  # (E, 2)
    end_m: np.ndarray  # (E, 2)
    first: np.ndarray  # (B + 1,) int64 into the edges
    centre_m: np.ndarray  # (B, 2) of a circle around all corners
    radius_m: np.ndarray  # (B,)

    @classmethod
    def of(cls, outlines: Sequence[np.ndarray]) -> Walls:
        """From closed outlines (K, 2), in any sense of rotation, first corner repeated or not.

        Two corners make a single wall. Raises ValueError for an outline of another shape, or one
        with a corner that is not finite.
        """
        starts, ends = [np.zeros((0, 2))], [np.zeros((0, 2))]
        centres, radii = np.zeros((len(outlines), 2)), np.zeros(len(outlines))
        for i, outline in enumerate(outlines):
            corner = np.asarray(outline, dtype=np.float64)
            if corner.ndim != 2 or corner.shape[1] != 2 or len(corner) < 2:
                raise ValueError(f'outline {i} must have shape (2 or more, 2), got {corner.shape}')
            if not np.isfinite(corner).all():
                raise ValueError(f'outline {i} must be finite')
            following = np.roll(corner, -1, axis=0)
            keep = np.any(corner != following, axis=1)
            if len(corner) == 2:
                keep[1] = False
            starts.append(corner[keep])
            ends.append(following[keep])
            centres[i] = 0.5 * (corner.min(axis=0) + corner.max(axis=0))
            radii[i] = np.hypot(*(corner - centres[i]).T).max()
        first = np.cumsum([len(edges) for edges in starts])
        return cls(np.concatenate(starts), np.concatenate(ends), first, centres, radii)


def pieces(lines: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The straight pieces (2, 2) of open lines (K, 2): each is a wall of its own."""
    return [line[k : k + 2] for line in lines for k in range(len(line) - 1)]


NO_WALLS = Walls.of(())
