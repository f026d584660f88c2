"""Windows of the ETH/UCY protocol: eight frames observed, twelve predicted, two people at least.

Who is there in all twenty frames is judged. Others who are there at the last observed frame are
seen by those who are judged, as far as they have been observed. Nothing of a window's observation
depends on what comes after it, but the choice of whom to judge: that is the protocol's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from prediction_node.crowds.files import Crowd

OBSERVED, PREDICTED = 8, 12
FEWEST = 2
# Whom one heeds: so many at most are seen at once, in training and after it. Networks that leave
# UNIV out learn from places where few people meet, and know no crowd of fifty.
PEOPLE = 16


@dataclass(frozen=True, slots=True, eq=False)
class CrowdWindow:
    """N pedestrians in eight frames, the last of which is the present; the first J are judged."""

    recording: str
    frame: int  # number of the present one
    person: np.ndarray  # (N,) int64
    history_m: np.ndarray  # (N, 8, 2) in the recording's frame, 0 where not valid
    history_valid: np.ndarray  # (N, 8) bool, true for the present
    future_m: np.ndarray  # (J, 12, 2) of those who are judged

    @property
    def judged(self) -> int:
        return len(self.future_m)


def windows(crowd: Crowd) -> Iterator[CrowdWindow]:
    """All windows, one frame apart. None reaches over a frame that was not annotated."""
    length = OBSERVED + PREDICTED
    if len(crowd.frame) < length:
        return
    step = np.diff(crowd.frame)
    usual = np.median(step)
    # Sums of how many steps of each window are not the usual one.
    odd = np.concatenate([[0], np.cumsum(step != usual)])
    for first in range(len(crowd.frame) - length + 1):
        if odd[first + length - 1] > odd[first]:
            continue
        observed = slice(first, first + OBSERVED)
        valid = crowd.valid[:, first : first + length]
        whole = valid.all(axis=1)
        if whole.sum() < FEWEST:
            continue
        others = valid[:, OBSERVED - 1] & ~whole
        row = np.concatenate([np.flatnonzero(whole), np.flatnonzero(others)])
        known = _unbroken(crowd.valid[row, observed])
        yield CrowdWindow(
            recording=crowd.name,
            frame=int(crowd.frame[first + OBSERVED - 1]),
            person=crowd.person[row],
            history_m=np.where(known[..., None], crowd.position_m[row, observed], 0.0),
            history_valid=known,
            future_m=crowd.position_m[whole, first + OBSERVED : first + length],
        )


def nearest(history_m: np.ndarray, row: int, count: int = PEOPLE) -> np.ndarray:
    """Rows of the `count` pedestrians nearest to one of them now, (N, 8, 2), that one first."""
    away = np.linalg.norm(history_m[:, -1] - history_m[row, -1], axis=1)
    away[row] = -1.0
    return np.argsort(away, kind='stable')[:count]


def _unbroken(valid: np.ndarray) -> np.ndarray:
    """(N, T) what is valid from there on up to the last column."""
    broken = np.logical_or.accumulate(~valid[:, ::-1], axis=1)[:, ::-1]
    return ~np.asarray(broken, dtype=bool)
