"""Responses by the cycles of the clock, so that silence counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.errors import PredictionNodeError
from prediction_node.domain.stamps import STEP_NS

_NEW_START_NS = 1_000_000_000
_EARLY = 0.3  # of a period: how far before the phase a message still belongs to its cycle


@dataclass(frozen=True, slots=True)
class Heard:
    """One message of predictions."""

    received_ns: int  # on the steady clock that the node's releases are on
    stamp_ns: int
    count: int  # road users in it


@dataclass(frozen=True, slots=True)
class Answer:
    """One response as the node reports it."""

    received_ns: int
    stamp_ns: int  # of the predictions it is about
    response_ms: float  # scheduled release to published


@dataclass(frozen=True, slots=True, eq=False)
class Cycles:
    """C cycles of the clock that were to be, and what came of each."""

    answer: tuple[Answer | None, ...]  # C; None where nothing came
    heard: tuple[Heard | None, ...]  # C; None where the predictions did not arrive
    released_ns: np.ndarray  # (C,) when each was due

    def __len__(self) -> int:
        return len(self.answer)

    @property
    def response_ms(self) -> np.ndarray:
        """Of the cycles that were answered."""
        return np.array([a.response_ms for a in self.answer if a is not None])

    def late(self, max_response_ms: float) -> np.ndarray:
        """(C,) answered, but too late."""
        return np.array([a is not None and a.response_ms > max_response_ms for a in self.answer])

    @property
    def silent(self) -> np.ndarray:
        """(C,) without an answer."""
        return np.array([a is None for a in self.answer])

    @property
    def lost(self) -> np.ndarray:
        """(C,) answered, but the predictions did not reach the listener."""
        pairs = zip(self.answer, self.heard, strict=True)
        return np.array([a is not None and h is None for a, h in pairs])


def cycles_of(
    heard: Sequence[Heard], answers: Sequence[Answer], first_ns: int, count: int
) -> Cycles:
    """The `count` cycles of the clock that are due from `first_ns` on.

    Raises PredictionNodeError if none of them was answered.
    """
    number, phase_ns = _numbers(answers)
    if not len(number):
        raise PredictionNodeError('the node answered in none of the cycles')
    begin = int(np.ceil((first_ns - phase_ns) / STEP_NS - 1e-6))
    slot: list[Answer | None] = [None] * count
    rows = {}
    for i, n in enumerate(number.tolist()):
        if 0 <= n - begin < count:
            slot[n - begin] = answers[i]
            rows[n - begin] = i
    if not rows:
        raise PredictionNodeError(f'the node answered in none of {count} cycles')
    # Each response takes the earliest message of its stamp that no other has taken.
    arrived: dict[int, list[Heard]] = {}
    for message in heard:
        arrived.setdefault(message.stamp_ns, []).append(message)
    taken = [arrived[a.stamp_ns].pop(0) if arrived.get(a.stamp_ns) else None for a in answers]
    return Cycles(
        answer=tuple(slot),
        heard=tuple(taken[rows[c]] if c in rows else None for c in range(count)),
        released_ns=phase_ns + (begin + np.arange(count)) * STEP_NS,
    )


def _numbers(answers: Sequence[Answer]) -> tuple[np.ndarray, int]:
    """The cycle of the clock each response belongs to, and when cycle 0 was due.

    A node that was started anew releases at another phase: what follows a long silence is numbered
    for itself, in whole cycles from the first.
    """
    if not answers:
        return np.zeros(0, np.int64), 0
    released_ns = np.array([a.received_ns - round(a.response_ms * 1e6) for a in answers], np.int64)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(released_ns) > _NEW_START_NS) + 1])
    parts = np.split(released_ns, starts[1:])
    numbers, first_ns = [], 0
    for k, part in enumerate(parts):
        number, zero_ns = clock_cycles(part)
        if k == 0:
            first_ns = zero_ns
        numbers.append(number + round((zero_ns - first_ns) / STEP_NS))
    return np.concatenate(numbers), first_ns


def clock_cycles(released_ns: np.ndarray) -> tuple[np.ndarray, int]:
    """(n,) cycles of the clock from instants that are scheduled releases plus the way to the
    listener, and when cycle 0 was due.

    Releases are 100 ms apart and the way is mostly short, so what is left over of 100 ms clusters;
    its circular mean is the phase. A message held up for a cycle or more is set right by the next
    one, as no cycle answers twice.
    """
    origin_ns = int(released_ns[0])
    after_ns = released_ns - origin_ns
    phase = np.angle(np.exp(2j * np.pi * (after_ns % STEP_NS) / STEP_NS).sum()) / (2 * np.pi)
    cycle = np.floor(after_ns / STEP_NS - phase + _EARLY).astype(np.int64)
    for i in range(len(cycle) - 2, -1, -1):
        cycle[i] = min(cycle[i], cycle[i + 1] - 1)
    return cycle, origin_ns + round(phase * STEP_NS)
