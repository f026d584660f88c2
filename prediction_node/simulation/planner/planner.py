"""The choice: every cycle a handful of candidates, and the one that costs least by the
predictions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.lights import LightStates
from prediction_node.domain.prediction import POSE_COUNT, STEP_S
from prediction_node.simulation.futures import Futures
from prediction_node.simulation.planner import candidates as make
from prediction_node.simulation.planner.candidates import Line, Obstacles, Trajectory
from prediction_node.simulation.planner.lamps import giving_way, red_stops
from prediction_node.simulation.planner.parameters import PlannerParameters
from prediction_node.simulation.planner.path import Path
from prediction_node.simulation.planner.risk import (
    Surroundings,
    braking_of_others,
    collision_costs,
    obstacles_on,
    urgency,
)
from prediction_node.simulation.planner.route import Route, Stretch
from prediction_node.simulation.planner.waits import Waits

_AHEAD_M = 120.0
_OFF_PLAN_M = 1.0
_SHORTEST_PLAN_M = 3.0
_HARD_BRAKING_MPS2 = 3.5
_LANE_M = 3.5
# Who passes before walkers does not wait and see: it must be clear of them as far as one can tell.
_SURE_TO_PASS = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class EgoState:
    """The robotaxi as the planner knows it, in the map frame."""

    stamp_ns: int
    position_m: np.ndarray  # (2,) middle of the box
    yaw_rad: float
    speed_mps: float
    size_m: np.ndarray  # (3,)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The candidates of one cycle and the one to drive."""

    candidates: tuple[Trajectory, ...]
    cost: np.ndarray  # (C,)
    collision: np.ndarray  # (C,) probability
    chosen: int
    reason: str  # why it is not the planner's free choice; empty if it is

    @property
    def trajectory(self) -> Trajectory:
        return self.candidates[self.chosen]


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """The candidates of one cycle before the choice, or a plan that leaves none."""

    candidates: tuple[Trajectory, ...]  # what may be asked of a predictor
    lines: tuple[Line, ...]  # of each
    extra: tuple[float, ...]  # cost of what each does sideways
    around: Surroundings | None  # what all of them are judged by, unless it is known better
    ego: EgoState
    decided: Plan | None = None


class Way(Protocol):
    """A Route, or an Itinerary of several."""

    def current(self, position_m: np.ndarray, yaw_rad: float) -> Route:
        """The lanes that lie ahead of a place."""


