"""Spoils messages on their way from the simulated vehicle to the node."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prediction_node.domain.frames import rotation_2d
from prediction_node.domain.stamps import NS_PER_S, nanoseconds
from prediction_node.simulation.faults.grammar import Fault
from prediction_node.simulation.faults.parameters import FaultParameters

# Encapsulation and stamp: garbage begins behind them.
_HEAD_BYTES = 12


@dataclass(frozen=True, slots=True)
class Codec:
    """How the messages of a topic are read and written."""

    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes]


class Injector:
    """Hands every message on as the faults have it: not at all, once, changed, late or often.

    `sources` maps topics to the names that faults go by (tf has two topics), `codecs` topics to
    readers and writers. The same messages and seed give the same result.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        sources: Mapping[str, str],
        codecs: Mapping[str, Codec],
        parameters: FaultParameters,
        start_ns: int,
        seed: int,
    ) -> None:
        self._faults = [fault for fault in faults if fault.members]
        self._touched = {name for fault in self._faults for name in fault.members}
        self._sources, self._codecs = sources, codecs
        self._parameters = parameters
        self._start_ns, self._seed = start_ns, seed
        self._last: dict[str, bytes] = {}  # of each source, the last one before it got stuck
        self._count: dict[str, int] = {}  # messages of slow sources
        self._acting: dict[str, Callable[[Fault, str, int, bytes], list[tuple[int, bytes]]]] = {
            'off': lambda fault, topic, at_ns, data: [],
            'stuck': self._stuck,
            'garbage': self._garbage,
            'wrong': self._wrong,
            'slow': self._slow,
            'delayed': self._delayed,
            'intermittent': self._intermittent,
            'clock_jump': self._clock_jump,
            'burst': self._burst,
        }

    def apply(self, arrival_ns: int, topic: str, data: bytes) -> list[tuple[int, bytes]]:
        """(arrival, bytes) of what comes instead of a message; later ones may overtake others."""
        source = self._sources.get(topic)
        if source not in self._touched:
            return [(arrival_ns, data)]
        at_s = (arrival_ns - self._start_ns) / NS_PER_S
        spoiled = [(arrival_ns, data)]
        stuck = False
        for fault in self._faults:
            if source in fault.members and fault.active(at_s):
                stuck |= fault.kind == 'stuck'
                act = self._acting[fault.kind]
                spoiled = [new for at, old in spoiled for new in act(fault, topic, at, old)]
        if not stuck:
            self._last[topic] = data
        return spoiled

    def _stuck(self, fault: Fault, topic: str, at_ns: int, data: bytes) -> list[tuple[int, bytes]]:
        codec = self._codecs[topic]
        frozen = self._last.setdefault(topic, data)
        return [(at_ns, codec.write(_stamped(codec.read(frozen), codec.read(data).stamp_ns)))]

    def _garbage(
        self, fault: Fault, topic: str, at_ns: int, data: bytes
    ) -> list[tuple[int, bytes]]:
        rng = self._random(fault, topic, at_ns)
        return [(at_ns, data[:_HEAD_BYTES] + rng.bytes(max(len(data) - _HEAD_BYTES, 64)))]

    def _wrong(self, fault: Fault, topic: str, at_ns: int, data: bytes) -> list[tuple[int, bytes]]:
        codec = self._codecs[topic]
        arrays = codec.read(data)
        position = np.array(arrays.position, dtype=np.float64)
        turn = rotation_2d(np.deg2rad(self._parameters.turn_deg))
        position[..., :2] = position[..., :2] @ turn.T
        position[..., 0] += self._parameters.shift_m
        return [(at_ns, codec.write(dataclasses.replace(arrays, position=position)))]

    def _slow(self, fault: Fault, topic: str, at_ns: int, data: bytes) -> list[tuple[int, bytes]]:
        count = self._count[topic] = self._count.get(topic, -1) + 1
        # The first to be left out is the first of the fault.
        passes = count % self._parameters.slow_factor == self._parameters.slow_factor - 1
        return [(at_ns, data)] if passes else []

    def _delayed(
        self, fault: Fault, topic: str, at_ns: int, data: bytes
    ) -> list[tuple[int, bytes]]:
        return [(at_ns + nanoseconds(self._parameters.delay_s), data)]

    def _intermittent(
        self, fault: Fault, topic: str, at_ns: int, data: bytes
    ) -> list[tuple[int, bytes]]:
        into_s = (at_ns - self._start_ns) / NS_PER_S - fault.start_s
        round_s = self._parameters.off_s + self._parameters.on_s
        return [(at_ns, data)] if into_s % round_s >= self._parameters.off_s else []

    def _clock_jump(
        self, fault: Fault, topic: str, at_ns: int, data: bytes
    ) -> list[tuple[int, bytes]]:
        codec = self._codecs[topic]
        arrays = codec.read(data)
        jump_ns = nanoseconds(self._parameters.jump_s)
        return [(at_ns, codec.write(_stamped(arrays, arrays.stamp_ns + jump_ns)))]

    def _burst(self, fault: Fault, topic: str, at_ns: int, data: bytes) -> list[tuple[int, bytes]]:
        return [(at_ns, data)] * self._parameters.burst_factor

    def _random(self, fault: Fault, topic: str, at_ns: int) -> np.random.Generator:
        key = f'{self._seed}/{fault}/{topic}/{at_ns - self._start_ns}'.encode()
        digest = hashlib.blake2b(key, digest_size=8).digest()
        return np.random.default_rng(int.from_bytes(digest, 'little'))


def _stamped(arrays: Any, stamp_ns: Any) -> Any:
    """The same message under another stamp, its parts included."""
    changes: dict[str, Any] = {'stamp_ns': stamp_ns}
    if hasattr(arrays, 'detection_stamp_ns'):
        changes['detection_stamp_ns'] = np.full(len(arrays.detection_stamp_ns), stamp_ns, np.int64)
    return dataclasses.replace(arrays, **changes)
