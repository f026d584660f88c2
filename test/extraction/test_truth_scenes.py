"""Scenes of exact recordings: what an observer of the instant could know, and no more."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.errors import DataError, ParameterError
from prediction_node.domain.frames import rotation_2d, wrap_angle
from prediction_node.domain.kinds import Modality, ObjectClass
from prediction_node.domain.recording import Recording
from prediction_node.extraction.asking import Asking
from prediction_node.extraction.robotaxi import CENTRE_SHARE
from prediction_node.extraction.sight import Sight
from prediction_node.extraction.truth_scenes import samples_of
from prediction_node.learning.samples.sample import Sample

STEP_NS = 100_000_000


def cut(recording: Recording, asking: Asking | None = None, **settings: Any) -> list[Sample]:
    asking = asking or Asking(stride_s=1.0)
    return list(samples_of(recording, None, asking, group='g', origin='simulated', **settings))


def bits(sample: Sample) -> list[bytes]:
    """The scene, without what happened next, as bytes."""
    out: list[bytes] = []

    def walk(value: Any) -> None:
        if isinstance(value, np.ndarray):
            out.append(np.ascontiguousarray(value).tobytes())
        elif dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                walk(getattr(value, field.name))
        else:
            out.append(repr(value).encode())

    walk(sample.scene)
    return out


def sight_of(recording: Recording, seen: np.ndarray) -> Sight:
    """A camera's view (N, V) every half second; the other modalities see nothing."""
    view = np.zeros((4, *seen.shape), bool)
    view[Modality.CAMERA] = seen
    return Sight(recording.stamp_ns[::5], view)


def test_scenes_come_a_stride_apart_with_a_second_of_past_and_future(recording_of: Any) -> None:
    recording = recording_of(12.0)
    stamps = [sample.scene.stamp_ns for sample in cut(recording, Asking(stride_s=0.7))]
    assert stamps[0] == recording.stamp_ns[10]
    assert set(np.diff(stamps)) == {7 * STEP_NS}
    assert (
        recording.stamp_ns[-1] - 18 * STEP_NS < stamps[-1] <= recording.stamp_ns[-1] - 10 * STEP_NS
    )


@pytest.mark.parametrize('noise', [False, True])
def test_nothing_of_the_future_gets_into_a_scene(recording_of: Any, noise: bool) -> None:
    recording = recording_of(9.0)
    now = 40
    other = dataclasses.replace(
        recording,
        position_m=recording.position_m.copy(),
        yaw_rad=recording.yaw_rad.copy(),
        velocity_mps=recording.velocity_mps.copy(),
        attributes=recording.attributes.copy(),
    )
    rng = np.random.default_rng(0)
    for values in (other.position_m, other.yaw_rad, other.velocity_mps, other.attributes):
        values[:, now + 1 :] += rng.normal(size=values[:, now + 1 :].shape)
    asking = Asking(stride_s=0.5, noise=noise)
    until = int(recording.stamp_ns[now])
    pairs = [
        (a, b)
        for a, b in zip(cut(recording, asking), cut(other, asking), strict=True)
        if a.scene.stamp_ns <= until
    ]
    assert len(pairs) == 7
    for a, b in pairs:
        assert bits(a) == bits(b)
    a, b = pairs[-1]
    assert not np.array_equal(a.future_m, b.future_m)


def test_futures_are_where_the_recording_says(recording_of: Any) -> None:
    recording = recording_of(15.0)
    sample = cut(recording)[2]
    now = int(np.searchsorted(recording.stamp_ns, sample.scene.stamp_ns))
    assert sample.future_valid.all()
    np.testing.assert_allclose(
        sample.future_m, recording.position_m[1:, now + 1 : now + 81, :2], atol=1e-9
    )
    np.testing.assert_array_equal(sample.label, recording.label[1:])


def test_the_robotaxi_is_no_agent_and_its_future_is_that_of_base_link(recording_of: Any) -> None:
    recording = recording_of(15.0)
    samples = cut(recording)
    first, later = samples[0], samples[3]
    assert len(first.scene.agents) == len(recording.track_id) - 1
    steps = (later.scene.stamp_ns - first.scene.stamp_ns) // STEP_NS
    x, y, yaw, speed = first.ego_future[steps - 1]
    np.testing.assert_allclose((x, y), later.scene.ego.position_m, atol=1e-6)
    assert yaw == pytest.approx(later.scene.ego.yaw_rad, abs=1e-6)
    assert speed == pytest.approx(later.scene.ego.velocity_mps[0], abs=1e-3)
    np.testing.assert_allclose(first.scene.ego.centre_m, recording.position_m[0, 10, :2], atol=1e-6)
    assert first.scene.ego.centre_offset_m == pytest.approx(CENTRE_SHARE * 4.9)
    past = first.scene.ego_history
    assert past is not None
    np.testing.assert_allclose(
        past.position_m[0, -11:], recording.position_m[0, :11, :2], atol=1e-6
    )
    assert past.valid[0].sum() == 11


