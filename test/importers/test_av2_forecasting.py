"""Argoverse 2 forecasting scenarios."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import ObjectClass
from prediction_node.importers.av2_forecasting import read_av2_scenario

pyarrow = pytest.importorskip('pyarrow', reason='pyarrow is not installed')

STEPS = 30
MAP = (
    '{"lane_segments": {"1": {"id": 1, "is_intersection": false, "lane_type": "VEHICLE",'
    ' "left_lane_boundary": [{"x": 0, "y": 2, "z": 0}, {"x": 30, "y": 2, "z": 0}],'
    ' "left_lane_mark_type": "SOLID_WHITE",'
    ' "right_lane_boundary": [{"x": 0, "y": -2, "z": 0}, {"x": 30, "y": -2, "z": 0}],'
    ' "right_lane_mark_type": "SOLID_WHITE", "left_neighbor_id": null,'
    ' "right_neighbor_id": null, "predecessors": [], "successors": []}},'
    ' "pedestrian_crossings": {}, "drivable_areas": {}}'
)


def columns() -> dict[str, list[Any]]:
    """The recording vehicle, a cyclist from step 10 on, and a heap of rubbish."""
    table: dict[str, list[Any]] = {
        name: []
        for name in ('track_id', 'object_type', 'timestep', 'position_x', 'position_y', 'heading')
    }
    for step in range(STEPS):
        rows = [('AV', 'vehicle', 8.0 * step / 10, 0.0, 0.0), ('7', 'static', 5.0, 5.0, 1.0)]
        if step >= 10:
            rows.append(('9', 'cyclist', 20.0, 4.0 * step / 10, 1.5))
        for track, kind, x, y, heading in rows:
            for name, value in zip(table, (track, kind, step, x, y, heading), strict=True):
                table[name].append(value)
    return table


@pytest.fixture
def scenario(tmp_path: Path) -> Callable[..., Path]:
    def make(**changes: Any) -> Path:
        from pyarrow import parquet

        table = {**columns(), **changes}
        folder = tmp_path / 'scenario-1'
        folder.mkdir(exist_ok=True)
        kept = {name: values for name, values in table.items() if values is not None}
        parquet.write_table(pyarrow.table(kept), folder / 'scenario_scenario-1.parquet')
        (folder / 'log_map_archive_scenario-1.json').write_text(MAP)
        return folder

    return make


def test_road_users_and_the_recording_vehicle(scenario: Any) -> None:
    recording, lane_map = read_av2_scenario(scenario())
    assert recording.track_id == ('9', 'AV')
    assert recording.ego == 1
    assert recording.label.tolist() == [ObjectClass.BICYCLE, ObjectClass.CAR]
    assert len(lane_map) == 1
    assert len(recording.stamp_ns) == STEPS
    # A track begins with its second instant, the first that has a velocity.
    np.testing.assert_array_equal(np.flatnonzero(recording.valid[0]), np.arange(11, STEPS))
    np.testing.assert_allclose(recording.velocity_mps[:, 20], [[0.0, 4.0], [8.0, 0.0]], atol=1e-9)
    np.testing.assert_allclose(recording.yaw_rad[:, 20], [1.5, 0.0])


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'object_type': ['spaceship'] * 80}, "object_type 'spaceship' is unknown"),
        ({'track_id': ['1'] * 80}, 'no track AV'),
        ({'heading': None}, 'column heading is missing'),
        ({'position_x': [float('nan')] * 80}, 'column position_x must hold finite numbers'),
        ({'timestep': [10**6] * 80}, 'timestep must lie in'),
    ],
)
def test_bad_tables_are_named(scenario: Any, changes: dict[str, Any], message: str) -> None:
    assert len(columns()['timestep']) == 80
    with pytest.raises(DataError, match=rf'scenario_scenario-1\.parquet.*{message}'):
        read_av2_scenario(scenario(**changes))


def test_missing_files_are_named(scenario: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'holds no scenario_\*\.parquet'):
        read_av2_scenario(tmp_path)
    folder = scenario()
    (folder / 'scenario_scenario-1.parquet').write_bytes(b'no table')
    with pytest.raises(DataError, match='is no parquet file'):
        read_av2_scenario(folder)


def test_published_scenarios_are_read(shared_data: Path) -> None:
    folders = sorted((shared_data / 'av2' / 'forecasting').glob('*/'))
    if not folders:
        pytest.skip(f'needs scenarios in {shared_data}/av2/forecasting')
    recording, lane_map = read_av2_scenario(folders[0])
    assert len(recording.stamp_ns) == 110
    assert recording.ego is not None
    assert len(lane_map) > 10
