"""Modality faults of the reliability matrix: each is named within max(300 ms, three periods)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.kinds import Modality
from prediction_node.observation.health import State
from prediction_node.observation.parameters import DEFAULT_SOURCES, ObservationParameters
from prediction_node.observation.reasons import Reason

MS = 1_000_000
NAMES = [s.name for s in DEFAULT_SOURCES]


def health_of(drive: Any, name: str) -> Any:
    return next(s for s in drive.observer.health(drive.now_ns).sources if s.name == name)


def without(drive: Any, name: str) -> Any:
    """Take a source out of the drive, to feed it by hand."""
    source = next(s for s in drive.sources if s.name == name)
    drive.sources = [s for s in drive.sources if s.name != name]
    return source


def test_all_is_well_on_a_good_drive(drive: Any) -> None:
    drive.cycle(10)
    health = drive.observer.health(drive.now_ns)
    assert all(s.state is State.OK and not s.lost for s in health.sources)
    assert health.odometry.state is State.OK
    assert not health.degraded
    assert health.lost_sources == ()
    camera = health_of(drive, 'camera')
    assert (camera.received, camera.accepted, camera.objects_received) == (10, 10, 40)
    assert camera.rate_hz == pytest.approx(10.0)
    assert camera.delay_s == pytest.approx(0.06, abs=0.003)
    assert camera.silence_s == pytest.approx(0.03)
    assert health.odometry.rate_hz == pytest.approx(50.0)


def test_before_anything_came_all_is_never_seen(drive: Any) -> None:
    health = drive.observer.health(0)
    assert {s.state for s in health.sources} == {State.NEVER_SEEN}
    assert health.odometry.state is State.NEVER_SEEN
    assert health.lost_modalities == tuple(Modality)


@pytest.mark.parametrize('name', NAMES)
def test_a_source_that_falls_silent_is_named_and_its_modality_lost(drive: Any, name: str) -> None:
    drive.cycle(10)
    without(drive, name)
    drive.cycle(2)
    assert health_of(drive, name).state is State.OK
    drive.cycle(2)
    assert health_of(drive, name).state is State.SILENT
    health = drive.observer.health(drive.now_ns)
    assert [m.name.lower() for m in health.lost_modalities] == [name]
    assert health.lost_sources == (name,)
    drive.sources = DEFAULT_SOURCES
    drive.cycle()
    assert not drive.observer.health(drive.now_ns).degraded


def test_one_of_two_sensors_of_a_modality_is_named_but_not_degrading(drive_with: Any) -> None:
    second = replace(DEFAULT_SOURCES[0], name='camera_rear', frame='camera')
    drive = drive_with(sources=[*DEFAULT_SOURCES, second])
    drive.sources = DEFAULT_SOURCES
    drive.cycle(10)
    health = drive.observer.health(drive.now_ns)
    assert health.lost_sources == ('camera_rear',)
    assert not health.degraded


@pytest.mark.parametrize('name', NAMES)
def test_the_same_message_again_and_again_is_stuck(drive: Any, name: str) -> None:
    """The same stamp too: a driver that repeats its last message."""
    drive.cycle(10)
    source = without(drive, name)
    frozen = drive.seen(source, drive.true_ns - 30 * MS)
    for _ in range(4):
        drive.observer.on_tracks(name, frozen, drive.now_ns + 50 * MS)
        observed = drive.cycle()
    assert health_of(drive, name).state is State.STUCK
    assert name not in [t.source for t in observed.observations]
    assert health_of(drive, name).lost


@pytest.mark.parametrize('name', NAMES)
def test_the_same_content_under_new_stamps_is_stuck(drive: Any, name: str) -> None:
    drive.cycle(10)
    source = without(drive, name)
    frozen = drive.seen(source, drive.true_ns)
    for _ in range(4):
        now_ns = drive.now_ns + 50 * MS
        arrays = replace(frozen, stamp_ns=drive.true_ns + drive.stamp_offset_ns + 20 * MS)
        drive.observer.on_tracks(name, arrays, now_ns)
        observed = drive.cycle()
    assert health_of(drive, name).state is State.STUCK
    assert name not in [t.source for t in observed.observations]
    drive.sources = DEFAULT_SOURCES
    assert len(drive.cycle().observations) == 4
    assert health_of(drive, name).state is State.OK


def test_standing_at_a_red_light_is_not_stuck(drive: Any, build: Any) -> None:
    """The ego stands and all that is seen stands: tracks of velocity may repeat exactly."""
    drive.speed_mps, drive.turn_rate_radps = 1e-9, 1e-9
    without(drive, 'lidar')
    without(drive, 'radar')
    for _ in range(10):
        stamp_ns = drive.true_ns + drive.stamp_offset_ns + 20 * MS
        drive.observer.on_tracks(
            'lidar',
            build.tracked(3, stamp_ns=stamp_ns, twist_linear=np.zeros((3, 3))),
            drive.now_ns + 50 * MS,
        )
        drive.observer.on_tracks(
            'radar',
            build.radar(3, stamp_ns=stamp_ns, velocity=np.zeros((3, 3))),
            drive.now_ns + 50 * MS,
        )
        drive.cycle()
    assert health_of(drive, 'lidar').state is State.OK
    assert health_of(drive, 'radar').state is State.OK


def test_empty_messages_are_no_fault(drive: Any, build: Any) -> None:
    without(drive, 'thermal')
    for _ in range(10):
        stamp_ns = drive.true_ns + drive.stamp_offset_ns + 20 * MS
        drive.observer.on_tracks(
            'thermal',
            build.detections(0, stamp_ns=stamp_ns, frame='thermal'),
            drive.now_ns + 50 * MS,
        )
        observed = drive.cycle()
    assert health_of(drive, 'thermal').state is State.OK
    assert [len(t) for t in observed.observations if t.source == 'thermal'] == [0]


def test_repetition_may_be_allowed_by_parameter(drive_with: Any) -> None:
    drive = drive_with(ObservationParameters(stuck_messages=0))
    source = without(drive, 'camera')
    frozen = drive.seen(source, 1)
    for _ in range(10):
        stamp_ns = drive.true_ns + drive.stamp_offset_ns + 20 * MS
        drive.observer.on_tracks('camera', replace(frozen, stamp_ns=stamp_ns), drive.now_ns + 1)
        drive.cycle()
    assert health_of(drive, 'camera').state is State.OK


def test_garbage_is_named_while_its_good_objects_are_used(drive: Any) -> None:
    drive.cycle(10)
    source = without(drive, 'lidar')
    for _ in range(3):
        arrays = drive.seen(source, drive.true_ns + 20 * MS)
        arrays.position[:3] = np.nan
        drive.observer.on_tracks('lidar', arrays, drive.now_ns + 50 * MS)
        observed = drive.cycle()
        assert [len(t) for t in observed.observations if t.source == 'lidar'] == [1]
    lidar = health_of(drive, 'lidar')
    assert lidar.state is State.GARBAGE
    assert lidar.lost
    assert lidar.objects_refused == {Reason.POSITION: 9}


def test_unreadable_messages_are_garbage(drive: Any) -> None:
    drive.cycle(10)
    without(drive, 'radar')
    for _ in range(3):
        drive.observer.on_malformed('radar', 'truncated', drive.now_ns + 50 * MS)
        drive.cycle()
    assert health_of(drive, 'radar').state is State.GARBAGE


def test_a_slow_source_is_named_and_used(drive: Any) -> None:
    source = without(drive, 'camera')
    for k in range(40):
        drive.sources = [*drive.sources, source] if k % 3 == 0 else drive.sources[:3]
        drive.cycle()
    camera = health_of(drive, 'camera')
    assert camera.rate_hz == pytest.approx(10 / 3, rel=0.01)
    assert camera.state is State.SLOW
    assert not camera.lost


def test_a_delayed_source_is_named_and_used_until_it_is_too_late(drive: Any) -> None:
    drive.cycle(10)
    source = without(drive, 'radar')
    for delay_ms, lost in ((400, False), (700, True)):
        for _ in range(4):
            arrays = drive.seen(source, drive.true_ns + (60 - delay_ms) * MS)
            drive.observer.on_tracks('radar', arrays, drive.now_ns + 60 * MS)
            observed = drive.cycle()
        radar = health_of(drive, 'radar')
        assert radar.state is State.DELAYED
        assert radar.lost is lost
        assert radar.delay_s == pytest.approx(delay_ms * 1e-3, abs=0.005)
        assert ('radar' in [t.source for t in observed.observations]) is not lost


def test_a_burst_of_copies_is_no_fault(drive: Any) -> None:
    for _ in range(10):
        for true_ns, deliver in drive.messages() * 10:
            deliver(true_ns)
        drive.true_ns += 100 * MS
        observed = drive.observer.release(drive.now_ns)
    assert len(observed.observations) == 4
    health = drive.observer.health(drive.now_ns)
    assert all(s.state is State.OK for s in health.sources)
    assert all(s.refused == {Reason.DUPLICATE: 90} for s in health.sources)


def test_an_intermittent_source_comes_and_goes(drive: Any) -> None:
    source = without(drive, 'lidar')
    states = []
    for k in range(40):
        on = k % 10 < 5
        drive.sources = [*drive.sources[:3], source] if on else drive.sources[:3]
        drive.cycle()
        states.append(health_of(drive, 'lidar').state)
    assert states[4] is State.OK
    assert states[9] is State.SILENT
    assert states[14] is State.OK
    assert states[19] is State.SILENT


def test_late_copies_of_used_messages_are_no_fault(drive: Any) -> None:
    """A network that repeats everything a while later."""
    before: list[Any] = []
    for _ in range(10):
        messages = drive.messages()
        for _, deliver in messages + before * 4:
            deliver(drive.now_ns + 90 * MS)
        before = messages
        drive.true_ns += 100 * MS
        observed = drive.observer.release(drive.now_ns)
        assert len(observed.observations) == 4
    for _, deliver in before * 4:
        deliver(drive.now_ns)
    health = drive.observer.health(drive.now_ns)
    assert all(source.state is State.OK for source in health.sources)
    assert all(set(source.refused) == {Reason.DUPLICATE} for source in health.sources)
    assert health.odometry.state is State.OK


@pytest.mark.parametrize('name', NAMES)
def test_silence_can_be_told_between_releases_in_time(drive: Any, name: str) -> None:
    """Early enough that the telling fits into max(300 ms, three periods) since the last message;
    one lost message of ten a second is not yet a silence.
    """
    drive.cycle(10)
    last_ns = drive.now_ns - round(health_of(drive, name).silence_s * 1e9)
    others = frozenset(NAMES) - {name}
    assert name not in drive.observer.silent(last_ns + 240 * MS)
    assert name in drive.observer.silent(last_ns + 260 * MS)
    assert drive.observer.silent(drive.now_ns) & others == frozenset()


def test_after_a_long_silence_the_rate_is_measured_anew(drive: Any) -> None:
    drive.cycle(10)
    without(drive, 'lidar')
    drive.cycle(20)
    drive.sources = DEFAULT_SOURCES
    drive.cycle()
    assert health_of(drive, 'lidar').state is State.OK
    drive.cycle(2)
    assert health_of(drive, 'lidar').state is State.OK
    assert health_of(drive, 'lidar').rate_hz == pytest.approx(10.0)
