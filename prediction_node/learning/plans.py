"""What the robotaxi really did next, as the plan it might have told."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.conditional import EgoPlan
from prediction_node.domain.tensors import Sizes
from prediction_node.learning.augmentation import Seen
from prediction_node.learning.samples.sample import Sample
from prediction_node.tensors.plans import encode_plans


def plan_arrays(sample: Sample, seen: Seen, sizes: Sizes) -> dict[str, np.ndarray]:
    """`plan` (K, 5) and `plan_valid` (K,) of the steps that are told; 0 beyond them."""
    plan = driven(sample, seen.told_steps)
    if plan is None:
        return {
            'plan': np.zeros((sizes.blocks, 5), np.float32),
            'plan_valid': np.zeros(sizes.blocks, np.float32),
        }
    told, known = encode_plans((plan,), seen.scene.ego, sizes, seen.view)
    return {'plan': told[0], 'plan_valid': known[0]}


def driven(sample: Sample, steps: int) -> EgoPlan | None:
    """The first known steps of what the robotaxi drove; None where there are none."""
    known = int(np.logical_and.accumulate(sample.ego_future_valid[:steps]).sum())
    ego = sample.scene.ego
    if not known or not ego.present:
        return None
    after_s = 0.1 * np.arange(known + 1)
    now = np.array([*ego.position_m, ego.yaw_rad])
    pose = np.vstack([now, sample.ego_future[:known, :3]])
    pose[:, 2] = np.unwrap(pose[:, 2])
    speed = np.concatenate([ego.velocity_mps[:1], sample.ego_future[:known, 3]])
    return EgoPlan(after_s, pose, speed)
