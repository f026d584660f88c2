"""The NGSIM protocol: an engine beside constant velocity on recorded traffic, groups kept apart.

docs/evaluation.md describes the protocol, its split and its JSON file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from prediction_node.domain.errors import DataError
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.recording import Recording
from prediction_node.evaluation.bootstrap import relative_gain
from prediction_node.evaluation.metrics import (
    HORIZONS_S,
    MEANS,
    Calibration,
    horizon_key,
    is_moving,
    score,
)
from prediction_node.evaluation.windows import Window, windows
from prediction_node.importers.commonroad import read_commonroad
from prediction_node.importers.time_spans import group_by_time_span
from prediction_node.inference.constant_velocity import ConstantVelocityEngine
from prediction_node.inference.guard import Engine

COLLECTION = 'ngsim_commonroad'
DATA_SETS = ('Lankershim', 'US101')
BASELINE = ConstantVelocityEngine.name
HEADLINE_S = 5.0
_HEADLINE_STEPS = 50
GAINS = ('fde', 'min_fde', 'ade', 'min_ade')
TUNING, HELD_OUT, EVERYTHING = 'tuning', 'held_out', 'all_groups'
Progress = Callable[[str, int, int], None]  # what, done, of how many


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """W windows scored for one engine; NaN where the future is unknown at a horizon."""

    scores: dict[str, np.ndarray]  # each (W, H)
    probability: np.ndarray  # (W, K)
    moving: np.ndarray  # (W,) bool
    group: np.ndarray  # (W,) int64

    def of_groups(self, wanted: Sequence[int]) -> Judged:
        rows = np.isin(self.group, wanted)
        scores = {name: values[rows] for name, values in self.scores.items()}
        return Judged(scores, self.probability[rows], self.moving[rows], self.group[rows])

    @classmethod
    def joined(cls, parts: Sequence[Judged]) -> Judged:
        scores = {
            name: np.concatenate([part.scores[name] for part in parts]) for name in parts[0].scores
        }
        rest = [
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(cls)
            if field.name != 'scores'
        ]
        return cls(scores, *rest)


def evaluate_ngsim(
    folder: Path, engine: Engine, progress: Progress | None = None
) -> dict[str, Any]:
    """Figures of `engine` and of constant velocity on every data set below `folder`, which may
    also be the folder that holds the collection.

    Raises DataError naming the folder where there is no data, or the file that cannot be read.
    """
    if (folder / COLLECTION).is_dir():
        folder = folder / COLLECTION
    sets = [name for name in DATA_SETS if any((folder / name).glob('*.xml'))]
    if not sets:
        expected = ' or '.join(str(folder / name) for name in DATA_SETS)
        raise DataError(f'no CommonRoad file (*.xml) in {expected}')
    return {
        'engine': engine.name,
        'baseline': BASELINE,
        'datasets': {
            name: _evaluate_set(folder / name, engine, progress or (lambda what, k, n: None))
            for name in sets
        },
    }


def split_groups(groups: Sequence[Sequence[str]]) -> tuple[list[int], list[int]]:
    """Indices of the groups for tuning and of those held out, from the names of their files.

    In the order of the SHA-256 of their first name the first half, rounded down, is for tuning.
    """
    order = sorted(
        range(len(groups)), key=lambda g: hashlib.sha256(groups[g][0].encode()).hexdigest()
    )
    half = len(order) // 2
    return sorted(order[:half]), sorted(order[half:])


def judge(engine: Engine, window: Window, group: int) -> Judged:
    """Score one window's agents."""
    prediction = engine.predict(window.scene)
    rows = window.judged
    scores = score(
        prediction.pose[rows][:, :, 1:, :2],
        prediction.probability[rows],
        window.truth_m,
        window.valid,
        HORIZONS_S,
        sigma=prediction.sigma[rows][:, :, 1:],
    )
    headline = window.valid.copy()
    headline[:, _HEADLINE_STEPS:] = False
    present = window.scene.agents.position_m[rows, :2]
    return Judged(
        scores=scores,
        probability=prediction.probability[rows],
        moving=is_moving(present, window.truth_m, headline),
        group=np.full(len(rows), group),
    )