class Planner:
    """Drives along a route. Keeps from cycle to cycle what it chose and whom it waits for."""

    def __init__(self, way: Way, parameters: PlannerParameters) -> None:
        self._way = way
        self._parameters = parameters
        self._waits = Waits(parameters.disbelief_starts)
        self._last = make.KEEP
        self._plan: Trajectory | None = None
        self._lane: int | None = None
        self._driven: frozenset[int] = frozenset()

    def step(self, ego: EgoState, futures: Futures | None, lights: LightStates) -> Plan:
        """The plan from `ego` on. `futures` None or old: it stops in its lane."""
        return self.choose(self.propose(ego, futures, lights))

    def propose(self, ego: EgoState, futures: Futures | None, lights: LightStates) -> Proposal:
        """What the robotaxi might do from `ego` on."""
        self._anchor = self._place_on_plan(ego)
        self._route = self._way.current(ego.position_m, ego.yaw_rad)
        place = self._route.place(ego.position_m, ego.yaw_rad)
        if place is None:
            return _decided(self._only_stop(ego, 'the robotaxi is not on its route'), ego)
        self._lane = place[0]
        stretch = self._route.ahead(self._lane, ego.position_m, _AHEAD_M, self._driven)
        self._driven = frozenset(stretch.lanes)
        age_s = np.inf if futures is None else (ego.stamp_ns - futures.stamp_ns) * 1e-9
        if futures is None or age_s > self._parameters.patience_s:
            line = self._line(stretch, ego, 0.0, _settling_m(ego.speed_mps), lights)
            return _decided(self._stop_on(line, ego, 'no fresh predictions'), ego)
        self._waits.look(futures, ego.speed_mps)
        around = self._around(futures, ego)
        made = self._candidates(stretch, ego, around, lights)
        trajectories, lines, extra = zip(*made, strict=True)
        return Proposal(trajectories, lines, extra, around, ego)

    def choose(
        self, proposal: Proposal, conditioned: Sequence[Futures | None] | None = None
    ) -> Plan:
        """The candidate that costs least. `conditioned` (C,): the futures if the robotaxi drove
        each of them, None where nobody knows; without it all are judged by the same futures.
        """
        if proposal.decided is not None:
            return proposal.decided
        assert proposal.around is not None
        arounds = [proposal.around] * len(proposal.candidates)
        for row, futures in enumerate(conditioned or ()):
            if futures is not None:
                arounds[row] = self._around(futures, proposal.ego)
        return self._choose(proposal, arounds)

    def _around(self, futures: Futures, ego: EgoState) -> Surroundings:
        return Surroundings.of(
            futures, ego.stamp_ns, ego.position_m, self._parameters.reach_m, self._waits
        )

    def _place_on_plan(self, ego: EgoState) -> np.ndarray:
        """(3,) the place on the line driven so far that is next to the robotaxi.

        New lines go on from the old one, not from where the body happens to be: to bring it back to
        its line is the body's work, and a line that gives way to every error never corrects one.
        """
        here = np.array([*ego.position_m, ego.yaw_rad])
        if self._plan is None:
            return here
        pose = self._plan.pose
        if np.hypot(*(pose[-1, :2] - pose[0, :2])) < _SHORTEST_PLAN_M:
            return here
        path = Path.of(pose[:, :2])
        arc, offset = path.project(ego.position_m)
        if abs(float(offset)) > _OFF_PLAN_M or not -2.0 <= float(arc) <= path.length_m:
            return here
        return path.at(arc)

    # ---- candidates ----------------------------------------------------------------------------

    def _candidates(
        self, stretch: Stretch, ego: EgoState, around: Surroundings, lights: LightStates
    ) -> list[tuple[Trajectory, Line, float]]:
        """(trajectory, its line, cost of what it does sideways)."""
        p = self._parameters
        out = []
        middle = self._line(stretch, ego, 0.0, _settling_m(ego.speed_mps), lights)
        followed = self._obstacles(middle, around, ego)
        for name in make.ALONG:
            out.append((self._drive(name, middle, followed, ego), middle, 0.0))
        passed = self._obstacles(middle, around, ego, passes=True)
        if not np.array_equal(passed.rear_m, followed.rear_m):
            out.append((self._drive(make.FASTER, middle, passed, ego, make.PASS), middle, 0.0))
        waits = self._waiting_line(stretch, ego, middle)
        if waits is not None:
            out.append((self._drive(make.FASTER, waits, followed, ego, make.STOP), waits, 0.0))
        for name, side in ((make.NUDGE_LEFT, 1.0), (make.NUDGE_RIGHT, -1.0)):
            line = self._nudged(stretch, ego, side * p.nudge_m, lights)
            beside = self._obstacles(line, around, ego)
            out.append((self._drive(make.FASTER, line, beside, ego, name), line, p.nudge_cost))
        for name, left in ((make.CHANGE_LEFT, True), (make.CHANGE_RIGHT, False)):
            change = self._change(stretch, ego, lights, left=left)
            if change is not None:
                line, cost = change
                beside = self._obstacles(line, around, ego)
                out.append((self._drive(make.FASTER, line, beside, ego, name), line, cost))
        return out

    def _nudged(
        self, stretch: Stretch, ego: EgoState, target_m: float, lights: LightStates
    ) -> Line:
        share = self._share_left(stretch, target_m, self._parameters.nudge_m)
        length = max(4.0, share * max(10.0, 2.5 * ego.speed_mps))
        return self._line(stretch, ego, target_m, length, lights)

    def _share_left(self, stretch: Stretch, target_m: float, whole_m: float) -> float:
        """Of the length of a way over by `whole_m` what is left of it where the robotaxi is now.

        What is left of the way over shall take what is left of the time: else a way over that is
        planned anew every cycle would never arrive.
        """
        offset, _ = _relative(stretch.path, self._anchor)
        return float(np.sqrt(min(abs(target_m - offset) / whole_m, 1.0)))

    def _change(
        self, stretch: Stretch, ego: EgoState, lights: LightStates, *, left: bool
    ) -> tuple[Line, float] | None:
        """The line into the neighbouring lane, and its cost: what the route gains counts."""
        other = self._route.beside(stretch.lanes[0], left=left)
        if other is None:
            return None
        beside = self._route.ahead(other, ego.position_m, _AHEAD_M, frozenset())
        share = self._share_left(beside, 0.0, _LANE_M)
        length = max(8.0, share * max(20.0, 4.0 * ego.speed_mps))
        if beside.path.length_m < length:
            return None
        gain_m = np.clip(stretch.cost_to_go_m - beside.cost_to_go_m, -200.0, 200.0)
        cost = self._parameters.lane_change_cost - self._parameters.route_weight * float(gain_m)
        return self._line(beside, ego, 0.0, length, lights), cost

    def _line(
        self, stretch: Stretch, ego: EgoState, target_m: float, length_m: float, lights: LightStates
    ) -> Line:
        p = self._parameters
        offset, heading = _relative(stretch.path, self._anchor)
        path = make.blend(stretch.path, offset, heading, target_m, length_m)
        front = 0.5 * float(ego.size_m[0])
        stops = red_stops(
            stretch, self._route.lane_map, lights, ego.stamp_ns,
            ego.speed_mps, front, p.stopping_mps2,
        )  # fmt: skip
        if stretch.ends:
            stops.append(stretch.path.length_m)
        limit = np.interp(path.arc_m, stretch.path.arc_m, stretch.limit_mps)
        bound = make.envelope(path, limit, stops, front, p)
        reference = float(np.minimum(limit, p.cruise_mps).mean())
        return Line(path, bound, reference)

    def _waiting_line(self, stretch: Stretch, ego: EgoState, line: Line) -> Line | None:
        """The same line with a stop at the next place where others have the right of way."""
        front = 0.5 * float(ego.size_m[0])
        needed = ego.speed_mps**2 / (2.0 * 1.2 * self._parameters.stopping_mps2)
        places = giving_way(stretch, self._route.lane_map, front)
        reachable = [place for place in places if place - front >= needed]
        if not reachable:
            return None
        limit = np.interp(line.path.arc_m, stretch.path.arc_m, stretch.limit_mps)
        limit = np.minimum(limit, line.envelope_mps)
        bound = make.envelope(line.path, limit, [reachable[0]], front, self._parameters)
        return Line(line.path, bound, line.reference_mps)

    def _obstacles(
        self, line: Line, around: Surroundings, ego: EgoState, *, passes: bool = False
    ) -> Obstacles:
        p = self._parameters
        return obstacles_on(line.path, around, ego.size_m, p.reach_m, p, passes=passes)

    def _drive(
        self, law: str, line: Line, obstacles: Obstacles, ego: EgoState, name: str = ''
    ) -> Trajectory:
        made = make.drive(
            law, ego.stamp_ns, line, obstacles, ego.speed_mps,
            0.5 * float(ego.size_m[0]), self._parameters,
        )  # fmt: skip
        if name:
            return Trajectory(
                made.stamp_ns, name, made.pose, made.speed_mps, made.acceleration_mps2
            )
        return made

    # ---- choice --------------------------------------------------------------------------------

    def _choose(self, proposal: Proposal, arounds: Sequence[Surroundings]) -> Plan:
        p = self._parameters
        trajectories = proposal.candidates
        collision, fading, imposed = _risks(trajectories, arounds, proposal.ego.size_m, p)
        cost = p.collision_weight * fading
        # The same for all of them where nobody is known to react.
        cost += p.courtesy_weight * imposed
        for row, trajectory in enumerate(trajectories):
            acceleration = trajectory.acceleration_mps2
            cost[row] += p.comfort_weight * float(np.mean(np.square(acceleration)))
            cost[row] += p.hard_braking_weight * _hard_braking(trajectory, p)
            distance = float(trajectory.speed_mps.sum()) * STEP_S
            free = max(proposal.lines[row].reference_mps, 1.0) * (POSE_COUNT * STEP_S)
            cost[row] += p.progress_weight * (1.0 - min(distance / free, 1.0))
            cost[row] += proposal.extra[row]
            if trajectory.name != self._last:
                cost[row] += p.switching_cost
            if trajectory.name == make.PASS and collision[row] > _SURE_TO_PASS:
                cost[row] = np.inf
        chosen = int(np.argmin(cost))
        self._last, self._plan = trajectories[chosen].name, trajectories[chosen]
        return Plan(trajectories, cost, collision, chosen, '')

    def _stop_on(self, line: Line, ego: EgoState, reason: str) -> Plan:
        stop = self._drive(make.STOP, line, Obstacles.none(), ego)
        self._last, self._plan = make.STOP, stop
        return Plan((stop,), np.zeros(1), np.zeros(1), 0, reason)

    def _only_stop(self, ego: EgoState, reason: str) -> Plan:
        """Straight on to a stop, for want of a road."""
        ahead = np.array([[0.0], [60.0]]) * np.array([np.cos(ego.yaw_rad), np.sin(ego.yaw_rad)])
        path = Path.of(ego.position_m + ahead)
        line = Line(path, np.full(len(path.arc_m), self._parameters.cruise_mps), 1.0)
        return self._stop_on(line, ego, reason)


