"""`python -m prediction_node combine`: one model of several trainings."""

from __future__ import annotations

import argparse
from pathlib import Path

from prediction_node.command_line import needs_training

EPILOG = """\
Answers to plans can be learned apart from the futures themselves (docs/training.md): by other data,
or upon the kinematic predictor, which knows no recording by heart; so can how likely those who
stand stay. This puts them into one model. Without a plan its paths are those of BASE, bit for bit;
calibration, card and fold.json are those of BASE.

examples:
  python -m prediction_node train --config config/train/following.yaml --data out/reacting \\
    --out out/following
  python -m prediction_node combine out/product/model \\
    --part decoder.reaction.following=out/following/model --out out/combined
  python -m prediction_node combine out/combined \\
    --part encoder.modes.staying=out/staying/model --out models/product

exit status: 0 written; 2 bad input
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'combine',
        help='put answers to plans, or the weight of staying, of one model into another',
        description='Puts answers to plans, or the weight of staying, of one model into another.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('base', type=Path, metavar='BASE', help='folder of a model')
    parser.add_argument(
        '--part',
        action='append',
        required=True,
        metavar='BEGINNING=MODEL',
        help='parameters whose names begin so, of the model in that folder; any number of times',
    )
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='for the model')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Combine. Returns the exit status."""
    with needs_training():
        from prediction_node.learning.combine import Part, combine
    combine(args.base, [Part.read(text) for text in args.part], args.out)
    print(f'{args.out} is ready for engine.model_path')
    return 0
