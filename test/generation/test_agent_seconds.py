"""What counts as traffic."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from prediction_node.generation.agent_seconds import agent_seconds, agents_by_class


def test_all_but_the_robotaxi_count(recording_of: Any) -> None:
    assert agent_seconds(recording_of(4.0)) == pytest.approx(6 * 4.0)
    assert agents_by_class(recording_of(1.0)) == {
        'car': 3,
        'truck': 1,
        'bicycle': 1,
        'pedestrian': 1,
    }


def test_who_stands_far_away_does_not(recording_of: Any) -> None:
    recording = recording_of(4.0)
    position = recording.position_m.copy()
    position[4, :, 0] += 200.0  # the parked car
    far = dataclasses.replace(recording, position_m=position)
    assert agent_seconds(far) == pytest.approx(5 * 4.0)
    position = position.copy()
    position[1, :, 0] += 200.0  # a moving one
    assert agent_seconds(dataclasses.replace(far, position_m=position)) == pytest.approx(5 * 4.0)


def test_who_is_not_there_does_not(recording_of: Any) -> None:
    recording = recording_of(4.0)
    valid = recording.valid.copy()
    valid[3, 10:20] = False
    valid[5] = False
    absent = dataclasses.replace(recording, valid=valid)
    assert agent_seconds(absent) == pytest.approx(5 * 4.0 - 1.0)
    assert 'bicycle' not in agents_by_class(absent)


def test_without_a_robotaxi_motion_decides(recording_of: Any) -> None:
    recording = dataclasses.replace(recording_of(4.0), ego=None)
    assert agent_seconds(recording) == pytest.approx(6 * 4.0)
    still = dataclasses.replace(recording, velocity_mps=np.zeros_like(recording.velocity_mps))
    assert agent_seconds(still) == 0.0