def _decided(plan: Plan, ego: EgoState) -> Proposal:
    """There is nothing to choose."""
    return Proposal((), (), (), None, ego, plan)


def _risks(
    trajectories: Sequence[Trajectory],
    arounds: Sequence[Surroundings],
    ego_size_m: np.ndarray,
    parameters: PlannerParameters,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(C,) collision probabilities, (C,) fading ones and (C,) the braking of others; those judged
    by the same at once.
    """
    sideways = (make.CHANGE_LEFT, make.CHANGE_RIGHT, make.NUDGE_LEFT, make.NUDGE_RIGHT)
    heeds_rear = np.array([t.name in sideways for t in trajectories])
    collision, fading, imposed = np.zeros((3, len(trajectories)))
    for around in {id(each): each for each in arounds}.values():
        rows = [row for row, each in enumerate(arounds) if each is around]
        imposed[rows] = braking_of_others(around)
        some = [trajectories[row] for row in rows]
        collision[rows], fading[rows] = collision_costs(
            some, around, ego_size_m, heeds_rear[rows], parameters
        )
    return collision, fading, imposed


def _hard_braking(trajectory: Trajectory, parameters: PlannerParameters) -> float:
    """The square of the hardest braking beyond what is not yet hard, m^2/s^4; less where it comes
    so late that stopping, begun in time, would spare it: as with collisions.
    """
    hard = np.maximum(-trajectory.acceleration_mps2 - _HARD_BRAKING_MPS2, 0.0)
    if not hard.any():
        return 0.0
    pose, speed = trajectory.pose[None], trajectory.speed_mps[None]
    urgent = urgency(pose, speed, STEP_S, parameters, np.zeros(1, bool))[0]
    return float((np.square(hard) * urgent).max())


def _settling_m(speed_mps: float) -> float:
    """The way back to the middle of the lane."""
    return max(8.0, 2.0 * speed_mps)


def _relative(path: Path, pose: np.ndarray) -> tuple[float, float]:
    """Offset and heading of a pose (3,) at the start of a path."""
    start = path.at(np.array(0.0))
    dx, dy = pose[:2] - start[:2]
    offset = float(np.cos(start[2]) * dy - np.sin(start[2]) * dx)
    return offset, float(wrap_angle(np.array(pose[2] - start[2])))
