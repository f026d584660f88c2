"""Walkers as SUMO moves them, made fit to look at: they glide over small jumps and do not spin.

All of it looks back only, so that a running world and a recorded one say the same. The filter is an
alpha-beta filter (critically damped; Kalata, The tracking index, 1984, gives the relation of its
gains): who walks steadily is followed without lag.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import direction_rad, wrap_angle
from prediction_node.domain.parameter import check, parameter


@dataclass(frozen=True, slots=True)
class WalkParameters:
    """How freely a walker moves from what SUMO says."""

    gain: float = parameter(
        0.4, 'Share of a deviation that is taken over per step.', low=0.05, high=1.0
    )
    max_speed_mps: float = parameter(
        2.6, 'Fastest a walker glides.', unit='m/s', low=1.0, high=12.0
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
        self._p = parameters or WalkParameters()
        self._step_s = step_s
        self._beta = 2.0 * (2.0 - self._p.gain) - 4.0 * np.sqrt(1.0 - self._p.gain)
        self._said_m = np.zeros((64, 2))  # by SUMO, an instant ago
        self._at_m = np.zeros((64, 2))
        self._velocity_mps = np.zeros((64, 2))
        self._yaw_rad = np.zeros(64)

    def start(self, row: int, said_m: np.ndarray, yaw_rad: float, speed_mps: float) -> None:
        """A walker appears at (2,)."""
        while row >= len(self._yaw_rad):
            for name in ('_said_m', '_at_m', '_velocity_mps', '_yaw_rad'):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
        self._said_m[row] = self._at_m[row] = said_m
        self._velocity_mps[row] = speed_mps * np.cos(yaw_rad), speed_mps * np.sin(yaw_rad)
        self._yaw_rad[row] = yaw_rad

    def step(self, rows: np.ndarray, said_m: np.ndarray) -> Steps:
        """SUMO says that the walkers of these rows (M,) are at (M, 2) a step later. Rows that were
        cut are to be started anew.
        """
        p, dt = self._p, self._step_s
        leap_m = np.hypot(*(said_m - self._said_m[rows]).T)
        self._said_m[rows] = said_m
        at, velocity = self._at_m[rows], self._velocity_mps[rows]
        missing = said_m - (at + velocity * dt)
        wanted = velocity * dt + p.gain * missing
        position = at + _shortened(wanted, p.max_speed_mps * dt)
        velocity = _shortened(velocity + self._beta / dt * missing, p.max_speed_mps)
        walked = position - at
        self._at_m[rows], self._velocity_mps[rows] = position, velocity
        turn = wrap_angle(direction_rad(walked) - self._yaw_rad[rows])
        turn = np.where(np.hypot(*walked.T) < p.still_mps * dt, 0.0, turn)
        limit = p.max_turn_radps * dt
        yaw = wrap_angle(self._yaw_rad[rows] + np.clip(turn, -limit, limit))
        self._yaw_rad[rows] = yaw
        cut = leap_m > p.cut_m
        return Steps(position, yaw, cut, (leap_m > p.jump_m) & ~cut)


def _shortened(vectors: np.ndarray, longest: float) -> np.ndarray:
    """(M, 2) vectors, those longer than `longest` cut down to it."""
    length = np.maximum(np.hypot(*vectors.T), 1e-12)
    return np.asarray(vectors * np.minimum(1.0, longest / length)[:, None])
