"""Row 'clock' of the reliability matrix: jumps, pauses, loops, strays, and a mix of clocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_node.observation.clock import SceneClock, Verdict
from prediction_node.observation.health import State
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.reasons import Reason

MS = 1_000_000
S = 1_000_000_000
EPOCH_NS = 1_700_000_000_123_456_789
GOOD_M = 0.05


def good(drive: Any, observed: Any) -> bool:
    """Ego and four sensors there, and right."""
    return (
        not observed.lost and len(observed.observations) == 4 and drive.error_m(observed) < GOOD_M
    )


def test_an_undisturbed_drive_is_exact_and_never_resets(drive: Any) -> None:
    drive.cycle(3)
    for k in range(4, 60):
        observed = drive.cycle()
        assert good(drive, observed)
        assert observed.stamp_ns == EPOCH_NS + k * 100 * MS - drive.odometry_latency_ns
    assert drive.notices == []


@pytest.mark.parametrize('jump_s', [-60, -1, 1, 60, 3600 * 24 * 365 * 50])
def test_a_jump_of_all_stamps_is_one_reset_and_good_within_two_cycles(
    drive: Any, jump_s: int
) -> None:
    drive.cycle(20)
    drive.stamp_offset_ns += jump_s * S
    drive.cycle()
    assert good(drive, drive.cycle())
    assert len(drive.notices) == 1
    assert 'jumped' in drive.notices[0]
    for _ in range(20):
        assert good(drive, drive.cycle())
    assert len(drive.notices) == 1


@pytest.mark.parametrize('jump_s', [-60, -1, 1, 60])
def test_a_jump_with_odometry_as_slow_as_the_releases(drive: Any, jump_s: int) -> None:
    drive.odometry_per_cycle = 1
    drive.cycle(20)
    drive.stamp_offset_ns += jump_s * S
    drive.cycle()
    for _ in range(10):
        assert good(drive, drive.cycle())
    assert len(drive.notices) == 1


@pytest.mark.parametrize('jump_s', [-60, 60])
def test_a_jump_makes_no_source_look_faulty(drive: Any, jump_s: int) -> None:
    drive.odometry_per_cycle = 1
    drive.cycle(20)
    drive.stamp_offset_ns += jump_s * S
    drive.cycle(2)
    assert {s.state for s in drive.observer.health(drive.now_ns).sources} == {State.OK}


@pytest.mark.parametrize('jump_s', [-0.1, 0.1, -0.2, 0.2])
def test_a_small_step_is_ridden_out(drive: Any, jump_s: float) -> None:
    drive.cycle(20)
    last_ns = drive.cycle().stamp_ns
    drive.stamp_offset_ns += round(jump_s * S)
    for _ in range(5):
        observed = drive.cycle()
        assert observed.stamp_ns >= last_ns
        last_ns = observed.stamp_ns
    for _ in range(10):
        observed = drive.cycle()
        assert good(drive, observed)
        assert observed.stamp_ns > last_ns
        last_ns = observed.stamp_ns
    assert drive.notices == []


def test_a_small_step_ahead_is_good_within_two_cycles(drive: Any) -> None:
    drive.cycle(20)
    drive.stamp_offset_ns += 100 * MS
    drive.cycle()
    assert good(drive, drive.cycle())


def test_a_small_step_back_costs_one_cycle_of_stand_still(drive: Any) -> None:
    before = drive.cycle(20)
    drive.stamp_offset_ns -= 100 * MS
    cycles = [drive.cycle() for _ in range(5)]
    stamps = [before.stamp_ns] + [observed.stamp_ns for observed in cycles]
    assert np.count_nonzero(np.diff(stamps) < 50 * MS) == 1
    assert all(good(drive, observed) for observed in cycles[2:])


@pytest.mark.parametrize('pause_s', [0.8, 2, 60])
def test_a_pause_of_the_world_is_one_reset(drive: Any, pause_s: float) -> None:
    """A paused bag: the driving clock runs on, stamps then go on where they were."""
    drive.cycle(20)
    for _ in range(round(pause_s * 10)):
        drive.observer.release(drive.now_ns)
        drive.arrival_offset_ns += 100 * MS
    drive.cycle()
    assert good(drive, drive.cycle())
    assert len(drive.notices) == 1
    for _ in range(10):
        assert good(drive, drive.cycle())
    assert len(drive.notices) == 1


def test_a_short_pause_is_ridden_out(drive: Any) -> None:
    drive.cycle(20)
    for _ in range(3):
        drive.observer.release(drive.now_ns)
        drive.arrival_offset_ns += 100 * MS
    drive.cycle()
    for _ in range(10):
        assert good(drive, drive.cycle())
    assert drive.notices == []


def test_a_bag_that_loops_is_one_reset_each_time(drive: Any) -> None:
    """All stamps start again, the same ones, and the driving clock goes on."""
    drive.cycle(20)
    for loop in range(1, 4):
        drive.true_ns -= 20 * 100 * MS
        drive.arrival_offset_ns += 20 * 100 * MS
        drive.cycle()
        assert good(drive, drive.cycle())
        drive.cycle(18)
        assert len(drive.notices) == loop


def test_a_bag_that_loops_with_the_driving_clock_is_one_reset(drive: Any) -> None:
    """Under use_sim_time the driving clock itself goes back."""
    drive.cycle(20)
    drive.true_ns = 0
    observed = drive.cycle()
    assert observed.reset
    assert 'went back' in observed.notice
    assert good(drive, drive.cycle())
    drive.cycle(18)
    assert len(drive.notices) == 1


def test_what_waits_when_the_driving_clock_goes_back_is_dropped(drive: Any) -> None:
    """It would come out again once the clock is there, as if it were new."""
    drive.cycle(20)
    lidar = next(s for s in drive.sources if s.name == 'lidar')
    drive.observer.on_tracks('lidar', drive.seen(lidar, drive.true_ns), drive.now_ns + 150 * MS)
    drive.sources = [s for s in drive.sources if s.name != 'lidar']
    drive.true_ns = 0
    for _ in range(25):
        assert 'lidar' not in [t.source for t in drive.cycle().observations]


def test_both_clocks_leaping_ahead_is_one_reset(drive: Any) -> None:
    """A seek ahead in a bag under use_sim_time: stamps and driving clock agree all along."""
    drive.cycle(20)
    drive.true_ns += 60 * S
    observed = drive.cycle()
    assert observed.reset
    assert good(drive, observed)
    drive.cycle(10)
    assert len(drive.notices) == 1


def test_the_ego_coasts_one_second_and_is_lost_then(drive: Any) -> None:
    last = drive.cycle(20)
    drive.with_odometry = False
    for k in range(1, 10):
        observed = drive.cycle()
        assert not observed.lost
        assert observed.stamp_ns == last.stamp_ns + k * 100 * MS
        assert observed.coasting_s == pytest.approx(0.1 * k)
        assert drive.error_m(observed) < GOOD_M  # a circle is carried on exactly
    frozen = drive.cycle(2)
    assert frozen.lost
    assert frozen.ego is None
    assert frozen.observations == ()
    for _ in range(30):
        observed = drive.cycle()
        assert observed.lost
        assert observed.stamp_ns == frozen.stamp_ns  # never a fresh stamp on stale data
    assert drive.observer.health(drive.now_ns).odometry.state is State.SILENT
    drive.with_odometry = True
    drive.cycle()
    assert good(drive, drive.cycle())


def test_a_single_stray_odometry_changes_nothing(drive: Any, build: Any) -> None:
    drive.cycle(20)
    for stamp_ns in (EPOCH_NS - 60 * S, EPOCH_NS + 3600 * S, 5, EPOCH_NS + drive.true_ns + 2 * S):
        drive.observer.on_odometry(build.odometry(stamp_ns, xyz=(1e6, 0, 0)), drive.now_ns + 1)
        assert good(drive, drive.cycle())
    assert drive.notices == []
    health = drive.observer.health(drive.now_ns).odometry
    assert health.refused == {Reason.JUMP: 4}
    assert health.state is State.OK


def test_zero_and_negative_odometry_stamps_are_refused(drive: Any, build: Any) -> None:
    drive.cycle(20)
    for stamp_ns in (0, -1, -5 * S):
        drive.observer.on_odometry(build.odometry(stamp_ns), drive.now_ns + 1)
        assert good(drive, drive.cycle())
    refused = drive.observer.health(drive.now_ns).odometry.refused
    assert refused == {Reason.ZERO_STAMP: 1, Reason.NEGATIVE_STAMP: 2}


def test_odometry_that_repeats_its_stamp_is_no_sign_of_life(drive: Any) -> None:
    drive.cycle(20)
    drive.with_odometry = False
    stuck = drive.odometry(drive.true_ns)
    for _ in range(15):
        drive.observer.on_odometry(stuck, drive.now_ns)
        observed = drive.cycle()
    assert observed.lost
    assert drive.observer.health(drive.now_ns).odometry.state is State.STUCK
    assert drive.notices == []


@pytest.mark.parametrize(
    ('offset_s', 'reason'),
    [
        (-3600 * 24 * 365 * 53, Reason.OTHER_CLOCK),  # sim time among wall time
        (3600.0, Reason.OTHER_CLOCK),
        (1.0, Reason.FUTURE),
        (-1.0, Reason.LATE),
    ],
)
def test_a_sensor_on_another_clock_is_refused_and_named(
    drive: Any, offset_s: float, reason: Reason
) -> None:
    drive.cycle(20)
    thermal = next(s for s in drive.sources if s.name == 'thermal')
    others = [s for s in drive.sources if s.name != 'thermal']
    for _ in range(4):
        drive.sources = others
        made = drive.seen(thermal, drive.true_ns)
        wrong = type(made)(
            **{
                name: getattr(made, name) + round(offset_s * S)
                if name == 'stamp_ns'
                else getattr(made, name)
                for name in made.__dataclass_fields__
            }
        )
        drive.observer.on_tracks('thermal', wrong, drive.now_ns + 30 * MS)
        observed = drive.cycle()
        assert [t.source for t in observed.observations] == ['camera', 'lidar', 'radar']
    health = drive.observer.health(drive.now_ns)
    thermal_health = next(s for s in health.sources if s.name == 'thermal')
    assert thermal_health.refused == {reason: 4}
    assert thermal_health.lost
    assert [m.name for m in health.lost_modalities] == ['THERMAL']
    assert drive.notices == []


def test_scene_time_runs_at_the_pace_of_a_bag_played_faster_or_slower(drive: Any) -> None:
    """Without use_sim_time, stamps may run at 0.5 to 4 times the driving clock: never a reset."""
    for pace in (0.5, 2.0, 4.0):
        fresh = type(drive)()
        for k in range(400):
            true_ns = (k + 1) * 20 * MS
            fresh.observer.on_odometry(fresh.odometry(true_ns), round(true_ns / pace))
            if (k + 1) % 5 == 0:
                observed = fresh.observer.release(round(true_ns / pace))
                assert not observed.reset
                assert abs(observed.stamp_ns - EPOCH_NS - true_ns) < 20 * MS


@given(
    st.lists(st.integers(-40, 40), min_size=20, max_size=60), st.integers(1, 60), st.integers(0, 99)
)
def test_jitter_never_resets_and_time_never_runs_back(
    jitter_ms: list[int], latency_ms: int, phase_ms: int
) -> None:
    clock = SceneClock(ObservationParameters())
    arrivals = sorted(
        (i * 20 * MS + (latency_ms + max(j, -latency_ms)) * MS, EPOCH_NS + i * 20 * MS)
        for i, j in enumerate(jitter_ms)
    )
    last_ns, now_ns = None, phase_ms * MS
    while arrivals:
        while arrivals and arrivals[0][0] <= now_ns:
            at_ns, stamp_ns = arrivals.pop(0)
            assert clock.offer(stamp_ns, at_ns) in (Verdict.NEWEST, Verdict.OLDER)
        time = clock.release(now_ns)
        assert not time.reset
        if time.stamp_ns is not None:
            assert last_ns is None or time.stamp_ns >= last_ns
            # Never ahead of the true time, and behind it by no more than the worst delay.
            assert -(latency_ms + 40) * MS <= time.stamp_ns - EPOCH_NS - now_ns <= 0
            last_ns = time.stamp_ns
        now_ns += 100 * MS


def test_before_any_odometry_there_is_no_time() -> None:
    time = SceneClock(ObservationParameters()).release(5)
    assert time.stamp_ns is None
    assert time.lost
    assert not time.reset


def test_a_stall_of_the_node_is_no_jump() -> None:
    """After 0.8 s without running, the queue is read at once; nothing has jumped."""
    clock = SceneClock(ObservationParameters())
    for i in range(50):
        clock.offer(EPOCH_NS + i * 20 * MS, i * 20 * MS)
    assert clock.release(1000 * MS).stamp_ns == EPOCH_NS + 1000 * MS
    late = clock.release(1800 * MS)
    assert late.stamp_ns == EPOCH_NS + 1800 * MS
    assert not late.lost
    for i in range(50, 91):
        clock.offer(EPOCH_NS + i * 20 * MS, 1801 * MS)
    after = clock.release(1900 * MS)
    assert not after.reset
    assert after.stamp_ns == EPOCH_NS + 1899 * MS


def test_two_clocks_on_the_odometry_topic_never_take_turns(drive: Any, build: Any) -> None:
    """A second publisher on another clock is refused, message by message; the first goes on."""
    drive.cycle(20)
    for _ in range(20):
        for k in range(5):
            stamp_ns = 77 * S + drive.true_ns + k * 20 * MS
            at_ns = drive.now_ns + k * 20 * MS + 10 * MS
            drive.observer.on_odometry(build.odometry(stamp_ns), at_ns)
        assert good(drive, drive.cycle())
    assert drive.notices == []
    assert drive.observer.health(drive.now_ns).odometry.refused[Reason.JUMP] >= 99


def test_a_queue_half_read_is_no_jump() -> None:
    """After a stall the first release may see the oldest of the queue only: wait once."""
    clock = SceneClock(ObservationParameters())
    for i in range(50):
        clock.offer(EPOCH_NS + i * 20 * MS, i * 20 * MS)
    before = clock.release(1000 * MS)
    clock.release(1800 * MS)
    for i in range(50, 55):
        clock.offer(EPOCH_NS + i * 20 * MS, 1850 * MS)
    half = clock.release(1900 * MS)
    assert not half.reset
    assert half.stamp_ns == EPOCH_NS + 1800 * MS > before.stamp_ns
    for i in range(55, 96):
        clock.offer(EPOCH_NS + i * 20 * MS, 1950 * MS)
    after = clock.release(2000 * MS)
    assert not after.reset
    assert after.stamp_ns == EPOCH_NS + 1950 * MS
