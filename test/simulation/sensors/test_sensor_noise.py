"""Each sensor is as wrong as its figures say: neither better nor worse.

Samples are large and seeds fixed; bounds are four standard errors, so a wrong figure fails and
chance does not.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.frames import yaw_from_quaternion
from prediction_node.domain.kinds import CLASS_NAMES, Modality, ObjectClass
from prediction_node.domain.message_arrays import (
    Detection3DArrayArrays,
    RadarTracksArrays,
    TrackedObjectsArrays,
)
from prediction_node.domain.recording import Recording
from prediction_node.simulation.sensors.parameters import SuiteParameters, default_sensor
from prediction_node.simulation.sensors.scan import CONFUSION
from prediction_node.simulation.sensors.suite import simulate_sensors

RANGE_M = 60.0
COUNT = 300
STEPS = 21

# The figures that must not be weakened or flattered.
FIGURES = {
    Modality.CAMERA: {
        'along_m': 0.03 * RANGE_M,
        'across_m': np.deg2rad(0.3) * RANGE_M,
        'drop': 0.08,
    },
    Modality.LIDAR: {'along_m': 0.10, 'across_m': 0.10, 'drop': 0.03},
    Modality.RADAR: {'along_m': 0.5, 'across_m': np.deg2rad(0.8) * RANGE_M, 'drop': 0.10},
    Modality.THERMAL: {
        'along_m': 0.05 * RANGE_M,
        'across_m': np.deg2rad(0.3) * RANGE_M,
        'drop': 0.08,
    },
}


def only(modality: Modality, **changes: Any) -> SuiteParameters:
    """One sensor at base_link's own place, no body hides another."""
    sensor = default_sensor(modality, x_m=0.0, **changes)
    return SuiteParameters(occlusion=False, sensors={modality.name.lower(): sensor})


@pytest.fixture
def ring(world_of: Any, circle: Any) -> Recording:
    """300 cars, 60 m around base_link, driving by at 10 m/s across the line of sight at first."""
    return world_of(circle(COUNT, RANGE_M), steps=STEPS)


def observed(recording: Recording, suite: SuiteParameters, seed: int = 1) -> list[Any]:
    return [message.arrays for message in simulate_sensors(recording, suite, seed)]


