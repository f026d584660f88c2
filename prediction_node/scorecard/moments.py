"""Raw messages of the last seconds, and those around the worst moments, to be saved as bags."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prediction_node import cdr
from prediction_node.bags.writer import BagWriter
from prediction_node.domain.errors import BagError, MessageError
from prediction_node.domain.stamps import nanoseconds
from prediction_node.scorecard.parameters import ScorecardParameters
from prediction_node.scorecard.scorecard import Miss
from prediction_node.scorecard.tally import HORIZONS_S

_AFTER_NS = nanoseconds(HORIZONS_S[-1] + 0.3)  # a sample of it shall have its whole future
_APART_NS = nanoseconds(4.0)  # nearer misses are one moment
_SLACK_NS = nanoseconds(1.0)  # a moment is taken at the first release after its future
_LATCHED = 64  # messages of one topic that is sent once
_LATCHED_SHARE = 0.5  # of the memory, at most
_RING_SHARE = 0.5  # of the memory that is left; the rest is for moments
_TRANSFORMS = 'tf2_msgs/msg/TFMessage'
# A topic that is sent once and, if many send on it, what the message is about.
_Key = tuple[str, frozenset[tuple[str, str]] | None]


@dataclass(frozen=True, slots=True)
class Channel:
    """Where an input comes from."""

    topic: str
    type: str
    latched: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """One message as it came."""

    arrival_ns: int
    name: str
    data: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A bad miss with the messages around it."""

    miss: Miss
    messages: tuple[Kept, ...]

    @property
    def size(self) -> int:
        """Bytes of the messages."""
        return sum(len(each.data) for each in self.messages)


class Moments:
    """Hears every message and every miss. Bounded in bytes. Of what is sent once the newest is
    kept, however long ago it came.
    """

    def __init__(self, parameters: ScorecardParameters, channels: Mapping[str, Channel]) -> None:
        self._parameters, self._channels = parameters, channels
        self._lead_ns = nanoseconds(parameters.lead_s)
        self._most = round(parameters.memory_mb * 1e6)
        self._ring: deque[Kept] = deque()
        self._ring_size = 0
        self._latched: dict[_Key, Kept] = {}  # in the order of their arrival
        self._latched_size = 0
        self._expected: list[Miss] = []  # their future is not over yet
        self._moments: list[Moment] = []  # the worst first

    @property
    def worst(self) -> tuple[Miss, ...]:
        """Of the moments that are kept, the worst first."""
        return tuple(moment.miss for moment in self._moments)

    @property
    def size(self) -> int:
        """Bytes of all messages kept; those in two moments count twice."""
        moments = sum(moment.size for moment in self._moments)
        return self._latched_size + self._ring_size + moments

    def hear(self, name: str, data: bytes, arrival_ns: int) -> None:
        """A message of an input, whatever it holds."""
        channel = self._channels.get(name)
        if channel is None or not self._parameters.moments:
            return
        kept = Kept(arrival_ns, name, bytes(data))
        if channel.latched:
            self._replace(_key(channel, kept), kept)
            return
        self._ring.append(kept)
        self._ring_size += len(kept.data)
        self._fit_ring()
        oldest_ns = arrival_ns - self._lead_ns - _AFTER_NS - _SLACK_NS
        while self._ring and not oldest_ns <= self._ring[0].arrival_ns <= arrival_ns:
            self._forget_oldest()

    def _replace(self, key: _Key, kept: Kept) -> None:
        """The newest of each key counts. What is too much goes at the cost of its own topic: a
        topic with ever new content shall not push out the map.
        """
        self._drop_latched(key)
        self._latched[key] = kept
        self._latched_size += len(kept.data)
        own = [each for each in self._latched if each[0] == key[0]]
        while own and (len(own) > _LATCHED or self._latched_size > _LATCHED_SHARE * self._most):
            self._drop_latched(own.pop(0))
        self._fit_ring()
        self._fit_moments()

    def _drop_latched(self, key: _Key) -> None:
        kept = self._latched.pop(key, None)
        if kept is not None:
            self._latched_size -= len(kept.data)

    def _fit_ring(self) -> None:
        most = _RING_SHARE * (self._most - self._latched_size)
        while self._ring and self._ring_size > most:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        self._ring_size -= len(self._ring.popleft().data)

    def _fit_moments(self) -> None:
        while self._moments and self.size > self._most:
            self._moments.pop()

    def note(self, misses: Iterable[Miss], now_ns: int) -> None:
        """Misses of a release at `now_ns`: those worse than what is kept become moments, once
        their future is over.
        """
        if not self._parameters.moments:
            return
        for miss in misses:
            if self._bad_enough(miss):
                self._expect(miss)
        over = [m for m in self._expected if now_ns >= m.release_ns + _AFTER_NS]
        self._expected = [m for m in self._expected if now_ns < m.release_ns + _AFTER_NS]
        for miss in over:
            self._keep(miss)

    def restart(self) -> None:
        """Time jumped: moments under way will have no future."""
        self._expected.clear()
        self._ring.clear()
        self._ring_size = 0

    def _bad_enough(self, miss: Miss) -> bool:
        near = [m for m in self.worst if abs(m.release_ns - miss.release_ns) < _APART_NS]
        if near:
            return miss.severity_mps > max(each.severity_mps for each in near)
        full = len(self._moments) >= self._parameters.moments
        return not full or miss.severity_mps > self._moments[-1].miss.severity_mps

    def _expect(self, miss: Miss) -> None:
        near = [m for m in self._expected if abs(m.release_ns - miss.release_ns) < _APART_NS]
        if any(each.severity_mps >= miss.severity_mps for each in near):
            return
        self._expected = [m for m in self._expected if m not in near]
        self._expected.append(miss)
        self._expected.sort(key=lambda m: -m.severity_mps)
        del self._expected[self._parameters.moments :]

    def _keep(self, miss: Miss) -> None:
        if not self._bad_enough(miss):
            return
        first_ns, last_ns = miss.release_ns - self._lead_ns, miss.release_ns + _AFTER_NS
        messages = tuple(k for k in self._ring if first_ns <= k.arrival_ns <= last_ns)
        if not messages:
            return
        self._moments = [
            each
            for each in self._moments
            if abs(each.miss.release_ns - miss.release_ns) >= _APART_NS
        ]
        self._moments.append(Moment(miss, messages))
        self._moments.sort(key=lambda moment: -moment.miss.severity_mps)
        del self._moments[self._parameters.moments :]
        self._fit_moments()

    def take(self) -> Saving:
        """All moments, to be saved elsewhere: this object goes on without them."""
        moments, self._moments = tuple(self._moments), []
        return Saving(moments, tuple(self._latched.values()), dict(self._channels))


