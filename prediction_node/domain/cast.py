"""Who takes part in a world, however its story is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Cast(Protocol):
    """N road users by row. A Recording is one as it is; that of a running world grows at its end.

    Rows never change their owner: what a row says of identity, class and size holds for good.
    """

    @property
    def track_id(self) -> Sequence[str]:
        """N, unique."""

    @property
    def label(self) -> np.ndarray:
        """(N,) int8, kinds.ObjectClass."""

    @property
    def size_m(self) -> np.ndarray:
        """(N, 3) length, width, height."""

    @property
    def ego(self) -> int | None:
        """The row of the robotaxi, None if nobody drives it."""
