"""Plans of the robotaxi as the decoder reads them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prediction_node.domain.agents import Ego
from prediction_node.domain.conditional import EgoPlan
from prediction_node.domain.frames import Transform
from prediction_node.domain.tensors import PLAN_NAMES, Sizes


def encode_plans(
    plans: Sequence[EgoPlan], ego: Ego, sizes: Sizes, view: Transform | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """`plan` (C, K, 5) and `plan_valid` (C, K) of C plans, at the ends of the decoder's blocks.

    Places are those of the middle of the robotaxi's box, as in row 0 of the actors. Between the
    scene's instant and the beginning of a plan the robotaxi goes from where it is to there. From
    the first block on that ends beyond the plan, nothing is planned. `view` is map_from_view, by
    default base_link. Raises ValueError naming the plan that holds a value that is not finite.
    """
    view = view or ego.map_from_base
    end_s = block_ends_s(sizes)
    plan = np.zeros((len(plans), sizes.blocks, len(PLAN_NAMES)), np.float32)
    valid = np.zeros((len(plans), sizes.blocks), np.float32)
    for row, each in enumerate(plans):
        if not all(np.isfinite(a).all() for a in (each.after_s, each.pose, each.speed_mps)):
            raise ValueError(f'plans[{row}] must be finite')
        pose, speed, planned = _from_now(each, ego).at(end_s)
        known = np.logical_and.accumulate(planned)
        yaw = pose[:, 2]
        heading = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
        centre = pose[:, :2] + ego.centre_offset_m * heading
        turn = yaw - view.yaw_rad
        plan[row, :, :2] = (centre - view.translation_m[:2]) @ view.rotation_2d
        plan[row, :, 2], plan[row, :, 3] = np.cos(turn), np.sin(turn)
        plan[row, :, 4] = speed
        plan[row, ~known] = 0.0
        valid[row] = known
    return plan, valid


def no_plan(sizes: Sizes) -> tuple[np.ndarray, np.ndarray]:
    """The one row that says that nothing is planned."""
    plan = np.zeros((1, sizes.blocks, len(PLAN_NAMES)), np.float32)
    return plan, np.zeros((1, sizes.blocks), np.float32)


def block_ends_s(sizes: Sizes) -> np.ndarray:
    """(K,) instants of the ends of the decoder's blocks."""
    per_block = sizes.steps // sizes.blocks
    return np.asarray(sizes.step_s * per_block * np.arange(1, sizes.blocks + 1))


def _from_now(plan: EgoPlan, ego: Ego) -> EgoPlan:
    """The same, from the scene's instant on if it begins later."""
    if plan.after_s[0] <= 0.0:
        return plan
    whole = 2.0 * np.pi
    yaw = ego.yaw_rad + whole * np.round((plan.pose[0, 2] - ego.yaw_rad) / whole)
    return EgoPlan(
        np.concatenate([[0.0], plan.after_s]),
        np.concatenate([[[*ego.position_m, yaw]], plan.pose]),
        np.concatenate([[ego.velocity_mps[0]], plan.speed_mps]),
    )
