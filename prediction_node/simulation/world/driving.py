"""What vehicles show: lights, doors, wheels, standing for good. All of it comes with what it tells
of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prediction_node.compiled import compiled
from prediction_node.domain.kinds import ATTRIBUTE_INDEX, FRONT_WHEEL_ANGLE, ObjectClass
from prediction_node.simulation.network.script import Script
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

_SHOWN = np.array([TURN_LEFT, TURN_RIGHT, BRAKE, HAZARD, DOOR_OPEN, PARKED, FRONT_WHEEL_ANGLE])

# Bits of SUMO's vehicle signals.
_BLINKER_RIGHT, _BLINKER_LEFT, _BRAKE_LIGHT = 1, 2, 8

_WHEELBASE_SHARE = 0.6  # of the length
_STEERING_SPEED_MPS = 1.0  # slower vehicles keep their wheels as they are
_MAX_WHEEL_RAD = 0.6
_WHEEL_RADPS = 0.8
_PULL_OUT_WHEEL_RAD = 0.45  # to the left: kerbs lie on the right
_PULL_OUT_OVER_MPS = 1.5  # from then on it drives like others
_SIGNAL_AFTER_SHARE = 0.4  # of the notice: the signal follows the wheels
_GET_IN_S = (5.5, 2.5)  # the door is open between these times before the wheels turn
_UNLOAD_S = 2.0  # doors stay shut that long after stopping and before driving on
_BOARD_S = 0.7  # the same for passengers of a bus


@dataclass(slots=True)
class _Stop:
    """Somebody stands by plan, for a while."""

    since_s: float
    until_s: float
    hazard: bool
    doors_shut_s: float  # after stopping and before leaving


class Driving:
    """Attributes of all vehicles. Drivers with nothing special about them are treated at once."""

    def __init__(self, roster: Roster, script: Script, seed: int, signalling_share: float) -> None:
        self._roster, self._seed, self._signalling_share = roster, seed, signalling_share
        self._double_parked = frozenset(script.double_parked)
        self._emergency = frozenset(script.emergency)
        self._pull_outs = {each.vehicle_id: each for each in script.pull_outs}
        self._stops: dict[str, _Stop] = {}
        self._signals = np.zeros(64, bool)
        self._wheelbase_m = np.ones(64)

    def meet(self, row: int, name: str, body: Body) -> None:
        """A vehicle that was not here before."""
        while row >= len(self._signals):
            self._signals = np.concatenate([self._signals, np.zeros_like(self._signals)])
            self._wheelbase_m = np.concatenate([self._wheelbase_m, np.ones_like(self._wheelbase_m)])
        self._signals[row] = draw(self._seed, name, 'signals') < self._signalling_share
        self._wheelbase_m[row] = _WHEELBASE_SHARE * body.length_m
        if body.emergency or name in self._emergency:
            self._roster.attributes[row, EMERGENCY] = 1.0

    def parks(self, name: str, label: int) -> bool:
        """Is a planned stop of this vehicle parking, not unloading on the road or a bus stop?"""
        return name not in self._double_parked and label != ObjectClass.BUS

    def park(self, row: int) -> None:
        """A vehicle has parked: all is dark."""
        shown = self._roster.attributes[row]
        shown[[TURN_LEFT, TURN_RIGHT, BRAKE, HAZARD, DOOR_OPEN]] = 0.0
        shown[PARKED] = 1.0

    def stop(self, name: str, now_s: float, until_s: float) -> None:
        """A vehicle that does not park has come to a planned stop, until a planned time."""
        unloads = name in self._double_parked
        self._stops[name] = _Stop(now_s, until_s, unloads, _UNLOAD_S if unloads else _BOARD_S)

    def go(self, name: str) -> None:
        """A planned stop is over."""
        self._stops.pop(name, None)

    def show(self, rows: np.ndarray, signals: np.ndarray, step_s: float) -> None:
        """What M vehicles that drive show, by their rows and SUMO's signals."""
        roster = self._roster
        _show(
            *(rows, signals, step_s, self._signals, self._wheelbase_m),
            *(roster.velocity_mps, roster.yaw_rate_radps, roster.attributes, _SHOWN),
        )

    def stand(self, rows: Mapping[str, int], now_s: float) -> None:
        """Hazard lights and doors of those at a planned stop."""
        for name, stop in self._stops.items():
            row = rows.get(name)
            if row is None:
                continue
            shown = self._roster.attributes[row]
            if stop.hazard:
                shown[HAZARD] = 1.0
                shown[[TURN_LEFT, TURN_RIGHT]] = 0.0
            opened, shut = stop.since_s + stop.doors_shut_s, stop.until_s - stop.doors_shut_s
            shown[DOOR_OPEN] = opened <= now_s < shut

    def prepare(self, rows: Mapping[str, int], now_s: float, step_s: float) -> None:
        """Cars about to pull out: the driver gets in; then the wheels turn, then the signal comes,
        then the car moves.
        """
        for name, pull_out in list(self._pull_outs.items()):
            turning_s = pull_out.start_s - pull_out.notice_s
            early_s, late_s = _GET_IN_S
            row = rows.get(name)
            if row is None or now_s < turning_s - early_s:
                continue
            shown = self._roster.attributes[row]
            shown[DOOR_OPEN] = now_s < turning_s - late_s
            if now_s < turning_s:
                continue
            if float(np.hypot(*self._roster.velocity_mps[row])) > _PULL_OUT_OVER_MPS:
                del self._pull_outs[name]
                continue
            turned = min(_PULL_OUT_WHEEL_RAD, _WHEEL_RADPS * (now_s - turning_s + step_s))
            shown[FRONT_WHEEL_ANGLE] = max(shown[FRONT_WHEEL_ANGLE], turned)
            signalling = now_s >= turning_s + _SIGNAL_AFTER_SHARE * pull_out.notice_s
            if signalling and self._signals[row]:
                shown[TURN_LEFT] = 1.0

    def trail(self, tractor: int, trailer: int) -> None:
        """A trailer shows what the lights of its tractor show."""
        shown = self._roster.attributes
        lights = [TURN_LEFT, TURN_RIGHT, BRAKE, HAZARD, PARKED]
        shown[trailer, lights] = shown[tractor, lights]
        shown[trailer, TOWED] = 1.0


