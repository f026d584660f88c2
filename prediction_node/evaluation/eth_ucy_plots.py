"""Pictures of the ETH/UCY evaluation: calibration, error by horizon, worst cases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from prediction_node.crowds.files import STEP_S
from prediction_node.crowds.windows import PREDICTED
from prediction_node.domain.errors import DataError
from prediction_node.evaluation.eth_ucy import Bad, SceneScores
from prediction_node.metrics import Calibration

TRUTH, LIKELIEST, MODE, OTHERS = '#0b7a3b', '#c4421a', '#e8a088', '#9aa5b1'


def draw_plots(scores: Mapping[str, SceneScores], folder: Path) -> tuple[Path, ...]:
    """calibration.png, error_by_horizon.png and worst_cases.png in `folder`, which is made.

    Raises DataError if matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise DataError('plots need matplotlib: it is in requirements/training.txt') from None
    matplotlib.use('Agg')
    folder.mkdir(parents=True, exist_ok=True)
    return (
        _calibration(scores, folder / 'calibration.png'),
        _horizons(scores, folder / 'error_by_horizon.png'),
        _worst(scores, folder / 'worst_cases.png'),
    )


def _axes(columns: int, rows: int = 1) -> tuple[Any, Any]:
    from matplotlib import pyplot

    size = (4.6 * columns, 4.2 * rows)
    figure, axes = pyplot.subplots(rows, columns, figsize=size, layout='constrained', squeeze=False)
    return figure, axes


def _save(figure: Any, path: Path) -> Path:
    from matplotlib import pyplot

    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return path


def _calibration(scores: Mapping[str, SceneScores], path: Path) -> Path:
    figure, axes = _axes(2)
    for scene, each in scores.items():
        _curve(axes[0, 0], each.calibration(), scene)
        _curve(axes[0, 1], each.confidence(), scene)
    for axis, title in zip(axes[0], ('all 20 modes', 'the most likely mode'), strict=True):
        axis.plot([0, 1], [0, 1], color=OTHERS, linewidth=1)
        axis.set(title=title, xlabel='probability claimed', ylabel='share that ended closest')
        axis.set(xlim=(0, 1), ylim=(0, 1))
        axis.legend(frameon=False)
    return _save(figure, path)


def _curve(axis: Any, calibration: Calibration, label: str) -> None:
    some = calibration.modes >= 20  # fewer say nothing
    count = calibration.modes[some]
    axis.plot(
        calibration.claimed[some] / count,
        calibration.right[some] / count,
        marker='o',
        markersize=4,
        label=f'{label}, {calibration.error:.3f}',
    )


def _horizons(scores: Mapping[str, SceneScores], path: Path) -> Path:
    figure, axes = _axes(len(scores))
    time_s = STEP_S * np.arange(1, PREDICTED + 1)
    for axis, (scene, each) in zip(axes[0], scores.items(), strict=True):
        axis.plot(time_s, each.straight_m.mean(axis=0), color=OTHERS, label='constant velocity')
        axis.plot(time_s, each.likeliest_m.mean(axis=0), color=LIKELIEST, label='most likely')
        best = each.distance_m.min(axis=1).mean(axis=0)
        axis.plot(time_s, best, color=TRUTH, label='closest of 20')
        axis.set(title=scene, xlabel='ahead, s', ylabel='mean error, m', ylim=(0, None))
    axes[0, 0].legend(frameon=False)
    return _save(figure, path)


def _worst(scores: Mapping[str, SceneScores], path: Path) -> Path:
    per_scene = 3
    figure, axes = _axes(len(scores), per_scene)
    for column, each in enumerate(scores.values()):
        for row in range(per_scene):
            axis = axes[row, column]
            if row < len(each.worst):
                _case(axis, each.worst[row])
            else:
                axis.set_axis_off()
    axes[0, 0].legend(frameon=False, fontsize=8)
    return _save(figure, path)


def _case(axis: Any, case: Bad) -> None:
    window, row = case.window, case.row
    for other in range(len(window.person)):
        if other != row:
            seen = window.history_m[other][window.history_valid[other]]
            axis.plot(*seen.T, color=OTHERS, linewidth=1)
            axis.plot(*seen[-1], color=OTHERS, marker='.')
    now = window.history_m[row, -1]
    for mode in np.argsort(case.probability):
        line = np.vstack([now, case.path_m[mode]])
        strength = 0.15 + 0.85 * float(case.probability[mode] / case.probability.max())
        axis.plot(*line.T, color=MODE, alpha=strength, linewidth=1)
    likeliest = np.vstack([now, case.path_m[case.probability.argmax()]])
    axis.plot(*likeliest.T, color=LIKELIEST, linewidth=2, label='most likely')
    axis.plot(*np.vstack([now, window.future_m[row]]).T, color=TRUTH, linewidth=2, label='truth')
    axis.plot(*window.history_m[row].T, color='black', linewidth=2, label='observed')
    around = np.vstack([window.history_m[row], window.future_m[row], likeliest])
    middle = 0.5 * (around.min(axis=0) + around.max(axis=0))
    half = 0.5 * float(np.ptp(around, axis=0).max()) + 2.0
    axis.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half))
    axis.set_aspect('equal')
    name = f'{window.recording}, frame {window.frame}, person {window.person[row]}'
    axis.set_title(f'{name}: {case.fde_m:.1f} m', fontsize=8)
