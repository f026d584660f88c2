"""Predictions against what happened then."""

from __future__ import annotations

from collections import deque

import numpy as np

from prediction_node.domain.kinds import CLASS_NAMES
from prediction_node.domain.stamps import NS_PER_S, STEP_NS
from prediction_node.simulation.futures import Futures
from prediction_node.simulation.verdict.truth import TruthTape

HORIZONS_S = (5, 8)
_MOVING_MPS = 0.5


class Accuracy:
    """minADE by class: of each road user's modes the one nearest to the truth on average.

    A prediction waits until the truth it needs is there; at most a horizon of them waits. A
    predicted road user is the true one that is nearest, if each is nearest to the other and within
    `match_m`.
    """

    def __init__(self, match_m: float, every: int) -> None:
        self._match_m, self._every = match_m, every
        self.tape = TruthTape(max(HORIZONS_S) + 2.0)
        self._waiting: deque[tuple[int, Futures]] = deque()  # (horizons scored, futures)
        self._seen = 0
        self._sums: dict[tuple[int, int, bool], tuple[float, int]] = {}

    def add(self, futures: Futures) -> None:
        """One message of predictions; one of `every` is kept."""
        self._seen += 1
        if len(futures) and (self._seen - 1) % self._every == 0:
            self._waiting.append((0, futures))

    def look(self) -> None:
        """Score what has come true by now."""
        newest = self.tape.newest_ns
        if newest is None:
            return
        still: deque[tuple[int, Futures]] = deque()
        for scored, futures in self._waiting:
            due = scored
            while due < len(HORIZONS_S):
                if futures.stamp_ns + HORIZONS_S[due] * NS_PER_S > newest:
                    break
                self._score(futures, HORIZONS_S[due])
                due += 1
            if due < len(HORIZONS_S):
                still.append((due, futures))
        self._waiting = still

    def min_ade_m(self, horizon_s: int, *, moving: bool = False) -> dict[str, float]:
        """Mean by class name, of those that move only if wanted."""
        return {name: total / n for name, (total, n) in self._by_class(horizon_s, moving).items()}

    def samples(self, horizon_s: int) -> dict[str, int]:
        """How many were scored, by class name."""
        return {name: n for name, (_, n) in self._by_class(horizon_s, False).items()}

    def _by_class(self, horizon_s: int, moving: bool) -> dict[str, tuple[float, int]]:
        out: dict[str, tuple[float, int]] = {}
        for (horizon, label, moves), (total, n) in sorted(self._sums.items()):
            if horizon == horizon_s and (moves or not moving):
                before = out.get(CLASS_NAMES[label], (0.0, 0))
                out[CLASS_NAMES[label]] = (before[0] + total, before[1] + n)
        return out

    def _score(self, futures: Futures, horizon_s: int) -> None:
        truth = self.tape.at(futures.stamp_ns)
        if truth is None or not len(truth.uuid):
            return
        off = futures.position_m[:, None] - truth.pose[None, :, :2]
        distance = np.hypot(off[..., 0], off[..., 1])
        nearest = np.argmin(distance, axis=1)
        mutual = np.argmin(distance, axis=0)[nearest] == np.arange(len(futures))
        rows = np.flatnonzero(mutual & (distance.min(axis=1) <= self._match_m))
        to = nearest[rows]
        steps = np.arange(1, round(horizon_s * NS_PER_S / STEP_NS) + 1)
        steps = steps[steps < futures.pose.shape[2]]
        uuid = tuple(truth.uuid[i] for i in to)
        way, valid = self.tape.ways(uuid, futures.stamp_ns + steps * STEP_NS)
        whole = valid.all(axis=1)
        off = futures.pose[rows][:, :, steps, :2] - way[:, None]
        ade = np.hypot(off[..., 0], off[..., 1]).mean(axis=2)
        ade = np.where(futures.weight[rows] > 0.0, ade, np.inf).min(axis=1, initial=np.inf)
        speed = np.hypot(*truth.velocity_mps[to].T)
        for i in np.flatnonzero(whole):
            key = (horizon_s, int(truth.label[to[i]]), bool(speed[i] > _MOVING_MPS))
            total, n = self._sums.get(key, (0.0, 0))
            self._sums[key] = (total + float(ade[i]), n + 1)
