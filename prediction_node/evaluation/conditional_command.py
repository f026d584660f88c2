"""`python -m prediction_node evaluate conditional`: what the robotaxi's plan is worth."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prediction_node.command_line import positive, progress_bar, write_json
from prediction_node.evaluation.arguments import (
    add_engine,
    add_output,
    chosen_engine,
    table_console,
)

if TYPE_CHECKING:
    from rich.console import Console

EPILOG = """\
The same weights answer three times: without a plan, given what the robotaxi really did next, and
given what others did at eight other moments (placebo, the mean over them). DIR holds the NGSIM
folders (every vehicle takes a turn as the robotaxi) or is a folder of samples (their own robotaxi).
Agents within 30 m that follow the robotaxi or come after it where their paths meet can be affected
by its plan; those far away and those whose paths never meet cannot. A gain is 1 - mean FDE at 5 s /
mean FDE without a plan, moving agents, with a 95 % interval from resampling groups: the true plan
should gain, the placebo must not.

examples:
  python -m prediction_node evaluate conditional --data ngsim_commonroad --cross-validate runs/ngsim
  python -m prediction_node evaluate conditional --data samples/test --model models/product
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'conditional',
        help='prediction with and without the plan of the robotaxi, and with a placebo',
        description='Asks an engine without a plan, with the true one and with placebos.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--data', type=Path, required=True, metavar='DIR', help='folder of the data'
    )
    parser.add_argument('--limit', type=positive, metavar='N', help='only N samples, evenly spread')
    add_engine(parser, folds=True)
    add_output(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, print the tables, write the file."""
    from prediction_node.evaluation.conditional import figures, site_arms, store_arms
    from prediction_node.evaluation.ngsim import read_sites
    from prediction_node.evaluation.sample_windows import is_store
    from prediction_node.learning.samples import SampleStore

    engine = chosen_engine(args)
    datasets: dict[str, Any] = {}
    with progress_bar() as progress:
        if is_store(args.data):
            store = SampleStore(args.data)
            datasets[args.data.name] = figures(store_arms(store, engine, args.limit, progress))
        else:
            for site in list(read_sites(args.data, progress)):  # before any network, see there
                datasets[site.name] = figures(site_arms(site, engine, progress))
    result = {'horizon_s': 5.0, 'datasets': datasets}
    print_tables(result, table_console())
    write_json(args.json, result)
    return 0


def print_tables(result: dict[str, Any], console: Console) -> None:
    """One table per data set, one row per relation to the robotaxi."""
    from rich.table import Table

    from prediction_node.evaluation.tables import metres, percent

    for name, relations in result['datasets'].items():
        table = Table(title=f'{name}: FDE at 5 s of moving agents')
        table.add_column('agents that are')
        for heading in ('agents', 'no plan', 'true plan', 'gain', 'placebo', 'gain'):
            table.add_column(heading, justify='right')
        for relation, cell in relations.items():
            if not cell['agents']:
                continue
            table.add_row(
                relation,
                str(cell['agents']),
                metres(cell['no_plan']['fde']),
                metres(cell['true_plan']['fde']),
                percent(cell['gain_of_true_plan']['fde'], digits=1),
                metres(cell['placebo']['fde']),
                percent(cell['gain_of_placebo']['fde'], digits=1),
            )
        console.print(table)