def test_histories_are_what_was_known_and_masked_before(recording_of: Any) -> None:
    recording = recording_of(10.0)
    recording.valid[2, :14] = False
    sample = next(
        s
        for s in cut(recording, Asking(stride_s=0.5))
        if s.scene.stamp_ns == recording.stamp_ns[20]
    )
    row = 1  # of the agents: row 0 of the recording is the robotaxi
    assert sample.scene.history.valid[row].sum() == 7
    assert sample.scene.history.valid[0].sum() == 21
    np.testing.assert_allclose(
        sample.scene.history.position_m[row, -7:], recording.position_m[2, 14:21, :2], atol=1e-9
    )


def test_the_world_turned_turns_the_samples(recording_of: Any) -> None:
    turn, shift = 2.1, np.array([3e5, -2e5])
    one, two = (
        cut(recording_of(9.0, **where))
        for where in ({}, {'turn_rad': turn, 'shift_m': tuple(shift)})
    )
    rotation = rotation_2d(np.float64(turn))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.future_valid, b.future_valid)
        moved = np.where(a.future_valid[..., None], a.future_m @ rotation.T + shift, 0.0)
        np.testing.assert_allclose(b.future_m, moved, atol=1e-6)
        agents, turned = a.scene.agents, b.scene.agents
        np.testing.assert_allclose(turned.velocity_mps, agents.velocity_mps @ rotation.T, atol=1e-5)
        apart = wrap_angle(turned.yaw_rad - agents.yaw_rad - turn)
        np.testing.assert_allclose(apart, 0.0, atol=1e-6)
        np.testing.assert_allclose(
            b.scene.ego.position_m, rotation @ a.scene.ego.position_m + shift, atol=1e-6
        )


def test_without_a_robotaxi_vehicles_take_turns(recording_of: Any) -> None:
    recording = dataclasses.replace(recording_of(10.0), ego=None)
    samples = cut(recording, Asking(stride_s=0.5, egos=2, seed=3))
    by_stamp: dict[int, list[Sample]] = {}
    for sample in samples:
        by_stamp.setdefault(sample.scene.stamp_ns, []).append(sample)
    assert all(len(each) == 2 for each in by_stamp.values())
    moving = {0, 1, 2, 3}  # rows of moving motor vehicles
    driven = set()
    for each in samples:
        now = int(np.searchsorted(recording.stamp_ns, each.scene.stamp_ns))
        apart = np.linalg.norm(recording.position_m[:, now, :2] - each.scene.ego.centre_m, axis=1)
        row = int(np.argmin(apart))
        assert apart[row] < 1e-6
        driven.add(row)
        assert len(each.scene.agents) == len(recording.track_id) - 1
        assert each.ego_future_valid.any()
        assert each.scene.ego_history is not None
        # As much of the past as there is, whoever was the robotaxi before.
        assert each.scene.ego_history.valid[0].sum() == min(now, 30) + 1
        assert each.scene.history.valid[0].sum() == min(now, 30) + 1
    assert driven == moving
    again = cut(recording, Asking(stride_s=0.5, egos=2, seed=3))
    assert [bits(a) for a in samples] == [bits(b) for b in again]


def test_whoever_takes_a_turn_knows_himself(recording_of: Any) -> None:
    """Noise is what others are seen with; a robotaxi is localised."""
    recording = dataclasses.replace(recording_of(10.0), ego=None)
    plain, noisy = (
        cut(recording, Asking(stride_s=0.5, egos=2, seed=3, noise=noise)) for noise in (False, True)
    )
    assert len(plain) == len(noisy) > 0
    for exact, seen in zip(plain, noisy, strict=True):
        np.testing.assert_array_equal(seen.scene.ego.velocity_mps, exact.scene.ego.velocity_mps)
        np.testing.assert_array_equal(seen.scene.ego.centre_m, exact.scene.ego.centre_m)
        assert not np.array_equal(seen.scene.agents.position_m, exact.scene.agents.position_m)


def test_where_nobody_can_drive_nobody_does(recording_of: Any) -> None:
    recording = recording_of(9.0)
    recording = dataclasses.replace(
        recording, ego=None, label=np.full(7, ObjectClass.PEDESTRIAN, np.int8)
    )
    for sample in cut(recording):
        assert not sample.scene.ego.present
        assert sample.scene.ego_history is None
        assert not sample.ego_future_valid.any()
        assert len(sample.scene.agents) == 7
        np.testing.assert_allclose(
            sample.scene.ego.position_m, np.median(sample.scene.agents.position_m[:, :2], axis=0)
        )


