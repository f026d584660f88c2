"""`python -m prediction_node evaluate`: how good the parts are, against recorded truth."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from prediction_node.inference.guard import Engine

ENGINES = ('kinematic', 'constant_velocity')
TRACKING = 'prediction_node.evaluation.tracking_command'

EPILOG = """\
DIR holds the folders Lankershim and US101 with the CommonRoad files of NGSIM. Every vehicle with a
second of history is predicted once a second; what the files say about later is compared with it.
Files of one time span form one group. Figures stand for the groups held out from tuning, for the
groups used in tuning, and for all of them; the gain over constant velocity has a 95 % interval from
resampling groups. See docs/evaluation.md for the protocol and the JSON file.

example:
  python -m prediction_node evaluate ngsim --engine kinematic --data ngsim_commonroad --json n.json
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'evaluate',
        help='measure accuracy on recorded traffic',
        description='Measures the parts against what was recorded.',
    )
    whats = parser.add_subparsers(title='what to evaluate', metavar='WHAT', required=True)
    ngsim = whats.add_parser(
        'ngsim',
        help='prediction on the NGSIM recordings, beside constant velocity',
        description='Scores an engine and constant velocity on the NGSIM windows.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    ngsim.add_argument('--data', type=Path, required=True, metavar='DIR', help='folder of the data')
    ngsim.add_argument('--engine', choices=ENGINES, default=ENGINES[0], help='what predicts')
    ngsim.add_argument('--json', type=Path, metavar='FILE', help='write all figures to this file')
    ngsim.set_defaults(run=run_ngsim)
    if importlib.util.find_spec(TRACKING) is not None:
        importlib.import_module(TRACKING).add_parser(whats)


def run_ngsim(args: argparse.Namespace) -> int:
    """Evaluate, print the table, write the file."""
    from rich.console import Console
    from rich.progress import Progress

    from prediction_node.evaluation.ngsim import evaluate_ngsim

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        tasks: dict[str, Any] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)

        result = evaluate_ngsim(args.data, _engine(args.engine), progress)
    # A pipe has no width: the table's own is wanted.
    print_tables(result, Console(width=None if sys.stdout.isatty() else 110))
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(result, indent=2) + '\n', encoding='utf-8')
    return 0


def print_tables(result: dict[str, Any], console: Console) -> None:
    """Moving vehicles, one table per data set and side of the split."""
    from rich.table import Table

    engine, baseline = result['engine'], result['baseline']
    for name, sides in result['datasets'].items():
        for side, figures in sides.items():
            table = Table(
                title=f'{name}, {side.replace("_", " ")}: {len(figures["groups"])} groups'
            )
            table.add_column('horizon')
            for heading in ('windows', 'FDE', 'of CV', 'gain', 'minFDE', 'gain', 'miss', 'NLL'):
                table.add_column(heading, justify='right')
            for horizon, cell in figures[engine]['moving'].items():
                if not cell['windows']:
                    continue
                gain = figures.get('gain', {}).get(horizon)
                table.add_row(
                    horizon,
                    str(cell['windows']),
                    f'{cell["fde"]:.2f} m',
                    f'{figures[baseline]["moving"][horizon]["fde"]:.2f} m',
                    _percent(gain and gain['fde']),
                    f'{cell["min_fde"]:.2f} m',
                    _percent(gain and gain['min_fde']),
                    f'{100.0 * cell["miss_rate"]:.0f} %',
                    f'{cell["nll"]:.2f}',
                )
            console.print(table)


def _percent(interval: dict[str, float] | None) -> str:
    if interval is None:
        return '-'
    value, low, high = (100.0 * interval[key] for key in ('value', 'low', 'high'))
    return f'{value:.0f} % ({low:.0f} to {high:.0f})'


def _engine(name: str) -> Engine:
    if name == 'constant_velocity':
        from prediction_node.inference.constant_velocity import ConstantVelocityEngine

        return ConstantVelocityEngine()
    from prediction_node.inference.kinematic import KinematicEngine, KinematicParameters

    return KinematicEngine(KinematicParameters())
