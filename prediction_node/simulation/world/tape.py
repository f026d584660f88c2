"""World states one after the other, cut out as a recording."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.cast import Cast
from prediction_node.domain.kinds import ATTRIBUTE_COUNT
from prediction_node.domain.recording import Recording
from prediction_node.simulation.world.state import WorldState


class Tape:
    """States of one world, in order."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._states: list[WorldState] = []

    def __len__(self) -> int:
        return len(self._states)

    def take(self, state: WorldState) -> None:
        """The next state."""
        self._states.append(state)

    def forget(self, count: int) -> None:
        """The first `count` states are not needed any more."""
        del self._states[:count]

    def cut(self, name: str, first: int, after: int) -> Recording:
        """States `first` up to but without `after`, with those of the cast who are in them, in the
        order of the cast.
        """
        shots = [state.snapshot for state in self._states[first:after]]
        counts = [len(shot.row) for shot in shots]
        row = np.concatenate([shot.row for shot in shots])
        when = np.repeat(np.arange(len(shots)), counts)
        rows, place = np.unique(row, return_inverse=True)
        n, t = len(rows), len(shots)

        def spread(parts: list[np.ndarray], *shape: int) -> np.ndarray:
            out = np.zeros((n, t, *shape), parts[0].dtype)
            out[place, when] = np.concatenate(parts)
            return out

        ego = self._cast.ego
        return Recording(
            name=name,
            stamp_ns=np.array([shot.stamp_ns for shot in shots], np.int64),
            track_id=tuple(self._cast.track_id[each] for each in rows),
            label=self._cast.label[rows].copy(),
            size_m=self._cast.size_m[rows].copy(),
            position_m=spread([shot.position_m for shot in shots], 3),
            yaw_rad=spread([shot.yaw_rad for shot in shots]),
            velocity_mps=spread([shot.velocity_mps for shot in shots], 2),
            valid=spread([np.ones(count, bool) for count in counts]),
            attributes=spread([shot.attributes for shot in shots], ATTRIBUTE_COUNT),
            has_attribute=spread([shot.has_attribute for shot in shots], ATTRIBUTE_COUNT),
            ego=None if ego is None else int(np.flatnonzero(rows == ego)[0]),
            lights=tuple(state.lights for state in self._states[first:after]),
        )
