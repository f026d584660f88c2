"""Recordings between their instants."""

from __future__ import annotations

import numpy as np
import pytest

from prediction_node.domain.interpolation import snapshot
from prediction_node.domain.kinds import ATTRIBUTE_COUNT
from prediction_node.domain.lights import LightStates
from prediction_node.domain.recording import Recording

START_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000


@pytest.fixture
def recording() -> Recording:
    """Row 0 drives and turns over the seam of angles; row 1 leaves after two of five instants."""
    n, t = 2, 5
    position = np.zeros((n, t, 3))
    position[0, :, 0] = np.arange(t)
    position[1] = 1e6
    yaw = np.zeros((n, t))
    yaw[0] = [3.0, 3.1, -3.0831853, -2.9831853, -2.8831853]
    valid = np.ones((n, t), bool)
    valid[1, 2:] = False
    return Recording(
        name='two',
        stamp_ns=START_NS + STEP_NS * np.arange(t),
        track_id=('a', 'b'),
        label=np.ones(n, np.int8),
        size_m=np.ones((n, 3)),
        position_m=position,
        yaw_rad=yaw,
        velocity_mps=np.full((n, t, 2), 10.0),
        valid=valid,
        attributes=np.zeros((n, t, ATTRIBUTE_COUNT)),
        has_attribute=np.zeros((n, t, ATTRIBUTE_COUNT), bool),
        ego=0,
        lights=(LightStates.none(),) * t,
    )


def test_instants_are_exact(recording: Recording) -> None:
    for k in range(5):
        there = snapshot(recording, START_NS + k * STEP_NS)
        assert there.row.tolist() == ([0, 1] if k < 2 else [0])
        np.testing.assert_array_equal(there.position_m, recording.position_m[there.row, k])
        assert there.yaw_rate_radps[0] == pytest.approx(1.0, abs=1e-5)


def test_between_instants_everything_is_linear(recording: Recording) -> None:
    there = snapshot(recording, START_NS + STEP_NS // 4)
    assert there.row.tolist() == [0, 1]
    assert there.position_m[0, 0] == pytest.approx(0.25)
    assert there.yaw_rad[0] == pytest.approx(3.025)


def test_yaw_takes_the_shorter_arc(recording: Recording) -> None:
    there = snapshot(recording, START_NS + STEP_NS + STEP_NS // 2)
    assert abs(there.yaw_rad[0]) == pytest.approx(np.pi, abs=0.01)
    assert there.yaw_rate_radps[0] == pytest.approx(1.0, abs=1e-5)


def test_nobody_is_there_on_the_way_out(recording: Recording) -> None:
    assert snapshot(recording, START_NS + STEP_NS + 1).row.tolist() == [0]


@pytest.mark.parametrize('offset_ns', [-1, 4 * STEP_NS + 1])
def test_outside_is_an_error(recording: Recording, offset_ns: int) -> None:
    with pytest.raises(ValueError, match='lies outside of recording two'):
        snapshot(recording, START_NS + offset_ns)
