"""What signs are worth: the same agents asked about as seen, with the sign hidden, and reversed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from prediction_node.domain.prediction import Prediction
from prediction_node.domain.scene import Scene
from prediction_node.evaluation.bootstrap import relative_gain
from prediction_node.evaluation.ngsim import Progress, silent
from prediction_node.evaluation.precedents import PRECEDENTS, Precedent
from prediction_node.evaluation.sample_windows import spread_indices, store_windows
from prediction_node.evaluation.windows import Window
from prediction_node.inference.guard import Engine
from prediction_node.learning.samples import SampleStore
from prediction_node.metrics import HORIZONS_S, horizon_key, score

SEEN, HIDDEN, REVERSED = 'seen', 'hidden', 'reversed'
ARMS = (SEEN, HIDDEN, REVERSED)
METRICS = ('fde', 'min_fde', 'nll')
GAINS = ('fde', 'min_fde')


@dataclass(eq=False)
class _Found:
    """Agents of one precedent, portion by portion."""

    errors: list[np.ndarray] = field(default_factory=list)  # (R, arm, metric, horizon)
    shift_m: list[np.ndarray] = field(default_factory=list)  # (R, horizon)
    groups: list[str] = field(default_factory=list)

    def add(self, errors: np.ndarray, shift_m: np.ndarray, group: str) -> None:
        self.errors.append(errors)
        self.shift_m.append(shift_m)
        self.groups.extend([group] * len(errors))


def evaluate_precedents(
    store: SampleStore,
    engine: Engine,
    limit: int | None = None,
    progress: Progress = silent,
    precedents: Sequence[Precedent] = PRECEDENTS,
) -> dict[str, Any]:
    """{precedent: {'meaning', 'agents', 'seen' | 'hidden' | 'reversed': {'5s': {metric}},
    'gain_over_hidden' | 'gain_over_reversed': {'5s': {metric: interval}}, 'shift_m': {'5s'}}}

    `shift_m` is how far reversing the sign moves the expected place (the mean of the modes by
    their probabilities).
    """
    indices = spread_indices(store, limit)
    windows = store_windows(store, indices)
    return {
        p.name: {'meaning': p.meaning, **_figures(found)}
        for p, found in zip(
            precedents, collect(windows, engine, precedents, progress, len(indices)), strict=True
        )
    }


def collect(
    windows: Iterable[Window],
    engine: Engine,
    precedents: Sequence[Precedent],
    progress: Progress = silent,
    total: int = 0,
) -> list[_Found]:
    """Ask about every window in which a precedent occurs."""
    found = [_Found() for _ in precedents]
    what = f'signs, {engine.name}'
    for done, window in enumerate(windows):
        progress(what, done, total)
        seen: Prediction | None = None
        for precedent, into in zip(precedents, found, strict=True):
            places = np.flatnonzero(precedent.select(window) & window.valid.any(axis=1))
            if not len(places):
                continue
            rows = window.judged[places]
            if seen is None:
                seen = engine.predict(window.scene)
            scenes: list[Scene] = [
                precedent.hide(window.scene, rows),
                precedent.reverse(window.scene, rows),
            ]
            answers = [seen, *map(engine.predict, scenes)]
            errors = np.stack([_errors(a, window, places) for a in answers], axis=1)
            shift = np.linalg.norm(_expected(answers[2], rows) - _expected(seen, rows), axis=-1)
            into.add(errors, shift, window.group)
    progress(what, total, total)
    return found


def _errors(prediction: Prediction, window: Window, places: np.ndarray) -> np.ndarray:
    """(R, metric, horizon)."""
    rows = window.judged[places]
    scores = score(
        prediction.pose[rows][:, :, 1:, :2],
        prediction.probability[rows],
        window.truth_m[places],
        window.valid[places],
        HORIZONS_S,
        sigma=prediction.sigma[rows][:, :, 1:],
    )
    return np.stack([scores[name] for name in METRICS], axis=1)


def _expected(prediction: Prediction, rows: np.ndarray) -> np.ndarray:
    """(R, H, 2) mean places at the horizons."""
    step = np.array([round(h * 10.0) for h in HORIZONS_S])
    place = prediction.pose[rows][:, :, step, :2]
    return np.asarray(np.einsum('rkhd,rk->rhd', place, prediction.probability[rows]))


def _figures(found: _Found) -> dict[str, Any]:
    if not found.errors:
        return {'agents': 0}
    errors, shift = np.concatenate(found.errors), np.concatenate(found.shift_m)
    group = np.array(found.groups)
    result: dict[str, Any] = {
        'agents': len(group),
        'groups': len(np.unique(group)),
        'shift_m': {horizon_key(h): float(shift[:, k].mean()) for k, h in enumerate(HORIZONS_S)},
        **{arm: {} for arm in ARMS},
        'gain_over_hidden': {},
        'gain_over_reversed': {},
    }
    for column, horizon in enumerate(HORIZONS_S):
        known = ~np.isnan(errors[:, 0, 0, column])
        key = horizon_key(horizon)
        if not known.any():
            continue
        here, of = errors[known][..., column], group[known]
        for a, arm in enumerate(ARMS):
            means = {name: float(here[:, a, m].mean()) for m, name in enumerate(METRICS)}
            result[arm][key] = {**means, 'agents': int(known.sum())}
        for a, arm in ((1, HIDDEN), (2, REVERSED)):
            result[f'gain_over_{arm}'][key] = {
                name: relative_gain(here[:, 0, m], here[:, a, m], of).as_dict()
                for m, name in enumerate(METRICS)
                if name in GAINS
            }
    return result
