"""`python -m prediction_node evaluate ngsim`: prediction on recorded traffic of two sites."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prediction_node.command_line import progress_bar, write_json
from prediction_node.evaluation.arguments import (
    add_engine,
    add_output,
    chosen_engine,
    table_console,
)

if TYPE_CHECKING:
    from rich.console import Console

EPILOG = """\
DIR holds the folders Lankershim and US101 with the CommonRoad files of NGSIM. Every vehicle with a
second of history is predicted once a second; what the files say about later is compared with it.
Files of one time span form one group. Figures stand for the groups held out from the tuning of the
kinematic predictor, for the groups used in it, and for all of them; gains over constant velocity
and over the kinematic predictor have 95 % intervals from resampling groups. A learned model must
not be judged by groups it was trained on: --cross-validate asks, for each group, the model that
never saw it. See docs/evaluation.md for the protocol and the JSON file.

examples:
  python -m prediction_node evaluate ngsim --engine kinematic --data ngsim_commonroad --json n.json
  python -m prediction_node evaluate ngsim --cross-validate runs/ngsim --data ngsim_commonroad
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'ngsim',
        help='prediction on the NGSIM recordings, beside its baselines',
        description='Scores an engine, constant velocity and the kinematic predictor on the NGSIM '
        'windows.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--data', type=Path, required=True, metavar='DIR', help='folder of the data'
    )
    add_engine(parser, folds=True)
    add_output(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, print the tables, write the file."""
    from prediction_node.evaluation.ngsim import evaluate_ngsim

    with progress_bar() as progress:
        result = evaluate_ngsim(args.data, chosen_engine(args), progress)
    print_tables(result, table_console())
    write_json(args.json, result)
    return 0


def print_tables(result: dict[str, Any], console: Console) -> None:
    """Moving vehicles, one table per data set and side of the split."""
    from rich.table import Table

    from prediction_node.evaluation.tables import metres, percent

    engine = result['engine']
    for name, sides in result['datasets'].items():
        for side, figures in sides.items():
            table = Table(
                title=f'{name}, {side.replace("_", " ")}: {len(figures["groups"])} groups, '
                f'calibration error {_rounded(figures[engine]["calibration"]["ece"])}'
            )
            for heading in ('horizon', 'windows', 'FDE'):
                table.add_column(heading, justify='right')
            for baseline in result['baselines']:
                table.add_column(f'less than\n{baseline.replace("_", " ")}', justify='right')
            for heading in ('minFDE', 'less than\nconst. velocity', 'miss', 'NLL', 'brier\ngap'):
                table.add_column(heading, justify='right')
            for horizon, cell in figures[engine]['moving'].items():
                if not cell['windows']:
                    continue
                over = figures['gain_over']
                closest = over.get('constant_velocity', {}).get(horizon)
                table.add_row(
                    horizon,
                    str(cell['windows']),
                    metres(cell['fde']),
                    *(percent(over[b][horizon] and over[b][horizon]['fde']) for b in over),
                    metres(cell['min_fde']),
                    percent(closest and closest['min_fde']),
                    f'{100.0 * cell["miss_rate"]:.0f} %',
                    f'{cell["nll"]:.2f}',
                    f'{cell["brier_gap"]:.2f}',
                )
            console.print(table)


def _rounded(value: float | None) -> str:
    return '-' if value is None else f'{value:.3f}'
