"""KIND:SOURCE:START:END, the words in which faults are asked for."""

from __future__ import annotations

import difflib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prediction_node.domain.errors import ParameterError
from prediction_node.domain.kinds import MODALITY_NAMES

# What happens to the messages of a source while the fault lasts.
MESSAGE_KINDS: Mapping[str, str] = {
    'off': 'nothing comes',
    'stuck': 'the last content comes again and again, under new stamps',
    'garbage': 'the bytes behind the header are random',
    'wrong': 'the content looks right and is not: objects are turned about the sensor and shifted',
    'slow': 'only every few messages come',
    'delayed': 'messages come late, with their true stamps',
    'intermittent': 'the source is off and on in turns',
    'clock_jump': 'stamps are off by a constant',
    'burst': 'every message comes many times over',
}
KILL = 'kill'
KINDS = (*MESSAGE_KINDS, KILL)
NODE, ALL = 'node', 'all'
OTHERS = ('odometry', 'tf', 'signals')
# Faults of content that need a sensor's message.
_OF_SENSORS = ('stuck', 'wrong')


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault from `start_s` to `end_s` after the start of the run."""

    kind: str
    source: str  # as asked for: a sensor, a modality, all, odometry, tf, signals, or node
    members: tuple[str, ...]  # the sensors or others it stands for; empty for the node itself
    start_s: float
    end_s: float

    def active(self, at_s: float) -> bool:
        return self.start_s <= at_s < self.end_s

    def __str__(self) -> str:
        return f'{self.kind}:{self.source}:{self.start_s:g}:{self.end_s:g}'


def parse_fault(text: str, sensors: Mapping[str, str], duration_s: float) -> Fault:
    """A fault from KIND:SOURCE:START:END; `sensors` maps names to modalities.

    `all` stands for every sensor; for a clock jump for all that is said, odometry included. Raises
    ParameterError saying which part is wrong and what it may be.
    """
    parts = text.split(':')
    if len(parts) != 4:
        raise ParameterError(
            f'fault {text!r} must have the form KIND:SOURCE:START:END, '
            'for example off:lidar_front_left:20:40'
        )
    kind, source, *times = parts
    if kind not in KINDS:
        raise ParameterError(
            f'fault {text!r}: kind must be one of {", ".join(KINDS)}, got {kind!r}'
        )
    start_s, end_s = (_seconds(text, *each) for each in zip(('START', 'END'), times, strict=True))
    if not 0.0 <= start_s < end_s:
        raise ParameterError(f'fault {text!r}: START must lie before END and not below 0')
    if start_s >= duration_s:
        raise ParameterError(
            f'fault {text!r}: START must lie below the duration of {duration_s:g} s'
        )
    return Fault(kind, source, _members(text, kind, source, sensors), start_s, end_s)


def parse_faults(
    texts: Sequence[str], sensors: Mapping[str, str], duration_s: float
) -> tuple[Fault, ...]:
    """All of them. Raises ParameterError, also for the node killed twice at a time."""
    faults = tuple(parse_fault(text, sensors, duration_s) for text in texts)
    kills = sorted((f for f in faults if f.kind == KILL), key=lambda f: f.start_s)
    for earlier, later in itertools.pairwise(kills):
        if later.start_s <= earlier.end_s:
            raise ParameterError(f'faults {earlier} and {later} must not overlap')
    return faults


def _seconds(text: str, name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ParameterError(f'fault {text!r}: {name} must be a number of seconds, got {value!r}')
    return number


def _members(text: str, kind: str, source: str, sensors: Mapping[str, str]) -> tuple[str, ...]:
    if (kind == KILL) != (source == NODE):
        if kind == KILL:
            raise ParameterError(
                f'fault {text!r}: only the node can be killed; write kill:node:START:END'
            )
        raise ParameterError(f'fault {text!r}: the node can only be killed, got {kind!r}')
    if kind == KILL:
        return ()
    if source == ALL:
        return (*sensors, *OTHERS) if kind == 'clock_jump' else tuple(sensors)
    if source in sensors:
        return (source,)
    if source in MODALITY_NAMES:
        found = tuple(name for name, modality in sensors.items() if modality == source)
        if found:
            return found
        raise ParameterError(f'fault {text!r}: the vehicle has no {source} sensor')
    if source in OTHERS:
        if kind in _OF_SENSORS:
            raise ParameterError(
                f'fault {text!r}: {kind} is a fault of sensors, and {source} is none'
            )
        return (source,)
    known = [*sensors, *MODALITY_NAMES, ALL, *OTHERS]
    close = difflib.get_close_matches(source, known, n=1)
    hint = f'; did you mean {close[0]!r}?' if close else ''
    raise ParameterError(
        f'fault {text!r}: source must be a sensor ({", ".join(sensors)}), a modality '
        f'({", ".join(MODALITY_NAMES)}), {ALL}, {", ".join(OTHERS)}, or node for kill, '
        f'got {source!r}{hint}'
    )
