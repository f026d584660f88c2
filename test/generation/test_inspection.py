"""The check of finished bags finds what it is there to find, and nothing in clean ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.recording import Recording
from prediction_node.generation.inspection import inspect_bag, overlap_depth_m
from prediction_node.simulation.sensors.parameters import SuiteParameters
from prediction_node.vehicle.bag import write_bag


def inspected(recording: Recording, folder: Path) -> Any:
    write_bag(recording, SuiteParameters(sensors={}), 0, folder / 'bag')
    return inspect_bag(folder / 'bag')


def moved(recording: Recording, row: int, first: int, last: int, x: float, y: float) -> Recording:
    position = recording.position_m.copy()
    position[row, first:last, :2] += (x, y)
    return dataclasses.replace(recording, position_m=position)


def test_clean_traffic_has_no_flaw(recording_of: Any, tmp_path: Path) -> None:
    recording = recording_of(2.0)
    found = inspected(recording, tmp_path)
    assert found.flaws == []
    assert found.instants == len(recording.stamp_ns)
    assert found.classes == {'car', 'truck', 'bicycle', 'pedestrian'}


def test_a_jump_is_found(recording_of: Any, tmp_path: Path) -> None:
    found = inspected(moved(recording_of(2.0), 5, 10, 21, 0.0, 0.5), tmp_path)
    assert [flaw.kind for flaw in found.flaws] == ['jump']
    assert found.flaws[0].time_s == pytest.approx(1.0)
    assert str(found.flaws[0]).startswith('jump of 0.2')
    assert 'bicycle' in found.flaws[0].who


def test_a_jump_across_an_absence_is_found(recording_of: Any, tmp_path: Path) -> None:
    recording = moved(recording_of(2.0), 1, 12, 21, 9.0, 0.0)
    valid = recording.valid.copy()
    valid[1, 9:12] = False
    (flaw,) = inspected(dataclasses.replace(recording, valid=valid), tmp_path).flaws
    assert (flaw.kind, flaw.time_s) == ('jump', pytest.approx(1.2))
    assert flaw.metres == pytest.approx(9.0)


def test_an_overlap_with_a_parked_car_is_found(recording_of: Any, tmp_path: Path) -> None:
    recording = recording_of(2.0)
    # The parked car (row 4) stands where the car ahead (row 1) passes.
    shift = recording.position_m[1, 5, :2] - recording.position_m[4, 5, :2] + (0.0, 1.5)
    found = inspected(moved(recording, 4, 0, 21, *shift), tmp_path)
    assert {flaw.kind for flaw in found.flaws} == {'overlap'}
    assert max(flaw.metres for flaw in found.flaws) == pytest.approx(0.3, abs=1e-6)


def test_standing_bodies_may_touch(recording_of: Any, tmp_path: Path) -> None:
    recording = recording_of(2.0)
    still = recording.velocity_mps.copy()
    still[1:] = 0.0
    position = np.repeat(recording.position_m[:, :1], len(recording.stamp_ns), axis=1)
    position[0] = recording.position_m[0]
    position[2, :, :2] = position[1, :, :2] + 40.0
    position[3, :, :2] = position[1, :, :2] + 41.0
    still_world = dataclasses.replace(recording, position_m=position, velocity_mps=still)
    assert inspected(still_world, tmp_path).flaws == []


def test_the_robotaxi_takes_part(recording_of: Any, tmp_path: Path) -> None:
    recording = recording_of(2.0)
    beside = recording.position_m[0] - recording.position_m[1] + (0.0, 1.2, 0.0)
    position = recording.position_m.copy()
    position[1] += beside
    found = inspected(dataclasses.replace(recording, position_m=position), tmp_path)
    assert found.flaws
    assert all('the robotaxi' in flaw.who for flaw in found.flaws)


def test_depth_of_known_boxes() -> None:
    def depth(x: float, y: float, yaw: float, turn: float = 0.0) -> float:
        cos, sin = np.cos(turn), np.sin(turn)
        centre = np.array([[cos * x - sin * y, sin * x + cos * y]])
        one, zero = np.array([turn]), np.zeros((1, 2))
        size = np.array([[4.0, 2.0]])
        return float(overlap_depth_m(zero, one, size, centre, one + yaw, size)[0])

    for turn in (0.0, 0.7, 3.0):
        assert depth(3.7, 0.0, 0.0, turn) == pytest.approx(0.3)
        assert depth(0.5, 1.9, 0.0, turn) == pytest.approx(0.1)
        assert depth(5.0, 0.0, 0.0, turn) == pytest.approx(-1.0)
        assert depth(2.8, 0.0, np.pi / 2, turn) == pytest.approx(0.2)
        # Corner to corner on the diagonal: apart, though their upright hulls overlap.
        assert depth(3.6, 2.6, -np.pi / 4, turn) < 0.0
