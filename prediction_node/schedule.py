"""When to release: every 100 ms on one clock, missed releases counted and never made up for."""

from __future__ import annotations

from prediction_node.domain.stamps import STEP_NS


class ReleaseSchedule:
    """Release k is due at `first_ns` + k x 100 ms. Not a timer: it judges the instants it is
    asked at.
    """

    def __init__(self, first_ns: int, period_ns: int = STEP_NS) -> None:
        self._next_ns = first_ns
        self._period_ns = period_ns
        self.missed = 0

    @property
    def next_ns(self) -> int:
        return self._next_ns

    def due(self, now_ns: int) -> int | None:
        """The newest release instant at or before `now_ns` that has not been given out, or None.

        Older ones still outstanding are counted in `missed` and dropped: after a stall the planner
        wants one fresh answer, not a burst of stale ones.
        """
        if now_ns < self._next_ns:
            return None
        skipped = (now_ns - self._next_ns) // self._period_ns
        self.missed += skipped
        release_ns = self._next_ns + skipped * self._period_ns
        self._next_ns = release_ns + self._period_ns
        return release_ns


def first_aligned_ns(instant_ns: int, period_ns: int = STEP_NS) -> int:
    """The first multiple of the period at or after `instant_ns`.

    Replay and live runs on simulated time start their releases there, so that both release at the
    same instants of the recording whatever message happened to arrive first.
    """
    return -(-instant_ns // period_ns) * period_ns
