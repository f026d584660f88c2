"""What a replay tells on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from prediction_node.bags.values import Damage
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.stamps import STEP_NS, seconds
from prediction_node.metrics import ALL, HORIZONS_S, MOVING, Cell, horizon_key
from prediction_node.replay.counts import Counts
from prediction_node.replay.keeper import Outcome
from prediction_node.replay.run import OnProgress
from prediction_node.replay.topics import TopicMapping

FILE_WIDTH = 120
FULL_TABLE_WIDTH = 110
SHOWN_WARNINGS = 5


def make_console() -> Console:
    """The terminal; where the output goes to a file or a pipe, lines as wide as the tables."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=FILE_WIDTH)


def print_mapping(console: Console, mapping: TopicMapping) -> None:
    with_type = console.width >= FULL_TABLE_WIDTH
    table = Table(title='Inputs')
    table.add_column('input', no_wrap=True)
    table.add_column('topic', overflow='fold')
    if with_type:
        table.add_column('type', no_wrap=True)
    table.add_column('messages', justify='right')
    table.add_column('how', no_wrap=True)
    for row in mapping.rows:
        cells = [row.name, escape(row.topic or '-')]
        cells += [escape(row.type.split('/')[-1])] if with_type else []
        table.add_row(*cells, str(row.messages) if row.topic else '-', row.how)
    console.print(table)


def print_damage(console: Console, damage: Sequence[Damage], start_ns: int | None) -> None:
    for flaw in damage:
        console.print(f'[bold red]damaged:[/] {escape(flaw.describe(start_ns))}')


def print_map_warnings(console: Console, lane_map: LaneMap | None) -> None:
    """The first few of what the reader of the map had to repair or found doubtful."""
    warnings = lane_map.warnings if lane_map is not None else ()
    for warning in warnings[:SHOWN_WARNINGS]:
        console.print(f'[yellow]map:[/] {escape(warning)}')
    if len(warnings) > SHOWN_WARNINGS:
        console.print(f'[yellow]map:[/] {len(warnings) - SHOWN_WARNINGS} more warnings')


@contextmanager
def progress(console: Console, start_ns: int, end_ns: int) -> Iterator[OnProgress]:
    """A bar over the recording's time. What it yields hears log times."""
    columns = (
        TextColumn('replay'),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn('{task.completed:.1f} of {task.total:.1f} s recorded'),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task('replay', total=seconds(max(end_ns - start_ns, 1)))
        shown_ns = start_ns

        def advance(log_ns: int) -> None:
            nonlocal shown_ns
            if log_ns - shown_ns >= STEP_NS:
                shown_ns = log_ns
                bar.update(task, completed=seconds(log_ns - start_ns))

        yield advance


def print_figures(console: Console, outcome: Outcome, engine: str) -> None:
    """Best-of-6 and most likely figures of the engine, constant velocity's in brackets."""
    columns = (
        'class',
        'agents',
        'after',
        'windows',
        'minADE',
        'minFDE',
        'miss rate',
        'brier-minFDE',
    )
    table = Table(*columns, 'FDE, most likely', title=f'{engine} (constant velocity) in metres')
    for column in table.columns[3:]:
        column.justify = 'right'
    for name in outcome.engine.classes:
        for motion in (MOVING, ALL):
            for horizon in HORIZONS_S:
                ours = outcome.engine.cell(name, motion, horizon)
                theirs = outcome.constant_velocity.cell(name, motion, horizon)
                if ours.windows:
                    row = [
                        _pair(ours, theirs, metric)
                        for metric in ('min_ade', 'min_fde', 'miss_rate', 'brier_min_fde', 'fde')
                    ]
                    table.add_row(name, motion, horizon_key(horizon), str(ours.windows), *row)
    if table.row_count:
        console.print(table)
    else:
        console.print('No figures: the recording ends less than a second after the first release.')
    error = outcome.engine.calibration.error
    if error is not None:
        console.print(f'Expected calibration error of the probabilities: {error:.3f}')
    what = 'its own fused tracks' if outcome.own_truth else 'the recorded true objects'
    total = outcome.matched + outcome.unmatched
    console.print(f'Truth is {what}; {outcome.unmatched} of {total} predictions have none.')


def _pair(ours: Cell, theirs: Cell, metric: str) -> str:
    a, b = ours.mean(metric), theirs.mean(metric)
    return '-' if a is None or b is None else f'{a:.2f} ({b:.2f})'


def print_scorecard(console: Console, scorecard: dict[str, Any] | None) -> None:
    """What the running node would say of itself at the end; nothing if nothing has come true."""
    if scorecard is None or not scorecard['scored']:
        return
    title = 'Scorecard as the node keeps it: against what it saw later (constant velocity)'
    table = Table('class', 'after', 'scores', 'error', 'best of 6', 'miss rate', title=title)
    table.add_column('calibration error')
    table.add_column('within 90 %')
    for column in table.columns[2:]:
        column.justify = 'right'
    rows = {**scorecard['classes'], 'all': scorecard['all']}
    for name, cells in rows.items():
        for k, (horizon, cell) in enumerate(cells.items()):
            table.add_row(
                '' if k else name,
                horizon,
                f'{cell["n"]:.0f}',
                f'{cell["fde_m"]:.2f} ({cell["constant_velocity_fde_m"]:.2f})',
                f'{cell["min_fde_m"]:.2f}',
                f'{cell["miss_rate"]:.2f} ({cell["constant_velocity_miss_rate"]:.2f})',
                f'{cell["ece"]:.3f}',
                f'{cell["within_90"]:.2f}',
                end_section=k == len(cells) - 1,
            )
    console.print(table)


def print_speed(console: Console, counts: Counts, wall_s: float) -> None:
    recorded_s = seconds(counts.releases * STEP_NS)
    console.print(
        f'{counts.releases} releases with {counts.agents / max(counts.releases, 1):.0f} agents on '
        f'average ({counts.most_agents} at most) in {wall_s:.1f} s: '
        f'{recorded_s / max(wall_s, 1e-9):.1f} times as fast as real time.'
    )
    if counts.modes:
        modes = ', '.join(f'{count} {mode}' for mode, count in sorted(counts.modes.items()))
        why = '; '.join(f'{reason} ({count})' for reason, count in counts.reasons.most_common(6))
        console.print(escape(f'Releases: {modes}' + (f' - {why}' if why else '')))


def print_files(console: Console, folder: Path, *, report: bool) -> None:
    """Where everything lies, and how to look at it."""
    place = escape(str(folder))
    files = [
        'predictions.mcap',
        'metrics.json',
        'summary.json',
        *(['report.html'] if report else []),
    ]
    console.print(f'\nIn {place}: {", ".join(files)}')
    if report:
        console.print('  report:   open report.html in a browser')
    console.print('  Foxglove: open predictions.mcap, 3D panel, frame "map"')
    console.print(f'  RViz:     ros2 bag play {place}   (with a sourced ROS 2)')
