"""Tracks and the reports that belong to them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Matches(NamedTuple):
    """K tracks and T reports, side by side by track and rising for each."""

    at: np.ndarray  # (K,) int64 rows of the tracks, rising
    start: np.ndarray  # (K + 1,) int64 first report of each track, and T
    report: np.ndarray  # (T,) int64 rows of the reports

    @classmethod
    def one_each(cls, report: np.ndarray) -> Matches:
        """Each of the reports (K,) is of a track of its own, in their order."""
        rows = np.arange(len(report) + 1)
        return cls(rows[:-1], rows, report)

    @property
    def row(self) -> np.ndarray:
        """(T,) int64 row of the track of each report."""
        return np.repeat(self.at, np.diff(self.start))
