"""The command line: `python -m prediction_node COMMAND`, each command in a module of its own."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from prediction_node import __version__
from prediction_node.allocator import keep_freed_memory
from prediction_node.domain.errors import PredictionNodeError

# Imported when the program starts, each cheap: heavy libraries are imported by what a command runs.
COMMANDS = (
    'prediction_node.replay.command',
    'prediction_node.raster_view',
    'prediction_node.importers.command',
    'prediction_node.generation.command',
    'prediction_node.extraction.command',
    'prediction_node.learning.command',
    'prediction_node.learning.combine_command',
    'prediction_node.learning.calibrate_command',
    'prediction_node.quantise',
    'prediction_node.prepare_engine',
    'prediction_node.hil.command',
    'prediction_node.evaluation.command',
    'prediction_node.benchmark.command',
)

EPILOG = """\
try first:
  make demo                                    predictions for a recorded intersection and a city
  python -m prediction_node replay --help      the same for your own bag
  python -m prediction_node hil --help         the running node in a simulated city
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='prediction_node',
        description='Motion prediction for self-driving vehicles: replay, import, simulate, '
        'hardware in the loop, evaluate, benchmark. '
        '`ros2 launch prediction_node prediction.launch.py` starts the live node.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'%(prog)s {__version__}')
    subparsers = parser.add_subparsers(title='commands', metavar='COMMAND', required=True)
    for module in COMMANDS:
        importlib.import_module(module).add_parser(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit status; 2 for bad input, 130 when interrupted."""
    args = build_parser().parse_args(arguments)
    keep_freed_memory()
    try:
        return int(args.run(args))
    except PredictionNodeError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        return 130


def replay_main() -> int:
    """Entry point of `ros2 run prediction_node replay`."""
    return main(['replay', *sys.argv[1:]])