def _evaluate_set(folder: Path, engine: Engine, progress: Progress) -> dict[str, Any]:
    read = list(_read(folder, progress))
    recordings = [recording for recording, _ in read]
    members = group_by_time_span(recordings)
    engines: tuple[Engine, Engine] = (engine, ConstantVelocityEngine())
    parts: list[list[Judged]] = [[], []]
    done = 0
    for group, files in enumerate(members):
        for file in files:
            progress(f'predicting {folder.name}', done, len(read))
            done += 1
            for window in windows(*read[file]):
                for judged, each in zip(parts, engines, strict=True):
                    judged.append(judge(each, window, group))
    progress(f'predicting {folder.name}', done, len(read))
    if not parts[0]:
        raise DataError(f'{folder} holds no vehicle with a second of history and of future')
    results = {each.name: Judged.joined(p) for each, p in zip(engines, parts, strict=True)}
    names = [[recordings[file].name for file in files] for files in members]
    column = HORIZONS_S.index(HEADLINE_S)
    counts = results[engine.name].scores['counts'][:, column]
    full = np.unique(results[engine.name].group[counts])
    tuning, held_out = split_groups([names[g] for g in full])
    sides = {
        HELD_OUT: [int(full[g]) for g in held_out],
        TUNING: [int(full[g]) for g in tuning],
        EVERYTHING: list(range(len(names))),
    }
    return {side: _figures(results, groups, names) for side, groups in sides.items()}


def _read(folder: Path, progress: Progress) -> Iterator[tuple[Recording, LaneMap]]:
    paths = sorted(folder.glob('*.xml'))
    for done, path in enumerate(paths):
        progress(f'reading {folder.name}', done, len(paths))
        yield read_commonroad(path)
    progress(f'reading {folder.name}', len(paths), len(paths))


def _figures(
    results: dict[str, Judged], groups: Sequence[int], names: Sequence[Sequence[str]]
) -> dict[str, Any]:
    """What the JSON file says about one side of the split."""
    picked = {name: judged.of_groups(groups) for name, judged in results.items()}
    baseline = picked[BASELINE]
    figures: dict[str, Any] = {'groups': [list(names[g]) for g in groups]}
    for name, judged in picked.items():
        figures[name] = {
            'moving': _by_horizon(judged, judged.moving),
            'all': _by_horizon(judged, np.ones(len(judged.moving), bool)),
            'calibration': {'ece': _calibration(judged)},
        }
        if name != BASELINE:
            figures['gain'] = _gains(judged, baseline)
    return figures


def _by_horizon(judged: Judged, rows: np.ndarray) -> dict[str, dict[str, float | int | None]]:
    table: dict[str, dict[str, float | int | None]] = {}
    for column, horizon in enumerate(HORIZONS_S):
        here = rows & judged.scores['counts'][:, column]
        cell: dict[str, float | int | None] = {
            name: float(judged.scores[name][here, column].mean()) if here.any() else None
            for name in (*MEANS, 'nll')
        }
        table[horizon_key(horizon)] = {**cell, 'windows': int(here.sum())}
    return table


def _calibration(judged: Judged) -> float | None:
    """Expected calibration error of the probabilities, moving agents at the headline horizon."""
    column = HORIZONS_S.index(HEADLINE_S)
    rows = judged.moving & judged.scores['counts'][:, column]
    calibration = Calibration()
    calibration.add(
        judged.probability[rows],
        {name: values[rows, column : column + 1] for name, values in judged.scores.items()},
    )
    return calibration.error


def _gains(judged: Judged, baseline: Judged) -> dict[str, dict[str, dict[str, float] | None]]:
    """Relative gains of moving agents over the baseline, with intervals, by horizon and metric."""
    gains: dict[str, dict[str, dict[str, float] | None]] = {}
    for column, horizon in enumerate(HORIZONS_S):
        rows = judged.moving & judged.scores['counts'][:, column]
        gains[horizon_key(horizon)] = {
            name: relative_gain(
                judged.scores[name][rows, column],
                baseline.scores[name][rows, column],
                judged.group[rows],
            ).as_dict()
            if rows.any()
            else None
            for name in GAINS
        }
    return gains
