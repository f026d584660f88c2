"""Running figures of the release cycle."""

from __future__ import annotations

from collections import deque

import numpy as np

_WINDOW = 600  # one minute


class CycleStatistics:
    """Responses (publish minus scheduled release) of the last minute, and misses since
    activation.
    """

    def __init__(self) -> None:
        self._responses_ms: deque[float] = deque(maxlen=_WINDOW)
        self.cycles = 0
        self.late = 0  # responses above one period
        self.skipped = 0  # releases that never happened
        self.failed = 0  # releases that came to nothing

    @property
    def misses(self) -> int:
        return self.late + self.skipped + self.failed

    def clear(self) -> None:
        self._responses_ms.clear()
        self.cycles = self.late = self.skipped = self.failed = 0

    def add(self, response_ns: int, skipped_total: int) -> None:
        """One response, and how many releases the schedule has dropped so far."""
        self._responses_ms.append(response_ns / 1e6)
        self.cycles += 1
        self.late += response_ns > 100_000_000
        self.skipped = skipped_total

    def percentiles_ms(self) -> tuple[float, float]:
        """Median and 99th percentile; zeros before the first cycle."""
        if not self._responses_ms:
            return 0.0, 0.0
        p50, p99 = np.percentile(np.fromiter(self._responses_ms, float), [50, 99])
        return float(p50), float(p99)
