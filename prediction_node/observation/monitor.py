"""Watches one input: counts, rate, delay, and what they amount to."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from prediction_node.domain.kinds import Modality
from prediction_node.domain.stamps import nanoseconds, seconds
from prediction_node.observation.health import LOST_STATES, InputHealth, State
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.reasons import CLOCK_REASONS, Reason

# Faults are named within three periods, so the last three messages decide.
VERDICT_MESSAGES = 3
RATE_MESSAGES = 16
SHORTEST_SILENCE_NS = 300_000_000
# A silence is told this much before the time within which it must be known: telling takes some.
TELLING_NS = 50_000_000
# After a silence this long, what the rate was before says nothing any more.
RATE_FORGOTTEN_NS = 1_000_000_000
LONGEST_DETAIL = 300
# How a message fared says nothing about its sender in these cases.
_NO_VERDICT = frozenset({Reason.DUPLICATE, Reason.OVERFLOW, Reason.JUMP})


class InputMonitor:
    """Told of every message and its fate; answers with an InputHealth.

    `rate_hz` is what the input should deliver, None for inputs without a rate (they never fall
    silent).
    """

    def __init__(
        self,
        name: str,
        parameters: ObservationParameters,
        *,
        modality: Modality | None = None,
        rate_hz: float | None = None,
    ) -> None:
        self.name = name
        self._modality = modality
        self._rate_hz = rate_hz
        self._stuck_messages = parameters.stuck_messages
        self._delayed_s = parameters.delayed_s
        self._silence_ns = (
            None
            if rate_hz is None
            else max(SHORTEST_SILENCE_NS, nanoseconds(3.0 / rate_hz)) - TELLING_NS
        )
        self._received = 0
        self._accepted = 0
        self._refused: Counter[Reason] = Counter()
        self._objects_received = 0
        self._objects_refused: Counter[Reason] = Counter()
        self._detail = ''
        self._content = b''
        self.forget_times()

    def forget_times(self) -> None:
        """The driving clock has gone back: what was measured on it is void, the counts stay."""
        self._arrivals: deque[int] = deque(maxlen=RATE_MESSAGES)
        self._delays: deque[int] = deque(maxlen=VERDICT_MESSAGES)
        self._fates: deque[Reason | None] = deque(maxlen=VERDICT_MESSAGES)
        self._objects: deque[tuple[int, int]] = deque(maxlen=VERDICT_MESSAGES)
        self._newest_stamp_ns: int | None = None
        self._fresh_arrival_ns: int | None = None
        self._repeats = 0

    def forget_delays(self) -> None:
        """Stamps have jumped: delays and fates from across the jump say nothing of the source."""
        self._delays.clear()
        self._fates.clear()

    def heard(self, arrival_ns: int, stamp_ns: int | None, delay_ns: int | None) -> bool:
        """A message has come; its stamp and delay are None where they cannot be known.

        False if it has the stamp of the one before: a copy says nothing about the content.
        """
        self._received += 1
        if self._arrivals and arrival_ns - self._arrivals[-1] > RATE_FORGOTTEN_NS:
            self._arrivals.clear()
        self._arrivals.append(arrival_ns)
        if delay_ns is not None:
            self._delays.append(delay_ns)
        fresh = stamp_ns is None or stamp_ns != self._newest_stamp_ns
        if fresh:
            self._fresh_arrival_ns = arrival_ns
        self._newest_stamp_ns = stamp_ns
        return fresh

    def same_content(self, content: bytes, plausible: Callable[[], bool]) -> bool:
        """Whether the source is stuck: the same content for the `stuck_messages`-th time again.

        Nothing at all is never stuck, nor is content that may well stay the same; `plausible` says
        so, and is only asked about repeated content.
        """
        same = bool(content) and content == self._content and not plausible()
        self._content = content
        self._repeats = self._repeats + 1 if same else 0
        return 0 < self._stuck_messages <= self._repeats

    def judged(self, received: int, refused: Counter[Reason]) -> None:
        """The objects of one message have been judged."""
        self._objects_received += received
        if not refused:
            if received:
                self._objects.append((received, 0))
            return
        self._objects_refused.update(refused)
        if received:
            # Far objects cut off a long message are no fault of the sender's values.
            bad = sum(refused.values()) - refused[Reason.OVER_CAPACITY]
            self._objects.append((received - refused[Reason.OVER_CAPACITY], bad))

    def judged_later(self, refused: Counter[Reason]) -> None:
        """Further objects of a message already counted are refused."""
        self._objects_refused.update(refused)
        if self._objects:
            received, bad = self._objects[-1]
            self._objects[-1] = received, bad + sum(refused.values())

    def accepted(self) -> None:
        """A message has been used."""
        self._accepted += 1
        self._fates.append(None)

    def refused(self, reason: Reason, detail: str) -> None:
        """A whole message has been refused."""
        self._refused[reason] += 1
        self._detail = detail[:LONGEST_DETAIL]
        if reason not in _NO_VERDICT:
            self._fates.append(reason)

    def silent(self, now_ns: int) -> bool:
        """Whether nothing has come for too long, after something had."""
        if self._silence_ns is None or not self._arrivals:
            return False
        return now_ns - self._arrivals[-1] > self._silence_ns

    def health(self, now_ns: int) -> InputHealth:
        """The state at `now_ns` of the clock that arrivals are measured on."""
        rate_hz, delay_s = self._rate(), self._delay()
        state = self._fault(now_ns, rate_hz, delay_s)
        late = state is State.DELAYED and self._all_refused()
        return InputHealth(
            name=self.name,
            modality=self._modality,
            state=state,
            lost=late or state in LOST_STATES,
            received=self._received,
            accepted=self._accepted,
            refused=dict(self._refused),
            objects_received=self._objects_received,
            objects_refused=dict(self._objects_refused),
            rate_hz=rate_hz,
            silence_s=seconds(max(0, now_ns - self._arrivals[-1])) if self._arrivals else None,
            delay_s=delay_s,
            detail=self._detail,
        )

    def _fault(self, now_ns: int, rate_hz: float | None, delay_s: float | None) -> State:
        if not self._arrivals:
            return State.SILENT if self._received else State.NEVER_SEEN
        if self._silence_ns is not None:
            if self.silent(now_ns):
                return State.SILENT
            fresh = self._fresh_arrival_ns
            if fresh is not None and now_ns - fresh > self._silence_ns:
                return State.STUCK
        if 0 < self._stuck_messages <= self._repeats:
            return State.STUCK
        if self._all_refused():
            return _state_of(self._fates[-1])
        if len(self._objects) == VERDICT_MESSAGES:
            received = sum(pair[0] for pair in self._objects)
            if 2 * sum(pair[1] for pair in self._objects) > received:
                return State.GARBAGE
        if delay_s is not None and delay_s > self._delayed_s:
            return State.DELAYED
        if (
            self._rate_hz is not None
            and rate_hz is not None
            and len(self._arrivals) > VERDICT_MESSAGES
            and rate_hz < 0.5 * self._rate_hz
        ):
            return State.SLOW
        return State.OK

    def _all_refused(self) -> bool:
        return len(self._fates) == VERDICT_MESSAGES and None not in self._fates

    def _rate(self) -> float | None:
        if len(self._arrivals) < 2:
            return None
        span_ns = self._arrivals[-1] - self._arrivals[0]
        return (len(self._arrivals) - 1) / seconds(span_ns) if span_ns > 0 else None

    def _delay(self) -> float | None:
        if not self._delays:
            return None
        delays = sorted(self._delays)
        middle = len(delays) // 2
        median = delays[middle] if len(delays) % 2 else (delays[middle - 1] + delays[middle]) / 2
        return seconds(int(median))


def _state_of(reason: Reason | None) -> State:
    """What it means when the last messages were all refused, the latest for `reason`."""
    if reason is Reason.LATE:
        return State.DELAYED
    if reason is Reason.FRAME:
        return State.NO_TRANSFORM
    if reason is Reason.STUCK:
        return State.STUCK
    return State.CLOCK if reason in CLOCK_REASONS else State.GARBAGE
