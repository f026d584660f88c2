"""What has come from the sensors since the last release, and the time rules for it.

Nothing is judged by its order of arrival: within a release every order gives the same observations.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from prediction_node.domain.stamps import nanoseconds
from prediction_node.observation.frame_tracks import FrameTracks
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.reasons import Reason

# Stamps remembered per source to know a repeated one: longer than `max_age_s` at any real rate.
REMEMBERED_STAMPS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """One message of a source, waiting."""

    arrival_ns: int
    tracks: FrameTracks


@dataclass(frozen=True, slots=True)
class Turned:
    """One message turned away."""

    source: str
    stamp_ns: int
    reason: Reason


class _Window:
    """The bounded window of one source."""

    __slots__ = ('recent', 'taken', 'waiting')

    def __init__(self) -> None:
        self.waiting: dict[int, Arrival] = {}  # by stamp
        self.taken: set[int] = set()
        self.recent: deque[int] = deque()  # the taken stamps in order of taking

    def remember(self, stamp_ns: int) -> None:
        self.taken.add(stamp_ns)
        self.recent.append(stamp_ns)
        if len(self.recent) > REMEMBERED_STAMPS:
            self.taken.discard(self.recent.popleft())


class Inbox:
    """Bounded windows of the latest messages of each source."""

    def __init__(self, sources: Iterable[str], parameters: ObservationParameters) -> None:
        self._windows = {name: _Window() for name in sources}
        self._capacity = parameters.inbox_messages
        self._max_age_ns = nanoseconds(parameters.max_age_s)
        self._tolerance_ns = nanoseconds(parameters.future_tolerance_s)
        self._other_clock_ns = nanoseconds(parameters.other_clock_s)

    def turns_away(self, source: str, stamp_ns: int) -> Reason | None:
        """Why `put` would not keep a message, from its stamp alone: the rest need not be read."""
        waiting = self._windows[source].waiting
        if stamp_ns in waiting:
            return Reason.DUPLICATE
        full = len(waiting) >= self._capacity
        return Reason.OVERFLOW if full and stamp_ns < min(waiting) else None

    def put(self, tracks: FrameTracks, arrival_ns: int) -> tuple[Turned, ...]:
        """Let a message wait for the next release; returns the messages turned away for it.

        That is the message itself when its stamp is waiting already, or the one with the oldest
        stamp when the window is full.
        """
        reason = self.turns_away(tracks.source, tracks.stamp_ns)
        if reason is not None:
            return (Turned(tracks.source, tracks.stamp_ns, reason),)
        waiting = self._windows[tracks.source].waiting
        waiting[tracks.stamp_ns] = Arrival(arrival_ns, tracks)
        if len(waiting) <= self._capacity:
            return ()
        oldest = min(waiting)
        del waiting[oldest]
        return (Turned(tracks.source, oldest, Reason.OVERFLOW),)

    def take(self, release_ns: int, scene_ns: int) -> tuple[list[FrameTracks], list[Turned]]:
        """The messages that had come by `release_ns` and belong to scene time `scene_ns`.

        They are sorted by (stamp, source), and their stamps are not ahead of the scene. Messages a
        little ahead go on waiting; the others that do not fit are turned away, each with its
        reason.
        """
        chosen: list[FrameTracks] = []
        turned: list[Turned] = []
        for source, window in self._windows.items():
            for stamp_ns in sorted(window.waiting):
                arrival = window.waiting[stamp_ns]
                if arrival.arrival_ns > release_ns:
                    continue
                reason = self._judge(stamp_ns - scene_ns)
                if reason is None and stamp_ns in window.taken:
                    reason = Reason.DUPLICATE
                if reason is None and stamp_ns > scene_ns:
                    continue
                del window.waiting[stamp_ns]
                if reason is not None:
                    turned.append(Turned(source, stamp_ns, reason))
                    continue
                window.remember(stamp_ns)
                chosen.append(arrival.tracks)
        chosen.sort(key=lambda tracks: (tracks.stamp_ns, tracks.source))
        return chosen, turned

    def forget_taken(self) -> None:
        """Time has jumped: the same stamps may come again."""
        for window in self._windows.values():
            window.taken.clear()
            window.recent.clear()

    def drop_after(self, arrival_ns: int) -> None:
        """The driving clock has gone back: drop what came later than `arrival_ns` on it."""
        for window in self._windows.values():
            for stamp_ns, arrival in list(window.waiting.items()):
                if arrival.arrival_ns > arrival_ns:
                    del window.waiting[stamp_ns]

    def _judge(self, ahead_ns: int) -> Reason | None:
        if abs(ahead_ns) > self._other_clock_ns:
            return Reason.OTHER_CLOCK
        if ahead_ns > self._tolerance_ns:
            return Reason.FUTURE
        if -ahead_ns > self._max_age_ns:
            return Reason.LATE
        return None
