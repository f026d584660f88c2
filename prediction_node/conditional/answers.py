"""Answers to a request as the planner gets them."""

from __future__ import annotations

import dataclasses
import uuid
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prediction_node import cdr, output
from prediction_node.conditional.parameters import ConditionedParameters
from prediction_node.conditional.request import Refusal
from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.conditional import Conditioned, EgoPlan
from prediction_node.domain.frames import MAP
from prediction_node.domain.message_arrays import CandidateTrajectoriesArrays
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, STEP_S, Prediction
from prediction_node.domain.stamps import to_sec_nanosec

_AHEAD_S = STEP_S * np.arange(POSE_COUNT)


@dataclass(frozen=True)
class Answers:
    """What one request came to. Message bytes are made when first asked for."""

    request: CandidateTrajectoriesArrays
    stamp_ns: int  # of the scene: stamp of all answers
    ego: Ego | None
    index: np.ndarray  # (C,) which candidates of the request are answered, in request order
    plans: tuple[EgoPlan, ...]  # C
    conditioned: tuple[Conditioned, ...]  # C
    refusals: tuple[Refusal, ...]
    engine: str  # that answered
    parameters: ConditionedParameters
    frame_id: str = MAP

    @cached_property
    def objects_cdr(self) -> tuple[bytes, ...]:
        """autoware_perception_msgs/PredictedObjects of each answered candidate."""
        if self.ego is None:
            return ()
        every, robotaxi = self.parameters.every, self.ego.as_agent()
        out = []
        for row, plan in enumerate(self.plans):
            name = candidate_id(self.request, int(self.index[row]))
            first = dataclasses.replace(robotaxi, uuid=np.frombuffer(name, np.uint8)[None])
            pose = _centres(plan, self.ego.centre_offset_m)
            shown = _behind(first, pose, self.conditioned[row].prediction, self.near[row])
            arrays = output.predicted_objects(shown, every, self.frame_id)
            out.append(cdr.write_predicted_objects(arrays))
        return tuple(out)

    @cached_property
    def near(self) -> tuple[np.ndarray, ...]:
        """Of each answered candidate the rows of the agents that it comes near."""
        return tuple(
            _near_plan(answer.prediction.agents, plan, self.parameters.radius_m)
            for plan, answer in zip(self.plans, self.conditioned, strict=True)
        )

    @cached_property
    def score(self) -> np.ndarray:
        """(C,) float32: 1 - probability of a collision while the candidate lasts."""
        free = [1.0 - float(answer.collision[-1]) for answer in self.conditioned]
        return np.clip(np.array(free, np.float32), 0.0, 1.0)

    @cached_property
    def scored_cdr(self) -> bytes:
        """autoware_internal_planning_msgs/ScoredCandidateTrajectories of those answered."""
        return cdr.write_scored_candidate_trajectories(self.request.select(self.index), self.score)


def candidate_id(request: CandidateTrajectoriesArrays, index: int) -> bytes:
    """object_id of the robotaxi in the answer to a candidate: UUIDv5 in the namespace of the
    candidate's generator id, of the name 'SECONDS.NANOSECONDS/INDEX' of the candidate's stamp and
    its place in the request.
    """
    sec, nanosec = to_sec_nanosec(request.trajectories[index].stamp_ns)
    generator = uuid.UUID(bytes=request.generator_id[index].tobytes())
    return uuid.uuid5(generator, f'{sec}.{nanosec:09d}/{index}').bytes


def _near_plan(agents: Agents, plan: EgoPlan, radius_m: float) -> np.ndarray:
    """Rows of the agents that are now within `radius_m` of a place of the plan from now on."""
    pose, _, _ = plan.at(_AHEAD_S[::5])
    away = agents.position_m[:, None, :2] - pose[:, :2]
    return np.flatnonzero((np.square(away).sum(axis=2) <= radius_m**2).any(axis=1))


def _centres(plan: EgoPlan, offset_m: float) -> np.ndarray:
    """(POSE_COUNT, 3) of the box, `offset_m` ahead of base_link. Beyond its end a plan says
    nothing: its last pose stands there.
    """
    pose, _, _ = plan.at(_AHEAD_S)
    heading = np.column_stack([np.cos(pose[:, 2]), np.sin(pose[:, 2])])
    pose[:, :2] += offset_m * heading
    return pose


def _behind(
    robotaxi: Agents, plan: np.ndarray, prediction: Prediction, rows: np.ndarray
) -> Prediction:
    """The agents `rows` behind the robotaxi, whose one future is the plan (POSE_COUNT, 3). Likelier
    modes come first; spreads are left out, for messages have none.
    """
    n = len(rows)
    probability = np.zeros((n + 1, MODE_COUNT))
    pose = np.zeros((n + 1, MODE_COUNT, POSE_COUNT, 3))
    pose[0], probability[0, 0] = plan, 1.0
    order = output.by_likelihood(prediction.probability[rows])
    probability[1:] = prediction.probability[rows[:, None], order]
    pose[1:] = prediction.pose[rows[:, None], order]
    agents = Agents.joined([robotaxi, prediction.agents.select(rows)])
    sigma = np.broadcast_to(0.0, pose.shape)
    return Prediction(agents, pose, sigma, probability, prediction.engine)
