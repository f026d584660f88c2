"""The verdict counts what the receiving side saw, and every reason to fail is found."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT
from prediction_node.simulation.boxes import penetration_m
from prediction_node.simulation.faults.grammar import Fault
from prediction_node.simulation.futures import Futures
from prediction_node.simulation.verdict.diagnosis import Diagnosis, degraded
from prediction_node.simulation.verdict.parameters import VerdictParameters
from prediction_node.simulation.verdict.report import report
from prediction_node.simulation.verdict.truth import EgoTruth, Truth, TruthTape
from prediction_node.simulation.verdict.watch import RunTime, Watch

MS = 1_000_000
ZERO_NS = 5_000_000_000  # on the steady clock
STAMP_NS = 1_700_000_000_000_000_000
SECONDS = 12.0
CYCLES = 120
PERIODS = {'lidar_a': 100.0, 'lidar_b': 100.0}
KEYS = [
    'cycles', 'misses', 'degraded_cycles', 'p50_ms', 'p99_ms', 'p999_ms', 'max_gap_ms',
    'min_ade_5s', 'ego_collisions', 'hard_brakes', 'faults', 'verdict', 'reasons',
]  # fmt: skip


def futures(at_s: float, offset_m: float = 0.0, speed_mps: float = 6.0) -> Futures:
    """One car that drives along x with the truth of `truth`, predicted `offset_m` beside it."""
    pose = np.zeros((1, MODE_COUNT, POSE_COUNT, 3))
    pose[..., 0] = speed_mps * (at_s + 0.1 * np.arange(POSE_COUNT))
    pose[0, 0, :, 1] = offset_m
    pose[0, 1, :, 1] = 3.0 + offset_m  # a second mode, farther away
    weight = np.zeros((1, MODE_COUNT))
    weight[0, :2] = 0.7, 0.3
    return Futures(
        STAMP_NS + round(at_s * 1e9),
        np.zeros((1, 16), np.uint8),
        np.array([ObjectClass.CAR]),
        np.array([[4.5, 1.8, 1.5]]),
        np.array([[speed_mps, 0.0]]),
        pose,
        weight,
    )


def truth(at_s: float, x_m: float | None = None, y_m: float = 0.0, speed_mps: float = 6.0) -> Truth:
    place = speed_mps * at_s if x_m is None else x_m
    return Truth(
        STAMP_NS + round(at_s * 1e9),
        (b'a' * 16,),
        np.array([ObjectClass.CAR]),
        np.array([[place, y_m, 0.0]]),
        np.array([[4.5, 1.8, 1.5]]),
        np.array([[speed_mps, 0.0]]),
    )


def diagnosis(at_s: float, stamp_s: float, **faulty: str) -> Diagnosis:
    lost = {'lidar_a', 'lidar_b'} <= set(faulty)
    return Diagnosis(
        ZERO_NS + round(at_s * 1e9),
        STAMP_NS + round(stamp_s * 1e9),
        'degraded' if lost else 'nominal',
        'lidar lost' if lost else '',
        dict(faulty),
    )


def run(
    *,
    skip: tuple[int, ...] = (),
    response_ms: dict[int, float] | None = None,
    change: Callable[[Futures, int], Futures] = lambda made, k: made,
    faults: tuple[Fault, ...] = (),
    said: tuple[Diagnosis, ...] = (),
    ego: Callable[[float], tuple[float, float, float]] = lambda at_s: (0.0, 50.0, 0.0),
    others: Callable[[float], Truth] = truth,
    **parameters: Any,
) -> dict[str, Any]:
    """A run in which all is well but for what is asked for. `ego`: x, y, speed by time."""
    parameters = {'min_ade_samples': 1, 'score_every': 1, **parameters}
    watch = Watch(
        RunTime(ZERO_NS, STAMP_NS, SECONDS),
        faults,
        np.array([4.9, 1.9, 1.6]),
        VerdictParameters(**parameters),
    )
    waiting = list(said)
    for k in range(-5, CYCLES + 5):
        at_s = 0.1 * k
        watch.on_truth(others(at_s))
        x, y, speed = ego(at_s)
        watch.on_ego(EgoTruth(STAMP_NS + round(at_s * 1e9), np.array([x, y, 0.0]), speed))
        due_ns = ZERO_NS + 100 * MS * k
        took = (response_ms or {}).get(k, 20.0)
        received_ns = due_ns + round((took + 1.0) * MS)
        while waiting and waiting[0].received_ns <= received_ns:
            watch.on_diagnosis(waiting.pop(0))
        if k in skip:
            continue
        made = change(futures(at_s), k)
        watch.on_predictions(received_ns, made)
        watch.on_response(received_ns, made.stamp_ns, took)
    return report(watch, PERIODS)


def test_all_is_well() -> None:
    figures = run()
    assert list(figures)[: len(KEYS)] == KEYS
    assert figures['verdict'] == 'pass', figures['reasons']
    assert figures['reasons'] == []
    assert (figures['cycles'], figures['misses'], figures['degraded_cycles']) == (CYCLES, 0, 0)
    assert figures['p50_ms'] == figures['p99_ms'] == 20.0
    assert figures['max_gap_ms'] == pytest.approx(100.0)
    assert figures['min_ade_5s'] == {'car': pytest.approx(0.0, abs=1e-6)}
    assert figures['age_p50_ms'] == pytest.approx(21.0)


def test_late_silent_and_old_answers_are_misses_once_each() -> None:
    def aged(made: Futures, k: int) -> Futures:
        return dataclasses.replace(made, stamp_ns=made.stamp_ns - 400 * MS) if k == 90 else made

    figures = run(skip=(30, 31), response_ms={60: 130.0}, change=aged)
    assert figures['late'] == 1
    assert figures['silent'] == 2
    assert figures['misses'] == 4
    assert figures['verdict'] == 'fail'
    assert '4 misses' in figures['reasons'][0]
    assert 'the first at 3.0 s' in figures['reasons'][0]
    assert figures['max_gap_ms'] == pytest.approx(300.0)


def test_slow_answers_fail_the_percentile() -> None:
    figures = run(response_ms=dict.fromkeys(range(0, CYCLES, 20), 70.0))
    assert figures['misses'] == 0
    assert figures['p99_ms'] > 60.0
    assert any('p99' in reason for reason in figures['reasons'])


def test_a_node_that_never_answers_fails_with_the_same_keys() -> None:
    figures = run(skip=tuple(range(-5, CYCLES + 5)))
    assert list(figures) == KEYS
    assert figures['misses'] == CYCLES
    assert figures['verdict'] == 'fail'


def test_numbers_that_are_none_and_weights_that_do_not_sum_are_found() -> None:
    def spoilt(made: Futures, k: int) -> Futures:
        if k == 40:
            made.pose[0, 0, 5, 0] = np.nan
        if k == 50:
            made.weight[0, 0] = 0.8
        return made

    figures = run(change=spoilt)
    assert (figures['not_finite'], figures['weights_off']) == (1, 1)
    assert len(figures['reasons']) == 2


def test_min_ade_is_that_of_the_nearest_mode() -> None:
    figures = run(change=lambda made, k: futures(0.1 * k, offset_m=1.25))
    assert figures['min_ade_5s'] == {'car': pytest.approx(1.25)}
    far = run(change=lambda made, k: futures(0.1 * k, offset_m=1.5), max_min_ade_5s_m=1.4)
    assert any('minADE' in reason for reason in far['reasons'])


def test_a_collision_counts_once_however_long_it_lasts() -> None:
    def others(at_s: float) -> Truth:
        return truth(at_s, x_m=3.0, y_m=50.0 if 4.0 <= at_s < 6.0 else 90.0, speed_mps=0.0)

    figures = run(others=others)
    assert figures['ego_collisions'] == 1
    (contact,) = figures['collisions']
    assert (contact['at_s'], contact['class'], contact['ahead_m']) == (4.0, 'car', 3.0)
    assert any('collision' in reason for reason in figures['reasons'])


def test_hard_braking_of_the_robotaxi_and_of_others_near_it_is_counted() -> None:
    def ego(at_s: float) -> tuple[float, float, float]:
        return 0.0, 50.0, float(np.clip(10.0 - 6.0 * (at_s - 5.0), 0.0, 10.0))

    assert run(ego=ego)['ego_hard_brakes'] == 1

    def gentle(at_s: float) -> tuple[float, float, float]:
        return 0.0, 50.0, float(np.clip(10.0 - 3.0 * (at_s - 5.0), 0.0, 10.0))

    assert run(ego=gentle)['ego_hard_brakes'] == 0

    def other(near: bool) -> Callable[[float], Truth]:
        return lambda at_s: truth(
            at_s, 10.0, 60.0 if near else 200.0, float(np.clip(10.0 - 6.0 * at_s, 0.0, 10.0))
        )

    assert run(others=other(True))['others_hard_brakes'] == 1
    assert run(others=other(False))['others_hard_brakes'] == 0


ONE = Fault('off', 'lidar_a', ('lidar_a',), 4.0, 6.0)
BOTH = Fault('off', 'lidar', ('lidar_a', 'lidar_b'), 4.0, 6.0)


def test_a_source_that_is_named_in_time_leaves_the_mode_nominal() -> None:
    said = (diagnosis(1.0, 1.0), diagnosis(4.28, 4.2, lidar_a='silent'), diagnosis(6.2, 6.2))
    figures = run(faults=(ONE,), said=said)
    (fault,) = figures['faults']
    assert figures['verdict'] == 'pass', figures['reasons']
    assert (fault['kind'], fault['source']) == ('off', 'lidar_a')
    assert fault['detected_ms'] == pytest.approx(280.0)
    assert fault['recovered_ms'] == pytest.approx(200.0)
    assert (fault['named'], fault['mode']) == ('silent', 'nominal')
    assert figures['degraded_cycles'] == 0


def test_a_lost_modality_is_named_and_its_cycles_are_degraded() -> None:
    said = (
        diagnosis(4.25, 4.2, lidar_a='silent'),
        diagnosis(4.3, 4.3, lidar_a='silent', lidar_b='silent'),
        diagnosis(6.1, 6.1),
    )
    figures = run(faults=(BOTH,), said=said)
    assert figures['faults'][0]['detected_ms'] == pytest.approx(300.0)
    assert figures['faults'][0]['modality_lost'] == 'lidar'
    assert figures['faults'][0]['mode'] == 'degraded'
    assert figures['degraded_cycles'] == 18
    assert figures['verdict'] == 'pass', figures['reasons']


@pytest.mark.parametrize(
    ('said', 'reason'),
    [
        ((), 'never named'),
        ((diagnosis(4.5, 4.4, lidar_a='silent'), diagnosis(6.1, 6.0)), 'named after 500 ms'),
        ((diagnosis(4.2, 4.1, lidar_a='silent'),), 'not well again'),
        (
            (diagnosis(4.2, 4.1, lidar_a='silent'), diagnosis(9.0, 8.9)),
            'was well after 3000 ms',
        ),
    ],
)
def test_what_is_named_late_or_not_at_all_fails(said: tuple[Any, ...], reason: str) -> None:
    figures = run(faults=(ONE,), said=said)
    assert figures['verdict'] == 'fail'
    assert any(reason in each for each in figures['reasons']), figures['reasons']


def test_degraded_cycles_without_a_fault_fail() -> None:
    said = (diagnosis(4.3, 4.3, lidar_a='silent', lidar_b='silent'), diagnosis(5.3, 5.3))
    figures = run(said=said)
    assert figures['degraded_cycles'] == 10
    assert any('10 degraded cycles' in reason for reason in figures['reasons'])


def test_the_time_a_killed_node_needs_is_no_miss_of_the_verdict_but_is_counted() -> None:
    kill = Fault('kill', 'node', (), 4.0, 5.0)
    figures = run(faults=(kill,), skip=tuple(range(40, 70)))
    assert figures['misses'] == 30
    assert figures['verdict'] == 'pass', figures['reasons']
    (fault,) = figures['faults']
    assert fault['detected_ms'] == pytest.approx(121.0, abs=1.0)
    assert fault['recovered_ms'] == pytest.approx(2021.0, abs=1.0)
    late = run(faults=(kill,), skip=tuple(range(40, 70)), restart_ms=1500.0)
    assert any('after 2021 ms' in reason for reason in late['reasons'])


def test_a_restarted_node_may_release_at_another_phase() -> None:
    """Its cycles count from its own phase: none is lost, none is counted twice."""
    watch = Watch(RunTime(ZERO_NS, STAMP_NS, SECONDS), (), np.ones(3), VerdictParameters())
    for k in range(CYCLES):
        if 40 <= k < 60:
            continue
        due_ns = ZERO_NS + 100 * MS * k + (47 * MS if k >= 60 else 0)
        made = futures(0.1 * k)
        watch.on_predictions(due_ns + 21 * MS, made)
        watch.on_response(due_ns + 21 * MS, made.stamp_ns, 20.0)
    assert report(watch, {})['silent'] == pytest.approx(20, abs=1)


def test_modes_hold_until_the_next_is_told() -> None:
    told = [(100, 'nominal'), (200, 'degraded'), (400, 'nominal')]
    assert degraded(told, [50, 150, 200, 300, None, 400, 500]) == [
        False, False, True, True, None, False, False,
    ]  # fmt: skip


def test_truth_between_its_instants_and_beyond() -> None:
    tape = TruthTape(5.0)
    for at_s in (0.0, 0.1, 0.2):
        tape.add(truth(at_s))
    between = tape.at(STAMP_NS + 50 * MS)
    assert between is not None
    assert between.pose[0, 0] == pytest.approx(0.3)
    assert tape.at(STAMP_NS + 250 * MS) is None
    way, valid = tape.ways((b'a' * 16, b'b' * 16), STAMP_NS + np.array([0, 150, 250]) * MS)
    np.testing.assert_array_equal(valid, [[True, True, False], [False, False, False]])
    np.testing.assert_allclose(way[0, :2, 0], [0.0, 0.9])


@pytest.mark.parametrize(
    ('x_m', 'y_m', 'yaw_rad', 'depth_m'),
    [
        (4.0, 0.0, 0.0, 0.0),
        (3.5, 0.0, 0.0, 0.5),
        (5.0, 0.0, 0.0, -1.0),
        (0.0, 3.0, np.pi / 2, 0.0),
        (0.0, 2.6, np.pi / 2, 0.4),
        (2.0 + np.sqrt(5.0), 0.0, np.arctan2(1.0, 2.0) + np.pi / 2, None),
    ],
)
def test_boxes_of_four_by_two_metres(
    x_m: float, y_m: float, yaw_rad: float, depth_m: float | None
) -> None:
    size = np.array([4.0, 2.0])
    here, there = np.zeros(2), np.array([x_m, y_m])
    one = penetration_m(here, np.array(0.0), size, there, np.array(yaw_rad), size)
    other = penetration_m(there, np.array(yaw_rad), size, here, np.array(0.0), size)
    assert one == pytest.approx(float(other))
    if depth_m is not None:
        assert float(one) == pytest.approx(depth_m, abs=1e-9)


@pytest.mark.parametrize(
    ('x_m', 'y_m', 'caused'), [(-15.0, 50.0, 1), (-15.0, 54.0, 0), (15.0, 50.0, 0)]
)
def test_who_brakes_hard_behind_the_robotaxi_is_told_apart(
    x_m: float, y_m: float, caused: int
) -> None:
    """Behind it, in the next lane, ahead of it: all are near, one is of its doing."""

    def other(at_s: float) -> Truth:
        return truth(at_s, x_m, y_m, float(np.clip(10.0 - 6.0 * at_s, 0.0, 10.0)))

    figures = run(others=other)
    assert figures['others_hard_brakes'] == 1
    assert figures['caused_hard_brakes'] == caused

    def ego(at_s: float) -> tuple[float, float, float]:
        return 0.0, 50.0, float(np.clip(10.0 - 6.0 * (at_s - 5.0), 0.0, 10.0))

    assert run(others=other, ego=ego)['caused_hard_brakes'] == caused + 1