@compiled
def _show(
    rows: np.ndarray,
    told: np.ndarray,
    step_s: float,
    signals: np.ndarray,
    wheelbase: np.ndarray,
    velocity: np.ndarray,
    yaw_rate: np.ndarray,
    shown: np.ndarray,
    columns: np.ndarray,
) -> None:
    """Lights as SUMO sets them, of those who use them; wheels as the bicycle model wants for the
    turn made, as fast as arms can turn.
    """
    left, right, brake, hazard, door, parked, wheel = columns
    for k in range(len(rows)):
        row, bits = rows[k], int(told[k])
        shown[row, left] = 1.0 if signals[row] and bits & _BLINKER_LEFT else 0.0
        shown[row, right] = 1.0 if signals[row] and bits & _BLINKER_RIGHT else 0.0
        shown[row, brake] = 1.0 if bits & _BRAKE_LIGHT else 0.0
        shown[row, hazard] = shown[row, door] = shown[row, parked] = 0.0
        speed = math.hypot(velocity[row, 0], velocity[row, 1])
        if speed >= _STEERING_SPEED_MPS:
            wanted = math.atan(wheelbase[row] * yaw_rate[row] / speed)
            wanted = min(max(wanted, -_MAX_WHEEL_RAD), _MAX_WHEEL_RAD)
            turn = wanted - shown[row, wheel]
            most = _WHEEL_RADPS * step_s
            shown[row, wheel] += min(max(turn, -most), most)


def planned_end_s(stops: Sequence[object], now_s: float) -> float:
    """When the first of SUMO's planned stops ends; never, if it names no time."""
    if not stops:
        return now_s
    until = float(getattr(stops[0], 'until', -1.0))
    duration = float(getattr(stops[0], 'duration', -1.0))
    ends = [now_s + duration] if duration >= 0.0 else []
    if until >= 0.0:
        ends.append(until)
    return max(ends) if ends else float('inf')