@dataclass(frozen=True, slots=True, eq=False)
class Saving:
    """Moments on their way to a folder; needs nothing of the running node."""

    moments: tuple[Moment, ...]
    latched: tuple[Kept, ...]
    channels: dict[str, Channel]

    def write(self, folder: Path, map_path: Path | None, clock_offset_ns: int) -> list[Path]:
        """One bag per moment: `folder/moment_<stamp>_<n>`, with `map.osm` in it if the map was
        read from such a file. Log times are arrivals plus `clock_offset_ns`.

        Raises BagError. The folders of what was written before remain.
        """
        written = []
        for moment in self.moments:
            path = _new_folder(folder, f'moment_{moment.miss.stamp_ns}')
            self._write_one(moment, path, clock_offset_ns)
            if map_path is not None and map_path.suffix == '.osm':
                try:
                    shutil.copyfile(map_path, path / 'map.osm')
                except OSError as error:
                    raise BagError(f'{path / "map.osm"}: {error.strerror}') from error
            written.append(path)
        return written

    def _write_one(self, moment: Moment, path: Path, clock_offset_ns: int) -> None:
        first_ns = moment.messages[0].arrival_ns
        with BagWriter(path) as bag:
            for channel in self.channels.values():
                bag.add_topic(channel.topic, channel.type, latched=channel.latched)
            for kept in self.latched:
                topic = self.channels[kept.name].topic
                bag.write(topic, first_ns + clock_offset_ns, kept.data)
            for kept in moment.messages:
                topic = self.channels[kept.name].topic
                bag.write(topic, kept.arrival_ns + clock_offset_ns, kept.data)


def _key(channel: Channel, kept: Kept) -> _Key:
    """Who sends mounts again, with a new stamp, replaces his own and not those of others."""
    if channel.type != _TRANSFORMS:
        return kept.name, None
    try:
        arrays = cdr.read_transforms(kept.data)
    except MessageError:
        return kept.name, None
    return kept.name, frozenset(zip(arrays.frame_id, arrays.child_frame_id, strict=True))


def _new_folder(folder: Path, name: str) -> Path:
    """A folder that is not there yet."""
    path, number = folder / name, 1
    while path.exists():
        number += 1
        path = folder / f'{name}_{number}'
    return path