def polar_errors(recording: Recording, messages: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Errors along and across the line of sight, each measurement paired with the nearest truth."""
    truth = recording.position_m[1:, 0, :2]
    along, across = [], []
    for arrays in messages:
        measured = arrays.position[:, :2]
        nearest = np.linalg.norm(measured[:, None] - truth[None], axis=-1).argmin(axis=1)
        sight = truth[nearest] / np.linalg.norm(truth[nearest], axis=1, keepdims=True)
        error = measured - truth[nearest]
        along.append(np.sum(error * sight, axis=1))
        across.append(sight[:, 0] * error[:, 1] - sight[:, 1] * error[:, 0])
    return np.concatenate(along), np.concatenate(across)


def assert_sigma(values: np.ndarray, sigma: float) -> None:
    error = 4.0 * sigma / np.sqrt(2.0 * len(values))
    assert abs(values.std() - sigma) < error
    assert abs(values.mean()) < 4.0 * sigma / np.sqrt(len(values))


@pytest.mark.parametrize('modality', list(Modality))
def test_position_noise_along_and_across_the_line_of_sight(
    modality: Modality, world_of: Any, circle: Any
) -> None:
    # Few and far apart, so that every measurement finds its own truth.
    recording = world_of(circle(8, RANGE_M), steps=301)
    along, across = polar_errors(recording, observed(recording, only(modality)))
    assert len(along) > 1500
    assert_sigma(along, FIGURES[modality]['along_m'])
    assert_sigma(across, FIGURES[modality]['across_m'])


@pytest.mark.parametrize('modality', list(Modality))
def test_claimed_covariance_is_the_noise(modality: Modality, world_of: Any) -> None:
    recording = world_of(np.array([[RANGE_M / np.sqrt(2.0)] * 2]), steps=3)
    arrays = observed(recording, only(modality, dropout=0.0))[0]
    if isinstance(arrays, RadarTracksArrays):
        xx, xy, _, yy, _, _ = arrays.position_covariance[0].astype(float)
        covariance = np.array([[xx, xy], [xy, yy]])
    elif isinstance(arrays, TrackedObjectsArrays):
        covariance = arrays.pose_covariance[0, :2, :2]
    else:
        covariance = arrays.hypothesis_covariance[0, :2, :2]
    sight = arrays.position[0, :2] / np.linalg.norm(arrays.position[0, :2])
    side = np.array([-sight[1], sight[0]])
    # The sensor only knows the measured range, which is up to a tenth wrong here.
    assert np.sqrt(sight @ covariance @ sight) == pytest.approx(
        FIGURES[modality]['along_m'], rel=0.15
    )
    assert np.sqrt(side @ covariance @ side) == pytest.approx(
        FIGURES[modality]['across_m'], rel=0.15
    )
    assert abs(sight @ covariance @ side) < 1e-4 * np.trace(covariance)


@pytest.mark.parametrize('modality', list(Modality))
def test_dropouts(modality: Modality, ring: Recording) -> None:
    messages = observed(ring, only(modality))
    share = 1.0 - np.mean([len(arrays.position) for arrays in messages]) / COUNT
    drop = FIGURES[modality]['drop']
    total = COUNT * len(messages)
    assert abs(share - drop) < 4.0 * np.sqrt(drop * (1.0 - drop) / total)


def test_radar_measures_speed_along_the_line_of_sight_only(world_of: Any, circle: Any) -> None:
    velocity = np.tile([6.0, -3.0], (8, 1))
    recording = world_of(circle(8, RANGE_M), velocity_mps=velocity, steps=301)
    # Standing still in place: the velocity is what counts, not where it leads.
    recording = dataclasses.replace(
        recording, position_m=np.repeat(recording.position_m[:, :1], 301, axis=1)
    )
    along, across = [], []
    for arrays in observed(recording, only(Modality.RADAR)):
        truth = recording.position_m[1:, 0, :2]
        nearest = np.linalg.norm(arrays.position[:, None, :2] - truth[None], axis=-1).argmin(axis=1)
        sight = truth[nearest] / RANGE_M
        error = arrays.velocity[:, :2] - velocity[nearest]
        along.append(np.sum(error * sight, axis=1))
        across.append(sight[:, 0] * error[:, 1] - sight[:, 1] * error[:, 0])
    assert_sigma(np.concatenate(along), 0.15)
    assert_sigma(np.concatenate(across), 1.5)


def test_radar_claims_a_poor_speed_across(world_of: Any) -> None:
    recording = world_of(np.array([[0.0, 50.0]]), steps=3)  # to the left: along is y
    arrays = observed(recording, only(Modality.RADAR, dropout=0.0))[0]
    xx, _, _, yy, _, _ = arrays.velocity_covariance[0].astype(float)
    assert np.sqrt(yy) == pytest.approx(0.15, rel=0.01)
    assert np.sqrt(xx) == pytest.approx(1.5, rel=0.01)
    assert not arrays.classification.any()
    assert not arrays.size.any()


def test_lidar_yaw_velocity_and_size(ring: Recording) -> None:
    messages = observed(ring, only(Modality.LIDAR))
    yaw = np.concatenate([yaw_from_quaternion(arrays.orientation) for arrays in messages])
    assert_sigma(yaw, float(np.deg2rad(3.0)))
    twist = np.concatenate([arrays.twist_linear for arrays in messages])
    assert_sigma(twist[:, 0], 0.3)  # in the object's own frame; everybody stands
    assert_sigma(twist[:, 1], 0.3)
    size = np.concatenate([arrays.dimensions for arrays in messages])
    assert_sigma(size[:, 0] / 4.5 - 1.0, 0.1)


def test_lidar_twist_is_in_the_frame_of_the_object(world_of: Any) -> None:
    # Driving north at 10 m/s with the body northward: forward is x of its own frame.
    recording = world_of(
        np.array([[20.0, 5.0]]), yaw_rad=np.pi / 2, velocity_mps=np.array([[0.0, 10.0]])
    )
    suite = only(
        Modality.LIDAR,
        dropout=0.0,
        sigma_yaw_deg=1e-6,
        sigma_speed_along_mps=1e-6,
        sigma_speed_across_mps=1e-6,
    )
    arrays = observed(recording, suite)[3]
    np.testing.assert_allclose(arrays.twist_linear[0, :2], [10.0, 0.0], atol=1e-3)


@pytest.mark.parametrize(
    ('modality', 'right'),
    [(Modality.CAMERA, 0.95), (Modality.LIDAR, 0.85), (Modality.THERMAL, 0.95)],
)
def test_class_confusion(modality: Modality, right: float, ring: Recording) -> None:
    names: list[str] = []
    for arrays in observed(ring, only(modality)):
        if isinstance(arrays, Detection3DArrayArrays):
            names += [arrays.hypothesis_class_id[k] for k in arrays.hypothesis_offsets[:-1]]
        else:
            names += [CLASS_NAMES[arrays.class_label[k]] for k in arrays.class_offsets[:-1]]
    share = names.count('car') / len(names)
    assert abs(share - right) < 4.0 * np.sqrt(right * (1.0 - right) / len(names))
    assert set(names) - {'car'} == {'truck', 'bus', 'unknown'}  # what a car is taken for


@pytest.mark.parametrize('true', list(ObjectClass))
def test_every_class_is_taken_for_what_the_table_says(
    true: ObjectClass, world_of: Any, circle: Any
) -> None:
    world = world_of(circle(COUNT, 40.0), label=true, size_m=(2.0, 1.0, 1.5), steps=STEPS)
    suite = only(Modality.LIDAR, class_right=0.6)
    label = np.concatenate(
        [arrays.class_label[arrays.class_offsets[:-1]] for arrays in observed(world, suite)]
    )
    expected = 0.4 * CONFUSION[true]
    expected[true] = 0.6
    share = np.bincount(label, minlength=len(ObjectClass)) / len(label)
    bound = 4.0 * np.sqrt(expected * (1.0 - expected) / len(label))
    assert (np.abs(share - expected) <= bound).all()


def test_size_noise_of_the_camera_and_none_of_the_radar(ring: Recording) -> None:
    size = np.concatenate([arrays.size for arrays in observed(ring, only(Modality.CAMERA))])
    assert_sigma(size[:, 1] / 1.8 - 1.0, 0.2)
    assert_sigma(size[:, 2] / 1.5 - 1.0, 0.2)


def test_heights_are_off_by_a_tenth(ring: Recording) -> None:
    for modality in Modality:
        sensor = only(modality).sensors[modality.name.lower()]
        place = np.concatenate([a.position for a in observed(ring, only(modality))])
        assert_sigma(place[:, 2] - (0.75 - sensor.z_m), 0.1)


def test_errors_of_two_scans_and_of_two_sensors_are_strangers(world_of: Any) -> None:
    """White noise: nothing of an error is left in the next scan, or in another sensor's."""
    world = world_of(np.array([[0.0, RANGE_M]]), steps=1001)
    figures = {'x_m': 0.0, 'dropout': 0.0}
    sensors = {name: default_sensor(Modality.LIDAR, **figures) for name in ('left', 'right')}
    out = list(simulate_sensors(world, SuiteParameters(sensors=sensors), 1))
    error = {
        name: np.array([m.arrays.position[0, 1] - RANGE_M for m in out if m.source == name])
        for name in sensors
    }
    n = len(error['left'])
    for a, b in (
        (error['left'][1:], error['left'][:-1]),
        (error['left'], error['right']),
    ):
        assert abs(np.corrcoef(a, b)[0, 1]) < 4.0 / np.sqrt(n)


def test_class_scores_of_an_object_sum_to_one(ring: Recording) -> None:
    camera = observed(ring, only(Modality.CAMERA))[0]
    for first, last in zip(
        camera.hypothesis_offsets[:-1], camera.hypothesis_offsets[1:], strict=True
    ):
        assert camera.hypothesis_score[first:last].sum() == pytest.approx(1.0)
    lidar = observed(ring, only(Modality.LIDAR))[0]
    for first, last in zip(lidar.class_offsets[:-1], lidar.class_offsets[1:], strict=True):
        assert lidar.class_probability[first:last].sum() == pytest.approx(1.0)


def test_defaults_are_the_published_figures() -> None:
    suite = SuiteParameters()
    camera, lidar, radar, thermal = (
        suite.sensors[k] for k in ('camera', 'lidar', 'radar', 'thermal')
    )
    assert (camera.range_m, camera.rate_hz, camera.latency_ms) == (120.0, 10.0, 90.0)
    assert (lidar.range_m, lidar.rate_hz, lidar.latency_ms) == (100.0, 10.0, 60.0)
    assert (radar.range_m, radar.rate_hz, radar.latency_ms) == (180.0, 15.0, 40.0)
    assert (thermal.range_m, thermal.rate_hz) == (80.0, 10.0)
    assert (camera.night_range_factor, thermal.night_range_factor) == (0.5, 1.0)
    assert thermal.warm_bodies_only
    assert not camera.warm_bodies_only
    assert radar.class_right == 0.0


def test_confusion_never_gives_the_true_class() -> None:
    np.testing.assert_allclose(CONFUSION.sum(axis=1), 1.0)
    assert not CONFUSION.diagonal().any()
    assert len(CONFUSION) == len(ObjectClass)
