"""The stage as a whole: threads, determinism, bounded memory, and what a release hands out."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.errors import FrameError, ParameterError
from prediction_node.domain.observations import ROW_FIELDS
from prediction_node.observation.observer import Observer
from prediction_node.observation.parameters import (
    DEFAULT_SOURCES,
    MountParameters,
    ObservationParameters,
)

MS = 1_000_000
EPOCH_NS = 1_700_000_000_123_456_789


def test_nothing_is_known_before_the_first_odometry(drive: Any) -> None:
    drive.with_odometry = False
    observed = drive.cycle(5)
    assert observed.stamp_ns is None
    assert observed.ego is None
    assert observed.lost
    assert observed.observations == ()
    assert len(observed.lights) == 0
    drive.with_odometry = True
    assert not drive.cycle(2).lost
    assert drive.notices == []


def test_a_single_modality_without_transforms_or_lights_is_enough(
    drive_with: Any, build: Any
) -> None:
    drive = drive_with()
    drive.sources = []
    for k in range(5):
        arrays = build.tracked(
            3,
            stamp_ns=drive.true_ns + drive.stamp_offset_ns + 30 * MS,
            frame='map',
            position=np.full((3, 3), 0.5 * k),
        )
        drive.observer.on_tracks('lidar', arrays, drive.now_ns + 60 * MS)
        observed = drive.cycle()
        assert [len(tracks) for tracks in observed.observations] == [3]


def test_observations_are_handed_out_once(drive: Any) -> None:
    drive.cycle(3)
    drive.with_sensors = False
    assert drive.cycle().observations == ()


def test_lights_stay_until_they_are_old(drive: Any, build: Any) -> None:
    drive.cycle(3)
    stamp_ns = drive.true_ns + drive.stamp_offset_ns
    drive.observer.on_traffic_lights(build.lights((5, 1), stamp_ns=stamp_ns), drive.now_ns)
    for _ in range(19):
        np.testing.assert_array_equal(drive.cycle().lights.group_id, [5])
    assert len(drive.cycle(3).lights) == 0
    drive.observer.on_traffic_lights(build.lights((5, 1), stamp_ns=7), drive.now_ns)
    drive.cycle()
    lights = drive.observer.health(drive.now_ns).traffic_lights
    assert (lights.received, lights.accepted, sum(lights.refused.values())) == (2, 1, 1)


def test_lights_of_before_a_jump_are_forgotten(drive: Any, build: Any) -> None:
    drive.cycle(3)
    stamp_ns = drive.true_ns + drive.stamp_offset_ns
    drive.observer.on_traffic_lights(build.lights((5, 1), stamp_ns=stamp_ns), drive.now_ns)
    assert len(drive.cycle().lights) == 1
    drive.stamp_offset_ns -= 1000 * MS
    assert len(drive.cycle(2).lights) == 0
    # Their stamps, later now than any that come, must not stand in the way of new ones.
    stamp_ns = drive.true_ns + drive.stamp_offset_ns
    drive.observer.on_traffic_lights(build.lights((5, 3), stamp_ns=stamp_ns), drive.now_ns)
    np.testing.assert_array_equal(drive.cycle().lights.colour, [3])


def test_the_same_messages_give_the_same_bytes(drive_with: Any) -> None:
    one, other = drive_with(), drive_with()
    for _ in range(20):
        first, second = one.cycle(), other.cycle()
        assert first.stamp_ns == second.stamp_ns
        pose, again = first.ego.map_from_base, second.ego.map_from_base
        assert pose.rotation.tobytes() == again.rotation.tobytes()
        for a, b in zip(first.observations, second.observations, strict=True):
            for name in ROW_FIELDS:
                assert getattr(a, name).tobytes() == getattr(b, name).tobytes()


def test_calls_from_many_threads(drive_with: Any) -> None:
    """Everything is counted once, whichever thread brings it."""
    drive = drive_with(ObservationParameters(inbox_messages=1000, odometry_messages=10_000))
    messages = []
    for _ in range(30):
        messages.append(drive.messages())
        drive.true_ns += 100 * MS
    start = threading.Barrier(5)
    errors: list[BaseException] = []

    def guarded(work: Any) -> None:
        start.wait()
        try:
            work()
        except BaseException as error:  # handed to the test's own thread
            errors.append(error)

    def deliver(part: int) -> None:
        for cycle in messages:
            for true_ns, hand_over in cycle[part::4]:
                hand_over(true_ns)

    observed = []

    def release() -> None:
        for k in range(30):
            observed.append(drive.observer.release((k + 1) * 100 * MS))
            drive.observer.health((k + 1) * 100 * MS)

    threads = [threading.Thread(target=guarded, args=(release,))]
    threads += [
        threading.Thread(target=guarded, args=(lambda part=part: deliver(part),))
        for part in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    health = drive.observer.health(drive.now_ns)
    assert all(source.received == 30 for source in health.sources)
    assert health.odometry.received == 150
    assert health.odometry.refused == {}
    # A release may have overtaken the odometry by more than the coasting time, which is a reset;
    # in the end all agree about the time.
    end = drive.observer.release(drive.now_ns)
    assert end.stamp_ns == drive.now_ns + drive.stamp_offset_ns - drive.odometry_latency_ns
    assert end.ego is not None
    assert not end.lost
    stamps = [release.stamp_ns for release in (*observed, end) if release.stamp_ns is not None]
    assert stamps == sorted(stamps)


def test_memory_stays_flat(drive_with: Any, build: Any) -> None:
    """Churn of ids, objects, frames and jumps leaves nothing behind."""
    drive = drive_with(ObservationParameters(odometry_messages=50))

    def churn(cycles: int) -> int:
        for k in range(cycles):
            if k % 20 == 19:
                drive.stamp_offset_ns -= 20_000 * MS
            stamp_ns = drive.true_ns + drive.stamp_offset_ns
            for i in range(4):
                edge = ('base_link', f'frame {k} {i}', (0.0, 0.0, 0.0), 0.0)
                drive.observer.on_transforms(
                    build.transforms(edge, stamp_ns=stamp_ns), static=False, arrival_ns=0
                )
            drive.observer.on_traffic_lights(
                build.lights(*[(k * 20 + i, 1) for i in range(20)], stamp_ns=stamp_ns),
                drive.now_ns,
            )
            drive.observer.on_malformed('lidar', f'broken {k}', drive.now_ns)
            drive.cycle()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        warm = churn(70)
        assert churn(70) - warm < 100_000
    finally:
        tracemalloc.stop()


def test_scenes_use_no_more_than_was_asked_for(drive: Any) -> None:
    """A message that arrives after the release it could have been in waits for the next."""
    drive.cycle(3)
    drive.with_sensors = False
    lidar = DEFAULT_SOURCES[2]
    arrays = drive.seen(lidar, drive.true_ns + 10 * MS)
    drive.observer.on_tracks('lidar', arrays, drive.now_ns + 101 * MS)
    assert drive.cycle().observations == ()
    assert [t.source for t in drive.cycle().observations] == ['lidar']


def test_what_is_misconfigured_is_named() -> None:
    parameters = ObservationParameters()
    twice = (DEFAULT_SOURCES[0], DEFAULT_SOURCES[0])
    with pytest.raises(ParameterError, match=r'sources\.camera'):
        Observer(parameters, twice)
    with pytest.raises(ParameterError, match=r'sources\.odometry'):
        Observer(parameters, [replace(DEFAULT_SOURCES[0], name='odometry')])
    with pytest.raises(FrameError, match='loop'):
        Observer(
            parameters,
            DEFAULT_SOURCES,
            [
                MountParameters(frame='lidar', parent='base_link'),
                MountParameters(frame='base_link', parent='lidar'),
            ],
        )
    with pytest.raises(KeyError):
        Observer(parameters, ()).on_malformed('sonar', 'x', 0)
