"""Where every agent was, remembered by uuid and read back on a uniform grid."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.agents import Agents
from prediction_node.domain.scene import History
from prediction_node.domain.stamps import NS_PER_S, STEP_NS, nanoseconds
from prediction_node.scene import pasts
from prediction_node.scene.parameters import SceneParameters

# Observations may come this often per grid step before the oldest is dropped.
OBSERVATIONS_PER_STEP = 4
_FIELDS = 5  # x, y, yaw, velocity x, velocity y


class Histories:
    """A ring of observed instants (columns) for a fixed number of tracks (rows, the slots).

    All agents of one observation share its stamp, so how to interpolate is decided once for all of
    them. Memory is allocated once.
    """

    def __init__(self, parameters: SceneParameters) -> None:
        self._steps = max(1, round(parameters.history_s * NS_PER_S / STEP_NS))
        self._max_gap_ns = nanoseconds(parameters.max_gap_s)
        self._columns = self._steps * OBSERVATIONS_PER_STEP + 2
        self._capacity = parameters.max_tracks
        self._slots = min(64, self._capacity)
        self._value = np.zeros((self._slots, self._columns, _FIELDS))
        self._valid = np.zeros((self._slots, self._columns), bool)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._slot_of: dict[bytes, int] = {}
        self._stamps: list[int] = []  # of the observations, oldest first
        self._cursor = 0  # column of the next observation
        self._valid[:] = False
        self._last_seen = np.full(self._slots, -1, np.int64)  # count of the observation
        self._count = 0
        self._present = np.zeros(0, np.int64)  # slots of the agents of the newest observation

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest observation."""
        return self._stamps[-1] if self._stamps else None

    def observe(self, agents: Agents) -> None:
        """Add one observation, newer than all before; the same stamp again replaces the newest."""
        newest = self.newest_ns
        if newest is not None and agents.stamp_ns < newest:
            raise ValueError(f'observation at {agents.stamp_ns} ns is older than {newest} ns')
        if newest == agents.stamp_ns:
            self._cursor = (self._cursor - 1) % self._columns
            self._stamps.pop()
        self._stamps = [*self._stamps, agents.stamp_ns][-self._columns :]
        column = self._cursor
        self._cursor = (column + 1) % self._columns
        self._count += 1
        self._valid[:, column] = False
        slots = self._slots_of(agents)
        pasts.remember(
            slot=slots,
            column=column,
            position_m=_table(agents.position_m),
            yaw_rad=_table(agents.yaw_rad),
            velocity_mps=_table(agents.velocity_mps),
            value=self._value,
            valid=self._valid,
        )
        self._last_seen[slots[slots >= 0]] = self._count
        self._present = slots

    def read(self, agents: Agents) -> History:
        """Pasts of `agents`, which were just observed, every 0.1 s up to their stamp."""
        grid = agents.stamp_ns - STEP_NS * np.arange(self._steps, -1, -1, dtype=np.int64)
        stamps = np.array(self._stamps, dtype=np.int64)
        column = (self._cursor - len(stamps) + np.arange(len(stamps))) % self._columns
        after = np.minimum(np.searchsorted(stamps, grid), len(stamps) - 1)
        exact = stamps[after] == grid
        before = np.where(exact, after, np.maximum(after - 1, 0))
        gap = stamps[after] - stamps[before]
        bridged = exact | ((stamps[before] < grid) & (gap <= self._max_gap_ns))
        n, instants = len(agents), len(grid)
        history = History(
            position_m=np.empty((n, instants, 2)),
            yaw_rad=np.empty((n, instants)),
            velocity_mps=np.empty((n, instants, 2)),
            valid=np.empty((n, instants), np.bool_),
        )
        pasts.read_pasts(
            slot=self._present,
            before=column[before],
            after=column[after],
            share=np.where(exact, 0.0, (grid - stamps[before]) / np.maximum(gap, 1)),
            bridged=bridged,
            position_m=_table(agents.position_m),
            yaw_rad=_table(agents.yaw_rad),
            velocity_mps=_table(agents.velocity_mps),
            value=self._value,
            valid=self._valid,
            past_position_m=history.position_m,
            past_yaw_rad=history.yaw_rad,
            past_velocity_mps=history.velocity_mps,
            past_valid=history.valid,
        )
        return history

    def _slots_of(self, agents: Agents) -> np.ndarray:
        """(N,) slot of every agent, -1 where memory is full of tracks seen in this observation."""
        keys = _keys(agents)
        missing = [key for key in dict.fromkeys(keys) if key not in self._slot_of]
        if missing:
            self._make_room(len(missing), {key for key in keys if key in self._slot_of})
            free = sorted(set(range(self._slots)) - set(self._slot_of.values()))
            for key, slot in zip(missing, free, strict=False):
                self._slot_of[key] = slot
                self._valid[slot] = False
        return np.array([self._slot_of.get(key, -1) for key in keys], dtype=np.int64)

    def _make_room(self, wanted: int, present: set[bytes]) -> None:
        """Forget tracks that left every column; then grow; then forget those unseen for longest."""
        known = np.any(self._valid, axis=1).tolist()
        for key, slot in list(self._slot_of.items()):
            if key not in present and not known[slot]:
                del self._slot_of[key]
        needed = len(self._slot_of) + wanted
        if needed > self._slots < self._capacity:
            self._grow(min(self._capacity, max(needed, 2 * self._slots)))
        surplus = needed - self._slots
        if surplus > 0:
            absent = [
                (self._last_seen[s], s, k) for k, s in self._slot_of.items() if k not in present
            ]
            for _, _, key in sorted(absent)[:surplus]:
                del self._slot_of[key]

    def _grow(self, slots: int) -> None:
        more = slots - self._slots
        self._value = np.concatenate([self._value, np.zeros((more, self._columns, _FIELDS))])
        self._valid = np.concatenate([self._valid, np.zeros((more, self._columns), bool)])
        self._last_seen = np.concatenate([self._last_seen, np.full(more, -1, np.int64)])
        self._slots = slots


def _keys(agents: Agents) -> list[bytes]:
    """uuids as dictionary keys."""
    flat = np.ascontiguousarray(agents.uuid, dtype=np.uint8).tobytes()
    return [flat[i : i + 16] for i in range(0, len(flat), 16)]


def _table(values: np.ndarray) -> np.ndarray:
    """`values` as kernels take them: float64, C-contiguous, writeable."""
    values = np.ascontiguousarray(values, np.float64)
    return values if values.flags.writeable else values.copy()
