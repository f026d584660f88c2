"""`prediction_node benchmark`: how fast a part is on this machine."""

from __future__ import annotations

import argparse
import functools
import importlib
from pathlib import Path
from typing import Any

from prediction_node.benchmark.engines import ENGINES
from prediction_node.command_line import positive, write_json

BENCHMARKS = {
    'codec': 'CDR bytes to arrays and back, beside rclpy with message objects',
    'fusion': 'one fusion step over the tracks of four modalities',
    'inference': 'the learned network alone: a scene encoded and answered',
    'scaling': 'the learned network over numbers of agents and candidates: table and picture',
    'cycle': 'release to published bytes, publishers in other processes',
    'raster': 'one raster of a scene, both scales',
    'simulation': 'simulated traffic per CPU-second: scenes, then sensors and fusion',
}

EPILOG = """\
examples:
  python -m prediction_node benchmark codec --agents 64 --json codec.json
  python -m prediction_node benchmark inference --candidates 16
  python -m prediction_node benchmark scaling --out scaling
  python -m prediction_node benchmark cycle --agents 256
  python -m prediction_node benchmark cycle --candidates 16

Times are in milliseconds. Run on an idle machine: what else runs is measured too.
"""


INFERENCE_EPILOG = """\
examples:
  python -m prediction_node benchmark inference                           # 64 agents, no plan
  python -m prediction_node benchmark inference --agents 256 --candidates 16 --threads 2
  python -m prediction_node benchmark inference --engine torch --model RUN/model

Every row of the scene is in use. encode_ is the scene, once per cycle; decode_ the answer without a
plan, or to all candidates in one batch. `benchmark scaling` measures many such cells in turns.
"""

SCALING_EPILOG = """\
examples:
  python -m prediction_node benchmark scaling --json scaling.json --out scaling
  python -m prediction_node benchmark scaling --agents-list 64 --candidates-list 1,16 --cycles 2000
  python -m prediction_node benchmark scaling --engine torch --model RUN/model --threads 2
  sudo chrt -r 10 $(which python) -m prediction_node benchmark scaling    # on a busy machine

A cell is a number of agents and of candidates; one candidate stands for no plan. Cells of as many
agents take turns on one engine, so that a slow minute of the machine falls on all of them. After
each cycle the engine rests a tenth of its time: Linux stops what runs at real-time priority without
a pause. p99.9 of fewer than a thousand cycles is about the slowest of them. Memory is resident in
this process, after the cell's first turn; what a GPU holds is not in it. scaling.png needs
matplotlib (requirements/training.txt).
"""

EPILOGS = {'inference': INFERENCE_EPILOG, 'scaling': SCALING_EPILOG}

# A slip of the keyboard shall not take all memory.
MOST_AGENTS, MOST_CANDIDATES = 1024, 256


def counts(text: str, most: int) -> tuple[int, ...]:
    """Counts in 1 to `most` with commas between, for argparse; ascending."""
    values = tuple(positive(part.strip(), most) for part in text.split(','))
    if len(set(values)) < len(values):
        raise argparse.ArgumentTypeError(f'names a number twice: {text}')
    return tuple(sorted(values))


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        'benchmark',
        help='measure codec, fusion, inference or the whole cycle on this machine',
        description='Measure how fast a part of the node is on this machine.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(title='benchmarks', metavar='NAME', required=True)
    for name, description in BENCHMARKS.items():
        kind = kinds.add_parser(
            name,
            help=description,
            description=description,
            epilog=EPILOGS.get(name),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == 'simulation':
            _add_simulation(kind)
        elif name != 'scaling':
            kind.add_argument(
                '--agents', type=positive, default=64, help='road users in the scene (default 64)'
            )
        kind.add_argument('--json', type=Path, help='write the figures to this file as well')
        if name in ('inference', 'scaling'):
            _add_engine(kind)
        if name == 'inference':
            kind.add_argument(
                '--candidates',
                type=positive,
                default=1,
                help="the robotaxi's plans answered in one batch (default 1: no plan)",
            )
        if name == 'scaling':
            _add_scaling(kind)
        if name == 'cycle':
            kind.add_argument(
                '--cycles', type=positive, default=1000, help='cycles to measure (default 1000)'
            )
            kind.add_argument(
                '--candidates',
                type=positive,
                default=0,
                help="the robotaxi's plans asked about in every cycle (default 0: none)",
            )
        kind.set_defaults(run=run, benchmark=name)


def _add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--engine',
        choices=tuple(ENGINES),
        default='onnx',
        help='what runs it; tensorrt: what prepare-engine kept (default onnx)',
    )
    parser.add_argument(
        '--model', default='', metavar='DIR', help='model folder or name (default: the shipped one)'
    )
    parser.add_argument('--threads', type=positive, default=1, help='of the engine (default 1)')


def _add_scaling(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--agents-list',
        type=functools.partial(counts, most=MOST_AGENTS),
        default='16,32,64,128,256',
        metavar='N,N',
        help='road users in the scene (default 16,32,64,128,256)',
    )
    parser.add_argument(
        '--candidates-list',
        type=functools.partial(counts, most=MOST_CANDIDATES),
        default='1,4,8,16',
        metavar='N,N',
        help="the robotaxi's plans answered in one batch; 1: no plan (default 1,4,8,16)",
    )
    parser.add_argument(
        '--cycles', type=positive, default=300, help='measured in each cell (default 300)'
    )
    parser.add_argument(
        '--out', type=Path, metavar='DIR', help='draw DIR/scaling.png; the folder is made'
    )


def _add_simulation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--scenario', default='random', metavar='NAME', help='as for simulate (default random)'
    )
    parser.add_argument('--seed', type=int, default=0, help='of the first scene (default 0)')
    parser.add_argument('--count', type=positive, default=4, help='scenes (default 4)')
    parser.add_argument(
        '--duration', type=float, default=60.0, metavar='S', help='of each scene (default 60)'
    )


def run(args: argparse.Namespace) -> int:
    module = importlib.import_module(f'prediction_node.benchmark.{args.benchmark}')
    figures: dict[str, dict[str, Any]] = module.run(args)
    getattr(module, 'show', show)(figures)
    write_json(args.json, figures)
    return 0


def show(figures: dict[str, dict[str, Any]]) -> None:
    """A line per figure; benchmarks with cells have a `show` of their own."""
    for section, values in figures.items():
        width = max(len(name) for name in values)
        print(section)
        for name, value in values.items():
            print(
                f'  {name:<{width}}  {value:.3f}'
                if isinstance(value, float)
                else f'  {name:<{width}}  {value}'
            )
