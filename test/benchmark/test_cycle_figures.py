"""The cycle benchmark tells the truth about cycles that were late, silent or lost."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from prediction_node.benchmark.cycle import _cycles_of, _figures
from prediction_node.domain.errors import PredictionNodeError

MS = 1_000_000
START_NS = 5_000_000_000
STAMP_NS = 1_700_000_000_000_000_000
WARM_UP, CYCLES = 10, 100

Objects = list[tuple[int, int, int]]
Responses = list[tuple[int, int, float]]


def drive(
    response_ms: dict[int, float] | None = None, way_ms: float = 2.0, seed: int = 0
) -> tuple[Objects, Responses]:
    """Every cycle answered in 20 ms, those of `response_ms` in that time; up to `way_ms` under
    way.
    """
    rng = np.random.default_rng(seed)
    objects, responses = [], []
    for k in range(WARM_UP + CYCLES + 5):
        took_ms = (response_ms or {}).get(k, 20.0)
        published_ns = START_NS + k * 100 * MS + int(took_ms * MS)
        stamp_ns = STAMP_NS + k * 100 * MS
        received_ns = published_ns + int(rng.uniform(0.0, way_ms) * MS)
        objects.append((received_ns, stamp_ns, 64))
        responses.append((received_ns, stamp_ns, took_ms))
    return objects, responses


def test_nothing_is_missed_when_all_is_well() -> None:
    figures = _figures(*drive(), WARM_UP, CYCLES)
    assert figures['misses'] == figures['late'] == figures['silent'] == figures['lost'] == 0
    assert figures['cycles'] == figures['received'] == CYCLES
    assert figures['p50_ms'] == figures['p99_ms'] == 20.0
    assert figures['max_gap_ms'] == pytest.approx(100.0, abs=2.0)
    assert figures['objects_p50'] == 64


def test_late_responses_are_misses_and_their_cycles_stay_their_own() -> None:
    figures = _figures(*drive({30: 100.5, 40: 170.0, 41: 99.5}), WARM_UP, CYCLES)
    assert (figures['late'], figures['silent'], figures['lost']) == (2, 0, 0)
    assert figures['misses'] == 2
    assert figures['p50_ms'] == 20.0
    assert figures['p999_ms'] > 160.0


def test_skipped_cycles_are_misses() -> None:
    objects, responses = drive()
    kept = [k for k in range(len(responses)) if k not in (60, 61, 62, 63, 80)]
    objects, responses = [objects[k] for k in kept], [responses[k] for k in kept]
    figures = _figures(objects, responses, WARM_UP, CYCLES)
    assert figures['silent'] == figures['misses'] == 5
    assert figures['cycles'] == CYCLES
    assert figures['received'] == CYCLES - 5
    assert figures['max_gap_ms'] == pytest.approx(500.0, abs=2.0)


def test_predictions_that_did_not_arrive_are_misses_once() -> None:
    objects, responses = drive({50: 150.0})
    gone = {responses[k][1] for k in (50, 51, 70)}
    figures = _figures([o for o in objects if o[1] not in gone], responses, WARM_UP, CYCLES)
    assert (figures['late'], figures['silent'], figures['lost']) == (1, 0, 3)
    assert figures['misses'] == 3
    assert figures['received'] == CYCLES - 3


def test_a_node_that_dies_misses_the_rest() -> None:
    objects, responses = drive()
    alive = WARM_UP + 40
    figures = _figures(objects[:alive], responses[:alive], WARM_UP, CYCLES)
    assert figures['silent'] == figures['misses'] == CYCLES - 40


def test_what_is_lost_or_late_in_the_warm_up_does_not_count() -> None:
    objects, responses = drive({3: 250.0})
    del objects[5]
    figures = _figures(objects, responses, WARM_UP, CYCLES)
    assert figures['misses'] == 0
    assert figures['received'] == CYCLES


def test_one_stamp_for_two_cycles_needs_two_messages() -> None:
    objects, responses = drive()
    objects[31] = (objects[31][0], objects[30][1], 64)
    responses[31] = (responses[31][0], responses[30][1], 20.0)
    assert _figures(objects, responses, WARM_UP, CYCLES)['lost'] == 0
    del objects[31]
    assert _figures(objects, responses, WARM_UP, CYCLES)['lost'] == 1


def test_silence_is_an_error() -> None:
    with pytest.raises(PredictionNodeError, match='none of 100 cycles'):
        _figures([], [], WARM_UP, CYCLES)


@pytest.mark.parametrize('seed', range(5))
def test_cycles_are_told_apart_whatever_the_way_and_the_phase(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cycles = np.sort(rng.choice(400, 300, replace=False))
    shift = int(rng.integers(0, 100 * MS))
    responses = []
    for k in cycles:
        took_ms = float(rng.choice([15.0, 60.0, 130.0], p=[0.8, 0.15, 0.05]))
        way_ms = float(rng.exponential(4.0))
        received = START_NS + shift + int(k) * 100 * MS + int((took_ms + way_ms) * MS)
        responses.append((received, 0, took_ms))
    assert _cycles_of(responses) == [int(k - cycles[0]) for k in cycles]


def test_a_response_held_up_on_its_way_keeps_its_cycle() -> None:
    _, responses = drive()
    received, stamp, took = responses[20]
    responses[20] = (received + 150 * MS, stamp, took)
    responses[21] = (received + 152 * MS, *responses[21][1:])
    assert _cycles_of(responses) == list(range(len(responses)))


def test_the_monitor_reads_stamp_and_number_off_the_wire(agents_of: object) -> None:
    pytest.importorskip('rclpy', reason='the monitor is a ROS node')
    from prediction_node import cdr, output
    from prediction_node.domain.prediction import Prediction
    from prediction_node.ros.monitor import stamp_and_count

    agents = agents_of(0, stamp_ns=STAMP_NS + 7)  # type: ignore[operator]
    empty = cdr.write_predicted_objects(output.predicted_objects(Prediction.empty(agents)))
    assert stamp_and_count(empty) == (STAMP_NS + 7, 0)
    longer = bytearray(empty)
    struct.pack_into('<I', longer, len(longer) - 4, 9)
    assert stamp_and_count(bytes(longer)) == (STAMP_NS + 7, 9)
