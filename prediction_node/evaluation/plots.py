"""Figures of an evaluation as pictures (matplotlib, imported by whoever draws)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from prediction_node.metrics import ALL, HORIZONS_S, MOVING, horizon_key

# Engines in the order of a result: the judged one stands out.
COLOURS = ('#0b6e4f', '#d17a22', '#7a7a7a', '#3b5b92')
MIN_WINDOWS = 5  # fewer make no curve worth drawing
MIN_MODES = 20  # nor do fewer modes say how often those of a probability are right


def plot_calibration(calibrations: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """How often modes of a claimed probability end closest, by engine; dots grow with their number.
    Engines with a single mode are left out: it is right by definition.

    `calibrations`: engine -> 'calibration' of a result.
    """
    figure = Figure(figsize=(5.2, 5.0), layout='constrained')
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color='#bbbbbb', lw=1, zorder=0)
    for colour, (name, calibration) in zip(COLOURS, calibrations.items(), strict=False):
        bins = [b for b in calibration['bins'] if b['modes'] >= MIN_MODES]
        if not bins or bins[0]['claimed'] == 1.0:
            continue
        most = max(b['modes'] for b in bins)
        x, y = [b['claimed'] for b in bins], [b['right'] for b in bins]
        label = f'{_plain(name)}, error {calibration["ece"]:.3f}'
        axes.plot(x, y, color=colour, lw=1.5, label=label)
        axes.scatter(x, y, s=[8 + 80 * b['modes'] / most for b in bins], color=colour)
    axes.set(
        xlim=(0, 1), ylim=(0, 1), xlabel='probability that a mode claims',
        ylabel='share of such modes that end closest to the truth',
        title='Calibration, moving agents at 5 s',
    )  # fmt: skip
    axes.set_aspect('equal')
    axes.legend(loc='upper left', frameon=False)
    figure.savefig(path, dpi=110)


def plot_errors(classes: Mapping[str, Any], engines: Sequence[str], path: Path) -> None:
    """Final displacement error by horizon, a panel per class: likeliest mode and best of six."""
    shown = [name for name in classes if len(_cells(classes[name], engines[0])[0]) > 1]
    columns = min(4, max(1, len(shown)))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.9 * max(rows, 1) + 0.5), layout='constrained')
    panels = figure.subplots(max(rows, 1), columns, squeeze=False).ravel()
    for axes, name in zip(panels, shown, strict=False):
        horizons, _ = _cells(classes[name], engines[0])
        for colour, engine in zip(COLOURS, engines, strict=False):
            _, cells = _cells(classes[name], engine)
            axes.plot(horizons, [c['fde'] for c in cells], color=colour, marker='o', ms=3)
            if engine != 'constant_velocity':  # it has one mode
                best = [c['min_fde'] for c in cells]
                axes.plot(horizons, best, color=colour, ls=':', marker='o', ms=2)
        axes.set_title(f'{name} ({cells[0]["windows"]} at 1 s)', fontsize=10)
        axes.set_ylim(bottom=0)
        axes.set_xticks(HORIZONS_S)
        axes.grid(alpha=0.3)
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    for axes in panels[-columns:]:
        axes.set_xlabel('horizon, s')
    for axes in panels[::columns]:
        axes.set_ylabel('FDE, m')
    lines = [(colour, _plain(engine)) for colour, engine in zip(COLOURS, engines, strict=False)]
    handles = [panels[0].plot([], [], color=colour, label=text)[0] for colour, text in lines]
    handles.append(panels[0].plot([], [], color='k', ls=':', label='best of six')[0])
    figure.legend(handles=handles, loc='outside lower center', ncols=len(handles), frameon=False)
    figure.suptitle('Final displacement error of moving agents, likeliest mode', fontsize=11)
    figure.savefig(path, dpi=110)


def _cells(entry: Mapping[str, Any], engine: str) -> tuple[list[float], list[dict[str, Any]]]:
    """Horizons and cells of moving agents with enough windows; of all where nobody moves."""
    some = entry[engine][MOVING][horizon_key(HORIZONS_S[0])]['windows'] >= MIN_WINDOWS
    table = entry[engine][MOVING if some else ALL]
    pairs = [(h, table[horizon_key(h)]) for h in HORIZONS_S]
    kept = [(h, cell) for h, cell in pairs if cell['windows'] >= MIN_WINDOWS]
    return [h for h, _ in kept], [cell for _, cell in kept]


def _plain(name: str) -> str:
    return name.replace('_', ' ')