def test_a_robotaxi_that_leaves_is_gone(recording_of: Any) -> None:
    recording = recording_of(9.0)
    recording.valid[0, 45:] = False
    samples = cut(recording)
    assert [s.scene.ego.present for s in samples[:4]] == [True, True, True, True]
    assert samples[0].ego_future_valid.sum() == 34
    assert not any(s.scene.ego.present for s in samples[4:])


def test_only_who_is_seen_is_in_the_scene(recording_of: Any) -> None:
    recording = recording_of(9.0)
    n = len(recording.track_id)
    seen = np.zeros((n, len(recording.stamp_ns[::5])), bool)
    seen[1] = True
    seen[4, 6:10] = True  # from 3.0 s; until 4.5 s, and coasting for half a second after 5.0 s
    samples = cut(recording, Asking(stride_s=0.5), sight=sight_of(recording, seen))
    there = {
        int((s.scene.stamp_ns - recording.stamp_ns[0]) // STEP_NS): len(s.scene.agents)
        for s in samples
    }
    assert there[25] == 1
    assert [there[k] for k in (30, 35, 40, 45, 50, 55)] == [2, 2, 2, 2, 2, 2]
    assert there[60] == 1
    sample = next(s for s in samples if s.scene.stamp_ns == recording.stamp_ns[35])
    lately = int(np.argmin(sample.scene.history.valid.sum(axis=1)))
    assert sample.scene.history.valid[lately].sum() == 6
    np.testing.assert_array_equal(np.isinf(sample.scene.agents.modality_age_s[0]), [0, 1, 1, 1])


def test_attributes_are_known_only_near_a_camera(recording_of: Any) -> None:
    recording = recording_of(9.0)
    recording.has_attribute[:] = True
    recording.attributes[:] = 0.7
    recording.position_m[2, :, 0] += 40.0
    seen = np.ones((len(recording.track_id), len(recording.stamp_ns[::5])), bool)
    (scene, *_) = (s.scene for s in cut(recording, sight=sight_of(recording, seen)))
    offset = scene.agents.position_m[:, :2] - recording.position_m[0, 10, :2]
    near = np.hypot(*offset.T) <= 50.0
    np.testing.assert_array_equal(scene.agents.has_attribute.all(axis=1), near)
    assert near.any()
    assert not near.all()
    assert not scene.agents.attributes[~near].any()


def test_true_headings_are_kept(recording_of: Any) -> None:
    recording = recording_of(9.0)
    skewed = dataclasses.replace(recording, yaw_rad=wrap_angle(recording.yaw_rad + 0.05))
    for sample in cut(skewed, true_headings=True):
        now = int(np.searchsorted(recording.stamp_ns, sample.scene.stamp_ns))
        np.testing.assert_array_equal(sample.scene.agents.yaw_rad, skewed.yaw_rad[1:, now])
    moved = cut(skewed)[0].scene.agents
    assert moved.yaw_rad[0] == pytest.approx(recording.yaw_rad[1, 10], abs=1e-6)


def test_what_no_future_is_known_of_is_no_sample(recording_of: Any) -> None:
    recording = recording_of(9.0)
    recording.valid[1:, 31:] = False
    assert [s.scene.stamp_ns for s in cut(recording)] == recording.stamp_ns[[10, 20]].tolist()
    assert cut(recording_of(1.5)) == []


def test_ages_look_back_only() -> None:
    seen = np.zeros((4, 1, 4), bool)
    seen[Modality.LIDAR, 0] = [False, True, False, True]
    sight = Sight(np.arange(4, dtype=np.int64) * 5 * STEP_NS, seen)
    ages = [sight.ages_s(k * STEP_NS)[0, Modality.LIDAR] for k in (0, 4, 5, 9, 10, 12, 14, 15)]
    np.testing.assert_allclose(ages, [np.inf, np.inf, 0.0, 0.0, 0.0, 0.2, 0.4, 0.0])
    assert np.isinf(sight.ages_s(-1)).all()


def test_a_sensor_of_unknown_kind_is_named() -> None:
    with pytest.raises(DataError, match="sensor 'sonar_left'"):
        Sight.of_sensors(('sonar_left',), np.zeros(1, np.int64), np.zeros((1, 2, 1), bool), 'x')


@pytest.mark.parametrize('values', [{'stride_s': 0.0}, {'egos': 0}, {'stride_s': float('nan')}])
def test_bad_askings_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match='must lie in'):
        Asking(**values)
