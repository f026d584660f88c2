"""What the JSON files and tables of evaluations say, from judged agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from prediction_node.domain.kinds import CLASS_NAMES
from prediction_node.evaluation.bootstrap import relative_gain
from prediction_node.evaluation.judging import FIGURES, STANDING, Judged
from prediction_node.metrics import ALL, HORIZONS_S, MOVING, Calibration, horizon_key

GAINS = ('fde', 'min_fde', 'ade', 'min_ade')

Cell = dict[str, float | int | None]


def by_horizon(judged: Judged, rows: np.ndarray) -> dict[str, Cell]:
    """{'1s': {figure: mean, ..., 'windows'}}; None where no window has the figure."""
    table: dict[str, Cell] = {}
    for column, horizon in enumerate(HORIZONS_S):
        here = rows & judged.scores['counts'][:, column]
        cell: Cell = {name: _mean(judged.scores[name][here, column]) for name in FIGURES}
        table[horizon_key(horizon)] = {**cell, 'windows': int(here.sum())}
    return table


def figures_of(judged: Judged) -> dict[str, Any]:
    """Moving, standing and all agents by horizon, and the calibration of moving ones at 5 s."""
    return {
        MOVING: by_horizon(judged, judged.moving),
        STANDING: by_horizon(judged, judged.standing),
        ALL: by_horizon(judged, np.ones(len(judged), bool)),
        'calibration': calibration_dict(judged.calibration()),
    }


def calibration_dict(calibration: Calibration) -> dict[str, Any]:
    """Expected calibration error, and per bin of claimed probability what it is made of."""
    modes = calibration.modes
    return {
        'ece': calibration.error,
        'bins': [
            {
                'modes': int(count),
                'claimed': float(claimed / count) if count else None,
                'right': float(right / count) if count else None,
            }
            for count, claimed, right in zip(
                modes, calibration.claimed, calibration.right, strict=True
            )
        ],
    }


def gains(judged: Judged, baseline: Judged, rows: np.ndarray) -> dict[str, Any]:
    """{'1s': {metric: {value, low, high}}} over the baseline on the same windows, by horizon."""
    table: dict[str, Any] = {}
    for column, horizon in enumerate(HORIZONS_S):
        here = rows & judged.scores['counts'][:, column]
        table[horizon_key(horizon)] = {
            name: relative_gain(
                judged.scores[name][here, column],
                baseline.scores[name][here, column],
                judged.group[here],
            ).as_dict()
            if here.any()
            else None
            for name in GAINS
        }
    return table


def by_class(results: Mapping[str, Judged]) -> dict[str, Any]:
    """{class: {engine: figures, 'gain_over': {baseline: {horizon: ...}}}} of classes that occur.

    The gains are those of the first engine over each other one, moving agents; where nobody of the
    class moves, over all.
    """
    first, *others = results
    judged = results[first]
    table: dict[str, Any] = {}
    for label in np.unique(judged.label):
        rows = judged.label == label
        part = {name: each.select(rows) for name, each in results.items()}
        entry: dict[str, Any] = {name: figures_of(each) for name, each in part.items()}
        subject = part[first].moving if part[first].moving.any() else np.ones(rows.sum(), bool)
        entry['gain_over'] = {name: gains(part[first], part[name], subject) for name in others}
        table[CLASS_NAMES[int(label)]] = entry
    return table


def percent(interval: Mapping[str, float | None] | None, digits: int = 0) -> str:
    """'12 % (3 to 20)' of a gain, '12 %' of one without an interval."""
    if interval is None:
        return '-'
    told = [interval[key] for key in ('value', 'low', 'high')]
    value, *ends = (f'{100.0 * each:.{digits}f}' for each in told if each is not None)
    return f'{value} %' + (f' ({ends[0]} to {ends[1]})' if ends else '')


def metres(value: float | None) -> str:
    return '-' if value is None else f'{value:.2f} m'


def _mean(values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
