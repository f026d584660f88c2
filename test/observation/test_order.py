"""Row 'order' of the reliability matrix: late, duplicate, swapped and jittered messages."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.observations import ROW_FIELDS
from prediction_node.observation.inbox import Inbox
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.reasons import Reason
from prediction_node.observation.translate import translate

MS = 1_000_000
EPOCH_NS = 1_700_000_000_123_456_789


def assert_same(first: Any, second: Any) -> None:
    assert first.stamp_ns == second.stamp_ns
    assert first.reset == second.reset
    np.testing.assert_array_equal(
        first.ego.map_from_base.translation_m, second.ego.map_from_base.translation_m
    )
    assert [(t.source, t.stamp_ns) for t in first.observations] == [
        (t.source, t.stamp_ns) for t in second.observations
    ]
    for one, other in zip(first.observations, second.observations, strict=True):
        for name in ROW_FIELDS:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(first.lights.group_id, second.lights.group_id)
    np.testing.assert_array_equal(first.lights.colour, second.lights.colour)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_any_order_of_arrival_within_a_window_gives_the_same_output(
    drive_with: Any, build: Any, seed: int, copies: int
) -> None:
    """All messages of a window, some of them repeatedly, handed over in any order."""
    plain, shuffled = drive_with(), drive_with()
    generator = random.Random(seed)
    for k in range(4):
        for drive, repeat in ((plain, 1), (shuffled, copies)):
            messages = [deliver for _, deliver in drive.messages()] * repeat
            for group, age_ms in ((1, 50), (1, 20), (2, 40)):
                lights = build.lights(
                    (group, 1 + (k + age_ms) % 3),
                    stamp_ns=EPOCH_NS + drive.true_ns + (100 - age_ms) * MS,
                )
                messages.append(lambda at, d=drive, m=lights: d.observer.on_traffic_lights(m, at))
            if drive is shuffled:
                generator.shuffle(messages)
            for deliver in messages:
                deliver(drive.now_ns + 95 * MS)
            drive.true_ns += 100 * MS
        assert_same(
            plain.observer.release(plain.now_ns), shuffled.observer.release(shuffled.now_ns)
        )


def test_observations_come_by_stamp_then_source(drive: Any, build: Any) -> None:
    drive.cycle(3)
    base_ns = drive.true_ns + drive.stamp_offset_ns
    for source, age_ms in (('radar', 10), ('lidar', 30), ('camera', 30), ('radar', 40)):
        arrays = {
            'radar': build.radar, 'lidar': build.tracked, 'camera': build.detections
        }[source](1, stamp_ns=base_ns - age_ms * MS, frame=source)  # fmt: skip
        drive.observer.on_tracks(source, arrays, drive.now_ns)
    drive.with_sensors = False
    got = [(t.source, base_ns - t.stamp_ns) for t in drive.cycle().observations]
    assert got == [
        ('radar', 40 * MS), ('camera', 30 * MS), ('lidar', 30 * MS), ('radar', 10 * MS)
    ]  # fmt: skip


def tracks_at(build: Any, stamp_ns: int, source: str = 'lidar') -> Any:
    arrays = build.tracked(1, stamp_ns=stamp_ns)
    return translate(arrays, build.source(source), ObservationParameters()).tracks


def test_each_stamp_of_a_source_is_used_once(build: Any) -> None:
    inbox = Inbox(['lidar', 'radar'], ObservationParameters())
    assert inbox.put(tracks_at(build, EPOCH_NS), 1) == ()
    (turned,) = inbox.put(tracks_at(build, EPOCH_NS), 2)  # while the first is waiting
    assert turned.reason is Reason.DUPLICATE
    assert inbox.put(tracks_at(build, EPOCH_NS, 'radar'), 2) == ()  # another source may
    chosen, turned_away = inbox.take(10, EPOCH_NS)
    assert len(chosen) == 2
    assert turned_away == []
    inbox.put(tracks_at(build, EPOCH_NS), 11)  # after it was taken
    chosen, turned_away = inbox.take(20, EPOCH_NS)
    assert chosen == []
    assert [t.reason for t in turned_away] == [Reason.DUPLICATE]
    inbox.forget_taken()
    inbox.put(tracks_at(build, EPOCH_NS), 21)
    assert len(inbox.take(30, EPOCH_NS)[0]) == 1


def test_what_will_not_be_kept_is_known_from_the_stamp(build: Any) -> None:
    inbox = Inbox(['lidar'], ObservationParameters(inbox_messages=3))
    for i in (1, 2, 3):
        assert inbox.turns_away('lidar', EPOCH_NS + i) is None
        inbox.put(tracks_at(build, EPOCH_NS + i), 1)
    assert inbox.turns_away('lidar', EPOCH_NS + 2) is Reason.DUPLICATE
    assert inbox.turns_away('lidar', EPOCH_NS) is Reason.OVERFLOW
    assert inbox.turns_away('lidar', EPOCH_NS + 4) is None


def test_messages_count_from_the_release_after_their_arrival(build: Any) -> None:
    inbox = Inbox(['lidar'], ObservationParameters())
    inbox.put(tracks_at(build, EPOCH_NS), arrival_ns=100)
    assert inbox.take(99, EPOCH_NS) == ([], [])
    assert len(inbox.take(100, EPOCH_NS)[0]) == 1


def test_messages_a_little_ahead_wait_for_the_scene(build: Any) -> None:
    inbox = Inbox(['lidar'], ObservationParameters())
    inbox.put(tracks_at(build, EPOCH_NS + 60 * MS), 1)
    assert inbox.take(2, EPOCH_NS) == ([], [])
    chosen, _ = inbox.take(3, EPOCH_NS + 100 * MS)
    assert [t.stamp_ns for t in chosen] == [EPOCH_NS + 60 * MS]


@given(st.integers(-(2**40), 2**40))
def test_every_message_is_taken_turned_away_or_waits(build: Any, ahead_ns: int) -> None:
    inbox = Inbox(['lidar'], ObservationParameters())
    inbox.put(tracks_at(build, EPOCH_NS + ahead_ns), 1)
    chosen, turned_away = inbox.take(2, EPOCH_NS)
    if -500 * MS <= ahead_ns <= 0:
        assert len(chosen) == 1
    elif 0 < ahead_ns <= 100 * MS:
        assert chosen == turned_away == []
    else:
        (turned,) = turned_away
        far = abs(ahead_ns) > 10_000 * MS
        assert turned.reason is (
            Reason.OTHER_CLOCK if far else Reason.FUTURE if ahead_ns > 0 else Reason.LATE
        )


@given(st.permutations(range(12)))
def test_of_a_burst_the_newest_stay_in_any_order(build: Any, order: list[int]) -> None:
    parameters = ObservationParameters(inbox_messages=5)
    inbox = Inbox(['lidar'], parameters)
    made = [tracks_at(build, EPOCH_NS - i * MS) for i in range(12)]
    turned = [t for i in order for t in inbox.put(made[i], 1)]
    assert [t.reason for t in turned] == [Reason.OVERFLOW] * 7
    chosen, _ = inbox.take(2, EPOCH_NS)
    assert [EPOCH_NS - t.stamp_ns for t in chosen] == [4 * MS, 3 * MS, 2 * MS, 1 * MS, 0]


@pytest.mark.parametrize('stamp_ns', [0, -1, -(2**62)])
def test_stamps_that_are_no_instant_are_refused(drive: Any, build: Any, stamp_ns: int) -> None:
    drive.cycle(3)
    drive.observer.on_tracks('lidar', build.tracked(1, stamp_ns=stamp_ns), drive.now_ns)
    assert len(drive.cycle().observations) == 4
    lidar = next(s for s in drive.observer.health(drive.now_ns).sources if s.name == 'lidar')
    expected = Reason.ZERO_STAMP if stamp_ns == 0 else Reason.NEGATIVE_STAMP
    assert lidar.refused == {expected: 1}


def test_swapped_messages_of_a_source_are_both_used(drive: Any) -> None:
    drive.cycle(3)
    lidar = next(s for s in drive.sources if s.name == 'lidar')
    later = drive.seen(lidar, drive.true_ns - 10 * MS)
    earlier = drive.seen(lidar, drive.true_ns - 50 * MS)
    drive.with_sensors = False
    drive.observer.on_tracks('lidar', later, drive.now_ns + 1)
    drive.observer.on_tracks('lidar', earlier, drive.now_ns + 2)
    observed = drive.cycle()
    assert [t.stamp_ns for t in observed.observations] == [earlier.stamp_ns, later.stamp_ns]
    assert drive.error_m(observed) < 0.05


def test_swapped_and_repeated_odometry_is_put_in_its_place(drive: Any) -> None:
    drive.cycle(3)
    true_ns = drive.true_ns
    for i in (3, 1, 1, 2, 4, 3):
        drive.observer.on_odometry(drive.odometry(true_ns + i * 20 * MS), drive.now_ns + 90 * MS)
    drive.with_odometry = False
    observed = drive.cycle()
    assert drive.error_m(observed) < 0.05
    health = drive.observer.health(drive.now_ns).odometry
    assert health.refused == {Reason.DUPLICATE: 2}
    assert health.accepted == 15 + 4


def test_latency_that_varies_changes_no_observation(drive: Any) -> None:
    """Each message is placed by its own stamp, however long it took."""
    generator = np.random.default_rng(0)
    for _ in range(30):
        drive.sensor_latency_ns = int(generator.integers(5, 300)) * MS
        observed = drive.cycle()
        if drive.true_ns > 500 * MS:
            assert drive.error_m(observed) < 0.05
    assert drive.notices == []


def test_far_future_floods_do_not_starve_a_source(drive: Any, build: Any) -> None:
    drive.cycle(3)
    for k in range(200):
        wild = build.tracked(1, stamp_ns=EPOCH_NS + 10**15 + k)
        drive.observer.on_tracks('lidar', wild, drive.now_ns)
    drive.cycle()
    assert len(drive.cycle().observations) == 4


def test_nothing_grows(drive_with: Any) -> None:
    """Ten times the messages for a while leave no more behind than the buffers hold."""
    parameters = replace(ObservationParameters(), inbox_messages=4, odometry_messages=20)
    drive = drive_with(parameters)
    for _ in range(5):
        for _, deliver in drive.messages() * 10:
            deliver(drive.now_ns)
        drive.cycle()
    observer = drive.observer
    assert len(observer._timeline._buffer) <= 20
    assert all(len(w.waiting) <= 4 for w in observer._inbox._windows.values())
