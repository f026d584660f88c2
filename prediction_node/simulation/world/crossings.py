"""Walkers and dogs that cross away from crosswalks.

SUMO has none; they walk along a path of ours, and stand in SUMO as persons put there, so that
traffic brakes for them.
"""

from __future__ import annotations

import enum

import numpy as np

from prediction_node.domain.kinds import ObjectClass
from prediction_node.simulation.network.script import Crossing
from prediction_node.simulation.world.bodies import DOG_SIZE_M, WALKER_SIZE_M
from prediction_node.simulation.world.engine import Engine
from prediction_node.simulation.world.gaps import Nerve, may_walk
from prediction_node.simulation.world.roster import Roster
from prediction_node.simulation.world.walkers import LOOKING, PHONE

# They are seen standing this long before they may start.
_APPEAR_S = 4.0
_ACCELERATION_MPS2 = {ObjectClass.PEDESTRIAN: 1.5, ObjectClass.ANIMAL: 5.0}
_TURN_RADPS = 4.0
# What they expect of drivers: who looks wants to be let over in comfort, who does not look starts
# as long as an alert driver can still stop.
_WARY = Nerve(braking_mps2=2.5, reaction_s=1.0, margin_m=4.0)
_CARELESS = Nerve(braking_mps2=4.5, reaction_s=0.6, margin_m=2.0)
# keepRoute of moveToXY, by SUMO's bits: may leave the route (2), any place is taken exactly (4).
_ANYWHERE = 6
_REACH_M = 12.0  # SUMO looks for a road this far from the place; farther is slow


class _Phase(enum.Enum):
    ABSENT = 0
    WAITING = 1
    WALKING = 2
    GONE = 3


class _Actor:
    """One of them."""

    def __init__(self, crossing: Crossing) -> None:
        self.crossing = crossing
        self.phase = _Phase.ABSENT
        steps = np.hypot(*np.diff(crossing.path_m, axis=0).T)
        self._along_m = np.concatenate([[0.0], np.cumsum(steps)])
        self.done_m = 0.0
        self.speed_mps = 0.0
        self.row = -1
        self.edge = ''
        self.nerve = (
            _CARELESS if crossing.on_phone or crossing.label == ObjectClass.ANIMAL else _WARY
        )
        self.yaw_rad = self.direction_rad()

    def place_m(self) -> np.ndarray:
        """(2,) where it is."""
        path = self.crossing.path_m
        return np.array([np.interp(self.done_m, self._along_m, path[:, k]) for k in (0, 1)])

    def direction_rad(self) -> float:
        """Along the path."""
        leg = int(np.searchsorted(self._along_m, self.done_m, side='right')) - 1
        leg = min(max(leg, 0), len(self._along_m) - 2)
        x, y = self.crossing.path_m[leg + 1] - self.crossing.path_m[leg]
        return float(np.arctan2(y, x))

    def left_m(self) -> np.ndarray:
        """(K, 2) the rest of the path, from where it is."""
        ahead = self._along_m > self.done_m
        return np.concatenate([self.place_m()[None], self.crossing.path_m[ahead]])

    def arrived(self) -> bool:
        return bool(self.done_m >= self._along_m[-1] - 1e-9)

    def walk(self, wanted_mps: float, step_s: float) -> None:
        """One step at a speed that changes as muscles allow; it turns into the path's direction."""
        most = _ACCELERATION_MPS2[self.crossing.label] * step_s
        self.speed_mps += float(np.clip(wanted_mps - self.speed_mps, -2.0 * most, most))
        self.done_m = min(self.done_m + self.speed_mps * step_s, float(self._along_m[-1]))
        turn = (self.direction_rad() - self.yaw_rad + np.pi) % (2.0 * np.pi) - np.pi
        self.yaw_rad += float(np.clip(turn, -_TURN_RADPS * step_s, _TURN_RADPS * step_s))


