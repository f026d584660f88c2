"""Sensors of a world that goes on: what comes out when, and what a growing cast changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.interpolation import instant
from prediction_node.domain.kinds import Modality
from prediction_node.domain.recording import Recording
from prediction_node.simulation.sensors.corners import corner_suite
from prediction_node.simulation.sensors.parameters import SuiteParameters, default_sensor
from prediction_node.simulation.sensors.randomness import NEWCOMERS, ScanChance
from prediction_node.simulation.sensors.stream import SensorMessage, SensorStream
from prediction_node.simulation.sensors.suite import simulate_sensors


@dataclasses.dataclass
class GrowingCast:
    """The first `known` rows of a recording."""

    recording: Recording
    known: int

    @property
    def track_id(self) -> Sequence[str]:
        return self.recording.track_id[: self.known]

    @property
    def label(self) -> np.ndarray:
        return self.recording.label[: self.known]

    @property
    def size_m(self) -> np.ndarray:
        return self.recording.size_m[: self.known]

    @property
    def ego(self) -> int | None:
        return self.recording.ego


@pytest.fixture
def world(world_of: Any, circle: Any) -> Recording:
    recording: Recording = world_of(circle(12, 40.0), velocity_mps=np.full((12, 2), 3.0), steps=21)
    return recording


def assert_same(a: SensorMessage, b: SensorMessage) -> None:
    assert (a.arrival_ns, a.source) == (b.arrival_ns, b.source)
    for field in dataclasses.fields(a.arrays):
        np.testing.assert_array_equal(getattr(a.arrays, field.name), getattr(b.arrays, field.name))


def test_each_world_releases_what_has_arrived_by_then(world: Recording) -> None:
    suite = corner_suite(latency_jitter_ms=60.0)
    stream = SensorStream(world, suite, 5)
    said: list[SensorMessage] = []
    for k in range(len(world.stamp_ns)):
        arrived = stream.advance(instant(world, k))
        before_ns = int(world.stamp_ns[k - 1]) if k else 0
        assert all(before_ns < m.arrival_ns <= world.stamp_ns[k] for m in arrived)
        said += arrived
    rest = stream.finish()
    assert all(m.arrival_ns > world.stamp_ns[-1] for m in rest)
    assert all(m.arrays.stamp_ns <= world.stamp_ns[-1] for m in rest)
    keys = [(m.arrival_ns, m.source) for m in said + rest]
    assert keys == sorted(keys)
    for a, b in zip(said + rest, simulate_sensors(world, suite, 5), strict=True):
        assert_same(a, b)


def test_time_must_go_on(world: Recording) -> None:
    stream = SensorStream(world, SuiteParameters(), 0)
    stream.advance(instant(world, 3))
    with pytest.raises(ValueError, match='must be later'):
        stream.advance(instant(world, 2))
    with pytest.raises(ValueError, match='must be later'):
        stream.advance(instant(world, 3))


def test_who_comes_later_changes_nothing_for_those_before(world_of: Any, circle: Any) -> None:
    """A world may grow by any number of rows: the others' noise and ids stay the same."""
    world = world_of(circle(200, 40.0), steps=21)
    late = dataclasses.replace(world, valid=world.valid.copy())
    late.valid[6:, :10] = False
    suite = SuiteParameters(
        occlusion=False, sensors={'lidar': default_sensor(Modality.LIDAR, id_switch=0.02)}
    )
    alone = SensorStream(GrowingCast(late, 6), suite, 1)
    cast = GrowingCast(late, 6)
    growing = SensorStream(cast, suite, 1)
    few = dataclasses.replace(late, valid=late.valid.copy())
    few.valid[6:] = False
    for k in range(21):
        if k == 10:
            cast.known = 201
        kept, grown = alone.advance(instant(few, k)), growing.advance(instant(late, k))
        for a, b in zip(kept, grown, strict=True):
            places = {tuple(p) for p in b.arrays.position.tolist()}
            assert {tuple(p) for p in a.arrays.position.tolist()} <= places
            ids = {u.tobytes() for u in b.arrays.object_id}  # type: ignore[union-attr]
            assert {u.tobytes() for u in a.arrays.object_id} <= ids  # type: ignore[union-attr]
    assert len(grown[-1].arrays.position) > 150


def test_numbers_of_newcomers_are_as_random_as_all_others() -> None:
    rows = np.arange(10, 10 + 3 * NEWCOMERS)
    normal = np.concatenate([ScanChance(1, 's', k, 10).of(rows).normal for k in range(50)])
    uniform = np.concatenate([ScanChance(1, 's', k, 10).of(rows).uniform for k in range(50)])
    assert abs(normal.mean()) < 4.0 / np.sqrt(normal.size)
    assert abs(normal.std() - 1.0) < 4.0 / np.sqrt(2.0 * normal.size)
    assert abs(uniform.mean() - 0.5) < 4.0 * np.sqrt(1.0 / 12.0 / uniform.size)
    assert len(np.unique(normal)) == normal.size


def test_numbers_of_a_row_do_not_depend_on_who_else_is_asked_for() -> None:
    rows = np.array([3, 9, 10, 40, 200, 11])
    together = ScanChance(7, 'radar', 4, 10).of(rows)
    for i, row in enumerate(rows):
        alone = ScanChance(7, 'radar', 4, 10).of(np.array([row]))
        np.testing.assert_array_equal(alone.normal[0], together.normal[i])
        np.testing.assert_array_equal(alone.uniform[0], together.uniform[i])
        assert (alone.order[0], alone.mistaken[0]) == (together.order[i], together.mistaken[i])


def test_latency_and_jitter_stay_in_their_bounds(world_of: Any) -> None:
    """Uniform between the latency and the latency plus the jitter."""
    world = world_of(np.zeros((0, 2)), steps=1001)
    sensor = default_sensor(Modality.RADAR, latency_ms=40.0, latency_jitter_ms=20.0)
    out = list(simulate_sensors(world, SuiteParameters(sensors={'radar': sensor}), 2))
    late_ms = np.array([m.arrival_ns - m.arrays.stamp_ns for m in out]) * 1e-6
    assert late_ms.min() >= 40.0
    assert late_ms.max() <= 60.0
    assert len(out) == 1500
    sigma = 20.0 / np.sqrt(12.0)
    assert abs(late_ms.mean() - 50.0) < 4.0 * sigma / np.sqrt(len(out))
    assert abs(late_ms.std() - sigma) < 0.5


def test_worlds_need_no_order_of_rows(world: Recording) -> None:
    """What counts is the row, not where it stands in a snapshot."""
    suite = SuiteParameters()
    straight, mixed = SensorStream(world, suite, 0), SensorStream(world, suite, 0)
    rng = np.random.default_rng(0)
    for k in range(5):
        there = instant(world, k)
        order = rng.permutation(len(there.row))
        shuffled = dataclasses.replace(
            there,
            **{
                f.name: getattr(there, f.name)[order]
                for f in dataclasses.fields(there)
                if f.name != 'stamp_ns'
            },
        )
        for a, b in zip(straight.advance(there), mixed.advance(shuffled), strict=True):
            np.testing.assert_allclose(a.arrays.position, b.arrays.position, rtol=1e-12)
