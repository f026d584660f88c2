"""Walkers as SUMO moves them, made fit to look at: they glide over small jumps and do not spin.

All of it looks back only, so that a running world and a recorded one say the same. The filter is an
alpha-beta filter (critically damped; Kalata, The tracking index, 1984, gives the relation of its
gains): who walks steadily is followed without lag.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from prediction_node.compiled import compiled
from prediction_node.domain.parameter import check, parameter

_GLIDES, _JUMPED, _CUT = 0, 1, 2


@dataclass(frozen=True, slots=True)
class WalkParameters:
    """How freely a walker moves from what SUMO says."""

    gain: float = parameter(
        0.4, 'Share of a deviation that is taken over per step.', low=0.05, high=0.99
    )
    max_speed_mps: float = parameter(
        3.2, 'Fastest a walker glides.', unit='m/s', low=1.0, high=12.0
    )
    max_turn_radps: float = parameter(
        2.5, 'Fastest a walker turns.', unit='rad/s', low=0.5, high=20.0
    )
    jump_m: float = parameter(
        0.5, 'A longer step of SUMO counts as a jump.', unit='m', low=0.3, high=5.0
    )
    cut_m: float = parameter(
        1.2,
        'After a longer one it is somebody else: the track ends and a new one begins.',
        unit='m',
        low=0.3,
        high=10.0,
    )
    still_mps: float = parameter(
        0.25, 'A slower walker keeps looking where it looked.', unit='m/s', low=0.0, high=1.0
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """What became of M walkers in a step."""

    position_m: np.ndarray  # (M, 2)
    yaw_rad: np.ndarray  # (M,)
    cut: np.ndarray  # (M,) bool: jumped too far, starts anew
    jumped: np.ndarray  # (M,) bool: jumped, glides


class Walking:
    """The filter, by rows that the caller gives out; a row starts where `start` puts it."""

    def __init__(self, step_s: float, parameters: WalkParameters | None = None) -> None:
        p = parameters or WalkParameters()
        beta = 2.0 * (2.0 - p.gain) - 4.0 * math.sqrt(1.0 - p.gain)
        self._figures = np.array(
            [step_s, p.gain, beta, p.max_speed_mps, p.max_turn_radps, p.still_mps]
        )
        self._limits = np.array([p.jump_m, p.cut_m])
        self._state = np.zeros((64, 7))  # said x, y; at x, y; velocity x, y; yaw

    def start(self, row: int, said_m: np.ndarray, yaw_rad: float, speed_mps: float) -> None:
        """A walker appears at (2,)."""
        while row >= len(self._state):
            self._state = np.concatenate([self._state, np.zeros_like(self._state)])
        along = speed_mps * np.array([math.cos(yaw_rad), math.sin(yaw_rad)])
        self._state[row] = (*said_m, *said_m, *along, yaw_rad)

    def moved(self, rows: np.ndarray, position_m: np.ndarray) -> None:
        """Walkers of these rows (M,) stepped aside, to (M, 2)."""
        self._state[rows, 2:4] = position_m

    def step(self, rows: np.ndarray, said_m: np.ndarray) -> Steps:
        """SUMO says that the walkers of these rows (M,) are at (M, 2) a step later. Rows that were
        cut are to be started anew.
        """
        position, yaw = np.empty((len(rows), 2)), np.empty(len(rows))
        fate = np.empty(len(rows), np.int8)
        _step(rows, said_m, self._state, self._figures, self._limits, position, yaw, fate)
        return Steps(position, yaw, fate == _CUT, fate == _JUMPED)


@compiled
def _step(
    rows: np.ndarray,
    said: np.ndarray,
    state: np.ndarray,
    figures: np.ndarray,
    limits: np.ndarray,
    position: np.ndarray,
    yaw: np.ndarray,
    fate: np.ndarray,
) -> None:
    dt, gain, beta, max_speed, max_turn, still = figures
    jump, cut = limits
    for k in range(len(rows)):
        me = state[rows[k]]
        leap = math.hypot(said[k, 0] - me[0], said[k, 1] - me[1])
        behind = math.hypot(said[k, 0] - me[2], said[k, 1] - me[3])
        fate[k] = 2 if max(leap, behind) > cut else (1 if leap > jump else 0)
        me[0], me[1] = said[k, 0], said[k, 1]
        missing_x, missing_y = me[0] - me[2] - me[4] * dt, me[1] - me[3] - me[5] * dt
        walk_x, walk_y = me[4] * dt + gain * missing_x, me[5] * dt + gain * missing_y
        length = math.hypot(walk_x, walk_y)
        if length > max_speed * dt:
            walk_x, walk_y = walk_x * max_speed * dt / length, walk_y * max_speed * dt / length
            length = max_speed * dt
        me[2] += walk_x
        me[3] += walk_y
        me[4] += beta / dt * missing_x
        me[5] += beta / dt * missing_y
        speed = math.hypot(me[4], me[5])
        if speed > max_speed:
            me[4] *= max_speed / speed
            me[5] *= max_speed / speed
        if length >= still * dt:
            turn = math.atan2(walk_y, walk_x) - me[6]
            turn = (turn + math.pi) % (2.0 * math.pi) - math.pi
            turn = min(max(turn, -max_turn * dt), max_turn * dt)
            me[6] = (me[6] + turn + math.pi) % (2.0 * math.pi) - math.pi
        position[k, 0], position[k, 1] = me[2], me[3]
        yaw[k] = me[6]
