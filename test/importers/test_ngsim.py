"""The recorded NGSIM windows: read whole, and plausible."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.lights import LightColour
from prediction_node.domain.recording import Recording
from prediction_node.importers.commonroad import read_commonroad


@pytest.fixture(scope='module')
def windows(shared_data: Path) -> dict[str, tuple[Recording, LaneMap]]:
    files = sorted((shared_data / 'ngsim_commonroad').glob('*/*.xml'))
    return {file.stem: read_commonroad(file) for file in files}


def test_all_windows_are_read(windows: dict[str, tuple[Recording, LaneMap]]) -> None:
    assert len(windows) == 56
    recorded = {name for name in windows if not name.endswith('S-1')}
    for name in recorded:
        recording, lane_map = windows[name]
        assert lane_map.warnings == ()
        assert recording.valid.any(axis=1).all()
        if len(recording.stamp_ns) > 20:
            assert recording.ego is not None, name
    for name in set(windows) - recorded:  # set-based predictions: only their first instant is real
        assert windows[name][0].valid.shape[1] == 1


def test_vehicles_drive_on_lanes(windows: dict[str, tuple[Recording, LaneMap]]) -> None:
    """At least 95 of 100 positions lie on a lane, and most cars head along one."""
    for name in ('USA_Lanker-2_10_T-1', 'USA_Lanker-2_16_T-1', 'USA_US101-22_1_T-1'):
        recording, lane_map = windows[name]
        places = recording.position_m[recording.valid][::7, :2]
        inside = np.zeros(len(places), bool)
        for k in range(len(lane_map)):
            outline = np.concatenate([lane_map.left_border[k], lane_map.right_border[k][::-1]])
            contour = outline[:, :2].astype(np.float32)
            inside |= np.array(
                [cv2.pointPolygonTest(contour, (float(x), float(y)), False) >= 0 for x, y in places]
            )
        assert inside.mean() > 0.95, name


def test_speeds_agree_with_the_recorded_ones(shared_data: Path) -> None:
    file = shared_data / 'ngsim_commonroad' / 'Lankershim' / 'USA_Lanker-2_10_T-1.xml'
    causal, recorded = (read_commonroad(file, velocity=v)[0] for v in ('backward', 'recorded'))
    error = np.linalg.norm(causal.velocity_mps - recorded.velocity_mps, axis=-1)[causal.valid]
    assert np.median(error) < 0.1
    assert np.percentile(error, 90) < 0.7


def test_waiting_cars_see_red(windows: dict[str, tuple[Recording, LaneMap]]) -> None:
    """Of the cars that stand within 10 m of a lit stop line, nearly all have no green."""
    recording, lane_map = windows['USA_Lanker-2_10_T-1']
    red = green = 0
    for k in range(0, len(recording.stamp_ns), 10):
        colours = dict(zip(recording.lights[k].group_id, recording.lights[k].colour, strict=True))
        standing = recording.valid[:, k] & (
            np.hypot(*np.moveaxis(recording.velocity_mps[:, k], -1, 0)) < 0.3
        )
        for group in range(len(lane_map.light_group_id)):
            colour = colours.get(lane_map.light_group_id[group])
            for lane in lane_map.light_lanes[group]:
                end, before = (lane_map.centreline[lane][i, :2] for i in (-1, -2))
                ahead = (end - before) / np.linalg.norm(end - before)
                offset = end - recording.position_m[standing, k, :2]
                along, across = offset @ ahead, offset @ np.array([-ahead[1], ahead[0]])
                waiting = int(((along > 0) & (along < 10) & (np.abs(across) < 1.5)).sum())
                red += waiting * (colour == LightColour.RED)
                green += waiting * (colour == LightColour.GREEN)
    assert red > 10
    assert green < 0.1 * red


def test_the_sample_window_is_long_enough(windows: dict[str, tuple[Recording, LaneMap]]) -> None:
    """One second of history and five of future for many moving cars."""
    recording, _ = windows['USA_Lanker-2_10_T-1']
    moving = 0
    for row in range(len(recording.track_id)):
        path = recording.position_m[row, recording.valid[row], :2]
        moving += len(path) >= 61 and np.hypot(*(path[-1] - path[0])) > 2.0
    assert moving >= 30
