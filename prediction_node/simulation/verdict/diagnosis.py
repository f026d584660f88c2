"""What diagnostics say, and when they named and cleared each fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prediction_node.domain.kinds import MODALITY_NAMES
from prediction_node.domain.stamps import NS_PER_S, seconds
from prediction_node.simulation.faults.grammar import KILL, Fault

NOMINAL = 'nominal'
# What the node calls the inputs that faults know by another name.
_INPUTS = {'signals': 'traffic_lights'}
_SILENCE_NS = 200_000_000  # one period and the longest response: the receiver knows


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One message of diagnostics."""

    received_ns: int
    stamp_ns: int  # of the predictions it is about; 0 where it does not say
    mode: str  # nominal, degraded or lost
    reasons: str  # why it is not nominal
    faulty: dict[str, str]  # inputs that are not well -> what they are said to be


@dataclass(frozen=True, slots=True)
class FaultSeen:
    """One fault as the receiving side saw it."""

    fault: Fault
    detected_ms: float | None  # start of the fault to the diagnostics that name all of it
    recovered_ms: float | None  # end of the fault to the diagnostics that name none of it
    named: str  # what the sources were said to be
    modality_lost: str  # the modality named as lost, empty if none was
    mode: str  # the worst mode while it lasted


_ORDER = (NOMINAL, 'degraded', 'lost')


class _Watch:
    def __init__(self, fault: Fault, start_ns: int) -> None:
        self.fault = fault
        self.inputs = [_INPUTS.get(name, name) for name in fault.members]
        self.begin_ns = start_ns + round(fault.start_s * NS_PER_S)
        self.end_ns = start_ns + round(fault.end_s * NS_PER_S)
        self.detected_ns: int | None = None
        self.recovered_ns: int | None = None
        self.named = ''
        self.lost = ''
        self.worst = NOMINAL


class FaultWatch:
    """Follows diagnostics and predictions; `start_ns` is the run's zero on the receiving clock."""

    def __init__(self, faults: Sequence[Fault], start_ns: int) -> None:
        self._watches = [_Watch(fault, start_ns) for fault in faults]
        self._last_heard_ns = 0

    def on_diagnosis(self, diagnosis: Diagnosis) -> None:
        at_ns = diagnosis.received_ns
        for watch in self._watches:
            if watch.fault.kind == KILL or at_ns < watch.begin_ns:
                continue
            faulty = [name for name in watch.inputs if name in diagnosis.faulty]
            if at_ns < watch.end_ns:
                if _ORDER.index(diagnosis.mode) > _ORDER.index(watch.worst):
                    watch.worst = diagnosis.mode
                if watch.fault.source in MODALITY_NAMES and not watch.lost:
                    word = f'{watch.fault.source} lost'
                    watch.lost = watch.fault.source if word in diagnosis.reasons else ''
                if watch.detected_ns is None and len(faulty) == len(watch.inputs):
                    watch.detected_ns = at_ns
                    said = sorted({diagnosis.faulty[name] for name in faulty})
                    watch.named = ', '.join(said)
            elif watch.recovered_ns is None and not faulty and diagnosis.mode == NOMINAL:
                watch.recovered_ns = at_ns

    def on_predictions(self, received_ns: int, count: int) -> None:
        """A message of predictions of `count` road users: the node lives."""
        for watch in self._watches:
            if watch.fault.kind != KILL:
                continue
            since_ns = max(self._last_heard_ns, watch.begin_ns - _SILENCE_NS)
            silent = received_ns - since_ns > _SILENCE_NS
            if watch.detected_ns is None and received_ns > watch.begin_ns and silent:
                watch.detected_ns = max(since_ns + _SILENCE_NS, watch.begin_ns)
                watch.named, watch.worst = 'silent', 'lost'
            if watch.recovered_ns is None and received_ns >= watch.end_ns and count:
                watch.recovered_ns = received_ns
        self._last_heard_ns = received_ns

    def seen(self) -> list[FaultSeen]:
        """All faults, in the order asked for."""
        return [
            FaultSeen(
                w.fault,
                None if w.detected_ns is None else seconds(w.detected_ns - w.begin_ns) * 1e3,
                None if w.recovered_ns is None else seconds(w.recovered_ns - w.end_ns) * 1e3,
                w.named,
                w.lost,
                w.worst,
            )
            for w in self._watches
        ]


def degraded(
    diagnoses: Sequence[tuple[int, str]], stamps_ns: Sequence[int | None]
) -> list[bool | None]:
    """Whether each cycle, by the stamp of its predictions, was not nominal; None without a stamp.

    `diagnoses` are (stamp, mode) in order of arrival. The node tells every change of its mode in
    the cycle it happens in, so a mode holds until the next one that is told.
    """
    out: list[bool | None] = []
    k, mode = 0, NOMINAL
    for stamp_ns in stamps_ns:
        if stamp_ns is None:
            out.append(None)
            continue
        while k < len(diagnoses) and diagnoses[k][0] <= stamp_ns:
            mode = diagnoses[k][1]
            k += 1
        out.append(mode != NOMINAL)
    return out
