"""What the evaluation commands have in common: options and the width of tables."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from prediction_node.domain.errors import ParameterError

if TYPE_CHECKING:
    from rich.console import Console

    from prediction_node.evaluation.engines import Choice

ENGINES = ('kinematic', 'constant_velocity', 'onnx')
TABLE_WIDTH = 140


def add_engine(parser: argparse.ArgumentParser, *, folds: bool, shipped: bool = False) -> None:
    """--engine, --model and, where recordings may be held out, --cross-validate; `shipped`: onnx
    without a model is the shipped one, as elsewhere.
    """
    parser.add_argument(
        '--engine',
        choices=ENGINES,
        help='what predicts (default: onnx with a model, kinematic without)',
    )
    which = ' in place of the shipped one' if shipped else ''
    parser.add_argument(
        '--model', type=Path, metavar='DIR', help=f'folder of a trained model{which}'
    )
    parser.set_defaults(shipped_model=shipped)
    if folds:
        parser.add_argument(
            '--cross-validate',
            type=Path,
            metavar='DIR',
            help='folder of models, one per fold: each group of recordings is judged by the model '
            'that was trained without it (fold.json says which)',
        )


def add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all figures to this file')


def chosen_engine(args: argparse.Namespace) -> Choice:
    """What add_engine's options ask for. Raises ParameterError where they contradict each other."""
    from prediction_node.evaluation.engines import EngineSpec, Folded, Same

    folds = getattr(args, 'cross_validate', None)
    if folds is not None:
        if args.model is not None or args.engine not in (None, 'onnx'):
            raise ParameterError(
                '--cross-validate names the models: leave out --model and --engine'
            )
        return Folded.below(folds)
    name = args.engine or ('kinematic' if args.model is None else 'onnx')
    model = args.model
    if name == 'onnx' and model is None and getattr(args, 'shipped_model', False):
        from prediction_node.predictor import find_model

        model = find_model('')
    if (name == 'onnx') != (model is not None):
        raise ParameterError(f'--model is for --engine onnx and needed by it, got --engine {name}')
    if model is not None:
        from prediction_node.domain.model_folder import ModelFolder

        ModelFolder.read(model)  # minutes may pass before it is asked anything
    return Same(EngineSpec(name, model))


def table_console() -> Console:
    """Where tables go. A pipe has no width: the table's own is wanted."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else TABLE_WIDTH)
