"""How likely a trajectory ends in a collision, by the predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import MOTOR_VEHICLES, ObjectClass, class_mask
from prediction_node.domain.prediction import POSE_COUNT, STEP_S
from prediction_node.simulation.boxes import penetration_m
from prediction_node.simulation.futures import Futures
from prediction_node.simulation.planner.candidates import Obstacles, Trajectory
from prediction_node.simulation.planner.parameters import PlannerParameters
from prediction_node.simulation.planner.path import Path
from prediction_node.simulation.planner.waits import Waits

EVERY = 2  # poses: boxes are compared every 0.2 s
_STANDING_MPS = 0.3
_VULNERABLE = class_mask(
    (ObjectClass.PEDESTRIAN, ObjectClass.ANIMAL, ObjectClass.BICYCLE, ObjectClass.MOTORCYCLE)
)
_WALKERS = class_mask((ObjectClass.PEDESTRIAN, ObjectClass.ANIMAL))
_MOTORS = class_mask(MOTOR_VEHICLES)
_EASY_BRAKING_MPS2 = 1.5
_BRAKING_STEPS, _BRAKING_EVERY = 50, 10  # speeds are of whole seconds: shorter ones are noise
_LIKELY = 0.25  # who is in the way by less than this is no obstacle to be followed, only a risk
_POSSIBLE = 0.02  # modes below this weight are not looked at for it


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """The futures of those near, at the instants of the robotaxi's trajectories."""

    pose: np.ndarray  # (A, M, POSE_COUNT, 3)
    weight: np.ndarray  # (A, M)
    size_m: np.ndarray  # (A, 2) length and width
    label: np.ndarray  # (A,)

    @classmethod
    def of(
        cls,
        futures: Futures,
        stamp_ns: int,
        position_m: np.ndarray,
        reach_m: float,
        waits: Waits | None = None,
    ) -> Surroundings:
        """Those within `reach_m`; predictions older than `stamp_ns` are looked up later on. With
        `waits`, they may also stay where they are, the more the longer they were waited for.
        """
        away = futures.position_m - position_m
        near = futures.select(np.hypot(away[:, 0], away[:, 1]) <= reach_m)
        if waits is not None:
            near = waits.doubted(near)
        late = max((stamp_ns - futures.stamp_ns) * 1e-9 / STEP_S, 0.0)
        last = near.pose.shape[2] - 1
        step = np.minimum(np.arange(POSE_COUNT) + late, last)
        low = np.minimum(step.astype(np.int64), max(last - 1, 0))
        high = np.minimum(low + 1, last)
        share = (step - low)[:, None]
        pose = near.pose[:, :, low] * (1.0 - share) + near.pose[:, :, high] * share
        # Angles are not blended: between two steps they hardly change.
        pose[..., 2] = near.pose[:, :, low, 2]
        size = np.maximum(near.size_m[:, :2], 0.4)
        return cls(pose, near.weight, size, near.label)

    def __len__(self) -> int:
        return len(self.label)

    def margin_m(self, parameters: PlannerParameters) -> np.ndarray:
        """(A,) room kept around each."""
        vulnerable = _VULNERABLE[self.label]
        return np.where(vulnerable, parameters.vulnerable_margin_m, parameters.margin_m)


def obstacles_on(
    path: Path,
    around: Surroundings,
    ego_size_m: np.ndarray,
    horizon_m: float,
    parameters: PlannerParameters,
    *,
    passes: bool = False,
) -> Obstacles:
    """Whom the robotaxi follows or stops for on a path: those likely on it, by all their modes
    together, no farther ahead than where they likely are.

    Walkers and animals count from some time before they step onto the path; if it `passes`, only
    who is on it now. Who is behind the robotaxi now, or beyond `horizon_m`, does not.
    """
    agent, mode = np.nonzero(around.weight >= _POSSIBLE)
    if not len(agent):
        return Obstacles.none()
    pose = around.pose[agent, mode][:, ::EVERY]  # (B, K, 3)
    arc, offset = path.project(pose[..., :2])
    row = np.clip(np.searchsorted(path.arc_m, arc), 0, len(path.arc_m) - 1)
    turn = pose[..., 2] - path.yaw_rad[row]
    cos, sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    length, width = around.size_m[agent, 0, None], around.size_m[agent, 1, None]
    along, across = 0.5 * (length * cos + width * sin), 0.5 * (length * sin + width * cos)
    room = 0.5 * ego_size_m[1] + around.margin_m(parameters)[agent, None]
    half = 0.5 * ego_size_m[0]
    on = (np.abs(offset) < across + room) & (arc - along < horizon_m)
    # Their whole body has passed our front: they are behind, or beside.
    on &= (arc[:, :1] + along[:, :1] > half) & (arc + along > 0.0)
    on &= (arc > -half) & (arc < path.length_m + 20.0)
    early = _WALKERS[around.label[agent]]
    speed = np.gradient(arc, EVERY * STEP_S, axis=1)
    sideways = np.gradient(offset, EVERY * STEP_S, axis=1)
    # Who crosses on wheels is no leader: passing before or behind is a matter of the risk.
    on &= early[:, None] | (np.abs(sideways) < np.maximum(1.0, 0.7 * np.abs(speed)))
    if passes:
        on &= ~early[:, None] | (np.abs(offset[:, :1]) < across[:, :1] + room)
    steps = round(parameters.anticipation_s / (EVERY * STEP_S))
    rear = np.where(on, arc - along, np.inf)
    for _ in range(steps if early.any() else 0):
        sooner = np.concatenate([rear[:, 1:], rear[:, -1:]], axis=1)
        rear[early] = np.minimum(rear, sooner)[early]
    rear, speed = _likely_ends(around.weight, agent, mode, rear, speed)
    used = np.isfinite(rear).any(axis=1)
    return Obstacles(
        np.ascontiguousarray(np.repeat(rear[used], EVERY, axis=1)[:, :POSE_COUNT]),
        np.ascontiguousarray(np.repeat(speed[used], EVERY, axis=1)[:, :POSE_COUNT]),
    )


