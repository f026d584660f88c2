"""What an example says about the future: paths in each agent's own frame, and who counts."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.frames import rotation_2d
from prediction_node.domain.kinds import CLASS_COUNT, CLASS_NAMES
from prediction_node.domain.prediction import STEP_S
from prediction_node.domain.relations import AFFECTED, HORIZON_S, relations
from prediction_node.learning.parameters import LossParameters
from prediction_node.learning.plans import driven
from prediction_node.learning.samples.sample import Sample

STANDING_M = 2.0


def class_weights(parameters: LossParameters) -> np.ndarray:
    """(CLASS_COUNT,) weights by label."""
    weights = np.ones(CLASS_COUNT)
    for name, weight in parameters.class_weight.items():
        weights[CLASS_NAMES.index(name)] = weight
    return weights


def label_arrays(
    sample: Sample, rows: np.ndarray, agents: int, parameters: LossParameters
) -> dict[str, np.ndarray]:
    """`future` (A, T, 2), `future_valid` (A, T), `weight` (A,) and `label` (A,) of the sample's
    agents in `rows`, padded to A = `agents`.
    """
    n, steps = len(rows), sample.future_m.shape[1]
    position = sample.scene.agents.position_m[rows, None, :2]
    own_from_map = rotation_2d(-sample.scene.agents.yaw_rad[rows])
    known = sample.future_valid[rows]
    path = np.einsum('nij,ntj->nti', own_from_map, sample.future_m[rows] - position)
    path[~known] = 0.0
    label = sample.label[rows].astype(np.int64)
    weight = class_weights(parameters)[label]
    gone_m = np.sqrt(np.square(path).sum(-1).max(-1, initial=0.0))
    weight = np.where(gone_m > STANDING_M, weight, weight * parameters.standing_weight)
    # Of a glimpse of the future little is learned, and by chance: a second of it counts whole.
    weight *= np.minimum(1.0, known.sum(-1) / 10.0)
    arrays: dict[str, np.ndarray] = {
        'future': np.zeros((agents, steps, 2), np.float32),
        'future_valid': np.zeros((agents, steps), np.float32),
        'weight': np.zeros(agents, np.float32),
        'label': np.zeros(agents, np.int64),
    }
    for name, values in zip(arrays, (path, known, weight, label), strict=True):
        arrays[name][:n] = values
    return arrays


def affected(sample: Sample, rows: np.ndarray, told_steps: int) -> np.ndarray:
    """(len(rows),) bool: agents that a plan told for so many steps can affect, by what both did.

    Nobody if less of the plan is known than relations look at; never one whose own future is not.
    """
    found = np.zeros(len(rows), bool)
    steps = round(HORIZON_S / STEP_S)
    plan = driven(sample, told_steps)
    if plan is None or plan.after_s[-1] < HORIZON_S - 1e-6:
        return found
    known = sample.future_valid[rows, :steps].all(axis=1)
    agents, shown = sample.scene.agents, rows[known]
    relation = relations(
        sample.scene.ego,
        plan,
        agents.position_m[shown, :2],
        agents.yaw_rad[shown],
        sample.future_m[shown],
    )
    found[known] = np.isin(relation, AFFECTED)
    return found
