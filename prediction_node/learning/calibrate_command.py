"""`python -m prediction_node calibrate`: honest probabilities and spreads for other samples."""

from __future__ import annotations

import argparse
from pathlib import Path

from prediction_node.command_line import needs_training

EPILOG = """\
Probabilities and spreads of a model are honest for samples like those that calibrated it. This
finds both anew, by class, on samples of your own: minutes on one core, no training. The networks
stay as they are, bit for bit. A model of a fold is calibrated without what it holds out.

Of --data, which the model was trained on, only the validation groups are asked, as `train` deals
them; of --unseen all samples. Of each, data.validation_limit samples at most, evenly spread.
Recorded agents alone decide about every class of which there are enough; a class of fewer than 50
agents keeps the calibration that it has.

examples:
  python -m prediction_node extract bags/*.mcap --out out/fleet
  python -m prediction_node calibrate --model models/product --unseen out/fleet --out out/model
  python -m prediction_node calibrate --model out/train/product/model --data out/samples \\
    --out out/model run.batch_size=4

exit status: 0 written; 2 bad input
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'calibrate',
        help='make probabilities and spreads of a model honest for other samples',
        description='Finds temperatures and spreads by class anew, on samples of `extract`.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--model', type=Path, required=True, metavar='DIR', help='folder of a model'
    )
    parser.add_argument(
        '--config',
        type=Path,
        metavar='YAML',
        help='parameters of its training (default: config/train/product.yaml)',
    )
    parser.add_argument(
        '--data',
        type=Path,
        nargs='+',
        default=[],
        metavar='DIR',
        help='sample folders of its training, in place of data.folders',
    )
    parser.add_argument(
        '--unseen',
        type=Path,
        nargs='+',
        default=[],
        metavar='DIR',
        help='sample folders that had no part in its training',
    )
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='for the model')
    parser.add_argument(
        'overrides', nargs='*', default=[], metavar='key=value', help='such as run.batch_size=4'
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Calibrate. Returns the exit status."""
    from rich.console import Console

    from prediction_node.learning.parameters import load_parameters, told_apart
    from prediction_node.resources import share_directory

    folders, overrides = told_apart(args.data, args.overrides)
    unseen, overrides = told_apart(args.unseen, overrides)
    config = args.config or share_directory() / 'config' / 'train' / 'product.yaml'
    parameters = load_parameters(config, folders, overrides)
    with needs_training():
        from prediction_node.learning.calibrate import calibrate_model
    calibrate_model(args.model, parameters, unseen, args.out, Console())
    print(f'{args.out} is ready for engine.model_path')
    return 0
