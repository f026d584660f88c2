"""Table and picture of how the network's time grows with agents and candidates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prediction_node.domain.errors import PredictionNodeError

if TYPE_CHECKING:
    from rich.table import Table

PICTURE = 'scaling.png'
# From few candidates to many; more lines than colours begin again.
COLOURS = ('#0b6e4f', '#3b5b92', '#d17a22', '#a02c2c', '#7a5195', '#7a7a7a')
_CYCLE_MS = 100.0
_COLUMNS = (
    ('encode p50', 'encode_p50_ms'),
    ('decode p50', 'decode_p50_ms'),
    ('both p50', 'p50_ms'),
    ('p99', 'p99_ms'),
    ('p99.9', 'p999_ms'),
    ('first', 'first_ms'),
)


def picture_path(folder: Path | None) -> Path | None:
    """Where the picture goes, its folder made; None for None.

    Raises PredictionNodeError if matplotlib is not installed or the folder cannot be made.
    """
    if folder is None:
        return None
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise PredictionNodeError(
            '--out draws a picture with matplotlib: it is in requirements/training.txt'
        ) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PredictionNodeError(f'cannot make {folder}: {error.strerror}') from error
    return folder / PICTURE


def title(figures: Mapping[str, Any]) -> str:
    threads = figures['threads']
    return (
        f'Network {figures["model"]}: engine {figures["engine"]}, '
        f'{threads} thread{"s" if threads > 1 else ""}'
    )


def table(figures: Mapping[str, Any]) -> Table:
    """A line per cell; milliseconds, memory in MB."""
    from rich.table import Table

    shown = Table(title=f'{title(figures)}; milliseconds', title_justify='left')
    for heading in ('agents', 'plans', *(heading for heading, _ in _COLUMNS), 'memory, MB'):
        shown.add_column(heading, justify='right', no_wrap=True)
    last = None
    for cell in figures['cells']:
        if last not in (None, cell['agents']):
            shown.add_section()
        last = cell['agents']
        memory_mb = cell['memory_mb']
        shown.add_row(
            str(cell['agents']),
            'none' if cell['candidates'] == 1 else str(cell['candidates']),
            *(f'{cell[key]:.1f}' for _, key in _COLUMNS),
            '-' if memory_mb is None else f'{memory_mb:.0f}',
        )
    return shown


def draw(figures: Mapping[str, Any], path: Path) -> None:
    """Milliseconds over agents, a line per number of candidates: p50 solid, p99 dashed.

    Raises PredictionNodeError naming the path if the disk does not take it.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    cells = figures['cells']
    agents = sorted({cell['agents'] for cell in cells})
    figure = Figure(figsize=(6.4, 4.4), layout='constrained')
    axes = figure.subplots()
    counts = sorted({cell['candidates'] for cell in cells})
    # The slowest first, as they lie in the picture.
    for i, candidates in reversed(list(enumerate(counts))):
        line = [cell for cell in cells if cell['candidates'] == candidates]
        x, colour = [cell['agents'] for cell in line], COLOURS[i % len(COLOURS)]
        label = 'no plan' if candidates == 1 else f'{candidates} plans'
        axes.plot(x, [c['p50_ms'] for c in line], color=colour, marker='o', ms=4, label=label)
        axes.plot(x, [c['p99_ms'] for c in line], color=colour, ls='--', lw=1)
    axes.plot([], [], color='#444444', label='p50')
    axes.plot([], [], color='#444444', ls='--', lw=1, label='p99')
    axes.set_xscale('log', base=2)
    axes.set_yscale('log')
    axes.xaxis.set_major_locator(FixedLocator(agents))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter('{x:.0f}'))
    lowest, highest = axes.get_ylim()
    ticks = [m * 10**e for e in range(-2, 4) for m in (1, 2, 5) if lowest <= m * 10**e <= highest]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(StrMethodFormatter('{x:g}'))
    if lowest < _CYCLE_MS < highest:
        axes.axhline(_CYCLE_MS, color='#bbbbbb', lw=1, zorder=0)
        axes.annotate(
            'a cycle of the node', (agents[0], _CYCLE_MS), xytext=(0, 3),
            textcoords='offset points', color='#777777', fontsize=8,
        )  # fmt: skip
    axes.set(title=title(figures), xlabel='agents', ylabel='encoder and decoder, ms')
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, loc='upper left', bbox_to_anchor=(1.0, 1.0))
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise PredictionNodeError(f'cannot write {path}: {error.strerror}') from error
