"""What a sensor sees at all: range, sector, night, warmth, and bodies in the way."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.kinds import ATTRIBUTE_INDEX, Modality, ObjectClass
from prediction_node.domain.recording import Recording
from prediction_node.simulation.sensors.occlusion import first_hits, hidden_shares
from prediction_node.simulation.sensors.parameters import SuiteParameters, default_sensor
from prediction_node.simulation.sensors.suite import rows_in_view, simulate_sensors
from prediction_node.simulation.sensors.walls import Walls

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
    suite_changes = {
        k: changes.pop(k) for k in ('night', 'visibility_m', 'occlusion') if k in changes
    }
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


@pytest.mark.parametrize(
    ('modality', 'visibility_m', 'reach_m'),
    [
        (Modality.CAMERA, 10_000.0, 120.0),
        (Modality.CAMERA, 100.0, 100.0),
        (Modality.CAMERA, 40.0, 40.0),
        (Modality.LIDAR, 10_000.0, 100.0),
        (Modality.LIDAR, 1000.0, 100.0),
        (Modality.LIDAR, 100.0, 35.0),
        (Modality.RADAR, 40.0, 180.0),
        (Modality.THERMAL, 40.0, 80.0),
    ],
)
def test_fog_shortens_what_light_reaches(
    modality: Modality, visibility_m: float, reach_m: float, world_of: Any
) -> None:
    inside, outside = reach_m - 0.01, reach_m + 0.01
    world = world_of(np.array([[0.0, inside], [0.0, -outside]]))
    seen = first_scan(world, modality, visibility_m=visibility_m)
    np.testing.assert_allclose(seen, [[0.0, inside]], atol=1e-3)


def test_at_night_in_fog_the_shorter_reach_counts(world_of: Any) -> None:
    world = world_of(np.array([[49.9, 0.0], [-50.1, 0.0], [0.0, 59.9]]))
    weather = {'night': True, 'visibility_m': 50.0}
    assert len(first_scan(world, Modality.CAMERA, **weather)) == 1
    assert len(first_scan(world, Modality.CAMERA, night=True)) == 3
    walkers = world_of(np.array([[79.9, 0.0], [0.0, 30.0]]), label=ObjectClass.PEDESTRIAN)
    assert len(first_scan(walkers, Modality.THERMAL, **weather)) == 2


def test_radar_keeps_the_speed_in_fog(world_of: Any) -> None:
    world = world_of(np.array([[150.0, 0.0]]), velocity_mps=np.array([[-12.0, 0.0]]), steps=101)
    sensor = default_sensor(Modality.RADAR, **{**SHARP, 'x_m': 0.0})
    suite = SuiteParameters(visibility_m=30.0, sensors={'radar': sensor})
    speed = [m.arrays.velocity[0, 0] for m in simulate_sensors(world, suite, 0)]
    assert abs(np.mean(speed) + 12.0) < 4.0 * 0.15 / np.sqrt(len(speed))
    assert abs(np.std(speed) - 0.15) < 4.0 * 0.15 / np.sqrt(2.0 * len(speed))


@pytest.mark.parametrize('modality', list(Modality))
@pytest.mark.parametrize('view_deg', [30.0, 100.0, 180.0, 300.0])
def test_the_sector_ends_at_its_edges(modality: Modality, view_deg: float, world_of: Any) -> None:
    inside, outside = np.radians(0.5 * view_deg - 0.1), np.radians(0.5 * view_deg + 0.1)
    bearing = np.array([inside, outside, -inside, -outside])
    world = world_of(40.0 * np.stack([np.cos(bearing), np.sin(bearing)], axis=-1))
    seen = first_scan(world, modality, field_of_view_deg=view_deg)
    found = np.degrees(np.sort(np.arctan2(seen[:, 1], seen[:, 0])))
    np.testing.assert_allclose(found, [0.1 - 0.5 * view_deg, 0.5 * view_deg - 0.1], atol=1e-3)


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


def test_a_wall_hides_the_share_that_is_behind_it() -> None:
    sensor = np.array([0.0, 0.0, 1.0])
    bus = boxes((40, 0, np.pi / 2, 12, 2.5, 3))  # across, 12 m wide
    for left_end_m, share in ((-10.0, 0.0), (0.0, 0.5), (1.5, 0.75), (10.0, 1.0)):
        # From far right to `left_end_m` of the line of sight, half way to the bus.
        wall = Walls.of([np.array([[20.0, -30.0], [20.0, left_end_m]])])
        hidden = hidden_shares(sensor, *bus, wall)
        # The near face decides the width: its corners are 6 m to either side at 38.75 m.
        assert hidden[0] == pytest.approx(share, abs=1.5 / 15)


def test_a_building_hides_only_what_is_behind_it() -> None:
    house = Walls.of([np.array([[10.0, -5.0], [20.0, -5.0], [20.0, 5.0], [10.0, 5.0]])])
    sensor = np.array([0.0, 0.0, 1.5])
    car = (4.5, 1.8, 1.5)
    places = boxes(
        (40, 0, 0, *car), (6, 0, 0, *car), (40, 40, 0, *car), (-40, 0, 0, *car), (15, 0, 0, *car)
    )
    shares = hidden_shares(sensor, *places, house)
    np.testing.assert_array_equal(shares, [1.0, 0.0, 0.0, 0.0, 1.0])


def test_a_wall_is_higher_than_any_roof() -> None:
    wall = Walls.of([np.array([[10.0, -5.0], [10.0, 5.0]])])
    assert hidden_shares(np.array([0.0, 0.0, 3.5]), *boxes((20, 0, 0, 12, 2.5, 4)), wall)[0] == 1.0


def test_a_building_around_the_sensor_hides_nobody() -> None:
    garage = np.array([[-30.0, -30.0], [30.0, -30.0], [30.0, 30.0], [-30.0, 30.0]])
    spots = boxes((20, 0, 0, 4, 2, 1.5), (0, 25, 0, 4, 2, 1.5), (50, 20, 0, 4, 2, 1.5))
    for outline in (garage, garage[::-1], np.concatenate([garage, garage[:1]])):
        shares = hidden_shares(np.zeros(3), *spots, Walls.of([outline]))
        np.testing.assert_array_equal(shares, [0.0, 0.0, 0.0])


def test_walls_hide_alike_wherever_the_frame_lies() -> None:
    rng = np.random.default_rng(8)
    houses = [
        centre + rng.uniform(2, 8) * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
        for centre in rng.uniform(-60, 60, (30, 2))
        if np.hypot(*centre) > 15
    ]
    position = np.column_stack([rng.uniform(-70, 70, (60, 2)), np.full(60, 0.75)])
    yaw, size = rng.uniform(-np.pi, np.pi, 60), np.tile([4.5, 1.8, 1.5], (60, 1))
    sensor, turn = np.array([0.0, 0.0, 1.2]), 2.2
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = np.array([5e6, -3e6])
    here = hidden_shares(sensor, position, yaw, size, Walls.of(houses))
    moved = np.column_stack([position[:, :2] @ rotation.T + shift, position[:, 2]])
    there = hidden_shares(
        np.append(shift, 1.2),
        moved,
        yaw + turn,
        size,
        Walls.of([house @ rotation.T + shift for house in houses]),
    )
    assert np.mean(here != there) <= 0.05  # a ray on an edge may fall to either side
    np.testing.assert_allclose(here, there, atol=2.0 / 15 + 1e-9)
    assert 0.2 < np.mean(here == 1.0) < 0.95


def test_walls_block_what_geometry_says() -> None:
    """Against the plain test of every ray with every wall, segment by segment."""
    rng = np.random.default_rng(2)
    segments = [centre + rng.normal(0, 8, (2, 2)) for centre in rng.uniform(-50, 50, (40, 2))]
    walls = Walls.of(segments)
    bearing = rng.uniform(-np.pi, np.pi, 200)
    found = first_hits(np.zeros(3), bearing, 60.0, walls)
    for angle, distance in zip(bearing, found, strict=True):
        ray = 60.0 * np.array([np.cos(angle), np.sin(angle)])
        nearest = np.inf
        for start, end in segments:
            system = np.stack([ray, start - end], axis=1)
            along, at = np.linalg.solve(system, start)
            if 0.0 < along <= 1.0 and 0.0 <= at <= 1.0:
                nearest = min(nearest, 60.0 * along)
        assert distance == pytest.approx(nearest, rel=1e-9)
    assert 0.1 < np.mean(np.isfinite(found)) < 0.95


def test_sensors_do_not_look_through_buildings(world_of: Any) -> None:
    house = np.array([[10.0, -5.0], [20.0, -5.0], [20.0, 5.0], [10.0, 5.0]])
    world = world_of(np.array([[40.0, 0.0], [0.0, 40.0]]))
    for modality in Modality:
        suite = SuiteParameters(sensors={'s': default_sensor(modality, **SHARP)})
        seen = next(iter(simulate_sensors(world, suite, 0, buildings=(house,)))).arrays.position
        np.testing.assert_allclose(seen[:, :2], [[0.0, 40.0]], atol=1e-3)
        rows = rows_in_view(world, suite, int(world.stamp_ns[0]), buildings=(house,))
        assert rows['s'].tolist() == [2]


@pytest.mark.parametrize(
    ('outline', 'message'),
    [
        (np.zeros((1, 2)), 'outline 1 must have shape'),
        (np.zeros((4, 3)), 'outline 1 must have shape'),
        (np.array([[0.0, 0.0], [1.0, np.nan], [2.0, 0.0]]), 'outline 1 must be finite'),
    ],
)
def test_a_broken_outline_is_named(outline: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Walls.of([np.eye(2), outline])


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
