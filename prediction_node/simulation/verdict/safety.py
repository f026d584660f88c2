"""Collisions of the robotaxi, and hard braking of it and of those around it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.kinds import MOTOR_VEHICLES, class_mask
from prediction_node.simulation.boxes import penetration_m
from prediction_node.simulation.verdict.parameters import VerdictParameters
from prediction_node.simulation.verdict.truth import EgoTruth, Truth

_MOTORS = class_mask(MOTOR_VEHICLES)
# Who has the robotaxi ahead by no more to the side, and headed as it is, follows it.
_ASIDE_M, _ALIKE_RAD = 2.0, np.pi / 4
_KEPT_S = 2.0


class Braking:
    """One body: counts how often it loses speed faster than a bound."""

    __slots__ = ('_braking', '_past', '_window_ns', '_worst', 'count')

    def __init__(self, window_s: float, bound_mps2: float) -> None:
        self._window_ns, self._worst = round(window_s * 1e9), bound_mps2
        self._past: deque[tuple[int, float]] = deque()
        self._braking = False
        self.count = 0

    def add(self, stamp_ns: int, speed_mps: float) -> bool:
        """Whether hard braking begins here."""
        self._past.append((stamp_ns, speed_mps))
        while len(self._past) > 1 and self._past[1][0] <= stamp_ns - self._window_ns:
            self._past.popleft()
        first_ns, first_mps = self._past[0]
        span_ns = stamp_ns - first_ns
        if not self._window_ns <= span_ns <= 2 * self._window_ns:
            return False
        loss = (first_mps - speed_mps) / (span_ns * 1e-9)
        begins = loss > self._worst and not self._braking
        if loss > self._worst:
            self._braking = True
        elif loss < 0.5 * self._worst:
            self._braking = False
        self.count += begins
        return begins


@dataclass(frozen=True, slots=True)
class Collision:
    """The first contact with somebody, seen from the robotaxi."""

    stamp_ns: int
    label: int
    ahead_m: float  # middle of the other from the robotaxi's
    left_m: float
    ego_mps: float
    other_mps: float


class Safety:
    """Told of the robotaxi (often) and of everybody else (at every step of the world)."""

    def __init__(self, ego_size_m: np.ndarray, parameters: VerdictParameters) -> None:
        self._size_m, self._p = ego_size_m, parameters
        self._ego: deque[EgoTruth] = deque()
        self._pending: deque[Truth] = deque()
        self._touching: set[bytes] = set()
        self._own = Braking(parameters.brake_window_s, parameters.hard_brake_mps2)
        self._others: dict[bytes, Braking] = {}
        self.collisions: list[Collision] = []
        self.others_hard_brakes = 0
        self.followers_hard_brakes = 0  # of those, who had the robotaxi ahead
        self.ego_distance_m = 0.0

    @property
    def ego_hard_brakes(self) -> int:
        return self._own.count

    def on_ego(self, ego: EgoTruth) -> None:
        """The robotaxi's pose and speed; looks at the worlds it now knows its place in."""
        if self._ego and ego.stamp_ns <= self._ego[-1].stamp_ns:
            return
        self._own.add(ego.stamp_ns, ego.speed_mps)
        if self._ego:
            # By its speed: odometry that is noisy seems to move at standstill.
            gone_s = (ego.stamp_ns - self._ego[-1].stamp_ns) * 1e-9
            self.ego_distance_m += 0.5 * (ego.speed_mps + self._ego[-1].speed_mps) * gone_s
        self._ego.append(ego)
        while self._ego[0].stamp_ns < ego.stamp_ns - round(_KEPT_S * 1e9):
            self._ego.popleft()
        while self._pending and self._pending[0].stamp_ns <= ego.stamp_ns:
            self._look(self._pending.popleft())

    def on_truth(self, truth: Truth) -> None:
        """Everybody else. Waits until the robotaxi's pose at that instant is known."""
        if len(self._pending) < 100:
            self._pending.append(truth)

    def _look(self, truth: Truth) -> None:
        pose = self._pose_at(truth.stamp_ns)
        if pose is None or not len(truth.uuid):
            return
        deep = penetration_m(
            pose[:2], pose[2], self._size_m[:2],
            truth.pose[:, :2], truth.pose[:, 2], truth.size_m[:, :2],
        )  # fmt: skip
        touching = {truth.uuid[i] for i in np.flatnonzero(deep > self._p.overlap_m)}
        for i in np.flatnonzero(deep > self._p.overlap_m):
            if truth.uuid[i] not in self._touching:
                self.collisions.append(self._collision(truth, int(i), pose))
        self._touching = touching
        near = np.hypot(*(truth.pose[:, :2] - pose[:2]).T) <= self._p.near_m
        follows = _follows(truth.pose, pose)
        watched: dict[bytes, Braking] = {}
        for i in np.flatnonzero(near & _MOTORS[truth.label]):
            uuid = truth.uuid[i]
            braking = self._others.get(uuid) or Braking(
                self._p.brake_window_s, self._p.hard_brake_mps2
            )
            watched[uuid] = braking
            speed = float(np.hypot(*truth.velocity_mps[i]))
            brakes = braking.add(truth.stamp_ns, speed)
            self.others_hard_brakes += brakes
            self.followers_hard_brakes += brakes and bool(follows[i])
        self._others = watched

    def _collision(self, truth: Truth, row: int, pose: np.ndarray) -> Collision:
        dx, dy = truth.pose[row, :2] - pose[:2]
        cos, sin = np.cos(pose[2]), np.sin(pose[2])
        return Collision(
            truth.stamp_ns,
            int(truth.label[row]),
            float(cos * dx + sin * dy),
            float(cos * dy - sin * dx),
            self._ego[-1].speed_mps,
            float(np.hypot(*truth.velocity_mps[row])),
        )

    def _pose_at(self, stamp_ns: int) -> np.ndarray | None:
        before = None
        for ego in self._ego:
            if ego.stamp_ns >= stamp_ns:
                if before is None or ego.stamp_ns == stamp_ns:
                    return ego.pose if ego.stamp_ns == stamp_ns else None
                share = (stamp_ns - before.stamp_ns) / (ego.stamp_ns - before.stamp_ns)
                out = before.pose + share * (ego.pose - before.pose)
                turn = wrap_angle(ego.pose[2] - before.pose[2])
                out[2] = before.pose[2] + share * float(turn)
                return np.asarray(out)
            before = ego
        return None


def _follows(pose: np.ndarray, ego: np.ndarray) -> np.ndarray:
    """(N,) who of poses (N, 3) has the robotaxi, at pose (3,), ahead on its line, headed alike."""
    dx, dy = ego[0] - pose[:, 0], ego[1] - pose[:, 1]
    cos, sin = np.cos(pose[:, 2]), np.sin(pose[:, 2])
    ahead, aside = cos * dx + sin * dy, cos * dy - sin * dx
    alike = np.abs(wrap_angle(ego[2] - pose[:, 2])) < _ALIKE_RAD
    return np.asarray((ahead > 0.0) & (np.abs(aside) < _ASIDE_M) & alike)
