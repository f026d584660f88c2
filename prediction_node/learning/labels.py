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
    sample: Sample,
    rows: np.ndarray,
    agents: int,
    parameters: LossParameters,
    heading_rad: np.ndarray,
    told_steps: int = 0,
) -> dict[str, np.ndarray]:
    """`future` (A, T, 2), `future_valid` (A, T), `weight` (A,), `label` (A,) and `reacts` (A,), see
    `reacting`, of the sample's agents in `rows`, padded to A = `agents`.

    Own frames look along `heading_rad`, of all agents, as they are shown. `told_steps` of the
    robotaxi's plan are told.
    """
    n, steps = len(rows), sample.future_m.shape[1]
    position = sample.scene.agents.position_m[rows, None, :2]
    own_from_map = rotation_2d(-heading_rad[rows])
    known = sample.future_valid[rows]
    path = np.einsum('nij,ntj->nti', own_from_map, sample.future_m[rows] - position)
    path[~known] = 0.0
    label = sample.label[rows].astype(np.int64)
    weight = class_weights(parameters)[label]
    gone_m = np.sqrt(np.square(path).sum(-1).max(-1, initial=0.0))
    weight = np.where(gone_m > STANDING_M, weight, weight * parameters.standing_weight)
    # Of a glimpse of the future little is learned, and by chance: a second of it counts whole.
    weight *= np.minimum(1.0, known.sum(-1) / 10.0)
    reacts = reacting(sample, rows, told_steps) if parameters.minds_reactions else np.zeros(n)
    if told_steps:
        weight *= np.where(reacts > 0, parameters.affected_weight, parameters.bystander_weight)
    arrays: dict[str, np.ndarray] = {
        'future': np.zeros((agents, steps, 2), np.float32),
        'future_valid': np.zeros((agents, steps), np.float32),
        'weight': np.zeros(agents, np.float32),
        'label': np.zeros(agents, np.int64),
        'reacts': np.zeros(agents, np.float32),
    }
    for name, values in zip(arrays, (path, known, weight, label, reacts), strict=True):
        arrays[name][:n] = values
    return arrays


def reacting(sample: Sample, rows: np.ndarray, told_steps: int) -> np.ndarray:
    """(len(rows),) by what both did: 1 for agents that a plan told for so many steps can affect, -1
    for those it cannot, 0 where nobody knows.

    Nobody knows if less of the plan or of the agent's future is known than relations look at.
    """
    found = np.zeros(len(rows))
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
    found[known] = np.where(np.isin(relation, AFFECTED), 1.0, -1.0)
    return found


def somebody_reacts(sample: Sample) -> bool:
    """Whether the robotaxi's plan can affect an agent that moves over the next seconds."""
    agents, steps = sample.scene.agents, round(HORIZON_S / STEP_S)
    if not len(agents):
        return False
    reacts = reacting(sample, np.arange(len(agents)), sample.future_m.shape[1]) > 0
    way = sample.future_m[:, steps - 1] - agents.position_m[:, :2]
    return bool((reacts & (np.hypot(way[:, 0], way[:, 1]) > STANDING_M)).any())
