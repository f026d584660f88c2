"""What an observer makes of positions that shake."""

from __future__ import annotations

import numpy as np
import pytest

from prediction_node.domain.kinds import ATTRIBUTE_COUNT, ObjectClass
from prediction_node.domain.lights import LightStates
from prediction_node.domain.recording import Recording
from prediction_node.extraction.causal import observed_agents

STEPS, DT_S, SPEED_MPS = 40, 0.1, 4.0


def swaying(label: ObjectClass) -> Recording:
    """Straight along x, and 5 cm from side to side, a second for each time."""
    t = DT_S * np.arange(STEPS)
    sway = 0.05 * np.sin(2.0 * np.pi * t)
    position = np.stack([SPEED_MPS * t, sway, 0.0 * t], axis=-1)[None]
    return Recording(
        name='swaying',
        stamp_ns=(1e9 * t).astype(np.int64),
        track_id=('a',),
        label=np.array([label], np.int8),
        size_m=np.array([[1.8, 0.6, 1.7]]),
        position_m=position,
        yaw_rad=np.zeros((1, STEPS)),
        velocity_mps=np.zeros((1, STEPS, 2)),
        valid=np.ones((1, STEPS), bool),
        attributes=np.zeros((1, STEPS, ATTRIBUTE_COUNT)),
        has_attribute=np.zeros((1, STEPS, ATTRIBUTE_COUNT), bool),
        ego=None,
        lights=(LightStates.none(),) * STEPS,
    )


@pytest.mark.parametrize('label', [ObjectClass.BICYCLE, ObjectClass.PEDESTRIAN, ObjectClass.ANIMAL])
def test_sway_is_taken_for_no_turn(label: ObjectClass) -> None:
    aside, turning = [], []
    for now in range(20, 30):  # a whole sway
        agents, _ = observed_agents(swaying(label), now)
        aside.append(abs(float(agents.velocity_mps[0, 1])))
        turning.append(float(agents.yaw_rate_radps[0]))
        assert agents.velocity_mps[0, 0] == pytest.approx(SPEED_MPS)
        assert agents.acceleration_mps2[0] == 0.0
    assert max(aside) < 0.5 * 2.0 * np.pi * 0.05  # half of what the sway itself goes
    assert not any(turning)


def test_what_steers_is_believed_to_turn() -> None:
    found = [observed_agents(swaying(ObjectClass.CAR), now)[0] for now in range(20, 30)]
    assert max(abs(float(agents.yaw_rate_radps[0])) for agents in found) > 0.15
    assert max(abs(float(agents.velocity_mps[0, 1])) for agents in found) > 0.25


def test_two_positions_are_enough_for_a_velocity() -> None:
    agents, row = observed_agents(swaying(ObjectClass.BICYCLE), 1)
    assert row.tolist() == [0]
    assert agents.velocity_mps[0, 0] == pytest.approx(SPEED_MPS)
