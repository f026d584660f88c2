"""Everybody a world has seen: who they are, for good, and where they are now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.interpolation import Snapshot
from prediction_node.domain.kinds import ATTRIBUTE_COUNT
from prediction_node.simulation.world.bodies import attributes_told

_FIRST_CAPACITY = 256
_TOLD = attributes_told()


class Roster:
    """N road users by row, growing. It is the Cast of a world.

    The arrays below have room for more than N rows: index them by rows.
    """

    def __init__(self, step_s: float) -> None:
        self.ego: int | None = None
        self._step_s = step_s
        self._ids: list[str] = []
        self._label = np.zeros(_FIRST_CAPACITY, np.int8)
        self._size_m = np.zeros((_FIRST_CAPACITY, 3))
        self.here = np.zeros(_FIRST_CAPACITY, bool)
        self.position_m = np.zeros((_FIRST_CAPACITY, 2))  # box centre
        self.yaw_rad = np.zeros(_FIRST_CAPACITY)
        self.velocity_mps = np.zeros((_FIRST_CAPACITY, 2))
        self.yaw_rate_radps = np.zeros(_FIRST_CAPACITY)
        self.attributes = np.zeros((_FIRST_CAPACITY, ATTRIBUTE_COUNT))
        self._was_here = self.here
        self._was_at_m = self.position_m
        self._was_yaw_rad = self.yaw_rad

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

    def begin(self) -> None:
        """A new instant: nobody is here until placed."""
        self._was_here = self.here.copy()
        self._was_at_m = self.position_m.copy()
        self._was_yaw_rad = self.yaw_rad.copy()
        self.here[:] = False

    def place(
        self, rows: np.ndarray, position_m: np.ndarray, yaw_rad: np.ndarray, speed_mps: np.ndarray
    ) -> None:
        """Put M road users at box centres (M, 2). The velocity of those who were here an instant
        ago is their step's, so that tracks and velocities agree; newcomers move along their yaw.
        """
        self.here[rows] = True
        self.position_m[rows] = position_m
        yaw = wrap_angle(yaw_rad)
        self.yaw_rad[rows] = yaw
        was = self._was_here[rows]
        along = speed_mps[:, None] * np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
        step = (position_m - self._was_at_m[rows]) / self._step_s
        self.velocity_mps[rows] = np.where(was[:, None], step, along)
        turn = wrap_angle(yaw - self._was_yaw_rad[rows]) / self._step_s
        self.yaw_rate_radps[rows] = np.where(was, turn, 0.0)

    def was_here(self, rows: np.ndarray) -> np.ndarray:
        """(M,) were they here an instant ago?"""
        seen: np.ndarray = self._was_here[rows]
        return seen

    def snapshot(self, stamp_ns: int) -> Snapshot:
        """Who is here, by increasing row. Centres lie half a height above the road."""
        rows = np.flatnonzero(self.here)
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
            attributes=self.attributes[rows],
            has_attribute=_TOLD[self._label[rows]],
        )

    def _grow(self) -> None:
        for name in (
            *('_label', '_size_m', 'here', 'position_m', 'yaw_rad', 'velocity_mps'),
            *('yaw_rate_radps', 'attributes', '_was_here', '_was_at_m', '_was_yaw_rad'),
        ):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
