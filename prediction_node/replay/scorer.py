"""Compare predictions with what happened, as soon as it has happened.

Predictions wait until the truth of the next eight seconds is known, then are scored many at a time,
beside constant velocity from the same agents at the same instants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.agents import Agents
from prediction_node.domain.kinds import CLASS_NAMES
from prediction_node.domain.prediction import POSE_COUNT, Prediction
from prediction_node.domain.stamps import NS_PER_S, STEP_NS
from prediction_node.metrics import (
    HORIZONS_S,
    Figures,
    is_moving,
    negative_log_likelihood,
    score,
)
from prediction_node.replay.log import PATH_STRIDE
from prediction_node.replay.truth import DenseTruth, TruthFrames, match_by_id, match_by_position

BATCH = 32  # predictions scored together: large arrays, small memory
_FUTURE_NS = (POSE_COUNT - 1) * STEP_NS
_OFFSETS_NS = np.arange(POSE_COUNT, dtype=np.int64) * STEP_NS
_HORIZON_POSES = np.array([round(h * NS_PER_S) // STEP_NS for h in HORIZONS_S])
# A fused track is its own truth only where a sensor saw it: coasting is prediction, not fact.
SEEN_WITHIN_S = 0.3

OnTruth = Callable[[int, np.ndarray, np.ndarray], None]


@dataclass(frozen=True, eq=False)
class _Pending:
    """A prediction as far as scoring needs it; positions relative to the agents' own."""

    key: int
    stamp_ns: int
    uuid: np.ndarray
    label: np.ndarray
    position_m: np.ndarray  # (N, 2)
    velocity_mps: np.ndarray  # (N, 2)
    path_m: np.ndarray  # (N, K, 80, 2) float32
    sigma: np.ndarray  # (N, K, H, 3)
    probability: np.ndarray  # (N, K)


class Scorer:
    """Figures of an engine and of constant velocity over a replay.

    `own_truth`: the fused tracks themselves are the truth, matched by id; else recorded true
    objects are, matched by position. `on_truth(key, position (N, 17, 2), known (N, 17))` hears what
    became of the agents of each prediction, at the path points of `replay.log`.
    """

    def __init__(self, *, own_truth: bool, on_truth: OnTruth) -> None:
        self.engine = Figures()
        self.constant_velocity = Figures()
        self.own_truth = own_truth
        self.matched = 0  # agents, summed over predictions
        self.unmatched = 0
        self._on_truth = on_truth
        self._truth = TruthFrames()
        self._pending: list[_Pending] = []

    def add_truth(
        self, stamp_ns: int, uuid: np.ndarray, position_m: np.ndarray, label: np.ndarray
    ) -> None:
        """File true objects at an instant; late ones are dropped, a jump back starts afresh."""
        newest = self._truth.newest_ns
        if newest is not None and stamp_ns <= newest:
            if newest - stamp_ns < NS_PER_S:
                return
            self.restart()
        self._truth.add(stamp_ns, uuid, position_m, label)

    def add_own_truth(self, agents: Agents) -> None:
        """File fused tracks as their own truth, as far as a sensor has just seen them."""
        seen = agents.modality_age_s.min(axis=1) <= SEEN_WITHIN_S
        at = agents.select(seen)
        self.add_truth(at.stamp_ns, at.uuid, at.position_m[:, :2], at.label)

    def add_prediction(self, key: int, prediction: Prediction) -> None:
        """Have a prediction scored once its future is known; `key` comes back in `on_truth`."""
        agents = prediction.agents
        position = agents.position_m[:, :2]
        path = prediction.pose[:, :, 1:, :2] - position[:, None, None]
        self._pending.append(
            _Pending(
                key=key,
                stamp_ns=prediction.stamp_ns,
                uuid=agents.uuid,
                label=agents.label,
                position_m=position,
                velocity_mps=agents.velocity_mps,
                path_m=path.astype(np.float32),
                sigma=prediction.sigma[:, :, _HORIZON_POSES],
                probability=prediction.probability,
            )
        )
        newest = self._truth.newest_ns
        if newest is None:
            return
        ready = sum(p.stamp_ns + _FUTURE_NS <= newest for p in self._pending)
        if ready >= BATCH:
            self._score(ready)

    def restart(self) -> None:
        """Score all that waits with what is known, and forget the truth: time has jumped."""
        self.finish()
        self._truth.clear()

    def finish(self) -> None:
        """Score all that waits with what is known."""
        while self._pending:
            self._score(min(BATCH, len(self._pending)))

    def _score(self, count: int) -> None:
        batch, self._pending = self._pending[:count], self._pending[count:]
        truth = self._truth.dense()
        parts = [self._align(p, truth) for p in batch]
        some = [(p, *part) for p, part in zip(batch, parts, strict=True) if part[0].any()]
        if some:
            self._add(some)
        if self._pending:
            self._truth.drop_before(self._pending[0].stamp_ns)

    def _align(
        self, p: _Pending, truth: DenseTruth
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Rows (N,) with a truth, its path (N, 81, 2), where that is known, and its class (N,)."""
        position, known = truth.at(p.stamp_ns + _OFFSETS_NS)
        if self.own_truth:
            column = match_by_id(p.uuid, truth)
        else:
            column = match_by_position(p.position_m, position[0], known[0])
        rows = column >= 0
        self.matched += int(rows.sum())
        self.unmatched += int((~rows).sum())
        path = np.zeros((len(rows), POSE_COUNT, 2))
        valid = np.zeros((len(rows), POSE_COUNT), bool)
        path[rows] = position[:, column[rows]].swapaxes(0, 1)
        valid[rows] = known[:, column[rows]].T
        self._on_truth(p.key, path[:, ::PATH_STRIDE], valid[:, ::PATH_STRIDE])
        label = p.label.copy()
        if not self.own_truth:
            label[rows] = truth.label[column[rows]]
        return rows, path, valid, label

    def _add(
        self, some: list[tuple[_Pending, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]
    ) -> None:
        path = np.concatenate([p.path_m[rows] for p, rows, *_ in some])
        probability = np.concatenate([p.probability[rows] for p, rows, *_ in some])
        velocity = np.concatenate([p.velocity_mps[rows] for p, rows, *_ in some])
        sigma = np.concatenate([p.sigma[rows] for p, rows, *_ in some])
        origin = np.concatenate([p.position_m[rows] for p, rows, *_ in some])
        # Offsets from the agents are small enough for float32, which halves the work.
        absolute = np.concatenate([t[rows] for _, rows, t, _, _ in some])
        truth = (absolute - origin[:, None]).astype(np.float32)
        valid = np.concatenate([v[rows] for _, rows, _, v, _ in some])
        label = np.concatenate([c[rows] for _, rows, _, _, c in some])
        names = [CLASS_NAMES[i] for i in label]
        future, known = truth[:, 1:], valid[:, 1:]
        moving = is_moving(truth[:, 0], future, known)
        scores = score(path, probability, future, known)
        last = _HORIZON_POSES - 1
        likelihood = negative_log_likelihood(path[:, :, last], sigma, probability, future[:, last])
        scores['nll'] = np.where(scores['counts'], likelihood, np.nan)
        self.engine.add(scores, probability, names, moving)
        steady = velocity[:, None, None] * (_OFFSETS_NS[1:, None] / NS_PER_S)
        steady = steady.astype(np.float32)
        certain = np.ones((len(path), 1))
        scores = score(steady, certain, future, known)
        self.constant_velocity.add(scores, certain, names, moving)
