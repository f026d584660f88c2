"""What vehicles show: lights, doors, wheels, standing for good. All of it comes with what it tells
of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_INDEX, FRONT_WHEEL_ANGLE, ObjectClass
from prediction_node.simulation.network.script import PullOut, Script
from prediction_node.simulation.world.bodies import Body
from prediction_node.simulation.world.roster import Roster
from prediction_node.simulation.world.traits import draw

TURN_LEFT = ATTRIBUTE_INDEX['turn_left']
TURN_RIGHT = ATTRIBUTE_INDEX['turn_right']
BRAKE = ATTRIBUTE_INDEX['brake']
HAZARD = ATTRIBUTE_INDEX['hazard']
DOOR_OPEN = ATTRIBUTE_INDEX['door_open']
EMERGENCY = ATTRIBUTE_INDEX['emergency_active']
TOWED = ATTRIBUTE_INDEX['towed']
PARKED = ATTRIBUTE_INDEX['parked']

# Bits of SUMO's vehicle signals.
_BLINKER_RIGHT, _BLINKER_LEFT, _BRAKE_LIGHT = 1, 2, 8

_WHEELBASE_SHARE = 0.6  # of the length
_STEERING_SPEED_MPS = 1.0  # slower vehicles keep their wheels as they are
_MAX_WHEEL_RAD = 0.6
_WHEEL_RADPS = 0.8
_PULL_OUT_WHEEL_RAD = 0.45  # to the left: kerbs lie on the right
_PULL_OUT_OVER_MPS = 1.5  # from then on it drives like others
_GET_IN_S = (5.5, 2.5)  # the door is open between these times before the wheels turn
_UNLOAD_S = 2.0  # doors stay shut that long after stopping and before driving on
_BOARD_S = 0.7  # the same for passengers of a bus


@dataclass(slots=True)
class _Stop:
    """Somebody stands by plan."""

    since_s: float
    until_s: float
    parked: bool
    hazard: bool
    doors_shut_s: float | None  # after stopping and before leaving; None: doors stay shut


class Driving:
    """Attributes of all vehicles. Rows of drivers with nothing special are treated at once."""

    def __init__(self, roster: Roster, script: Script, seed: int, signalling_share: float) -> None:
        self._roster, self._seed, self._signalling_share = roster, seed, signalling_share
        self._double_parked = frozenset(script.double_parked)
        self._emergency = frozenset(script.emergency)
        self._pull_outs = {each.vehicle_id: each for each in script.pull_outs}
        self._stops: dict[str, _Stop] = {}
        self._preparing: dict[str, PullOut] = dict(self._pull_outs)
        self._forgetful = np.zeros(64, bool)
        self._wheelbase_m = np.ones(64)

    def meet(self, row: int, name: str, body: Body) -> None:
        """A vehicle that was not here before."""
        while row >= len(self._forgetful):
            self._forgetful = np.concatenate([self._forgetful, np.zeros_like(self._forgetful)])
            self._wheelbase_m = np.concatenate([self._wheelbase_m, np.ones_like(self._wheelbase_m)])
        self._forgetful[row] = draw(self._seed, name, 'signals') >= self._signalling_share
        self._wheelbase_m[row] = _WHEELBASE_SHARE * body.length_m
        if body.emergency or name in self._emergency:
            self._roster.attributes[row, EMERGENCY] = 1.0

    def stop(self, name: str, label: int, now_s: float, until_s: float) -> None:
        """A vehicle has come to a stop that was planned, until a planned time."""
        if name in self._double_parked:
            stop = _Stop(now_s, until_s, False, True, _UNLOAD_S)
        elif label == ObjectClass.BUS:
            stop = _Stop(now_s, until_s, False, False, _BOARD_S)
        else:
            stop = _Stop(now_s, until_s, True, False, None)
        self._stops[name] = stop

    def go(self, name: str) -> None:
        """A planned stop is over."""
        self._stops.pop(name, None)

    def show(
        self,
        names: dict[str, int],
        rows: np.ndarray,
        speed_mps: np.ndarray,
        bits: np.ndarray,
        now_s: float,
        step_s: float,
    ) -> None:
        """Attributes at `now_s` of M vehicles with these rows, speeds and SUMO signals; `names` has
        the row of everybody who is here.
        """
        shown = self._roster.attributes
        signals = ~self._forgetful[rows]
        shown[rows, TURN_LEFT] = signals & ((bits & _BLINKER_LEFT) > 0)
        shown[rows, TURN_RIGHT] = signals & ((bits & _BLINKER_RIGHT) > 0)
        shown[rows, BRAKE] = (bits & _BRAKE_LIGHT) > 0
        shown[rows, HAZARD] = 0.0
        shown[rows, DOOR_OPEN] = 0.0
        shown[rows, PARKED] = 0.0
        self._steer(rows, speed_mps, step_s)
        for name, stop in self._stops.items():
            row = names.get(name)
            if row is not None:
                self._stand(row, stop, now_s)
        for name, pull_out in tuple(self._preparing.items()):
            row = names.get(name)
            if row is not None:
                self._pull_out(name, row, pull_out, now_s, step_s)

    def trail(self, tractor: int, trailer: int) -> None:
        """A trailer shows what the lights of its tractor show."""
        shown = self._roster.attributes
        for which in (TURN_LEFT, TURN_RIGHT, BRAKE, HAZARD, PARKED):
            shown[trailer, which] = shown[tractor, which]
        shown[trailer, TOWED] = 1.0

    def _steer(self, rows: np.ndarray, speed_mps: np.ndarray, step_s: float) -> None:
        """Wheels stand as the bicycle model wants for the turn made, as fast as arms can turn."""
        roster = self._roster
        angle = roster.attributes[rows, FRONT_WHEEL_ANGLE]
        curvature = roster.yaw_rate_radps[rows] / np.maximum(speed_mps, _STEERING_SPEED_MPS)
        wanted = np.arctan(self._wheelbase_m[rows] * curvature)
        wanted = np.where(speed_mps < _STEERING_SPEED_MPS, angle, wanted)
        wanted = np.clip(wanted, -_MAX_WHEEL_RAD, _MAX_WHEEL_RAD)
        most = _WHEEL_RADPS * step_s
        roster.attributes[rows, FRONT_WHEEL_ANGLE] = angle + np.clip(wanted - angle, -most, most)

    def _stand(self, row: int, stop: _Stop, now_s: float) -> None:
        shown = self._roster.attributes[row]
        shown[PARKED] = stop.parked
        shown[HAZARD] = stop.hazard
        if stop.parked:
            shown[[TURN_LEFT, TURN_RIGHT, BRAKE]] = 0.0
        if stop.hazard:
            shown[[TURN_LEFT, TURN_RIGHT]] = 0.0
        if stop.doors_shut_s is not None:
            opened, shut = stop.since_s + stop.doors_shut_s, stop.until_s - stop.doors_shut_s
            shown[DOOR_OPEN] = opened <= now_s < shut

    def _pull_out(
        self, name: str, row: int, pull_out: PullOut, now_s: float, step_s: float
    ) -> None:
        """The driver gets in; then the wheels turn, then the signal comes, then the car moves."""
        turning_s = pull_out.start_s - pull_out.notice_s
        shown = self._roster.attributes[row]
        early, late = _GET_IN_S
        shown[DOOR_OPEN] = turning_s - early <= now_s < turning_s - late
        if now_s < turning_s:
            return
        if float(np.hypot(*self._roster.velocity_mps[row])) > _PULL_OUT_OVER_MPS:
            del self._preparing[name]
            return
        turned = _WHEEL_RADPS * (now_s - turning_s + step_s)
        shown[FRONT_WHEEL_ANGLE] = max(shown[FRONT_WHEEL_ANGLE], min(_PULL_OUT_WHEEL_RAD, turned))
        if now_s >= turning_s + 0.4 * pull_out.notice_s and not self._forgetful[row]:
            shown[TURN_LEFT] = 1.0


def planned_end_s(stops: Sequence[object], now_s: float) -> float:
    """When the first of SUMO's planned stops ends; never, if it names no time."""
    if not stops:
        return now_s
    until = float(getattr(stops[0], 'until', -1.0))
    duration = float(getattr(stops[0], 'duration', -1.0))
    ends = [now_s + duration] if 0.0 <= duration < 1e6 else []
    if until >= 0.0:
        ends.append(until)
    return max(ends) if ends else float('inf')
