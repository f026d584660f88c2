"""What is reported without being there comes as often, stays as long and lies where it should."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.kinds import Modality
from prediction_node.domain.message_arrays import TrackedObjectsArrays
from prediction_node.domain.recording import Recording
from prediction_node.simulation.sensors.parameters import SuiteParameters, default_sensor
from prediction_node.simulation.sensors.suite import simulate_sensors

SQUARE = np.array([[10.0, -5.0], [20.0, -5.0], [20.0, 5.0], [10.0, 5.0]])
EXACT = {
    'x_m': 0.0,
    'dropout': 0.0,
    'sigma_along_m': 0.0,
    'sigma_across_m': 0.0,
    'sigma_along_fraction': 0.0,
    'sigma_across_deg': 0.0,
}


def lidar(**changes: Any) -> SuiteParameters:
    sensor = default_sensor(Modality.LIDAR, **{**EXACT, **changes})
    return SuiteParameters(sensors={'lidar': sensor})


def scans(recording: Recording, suite: SuiteParameters, **walls: Any) -> list[TrackedObjectsArrays]:
    out = [message.arrays for message in simulate_sensors(recording, suite, 3, **walls)]
    assert all(isinstance(arrays, TrackedObjectsArrays) for arrays in out)
    return out  # type: ignore[return-value]


@pytest.fixture
def nobody(world_of: Any) -> Recording:
    """Only the robotaxi, which stands for 60 s and looks east."""
    recording: Recording = world_of(np.zeros((0, 2)), steps=601)
    return recording


def names(arrays: TrackedObjectsArrays) -> set[bytes]:
    return {row.tobytes() for row in arrays.object_id}


def assert_mean(values: list[int], mean: float) -> None:
    """Poisson numbers: the variance is the mean."""
    assert abs(np.mean(values) - mean) < 4.0 * np.sqrt(mean / len(values))


def test_nothing_is_imagined_by_default(nobody: Recording) -> None:
    for message in simulate_sensors(nobody, SuiteParameters(), 1, buildings=(SQUARE,)):
        assert len(message.arrays.position) == 0


def test_false_alarms_come_at_their_rate_and_go_at_once(nobody: Recording) -> None:
    out = scans(nobody, lidar(false_alarms=1.5))
    counts = [len(arrays.position) for arrays in out]
    assert_mean(counts, 1.5)
    assert abs(np.var(counts) - 1.5) < 0.4  # Poisson
    everyone = [name for arrays in out for name in names(arrays)]
    assert len(set(everyone)) == len(everyone)


def test_false_alarms_are_spread_over_the_sector(nobody: Recording) -> None:
    out = scans(nobody, lidar(false_alarms=8.0, field_of_view_deg=60.0, range_m=80.0))
    place = np.concatenate([arrays.position for arrays in out])
    bearing = np.degrees(np.arctan2(place[:, 1], place[:, 0]))
    assert np.abs(bearing).max() <= 30.0
    assert abs(np.mean(np.abs(bearing) < 15.0) - 0.5) < 4.0 * 0.5 / np.sqrt(len(place))
    distance = np.hypot(place[:, 0], place[:, 1])
    assert distance.max() <= 80.0
    # Half of a disc lies within 0.707 of its radius.
    assert abs(np.mean(distance < 80.0 / np.sqrt(2.0)) - 0.5) < 4.0 * 0.5 / np.sqrt(len(place))


def test_false_alarms_drop_out_like_everybody(nobody: Recording) -> None:
    counts = [
        len(arrays.position) for arrays in scans(nobody, lidar(false_alarms=2.0, dropout=0.5))
    ]
    assert_mean(counts, 1.0)


def test_ghosts_stay_at_their_place_for_their_lifetime(nobody: Recording) -> None:
    out = scans(nobody, lidar(ghosts_per_minute=120.0, ghost_lifetime_s=2.0))
    seen: dict[bytes, list[np.ndarray]] = {}
    for arrays in out:
        for name, place in zip(arrays.object_id, arrays.position, strict=True):
            seen.setdefault(name.tobytes(), []).append(place)
    assert abs(len(seen) - 120) < 4.0 * np.sqrt(120)
    for places in seen.values():
        assert np.ptp(np.array(places)[:, :2], axis=0).max() < 1e-9
    # Born in a scan and seen in it: a life of t seconds is 1 + t x 10 Hz scans, on average.
    scans_seen = np.array([len(places) for places in seen.values()])
    assert abs(scans_seen.mean() - 20.5) < 4.0 * 20.0 / np.sqrt(len(seen))


def test_ghosts_stay_in_the_map_while_the_vehicle_drives_on(nobody: Recording) -> None:
    position = nobody.position_m.copy()
    position[0, :, 0] += 0.5 * np.arange(len(nobody.stamp_ns))
    driving = dataclasses.replace(nobody, position_m=position)
    out = scans(driving, lidar(ghosts_per_minute=60.0, ghost_lifetime_s=5.0))
    first: dict[bytes, tuple[float, np.ndarray]] = {}
    moved = 0
    for arrays in out:
        time_s = (arrays.stamp_ns - int(driving.stamp_ns[0])) * 1e-9
        for name, place in zip(arrays.object_id, arrays.position, strict=True):
            place_in_map = place + np.array([5.0 * time_s, 0.0, 0.0])
            was_s, there = first.setdefault(name.tobytes(), (time_s, place_in_map))
            np.testing.assert_allclose(place_in_map[:2], there[:2], atol=1e-5)
            moved += time_s > was_s
    assert moved > 300


def test_echoes_lie_on_the_walls_in_view(nobody: Recording) -> None:
    out = scans(nobody, lidar(clutter=2.0, field_of_view_deg=120.0), buildings=(SQUARE,))
    place = np.concatenate([arrays.position for arrays in out])
    # The near wall of the square, x = 10, is all that a sensor at the origin sees of it.
    np.testing.assert_allclose(place[:, 0], 10.0, atol=1e-6)
    assert np.abs(place[:, 1]).max() <= 5.0
    assert np.ptp(place[:, 1]) > 8.0
    assert_mean([len(arrays.position) for arrays in out], 2.0)


def test_no_echo_without_a_wall_in_reach_or_in_the_sector(nobody: Recording) -> None:
    far = SQUARE + np.array([200.0, 0.0])
    behind = SQUARE - np.array([40.0, 0.0])
    suite = lidar(clutter=5.0, field_of_view_deg=120.0)
    assert all(len(a.position) == 0 for a in scans(nobody, suite, buildings=(far, behind)))
    assert all(len(a.position) == 0 for a in scans(nobody, suite))


def test_rails_send_echoes_and_hide_nobody(world_of: Any) -> None:
    world = world_of(np.array([[30.0, 0.0]]), steps=101)
    rail = np.array([[15.0, -20.0], [15.0, 5.0], [15.0, 20.0]])
    seen = scans(world, lidar(clutter=1.0, field_of_view_deg=90.0), rails=(rail,))
    place = np.concatenate([arrays.position for arrays in seen])
    at_rail = np.isclose(place[:, 0], 15.0)
    assert_mean([int(np.isclose(a.position[:, 0], 15.0).sum()) for a in seen], 1.0)
    assert np.abs(place[at_rail, 1]).max() <= 20.0
    assert sum(bool(np.isclose(a.position[:, 0], 30.0).any()) for a in seen) == len(seen)
    wall = rail[[0, 2]]
    assert all(len(a.position) == 0 for a in scans(world, lidar(), buildings=(wall,)))


def test_phantoms_do_not_change_what_is_real(world_of: Any, circle: Any) -> None:
    world = world_of(circle(10, 30.0), steps=21)
    plain = scans(world, lidar(sigma_along_m=0.1))
    haunted = scans(world, lidar(sigma_along_m=0.1, false_alarms=3.0, ghosts_per_minute=60.0))
    assert sum(len(a.position) for a in haunted) > sum(len(a.position) for a in plain)
    for before, after in zip(plain, haunted, strict=True):
        place = {tuple(p) for p in after.position.tolist()}
        assert {tuple(p) for p in before.position.tolist()} <= place
        assert names(before) <= names(after)


def test_the_same_seed_imagines_the_same(nobody: Recording) -> None:
    suite = lidar(false_alarms=1.0, ghosts_per_minute=60.0, clutter=1.0)
    for a, b in zip(
        scans(nobody, suite, buildings=(SQUARE,)),
        scans(nobody, suite, buildings=(SQUARE,)),
        strict=True,
    ):
        np.testing.assert_array_equal(a.position, b.position)
        np.testing.assert_array_equal(a.object_id, b.object_id)
