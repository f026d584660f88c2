"""Predictions wait here for their future, then they are scored."""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from prediction_node.conditional.answers import Answers
from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.conditional import EgoPlan
from prediction_node.domain.kinds import CLASS_NAMES
from prediction_node.domain.prediction import STEP_S, Prediction
from prediction_node.domain.stamps import nanoseconds, seconds
from prediction_node.scorecard.parameters import ScorecardParameters
from prediction_node.scorecard.tally import HORIZONS_S, Scores, Tally, score

_STEPS = np.array([round(h / STEP_S) for h in HORIZONS_S])
_HORIZONS_NS = tuple(nanoseconds(h) for h in HORIZONS_S)
_EARLY_NS, _LATE_NS = 50_000_000, 150_000_000  # around a horizon, within which it is scored
_LONGEST_NS = _HORIZONS_NS[-1] + _LATE_NS


class Release(Protocol):
    """What is judged of a cycle; pipeline.Release is one."""

    @property
    def release_ns(self) -> int: ...

    @property
    def prediction(self) -> Prediction: ...

    @property
    def agents(self) -> Agents:
        """All that are known, predicted or not."""

    @property
    def ego(self) -> Ego | None:
        """None: nothing is known."""

    @property
    def notice(self) -> str:
        """Why all memories were emptied before the cycle; empty if they were not."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """What is kept of one prediction: N agents at the horizons."""

    uuid: tuple[bytes, ...]
    label: np.ndarray  # (N,)
    pose: np.ndarray  # (N, K, H, 2)
    sigma: np.ndarray  # (N, K, H, 3)
    probability: np.ndarray  # (N, K)
    baseline: np.ndarray  # (N, H, 2)

    def match(self, horizon: int, truth: _Truth, elapsed_ns: int) -> _Matched:
        found = [truth.row.get(each, -1) for each in self.uuid]
        now = np.array(found, np.int64)
        rows = np.flatnonzero(now >= 0)
        over_s = seconds(elapsed_ns - _HORIZONS_NS[horizon])
        at = now[rows]
        return _Matched(
            horizon=horizon,
            rows=rows,
            label=self.label[rows],
            pose=self.pose[rows, :, horizon],
            sigma=self.sigma[rows, :, horizon],
            probability=self.probability[rows],
            baseline=self.baseline[rows, horizon],
            truth=truth.position_m[at] - over_s * truth.velocity_mps[at],
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Matched:
    """What one prediction said for one horizon of the M agents whose truth is known now."""

    horizon: int
    rows: np.ndarray  # (M,) in the prediction
    label: np.ndarray  # (M,)
    pose: np.ndarray  # (M, K, 2)
    sigma: np.ndarray  # (M, K, 3)
    probability: np.ndarray  # (M, K)
    baseline: np.ndarray  # (M, 2)
    truth: np.ndarray  # (M, 2)


def _score(matched: Sequence[_Matched], tally: Tally) -> Scores:
    """The scores of all of them, one after the other, at once; they are added to the tally."""

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(each, name) for each in matched])

    names = ('label', 'pose', 'sigma', 'probability', 'baseline', 'truth')
    scores = score(*(joined(name) for name in names))
    horizons = [each.horizon for each in matched]
    tally.add(np.repeat(horizons, [len(each.rows) for each in matched]), scores)
    return scores


@dataclass(slots=True, eq=False)
class _Forecast:
    """One release: how it was, and which horizons are done."""

    stamp_ns: int
    release_ns: int
    engine: str
    waiting: _Waiting
    due: int = 0  # the next horizon


@dataclass(slots=True, eq=False)
class _Asked:
    """One answered request: its plans, each with what was predicted for it."""

    stamp_ns: int
    plans: tuple[EgoPlan, ...]
    waiting: tuple[_Waiting, ...]
    due: int = 0


class _Truth:
    """Whoever a sensor sees now, by id."""

    def __init__(self, agents: Agents, seen_within_s: float) -> None:
        seen = agents.modality_age_s.min(axis=1, initial=np.inf) <= seen_within_s
        self.row = {agents.uuid[i].tobytes(): int(i) for i in np.flatnonzero(seen)}
        self.position_m = agents.position_m[:, :2]
        self.velocity_mps = agents.velocity_mps


@dataclass(frozen=True, slots=True)
class Miss:
    """How far off one prediction was."""

    stamp_ns: int  # of the scene
    release_ns: int  # when it was made, on the clock of arrivals
    horizon_s: float
    label: int
    error_m: float  # of the mode that came closest
    uuid: bytes
    engine: str

    @property
    def severity_mps(self) -> float:
        """Metres off per second of the horizon: comparable among horizons."""
        return self.error_m / self.horizon_s

    def __str__(self) -> str:
        who = f'{CLASS_NAMES[self.label]} {self.uuid.hex()[:8]}'
        return f'{who}: {self.error_m:.1f} m off after {self.horizon_s:g} s ({self.engine})'


@dataclass(slots=True)
class Scorecard:
    """Tell it of every release; it scores those of 1, 3, 5 and 8 s ago.

    Bounded: predictions are kept for 8 s, and of each only the horizons.
    """

    parameters: ScorecardParameters
    predictions: Tally = field(init=False)
    conditional: Tally = field(init=False)
    worst: list[Miss] = field(init=False, default_factory=list)  # of the newest release
    _forecasts: deque[_Forecast] = field(init=False, default_factory=deque)
    _asked: deque[_Asked] = field(init=False, default_factory=deque)
    _way_ns: list[int] = field(init=False, default_factory=list)
    _way_m: list[np.ndarray] = field(init=False, default_factory=list)
    _last_ns: int | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        half_life_s = self.parameters.half_life_s
        self.predictions = Tally(half_life_s, 'constant_velocity')
        self.conditional = Tally(half_life_s, 'unconditional')

    def restart(self) -> None:
        """Time jumped: what waits for its future waits in vain. The figures stay."""
        self._forecasts.clear()
        self._asked.clear()
        self._way_ns.clear()
        self._way_m.clear()
        self._last_ns = None

    def see(self, release: Release) -> None:
        """What a cycle came to, whatever happened before it."""
        if release.notice:
            self.restart()
        if release.ego is not None:
            self.add(release.prediction, release.agents, release.ego, release.release_ns)

    def add(self, prediction: Prediction, agents: Agents, ego: Ego, release_ns: int) -> None:
        """A release: score what has come true by it, then keep it for later."""
        now_ns = agents.stamp_ns
        if self._last_ns is not None and now_ns <= self._last_ns:
            return  # a release that stands in time says nothing new
        if self._last_ns is not None:
            for tally in (self.predictions, self.conditional):
                tally.fade(seconds(now_ns - self._last_ns))
        self._last_ns = now_ns
        self._way_ns.append(now_ns)
        self._way_m.append(ego.position_m)
        truth = _Truth(agents, self.parameters.seen_within_s)
        self.worst = []
        self._score_predictions(now_ns, truth)
        self._score_answers(now_ns, truth)
        self._forget(now_ns)
        waiting = _waiting(prediction, np.arange(len(prediction.agents)), None)
        self._forecasts.append(_Forecast(now_ns, release_ns, prediction.engine, waiting))

    def add_answers(self, answers: Answers, unconditional: Prediction) -> None:
        """What was answered on a release that was added, whose prediction was `unconditional`."""
        if not answers.plans or answers.stamp_ns not in self._way_ns:
            return
        kept = tuple(
            _waiting(answer.prediction, near, unconditional)
            for answer, near in zip(answers.conditioned, answers.near, strict=True)
        )
        self._asked.append(_Asked(answers.stamp_ns, answers.plans, kept))

    def figures(self) -> dict[str, Any]:
        """All running figures, for JSON."""
        return {
            'stamp_ns': self._last_ns,
            'scored': self.predictions.total,
            'all': self.predictions.overall(),
            'classes': self.predictions.figures(),
            'conditional': {
                'scored': self.conditional.total,
                'all': self.conditional.overall(),
                'classes': self.conditional.figures(),
            },
        }

    def _score_predictions(self, now_ns: int, truth: _Truth) -> None:
        due = [
            (forecast, forecast.waiting.match(h, truth, now_ns - forecast.stamp_ns))
            for forecast in self._forecasts
            for h in _due(forecast, now_ns)
        ]
        due = [(forecast, matched) for forecast, matched in due if len(matched.rows)]
        if not due:
            return
        scores = _score([matched for _, matched in due], self.predictions)
        begin = 0
        for forecast, matched in due:
            error_m = scores.least_error_m[begin : begin + len(matched.rows)]
            begin += len(matched.rows)
            at = int(np.argmax(error_m))
            self.worst.append(
                Miss(
                    forecast.stamp_ns,
                    forecast.release_ns,
                    HORIZONS_S[matched.horizon],
                    int(matched.label[at]),
                    float(error_m[at]),
                    forecast.waiting.uuid[matched.rows[at]],
                    forecast.engine,
                )
            )

    def _score_answers(self, now_ns: int, truth: _Truth) -> None:
        for asked in self._asked:
            for h in _due(asked, now_ns):
                driven = self._driven(asked, _HORIZONS_NS[h])
                if driven is None:
                    continue
                elapsed_ns = now_ns - asked.stamp_ns
                matched = asked.waiting[driven].match(h, truth, elapsed_ns)
                if len(matched.rows):
                    _score([matched], self.conditional)

    def _driven(self, asked: _Asked, horizon_ns: int) -> int | None:
        """Which of the plans the robotaxi has driven until the horizon; None: none of them."""
        first = bisect.bisect_left(self._way_ns, asked.stamp_ns)
        last = bisect.bisect_right(self._way_ns, asked.stamp_ns + horizon_ns)
        if last - first < 2:
            return None
        after_s = 1e-9 * (np.array(self._way_ns[first:last], np.int64) - asked.stamp_ns)
        way = np.array(self._way_m[first:last])
        best, least_m = None, self.parameters.driven_within_m
        for i, plan in enumerate(asked.plans):
            pose, _, planned = plan.at(after_s)
            if not planned[-1]:
                continue
            off_m = float(np.hypot(*(way - pose[:, :2]).T).max())
            if off_m <= least_m:
                best, least_m = i, off_m
        return best

    def _forget(self, now_ns: int) -> None:
        oldest_ns = now_ns - _LONGEST_NS
        while self._forecasts and self._forecasts[0].stamp_ns < oldest_ns:
            self._forecasts.popleft()
        while self._asked and self._asked[0].stamp_ns < oldest_ns:
            self._asked.popleft()
        first = bisect.bisect_left(self._way_ns, oldest_ns)
        del self._way_ns[:first], self._way_m[:first]


def _due(item: _Forecast | _Asked, now_ns: int) -> Sequence[int]:
    """Horizons to be scored now; those that were passed over in a gap of releases are dropped."""
    elapsed_ns = now_ns - item.stamp_ns
    due = []
    while item.due < len(_HORIZONS_NS) and elapsed_ns >= _HORIZONS_NS[item.due] - _EARLY_NS:
        if elapsed_ns <= _HORIZONS_NS[item.due] + _LATE_NS:
            due.append(item.due)
        item.due += 1
    return due


def _waiting(
    prediction: Prediction, rows: np.ndarray, unconditional: Prediction | None
) -> _Waiting:
    """The agents `rows` at the horizons; compared with the likeliest unconditional future, by
    default with constant velocity.
    """
    agents = prediction.agents
    if unconditional is None:
        way = agents.velocity_mps[rows, None] * np.array(HORIZONS_S)[:, None]
        baseline = agents.position_m[rows, None, :2] + way
    else:
        likely = np.argmax(unconditional.probability[rows], axis=1)
        baseline = unconditional.pose[rows, likely][:, _STEPS, :2]
    return _Waiting(
        uuid=tuple(agents.uuid[i].tobytes() for i in rows),
        label=agents.label[rows],
        pose=prediction.pose[:, :, _STEPS, :2][rows],
        sigma=prediction.sigma[:, :, _STEPS][rows],
        probability=prediction.probability[rows],
        baseline=baseline,
    )
