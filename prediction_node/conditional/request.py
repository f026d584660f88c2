"""Candidate trajectories on trial: plans of the robotaxi, or a refusal that says why."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from prediction_node.conditional.parameters import ConditionedParameters
from prediction_node.domain.conditional import EgoPlan
from prediction_node.domain.frames import MAP, yaw_from_quaternion
from prediction_node.domain.message_arrays import CandidateTrajectoriesArrays, TrajectoryArrays
from prediction_node.domain.stamps import nanoseconds, seconds

_FAR_M = 1000.0  # nobody plans beyond this: the numbers mean something else
_SHORTEST_QUATERNION = 1e-3


class Reason(str, enum.Enum):
    """Why a candidate, or a whole request, gets no answer."""

    MALFORMED = 'malformed'  # the message cannot be read
    REPLACED = 'replaced'  # a newer request came before this one's turn
    NO_SCENE = 'no_scene'  # nothing is known of the road
    FAILED = 'failed'  # no engine could answer
    WRONG_FRAME = 'wrong_frame'
    STALE = 'stale'
    ONE_POINT = 'one_point'
    NOT_FINITE = 'not_finite'
    NOT_INCREASING = 'not_increasing'  # times of its points
    FAR_AWAY = 'far_away'
    TOO_MANY = 'too_many'

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Refusal:
    """No answer for candidate `index` of a request (None: for the whole request)."""

    index: int | None
    reason: Reason
    detail: str

    def __str__(self) -> str:
        who = 'request' if self.index is None else f'candidate {self.index}'
        return f'{who}: {self.reason}, {self.detail}'


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """What the planner asked, and when it arrived."""

    arrays: CandidateTrajectoriesArrays
    arrival_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """The candidates that get an answer, in request order, and why the others get none."""

    index: np.ndarray  # (C,) in the request
    plans: tuple[EgoPlan, ...]  # C
    refusals: tuple[Refusal, ...]


def judge(
    request: CandidateTrajectoriesArrays,
    stamp_ns: int,
    ego_position_m: np.ndarray,
    parameters: ConditionedParameters,
    map_frame: str = MAP,
) -> Trial:
    """Judge each candidate for a scene at `stamp_ns` with base_link at `ego_position_m` (2,) in
    `map_frame`.
    """
    index: list[int] = []
    plans: list[EgoPlan] = []
    refusals: list[Refusal] = []
    for i, trajectory in enumerate(request.trajectories):
        judged = _judge_one(i, trajectory, stamp_ns, ego_position_m, parameters, map_frame)
        if isinstance(judged, Refusal):
            refusals.append(judged)
        elif len(plans) >= parameters.max_candidates:
            bound = f'more than {parameters.max_candidates} in one request'
            refusals.append(Refusal(i, Reason.TOO_MANY, bound))
        else:
            index.append(i)
            plans.append(judged)
    return Trial(np.array(index, np.int64), tuple(plans), tuple(refusals))


def _judge_one(
    i: int,
    trajectory: TrajectoryArrays,
    stamp_ns: int,
    ego_position_m: np.ndarray,
    parameters: ConditionedParameters,
    map_frame: str,
) -> EgoPlan | Refusal:
    count = len(trajectory.time_from_start_ns)
    if trajectory.frame_id != map_frame:
        said = f'frame must be {map_frame!r}, got {trajectory.frame_id!r:.60}'
        return Refusal(i, Reason.WRONG_FRAME, said)
    age_ns = stamp_ns - trajectory.stamp_ns
    if abs(age_ns) > nanoseconds(parameters.max_age_s):
        said = f'stamp is {seconds(age_ns):.3f} s older than the scene'
        return Refusal(i, Reason.STALE, f'{said}, at most {parameters.max_age_s} s may be between')
    if count < 2:
        return Refusal(i, Reason.ONE_POINT, f'at least 2 points make a plan, got {count}')
    for name in ('position', 'orientation', 'longitudinal_velocity'):
        if not np.isfinite(getattr(trajectory, name)).all():
            return Refusal(i, Reason.NOT_FINITE, f'a value of {name} is not finite')
    # Checked one by one: of 1e308 the length would not be finite.
    if (np.abs(trajectory.orientation).max(axis=1) < _SHORTEST_QUATERNION).any():
        return Refusal(i, Reason.NOT_FINITE, 'an orientation has no length')
    after_s = (trajectory.time_from_start_ns - age_ns) * 1e-9
    if np.any(np.diff(trajectory.time_from_start_ns) <= 0):
        return Refusal(i, Reason.NOT_INCREASING, 'times of its points must increase')
    if after_s[-1] <= 0.0:
        return Refusal(i, Reason.STALE, 'it ends before the scene')
    away_m = np.abs(trajectory.position[:, :2] - ego_position_m).max()
    if away_m > _FAR_M or np.abs(trajectory.longitudinal_velocity).max() > _FAR_M:
        return Refusal(i, Reason.FAR_AWAY, f'{away_m:.3g} m from the robotaxi')
    pose = np.empty((count, 3))
    pose[:, :2] = trajectory.position[:, :2]
    quaternion = trajectory.orientation / np.linalg.norm(
        trajectory.orientation, axis=1, keepdims=True
    )
    pose[:, 2] = np.unwrap(yaw_from_quaternion(quaternion))
    if not np.isfinite(pose).all():
        return Refusal(i, Reason.NOT_FINITE, 'an orientation is none')
    return EgoPlan(after_s, pose, trajectory.longitudinal_velocity.astype(float))
