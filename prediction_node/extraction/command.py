"""`python -m prediction_node extract`: samples to learn from, out of recordings of all kinds."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from prediction_node.generation.many import add_worker_arguments, ended_by_sigterm

if TYPE_CHECKING:
    from rich.console import Console

    from prediction_node.extraction.asking import Asking
    from prediction_node.extraction.run import Summary, Workers
    from prediction_node.extraction.units import Unit

EPILOG = """\
INPUT is a recording, or a folder in which recordings are looked for:
  a bag (folder, .mcap, .db3)   runs the pipeline, fusion included, as the vehicle does; the future
                                is that of /ground_truth/objects where the bag has it, else what
                                the same tracks did later
  scene.npz                     of `simulate --scenes-only`: all is exact, seen is what could be
  CommonRoad 2020a, .xml        such as NGSIM; moving vehicles take turns as the robotaxi
  Argoverse 2                   folders of annotated drives and of forecasting scenarios
  SDD, VRU, DUT                 annotations.txt; the folder of track files; *_traj_*_filtered.csv
  ETH/UCY                       .txt of lines `frame id x y`, 0.4 s apart; the same recording again,
                                as in other folds, is left out

The same command goes on where it was stopped, and makes again what has changed. docs/samples.md
describes the samples and how to read them.

examples:
  python -m prediction_node extract out/drives --out out/samples
  python -m prediction_node extract scenes_a scenes_b --noise --out out/samples --jobs 8
  python -m prediction_node extract /bags --map city.osm --ray auto --jobs 512 --out /data/samples

exit status: 0 all recordings are there; 1 some could not be extracted, they are listed; 2 bad input
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'extract',
        help='turn recordings into samples to learn from',
        description='Cuts recordings into scenes as the vehicle sees them, each with what happened '
        'next: no labels\nare needed, for the log holds the future.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('inputs', nargs='+', type=Path, metavar='INPUT', help='see below')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='for the samples')
    parser.add_argument(
        '--stride-s', type=float, default=0.5, metavar='S', help='between two scenes (0.5)'
    )
    parser.add_argument(
        '--map', type=Path, metavar='FILE', help='Lanelet2 map of bags that have none beside them'
    )
    parser.add_argument(
        '--egos',
        type=int,
        default=1,
        metavar='K',
        help='vehicles that take a turn as the robotaxi at each instant, where nobody is it (1)',
    )
    parser.add_argument(
        '--reacting',
        action='store_true',
        help='only scenes in which what the robotaxi does next can affect somebody who moves: to '
        'learn reactions from (a fifth of the turns on motorways)',
    )
    parser.add_argument(
        '--noise', action='store_true', help='see exact recordings as a fusion would see them'
    )
    parser.add_argument(
        '--licence',
        default='',
        metavar='TEXT',
        help='of recordings that tell none themselves; goes into the model cards',
    )
    parser.add_argument('--seed', type=int, default=0, metavar='N', help='of noise and turns (0)')
    add_worker_arguments(parser, 'recordings')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Extract. Returns 0, or 1 if a recording could not be extracted."""
    from rich.console import Console

    from prediction_node.extraction.asking import Asking
    from prediction_node.extraction.groups import with_groups
    from prediction_node.extraction.run import claimed
    from prediction_node.extraction.units import find_units

    asking = Asking(
        stride_s=args.stride_s,
        egos=args.egos,
        noise=args.noise,
        seed=args.seed,
        reacting=args.reacting,
    )
    units = with_groups(find_units(args.inputs, args.map, args.licence))
    console = Console(file=sys.stderr)
    with ended_by_sigterm(), claimed(args.out):
        try:
            summary = _extract(args, units, asking, console)
        except KeyboardInterrupt:
            console.print(f'finished recordings are in {args.out}; the same command goes on')
            raise
    _print(summary, args.out)
    return 1 if summary.failed else 0


def _extract(
    args: argparse.Namespace, units: list[Unit], asking: Asking, console: Console
) -> Summary:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from prediction_node.extraction.run import run_extraction

    workers = _workers(args, asking, min(args.jobs, len(units)))
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress('recordings', *columns, console=console, transient=True) as bar:
        task = bar.add_task('', total=len(units))
        return run_extraction(
            args.out, units, asking, workers, lambda unit, outcome: bar.advance(task)
        )


def _workers(args: argparse.Namespace, asking: Asking, jobs: int) -> Workers:
    if args.ray is not None:
        from prediction_node.extraction.cluster import RayWorkers

        return RayWorkers(args.out, asking, jobs, args.ray)
    from prediction_node.extraction.workers import LocalWorkers

    return LocalWorkers(args.out, asking, jobs)


def _print(summary: Summary, out: Path) -> None:
    origins = ', '.join(f'{count} {name}' for name, count in sorted(summary.origins.items()))
    groups = len({entry.group for entry in summary.entries})
    print(
        f'{out}: {summary.samples} samples ({origins or "none"}) of {len(summary.entries)} '
        f'recordings in {groups} groups; {len(summary.done)} recordings new, '
        f'{summary.earlier} there before'
    )
    agents = ', '.join(f'{count} {name}' for name, count in summary.agents.most_common())
    print(f'agents with a whole future of 8 s: {agents or "none"}')
    for failed in summary.failed:
        print(f'failed after {failed.tries} tries: {failed.path}: {failed.reason}')