def _likely_ends(
    weight: np.ndarray, agent: np.ndarray, mode: np.ndarray, rear_m: np.ndarray, speed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(A, K) how near the ends of all agents likely are at least, and their speeds, from those of B
    modes (B, K): modes that agree count together, however many there are. Inf: not on the path.
    """
    shape = (*weight.shape, rear_m.shape[1])
    ends, speeds = np.full(shape, np.inf), np.zeros(shape)
    ends[agent, mode], speeds[agent, mode] = rear_m, speed
    order = np.argsort(ends, axis=1, kind='stable')
    together = np.cumsum(np.take_along_axis(weight[:, :, None], order, axis=1), axis=1)
    nth = np.argmax(together >= _LIKELY, axis=1)[:, None]
    row = np.take_along_axis(order, nth, axis=1)
    likely = together[:, -1] >= _LIKELY
    end = np.take_along_axis(ends, row, axis=1)[:, 0]
    return np.where(likely, end, np.inf), np.take_along_axis(speeds, row, axis=1)[:, 0]


def collision_costs(
    trajectories: list[Trajectory],
    around: Surroundings,
    ego_size_m: np.ndarray,
    heeds_rear: np.ndarray,
    parameters: PlannerParameters,
) -> tuple[np.ndarray, np.ndarray]:
    """(C,) collision probabilities, and (C,) the same with later collisions fading.

    A mode collides where boxes, with a margin around the other's, first overlap. Who is within the
    margin already is so with every candidate: of him the bare box counts, against which braking
    still helps. It does not count where the robotaxi stands by then, nor where the other comes from
    behind, unless `heeds_rear` (C,): who changes the lane must look back. Agents are taken as
    independent. See `urgency` for what fades; a collision at a crawl counts less, too.
    """
    c, a = len(trajectories), len(around)
    if a == 0:
        return np.zeros(c), np.zeros(c)
    ego = np.stack([t.pose[::EVERY] for t in trajectories])  # (C, K, 3)
    speed = np.stack([t.speed_mps[::EVERY] for t in trajectories])
    other = around.pose[:, :, ::EVERY]  # (A, M, K, 3)
    margin = around.margin_m(parameters)
    off = other[None, ..., :2] - ego[:, None, None, :, :2]  # (C, A, M, K, 2)
    square = np.square(off[..., 0]) + np.square(off[..., 1])
    span = np.linalg.norm(other[:, :, 5, :2] - other[:, :, 0, :2], axis=-1)
    pace = span / (5 * EVERY * STEP_S)  # (A, M) mean speed over the next second
    radius = 0.5 * np.hypot(*ego_size_m[:2]) + 0.5 * np.hypot(*around.size_m.T) + margin
    reach = radius[:, None] + parameters.time_margin_s * pace
    close = square < np.square(reach)[None, :, :, None]
    close &= (around.weight > 0.0)[None, :, :, None]
    pairs = np.nonzero(close)
    bare = around.size_m[pairs[1]]
    wide = bare + 2.0 * margin[pairs[1], None]
    # Their speed is what is least certain: room before and behind them grows with it.
    wide[:, 0] += 2.0 * parameters.time_margin_s * pace[pairs[1], pairs[2]]
    urgent = urgency(ego, speed, EVERY * STEP_S, parameters, heeds_rear)
    weight = np.zeros((c, a, around.weight.shape[1]))
    faded = np.zeros_like(weight)
    for size in (wide, bare):
        hit = np.zeros(close.shape, bool)
        hit[pairs] = _overlap(ego, ego_size_m, other, size, pairs)
        if size is wide:
            hit &= ~hit[..., :1]
        first = np.argmax(hit, axis=-1)  # (C, A, M)
        ci, ai, mi = np.nonzero(hit.any(axis=-1))
        ki = first[ci, ai, mi]
        counts = speed[ci, ki] > _STANDING_MPS
        behind = _behind(ego[ci, ki], other[ai, mi, ki, :2], ego_size_m)
        counts &= ~behind | heeds_rear[ci]
        share = around.weight[ai, mi] * counts
        # Who drives into a robotaxi that has all but stopped is helped little by its braking
        # harder. Who leaves his line, though, leaves it into the way of others, however slowly.
        severity = np.minimum(speed[ci, ki] / parameters.severe_mps, 1.0)
        fades = share * urgent[ci, ki] * np.where(heeds_rear[ci], 1.0, severity)
        weight[ci, ai, mi] = np.maximum(weight[ci, ai, mi], share)
        faded[ci, ai, mi] = np.maximum(faded[ci, ai, mi], fades)
    probability = 1.0 - np.prod(1.0 - np.minimum(weight.sum(axis=2), 1.0), axis=1)
    fading = 1.0 - np.prod(1.0 - np.minimum(faded.sum(axis=2), 1.0), axis=1)
    return probability, fading


def _overlap(
    ego: np.ndarray,
    ego_size_m: np.ndarray,
    other: np.ndarray,
    size_m: np.ndarray,
    pairs: tuple[np.ndarray, ...],
) -> np.ndarray:
    """(P,) whether boxes overlap: of ego (C, K, 3) and other (A, M, K, 3) those at `pairs`, indices
    c, a, m and k of each, the other's of size_m (P, 2).
    """
    ci, ai, mi, ki = pairs
    if not len(ci):
        return np.zeros(0, bool)
    deep = penetration_m(
        ego[ci, ki, :2], ego[ci, ki, 2], ego_size_m[:2],
        other[ai, mi, ki, :2], other[ai, mi, ki, 2], size_m,
    )  # fmt: skip
    return np.asarray(deep > 0.0)


def braking_of_others(around: Surroundings) -> float:
    """Sum over motor vehicles of the mean, over modes, of the square of their hardest braking of
    the next seconds beyond what comes easy, m^2/s^4.
    """
    motors = _MOTORS[around.label]
    if not motors.any():
        return 0.0
    place = around.pose[motors, :, : _BRAKING_STEPS + 1 : _BRAKING_EVERY, :2]
    speed = np.linalg.norm(np.diff(place, axis=2), axis=-1) / (_BRAKING_EVERY * STEP_S)
    braking = -np.diff(speed, axis=2).min(axis=2) / (_BRAKING_EVERY * STEP_S)
    hard = np.square(np.maximum(braking - _EASY_BRAKING_MPS2, 0.0))
    return float((hard * around.weight[motors]).sum())


def urgency(
    ego: np.ndarray,
    speed_mps: np.ndarray,
    step_s: float,
    parameters: PlannerParameters,
    heeds_rear: np.ndarray,
) -> np.ndarray:
    """(C, K) how much counts what happens at the poses of ego (C, K, 3), `step_s` apart.

    Later things count less. What the robotaxi can wait and see about, because it does not get there
    if it drives on for the time it takes to reconsider and stops then, fades by another share;
    stopping does not help who is beside his line (`heeds_rear`, (C,)).
    """
    fades = np.exp(-np.arange(ego.shape[1]) * step_s / parameters.collision_fading_s)
    step = ego[:, 1:, :2] - ego[:, :-1, :2]
    gone = np.cumsum(np.hypot(step[..., 0], step[..., 1]), axis=1)
    arc = np.concatenate([np.zeros((len(ego), 1)), gone], axis=1)
    at = min(round(parameters.reconsidering_s / step_s), arc.shape[1] - 1)
    stands = arc[:, at] + np.square(speed_mps[:, at]) / (2.0 * parameters.stopping_mps2)
    avoidable = (arc > stands[:, None]) & ~heeds_rear[:, None]
    return np.asarray(fades * np.where(avoidable, parameters.avoidable_share, 1.0))


def _behind(ego: np.ndarray, other_m: np.ndarray, ego_size_m: np.ndarray) -> np.ndarray:
    """(n,) whether the other's middle is behind the robotaxi's rear quarter."""
    dx, dy = other_m[:, 0] - ego[:, 0], other_m[:, 1] - ego[:, 1]
    return np.asarray(np.cos(ego[:, 2]) * dx + np.sin(ego[:, 2]) * dy < -0.25 * ego_size_m[0])
