"""Plans as tensors: places of the box's middle at the ends of blocks, in the view frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.conditional import EgoPlan
from prediction_node.domain.frames import Transform
from prediction_node.domain.tensors import DECODER_INPUTS, Sizes, check_arrays
from prediction_node.tensors.plans import block_ends_s, encode_plans, no_plan

SIZES = Sizes(candidates=2)


def ahead(scene: Any, speed: float, until_s: float, first_s: float = 0.0) -> EgoPlan:
    """Straight ahead of the robotaxi at a speed."""
    t = np.linspace(first_s, until_s, 30)
    ego = scene.ego
    towards = np.array([np.cos(ego.yaw_rad), np.sin(ego.yaw_rad)])
    xy = ego.position_m + speed * t[:, None] * towards
    return EgoPlan(t, np.column_stack([xy, np.full(30, ego.yaw_rad)]), np.full(30, speed))


@settings(max_examples=20)
@given(turn=st.floats(-np.pi, np.pi), x=st.floats(-5e6, 5e6))
def test_straight_ahead_is_along_x_wherever_the_world_lies(
    scene_of: Any, turn: float, x: float
) -> None:
    scene = scene_of(turn, (x, 1.0))
    plans = [ahead(scene, 8.0, 9.0), ahead(scene, 4.0, 2.2)]
    plan, valid = encode_plans(plans, scene.ego, SIZES)
    check_arrays({'plan': plan, 'plan_valid': valid}, DECODER_INPUTS, SIZES)
    end_s = block_ends_s(SIZES)
    np.testing.assert_allclose(end_s, 0.5 * np.arange(1, 17))
    np.testing.assert_allclose(plan[0, :, 0], 1.4 + 8.0 * end_s, atol=1e-4)
    np.testing.assert_allclose(plan[0, :, 1], 0.0, atol=1e-4)
    np.testing.assert_allclose(plan[0, :, 2:], np.tile([1.0, 0.0, 8.0], (16, 1)), atol=1e-5)
    assert valid[0].all()
    np.testing.assert_array_equal(valid[1], [1] * 4 + [0] * 12)
    assert not plan[1, 4:].any()


def test_the_view_may_be_another(scene_of: Any) -> None:
    scene = scene_of()
    view = Transform.from_xyz_yaw(np.array([10.0, 0.0, 0.0]), np.pi / 2)
    plan, _ = encode_plans([ahead(scene, 2.0, 8.0)], scene.ego, SIZES, view)
    np.testing.assert_allclose(plan[0, -1], [0.0, -(1.4 + 16.0 - 10.0), 0, -1, 2], atol=1e-5)


def test_a_plan_that_begins_later_is_reached_from_the_present(scene_of: Any) -> None:
    scene = scene_of(1.0)
    plan, valid = encode_plans([ahead(scene, 8.0, 8.0, first_s=0.7)], scene.ego, SIZES)
    assert valid.all()
    np.testing.assert_allclose(plan[0, :, 0], 1.4 + 8.0 * block_ends_s(SIZES), atol=1e-4)


@settings(max_examples=30)
@given(cut=st.integers(0, 15))
def test_a_block_knows_nothing_of_the_plan_after_its_end(scene_of: Any, cut: int) -> None:
    scene = scene_of()
    t = 0.1 * np.arange(81)
    pose = np.column_stack([8.0 * t, 0.0 * t, 0.0 * t])
    other = pose.copy()
    other[5 * (cut + 1) + 1 :, 1] += 5.0
    speed = np.full(81, 8.0)
    one, _ = encode_plans([EgoPlan(t, pose, speed)], scene.ego, SIZES)
    changed, _ = encode_plans([EgoPlan(t, other, speed)], scene.ego, SIZES)
    np.testing.assert_array_equal(one[0, : cut + 1], changed[0, : cut + 1])


def test_what_is_not_finite_is_refused_by_number(scene_of: Any) -> None:
    scene = scene_of()
    good = ahead(scene, 3.0, 8.0)
    pose = good.pose.copy()
    pose[3, 1] = np.inf
    with pytest.raises(ValueError, match=r'plans\[1\] must be finite'):
        encode_plans([good, EgoPlan(good.after_s, pose, good.speed_mps)], scene.ego, SIZES)


def test_no_plan_is_one_row_of_nothing() -> None:
    plan, valid = no_plan(SIZES)
    assert plan.shape == (1, 16, 5)
    assert not plan.any()
    assert not valid.any()
