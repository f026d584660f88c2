"""Who can be affected by the robotaxi's plan: known answers, and no matter where north is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.agents import Ego
from prediction_node.domain.conditional import EgoPlan
from prediction_node.domain.frames import Transform, rotation_2d
from prediction_node.domain.relations import Relation, relations

AFTER_S = 0.1 * np.arange(81)


def ego_and_plan(yaw: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> tuple[Ego, EgoPlan]:
    """A robotaxi that drives ahead at 8 m/s."""
    base = Transform.from_xyz_yaw(np.array([*shift, 0.0]), yaw)
    ego = Ego(0, base, np.array([8.0, 0.0]), 0.0, np.array([4.9, 1.9, 1.7]))
    way = 8.0 * AFTER_S[:, None] * np.array([np.cos(yaw), np.sin(yaw)])
    pose = np.column_stack([np.array(shift) + way, np.full(81, yaw)])
    return ego, EgoPlan(AFTER_S, pose, np.full(81, 8.0))


def straight(x: float, y: float, yaw: float, speed: float) -> tuple[np.ndarray, float, np.ndarray]:
    way = speed * AFTER_S[1:, None] * np.array([np.cos(yaw), np.sin(yaw)])
    return np.array([x, y]), yaw, np.array([x, y]) + way


def joining() -> tuple[np.ndarray, float, np.ndarray]:
    """From the lane to the left onto the robotaxi's path, behind it."""
    x = -6.0 + 8.0 * AFTER_S[1:]
    y = np.clip(3.5 - 1.2 * (AFTER_S[1:] - 1.0), 0.0, 3.5)
    return np.array([-6.0, 3.5]), 0.0, np.column_stack([x, y])


CASES = {
    'follower': (straight(-12.0, 0.0, 0.0, 8.0), Relation.BEHIND),
    'slow follower': (straight(-20.0, 0.5, 0.0, 1.0), Relation.BEHIND),
    'leader': (straight(15.0, 0.0, 0.0, 8.0), Relation.AHEAD),
    'next lane': (straight(-5.0, 3.5, 0.0, 8.0), Relation.APART),
    'oncoming': (straight(25.0, 4.0, np.pi, 8.0), Relation.APART),
    'crosses after': (straight(12.0, -24.0, np.pi / 2, 6.0), Relation.CROSSING),
    'crosses before': (straight(25.0, -6.0, np.pi / 2, 6.0), Relation.AHEAD),
    'joins': (joining(), Relation.MERGING),
    'far follower': (straight(-45.0, 0.0, 0.0, 12.0), Relation.FAR),
}


@pytest.mark.parametrize('name', CASES)
def test_known_answers(name: str) -> None:
    (present, yaw, future), expected = CASES[name]
    found = relations(*ego_and_plan(), present[None], np.array([yaw]), future[None])
    assert Relation(int(found[0])) == expected


@settings(max_examples=25, deadline=None)
@given(st.floats(-3.1, 3.1), st.floats(-1e5, 1e5), st.floats(-1e5, 1e5))
def test_turning_and_moving_the_world_changes_nothing(yaw: float, x: float, y: float) -> None:
    turn = rotation_2d(yaw)
    shift = np.array([x, y])
    present = np.stack([case[0][0] for case in CASES.values()])
    heading = np.array([case[0][1] for case in CASES.values()])
    future = np.stack([case[0][2] for case in CASES.values()])
    found = relations(
        *ego_and_plan(yaw, (x, y)), present @ turn.T + shift, heading + yaw, future @ turn.T + shift
    )
    assert found.tolist() == [int(case[1]) for case in CASES.values()]
