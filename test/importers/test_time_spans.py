"""Windows of one time span find each other, whatever their authors did to them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.frames import rotation_2d
from prediction_node.domain.kinds import ATTRIBUTE_COUNT, ObjectClass
from prediction_node.domain.lights import LightStates
from prediction_node.domain.recording import Recording
from prediction_node.importers.commonroad import read_commonroad
from prediction_node.importers.time_spans import group_by_time_span


def traffic(seed: int, cars: int = 6, steps: int = 40) -> Recording:
    """Cars that speed up and slow down, each in its own way."""
    rng = np.random.default_rng(seed)
    speed = 8.0 + np.cumsum(rng.normal(0.0, 0.4, (cars, steps)), axis=1)
    yaw = np.cumsum(rng.normal(0.0, 0.02, (cars, steps)), axis=1)
    step = 0.1 * speed[..., None] * np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
    position = np.zeros((cars, steps, 3))
    position[..., :2] = rng.uniform(-50, 50, (cars, 1, 2)) + np.cumsum(step, axis=1)
    return Recording(
        name=str(seed),
        stamp_ns=np.arange(steps, dtype=np.int64) * 100_000_000,
        track_id=tuple(f'{seed}-{k}' for k in range(cars)),
        label=np.full(cars, ObjectClass.CAR, np.int8),
        size_m=np.tile([4.5, 1.8, 1.5], (cars, 1)) + rng.uniform(0, 1, (cars, 1)),
        position_m=position,
        yaw_rad=yaw,
        velocity_mps=step / 0.1,
        valid=np.ones((cars, steps), bool),
        attributes=np.zeros((cars, steps, ATTRIBUTE_COUNT)),
        has_attribute=np.zeros((cars, steps, ATTRIBUTE_COUNT), bool),
        ego=None,
        lights=(LightStates.none(),) * steps,
    )


def window(recording: Recording, first: int, last: int, **changes: Any) -> Recording:
    part = slice(first, last)
    return dataclasses.replace(
        recording,
        stamp_ns=recording.stamp_ns[part] - recording.stamp_ns[first],
        position_m=recording.position_m[:, part],
        yaw_rad=recording.yaw_rad[:, part],
        velocity_mps=recording.velocity_mps[:, part],
        valid=recording.valid[:, part],
        attributes=recording.attributes[:, part],
        has_attribute=recording.has_attribute[:, part],
        lights=recording.lights[part],
        **changes,
    )


def moved(recording: Recording) -> Recording:
    """Another origin, another direction, other names, positions rounded as files round them."""
    position = recording.position_m.copy()
    position[..., :2] = np.round(position[..., :2] @ rotation_2d(np.array(2.0)).T + [900, -70], 3)
    names = tuple(f'renamed {k}' for k in recording.track_id)
    return dataclasses.replace(recording, position_m=position, track_id=names)


def test_overlapping_windows_are_one_group() -> None:
    a, b = traffic(1), traffic(2)
    recordings = [window(a, 0, 25), b, moved(window(a, 10, 40)), window(b, 20, 40)]
    assert group_by_time_span(recordings) == [[0, 2], [1, 3]]


def test_windows_that_do_not_overlap_stay_apart() -> None:
    a = traffic(1)
    assert group_by_time_span([window(a, 0, 20), window(a, 20, 40)]) == [[0], [1]]


def test_groups_are_transitive() -> None:
    a = traffic(3)
    parts = [window(a, 0, 15), window(a, 25, 40), window(a, 3, 38)]
    assert group_by_time_span(parts) == [[0, 1, 2]]


def test_vehicles_join_windows_of_the_same_minute() -> None:
    a = traffic(1)
    parts = [window(a, 0, 20), window(a, 20, 40), traffic(2)]
    assert group_by_time_span(parts, by_vehicles=True) == [[0, 1], [2]]


def test_same_ids_of_other_vehicles_join_nothing() -> None:
    a, b = traffic(1), traffic(2)
    assert group_by_time_span(
        [a, dataclasses.replace(b, track_id=a.track_id)], by_vehicles=True
    ) == [[0], [1]]


def test_standing_traffic_proves_nothing() -> None:
    a = traffic(1)
    still = dataclasses.replace(a, position_m=np.repeat(a.position_m[:, :1], 40, axis=1))
    other = dataclasses.replace(still, position_m=still.position_m + 5.0)
    assert group_by_time_span([still, other]) == [[0], [1]]


def test_short_and_empty_lists() -> None:
    assert group_by_time_span([]) == []
    assert group_by_time_span([window(traffic(1), 0, 5)]) == [[0]]


@pytest.mark.slow
def test_ngsim_windows(shared_data: Any) -> None:
    files = sorted((shared_data / 'ngsim_commonroad' / 'Lankershim').glob('*.xml'))
    groups = group_by_time_span([read_commonroad(file)[0] for file in files])
    named = [[files[k].stem[4:-4] for k in group] for group in groups if len(group) > 1]
    assert named == [
        ['Lanker-1_11', 'Lanker-1_12'],
        ['Lanker-2_13', 'Lanker-2_14'],
        ['Lanker-2_16', 'Lanker-2_19', 'Lanker-2_21'],
    ]
