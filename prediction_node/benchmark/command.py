"""`prediction_node benchmark`: how fast a part is on this machine."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Any

from prediction_node.command_line import positive, write_json

BENCHMARKS = {
    'codec': 'CDR bytes to arrays and back, beside rclpy with message objects',
    'fusion': 'one fusion step over the tracks of four modalities',
    'inference': 'the learned network alone: a scene encoded and answered',
    'cycle': 'release to published bytes, publishers in other processes',
    'raster': 'one raster of a scene, both scales',
    'simulation': 'simulated traffic per CPU-second: scenes, then sensors and fusion',
}

EPILOG = """\
examples:
  python -m prediction_node benchmark codec --agents 64 --json codec.json
  python -m prediction_node benchmark inference --candidates 16
  python -m prediction_node benchmark cycle --agents 256
  python -m prediction_node benchmark cycle --candidates 16

Times are in milliseconds. Run on an idle machine: what else runs is measured too.
"""


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
        kind = kinds.add_parser(name, help=description, description=description)
        if name == 'simulation':
            _add_simulation(kind)
        else:
            kind.add_argument(
                '--agents', type=positive, default=64, help='road users in the scene (default 64)'
            )
        kind.add_argument('--json', type=Path, help='write the figures to this file as well')
        if name == 'inference':
            _add_inference(kind)
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


def _add_inference(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--engine', choices=('onnx', 'torch'), default='onnx', help='what runs it (default onnx)'
    )
    parser.add_argument(
        '--model', default='', metavar='DIR', help='model folder or name (default: the shipped one)'
    )
    parser.add_argument(
        '--candidates',
        type=positive,
        default=1,
        help="the robotaxi's plans answered in one batch (default 1: no plan)",
    )
    parser.add_argument('--threads', type=positive, default=1, help='of the engine (default 1)')


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
    for section, values in figures.items():
        width = max(len(name) for name in values)
        print(section)
        for name, value in values.items():
            print(
                f'  {name:<{width}}  {value:.3f}'
                if isinstance(value, float)
                else f'  {name:<{width}}  {value}'
            )
    write_json(args.json, figures)
    return 0
