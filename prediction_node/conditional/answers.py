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

    @cached_property
    def objects_cdr(self) -> tuple[bytes, ...]:
        """autoware_perception_msgs/PredictedObjects of each answered candidate."""
        if self.ego is None:
            return ()
        every = self.parameters.every
        out = []
        for index, plan, answer in zip(self.index, self.plans, self.conditioned, strict=True):
            near = near_plan(answer.prediction.agents, plan, self.parameters.radius_m)
            name = candidate_id(self.request, int(index))
            shown = _with_ego(answer.prediction, near, self.ego, plan, name)
            out.append(cdr.write_predicted_objects(output.predicted_objects(shown, every)))
        return tuple(out)

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


def near_plan(agents: Agents, plan: EgoPlan, radius_m: float) -> np.ndarray:
    """Rows of the agents that are now within `radius_m` of a place of the plan from now on."""
    pose, _, _ = plan.at(_AHEAD_S[::5])
    square = np.full(len(agents), np.inf)
    for x_m, y_m, _ in pose:
        dx, dy = agents.position_m[:, 0] - x_m, agents.position_m[:, 1] - y_m
        np.minimum(square, dx * dx + dy * dy, out=square)
    return np.flatnonzero(square <= radius_m**2)


def _with_ego(
    prediction: Prediction, rows: np.ndarray, ego: Ego, plan: EgoPlan, name: bytes
) -> Prediction:
    """The agents `rows` behind the robotaxi, whose one future is the plan; box centres.

    Beyond its end a plan says nothing: its last pose stands there.
    """
    pose, _, _ = plan.at(_AHEAD_S)
    heading = np.column_stack([np.cos(pose[:, 2]), np.sin(pose[:, 2])])
    pose[:, :2] += ego.centre_offset_m * heading
    n = len(rows)
    poses = np.zeros((n + 1, MODE_COUNT, POSE_COUNT, 3))
    sigma = np.zeros_like(poses)
    probability = np.zeros((n + 1, MODE_COUNT))
    poses[0, :], probability[0, 0] = pose, 1.0
    poses[1:], sigma[1:] = prediction.pose[rows], prediction.sigma[rows]
    probability[1:] = prediction.probability[rows]
    robotaxi = dataclasses.replace(ego.as_agent(), uuid=np.frombuffer(name, np.uint8)[None])
    agents = Agents.joined([robotaxi, prediction.agents.select(rows)])
    return Prediction(agents, poses, sigma, probability, prediction.engine)
