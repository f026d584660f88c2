"""Everybody a world has seen: who they are, for good, and where they are now."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from prediction_node.compiled import compiled
from prediction_node.domain.interpolation import Snapshot
from prediction_node.domain.kinds import ATTRIBUTE_COUNT
from prediction_node.simulation.world.bodies import attributes_told

_FIRST_CAPACITY = 256
_LONG_AGO = -2
_TOLD = attributes_told()


class Roster:
    """N road users by row, growing. It is the Cast of a world.

    The public arrays have room for more than N rows: index them by rows.
    """

    def __init__(self, step_s: float) -> None:
        self.ego: int | None = None
        self._step_s = step_s
        self._step = 0
        self._ids: list[str] = []
        self._label = np.zeros(_FIRST_CAPACITY, np.int8)
        self._size_m = np.zeros((_FIRST_CAPACITY, 3))
        self._seen = np.full(_FIRST_CAPACITY, _LONG_AGO)  # the last step they were here
        self.position_m = np.zeros((_FIRST_CAPACITY, 2))  # box centre
        self.yaw_rad = np.zeros(_FIRST_CAPACITY)
        self.velocity_mps = np.zeros((_FIRST_CAPACITY, 2))
        self.yaw_rate_radps = np.zeros(_FIRST_CAPACITY)
        self.attributes = np.zeros((_FIRST_CAPACITY, ATTRIBUTE_COUNT))

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def track_id(self) -> Sequence[str]:
        return self._ids

    @property
    def label(self) -> np.ndarray:
        return self._label[: len(self._ids)]

    @property
    def size_m(self) -> np.ndarray:
        return self._size_m[: len(self._ids)]

    def add(self, track_id: str, label: int, size_m: Sequence[float]) -> int:
        """The row of a newcomer."""
        row = len(self._ids)
        if row == len(self._label):
            self._grow()
        self._ids.append(track_id)
        self._label[row] = label
        self._size_m[row] = size_m
        return row

    def settle(self, row: int, position_m: np.ndarray, yaw_rad: float) -> None:
        """Somebody who will only ever `stay`: box centre (2,) and yaw."""
        self.position_m[row] = position_m
        self.yaw_rad[row] = yaw_rad

    def begin(self) -> None:
        """A new instant: nobody is here until placed."""
        self._step += 1

    def place(
        self, rows: np.ndarray, position_m: np.ndarray, yaw_rad: np.ndarray, speed_mps: np.ndarray
    ) -> None:
        """Put M road users, each once per instant, at box centres (M, 2). The velocity of those who
        were here an instant ago is their step's, so that tracks and velocities agree; newcomers
        move along their yaw.
        """
        _place(
            *(rows, position_m, yaw_rad, speed_mps, self._step, self._step_s, self._seen),
            *(self.position_m, self.yaw_rad, self.velocity_mps, self.yaw_rate_radps),
        )

    def stay(self, rows: np.ndarray) -> None:
        """These are here as well, and stand where they stood."""
        self._seen[rows] = self._step
        self.velocity_mps[rows] = 0.0
        self.yaw_rate_radps[rows] = 0.0

    def is_here(self, row: int) -> bool:
        return bool(self._seen[row] == self._step)

    def rows_here(self) -> np.ndarray:
        """(M,) increasing."""
        return np.flatnonzero(self._seen[: len(self._ids)] == self._step)

    def boxes(self, rows: np.ndarray) -> np.ndarray:
        """(M, 6) as contact.boxes_of makes them."""
        return _boxes(rows, self.position_m, self.yaw_rad, self._size_m)

    def snapshot(self, stamp_ns: int) -> Snapshot:
        """Who is here, by increasing row. Centres lie half a height above the road."""
        rows = self.rows_here()
        told = _TOLD[self._label[rows]]
        position = np.empty((len(rows), 3))
        position[:, :2] = self.position_m[rows]
        position[:, 2] = 0.5 * self._size_m[rows, 2]
        return Snapshot(
            stamp_ns=stamp_ns,
            row=rows,
            position_m=position,
            yaw_rad=self.yaw_rad[rows],
            velocity_mps=self.velocity_mps[rows],
            yaw_rate_radps=self.yaw_rate_radps[rows],
            attributes=self.attributes[rows] * told,
            has_attribute=told,
        )

    def _grow(self) -> None:
        for name in (
            *('_label', '_size_m', 'position_m', 'yaw_rad', 'velocity_mps', 'yaw_rate_radps'),
            'attributes',
        ):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
        self._seen = np.concatenate([self._seen, np.full_like(self._seen, _LONG_AGO)])


@compiled
def _place(
    rows: np.ndarray,
    new_position: np.ndarray,
    new_yaw: np.ndarray,
    speed: np.ndarray,
    step: int,
    step_s: float,
    seen: np.ndarray,
    position: np.ndarray,
    yaw: np.ndarray,
    velocity: np.ndarray,
    yaw_rate: np.ndarray,
) -> None:
    for k in range(len(rows)):
        row = rows[k]
        heading = (new_yaw[k] + math.pi) % (2.0 * math.pi) - math.pi
        if seen[row] == step - 1:
            velocity[row, 0] = (new_position[k, 0] - position[row, 0]) / step_s
            velocity[row, 1] = (new_position[k, 1] - position[row, 1]) / step_s
            turn = (heading - yaw[row] + math.pi) % (2.0 * math.pi) - math.pi
            yaw_rate[row] = turn / step_s
        else:
            velocity[row, 0] = speed[k] * math.cos(heading)
            velocity[row, 1] = speed[k] * math.sin(heading)
            yaw_rate[row] = 0.0
        position[row, 0] = new_position[k, 0]
        position[row, 1] = new_position[k, 1]
        yaw[row] = heading
        seen[row] = step


@compiled
def _boxes(rows: np.ndarray, position: np.ndarray, yaw: np.ndarray, size: np.ndarray) -> np.ndarray:
    boxes = np.empty((len(rows), 6))
    for k in range(len(rows)):
        row = rows[k]
        boxes[k, 0] = position[row, 0]
        boxes[k, 1] = position[row, 1]
        boxes[k, 2] = math.cos(yaw[row])
        boxes[k, 3] = math.sin(yaw[row])
        boxes[k, 4] = 0.5 * size[row, 0]
        boxes[k, 5] = 0.5 * size[row, 1]
    return boxes
