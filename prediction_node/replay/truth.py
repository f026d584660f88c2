"""Where things really went: recorded positions over time, and whose they are."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from prediction_node.domain.stamps import NS_PER_S

# Positions are interpolated over at most this: one missed message at 10 Hz, not a disappearance.
MAX_GAP_NS = NS_PER_S // 4
MATCH_GATE_M = 3.0


@dataclass(frozen=True, eq=False)
class DenseTruth:
    """S instants of M objects."""

    stamp_ns: np.ndarray  # (S,) int64, increasing
    ids: dict[bytes, int]  # id -> column
    position_m: np.ndarray  # (S, M, 2)
    valid: np.ndarray  # (S, M) bool
    label: np.ndarray  # (M,) kinds.ObjectClass, the newest

    def at(self, instants_ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions (Q, M, 2), linear between recorded instants, and whether known (Q, M)."""
        count = len(self.stamp_ns)
        if not count:
            m = len(self.ids)
            return np.zeros((len(instants_ns), m, 2)), np.zeros((len(instants_ns), m), bool)
        before = np.searchsorted(self.stamp_ns, instants_ns, side='right') - 1
        inside = before >= 0
        before = np.maximum(before, 0)
        after = np.minimum(before + 1, count - 1)
        past = instants_ns - self.stamp_ns[before]
        gap = self.stamp_ns[after] - self.stamp_ns[before]
        exact = past == 0
        usable = inside & (exact | ((gap > 0) & (gap <= MAX_GAP_NS)))
        weight = np.where(gap > 0, past / np.maximum(gap, 1), 0.0)[:, None, None]
        position = (1.0 - weight) * self.position_m[before] + weight * self.position_m[after]
        known = self.valid[before] & (self.valid[after] | exact[:, None]) & usable[:, None]
        return position, known


@dataclass
class TruthFrames:
    """Recorded instants as they come, oldest first."""

    _frames: list[tuple[int, list[bytes], np.ndarray, np.ndarray]] = field(default_factory=list)

    @property
    def newest_ns(self) -> int | None:
        return self._frames[-1][0] if self._frames else None

    def add(
        self, stamp_ns: int, uuid: np.ndarray, position_m: np.ndarray, label: np.ndarray
    ) -> None:
        """File M objects: uuid (M, 16), position_m (M, 2), label (M,). Stamps must increase."""
        ids = [row.tobytes() for row in np.ascontiguousarray(uuid)]
        self._frames.append((stamp_ns, ids, position_m, label))

    def drop_before(self, stamp_ns: int) -> None:
        """Forget what is older, except the newest of it: it may be needed to interpolate."""
        keep = next((i for i, f in enumerate(self._frames) if f[0] >= stamp_ns), len(self._frames))
        del self._frames[: max(0, keep - 1)]

    def clear(self) -> None:
        self._frames.clear()

    def dense(self) -> DenseTruth:
        """All frames as arrays."""
        columns: dict[bytes, int] = {}
        for _, ids, _, _ in self._frames:
            for key in ids:
                columns.setdefault(key, len(columns))
        position = np.zeros((len(self._frames), len(columns), 2))
        valid = np.zeros((len(self._frames), len(columns)), bool)
        label = np.zeros(len(columns), np.int64)
        for row, (_, ids, xy, labels) in enumerate(self._frames):
            picked = [columns[key] for key in ids]
            position[row, picked] = xy
            valid[row, picked] = True
            label[picked] = labels
        stamps = np.array([f[0] for f in self._frames], np.int64)
        return DenseTruth(stamps, columns, position, valid, label)


def match_by_position(
    position_m: np.ndarray, truth_m: np.ndarray, known: np.ndarray, gate_m: float = MATCH_GATE_M
) -> np.ndarray:
    """(N,) column of the true object nearest to each agent, one to one; -1 beyond the gate.

    position_m (N, 2), truth_m (M, 2), known (M,) bool. Minimises the sum of squared distances among
    pairs within the gate, preferring more pairs.
    """
    columns = np.flatnonzero(known)
    matched = np.full(len(position_m), -1)
    if not len(columns) or not len(position_m):
        return matched
    square = ((position_m[:, None] - truth_m[columns]) ** 2).sum(axis=-1)
    # A pair beyond the gate costs more than any number of pairs within it.
    beyond = gate_m**2 * (min(square.shape) + 1)
    rows, picked = linear_sum_assignment(np.where(square <= gate_m**2, square, beyond))
    inside = square[rows, picked] <= gate_m**2
    matched[rows[inside]] = columns[picked[inside]]
    return matched


def match_by_id(uuid: np.ndarray, truth: DenseTruth) -> np.ndarray:
    """(N,) column of the object of the same id; -1 if there is none. uuid (N, 16) uint8."""
    found = (truth.ids.get(row.tobytes(), -1) for row in np.ascontiguousarray(uuid))
    return np.fromiter(found, np.int64, len(uuid))