class Crossings:
    """All of them: moved before a step of SUMO, shown after it."""

    def __init__(
        self, engine: Engine, roster: Roster, crossings: tuple[Crossing, ...], step_s: float
    ) -> None:
        self._engine, self._roster, self._step_s = engine, roster, step_s
        self._actors = [_Actor(crossing) for crossing in crossings]
        self.ids = frozenset(crossing.id for crossing in crossings)
        self.started = 0

    def move(self, now_s: float, vehicles: np.ndarray) -> None:
        """Walk on by one step; `vehicles` are the rows of those that may come."""
        for actor in self._actors:
            crossing = actor.crossing
            if actor.phase is _Phase.ABSENT and now_s >= crossing.earliest_s - _APPEAR_S:
                self._appear(actor)
            waiting = actor.phase is _Phase.WAITING
            if waiting and self._wants(actor, now_s) and self._may(actor, vehicles):
                actor.phase = _Phase.WALKING
                self.started += 1
            if actor.phase is _Phase.WALKING:
                go = self._may(actor, vehicles)
                actor.walk(crossing.speed_mps if go else 0.0, self._step_s)
                if actor.arrived():
                    self._vanish(actor)
            # Who waits stands off the road, where SUMO let it appear.
            if actor.phase is _Phase.WALKING:
                self._put(actor)

    def rows(self) -> np.ndarray:
        """(K,) of those who are there."""
        there = (_Phase.WAITING, _Phase.WALKING)
        return np.array([a.row for a in self._actors if a.phase in there], np.int64)

    def show(self) -> None:
        """Place those who are there in the roster."""
        for actor in self._actors:
            if actor.phase not in (_Phase.WAITING, _Phase.WALKING):
                continue
            row = np.array([actor.row])
            self._roster.place(
                row, actor.place_m()[None], np.array([actor.yaw_rad]), np.array([actor.speed_mps])
            )
            self._roster.attributes[actor.row, PHONE] = actor.crossing.on_phone
            self._roster.attributes[actor.row, LOOKING] = not actor.crossing.on_phone

    def _wants(self, actor: _Actor, now_s: float) -> bool:
        crossing, roster = actor.crossing, self._roster
        if now_s >= crossing.start_s:
            return True
        if now_s < crossing.earliest_s or roster.ego is None or not roster.is_here(roster.ego):
            return False
        middle = 0.5 * (crossing.path_m[0] + crossing.path_m[-1])
        away_m = float(np.hypot(*(roster.position_m[roster.ego] - middle)))
        return away_m <= crossing.near_ego_m

    def _may(self, actor: _Actor, vehicles: np.ndarray) -> bool:
        roster = self._roster
        return may_walk(
            actor.left_m(),
            actor.crossing.speed_mps,
            actor.nerve,
            roster.position_m[vehicles],
            roster.yaw_rad[vehicles],
            np.hypot(*roster.velocity_mps[vehicles].T),
            roster.size_m[vehicles],
        )

    def _appear(self, actor: _Actor) -> None:
        crossing, person = actor.crossing, self._engine.sumo.person
        x, y = crossing.path_m[0]
        with self._engine.errors(f'could not place {crossing.id}'):
            edge, along_m, _ = self._engine.sumo.simulation.convertRoad(
                float(x), float(y), False, 'pedestrian'
            )
            person.add(crossing.id, edge, along_m, typeID='DEFAULT_PEDTYPE')
            person.appendWaitingStage(crossing.id, 1e6)
        actor.edge = edge
        dog = crossing.label == ObjectClass.ANIMAL
        size = DOG_SIZE_M if dog else WALKER_SIZE_M
        actor.row = self._roster.add(crossing.id, crossing.label, size)
        actor.phase = _Phase.WAITING

    def _put(self, actor: _Actor) -> None:
        x, y = actor.place_m()
        angle = float(np.degrees(0.5 * np.pi - actor.yaw_rad))
        with self._engine.errors(f'could not move {actor.crossing.id}'):
            self._engine.sumo.person.moveToXY(
                actor.crossing.id, actor.edge, float(x), float(y), angle, _ANYWHERE, _REACH_M
            )

    def _vanish(self, actor: _Actor) -> None:
        with self._engine.errors(f'could not take away {actor.crossing.id}'):
            self._engine.sumo.person.remove(actor.crossing.id)
        actor.phase = _Phase.GONE
