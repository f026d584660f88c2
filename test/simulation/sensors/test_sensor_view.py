"""What a sensor sees at all: range, sector, night, warmth, and bodies in the way."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.kinds import ATTRIBUTE_INDEX, Modality, ObjectClass
from prediction_node.domain.recording import Recording
from prediction_node.simulation.sensors.occlusion import hidden_shares
from prediction_node.simulation.sensors.parameters import SuiteParameters, default_sensor
from prediction_node.simulation.sensors.suite import simulate_sensors

SHARP = {
    'x_m': 0.0,
    'dropout': 0.0,
    'sigma_along_m': 1e-6,
    'sigma_along_fraction': 0.0,
    'sigma_across_m': 1e-6,
    'sigma_across_deg': 0.0,
}


def first_scan(recording: Recording, modality: Modality, **changes: Any) -> np.ndarray:
    """(M, 2) what a sensor without noise or dropouts reports first, in its own frame."""
    suite_changes = {k: changes.pop(k) for k in ('night', 'occlusion') if k in changes}
    sensor = default_sensor(modality, **{**SHARP, **changes})
    suite = SuiteParameters(sensors={'s': sensor}, **{'occlusion': False, **suite_changes})
    return next(iter(simulate_sensors(recording, suite, 0))).arrays.position[:, :2]


@pytest.mark.parametrize(
    ('modality', 'reach_m'),
    [
        (Modality.CAMERA, 120.0),
        (Modality.LIDAR, 100.0),
        (Modality.RADAR, 180.0),
        (Modality.THERMAL, 80.0),
    ],
)
def test_range_ends_where_the_figures_say(
    modality: Modality, reach_m: float, world_of: Any
) -> None:
    inside, outside = reach_m - 0.01, reach_m + 0.01
    seen = first_scan(world_of(np.array([[0.0, inside], [0.0, -outside]])), modality)
    np.testing.assert_allclose(seen, [[0.0, inside]], atol=1e-3)


def test_night_halves_the_camera_and_leaves_the_others(world_of: Any) -> None:
    world = world_of(np.array([[59.9, 0.0], [-60.1, 0.0], [0.0, 79.9]]))
    assert len(first_scan(world, Modality.CAMERA, night=True)) == 1
    assert len(first_scan(world, Modality.CAMERA)) == 3
    for modality in (Modality.LIDAR, Modality.RADAR, Modality.THERMAL):
        assert len(first_scan(world, modality, night=True)) == 3


def test_sector_and_mount(world_of: Any) -> None:
    # Looking left from 2 m ahead of base_link, 90 degrees wide: the second car is 46 degrees off,
    # the last one 44.
    world = world_of(np.array([[2.0, 30.0], [33.0, 30.0], [2.0, -30.0], [30.0, 29.0]]))
    seen = first_scan(world, Modality.LIDAR, x_m=2.0, yaw_deg=90.0, field_of_view_deg=90.0)
    np.testing.assert_allclose(sorted(seen.tolist()), [[29.0, -28.0], [30.0, 0.0]], atol=1e-3)


@pytest.mark.parametrize('ego_yaw_rad', [0.0, 1.0, -2.5])
def test_sensor_frame_turns_with_the_vehicle(ego_yaw_rad: float, world_of: Any) -> None:
    world = world_of(np.array([[30.0, 10.0]]), ego_yaw_rad=ego_yaw_rad)
    seen = first_scan(world, Modality.RADAR)
    turn = np.array(
        [
            [np.cos(ego_yaw_rad), np.sin(ego_yaw_rad)],
            [-np.sin(ego_yaw_rad), np.cos(ego_yaw_rad)],
        ]
    )
    np.testing.assert_allclose(seen, [turn @ [30.0, 10.0]], atol=1e-3)


def test_the_vehicle_does_not_see_itself(world_of: Any) -> None:
    assert len(first_scan(world_of(np.zeros((0, 2))), Modality.LIDAR)) == 0


def test_thermal_sees_warm_bodies_only(world_of: Any) -> None:
    classes = list(ObjectClass)
    places = np.array([[20.0, 3.0 * k - 12.0] for k in range(len(classes))])
    world = world_of(places, label=np.array(classes))
    seen = first_scan(world, Modality.THERMAL)
    warm = {
        classes[k] for k in np.argmin(np.linalg.norm(seen[:, None] - places[None], axis=-1), axis=1)
    }
    assert warm == set(classes) - {ObjectClass.UNKNOWN, ObjectClass.TRAILER}


def test_thermal_does_not_see_a_parked_car(world_of: Any) -> None:
    world = world_of(np.array([[20.0, 0.0], [0.0, 20.0]]))
    parked = ATTRIBUTE_INDEX['parked']
    world.attributes[1, :, parked] = 1.0
    world.has_attribute[1, :, parked] = True
    np.testing.assert_allclose(first_scan(world, Modality.THERMAL), [[0.0, 20.0]], atol=1e-3)
    assert len(first_scan(world, Modality.CAMERA)) == 2


def test_a_bus_hides_the_car_behind_it(world_of: Any) -> None:
    world = world_of(np.array([[20.0, 0.0], [40.0, 0.0], [0.0, 40.0]]), size_m=(12.0, 2.5, 3.2))
    assert len(first_scan(world, Modality.LIDAR, occlusion=True)) == 2
    assert len(first_scan(world, Modality.LIDAR, occlusion=False)) == 3


def test_nobody_is_hidden_twice_over_the_own_roof(world_of: Any) -> None:
    # The robotaxi itself stands between its sensors and everybody else.
    assert len(first_scan(world_of(np.array([[30.0, 0.0]])), Modality.LIDAR, occlusion=True)) == 1


def boxes(*rows: tuple[float, float, float, float, float, float]) -> tuple[np.ndarray, ...]:
    """x, y, yaw, length, width, height to the arguments of `hidden_shares`."""
    table = np.array(rows)
    position = np.column_stack([table[:, :2], 0.5 * table[:, 5]])
    return position, table[:, 2], table[:, 3:6]


def test_hidden_share_of_known_geometry() -> None:
    sensor = np.array([0.0, 0.0, 1.0])
    # A wall at 10 m, from y = 0 to the left without end in sight, hides the left half of a far box.
    share = hidden_shares(sensor, *boxes((10, 10, 0, 0.1, 20, 4), (50, 0, 0, 2, 4, 2)))
    assert share[0] == 0.0
    assert share[1] == pytest.approx(0.5, abs=0.04)  # one ray in fifteen


def test_a_low_body_does_not_hide_a_high_one() -> None:
    sensor = np.array([0.0, 0.0, 3.0])
    low = hidden_shares(sensor, *boxes((10, 0, 0, 2, 4, 0.5), (20, 0, 0, 2, 2, 3)))
    high = hidden_shares(sensor, *boxes((10, 0, 0, 2, 4, 4.0), (20, 0, 0, 2, 2, 3)))
    assert low[1] == 0.0
    assert high[1] == 1.0


def test_hidden_shares_do_not_depend_on_the_frame() -> None:
    rng = np.random.default_rng(3)
    n, turn = 40, 2.2
    position = np.column_stack([rng.uniform(-40, 40, (n, 2)), np.full(n, 0.75)])
    yaw, size = rng.uniform(-np.pi, np.pi, n), np.tile([4.5, 1.8, 1.5], (n, 1))
    sensor = np.array([0.0, 0.0, 1.2])
    rotation = np.array(
        [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    )
    shift = np.array([5e6, -3e6, 0.0])
    here = hidden_shares(sensor, position, yaw, size)
    there = hidden_shares(
        rotation @ sensor + shift, position @ rotation.T + shift, yaw + turn, size
    )
    assert np.mean(here != there) <= 0.05  # a ray on an edge may fall to either side
    np.testing.assert_allclose(here, there, atol=2.0 / 15 + 1e-9)
    assert here.max() > 0.9
    assert here.min() == 0.0


def test_empty_worlds_hide_nothing() -> None:
    assert hidden_shares(np.zeros(3), np.zeros((0, 3)), np.zeros(0), np.zeros((0, 3))).shape == (0,)


def test_attributes_are_read_up_close_only(world_of: Any) -> None:
    world = world_of(np.array([[20.0, 0.0], [0.0, 60.0]]), steps=301)
    brake = ATTRIBUTE_INDEX['brake']
    world.attributes[1:, :, brake] = 1.0
    world.has_attribute[1:, :, brake] = True
    sensor = default_sensor(Modality.CAMERA, **{**SHARP, 'class_right': 1.0})
    suite = SuiteParameters(occlusion=False, sensors={'s': sensor})
    scores = []
    for message in simulate_sensors(world, suite, 0):
        arrays = message.arrays
        for i in range(len(arrays.position)):
            first, last = arrays.hypothesis_offsets[i : i + 2]
            names = arrays.hypothesis_class_id[first:last]
            near = arrays.position[i, 0] > 10.0
            assert ('attribute/brake' in names) == near
            if near:
                scores.append(arrays.hypothesis_score[first + names.index('attribute/brake')])
    assert set(np.round(scores, 6)) == {0.95, 0.05}
    share = np.mean(np.array(scores) > 0.5)
    assert abs(share - 0.95) < 4.0 * np.sqrt(0.95 * 0.05 / len(scores))


def test_night_and_day_are_the_same_for_the_truth(world_of: Any) -> None:
    world = world_of(np.array([[30.0, 0.0]]))
    suite = SuiteParameters()
    by_day = [m.arrays.position for m in simulate_sensors(world, suite, 5)]
    by_night = [
        m.arrays.position
        for m in simulate_sensors(world, dataclasses.replace(suite, night=True), 5)
    ]
    for a, b in zip(by_day, by_night, strict=True):
        np.testing.assert_array_equal(a, b)  # the car is near enough in both
