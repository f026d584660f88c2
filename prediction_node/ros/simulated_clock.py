"""Simulated time between the ticks of /clock."""

from __future__ import annotations

import time
from collections import deque

_TICKS = 50  # over which the player's rate is measured


class SimulatedClock:
    """The newest /clock, carried forward by the wall time since it came, at the rate ticks come.

    A player's ticks are 10 ms apart: without this, every message would seem to arrive at a tick.
    """

    def __init__(self) -> None:
        self._ticks: deque[tuple[int, int]] = deque(maxlen=_TICKS)  # simulated, wall

    def tick(self, clock_ns: int, wall_ns: int | None = None) -> bool:
        """Take a /clock message. True if time went backwards."""
        wall_ns = time.monotonic_ns() if wall_ns is None else wall_ns
        went_back = bool(self._ticks) and clock_ns < self._ticks[-1][0]
        if went_back:
            self._ticks.clear()
        self._ticks.append((clock_ns, wall_ns))
        return went_back

    @property
    def started(self) -> bool:
        """Whether the time is known."""
        return bool(self._ticks)

    def now_ns(self, wall_ns: int | None = None) -> int:
        """Simulated time now, never beyond the tick that is due next; 0 before the first tick."""
        if not self._ticks:
            return 0
        clock_ns, tick_wall_ns = self._ticks[-1]
        if len(self._ticks) < 2:
            return clock_ns
        wall_ns = time.monotonic_ns() if wall_ns is None else wall_ns
        first_clock_ns, first_wall_ns = self._ticks[0]
        rate = (clock_ns - first_clock_ns) / max(tick_wall_ns - first_wall_ns, 1)
        ahead_ns = int((wall_ns - tick_wall_ns) * rate)
        return clock_ns + min(ahead_ns, clock_ns - self._ticks[-2][0])
