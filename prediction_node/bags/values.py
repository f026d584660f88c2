"""What a recording holds, and what it lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from rosbags.interfaces import Qos

from prediction_node.domain.stamps import seconds


class Message(NamedTuple):
    """One recorded message. `log_ns` is when it was recorded."""

    log_ns: int
    topic: str
    type: str
    data: bytes


@dataclass(frozen=True)
class Topic:
    """One topic of a recording.

    `type_hash` and `definition` are the recording's own, '' if it has none.
    `foreign`: its messages are laid out otherwise than this package reads that type.
    """

    name: str
    type: str
    count: int
    qos: tuple[Qos, ...] = ()
    type_hash: str = ''
    definition: str = ''
    foreign: bool = False


@dataclass(frozen=True)
class Damage:
    """One flaw of a recording, and the span of time it cost: None where it cannot be known.

    `lost_from_ns` equal to `lost_until_ns` says that nothing was lost.
    """

    file: str
    reason: str
    lost_from_ns: int | None = None
    lost_until_ns: int | None = None

    def describe(self, start_ns: int | None) -> str:
        """One sentence, with times in seconds after `start_ns`, the recording's start."""
        return f'{self.file}: {self.reason}{self._span(start_ns)}'

    def _span(self, start_ns: int | None) -> str:
        if self.lost_from_ns is not None and self.lost_from_ns == self.lost_until_ns:
            return '; no message was lost'
        if start_ns is None or self.lost_from_ns is None:
            return '; what was lost cannot be told'
        first = f'{seconds(self.lost_from_ns - start_ns):.3f} s'
        if self.lost_until_ns is None:
            return f'; lost from {first} after the start to an unknown end'
        last = f'{seconds(self.lost_until_ns - start_ns):.3f} s'
        return f'; lost from {first} to {last} after the start'
