"""Where bodies were, collected instant by instant, and who is who among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from prediction_node.domain.agents import Agents
from prediction_node.domain.kinds import WALKERS, class_mask
from prediction_node.domain.scene import History
from prediction_node.domain.stamps import STEP_NS
from prediction_node.learning.samples.labels import Tracks

# A track and the body it is of lie this close: the farther, the larger the body, of which sensors
# see one side.
GATE_M = 1.0
GATE_SHARE = 0.25  # of the length
OTHER_KIND_M = 1.0  # a walker taken for a vehicle is believed only if it is much nearer
PAST_STEPS = 10  # compared: a second
_WALKER = class_mask(WALKERS)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """M bodies at one instant, in the map frame."""

    stamp_ns: int
    ids: list[bytes]  # M
    position_m: np.ndarray  # (M, 2)
    yaw_rad: np.ndarray  # (M,)
    label: np.ndarray  # (M,) kinds.ObjectClass


@dataclass(frozen=True, slots=True, eq=False)
class Bodies:
    """Tracks of M bodies with their ids and classes."""

    tracks: Tracks
    row: dict[bytes, int]
    label: np.ndarray  # (M,)

    def rows_of(self, uuid: np.ndarray) -> np.ndarray:
        """(N,) row of the body of the same id, -1 if there is none. uuid (N, 16) uint8."""
        keys = (each.tobytes() for each in np.ascontiguousarray(uuid))
        return np.fromiter((self.row.get(key, -1) for key in keys), np.int64, len(uuid))


class Frames:
    """Frames as they come. One that is not later than the last is a repetition and left out."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []

    @property
    def newest_ns(self) -> int | None:
        return self._frames[-1].stamp_ns if self._frames else None

    def add(self, frame: Frame) -> None:
        newest = self.newest_ns
        if newest is None or frame.stamp_ns > newest:
            self._frames.append(frame)

    def clear(self) -> None:
        self._frames.clear()

    def drop_before(self, stamp_ns: int) -> None:
        """Forget what is older."""
        first = next((k for k, f in enumerate(self._frames) if f.stamp_ns >= stamp_ns), None)
        del self._frames[: len(self._frames) if first is None else first]

    def bodies(self) -> Bodies:
        """All frames as tracks."""
        row: dict[bytes, int] = {}
        for frame in self._frames:
            for key in frame.ids:
                row.setdefault(key, len(row))
        m, s = len(row), len(self._frames)
        position, yaw = np.zeros((m, s, 2)), np.zeros((m, s))
        valid, label = np.zeros((m, s), bool), np.zeros(m, np.int8)
        for k, frame in enumerate(self._frames):
            rows = [row[key] for key in frame.ids]
            position[rows, k], yaw[rows, k] = frame.position_m, frame.yaw_rad
            valid[rows, k], label[rows] = True, frame.label
        stamps = np.array([f.stamp_ns for f in self._frames], np.int64)
        return Bodies(Tracks(stamps, position, yaw, valid), row, label)


def whose(agents: Agents, history: History, bodies: Bodies) -> np.ndarray:
    """(N,) row of the body that each agent is the track of, -1 if of none; one to one.

    Judged by the present and, as far as both are known, the last second: a track that has just
    passed from one body to another is neither's. Minimises the sum of squared distances among pairs
    within the gate, preferring more pairs (Hungarian method).
    """
    n = len(agents)
    found = np.full(n, -1)
    rows = np.arange(len(bodies.label))
    instants = agents.stamp_ns - STEP_NS * np.arange(PAST_STEPS, -1, -1)
    place, _, known = bodies.tracks.at(rows, instants)
    near = np.flatnonzero(known[:, -1])
    if not n or not len(near):
        return found
    past = history.position_m[:, -PAST_STEPS - 1 :]
    both = history.valid[:, None, -PAST_STEPS - 1 :] & known[None, near]
    apart = np.linalg.norm(past[:, None] - place[None, near], axis=-1)
    mean = (apart * both).sum(axis=-1) / np.maximum(both.sum(axis=-1), 1)
    distance = 0.5 * apart[..., -1] + 0.5 * mean
    other_kind = _WALKER[agents.label][:, None] != _WALKER[bodies.label[near]][None]
    distance = distance + OTHER_KIND_M * other_kind
    gate = (GATE_M + GATE_SHARE * agents.size_m[:, :1]) * np.ones(len(near))
    inside = (distance <= gate) & (apart[..., -1] <= gate)
    # A pair beyond the gate costs more than any number of pairs within it.
    beyond = float(gate.max() ** 2) * (min(distance.shape) + 1)
    first, second = linear_sum_assignment(np.where(inside, distance**2, beyond))
    kept = inside[first, second]
    found[first[kept]] = near[second[kept]]
    return found
