"""The figures of a run and the verdict on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from prediction_node.domain.errors import PredictionNodeError
from prediction_node.domain.kinds import CLASS_NAMES
from prediction_node.domain.stamps import STEP_NS
from prediction_node.simulation.faults.grammar import KILL
from prediction_node.simulation.verdict.cycles import Cycles, cycles_of
from prediction_node.simulation.verdict.diagnosis import FaultSeen, degraded
from prediction_node.simulation.verdict.watch import Watch

PASS, FAIL = 'pass', 'fail'


def report(
    watch: Watch, period_ms: Mapping[str, float], *, real_time: bool = True
) -> dict[str, Any]:
    """Figures and verdict, ready for JSON. `period_ms` holds the period of each source.

    Where the clock waits for the node (`real_time` false) nothing is late: the response is what
    the machine took, shown and not judged.
    """
    expected = round(watch.time.duration_s * 1e9) // STEP_NS
    try:
        cycles = cycles_of(watch.heard, watch.answers, watch.time.start_ns, expected)
    except PredictionNodeError as error:
        return _nothing(watch, expected, str(error))
    p = watch.parameters
    late = cycles.late(p.max_response_ms if real_time else np.inf)
    silent, lost = cycles.silent, cycles.lost
    old = _old(watch, cycles)
    missed = late | silent | lost | old
    stamps = [None if a is None else a.stamp_ns for a in cycles.answer]
    not_nominal = np.array([bool(d) for d in degraded(watch.modes, stamps)])
    outage, disturbed = _windows(watch, cycles)
    response = cycles.response_ms
    p50, p99, p999 = (round(float(v), 2) for v in np.percentile(response, [50, 99, 99.9]))
    received = np.array([h.received_ns for h in cycles.heard if h is not None], np.int64)
    gaps_ms = np.diff(received) / 1e6
    ways_ms = _received_ms(cycles)
    seen = watch.faults.seen()
    figures: dict[str, Any] = {
        'cycles': expected,
        'misses': int(missed.sum()),
        'degraded_cycles': int(not_nominal.sum()),
        'p50_ms': p50,
        'p99_ms': p99,
        'p999_ms': p999,
        'max_gap_ms': round(float(gaps_ms.max(initial=0.0)), 1),
        'min_ade_5s': _rounded(watch.accuracy.min_ade_m(5)),
        'ego_collisions': len(watch.safety.collisions),
        'hard_brakes': watch.safety.ego_hard_brakes + watch.safety.others_hard_brakes,
        'faults': [_fault(each) for each in seen],
        'verdict': PASS,
        'reasons': [],
        # What else is worth knowing.
        'late': int(late.sum()),
        'silent': int(silent.sum()),
        'lost': int(lost.sum()),
        'over_age': int(old.sum()),
        'received_p99_ms': round(float(np.percentile(ways_ms, 99)), 2) if len(ways_ms) else None,
        'age_p50_ms': _percentile(watch.ages_ms, 50),
        'age_p99_ms': _percentile(watch.ages_ms, 99),
        'jitter_p99_ms': _percentile(np.abs(gaps_ms - STEP_NS / 1e6), 99),
        'not_finite': watch.not_finite,
        'weights_off': watch.not_normalised,
        'unreadable': watch.unreadable,
        'road_users_p50': int(np.median([h.count for h in cycles.heard if h is not None] or [0])),
        'min_ade_8s': _rounded(watch.accuracy.min_ade_m(8)),
        'min_ade_5s_moving': _rounded(watch.accuracy.min_ade_m(5, moving=True)),
        'min_ade_5s_samples': watch.accuracy.samples(5),
        'collisions': [
            {
                'at_s': round((each.stamp_ns - watch.time.start_stamp_ns) / 1e9, 1),
                'class': CLASS_NAMES[each.label],
                'ahead_m': round(each.ahead_m, 1),
                'left_m': round(each.left_m, 1),
                'ego_mps': round(each.ego_mps, 1),
                'other_mps': round(each.other_mps, 1),
            }
            for each in watch.safety.collisions
        ],
        'ego_hard_brakes': watch.safety.ego_hard_brakes,
        'others_hard_brakes': watch.safety.others_hard_brakes,
        'caused_hard_brakes': watch.safety.ego_hard_brakes + watch.safety.followers_hard_brakes,
        'ego_distance_m': round(watch.safety.ego_distance_m, 1),
    }
    figures['reasons'] = [
        *_of_cycles(watch, figures, missed & ~outage, not_nominal & ~disturbed),
        *(_of_times(watch, figures, gaps_ms, received) if real_time else ()),
        *_of_content(watch, figures),
        *(reason for each in seen for reason in _of_fault(watch, each, period_ms)),
    ]
    if figures['reasons']:
        figures['verdict'] = FAIL
    return figures


def _nothing(watch: Watch, expected: int, reason: str) -> dict[str, Any]:
    """The report on a node that was never heard."""
    return {
        'cycles': expected,
        'misses': expected,
        'degraded_cycles': 0,
        'p50_ms': None,
        'p99_ms': None,
        'p999_ms': None,
        'max_gap_ms': None,
        'min_ade_5s': {},
        'ego_collisions': len(watch.safety.collisions),
        'hard_brakes': watch.safety.ego_hard_brakes + watch.safety.others_hard_brakes,
        'faults': [_fault(each) for each in watch.faults.seen()],
        'verdict': FAIL,
        'reasons': [reason],
    }


def _old(watch: Watch, cycles: Cycles) -> np.ndarray:
    """(C,) predictions that came with too old a stamp."""
    bound = watch.parameters.max_age_ms
    return np.array(
        [
            h is not None and watch.time.age_ms(h.received_ns, h.stamp_ns) > bound
            for h in cycles.heard
        ]
    )


def _received_ms(cycles: Cycles) -> np.ndarray:
    """Scheduled release to reception, of what arrived."""
    return np.array(
        [
            (h.received_ns - int(due)) / 1e6
            for h, due in zip(cycles.heard, cycles.released_ns, strict=True)
            if h is not None
        ]
    )


def _windows(watch: Watch, cycles: Cycles) -> tuple[np.ndarray, np.ndarray]:
    """(C,) cycles during which the node was meant to be dead, and such with any fault on, each
    until it must be well again.
    """
    at_s = (cycles.released_ns - watch.time.start_ns) / 1e9
    p = watch.parameters
    outage = np.zeros(len(cycles), bool)
    disturbed = np.zeros(len(cycles), bool)
    for each in watch.faults.seen():
        fault, kills = each.fault, each.fault.kind == KILL
        after_s = (p.restart_ms if kills else p.recover_ms) / 1e3
        # The cycle that runs when the fault begins is touched by it too.
        inside = (at_s >= fault.start_s - 0.1) & (at_s < fault.end_s + after_s)
        disturbed |= inside
        if kills:
            back_s = fault.end_s + min(after_s, (each.recovered_ms or np.inf) / 1e3)
            outage |= inside & (at_s < back_s)
    return outage, disturbed


def _of_cycles(
    watch: Watch,
    figures: Mapping[str, Any],
    missed: np.ndarray,
    degraded_cycles: np.ndarray,
) -> list[str]:
    p = watch.parameters
    reasons = []
    count = int(missed.sum())
    if count > p.max_misses:
        first_s = 0.1 * int(np.flatnonzero(missed)[0])
        kinds = ', '.join(
            f'{figures[name]} {name.replace("_", " ")}'
            for name in ('late', 'silent', 'lost', 'over_age')
            if figures[name]
        )
        reasons.append(
            f'{count} misses (at most {p.max_misses} allowed): {kinds}; '
            f'the first at {first_s:.1f} s'
        )
    outside = int(degraded_cycles.sum())
    if outside > p.max_degraded_outside:
        reasons.append(f'{outside} degraded cycles while no fault was on')
    return reasons


def _of_times(
    watch: Watch, figures: Mapping[str, Any], gaps_ms: np.ndarray, received_ns: np.ndarray
) -> list[str]:
    p = watch.parameters
    reasons = []
    if figures['p99_ms'] > p.max_p99_ms:
        reasons.append(f'p99 of the response is {figures["p99_ms"]} ms (bound {p.max_p99_ms:g})')
    dead = [each.fault for each in watch.faults.seen() if each.fault.kind == KILL]
    middle_s = (received_ns[:-1] - watch.time.start_ns) / 1e9
    announced = np.zeros(len(gaps_ms), bool)
    for fault in dead:
        announced |= (middle_s >= fault.start_s - 0.2) & (middle_s <= fault.end_s)
    longest = float(gaps_ms[~announced].max(initial=0.0))
    if longest > p.max_gap_ms:
        reasons.append(f'a gap of {longest:.0f} ms between predictions (bound {p.max_gap_ms:g})')
    return reasons


def _of_content(watch: Watch, figures: Mapping[str, Any]) -> list[str]:
    p = watch.parameters
    reasons = []
    for name, words in (
        ('not_finite', 'held a value that is not finite'),
        ('weights_off', 'held weights that do not sum to one'),
        ('unreadable', 'could not be read'),
    ):
        if figures[name]:
            reasons.append(f'{figures[name]} messages of predictions {words}')
    samples = figures['min_ade_5s_samples']
    for name, value in figures['min_ade_5s'].items():
        if samples[name] >= p.min_ade_samples and value > p.max_min_ade_5s_m:
            reasons.append(
                f'minADE over 5 s of class {name} is {value} m (bound {p.max_min_ade_5s_m:g})'
            )
    if figures['ego_collisions'] > p.max_ego_collisions:
        reasons.append(
            f'{figures["ego_collisions"]} collisions of the robotaxi '
            f'(at most {p.max_ego_collisions} allowed): '
            + ', '.join(
                f'{c["class"]} at {c["at_s"]} s, {c["ahead_m"]} m ahead and {c["left_m"]} m to the '
                f'left, at {c["ego_mps"]} and {c["other_mps"]} m/s'
                for c in figures['collisions']
            )
        )
    if figures['ego_hard_brakes'] > p.max_ego_hard_brakes:
        reasons.append(
            f'the robotaxi braked hard {figures["ego_hard_brakes"]} times '
            f'(at most {p.max_ego_hard_brakes} allowed)'
        )
    return reasons


def _of_fault(watch: Watch, seen: FaultSeen, period_ms: Mapping[str, float]) -> list[str]:
    p, fault = watch.parameters, seen.fault
    reasons = []
    if fault.kind in p.must_name:
        bound = p.recover_ms
        if fault.kind in p.in_time:
            period = max((period_ms.get(name, 0.0) for name in fault.members), default=0.0)
            bound = max(p.detect_ms, p.detect_periods * period)
        if seen.detected_ms is None:
            reasons.append(f'fault {fault} was never named')
        elif seen.detected_ms > bound:
            reasons.append(
                f'fault {fault} was named after {seen.detected_ms:.0f} ms (bound {bound:g})'
            )
    bound = p.restart_ms if fault.kind == KILL else p.recover_ms
    if fault.end_s + bound / 1e3 < watch.time.duration_s:
        if seen.recovered_ms is None:
            reasons.append(f'after fault {fault} the node was not well again')
        elif seen.recovered_ms > bound:
            reasons.append(
                f'after fault {fault} the node was well after {seen.recovered_ms:.0f} ms '
                f'(bound {bound:g})'
            )
    return reasons


def _fault(seen: FaultSeen) -> dict[str, Any]:
    return {
        'kind': seen.fault.kind,
        'source': seen.fault.source,
        'detected_ms': None if seen.detected_ms is None else round(seen.detected_ms, 1),
        'recovered_ms': None if seen.recovered_ms is None else round(seen.recovered_ms, 1),
        'named': seen.named,
        'modality_lost': seen.modality_lost,
        'mode': seen.mode,
        'start_s': seen.fault.start_s,
        'end_s': seen.fault.end_s,
    }


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}


def _percentile(values: Any, share: float) -> float | None:
    array = np.asarray(values, float)
    return round(float(np.percentile(array, share)), 2) if len(array) else None
