"""Builders shared by the tests of evaluations."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.lane_map import LaneMap, Polylines, Relation
from prediction_node.evaluation.windows import FUTURE_STEPS, Window, windows
from prediction_node.learning.samples import Sample, SampleWriter, write_index


@pytest.fixture
def empty_map() -> LaneMap:
    """A map without lanes."""
    return no_lanes()


def no_lanes() -> LaneMap:
    none = np.zeros(0, np.int8)
    flags = np.zeros(0, bool)
    lines, relation = Polylines.of([]), Relation.of([])
    return LaneMap(
        id=np.zeros(0, np.int64),
        kind=none,
        turn=none,
        speed_limit_mps=np.zeros(0),
        has_speed_limit=flags,
        centreline=lines,
        left_border=lines,
        right_border=lines,
        left_border_kind=none,
        right_border_kind=none,
        one_way=flags,
        successors=relation,
        predecessors=relation,
        left=relation,
        right=relation,
        left_change=flags,
        right_change=flags,
        yields_to=relation,
        light_group_id=np.zeros(0, np.int64),
        light_lanes=relation,
        light_stop_line=relation,
        lane_lights=relation,
        light_position=lines,
        stop_lines=lines,
        stop_line_lanes=relation,
    )


@pytest.fixture
def street() -> LaneMap:
    """One lane of 100 m along x, 4 m wide, with a signal group (7) at its end."""
    x = np.linspace(0.0, 100.0, 11)

    def line(y: float) -> Polylines:
        return Polylines.of([np.column_stack([x, np.full(11, y), np.zeros(11)])])

    nobody = Relation.of([[]])
    yes, no = np.ones(1, bool), np.zeros(1, bool)
    return LaneMap(
        id=np.array([1]),
        kind=np.zeros(1, np.int8),
        turn=np.zeros(1, np.int8),
        speed_limit_mps=np.full(1, 13.9),
        has_speed_limit=yes,
        centreline=line(0.0),
        left_border=line(2.0),
        right_border=line(-2.0),
        left_border_kind=np.zeros(1, np.int8),
        right_border_kind=np.zeros(1, np.int8),
        one_way=yes,
        successors=nobody,
        predecessors=nobody,
        left=nobody,
        right=nobody,
        left_change=no,
        right_change=no,
        yields_to=nobody,
        light_group_id=np.array([7]),
        light_lanes=Relation.of([[0]]),
        light_stop_line=Relation.of([[0]]),
        lane_lights=Relation.of([[0]]),
        light_position=Polylines.of([np.array([[100.0, 2.0, 5.0], [100.0, -2.0, 5.0]])]),
        stop_lines=Polylines.of([np.array([[98.0, 2.0, 0.0], [98.0, -2.0, 0.0]])]),
        stop_line_lanes=Relation.of([[0]]),
    )


def sample_of(window: Window) -> Sample:
    """Of a window in which everybody is judged."""
    assert len(window.judged) == len(window.scene.agents)
    n = len(window.judged)
    return Sample(
        scene=window.scene,
        label=window.label.astype(np.int8),
        future_m=np.where(window.valid[..., None], window.truth_m, 0.0),
        future_yaw_rad=np.zeros((n, FUTURE_STEPS)),
        future_valid=window.valid,
        ego_future=np.zeros((FUTURE_STEPS, 4)),
        ego_future_valid=np.zeros(FUTURE_STEPS, bool),
        recording=window.recording,
        group=window.group,
        origin='simulated',
    )


@pytest.fixture(scope='session')
def small_store(tmp_path_factory: pytest.TempPathFactory, recording_of: Any) -> Path:
    """Three recordings of open ground, turned, with 12 s each of cars, a cyclist and a walker."""
    folder = tmp_path_factory.mktemp('store')
    for k in range(3):
        recording = dataclasses.replace(recording_of(12.0, turn_rad=0.7 * k), name=f'ground {k}')
        with SampleWriter(folder, recording.name, group=f'g{k}', origin='simulated') as writer:
            for window in windows(recording, no_lanes(), f'g{k}'):
                writer.add(sample_of(window))
    write_index(folder)
    return folder
